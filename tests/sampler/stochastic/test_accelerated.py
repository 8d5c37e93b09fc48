"""The samplers with proved rates: their formulas in the paper's own discrete terms, their orders and their laws."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.mixtures import PlaneMixture, SpaceMixture
from toolkit.sampler.laws.schedules import SCHEDULES
from toolkit.sampler.stochastic.accelerated import RATES, AcceleratedDDIM, AcceleratedDDPM, learning_rates

THROUGH = tk.Stop(rtol=0.0, steps=None)
LAWS = [PlaneMixture(particles=16), GaussianFlow(particles=16, schedule="EDM", dimension=3)]
laws = pytest.mark.parametrize("problem", LAWS, ids=lambda one: one.slug())
switch = pytest.mark.parametrize("accelerated", [True, False])


def sampled(problem, method):
    return tk.solve(problem, method, THROUGH).solution()


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [60, 500])
def test_learning_rates_follow_their_law(name, steps):
    """1 − α_1 = 1 − ᾱ(end); then β_t = r min(β₁ (1 + r)^t, 1) with one r for all t, and ᾱ_T is the start's."""
    process = SCHEDULES[name]
    times = learning_rates(process, steps, None)
    bar = 1 / (1 + np.exp(-2 * process.log_snr(times[::-1])))  # ᾱ_1, …, ᾱ_{T+1}
    beta, first = 1 - bar[1:] / bar[:-1], 1 - bar[0]
    rate = beta[-1]  # the power has reached one
    power = np.minimum(first * (1 + rate) ** np.arange(1, steps + 1), 1)
    np.testing.assert_allclose(beta, rate * power, rtol=1e-5)
    assert times[0] == process.start and times[-1] == process.end


def test_too_few_steps_are_refused():
    with pytest.raises(tk.ToolkitError, match="expected"):
        learning_rates(SCHEDULES["VP linear"], 3, None)
    assert tk.solve(LAWS[0], AcceleratedDDIM(steps=3), THROUGH).status.kind == "failed"


@switch
def test_deterministic_formula_as_it_is_written(accelerated):
    """On a variance-preserving process, with the problem's own score."""
    problem, method = LAWS[0], AcceleratedDDIM(steps=40, accelerated=accelerated)
    times = method.times(problem)
    bar, y = problem.process.alpha(times) ** 2, problem.initial
    for i in range(40):
        a = bar[i] / bar[i + 1]
        score = problem.score(y, times[i])
        y_next = y + (1 - a) / 2 * score
        if accelerated and i:
            up = bar[i - 1] / bar[i]
            back = np.sqrt(up) * (y - (1 - up) / 2 * score)
            y_next += (1 - a) ** 2 / (4 * (1 - up)) * (score - np.sqrt(up) * problem.score(back, times[i - 1]))
        y = y_next / np.sqrt(a)
    np.testing.assert_allclose(sampled(problem, method), y, rtol=1e-9, atol=1e-9)


@switch
def test_stochastic_formula_as_it_is_written(accelerated):
    problem, method = LAWS[0], AcceleratedDDPM(steps=40, accelerated=accelerated)
    times = method.times(problem)
    bar, y = problem.process.alpha(times) ** 2, problem.initial
    for i in range(40):
        a = bar[i] / bar[i + 1]
        if accelerated:
            y = y + np.sqrt((1 - a) / 2) * problem.fresh_noise(2 * i)
            y = (
                y + (1 - a) * problem.score(y, times[i]) + np.sqrt((1 - a) / 2) * problem.fresh_noise(2 * i + 1)
            ) / a**0.5
        else:
            y = (y + (1 - a) * problem.score(y, times[i]) + np.sqrt(1 - a) * problem.fresh_noise(i)) / a**0.5
    np.testing.assert_allclose(sampled(problem, method), y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", [AcceleratedDDIM, AcceleratedDDPM])
def test_rescaling_the_process_changes_nothing(method):
    """x/√(α² + σ²) of EDM's particles goes as on a variance-preserving process with the same log-SNR."""
    edm = PlaneMixture(particles=16, schedule="EDM")
    run = method(steps=40, grid="log-SNR")
    times, state = run.times(edm), run.init(edm)
    y = edm.initial / np.hypot(1, 80.0)
    process = SCHEDULES["VP linear"]
    vp = PlaneMixture(particles=16)
    other = run.init(vp)
    other.x, other.times = y, process.time(-np.log(times))
    for _ in range(40):
        state, other = run.step(edm, state), run.step(vp, other)
    np.testing.assert_allclose(state.x / np.hypot(1, 0.002), other.x, rtol=1e-8, atol=1e-9)


@laws
@switch
@pytest.mark.parametrize("grid", [RATES, "log-SNR"])
def test_deterministic_orders(problem, accelerated, grid):
    """−1 plain and −2 accelerated, on two laws, two schedules and two grids."""
    method = AcceleratedDDIM(accelerated=accelerated, grid=grid)
    (claim,) = method.claims(problem)
    verdict = tk.check(claim, problem, method)
    assert verdict.holds and verdict.measured == pytest.approx(2 if accelerated else 1, abs=0.15)


@pytest.mark.parametrize("schedule", ["VP linear", "EDM"])
@pytest.mark.parametrize("grid", [RATES, "log-SNR"])
def test_error_of_the_law_of_the_stochastic_sampler(schedule, grid):
    """Within the upper bounds 1/T and 1/√T; on a Gaussian they are of order 2 and 1, and the first is the nearer."""
    problem, last = GaussianFlow(particles=4, schedule=schedule), []
    for accelerated, order in ((True, 2), (False, 1)):
        method = AcceleratedDDPM(accelerated=accelerated, grid=grid)
        (claim,) = method.claims(problem)
        verdict = tk.check(claim, problem, method)
        assert verdict.holds and verdict.measured == pytest.approx(order, abs=0.15)
        last.append(verdict.points[-1][1])
    assert 20 * last[0] < last[1]


@switch
def test_the_law_is_that_of_many_particles(accelerated):
    problem, method = GaussianFlow(particles=200_000), AcceleratedDDPM(steps=30, accelerated=accelerated)
    x = sampled(problem, method)
    mean, covariance = method.law(problem, method.times(problem))
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=4 / np.sqrt(200_000))
    np.testing.assert_allclose(np.cov(x.T), covariance, atol=8 / np.sqrt(200_000))


def test_accelerated_is_nearer_at_equal_evaluations():
    """Twice the evaluations a step, and still far nearer: 128 steps against 256 plain ones."""
    for problem in (*LAWS, SpaceMixture(particles=16, dimension=3, schedule="VP cosine")):
        runs = [
            tk.solve(problem, AcceleratedDDIM(steps=steps, accelerated=on), THROUGH, ["final_error"])
            for steps, on in ((128, True), (256, False))
        ]
        fast, plain = (run.history.last("final_error") for run in runs)
        assert 5 * fast < plain and runs[0].state.work.nfe == runs[1].state.work.nfe - 1
