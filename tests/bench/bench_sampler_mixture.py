"""The exact score of mixtures: against NumPy's, against bare exponentials, and the digits' evaluations a second.

`pytest tests/bench/bench_sampler_mixture.py`; the ratio is the peer's time over ours.
"""

import toolkit  # noqa: F401, I001 - first: it keeps BLAS threads from spinning on the second core, for both sides
import time

import numba
import numpy as np
import pytest

from toolkit.kernels.points import mixture as kernels
from toolkit.sampler.laws.digits import Digits
from toolkit.sampler.laws.mixtures import PlaneMixture, responsibilities


@pytest.mark.parametrize("count", [50, 2000])
def test_against_numpy(ratio, count):
    problem = PlaneMixture(shape="spiral", components=count, particles=100_000 if count < 100 else 5000)
    x, t, results = problem.initial, 0.4, {}
    weights, means, widths = problem.parts
    alpha, sigma = problem.process.alpha(t), problem.process.sigma(t)
    variance = alpha**2 * widths**2 + sigma**2
    gain = alpha * widths**2 / variance

    def ours():
        results["kernel"] = problem.denoise(x, t)

    def peer():
        share = responsibilities(x, alpha * means, variance, np.log(weights / variance))
        results["numpy"] = share @ ((1 - alpha * gain)[:, None] * means) + (share @ gain)[:, None] * x

    ratio(ours, peer, target=f"K = {count}", rounds=5)
    np.testing.assert_allclose(results["kernel"], results["numpy"], atol=1e-10)


def test_against_bare_exponentials(ratio):
    """Within twice a loop that evaluates nothing but the exponentials, both on one thread."""
    problem = PlaneMixture(shape="spiral", components=50, particles=100_000)
    y = np.random.default_rng(0).uniform(-30, 0, 100_000)
    out = np.empty_like(y)

    def peer():
        for _ in range(50):
            kernels.powers_of_two(y, out)

    numba.set_num_threads(1)  # 50 short calls on several would measure how long they wait for each other
    try:
        ratio(lambda: problem.denoise(problem.initial, 0.4), peer, target="≥ 0.5", rounds=25)
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)


def test_digits_a_second():
    problem = Digits(particles=256)
    problem.denoise(problem.initial, 0.5)
    start = time.perf_counter()
    for _ in range(20):
        problem.denoise(problem.initial, 0.5)
    print(f"\ndigits, 256 samples: {20 / (time.perf_counter() - start):.0f} evaluations a second (target: 50)")
