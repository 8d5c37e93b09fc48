"""Splines: SciPy's bases, closed fractional derivatives, the paper's symbol and orders."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate
from scipy.interpolate import BSpline

import toolkit as tk
from toolkit.kernels.line import bspline
from toolkit.mesh.splines.fractional_matrix import collocated, places, spectrum, symbol
from toolkit.mesh.splines.projection import (
    ByMatrix,
    ByRecursion,
    Curve,
    SplineFit,
    basis_matrix,
    gauss,
    open_knots,
    uniform_knots,
)
from toolkit.mesh.splines.riesz import Riesz, SplineCollocation


@pytest.mark.parametrize("p", [1, 2, 3, 5, 8, 10])
@pytest.mark.parametrize("knots", [open_knots, uniform_knots])
def test_basis_is_scipys(p, knots):
    t, x = knots(7, p), np.linspace(0, 1, 57)
    e, u = bspline.intervals(t, p, x)
    peer = BSpline.design_matrix(x, t, p).toarray()
    recursion, matrices = np.empty((2, 57, p + 1))
    bspline.by_recursion(t, p, e, x, recursion)
    bspline.by_matrices(bspline.basis_matrices(t, p), e, u, matrices)
    columns = e[:, None] + np.arange(p + 1)
    for values in (recursion, matrices):
        np.testing.assert_allclose(values, np.take_along_axis(peer, columns, axis=1), atol=1e-13)


def test_basis_matrix_of_the_uniform_cubic():
    """The matrix printed in every textbook: rows are splines, columns powers of u."""
    expected = np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6
    np.testing.assert_allclose(basis_matrix(3), expected, atol=1e-15)


@pytest.mark.parametrize("p", range(1, 11))
def test_matrix_form_equals_recursion(p):
    """Row 92's criterion: to 1e-12 on uniform knots; both are a partition of unity."""
    x = np.random.default_rng(p).random(5000)
    (e, one), (f, other) = ByMatrix(37, p)(x), ByRecursion(37, p)(x)
    np.testing.assert_array_equal(e, f)
    assert np.abs(one - other).max() <= 1e-12
    np.testing.assert_allclose(one.sum(axis=1), 1, atol=1e-13)


@pytest.mark.parametrize("p", [1, 2, 4, 7])
def test_projection_is_the_least_squares_fit(p):
    """Dense weighted least squares at the same Gauss points, through SciPy's basis."""
    problem, method = Curve(), SplineFit(degree=p, levels=1)
    run = tk.solve(problem, method)
    n, (nodes, weights) = run.state.n, gauss(p + 3)
    x = ((np.arange(n)[:, None] + nodes) / n).ravel()
    roots = np.sqrt(np.tile(weights, n))
    design = BSpline.design_matrix(x, uniform_knots(n, p), p).toarray()
    best = np.linalg.lstsq(roots[:, None] * design, roots * problem(x), rcond=None)[0]
    np.testing.assert_allclose(run.solution(), best, atol=1e-9)


@pytest.mark.parametrize("shape", ["wave", "runge", "bump"])
@pytest.mark.parametrize("p", [1, 2, 5, 6])
def test_projection_has_order_p_plus_one(shape, p):
    problem, method = Curve(shape=shape), SplineFit(degree=p)
    for claim in method.claims(problem):
        assert tk.check(claim, problem, method).holds, claim.title


# -- fractional derivatives ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p, alpha", [(2, 1.2), (3, 1.5), (4, 1.8), (7, 1.4)])
@pytest.mark.parametrize("n", [5, 160])
def test_derivatives_of_powers(p, alpha, n):
    """D^α x^p = Γ(p+1)/Γ(p+1−α) x^{p−α}: the spline with the blossom of x^p as coefficients is x^p."""
    t, x = open_knots(n, p), places(n, p)
    left = bspline.left_derivatives(bspline.basis_matrices(t, p), 1 / n, alpha, x, *gauss(12 + p // 2))
    blossom = np.lib.stride_tricks.sliding_window_view(t[1:-1], p).prod(axis=1)
    exact = math.gamma(p + 1) / math.gamma(p + 1 - alpha) * x ** (p - alpha)
    np.testing.assert_allclose(left @ blossom, exact, atol=1e-12 * n**alpha)


@pytest.mark.parametrize("i", [1, 2, 5, 9])
def test_derivative_of_one_spline_by_quadrature(i):
    """D^α B = 1/Γ(2−α) ∫ B''(y) (x−y)^{1−α} dy + B'(0) x^{1−α}/Γ(2−α), adaptive quadrature with the end's weight."""
    n, p, alpha = 8, 4, 1.3
    t = open_knots(n, p)
    x = np.array([0.07, 0.31, 0.5, 0.86])
    found = bspline.left_derivatives(bspline.basis_matrices(t, p), 1 / n, alpha, x, *gauss(14))[:, i]
    spline = BSpline(t, np.eye(n + p)[i], p)
    slope, bend = spline.derivative(1), spline.derivative(2)
    for point, value in zip(x, found):

        def kernel(y, point=point):
            return bend(y) * (point - y) ** (1 - alpha)

        *inner, edge = t[p : p + n][t[p : p + n] < point]
        total = sum(integrate.quad(kernel, a, b, epsabs=1e-13)[0] for a, b in pairwise([*inner, edge]))
        total += integrate.quad(bend, edge, point, weight="alg", wvar=(0, 1 - alpha), epsabs=1e-13)[0]
        exact = (total + slope(0.0) * point ** (1 - alpha)) / math.gamma(2 - alpha)
        assert value == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("alpha", [1.1, 1.5, 1.9])
def test_load_of_the_smooth_solution(alpha):
    """f against D₊^α + D₋^α of a spline of degree 12 that is the polynomial: the same operator twice."""
    problem, n, p = Riesz(alpha=alpha), 3, 12
    t, x = open_knots(n, p), np.linspace(0.05, 0.95, 19)
    left = bspline.left_derivatives(bspline.basis_matrices(t, p), 1 / n, alpha, x, *gauss(20))
    both = (left + left[::-1, ::-1]) / (2 * math.cos(math.pi * alpha / 2))
    grid = np.lib.stride_tricks.sliding_window_view(t[1:-1], p).mean(axis=1)
    coefficients = np.linalg.solve(BSpline.design_matrix(grid, t, p).toarray(), problem.exact(grid))
    np.testing.assert_allclose(both @ coefficients, problem.load(x), atol=1e-7)


# -- the equation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [2, 3, 4, 5])
@pytest.mark.parametrize("alpha", [1.2, 1.8])
def test_orders_of_the_paper(p, alpha):
    """p+2−α for even p, p+1−α for odd p; conditioning n^α; eigenvalues on the symbol."""
    problem, method = Riesz(alpha=alpha), SplineCollocation(degree=p)
    for claim in method.claims(problem):
        verdict = tk.check(claim, problem, method)
        assert verdict.holds, f"{claim.title}: {verdict}"


def test_the_limit_of_two_derivatives_is_collocation_of_the_second():
    """As α → 2 the matrix tends to −B''(ξ), SciPy's."""
    n, p = 12, 4
    t, x = open_knots(n, p), places(n, p)
    second = np.column_stack([BSpline(t, row, p)(x, nu=2) for row in np.eye(n + p)])[:, 1:-1]
    near = collocated(2 - 1e-7, p, n)
    np.testing.assert_allclose(near, -second, atol=1e-3)


def test_mean_exit_time_is_getoors():
    """f = 1 has the solution (x(1−x))^{α/2}/Γ(1+α): 0.1 % away from the ends on 256 intervals."""
    problem = Riesz(alpha=1.4, data="exit")
    state = tk.solve(problem, SplineCollocation(degree=4)).state
    x = np.linspace(0.1, 0.9, 81)
    np.testing.assert_allclose(state.at(x), problem.exact(x), rtol=1e-3)


@pytest.mark.parametrize("p", [2, 3, 4, 5])
def test_symbol_is_the_fourier_series_of_the_central_row(p):
    """Σ a_{m, m+k} cos kθ over a long central row of n^{−α} A against the closed form."""
    alpha, n, theta = 1.6, 400, np.linspace(0.3, np.pi, 7)
    matrix = collocated(alpha, p, n) / n**alpha
    m = len(matrix) // 2
    row, k = matrix[m], np.arange(len(matrix)) - m
    np.testing.assert_allclose(row @ np.cos(np.outer(k, theta)), symbol(theta, p, alpha), atol=2e-5)


def test_symbol_has_a_zero_of_order_alpha_and_decays_at_pi():
    theta = np.array([1e-3, 2e-3])
    for p in (2, 3, 4, 5):
        low = symbol(theta, p, 1.3)
        assert np.log2(low[1] / low[0]) == pytest.approx(1.3, abs=1e-3)
    at_pi = [symbol(np.array([np.pi]), p, 1.3)[0] for p in (3, 5, 7, 9)]
    assert np.all(np.diff(np.log(at_pi)) < np.log(0.5))


def test_symbol_at_two_is_the_known_one_of_cubic_collocation():
    """α → 2, p = 3: the stencil −(1, −2, 1), symbol 2 − 2 cos θ."""
    theta = np.linspace(0.2, 3, 5)
    np.testing.assert_allclose(symbol(theta, 3, 2 - 1e-9), 2 - 2 * np.cos(theta), atol=1e-6)


def test_eigenvalues_lie_in_the_range_of_the_symbol_but_for_a_few():
    """Real, positive; the outliers come from the rows at the ends, and are as many on a finer grid."""
    outside = []
    for n in (64, 128, 256):
        values = spectrum(1.5, 3, n)[2]
        assert values.min() > 0
        outside.append(int(np.sum(values > symbol(np.array([np.pi]), 3, 1.5))))
    assert outside == [2, 2, 2]
