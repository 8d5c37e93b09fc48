"""BDIA and its inversion: exact for γ = 1, rounding amplified by 1/γ a step otherwise, and better than DDIM."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.sampler.backward.inversion import BDIA, BDIARoundTrip, DDIMRoundTrip
from toolkit.sampler.laws.digits import Digits
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.mixtures import PlaneMixture, SpaceMixture
from toolkit.sampler.laws.schedules import SCHEDULES
from toolkit.sampler.solvers.ddim import DDIM

THROUGH = tk.Stop(rtol=0.0, steps=None)
LAWS = [
    PlaneMixture(particles=32),
    GaussianFlow(particles=32, schedule="EDM", dimension=3),
    SpaceMixture(particles=16, schedule="VP cosine", dimension=3),
]
laws = pytest.mark.parametrize("problem", LAWS, ids=lambda one: one.slug())


def error(problem, method):
    run = tk.solve(problem, method, THROUGH, ["final_error"])
    return run.history.last("final_error") if run.status.kind == "converged" else float("inf")


def written_out(problem, times, gamma):
    """The recursion in increments Δ, with DDIM written through ε: α_t (x − σ_s ε)/α_s + σ_t ε."""
    process, z = problem.process, [problem.initial]

    def increment(x, s, t):
        eps = problem.noise(x, s)
        return process.alpha(t) / process.alpha(s) * (x - process.sigma(s) * eps) + process.sigma(t) * eps - x

    z.append(z[0] + increment(z[0], times[0], times[1]))
    for above, here, below in zip(times, times[1:], times[2:]):
        x = z[-1]
        z.append(z[-2] - (1 - gamma) * (z[-2] - x) - gamma * increment(x, here, above) + increment(x, here, below))
    return z[-1]


@laws
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0])
def test_the_recursion_as_it_is_written(problem, gamma):
    method = BDIA(steps=14, gamma=gamma)
    exact = written_out(problem, method.times(problem), gamma)
    found = tk.solve(problem, method, THROUGH).solution()
    np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-10)


def test_gamma_zero_is_ddim():
    problem = LAWS[0]
    ddim = tk.solve(problem, DDIM(steps=14), THROUGH).solution()
    np.testing.assert_array_equal(tk.solve(problem, BDIA(steps=14, gamma=0.0), THROUGH).solution(), ddim)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 100, 400])
def test_round_trip_is_exact(schedule, steps):
    """To rounding of particles as large as σ(T), where DDIM's misses by more than 10⁻³ of it."""
    problem = PlaneMixture(particles=20, schedule=schedule)
    assert error(problem, BDIARoundTrip(steps=steps)) < 1e-10
    assert error(problem, DDIMRoundTrip(steps=steps)) > 1e-3


@laws
def test_ddims_round_trip_falls_like_the_number_of_steps(problem):
    (claim,) = DDIMRoundTrip().claims(problem)
    verdict = tk.check(claim, problem, DDIMRoundTrip())
    assert verdict.holds and verdict.measured == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("gamma, steps", [(0.5, 30), (0.8, 80), (0.9, 180)])
def test_inversion_amplifies_rounding(gamma, steps):
    """The claim, and by another way: the logarithm of the round trip's error against N has the slope −log γ."""
    problem = LAWS[0]
    method = BDIARoundTrip(steps=steps, gamma=gamma)
    (claim,) = method.claims(problem)
    assert tk.check(claim, problem, method).holds
    counts = np.linspace(steps // 2, steps, 6).astype(int)
    errors = [error(problem, method.turned(steps=int(n))) for n in counts]
    assert np.polyfit(counts, np.log(errors), 1)[0] == pytest.approx(-np.log(gamma), rel=0.25)


def test_the_promised_growth_is_drawn_from_where_the_way_back_begins():
    """It is first measured in the middle of the run, and is met at the end: the drawn line and the run end together."""
    method = BDIARoundTrip(steps=80, gamma=0.75)
    (claim,) = method.claims(LAWS[0])
    (run,) = claim.runs(LAWS[0], method)
    run.finish(claim.stop)
    (k, values), (drawn_k, drawn) = run.history.series("retrace"), claim.overlay(run.history)
    assert k[0] > 80 and np.array_equal(k, drawn_k) and drawn[0] == values[0] > 0
    assert abs(np.log10(drawn[-1] / values[-1])) < 1.5


def test_beyond_that_the_way_back_is_lost():
    assert error(LAWS[0], BDIARoundTrip(steps=400, gamma=0.5)) > 1
    assert BDIARoundTrip(steps=400, gamma=0.5).claims(LAWS[0]) == ()


@laws
@pytest.mark.parametrize("gamma, order", [(1.0, 2), (0.5, 1), (0.0, 1)])
def test_orders(problem, gamma, order):
    """γ = 1 cancels DDIM's leading error and is of order 2; any smaller γ leaves a part of it."""
    method = BDIA(gamma=gamma)
    (claim,) = method.claims(problem)
    verdict = tk.check(claim, problem, method)
    assert verdict.holds and verdict.measured == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize(
    "problem", [*LAWS, PlaneMixture(particles=32, shape="moons", schedule="flow matching")], ids=lambda one: one.slug()
)
def test_sampling_error_is_below_ddims(problem):
    """From some twenty steps on for γ = 1 (the more, the clearer), at any number for γ = 1/2."""
    for steps in (30, 60, 120):
        ddim = error(problem, DDIM(steps=steps))
        assert error(problem, BDIA(steps=steps)) < ddim
        assert error(problem, BDIA(steps=steps, gamma=0.5)) < 0.5 * ddim
    assert error(problem, BDIA(steps=120)) < 0.2 * ddim


def test_digits_come_back():
    pytest.importorskip("sklearn")
    problem = Digits(particles=8)
    assert error(problem, BDIARoundTrip(steps=50)) < 1e-10 < 0.5 < error(problem, DDIMRoundTrip(steps=50))


def test_evaluations_are_counted():
    """N down, and up one less: the first step up recalls the other of the two states that are kept."""
    assert tk.solve(LAWS[0], BDIA(steps=9), THROUGH).state.work.nfe == 9
    assert tk.solve(LAWS[0], BDIARoundTrip(steps=9), THROUGH).state.work.nfe == 9 + 8
    assert tk.solve(LAWS[0], DDIMRoundTrip(steps=9), THROUGH).state.work.nfe == 18
