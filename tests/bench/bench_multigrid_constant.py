"""Matrix-free multigrid for constant coefficients against the best of PyAMG, set-up and solution to 1e-8.

PyAMG takes any sparse matrix; the solver measured here takes this one family of stencils and nothing else. Both start
from zero and from nothing built; true residuals are recomputed with the assembled matrix. PyAMG's best is chosen among
Ruge-Stüben and smoothed aggregation, alone and accelerated by conjugate gradients, in a first round. Run

    pytest tests/bench/bench_multigrid_constant.py
"""

import time
import warnings
from functools import cache
from itertools import pairwise

import numba
import numpy as np
import pytest
import scipy.sparse as sp

from toolkit.preconditioner.stencils.grid_cycle import GridCycle

pyamg = pytest.importorskip("pyamg")
TOLERANCE = 1e-8
CASES = {
    "square": (1024, (1.0, 1.0), ">= 50"),
    "anisotropic": (1024, (1.0, 1e-3), ">= 40"),
    "cube": (128, (1.0, 1.0, 1.0), ">= 30"),
}


def assembled(n, coefficients):
    m, d = n - 1, len(coefficients)
    line = sp.diags_array([-np.ones(m - 1), 2.0 * np.ones(m), -np.ones(m - 1)], offsets=[-1, 0, 1])
    total = sp.csr_matrix((m**d, m**d))
    for axis, a in enumerate(coefficients):
        total = total + a * n**2 * sp.kron(sp.kron(sp.eye(m**axis), line), sp.eye(m ** (d - 1 - axis)))
    return sp.csr_matrix(total)


def right_side(kind, size):
    return np.ones(size) if kind == "one" else np.random.default_rng(0).standard_normal(size)


def ours(n, coefficients, b):
    grid = GridCycle(n, coefficients)
    grid.load(b)
    cycles, _ = grid.converge(TOLERANCE, most=40, zero=True)
    return grid.store(np.empty_like(b)), cycles


def peers():
    for setup in (pyamg.ruge_stuben_solver, pyamg.smoothed_aggregation_solver):
        for accelerator in (None, "cg"):
            yield (
                setup.__name__,
                accelerator,
                lambda a, b, s=setup, k=accelerator: s(a).solve(b, tol=TOLERANCE, maxiter=60, accel=k),
            )


@cache
def matrix_and_best_peer(case):
    """The assembled matrix and the fastest of PyAMG's four solvers that reaches the tolerance on f = 1."""
    n, coefficients, _ = CASES[case]
    a, b = assembled(n, coefficients), np.ones((n - 1) ** len(coefficients))
    found = []
    for name, accelerator, solve in peers():
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = solve(a, b)
        seconds = time.perf_counter() - start
        reached = np.linalg.norm(b - a @ x) <= 1.01 * TOLERANCE * np.linalg.norm(b)
        print(f"  {name}, accel={accelerator}: {seconds:.3g} s{'' if reached else ', tolerance not reached'}")
        if reached:
            found.append((seconds, solve))
    return a, min(found, key=lambda pair: pair[0])[1]


@pytest.mark.parametrize("kind", ["one", "noise"])
@pytest.mark.parametrize("case", CASES)
def test_set_up_and_solution(ratio, case, kind):
    n, coefficients, target = CASES[case]
    (a, peer), b = matrix_and_best_peer(case), right_side(kind, (n - 1) ** len(coefficients))
    x, cycles = ours(n, coefficients, b)
    residual = np.linalg.norm(b - a @ x) / np.linalg.norm(b)
    assert residual <= TOLERANCE
    value = ratio(
        lambda: ours(n, coefficients, b), lambda: peer(a, b), target=target, rounds=3 if len(coefficients) == 2 else 2
    )
    print(f"  {case}, f = {kind}: {cycles} cycles, true residual {residual:.1e}, {value:.0f} times as fast")


@numba.njit(parallel=True, cache=True)
def triad(a, b, c):
    for i in numba.prange(a.size):
        a[i] = b[i] + 2.5 * c[i]


@pytest.mark.parametrize("case", CASES)
def test_time_of_a_cycle_against_the_bytes_it_must_move(benchmark, case):
    """Ideal: each leg reads iterate and right-hand side and writes the iterate once, and touches the coarse vector.

    That is 6 words a point and level and 2 a coarse point, counted as if none of it ever stayed in a cache; bandwidth
    is the triad's on arrays that do not fit the cache, its write-allocate read counted too.
    """
    n, coefficients, _ = CASES[case]
    a, b, c = (np.ones(12_000_000) for _ in range(3))
    b[:] = 1.0
    triad(a, b, c)
    seconds, cycles = [], []
    grid, f = GridCycle(n, coefficients), right_side("noise", (n - 1) ** len(coefficients))
    grid.load(f, f)
    grid.converge(0.0, most=1)

    def measure():
        start = time.perf_counter()
        triad(a, b, c)
        seconds.append(time.perf_counter() - start)
        grid.load(f, f)
        start = time.perf_counter()
        grid.converge(0.0, most=10)
        cycles.append((time.perf_counter() - start) / 10.5)

    benchmark.pedantic(measure, rounds=7)
    bandwidth = 32.0 * a.size / np.median(seconds)
    sizes = [np.prod([k - 1 for k in grid_]) for grid_ in grid.grids]
    ideal = 8.0 * (6 * sum(sizes[:-1]) + 2 * sum(sizes[1:]))
    moved = np.median(cycles) * bandwidth
    benchmark.extra_info.update(bandwidth=bandwidth, ideal=ideal, moved=moved, ratio=moved / ideal, target="<= 2")
    print(
        f"  {case}: {1e3 * np.median(cycles):.2f} ms a cycle, triad {bandwidth / 1e9:.1f} GB/s: "
        f"{moved / 1e6:.0f} MB against {ideal / 1e6:.0f} MB ideal, {moved / ideal:.2f} times"
    )


@pytest.mark.parametrize("case", CASES)
def test_factor_of_a_cycle(benchmark, case):
    """Reduction of the true residual by each V(1,1) cycle, white noise."""
    n, coefficients, _ = CASES[case]
    a, b = assembled(n, coefficients), right_side("noise", (n - 1) ** len(coefficients))
    grid, x, norms = GridCycle(n, coefficients), np.zeros_like(b), [np.linalg.norm(b)]

    def cycle():
        grid.cycle(b, x)
        norms.append(np.linalg.norm(b - a @ x))

    benchmark.pedantic(cycle, rounds=8)
    factors = [after / before for before, after in pairwise(norms)]
    print(f"  {case}: " + " ".join(f"{value:.3f}" for value in factors))
