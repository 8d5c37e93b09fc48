"""SciPy's solvers stepped one by one: what `solve_ivp` finds, as many evaluations, and near the exact flow."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import toolkit as tk
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.adaptive import EXPLICIT, IMPLICIT, AdaptiveSolver

THROUGH = tk.Stop(rtol=0.0, steps=None)
LAWS = [PlaneMixture(particles=10), GaussianFlow(particles=10, schedule="EDM", dimension=3)]
laws = pytest.mark.parametrize("problem", LAWS, ids=lambda one: one.slug())
solvers = pytest.mark.parametrize("solver", (*EXPLICIT, *IMPLICIT))


@laws
@solvers
def test_stepping_is_solve_ivp(problem, solver):
    """The same equation through SciPy's own loop, written with the score: y' = y + σ score in λ."""
    process, shape = problem.process, problem.initial.shape

    def slope(level, y):
        t = float(process.time(level))
        x = process.sigma(t) * y.reshape(shape)
        return ((x + process.sigma(t) ** 2 * problem.score(x, t)) / process.sigma(t)).ravel()

    ends = process.log_snr(process.start), process.log_snr(process.end)
    y = (problem.initial / process.sigma(process.start)).ravel()
    found = solve_ivp(slope, ends, y, solver, rtol=1e-4, atol=1e-4)
    run = tk.solve(problem, AdaptiveSolver(solver=solver, tolerance=1e-4), THROUGH)
    expected = process.sigma(process.end) * found.y[:, -1].reshape(shape)
    np.testing.assert_allclose(run.solution(), expected, rtol=1e-6, atol=1e-6)
    assert run.k == len(found.t) - 1 and run.state.work.nfe == found.nfev
    np.testing.assert_allclose(process.log_snr(run.state.times), found.t, rtol=1e-4, atol=1e-5)


@laws
@pytest.mark.parametrize("solver", ["RK45", "DOP853"])
def test_the_error_falls_at_least_like_the_tolerance(problem, solver):
    method = AdaptiveSolver(solver=solver)
    (claim,) = method.claims(problem)
    assert tk.check(claim, problem, method).holds


@solvers
def test_the_implicit_ones_too_come_near_the_exact_flow(solver):
    """The closed form of a Gaussian, to a hundred tolerances."""
    problem = LAWS[1]
    run = tk.solve(problem, AdaptiveSolver(solver=solver, tolerance=1e-6), THROUGH, ["final_error"])
    assert run.history.last("final_error") < 1e-4


@solvers
def test_copies_that_fall_behind_walk_the_same_way(solver):
    """SciPy's solver cannot be copied: a state left behind by its copy repeats the walk, bit for bit."""
    problem, method = LAWS[0], AdaptiveSolver(solver=solver, tolerance=1e-3)
    state = method.init(problem)
    for _ in range(2):
        state = method.step(problem, state)
    kept = state.copy()
    while not state.status.done:
        state = method.step(problem, state)
    assert kept.k == 2
    while not kept.status.done:
        kept = method.step(problem, kept)
    np.testing.assert_array_equal(kept.x, state.x)
    assert kept.work.nfe == state.work.nfe and kept.k == state.k


def test_too_many_numbers_for_a_jacobian_are_refused():
    assert "particles" in AdaptiveSolver(solver="Radau").suits(PlaneMixture(particles=200))
    assert not AdaptiveSolver().suits(PlaneMixture(particles=200))
