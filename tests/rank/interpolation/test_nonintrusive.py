"""Nonintrusive interpolation of matrices and reduced bases against dense algebra."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.rank.interpolation.inclusion import MovingInclusion, Separated, product
from toolkit.rank.interpolation.nonintrusive import NonintrusiveBasis, NonintrusiveMatrices

PROBLEM = MovingInclusion(n=50, training=80, tests=8)


def dense(matrix):
    return np.diag(matrix[0]) + np.diag(matrix[1, :-1], 1) + np.diag(matrix[1, :-1], -1)


def test_constant_coefficient_gives_the_parabola():
    flat = MovingInclusion(n=20, strength=0.1)
    constant = np.stack((np.full(19, 40.0), np.append(np.full(18, -20.0), 0)))
    x = np.arange(1, 20) / 20
    np.testing.assert_allclose(flat.solve(constant), x * (1 - x) / 2, rtol=1e-12)


def test_matrix_product_and_norm_are_the_dense_ones():
    matrix = PROBLEM.matrix(PROBLEM.test_set[0])
    v = np.random.default_rng(0).standard_normal((3, 49))
    np.testing.assert_allclose(product(matrix, v), v @ dense(matrix), rtol=1e-12)
    stiff = 50 * (2 * np.eye(49) - np.eye(49, k=1) - np.eye(49, k=-1))
    np.testing.assert_allclose(PROBLEM.norms(v) ** 2, np.einsum("mi,ij,mj->m", v, stiff, v), rtol=1e-12)


def test_the_weights_interpolate_the_coefficient_and_the_matrix_alike():
    state = tk.solve(PROBLEM, NonintrusiveMatrices(), tk.Stop(rtol=0.0, steps=8)).state
    separated = Separated(PROBLEM, state.crosses)
    mu = PROBLEM.test_set[:1]
    beta = separated.weights(mu)[0]
    np.testing.assert_allclose(
        (beta @ separated.values)[separated.points], PROBLEM.coefficient(mu)[0, separated.points]
    )
    kappa = beta @ separated.values * 50
    assembled = np.stack((kappa[:-1] + kappa[1:], np.append(-kappa[1:-1], 0.0)))
    np.testing.assert_allclose(np.tensordot(beta, separated.matrices, 1), assembled, atol=1e-9)


def test_the_matrix_error_falls_to_rounding():
    history = tk.solve(PROBLEM, NonintrusiveMatrices(terms=50), tk.Stop(rtol=0.0, steps=50), ["solution_error"]).history
    assert history["matrix_error"][-1] < 1e-9 and history["solution_error"][-1] < 1e-9


@pytest.mark.parametrize("terms", [8, 14, 30])
def test_the_reduced_basis_stops_at_the_floor_of_the_interpolation(terms):
    run = tk.solve(
        PROBLEM, NonintrusiveBasis(terms=terms, dimension=30), tk.Stop(rtol=0.0, steps=30), ["solution_error"]
    )
    combined = tk.solve(PROBLEM, NonintrusiveMatrices(terms=terms), tk.Stop(rtol=0.0, steps=terms), ["solution_error"])
    reduced, floor = run.history["solution_error"][-1], combined.history["solution_error"][-1]
    assert reduced <= 1.5 * floor + 1e-7 and reduced <= run.state.floor / (1 - run.state.floor) + 1e-7


def test_the_reduced_solution_is_galerkin_for_the_combined_matrix():
    state = tk.solve(PROBLEM, NonintrusiveBasis(), tk.Stop(rtol=0.0, steps=5)).state
    separated = Separated(PROBLEM, state.crosses)
    images = np.stack([product(matrix, state.basis) for matrix in separated.matrices])
    estimates, guess, _ = NonintrusiveBasis()._reduced(PROBLEM, separated, images, state.basis, PROBLEM.test_set)
    a, u = dense(np.tensordot(separated.weights(PROBLEM.test_set)[2], separated.matrices, 1)), state.basis.T
    expected = u @ np.linalg.solve(u.T @ a @ u, u.T @ PROBLEM.load)
    np.testing.assert_allclose(guess[2], expected, rtol=1e-8)
    r = PROBLEM.load - a @ expected
    stiff = 50 * (2 * np.eye(49) - np.eye(49, k=1) - np.eye(49, k=-1))
    assert estimates[2] == pytest.approx(np.sqrt(r @ np.linalg.solve(stiff, r)), rel=1e-6)


def test_what_is_promised_of_a_reduced_solution_is_the_dense_formula():
    """(δ + |r̂|/|u′|)/(α − δ), the residual r̂ of the combined equation in its dual norm, by dense matrices."""
    problem = MovingInclusion(n=40, training=60, tests=6)
    state = tk.Run(problem, NonintrusiveBasis(terms=9)).step(3).state
    separated, n = Separated(problem, state.crosses), problem.n - 1
    laplace = problem.n * (2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1))
    sizes, seen = problem.norms(problem.truth), 0
    for i, (mu, weights) in enumerate(zip(problem.test_set, separated.weights(problem.test_set))):
        combined = sum(
            weight * (np.diag(one[0]) + np.diag(one[1, :-1], 1) + np.diag(one[1, :-1], -1))
            for weight, one in zip(weights, separated.matrices)
        )
        guess = state.basis.T @ np.linalg.solve(state.basis @ combined @ state.basis.T, state.basis @ problem.load)
        rest = problem.load - combined @ guess
        residual = np.sqrt(rest @ np.linalg.solve(laplace, rest))
        kappa = problem.coefficient(mu[None])[0]
        delta, alpha = np.abs(kappa - weights @ separated.values).max(), kappa.min()
        if delta < alpha:
            seen += 1
            expected = (delta + residual / sizes[i]) / (alpha - delta)
            assert state.promised[i] == pytest.approx(expected, rel=1e-6)
    assert seen >= 3 and np.max(state.promised[np.isfinite(state.promised)]) > 0.05
