"""Inverses and log-determinants from a few, against dense algebra."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.rank.interpolation.matrix_powers import (
    AffineMatrices,
    InverseDistance,
    PowersByInterpolation,
    exponents,
    monomials,
)

PROBLEM = AffineMatrices(size=9, training=120, tests=6)


def run(method, steps):
    return tk.solve(PROBLEM, method, tk.Stop(rtol=0.0, steps=steps))


def test_the_parts_are_semidefinite_sum_to_one_and_do_not_commute():
    a = PROBLEM.parts
    np.testing.assert_allclose(a.sum(axis=0), np.eye(9), atol=1e-12)
    assert np.linalg.eigvalsh(a).min() > -1e-12 and np.abs(a[0] @ a[1] - a[1] @ a[0]).max() > 1e-3


def test_monomials_are_those_of_the_multinomial_theorem():
    theta = PROBLEM.test_set
    degrees = exponents(5)[0].sum(axis=1)
    for j in range(6):
        np.testing.assert_allclose(monomials(theta, 5)[:, degrees == j].sum(axis=1), (3 - theta.sum(axis=1)) ** j)


def test_as_many_terms_as_monomials_reproduce_every_power():
    state = run(PowersByInterpolation(power=3), 20).state
    assert len(state.chosen) == 20
    for j in range(4):
        powers = [np.linalg.matrix_power(np.eye(9) - a, j) for a in PROBLEM.matrix(state.chosen)]
        exact = [np.linalg.matrix_power(np.eye(9) - a, j) for a in PROBLEM.matrix(PROBLEM.test_set)]
        np.testing.assert_allclose(np.tensordot(state.weights, powers, 1), exact, atol=1e-9)


@pytest.mark.parametrize("power, terms", [(3, 8), (3, 20), (8, 20), (12, 40)])
def test_the_errors_are_those_of_dense_inverses_and_below_the_bound(power, terms):
    method = PowersByInterpolation(power=power, terms=terms)
    state = run(method, terms).state
    guess = sum(w[:, None, None] * np.linalg.inv(a) for w, a in zip(state.weights.T, PROBLEM.matrix(state.chosen)))
    exact = np.linalg.inv(PROBLEM.matrix(PROBLEM.test_set))
    far, size = (np.linalg.norm(x, 2, axis=(1, 2)) for x in (guess - exact, exact))
    assert state.inverse_error == pytest.approx(np.max(far / size), rel=1e-6)
    assert np.all(far <= method.limits(PROBLEM, state))
    logs = state.weights @ np.linalg.slogdet(PROBLEM.matrix(state.chosen))[1]
    missed = np.abs(logs - np.linalg.slogdet(PROBLEM.matrix(PROBLEM.test_set))[1])
    assert np.all(missed <= method.logdet_limits(PROBLEM, state))


def test_held_out_errors_fall_with_the_terms():
    history = run(PowersByInterpolation(), 40).history
    assert history["inverse_error"][-1] < 1e-3 and history["logdet_error"][-1] < 1e-3
    assert history["inverse_error"][-1] < 1e-2 * run(InverseDistance(), 40).history["inverse_error"][-1]


def test_inverse_distance_is_exact_at_its_parameters():
    problem = AffineMatrices(size=5, training=50, tests=3)
    object.__setattr__(problem, "test_set", problem.training_set[:3])
    assert tk.solve(problem, InverseDistance(), tk.Stop(rtol=0.0, steps=6)).history["inverse_error"][-1] < 1e-12
