"""The thermal block and its reduced bases against dense algebra, scikit-fem and full solves at random parameters."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.kernels.dense.reduced import solve_many
from toolkit.rank.reduced.galerkin_model import Reduced
from toolkit.rank.reduced.greedy_basis import PodBasis, WeakGreedy
from toolkit.rank.reduced.online_model import Online, offline
from toolkit.rank.reduced.thermal_block import ThermalBlock

SMALL = ThermalBlock(n=15, training=50, tests=8, columns=3, rows=2)


@pytest.fixture(scope="module")
def greedy():
    return tk.solve(SMALL, WeakGreedy(), tk.Stop(rtol=0.0, steps=14))


def dense(problem, mu):
    return sum(value * operator.toarray() for value, operator in zip(mu, problem.operators))


class TestThermalBlock:
    def test_the_full_solution_solves_the_dense_system(self):
        mu = SMALL.test_set[0]
        np.testing.assert_allclose(SMALL.solve(mu), np.linalg.solve(dense(SMALL, mu), SMALL.load), rtol=1e-11)

    def test_the_operators_are_those_of_linear_elements(self):
        skfem = pytest.importorskip("skfem")
        from skfem.helpers import dot, grad

        problem = ThermalBlock(n=6, columns=3, rows=2)
        line = np.arange(7) / 6
        mesh = skfem.MeshTri.init_tensor(line, line)
        basis = skfem.Basis(mesh, skfem.ElementTriP1())
        mu = problem.test_set[0]

        @skfem.BilinearForm
        def form(u, v, w):
            i, j = (np.minimum((w.x[a] * 6).astype(int), 5) for a in (0, 1))
            return mu[problem.block_of_cell[j, i]] * dot(grad(u), grad(v))

        inner = [
            np.flatnonzero(np.all(np.isclose(mesh.p.T, (x, y)), axis=1))[0] for y in line[1:-1] for x in line[1:-1]
        ]
        matrix = form.assemble(basis).toarray()[np.ix_(inner, inner)]
        load = skfem.LinearForm(lambda v, w: v).assemble(basis)[inner]
        np.testing.assert_allclose(dense(problem, mu), matrix, atol=1e-13)
        np.testing.assert_allclose(problem.load, load, rtol=1e-12)

    def test_coordinates_carry_the_energy_norm_and_its_dual(self):
        x = dense(SMALL, np.ones(6))
        u = np.random.default_rng(0).standard_normal(SMALL.unknowns)
        assert np.linalg.norm(SMALL.coordinates(u)) ** 2 == pytest.approx(u @ x @ u, rel=1e-12)
        assert np.linalg.norm(SMALL.whitened(u)) ** 2 == pytest.approx(u @ np.linalg.solve(x, u), rel=1e-10)
        np.testing.assert_allclose(SMALL.fields(SMALL.coordinates(u)), u, atol=1e-12)

    def test_the_coercivity_bound_is_below_the_least_eigenvalue(self):
        from scipy.linalg import eigh

        for mu in SMALL.test_set[:4]:
            values = eigh(dense(SMALL, mu), dense(SMALL, np.ones(6)), eigvals_only=True)
            assert mu.min() <= values[0] * (1 + 1e-12) and values[-1] <= mu.max() * (1 + 1e-12)

    @pytest.mark.parametrize("knobs", [dict(n=2), dict(columns=0), dict(contrast=1.0), dict(n=np.nan)])
    def test_a_knob_out_of_range_is_refused_by_name(self, knobs):
        with pytest.raises(tk.KnobError, match=next(iter(knobs))):
            ThermalBlock(**knobs)


class TestReducedModel:
    def test_the_bound_is_certified_at_500_random_parameters(self, greedy):
        mus = SMALL.drawn(500, 77)
        truth = SMALL.coordinates(np.stack([SMALL.solve(mu) for mu in mus]))
        for dimension in (0, 1, 5, 10, 14):
            model = greedy.state.model.first(dimension)
            coefficients, bounds = model.bounds(mus)
            effectivity = bounds / model.errors(truth, coefficients)
            assert effectivity.min() >= 1
            assert 1 < np.median(effectivity) < effectivity.max() <= SMALL.contrast

    def test_it_is_galerkin_in_the_full_equation(self, greedy):
        model, mu = greedy.state.model, SMALL.test_set[3]
        phi, a = model.fields, dense(SMALL, mu)
        expected = np.linalg.solve(phi @ a @ phi.T, phi @ SMALL.load)
        np.testing.assert_allclose(model.solve(mu[None])[0][0], expected, rtol=1e-10)

    def test_the_online_residual_is_the_direct_one(self, greedy):
        model = greedy.state.model
        coefficients, residuals = model.solve(SMALL.test_set)
        direct = [SMALL.residual(mu, c @ model.fields) for mu, c in zip(SMALL.test_set, coefficients)]
        np.testing.assert_allclose(residuals, direct, rtol=1e-9)

    def test_a_parameter_has_the_same_result_in_any_company(self, greedy):
        mus = SMALL.drawn(37, 5)
        together, alone = greedy.state.model.bounds(mus)[1], [greedy.state.model.bounds(mu[None])[1][0] for mu in mus]
        np.testing.assert_array_equal(together, alone)

    def test_basis_and_span_are_orthonormal(self, greedy):
        for rows in (greedy.state.model.coordinates, greedy.state.model.span):
            np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-12)

    def test_a_function_of_the_span_is_not_added(self, greedy):
        model = greedy.state.model
        assert model.enriched(SMALL, model.coordinates.T @ np.arange(1.0, 1 + model.dimension)) is None

    def test_a_solution_of_one_block_is_reproduced_by_one_function(self):
        problem = ThermalBlock(columns=1, rows=1, n=12)
        run = tk.solve(problem, WeakGreedy(), tk.Stop(rtol=0.0, steps=5))
        assert run.status.kind == "converged" and run.state.model.dimension == 1
        assert (
            Reduced.empty(problem).enriched(problem, problem.test_solutions[0]).bounds(problem.test_set)[1].max()
            < 1e-13
        )


class TestSearches:
    def test_greedy_picks_where_the_bound_from_dense_algebra_is_worst(self, greedy):
        model = greedy.state.model.first(4)
        x = np.linalg.inv(dense(SMALL, np.ones(6)))
        bounds = []
        for mu in SMALL.training_set:
            a, phi = dense(SMALL, mu), model.fields
            r = SMALL.load - a @ phi.T @ np.linalg.solve(phi @ a @ phi.T, phi @ SMALL.load)
            bounds.append(np.sqrt(r @ x @ r) / mu.min())
        assert greedy.state.picks[4] == np.argmax(bounds)

    def test_pod_modes_minimise_the_training_misfit(self):
        run = tk.solve(SMALL, PodBasis(), tk.Stop(rtol=0.0, steps=6))
        u = SMALL.training_solutions
        gram = np.linalg.eigvalsh(u @ u.T)[::-1]
        rest = u - (u @ run.state.model.coordinates.T) @ run.state.model.coordinates
        assert np.sum(rest**2) == pytest.approx(gram[6:].sum(), rel=1e-8)

    def test_pod_projects_better_and_greedy_bounds_better(self, greedy):
        pod = tk.solve(SMALL, PodBasis(), tk.Stop(rtol=0.0, steps=14)).state.model
        u = SMALL.training_solutions

        def misfit(model):
            return np.linalg.norm(u - (u @ model.coordinates.T) @ model.coordinates)

        assert misfit(pod) < misfit(greedy.state.model)

    def test_online_follows_its_parameter(self):
        run = tk.solve(SMALL, Online(mu_1=0.5), tk.Stop(rtol=0.0, steps=10))
        mu = Online(mu_1=0.5).parameter(SMALL)
        error = np.linalg.norm(SMALL.coordinates(SMALL.solve(mu) - run.state.field))
        assert mu.shape == (6,) and run.state.error == pytest.approx(error, rel=1e-9)
        assert run.state.bound >= run.state.error and offline(SMALL).dimension >= 10

    def test_as_many_modes_as_solutions_leave_nothing(self):
        """Ten solutions span ten dimensions: ten steps, one that finds the search at its end, and no misfit."""
        problem = SMALL.turned(training=10)
        run = tk.solve(problem, PodBasis(dimension=40), tk.Stop(rtol=0.0, steps=30))
        assert run.status.kind == "converged" and run.k == 11 and run.state.model.dimension == 10
        np.testing.assert_array_equal(run.history["k"], np.arange(12))
        u = problem.training_solutions
        rest = u - (u @ run.state.model.coordinates.T) @ run.state.model.coordinates
        assert np.linalg.norm(rest) < 1e-12 * np.linalg.norm(u)


@pytest.mark.parametrize("blocks, size, many", [(1, 4, 3), (2, 3, 17), (3, 3, 40), (2, 4, 16)])
def test_the_kernel_against_dense_algebra(blocks, size, many):
    """Σ θ_q A_q γ = g and |R c| with c = (1, −θ_q γ_j): odd and even numbers of rows, any number of parameters."""
    rng = np.random.default_rng(size)
    theta, load = 0.1 + rng.random((many, blocks)), rng.standard_normal(size)
    halves = rng.standard_normal((blocks, size, size))
    terms = halves @ halves.swapaxes(1, 2) + np.eye(size)
    factor = np.triu(rng.standard_normal((1 + size * blocks,) * 2))
    found, residuals = np.empty((many, size)), np.empty(many)
    solve_many(theta, terms, load, factor, found, residuals)
    for mu, gamma, norm in zip(theta, found, residuals):
        exact = np.linalg.solve(np.tensordot(mu, terms, 1), load)
        np.testing.assert_allclose(gamma, exact, rtol=1e-9, atol=1e-12)
        assert norm == pytest.approx(np.linalg.norm(factor @ np.append(1, -np.outer(exact, mu))), rel=1e-9)
