"""Training under Run: Adam as its paper has it, and two users on one network."""

import numpy as np
import pytest

import toolkit as tk
from toolkit import networks as nets
from toolkit.rank.dynamics.digits_training import DigitsTraining, gradients
from toolkit.rank.dynamics.low_rank_training import FullDescent
from toolkit.sampler.learnt.adam import Adam
from toolkit.sampler.learnt.denoiser import DenoiserTraining

SMALL = DenoiserTraining(hidden=6, images=8)


@pytest.fixture(autouse=True)
def digits():
    pytest.importorskip("sklearn")


def test_adam_is_algorithm_1_with_a_falling_rate_and_a_running_mean():
    """Straight from the paper, averages written as sums over all slopes."""
    method = Adam(rate=0.01, steps=9, warm=4, beta1=0.8, beta2=0.95, keep=0.7)
    generator = SMALL.generator()
    at, slopes, seen = SMALL.start(generator), [], []
    for k in range(1, 8):
        slopes.append(SMALL.gradient(at, SMALL.batch(generator)).slope)
        back = np.arange(k)[::-1]
        first = 0.2 * (0.8**back) @ np.array(slopes) / (1 - 0.8**k)
        second = 0.05 * (0.95**back) @ np.array(slopes) ** 2 / (1 - 0.95**k)
        rate = 0.01 * min(1, k / 4) * (1 + np.cos(np.pi * k / 9)) / 2
        at = at - rate * first / (np.sqrt(second) + 1e-8)
        seen.append(at)
    run = tk.Run(SMALL, method).step(7)
    np.testing.assert_allclose(run.state.parameters, at, rtol=1e-9, atol=1e-12)
    shares = 0.3 * 0.7 ** np.arange(7)[::-1]
    np.testing.assert_allclose(run.solution(), shares @ np.array(seen) / shares.sum(), rtol=1e-9, atol=1e-12)
    moved = np.abs(seen[-1] - seen[-2]).max()
    assert run.state.stride == pytest.approx(moved, rel=1e-9)


def test_no_weight_moves_further_than_the_rate_allows():
    """The bound holds from the first step on, and is met there: after one slope all shares are one."""
    method = Adam(steps=60, warm=1)
    (claim,) = method.claims(SMALL)
    assert tk.check(claim, SMALL, method).holds
    run = tk.Run(SMALL, method).step(1)
    assert run.state.stride == pytest.approx(float(method.rate_at(1)), rel=1e-3)
    assert method.reach(1) == pytest.approx(1, rel=1e-14) and method.reach(10**6) == pytest.approx(5.5**0.5, rel=1e-12)


def test_a_fork_and_a_look_back_are_exact():
    """The batches are drawn by a generator that is part of the state."""
    run = tk.Run(SMALL, Adam(steps=20)).step(8)
    twin = run.fork()
    np.testing.assert_array_equal(run.step(5).solution(), twin.step(5).solution())
    again = tk.Run.from_spec(run.spec()).step(13)
    assert again.history.trace_hash() == run.history.trace_hash()
    np.testing.assert_array_equal(run.at(4).solution(), tk.Run(SMALL, Adam(steps=20)).step(4).solution())


def test_the_last_step_ends_the_run():
    run = tk.Run(SMALL, Adam(steps=5), tk.Stop(rtol=0.0, steps=None)).finish()
    assert run.status.kind == "converged" and run.k == 5


def test_low_rank_training_has_the_loss_of_the_full_network():
    """The problem as a loss of one vector, and as the low-rank methods see it: value and every gradient."""
    problem = DigitsTraining(images=60, hidden=12, start_rank=4, sigma_min=0.1)
    at, batch = problem.start(problem.generator()), problem.batch(problem.generator())
    found = problem.gradient(at, batch)
    factors = [(u * s, v) for u, s, v in problem.factors]
    loss, inputs, deltas, slopes = gradients(factors, problem.dense, *batch)
    assert found.value == pytest.approx(loss, rel=1e-14)
    wanted = [deltas[0].T @ inputs[0], slopes[0], deltas[1].T @ inputs[1], *slopes[1:]]
    np.testing.assert_allclose(found.slope, problem.layout.flat(wanted), atol=1e-15)


def test_descent_on_full_matrices_is_descent_on_the_vector():
    problem = DigitsTraining(images=60, hidden=12, start_rank=4)
    at, batch = problem.start(problem.generator()), problem.batch(problem.generator())
    for _ in range(5):
        at = at - 0.1 * problem.gradient(at, batch).slope
    state = tk.Run(problem, FullDescent(rate=0.1)).step(5).state
    w1, b1, w2, b2, w3, b3 = problem.layout.arrays(at)
    np.testing.assert_allclose(
        state.solution(), np.concatenate([x.ravel() for x in (w1, w2, b1, b2, w3, b3)]), atol=1e-13
    )
    assert nets.value(problem.layout, problem.misfit, at, *batch) == pytest.approx(state.loss, rel=1e-13)


def test_adam_trains_any_loss():
    """It names the base, not a problem: the digits of another lab are learnt by it too."""
    problem, method = DigitsTraining(images=100, hidden=16), Adam(rate=0.01, steps=60, warm=1)
    assert not method.suits(problem)
    run = tk.Run(problem, method).step(60)
    assert run.history["loss"][-1] < 0.25 * run.history["loss"][0]
