"""Fast summation by empirical interpolation: time against N up to 10⁶, and where it overtakes the direct sum.

`pytest -s tests/bench/bench_rank_fastsum.py`; kernel 1/r, rank 20, about 60 points a cell. The direct sum is compiled
and threaded too; beyond 16 000 points it is measured at 1500 points and scaled. The ratio is direct over fast.
"""

import toolkit  # noqa: F401, I001 - first: it keeps BLAS threads from spinning on the second core, for both sides
import statistics
import time

import numpy as np
import pytest

from toolkit.kernels import fastsum as kernels
from toolkit.rank.fastsum import KernelSum, refined, summed, table

LADDER = [(1_000, 2), (4_000, 3), (16_000, 4), (64_000, 5), (256_000, 6), (1_000_000, 7)]


def prepared(points, levels):
    problem = KernelSum(points=points, levels=levels)
    crosses = [table(problem, level) for level in range(2, levels + 1)]
    for _ in range(20):
        crosses = refined(crosses)
    return problem, crosses


@pytest.mark.parametrize("points, levels", LADDER[:3])
def test_against_the_direct_sum(ratio, points, levels):
    problem, crosses = prepared(points, levels)
    places, charges, _ = problem.sorted
    sums = np.empty(points)
    ratio(
        lambda: summed(problem, crosses),
        lambda: kernels.all_pairs(*problem.code, places, places, charges, sums),
        target=f"N = {points}",
        rounds=5,
    )


def test_slope():
    """Time of a sum over N: the slope in the double logarithm, and the error at 1500 points."""
    seconds = []
    for points, levels in LADDER[1:]:
        problem, crosses = prepared(points, levels)
        summed(problem, crosses)
        spent = []
        for _ in range(3):
            start = time.perf_counter()
            sums = summed(problem, crosses)
            spent.append(time.perf_counter() - start)
        seconds.append(statistics.median(spent))
        start = time.perf_counter()
        exact = problem.direct
        scaled = (time.perf_counter() - start) * points / len(exact)
        error = np.abs(sums[problem.looked_at] - exact).max() / np.abs(exact).max()
        print(f"\nN = {points:>9,}  {seconds[-1]:8.3f} s  direct {scaled:8.2f} s  relative error {error:.1e}")
    slope = np.polyfit(np.log([points for points, _ in LADDER[1:]]), np.log(seconds), 1)[0]
    print(f"slope {slope:.2f}")
