"""Anisotropic domain splitting against direct solves, and its parts against closed forms."""

import functools

import numpy as np
import pytest
import scipy.sparse.linalg as spla

import toolkit as tk
from toolkit.core.errors import KnobError
from toolkit.mesh.multiscale.splitting import AdvectionDiffusion, DomainSplitting, Split, operator

STOP = tk.Stop(measure="error", rtol=0.0, atol=1e-9, steps=60)
SQUARE = AdvectionDiffusion(n=36)
CUBE = AdvectionDiffusion(dim=3, n=18, speed=2.0)


def bent_off(field, problem):
    return (problem.matrix @ field.ravel()).reshape(problem.shape) - problem.rhs


class TestProblem:
    @pytest.mark.parametrize("dim, sizes", [(2, (20, 40, 80)), (3, (8, 16, 32))])
    def test_the_direct_solution_is_second_order(self, dim, sizes):
        errors = []
        for n in sizes:
            problem = AdvectionDiffusion(dim=dim, n=n, waves=2.0, speed=3.0)
            direct = spla.bicgstab(problem.matrix, problem.rhs.ravel(), rtol=1e-12)[0].reshape(problem.shape)
            errors.append(np.max(abs(direct - problem.analytic)))
        assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.3)
        assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.15)

    def test_the_operator_is_exact_on_quadratics(self):
        """u = x (1 − x) y (1 − y): central differences make no error."""
        n, m, alpha, beta = 8, 11, 0.7, (2.0, -3.0)
        x, y = np.meshgrid(np.arange(1, n) / n, np.arange(1, m) / m, indexing="ij")
        p, q = x * (1 - x), y * (1 - y)
        f = alpha * 2 * (p + q) + beta[0] * (1 - 2 * x) * q + beta[1] * p * (1 - 2 * y)
        np.testing.assert_allclose(operator((n, m), alpha, beta) @ (p * q).ravel(), f.ravel(), atol=1e-12)

    def test_what_cannot_be_asked(self):
        with pytest.raises(KnobError, match="at most 32 in 3D"):
            AdvectionDiffusion(dim=3, n=60)
        with pytest.raises(KnobError, match="whole number"):
            AdvectionDiffusion(waves=1.5)
        assert "not a multiple of 7" in DomainSplitting(coarse=7).suits(SQUARE)


class TestParts:
    @pytest.mark.parametrize("problem", [SQUARE, CUBE])
    def test_holes_are_filled_with_the_fine_equation(self, problem):
        split = Split(problem, 6)
        skeleton = np.where(self.hole(split), 0.0, np.random.default_rng(0).standard_normal(problem.shape))
        filled = split.filled(skeleton, -bent_off(skeleton, problem))
        assert np.max(abs(bent_off(filled, problem)[self.hole(split)])) < 1e-9 * problem.n**2
        np.testing.assert_array_equal(filled[~self.hole(split)], skeleton[~self.hole(split)])

    def hole(self, split):
        inside = ~np.isin(np.arange(split.n - 1), split.at)
        return functools.reduce(np.multiply.outer, [inside] * split.dim)

    @pytest.mark.parametrize("problem", [SQUARE, CUBE])
    def test_grids_that_agree_are_merged_unchanged(self, problem):
        split, u = Split(problem, 6), np.random.default_rng(1).standard_normal(problem.shape)
        parts = [split.seen(u, i) for i in range(split.dim)]
        merged = split.merged(parts, {(i, j): split.seen(u, i, j) for i, j in split.pairs})
        np.testing.assert_allclose(merged, np.where(self.hole(split), 0, u), atol=1e-13)

    @pytest.mark.parametrize("problem", [SQUARE, CUBE])
    def test_merged_grids_meet_the_crossings(self, problem):
        """Grids that do not agree are bent to values all of them can meet."""
        split, rng = Split(problem, 6), np.random.default_rng(2)
        u, parts = rng.standard_normal(problem.shape), []
        for i in range(split.dim):
            parts.append(rng.standard_normal(split.seen(u, i).shape))
        merged = split.merged(parts, {(i, j): split.seen(u, i, j) for i, j in split.pairs})
        for i, j in split.pairs:
            np.testing.assert_allclose(split.seen(merged, i, j), split.seen(u, i, j), atol=1e-12)

    def test_splines_carry_quartics_that_vanish_on_the_boundary(self):
        split = Split(SQUARE, 6)
        x = np.arange(1, 36) / 36
        quartic = x * (1 - x) * (1 + x - 3 * x**2)
        np.testing.assert_allclose(split.spline @ quartic[split.at], quartic, atol=1e-12)


class TestMethod:
    @pytest.mark.parametrize("problem", [SQUARE, AdvectionDiffusion(n=60, load="one", speed=20.0), CUBE])
    def test_kept_corrections_reach_the_direct_solution(self, problem):
        run = tk.solve(problem, DomainSplitting(keep=50), STOP, ("error",))
        assert run.status.kind == "converged"
        assert np.all(np.diff(run.history["residual"]) <= 0)

    @pytest.mark.parametrize("problem", [SQUARE, CUBE, AdvectionDiffusion(dim=3, n=24, load="one")])
    def test_the_start_is_close_to_the_fine_solution(self, problem):
        errors = [tk.solve(problem, DomainSplitting(start=s), tk.Stop(steps=0), ("error",)).history["error"][0]
                  for s in ("merged", "zero")]  # fmt: skip
        assert errors[0] < 5e-3 < 0.1 < errors[1]

    def test_the_start_is_of_higher_order_than_its_grids(self):
        """Richardson's combination leaves errors of fourth order in H; splines at the layers cost some of it."""
        errors = [
            tk.solve(AdvectionDiffusion(n=96, load="one"), DomainSplitting(coarse=c), tk.Stop(steps=0), ("error",))
            .history["error"][0] for c in (4, 8, 16)
        ]  # fmt: skip
        assert errors[0] / errors[2] > 16 and errors[0] > errors[1] > errors[2]

    def test_the_largest_system_has_one_dimension_less(self):
        run = tk.solve(CUBE, DomainSplitting(coarse=6), tk.Stop(steps=0))
        assert run.history["subproblem"][0] == 5 * 17**2


def test_where_grids_cross_the_start_is_of_fourth_order():
    """Richardson's combination leaves u + O(H⁴) at the crossings; another weight leaves an error of second order."""
    problem, errors = AdvectionDiffusion(n=96, speed=2.0, waves=2.0), []
    for coarse in (12, 24):
        state = DomainSplitting(coarse=coarse).init(problem)
        crossed = np.ix_(state.split.at, state.split.at)
        errors.append(np.max(abs(state.u[crossed] - problem.analytic[crossed])))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.1)
