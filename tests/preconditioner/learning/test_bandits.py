"""Learning to relax: the bandits are the published algorithms and learn what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.preconditioner.learning.bandits import (
    ChebCB,
    FixedOmega,
    OptimalOmega,
    TsallisINF,
    square_cb,
    tsallis_probabilities,
)
from toolkit.preconditioner.learning.problems import ShiftedSequence


@given(st.lists(st.floats(0, 1e4), min_size=2, max_size=40), st.floats(0.02, 2.0))
@settings(deadline=None)
def test_tsallis_probabilities_are_a_distribution_ordered_by_loss(losses, eta):
    losses = np.array(losses)
    p = tsallis_probabilities(losses, eta)
    assert p.sum() == pytest.approx(1, abs=1e-12) and p.min() > 0
    assert np.all(np.diff(p[np.argsort(losses)]) <= 1e-12)


def test_tsallis_probabilities_minimise_the_regularised_loss():
    losses, eta = np.array([0.3, 2.0, 0.9, 5.0]), 0.7
    p = tsallis_probabilities(losses, eta)

    def objective(q):
        return q @ losses - 4 / eta * np.sqrt(np.maximum(q, 0)).sum()

    best = minimize(
        objective, np.full(4, 0.25), bounds=[(1e-9, 1)] * 4, constraints={"type": "eq", "fun": lambda q: q.sum() - 1}
    )
    assert objective(p) <= best.fun + 1e-7
    np.testing.assert_allclose(p, best.x, atol=1e-3)


def test_square_cb_prefers_the_best_and_is_greedy_for_large_eta():
    forecast = np.array([0.5, 0.1, 0.3])
    np.testing.assert_allclose(square_cb(forecast, 0.0), 1 / 3)
    assert square_cb(forecast, 1e9)[1] == pytest.approx(1, abs=1e-6)
    p = square_cb(forecast, 10.0)
    assert p.sum() == pytest.approx(1) and p[1] > p[2] > p[0]
    assert p[0] == pytest.approx(1 / (3 + 10 * 0.4))


def test_costs_are_what_solving_costs():
    problem = ShiftedSequence(n=7, count=6)
    run = tk.solve(problem, FixedOmega(omega=1.5), THROUGH)
    arm = int(run.state.arms[0])
    np.testing.assert_array_equal(run.state.costs, problem.costs(FixedOmega().grid)[:, arm])
    assert run.history["matvecs"][-1] == run.state.costs.sum()
    last = problem.system(5)
    assert np.linalg.norm(last.residual(run.solution())) < problem.tol * last.norm


def test_fixed_omega_has_the_regret_of_its_arm():
    problem = ShiftedSequence(n=7, count=20)
    grid = FixedOmega().grid
    costs = problem.costs(grid).sum(axis=0)
    best = FixedOmega(omega=float(grid[costs.argmin()]))
    run = tk.solve(problem, best, THROUGH, probes=("average_regret",))
    assert run.history["average_regret"][-1] == 0
    worst = tk.solve(problem, FixedOmega(omega=1.0), THROUGH, probes=("average_regret",))
    assert worst.history["average_regret"][-1] == pytest.approx((costs[0] - costs.min()) / 20)


def test_average_regret_of_tsallis_inf_shrinks_over_seeds():
    regrets = {T: [] for T in (50, 800)}
    for count, found in regrets.items():
        problem = ShiftedSequence(n=7, count=count)
        for seed in range(4):
            run = tk.solve(problem, TsallisINF(seed=seed), THROUGH, probes=("average_regret",))
            found.append(run.history["average_regret"][-1])
    assert np.mean(regrets[800]) < 0.5 * np.mean(regrets[50])


def test_context_beats_every_fixed_omega():
    problem = ShiftedSequence(count=700)
    fixed = problem.costs(ChebCB().grid).mean(axis=0).min()
    means = [tk.solve(problem, ChebCB(seed=seed), THROUGH).state.mean_cost for seed in range(3)]
    assert np.mean(means) < fixed
    assert tk.solve(problem, OptimalOmega(), THROUGH).state.mean_cost < min(means)


def test_a_fork_goes_on_with_the_same_draws():
    problem = ShiftedSequence(n=5, count=60)
    run = tk.Run(problem, TsallisINF(), THROUGH).step(20)
    twin = run.fork()
    assert run.finish().history.trace_hash() == twin.finish().history.trace_hash()


def test_learners_say_what_they_need():
    from toolkit.preconditioner.stencils.poisson import Poisson

    assert "sequence" in TsallisINF().suits(Poisson(n=8))
