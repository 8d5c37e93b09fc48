"""Learning to relax: the bandits are the published algorithms and learn what they promise."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear, minimize

import toolkit as tk
from toolkit.core import patience
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


def test_tsallis_inf_is_algorithm_1_on_costs_over_their_mean():
    """k_i sums (ℓ_t − 1)/p_i over the draws of arm i; p belongs to k over the mean cost less one, η = 2/√t."""
    problem = ShiftedSequence(n=6, count=40)
    run = tk.Run(problem, TsallisINF(arms=4), THROUGH)
    losses, p = np.zeros(4), np.full(4, 0.25)
    for t, state in enumerate(run, start=1):
        np.testing.assert_allclose(state.memory["p"], p, rtol=1e-9)
        arm, cost = state.arms[t - 1], state.costs[t - 1]
        losses[arm] += (cost - 1) / p[arm]
        np.testing.assert_allclose(state.memory["k"], losses, rtol=1e-9)
        assert state.memory["scale"] == pytest.approx(state.costs[:t].mean() - 1)
        p = tsallis_probabilities(losses / (state.costs[:t].mean() - 1), 2 / np.sqrt(t + 1))


def test_cheb_cb_is_algorithm_2():
    """θ of each arm by limited least squares on all its costs, η from the misfit of forecasts: done again in full."""
    problem, m = ShiftedSequence(n=11, count=80), 6
    method = ChebCB(arms=4, degree=m)
    low, high = problem.interval
    features = np.cos(np.arange(m) * np.arccos(2 * (problem.shifts - low) / (high - low) - 1)[:, None])
    theta, eta, forecasts, limited = np.zeros((4, m)), 0.0, [], 0
    for t, state in enumerate(tk.Run(problem, method, THROUGH), start=1):
        arms, costs = state.arms[:t], state.costs[:t]
        forecasts.append(features[t - 1] @ theta[arms[-1]])
        K, swing = costs.max(), costs.max() - costs.min()
        N = 2 + 4 * swing / K * (1 + np.log(m))
        cap, misfit = np.array([1 / N, *(2 * swing / (K * N) / np.arange(1, m))]) + 1e-300, 0.0
        for arm in range(4):
            x, y = features[:t][arms == arm], (costs[arms == arm] - 1) / (K * N)
            if len(y):
                theta[arm] = np.linalg.lstsq(x, y, rcond=None)[0]
                if np.any(abs(theta[arm]) > cap):
                    theta[arm], limited = lsq_linear(x, y, (-cap, cap)).x, limited + 1
                misfit += ((x @ theta[arm] - y) ** 2).sum()
        alpha = (np.pi + 2 / np.pi * np.log(2 * m + 1)) / (2 * K * N * (m + 1)) * swing
        regret = max(0.0, ((np.array(forecasts) - (costs - 1) / (K * N)) ** 2).sum() - misfit)
        eta = 2 * t * np.sqrt(4 * t / (regret + 2 * alpha**2 * t + 1e-300))
        np.testing.assert_allclose(state.memory["theta"], theta, rtol=1e-6, atol=1e-9)
        assert state.memory["eta"] == pytest.approx(eta, rel=1e-6)
    assert limited


def test_what_is_lost_to_a_fixed_omega_is_the_regret_or_nothing():
    problem = ShiftedSequence(n=8, count=30)
    run = tk.solve(problem, FixedOmega(omega=1.2), THROUGH, probes=("average_regret", "lost_to_fixed"))
    assert run.history["average_regret"][-1] == run.history["lost_to_fixed"][-1] > 0
    best = tk.solve(problem, OptimalOmega(), THROUGH, probes=("average_regret", "lost_to_fixed"))
    assert best.history["average_regret"][-1] < 0 == best.history["lost_to_fixed"][-1]


@pytest.mark.parametrize("knobs", [dict(n=6), dict(variance="low"), dict(count=500), dict(tol=1e-4)])
def test_no_advantage_of_context_is_promised_where_none_was_shown(knobs):
    """n = 6 after 600 systems: 20 % more sweeps than the best fixed ω."""
    assert ChebCB().claims(ShiftedSequence(count=700)) and not ChebCB().claims(
        ShiftedSequence(**(dict(count=700) | knobs))
    )


def test_a_loose_tolerance_has_another_best_omega():
    """To one digit Young's ω takes up to twice the sweeps: nothing is promised of it."""
    problem = ShiftedSequence(n=11, count=40, tol=0.1)
    costs = tk.solve(problem, OptimalOmega(), THROUGH).state.costs.sum()
    assert costs > 1.2 * problem.costs(OptimalOmega().grid).sum(axis=0).min()
    assert not OptimalOmega().claims(problem) and OptimalOmega().claims(problem.turned(tol=1e-8))


def test_claims_do_not_solve_every_system_with_every_omega():
    """The oracle takes minutes on long sequences: who asks what is promised does not wait for it."""
    problem = ShiftedSequence(count=700)
    problem.__dict__["laplacian"] = None  # no sweep can be done
    assert all(method.claims(problem) for method in (TsallisINF(), ChebCB(), OptimalOmega()))


def test_a_fork_goes_on_with_the_same_draws():
    problem = ShiftedSequence(n=5, count=60)
    run = tk.Run(problem, TsallisINF(), THROUGH).step(20)
    twin = run.fork()
    assert run.finish().history.trace_hash() == twin.finish().history.trace_hash()


def test_learners_say_what_they_need():
    from toolkit.preconditioner.stencils.poisson import Poisson

    assert "sequence" in TsallisINF().suits(Poisson(n=8))


def test_hindsight_is_found_piece_by_piece_and_no_further_than_the_run():
    """Every ω on every system takes half a minute of a long sequence: regret after k systems needs the first k."""
    problem, said = ShiftedSequence(n=9, count=400), []
    patience.listen(said.append, lambda: False)
    run = tk.Run(problem, FixedOmega(), THROUGH, ("average_regret",)).step(30)
    patience.listen(None, None)
    assert run.history["average_regret"][-1] == FixedOmega().regret(problem, run.state)
    numbers = {int(words.split("system ")[1].split()[0]) for words in said}
    assert max(numbers) <= 30 and len(said) >= 5
    costs = FixedOmega().oracle(problem, 400)
    np.testing.assert_array_equal(costs, problem.costs(FixedOmega().grid))


def test_a_slow_system_is_taken_some_omegas_at_a_time(monkeypatch):
    pieces = []
    problem = ShiftedSequence(n=9, count=3)
    costs = ShiftedSequence.costs

    def slow(self, omegas, which=slice(None)):
        pieces.append(len(omegas))
        time.sleep(0.03)
        return costs(self, omegas, which)

    monkeypatch.setattr(ShiftedSequence, "costs", slow)
    found = FixedOmega(arms=6).oracle(problem, 3)
    assert set(pieces) == {1} and len(pieces) == 18
    np.testing.assert_array_equal(found, costs(problem, FixedOmega(arms=6).grid))


def test_hindsight_that_nobody_wants_ends_the_run_in_good_order():
    problem, wanted = ShiftedSequence(n=9, count=400), [True] * 20
    patience.listen(None, lambda: not (wanted and wanted.pop()))
    run = tk.Run(problem, FixedOmega(), THROUGH, ("average_regret",)).finish()
    patience.listen(None, None)
    assert run.status.kind == "cancelled" and 0 < run.k < 400 and np.isnan(run.history["average_regret"][-1])
    assert run.fork().finish().status.kind == "converged"
