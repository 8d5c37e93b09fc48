"""What pictures show is so: trajectories are those of the run, arrows the score; and distances against SciPy's."""

import numpy as np
import pytest
from scipy import stats

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.sampler.fitted.integration import IIADDIM
from toolkit.sampler.laws.digits import Digits
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.measures import energy_distance, law_draws
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.ddim import DDIM, DDPM, HeunSampler
from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M
from toolkit.sampler.solvers.looks import FOLLOWED, PICTURES, score_field, ways
from toolkit.sampler.solvers.unipc import UniPC


def picture(name):
    return next(one for one in PICTURES if one.name == name)


def after(method, problem, steps):
    return tk.Run(problem, method, THROUGH).step(steps).state


@pytest.mark.parametrize("schedule", ["VP linear", "EDM"])
@pytest.mark.parametrize("method", [DDIM(), HeunSampler(), DPMSolverPP2M(), UniPC(p=3), DDPM(), IIADDIM(steps=20)])
def test_ways_are_those_of_the_run(schedule, method):
    """Sixteen particles retraced alone stand where the run's first ones do; the exact ones where the flow carries."""
    problem = PlaneMixture(particles=300, schedule=schedule)
    for steps in (1, 7, 20):
        state = after(method, problem, steps)
        kept = state.x.copy()
        drawn, size = ways(problem, state), np.hypot(problem.process.alpha(state.t), problem.process.sigma(state.t))
        np.testing.assert_allclose(np.transpose(drawn["particles"]), state.x[:FOLLOWED] / size, rtol=1e-9, atol=1e-9)
        assert len(drawn["steps"][0]) == steps * FOLLOWED
        np.testing.assert_array_equal(state.x, kept)
        assert ("exact flow" in drawn) == (not method.stochastic)
    if not method.stochastic:
        end = np.transpose(drawn["exact flow"])[-FOLLOWED:] * size
        np.testing.assert_allclose(end, problem.flow(state.t)[:FOLLOWED], atol=0.01)


def test_ways_where_there_is_nothing_to_draw():
    plane, space = PlaneMixture(particles=9), GaussianFlow(dimension=3, particles=9)
    assert ways(plane, DDIM().init(plane)) is None
    assert not picture("ways").applies(space, after(DDIM(), space, 3))
    assert not picture("ways").applies(plane, after(DDIM(steps=400), plane, 300))
    assert picture("ways").applies(plane, after(DDIM(steps=400), plane, 200))
    assert len(ways(PlaneMixture(particles=2), after(DDIM(), PlaneMixture(particles=2), 3))["particles"][0]) == 2


@pytest.mark.parametrize("schedule", ["VP linear", "VE"])
def test_arrows_point_along_the_score(schedule):
    problem = PlaneMixture(particles=50, schedule=schedule)
    state = after(DDIM(steps=8), problem, 5)
    drawn, size = score_field(problem, state), np.hypot(problem.process.alpha(state.t), problem.process.sigma(state.t))
    tip = np.transpose(drawn["towards"])
    base = np.transpose(drawn["∇ log p"])[: len(tip)]
    score, arrow = problem.score(size * base, state.t), tip - base
    cosine = (score * arrow).sum(axis=1) / np.linalg.norm(score, axis=1) / np.linalg.norm(arrow, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-9)
    digits = Digits(particles=2)
    assert not picture("score_field").applies(digits, after(DDIM(), digits, 1))


class Line:
    """Particles on a line."""

    t = 0.3

    def __init__(self, x):
        self.x = x


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_energy_distance_on_a_line_is_scipys(shift):
    """In one dimension D_E² = 2 ∫ (F − G)² dx, the distribution functions of both clouds."""
    problem = GaussianFlow(dimension=1, particles=200)
    x = shift + np.random.default_rng(0).standard_normal((200, 1))
    found = energy_distance(problem, Line(x))
    other = law_draws(problem, 200, 0.3)
    assert found == pytest.approx(stats.energy_distance(x[:, 0], other[:, 0]), rel=1e-9)


def test_energy_distance_of_equal_laws_is_that_of_two_samples():
    """At the end of a good sampling it is small, at the start of Euler's on another law it is not."""
    problem = PlaneMixture(particles=512)
    good = energy_distance(problem, after(DPMSolverPP2M(steps=40), problem, 40))
    bad = energy_distance(problem, after(DDIM(steps=2), problem, 2))
    assert good < 0.15 < bad
