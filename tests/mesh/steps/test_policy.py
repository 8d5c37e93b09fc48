"""Continuous-time policy evaluation: the closed-form value, Gaussian moments, and where each estimator tends."""

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.mesh.steps.policy_value import LinearQuadratic, increments, variation_minimiser
from toolkit.mesh.steps.temporal_differences import MartingaleLoss, MeanSquareTD, OnlineTD, OrthogonalityTD

PROBLEM = LinearQuadratic(kappa=0.7, sigma=0.8, q=1.3, g=0.6, horizon=1.5)


def test_value_solves_the_feynman_kac_equation():
    """J_t − κ x J_x + σ²/2 J_xx − q x² = 0, J(T, x) = −g x², by differences."""
    p, x, tau, h = PROBLEM, np.linspace(-2, 2, 9), 0.9, 1e-4

    def J(tau, x):
        return p.value(p.truth, tau, x)

    in_time = -(J(tau + h, x) - J(tau - h, x)) / (2 * h)
    drift = -p.kappa * x * (J(tau, x + h) - J(tau, x - h)) / (2 * h)
    curvature = p.sigma**2 / 2 * (J(tau, x + h) - 2 * J(tau, x) + J(tau, x - h)) / h**2
    np.testing.assert_allclose(in_time + drift + curvature - p.q * x**2, 0, atol=1e-6)
    np.testing.assert_allclose(J(0.0, x), -p.g * x**2, atol=1e-15)


def test_value_is_the_expected_cost():
    p, x = PROBLEM, 0.7

    def second_moment(s):
        return x**2 * np.exp(-2 * p.kappa * s) + p.sigma**2 * p.decay(s)

    cost = p.q * scipy.integrate.quad(second_moment, 0, p.horizon)[0] + p.g * second_moment(p.horizon)
    assert p.value(p.truth, p.horizon, np.array([x]))[0] == pytest.approx(-cost, rel=1e-10)


@pytest.mark.parametrize("n", [4, 16])
def test_moments_against_many_paths(n):
    """Closed-form moments and sample means of 1000 paths agree to four standard errors, 0.1 each at most."""
    sampled = PROBLEM.turned(paths=1000, levels=5, seed=3)
    np.testing.assert_allclose(sampled.pairs(n), PROBLEM.pairs(n), rtol=0.4)
    np.testing.assert_allclose(sampled.futures(n), PROBLEM.futures(n), rtol=0.4)


def test_futures_against_the_sum_of_covariances():
    """E[X_i² R_i] summed term by term with E[X_i² X_j²] = v_i v_j + 2 e^{−2κ(t_j − t_i)} v_i²."""
    p, n = PROBLEM, 6
    t = np.linspace(0, p.horizon, n + 1)
    v = p.variance(t)
    for i in range(n):
        both = v[i] * v[i:] + 2 * np.exp(-2 * p.kappa * (t[i:] - t[i])) * v[i] ** 2
        expected = -p.q * p.horizon / n * both[:-1].sum() - p.g * both[-1]
        assert p.futures(n)[i, 0] == pytest.approx(expected, rel=1e-12)
        assert p.futures(n)[i, 1] == pytest.approx(-p.q * p.horizon / n * v[i:-1].sum() - p.g * v[-1], rel=1e-12)


@pytest.mark.parametrize("method", [MartingaleLoss(), OrthogonalityTD(), OrthogonalityTD(trace=0.3)])
def test_right_estimators_converge_at_first_order(method):
    run = tk.solve(PROBLEM, method, THROUGH)
    ratio = run.history["parameter_error"][3:-1] / run.history["parameter_error"][4:]
    np.testing.assert_allclose(ratio, 2, atol=0.1)


def test_all_test_functions_find_one_solution():
    solutions = [m.solved(PROBLEM, 32) for m in (MartingaleLoss(), OrthogonalityTD(), OrthogonalityTD(trace=0.5))]
    np.testing.assert_allclose(solutions[1], solutions[0], rtol=1e-9)
    np.testing.assert_allclose(solutions[2], solutions[0], rtol=1e-9)


def test_martingale_loss_is_minimised_on_sampled_paths():
    """The normal equations against SciPy's minimiser of ½ mean Σ (R_i − J_i)² Δt written out path by path."""
    p = PROBLEM.turned(paths=50, levels=4)
    n, x2 = 16, p.squares
    dt, tau = p.horizon / n, p.horizon * (1 - np.arange(n) / n)
    square, constant = p.basis(tau)

    def loss(theta):
        total = 0.0
        for path in x2:
            for i in range(n):
                reward = -p.q * dt * path[i:n].sum() - p.g * path[n]
                total += (reward - (-p.g + square[i] @ theta) * path[i] - constant[i] @ theta) ** 2 * dt
        return total / len(x2) / 2

    theta = MartingaleLoss().solved(p, n)
    slope = scipy.optimize.approx_fprime(theta, loss, 1e-6)
    assert np.abs(slope).max() < 1e-5 * max(1.0, loss(theta))


def test_orthogonality_holds_on_sampled_paths():
    p = PROBLEM.turned(paths=50, levels=4)
    n, x2 = 16, p.squares
    tau = p.horizon * (1 - np.arange(n + 1) / n)
    square, constant = p.basis(tau)
    for memory in (0.0, 0.4):
        theta, total = OrthogonalityTD(trace=memory).solved(p, n), np.zeros(3)
        for path in x2:
            J = (square @ theta - p.g) * path + constant @ theta
            xi = np.zeros(3)
            for i in range(n):
                phi = square[i] * path[i] + constant[i]
                xi = memory ** (p.horizon / n) * xi + phi if memory else phi
                total += xi * (J[i + 1] - J[i] - p.q * path[i] * p.horizon / n)
        np.testing.assert_allclose(total / len(x2), 0, atol=1e-10)


def test_mean_square_error_tends_to_the_quadratic_variation():
    """For a fixed θ: E Σ (ΔM)² → 4σ² ∫ (g + θ₁ φ)² E X² dt at first order."""
    p, theta = PROBLEM, np.array([0.3, -0.2, 0.5])

    def variation(t):
        return 4 * p.sigma**2 * (p.g + theta[0] * p.decay(p.horizon - t)) ** 2 * p.variance(t)

    limit, errors = scipy.integrate.quad(variation, 0, p.horizon)[0], []
    for n in (64, 128, 256):
        ahead, rest, _ = increments(p, n)
        step = np.einsum("iap,a->ip", ahead, theta) + rest
        errors.append(np.einsum("ip,ipq,iq->", step, p.pairs(n), step) - limit)
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2, atol=0.1)


def test_its_minimiser_tends_to_that_of_the_variation_and_stays_away_from_the_truth():
    run = tk.solve(PROBLEM.turned(levels=12), MeanSquareTD(), THROUGH)
    np.testing.assert_allclose(run.state.theta, variation_minimiser(PROBLEM), atol=5e-3)
    assert run.history["parameter_error"][-1] > 0.5
    assert np.all(np.diff(run.history["parameter_error"][2:]) > 0)


def test_without_terminal_cost_the_least_variation_is_none():
    """g = 0: a constant has no variation, so θ₁ → 0, whatever the problem pays."""
    assert variation_minimiser(PROBLEM.turned(g=0.0))[0] == 0


def test_sampled_errors_shrink_like_one_over_the_root_of_the_paths():
    def error(paths):
        runs = [OrthogonalityTD().solved(PROBLEM.turned(paths=paths, levels=5, seed=s), 32) for s in range(30)]
        return np.sqrt(np.mean((np.array(runs) - OrthogonalityTD().solved(PROBLEM, 32)) ** 2))

    assert error(1000) < 0.5 * error(100)


def test_online_td_comes_near_and_repeats_by_seed():
    stop = tk.Stop(measure="parameter_error", rtol=0.0, steps=300)
    runs = [tk.solve(LinearQuadratic(seed=s), OnlineTD(), stop) for s in (0, 0, 1)]
    assert runs[0].history.trace_hash() == runs[1].history.trace_hash() != runs[2].history.trace_hash()
    assert runs[0].history["parameter_error"][-50:].mean() < 0.35


def test_online_td_learns_half_as_fast_after_fifty_batches():
    """a_k = a/(1 + k/50): a small change of θ on the same episodes is proportional to it."""
    problem, method, changes = LinearQuadratic(), OnlineTD(rate=0.01, instants=4), []
    for k in (0, 50, 150):
        state = method.init(problem)
        state.k = k
        changes.append(method.step(problem, state).theta)
    np.testing.assert_allclose(changes[1], changes[0] / 2, rtol=0.03)
    np.testing.assert_allclose(changes[2], changes[0] / 4, rtol=0.03)


def test_means_are_over_the_same_paths_on_all_meshes():
    p = PROBLEM.turned(paths=20, levels=6)
    np.testing.assert_array_equal(p.seen(16), p.seen(64)[:, ::4])
