"""Chebyshev–Tucker against NumPy's Chebyshev series, the error function, and ranks on grids."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.rank.tensors.chebyshev_tucker import (
    DEGREES,
    ChebyshevTucker,
    coefficient_tensor,
    core_rank,
    ellipse_bound,
    gaussians,
    nodes,
    polynomials,
    to_coefficients,
    tolerated,
)
from toolkit.rank.tensors.multilinear import tucker_full
from toolkit.rank.tensors.problems import Potential

LONG = Potential(kernel="long range", omega=2.0, particles=8, n=20)


class TestPieces:
    def test_coefficients_are_numpys(self):
        x = nodes(9)
        values = np.exp(x) * np.sin(3 * x)
        series = np.polynomial.chebyshev.Chebyshev.interpolate(lambda t: np.exp(t) * np.sin(3 * t), 40)
        ours = to_coefficients(9) @ values
        np.testing.assert_allclose(np.polynomial.chebyshev.chebval(x, ours), values, atol=1e-13)
        fine = to_coefficients(40) @ (np.exp(nodes(40)) * np.sin(3 * nodes(40)))
        np.testing.assert_allclose(fine, series.coef, atol=1e-13)
        line = np.linspace(-1, 1, 17)
        np.testing.assert_allclose(polynomials(9, line), np.polynomial.chebyshev.chebvander(line, 9), atol=1e-13)

    @pytest.mark.parametrize("omega", [0.5, 3.0, 12.0])
    def test_gaussians_sum_to_the_error_function(self, omega):
        from scipy.special import erf

        t, w = gaussians(Potential(kernel="long range", omega=omega))
        r = np.linspace(1e-3, 2 * np.sqrt(3), 300)
        np.testing.assert_allclose(np.exp(-(np.outer(r, t) ** 2)) @ w, erf(omega * r) / r, rtol=0, atol=1e-12 * omega)

    def test_terms_and_values_have_the_same_coefficients(self):
        basis, x = to_coefficients(12), nodes(12)
        values = tucker_full(LONG(x, x, x), [basis] * 3)
        np.testing.assert_allclose(coefficient_tensor(LONG, 12), values, atol=1e-10)

    @pytest.mark.parametrize("tolerance", [1e-2, 1e-5])
    def test_the_tolerance_is_kept_and_not_wasted(self, tolerance):
        whole = coefficient_tensor(LONG, 16)
        core, factors, lost = tolerated(whole, tolerance)
        assert lost <= tolerance * np.linalg.norm(whole)
        assert tolerated(whole, tolerance, 2)[2] <= lost * (1 + 1e-12)
        smaller = tucker_full(core[:-1, :-1, :-1], [u[:, :-1] for u in factors])
        assert np.linalg.norm(whole - smaller) > tolerance * np.linalg.norm(whole) / np.sqrt(3)


class TestMethod:
    def test_it_is_evaluated_anywhere(self):
        run = tk.solve(LONG, ChebyshevTucker(degree=24, tolerance=1e-8), DEGREES)
        points = np.random.default_rng(1).uniform(-1, 1, (200, 3))
        exact = LONG.at(points)
        assert np.abs(run.state.at(points) - exact).max() < 1e-6 * np.abs(exact).max()
        line = LONG.line[:3]
        corner = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
        np.testing.assert_allclose(run.state.at(corner), run.solution()[:3, :3, :3].ravel(), atol=1e-10)

    @pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
    def test_ranks_are_far_below_the_degree_and_near_those_of_a_grid(self, tolerance):
        problem = Potential(kernel="long range", omega=2.0, particles=20, n=32)
        run = tk.solve(problem, ChebyshevTucker(degree=32, every=10, tolerance=tolerance), DEGREES)
        ranks = run.state.core.shape
        assert max(ranks) <= 16 and run.history["truncation"][-1] < 1e-8
        assert np.abs(np.subtract(ranks, core_rank(problem, tolerance))).max() <= 2

    def test_the_error_is_that_of_truncation_then_of_tolerance(self):
        run = tk.solve(LONG, ChebyshevTucker(degree=24, every=2, tolerance=1e-5), DEGREES)
        error, truncation = run.history["error"], run.history["truncation"]
        early = truncation > 1e-3
        np.testing.assert_allclose(error[early], truncation[early], rtol=0.05)
        assert truncation[-1] < 1e-8 and 1e-6 < error[-1] < 1e-4

    def test_the_ellipse_bound_is_above_and_not_idle(self):
        run = tk.solve(LONG, ChebyshevTucker(degree=20, every=2), DEGREES)
        bound = np.array([ellipse_bound(LONG, int(n)) for n in run.history["degree"]]) / np.abs(LONG.data).max()
        truncation = run.history["truncation"]
        assert np.all(truncation <= bound)
        assert np.polyfit(np.arange(4), np.log(bound[-4:]), 1)[0] < -1.0 and bound[-1] < 1e-4

    def test_singular_potentials_are_interpolated_too(self):
        problem = Potential(particles=4, n=12, softening=0.8)
        run = tk.solve(problem, ChebyshevTucker(degree=24, every=11, tolerance=1e-7), DEGREES)
        assert run.history["error"][-1] < 1e-4 < run.history["error"][0]

    def test_too_many_terms_are_refused(self):
        assert "too many" in ChebyshevTucker(degree=48).suits(Potential(particles=512))


def test_what_is_promised_of_truncation_is_the_theorem_term_by_term():
    """(1 + E)³ − 1 for three factors that err by E each and are below one: E = min_ρ 4 e^{t² b²} ρ^{−n}/(ρ − 1)."""
    problem, degree = Potential(kernel="long range", omega=2.0, particles=3, n=12), 14
    exponents, weights = gaussians(problem)
    rho = 1 + np.logspace(-2, 2, 4000)
    total = 0.0
    for t, w in zip(exponents, weights):
        bounds = 4 * np.exp(np.minimum((t * (rho - 1 / rho) / 2) ** 2, 700)) * rho ** -float(degree) / (rho - 1)
        total += w * ((1 + bounds.min()) ** 3 - 1)
    expected = np.abs(problem.particle_table[1]).sum() * total
    assert ellipse_bound(problem, degree) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("degree", [6, 12])
def test_what_the_tolerance_may_cost_is_told_with_all_coefficients(degree):
    """Σ |C − C̃| ≤ (n + 1)^{3/2} |C − C̃|_F by Cauchy and Schwarz: met where all entries are alike."""
    problem, method = Potential(n=12, particles=3), ChebyshevTucker(degree=degree, tolerance=1e-2)
    state = tk.solve(problem, method, tk.Stop(rtol=0.0, steps=40)).state
    whole = coefficient_tensor(problem, degree)
    top = np.abs(problem.data).max()
    assert state.allowance == pytest.approx((degree + 1) ** 1.5 * 1e-2 * np.linalg.norm(whole) / top, rel=1e-12)
    alike = np.ones((degree + 1,) * 3)
    assert np.abs(alike).sum() == pytest.approx((degree + 1) ** 1.5 * np.linalg.norm(alike))
