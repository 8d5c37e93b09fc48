"""Descent in parallel rounds: the descent is the one written out, the rounds end at it, and the first has a formula."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.core.stop import THROUGH_GROWTH
from toolkit.sampler.parallel.chain import GaussSeidelJacobi
from toolkit.sampler.parallel.descent import DescentRounds
from toolkit.sampler.parallel.problems import Chain, Descent


def rounds(problem, **about):
    return tk.solve(problem, DescentRounds(**about), THROUGH_GROWTH, ["chain_error", "unsettled"])


def log_density(problem, theta):
    weights, means, widths = problem.law.parts
    terms = np.log(weights) - ((theta - means) ** 2).sum(axis=1) / (2 * widths**2)
    return np.logaddexp.reduce(terms)


def test_the_slope_is_that_of_the_log_density():
    problem, h = Descent(dimension=3, components=4), 1e-5
    theta = problem.start[0]
    slope = [-(log_density(problem, theta + h * e) - log_density(problem, theta - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(problem.slope(theta[None])[0], slope, rtol=1e-8)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_on_a_quadratic_the_descent_is_a_matrix_power(momentum):
    """One component: (θ − μ, η m) moves by [[1 − r, −β], [r, β]] with r = η/s²."""
    problem = Descent(components=1, rate=0.3, momentum=momentum, length=20)
    mean, eta = problem.law.parts[1][0], 0.3 * problem.width**2
    step = np.array([[1 - 0.3, -momentum], [0.3, momentum]])
    away = np.stack((problem.start[0] - mean, np.zeros(problem.dimension)))
    expected = np.linalg.matrix_power(step, 20) @ away
    found = problem.path[-1].reshape(2, -1)
    np.testing.assert_allclose(found[0] - mean, expected[0], atol=1e-13)
    np.testing.assert_allclose(eta * found[1], expected[1], atol=1e-13)


def test_the_first_round_has_the_slope_of_the_start_everywhere():
    """θ_j = θ₀ − η g Σ_{i ≤ j} (1 − β^i)/(1 − β), the descent under a constant slope g."""
    problem = Descent(length=12, momentum=0.7)
    path = tk.Run(problem, DescentRounds(window=12), THROUGH_GROWTH).step(1).solution().reshape(13, 2, -1)
    slope, eta = problem.slope(problem.start[:1])[0], problem.rate * problem.width**2
    share = np.cumsum((1 - 0.7 ** np.arange(1, 13)) / (1 - 0.7))
    np.testing.assert_allclose(path[1:, 0], problem.start[0] - eta * share[:, None] * slope, rtol=1e-13)


@pytest.mark.parametrize("form", ["generalised", "Jacobi"])
@pytest.mark.parametrize("window", [1, 5, 64])
@pytest.mark.parametrize("rate", [0.04, 0.9])
def test_exact_after_as_many_rounds_as_steps(form, window, rate):
    problem = Descent(length=40, rate=rate)
    run = rounds(problem, form=form, window=window)
    assert run.k <= 40 and run.history.last("chain_error") < 1e-12
    assert np.all(run.history["unsettled"] <= 40 - run.history["k"] + 1e-9)


def test_one_node_a_round_is_step_by_step():
    run = rounds(Descent(length=30), window=1)
    assert run.k == 30 == run.history.last("nfe") and run.history.last("chain_error") == 0


def test_momentum_is_run_through_only_in_the_generalised_form():
    """With old momenta too, no more than one node settles a round; fresh ones need a third of the rounds."""
    problem = Descent(length=64)
    few, many = (rounds(problem, form=form, window=64, tolerance=1e-3).k for form in ("generalised", "Jacobi"))
    assert few < many / 2


def test_claims_hold_where_they_are_made():
    rng, count = np.random.default_rng(0), 0
    for i in range(12):
        knobs = dict(rate=float(10 ** rng.uniform(-3, 0)), momentum=float(rng.uniform(0, 0.95)), seed=i)
        problem = Descent(length=int(rng.integers(8, 60)), dimension=int(rng.integers(1, 9)), **knobs)
        for method in (DescentRounds(), DescentRounds(tolerance=1e-4), DescentRounds(form="Jacobi", window=9)):
            for claim in method.claims(problem):
                verdict, count = tk.check(claim, problem, method), count + 1
                assert verdict.holds is True, (problem, method, claim.title, verdict)
    assert count >= 30


def test_blocks_left_before_they_are_exact_promise_nothing():
    assert GaussSeidelJacobi().claims(Chain()) and not GaussSeidelJacobi(tolerance=1e-3).claims(Chain())


def test_a_round_waits_once():
    history = rounds(Descent(length=24), window=6).history
    np.testing.assert_array_equal(history["depth"], history["k"])
