"""Fast summation against the dense sum, with every pair of points met exactly once."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import toolkit as tk
from toolkit.rank.interpolation.kernel_sums import (
    KINDS,
    EmpiricalMultipole,
    KernelSum,
    Level,
    offsets,
    refined,
    samples,
    summed,
    table,
)


def dense(problem):
    places, charges, _ = problem.sorted
    r = cdist(places, places)
    np.fill_diagonal(r, 1.0)
    k = {
        "1/r": 1 / r,
        "log": -np.log(r),
        "yukawa": np.exp(-r / problem.length) / r,
        "exponential": np.exp(-r / problem.length),
    }[problem.kind]
    np.fill_diagonal(k, 0.0)
    return k @ charges


@pytest.mark.parametrize("kind", KINDS)
def test_the_direct_sum_is_the_dense_one(kind):
    problem = KernelSum(points=200, kind=kind)
    np.testing.assert_allclose(problem.direct, dense(problem)[problem.looked_at], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("levels", [2, 3, 4])
def test_at_full_rank_every_pair_is_summed(kind, levels):
    problem = KernelSum(points=500, kind=kind, levels=levels)
    crosses = [table(problem, level) for level in range(2, levels + 1)]
    for _ in range(45):
        crosses = refined(crosses)
    exact = dense(problem)
    assert np.abs(summed(problem, crosses) - exact).max() < 1e-5 * np.abs(exact).max()


def test_far_cells_are_covered_by_interaction_lists_and_neighbours_once():
    side = 8
    seen = np.zeros((side, side), int)
    x, y = 5, 2
    for level in (2, 3):
        width = 8 // 2**level
        cx, cy = x // width, y // width
        for dx, dy in offsets():
            ox, oy = cx + dx, cy + dy
            inside = 0 <= ox < 2**level and 0 <= oy < 2**level
            if inside and abs(ox // 2 - cx // 2) <= 1 and abs(oy // 2 - cy // 2) <= 1:
                seen[oy * width : (oy + 1) * width, ox * width : (ox + 1) * width] += 1
    seen[y - 1 : y + 2, x - 1 : x + 2] += 1
    np.testing.assert_array_equal(seen, 1)


def test_the_separated_kernel_interpolates_at_the_chosen_points():
    problem = KernelSum()
    crosses = table(problem, 3)
    for _ in range(10):
        crosses = crosses.extended()
    level = Level(problem, 3, crosses)
    inside, outside = samples(1 / 16)
    exact = problem.evaluated(outside, inside)
    guess = problem.evaluated(outside, level.own) @ level.inverse @ problem.evaluated(level.checks, inside)
    np.testing.assert_allclose(guess[crosses.columns], exact[crosses.columns], rtol=1e-8)
    np.testing.assert_allclose(guess[:, crosses.rows], exact[:, crosses.rows], rtol=1e-8)
    assert np.abs(guess - exact).max() == pytest.approx(crosses.largest, rel=1e-6)


def test_inhomogeneous_kernels_get_points_of_their_own():
    one, other = (table(KernelSum(kind="yukawa", length=0.05), level) for level in (2, 5))
    for _ in range(8):
        one, other = one.extended(), other.extended()
    assert one.rows != other.rows or one.columns != other.columns


def test_empty_cells_and_one_point_a_cell_do_no_harm():
    problem = KernelSum(points=50, levels=4)
    run = tk.solve(problem, EmpiricalMultipole(rank=20), tk.Stop(rtol=0.0, steps=20))
    assert run.status.kind in ("converged", "budget") and run.history["error"][-1] < 1e-3


@pytest.mark.parametrize("kind, length", [("1/r", 0.3), ("log", 0.3), ("yukawa", 0.05), ("exponential", 0.05)])
def test_fewer_points_than_fixed_interpolation_at_the_same_error(kind, length):
    """Chebyshev points in the cell, 7 × 7, know nothing of the kernel: three quarters of them are enough."""
    problem, half = KernelSum(kind=kind, length=length), 1 / 16
    inside, outside = samples(half)
    nodes, ends = np.polynomial.chebyshev.chebpts1(7), np.polynomial.chebyshev.chebvander
    lagrange = [np.linalg.solve(ends(nodes, 6).T, ends(x / half, 6).T).T for x in inside.T]
    grid = half * np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    products = (lagrange[0][:, :, None] * lagrange[1][:, None, :]).reshape(len(inside), -1)
    fixed = np.abs(problem.evaluated(outside, inside) - problem.evaluated(outside, grid) @ products.T).max()
    crosses = table(problem, 3)
    while crosses.largest > fixed:
        crosses = crosses.extended()
    assert len(crosses.rows) <= 0.75 * 49
