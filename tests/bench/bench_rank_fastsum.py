"""Fast summation by empirical interpolation: time against N up to 10⁶, and where it overtakes the direct sum.

`pytest -s tests/bench/bench_rank_fastsum.py`; kernel 1/r, rank 20, about 60 points a cell. The direct sum is compiled
and threaded too; beside the slopes it is measured at 150 to 1500 points and scaled. The ratio is direct over fast.
"""

import toolkit  # noqa: F401, I001 - first: it keeps BLAS threads from spinning on the second core, for both sides
import statistics
import time

import numpy as np
import pytest

from toolkit.kernels.points import fastsum as kernels
from toolkit.rank.interpolation.kernel_sums import KernelSum, refined, summed, table

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
    """Time of a sum over N up to 10⁶: slopes, microseconds a point, the crossover, and the error at 1500 points.

    At N = 1000 about two fifths of the time do not grow with N (a few hundred calls a level), at N = 4000 a sixth:
    over a ladder that begins there the slope is below one.
    """
    seconds, direct = [], []
    for points, levels in LADDER:
        problem, crosses = prepared(points, levels)
        summed(problem, crosses)
        exact, spent = problem.direct, []
        for _ in range(5):
            start = time.perf_counter()
            sums = summed(problem, crosses)
            spent.append(time.perf_counter() - start)
        seconds.append(statistics.median(spent))
        direct.append(of_all_pairs(problem))
        error = np.abs(sums[problem.looked_at] - exact).max() / np.abs(exact).max()
        print(
            f"\nN = {points:>9,}  {seconds[-1]:8.4f} s ({1e6 * seconds[-1] / points:.2f} µs a point)"
            f"  direct {direct[-1]:9.3f} s  ratio {direct[-1] / seconds[-1]:7.1f}  relative error {error:.1e}",
            end="",
        )
    n, gain = np.log([points for points, _ in LADDER]), np.log(np.array(direct) / seconds)
    slopes = np.diff(np.log(seconds)) / np.diff(n)
    print("\nslopes from one N to the next", *(f"{slope:.2f}" for slope in slopes))
    print(f"slope from N = 4 000 on {np.polyfit(n[1:], np.log(seconds)[1:], 1)[0]:.2f}", end=", ")
    print(f"from 16 000 on {np.polyfit(n[2:], np.log(seconds)[2:], 1)[0]:.2f}", end=", ")
    print(f"direct and fast sum are even at N = {np.exp(np.interp(0.0, gain, n)):,.0f}")


def of_all_pairs(problem):
    """Seconds of the direct sum: measured at 1500 points, at fewer where N is large, scaled to all; median of three."""
    places, charges, _ = problem.sorted
    targets = places[problem.looked_at][:: max(1, problem.points // 100_000)]
    sums, spent = np.empty(len(targets)), []
    for _ in range(3):
        start = time.perf_counter()
        kernels.all_pairs(*problem.code, targets, places, charges, sums)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent) * problem.points / len(targets)
