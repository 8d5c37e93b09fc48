"""The stochastic sampler of EDM: its noise, its law on a Gaussian, its grid, and the preconditioning of a denoiser."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.mixtures import PlaneMixture, SpaceMixture
from toolkit.sampler.laws.schedules import SCHEDULES
from toolkit.sampler.learnt.denoiser import preconditioning
from toolkit.sampler.solvers.ddim import DDIM, HeunSampler
from toolkit.sampler.stochastic.edm import MOST_CHURN, EDMStochastic

THROUGH = tk.Stop(rtol=0.0, steps=None)


def sampled(problem, method):
    return tk.solve(problem, method, THROUGH).solution()


def error(problem, method):
    return tk.solve(problem, method, THROUGH, ["final_error"]).history.last("final_error")


def written_out(problem, steps, churn, low, high, spread, noise):
    """Algorithm 2 line by line for σ(t) = t, with its own denoiser and the problem's draws."""
    t = (80 ** (1 / 7) + np.arange(steps + 1) / steps * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    x = problem.initial
    for i in range(steps):
        gamma = min(churn / steps, np.sqrt(2) - 1) if low <= t[i] <= high else 0.0
        hat = t[i] + gamma * t[i]
        x = x + np.sqrt(hat**2 - t[i] ** 2) * spread * noise(i)
        slope = (x - problem.denoise(x, hat)) / hat
        ahead = x + (t[i + 1] - hat) * slope
        other = (ahead - problem.denoise(ahead, t[i + 1])) / t[i + 1]
        x = x + (t[i + 1] - hat) * (0.5 * slope + 0.5 * other)
    return x


@pytest.mark.parametrize("churn, low, high, spread", [(0, 0, 100, 1), (8, 0.05, 50, 1.003), (1e3, 0.5, 2, 1)])
def test_algorithm_2_as_it_is_written(churn, low, high, spread):
    problem = PlaneMixture(particles=30, schedule="EDM")
    method = EDMStochastic(steps=18, churn=churn, churn_from=low, churn_to=high, churn_noise=spread)
    exact = written_out(problem, 18, churn, low, high, spread, problem.fresh_noise)
    np.testing.assert_allclose(sampled(problem, method), exact, rtol=1e-9, atol=1e-9)


def test_without_churn_it_is_heuns_rule_and_without_correction_ddim():
    edm = PlaneMixture(particles=30, schedule="EDM")
    heun = sampled(edm, HeunSampler(steps=12, grid="Karras"))
    np.testing.assert_allclose(sampled(edm, EDMStochastic(steps=12, churn=0.0)), heun, rtol=1e-10, atol=1e-11)
    for name in SCHEDULES:
        problem = PlaneMixture(particles=30, schedule=name)
        ddim = sampled(problem, DDIM(steps=12, grid="Karras"))
        euler = sampled(problem, EDMStochastic(steps=12, churn=0.0, heun=False))
        np.testing.assert_allclose(euler, ddim, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("schedule", ["VP linear", "EDM"])
@pytest.mark.parametrize("heun, order", [(True, 2), (False, 1)])
def test_order_against_the_flow_and_of_the_law(schedule, heun, order):
    """Two problems and two schedules: slope −2 with Heun's correction, −1 without; with churn the same of the law."""
    for problem in (SpaceMixture(particles=16, dimension=3, schedule=schedule), GaussianFlow(particles=16)):
        for claim in EDMStochastic(churn=0.0, heun=heun).claims(problem):
            verdict = tk.check(claim, problem, EDMStochastic(churn=0.0, heun=heun))
            assert verdict.holds and verdict.measured == pytest.approx(order, abs=0.15)
    gauss = GaussianFlow(particles=4, schedule=schedule)
    (claim,) = EDMStochastic(heun=heun).claims(gauss)
    assert tk.check(claim, gauss, EDMStochastic(heun=heun)).measured == pytest.approx(order, abs=0.15)


def test_the_law_is_that_of_many_particles():
    """Mean and covariance by the affine recursion against 200 000 particles: to 4/√n."""
    problem = GaussianFlow(particles=200_000, schedule="EDM")
    method = EDMStochastic(steps=6, churn=3.0)
    x = sampled(problem, method)
    mean, covariance = method.law(problem, method.times(problem))
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=4 / np.sqrt(200_000))
    np.testing.assert_allclose(np.cov(x.T), covariance, atol=8 / np.sqrt(200_000))


def test_noise_of_the_wrong_size_biases_the_law():
    """S_noise > 1 leaves a bias that steps do not remove; S_noise = 1 does not."""
    problem = GaussianFlow(particles=4)
    plain, loud = EDMStochastic(steps=512), EDMStochastic(steps=512, churn_noise=1.05)
    assert loud.claims(problem) == ()
    errors = [tk.solve(problem, m, THROUGH, ["law_error"]).history.last("law_error") for m in (plain, loud)]
    assert errors[1] > 50 * errors[0]


@pytest.mark.parametrize(
    "law", [PlaneMixture(particles=64, schedule="EDM"), GaussianFlow(particles=64, schedule="EDM")]
)
@pytest.mark.parametrize("steps", [10, 20, 40])
def test_rho_7_is_far_better_than_rho_1(law, steps):
    """At equal evaluations, Heun on σ_i ∝ (even in σ^{1/ρ}): ten times the accuracy at least."""
    seven, one = (error(law, HeunSampler(steps=steps, grid="Karras", rho=rho)) for rho in (7.0, 1.0))
    assert 10 * seven < one


@pytest.mark.parametrize("spread", [0.5, 1.3])
def test_preconditioned_input_and_target_have_unit_variance(spread):
    """Var(c_in (y + n)) = Var((y − c_skip (y + n))/c_out) = 1 in closed form, for any σ."""
    sigma = np.geomspace(0.002, 80, 40)
    skip, into, out = preconditioning(sigma, spread)
    np.testing.assert_allclose(into**2 * (spread**2 + sigma**2), 1, rtol=1e-13)
    np.testing.assert_allclose(((1 - skip) ** 2 * spread**2 + skip**2 * sigma**2) / out**2, 1, rtol=1e-9)


def test_the_skip_that_makes_the_target_smallest():
    sigma, spread = 0.7, 0.5
    skip, _, out = preconditioning(sigma, spread)
    others = skip + np.linspace(-0.2, 0.2, 41)
    assert np.min((1 - others) ** 2 * spread**2 + others**2 * sigma**2) >= out**2 * (1 - 1e-12)


def test_unit_variance_of_real_data():
    """Particles of a mixture in their own standard deviation: input and target are of unit variance as measured."""
    problem = PlaneMixture(particles=100_000)
    data = problem.draw(np.random.default_rng(0), 100_000)
    data -= data.mean(axis=0)
    spread, normal = data.std(), np.random.default_rng(1).standard_normal(data.shape)
    for sigma in (0.05, 0.5, 5.0):
        skip, into, out = preconditioning(sigma, spread)
        assert np.std(into * (data + sigma * normal)) == pytest.approx(1, abs=0.01)
        assert np.std((data - skip * (data + sigma * normal)) / out) == pytest.approx(1, abs=0.01)


def test_evaluations_are_counted():
    for heun in (True, False):
        run = tk.solve(PlaneMixture(particles=4), EDMStochastic(steps=7, heun=heun), THROUGH)
        assert run.state.work.nfe == 7 * (2 if heun else 1)


def test_the_samplers_that_are_compared_in_churn_differ_in_it():
    """Above (√2 − 1) N more churn adds no more noise, and two samplers would be one."""
    methods = tk.lab("sampler").experiment("churn").methods
    added = [min(method.churn / method.steps, MOST_CHURN) for method in methods]
    assert len(set(added)) == len(methods) and max(added) < MOST_CHURN
