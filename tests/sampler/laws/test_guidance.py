"""Guidance: its ends are the laws of the class and of all, its score is the one that Bayes' rule says."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.core import patience
from toolkit.sampler.laws.digits import Digits
from toolkit.sampler.laws.guidance import GuidedDigits, GuidedMixture, thresholded
from toolkit.sampler.laws.measures import rms
from toolkit.sampler.laws.mixtures import GivenMixture, PlaneMixture
from toolkit.sampler.solvers.ddim import DDIM, HeunSampler
from toolkit.sampler.solvers.dpmplusplus import DPMSolverPP2S
from toolkit.sampler.solvers.dpmsolver import DPMSolver2S, DPMSolver3S, DPMSolverPP2M

THROUGH = tk.Stop(rtol=0.0, steps=None)
MOON = GuidedMixture(particles=32, components=24, shape="moons")


def sampled(problem, method):
    return tk.solve(problem, method, THROUGH).solution()


@pytest.mark.parametrize("t", [0.9, 0.3, 0.01])
def test_scale_one_is_the_class_and_zero_is_all(t):
    x = MOON.draw(np.random.default_rng(0), 50)
    of_class = GivenMixture(*MOON.parts)
    everything = PlaneMixture(components=24, shape="moons")
    np.testing.assert_allclose(MOON.turned(scale=1.0).denoise(x, t), of_class.denoise(x, t), atol=1e-13)
    np.testing.assert_allclose(MOON.turned(scale=0.0).denoise(x, t), everything.denoise(x, t), atol=1e-13)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 3.0])
def test_the_score_is_that_of_the_tilted_density(scale):
    """∇((1 − w) log p + w log p(·|c)) by central differences of the two densities."""
    problem, everything = MOON.turned(scale=scale), PlaneMixture(components=24, shape="moons")
    x, h, t = problem.draw(np.random.default_rng(1), 40) + 0.1, 1e-5, 0.3

    def tilted(at):
        return (1 - scale) * np.log(everything.density(at, t)) + scale * np.log(problem.density(at, t))

    slope = np.stack([(tilted(x + h * e) - tilted(x - h * e)) / (2 * h) for e in np.eye(2)], axis=1)
    np.testing.assert_allclose(problem.score(x, t), slope, rtol=1e-5, atol=1e-5)


def test_groups_part_the_components():
    weights = [len(GuidedMixture(groups=4, group=g, components=30, shape="spiral").parts[0]) for g in (1, 2, 3, 4)]
    assert sum(weights) == len(PlaneMixture(components=30, shape="spiral").parts[0]) and min(weights) > 0


def test_where_the_class_is_certain_guidance_changes_nothing():
    """Deep inside its own class p(c|x) = 1: all scales denoise alike."""
    x = GuidedMixture(particles=1, groups=8, group=3).draw(np.random.default_rng(2), 20)
    one, much = (GuidedMixture(particles=1, groups=8, group=3, scale=w).denoise(x, 0.01) for w in (1.0, 8.0))
    np.testing.assert_allclose(much, one, atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 4.0])
@pytest.mark.parametrize("method, p", [(DDIM, 1), (HeunSampler, 2), (DPMSolverPP2M, 2)])
def test_samplers_keep_their_order_under_guidance(scale, method, p):
    """The exact flow of the guided field is still an ordinary differential equation."""
    problem, values = MOON.turned(scale=scale, particles=16), (128, 256, 512)
    runs = [tk.solve(problem, method(steps=n), THROUGH, ["final_error"]) for n in values]
    errors = [run.history.last("final_error") for run in runs]
    assert -np.polyfit(np.log(values), np.log(errors), 1)[0] == pytest.approx(p, abs=0.15)


def test_more_guidance_more_of_the_class():
    """The mean probability of the class given the sample does not fall as the scale grows."""
    whole, shares = PlaneMixture(components=24, shape="moons"), []
    for scale in (0.0, 1.0, 2.0, 4.0):
        problem = GuidedMixture(particles=400, components=24, shape="moons", scale=scale, seed=3)
        x = sampled(problem, DPMSolverPP2M(steps=40))
        shares.append(float(np.mean(0.5 * problem.density(x, 1e-3) / whole.density(x, 1e-3))))
    assert np.all(np.diff(shares) > -1e-3) and shares[-1] > shares[0]


def test_digits_under_guidance():
    pytest.importorskip("sklearn")
    x = np.random.default_rng(0).standard_normal((5, 64))
    one, plain = GuidedDigits(particles=5, scale=1.0), Digits(particles=5, digit="3")
    np.testing.assert_allclose(one.denoise(x, 0.4), plain.denoise(x, 0.4), atol=1e-13)
    everything = Digits(particles=5).denoise(x, 0.4)
    np.testing.assert_allclose(one.turned(scale=0.0).denoise(x, 0.4), everything, atol=1e-13)
    expected = everything + 2.5 * (plain.denoise(x, 0.4) - everything)
    np.testing.assert_allclose(one.turned(scale=2.5).denoise(x, 0.4), expected, atol=1e-12)


@pytest.mark.parametrize("problem", [GuidedMixture(particles=64), GuidedMixture(particles=64, shape="moons")])
@pytest.mark.parametrize("schedule", ["VP linear", "VP cosine"])
def test_predicting_the_data_stands_strong_guidance(problem, schedule):
    """w = 8, 15 to 16 evaluations: ++ 2M and ++ 2S end nearer than DPM-Solver-2S and -3S, which predict the noise.

    At 18 and 20 evaluations still nearer than DPM-Solver-2S; DPM-Solver-3S with its six steps has recovered.
    """
    problem = problem.turned(scale=8.0, schedule=schedule)
    exact = problem.flow(problem.process.end)
    for evaluations in (15, 16, 18, 20):
        errors = {}
        for cls in (DPMSolverPP2M, DPMSolverPP2S, DPMSolver2S, DPMSolver3S):
            method = cls()
            errors[cls] = rms(sampled(problem, method.turned(steps=evaluations // method.stages)) - exact)
        noise = errors[DPMSolver2S], *([errors[DPMSolver3S]] if evaluations < 18 else [])
        assert max(errors[DPMSolverPP2M], errors[DPMSolverPP2S]) < 0.6 * min(noise)


def test_thresholds_bring_pixels_back():
    """Cut at the quantile s ≥ 1 of |x₀| and divided by s: within [−1, 1], as it was where it was within, whole at 1."""
    x = np.random.default_rng(0).standard_normal((6, 64)) * np.array([0.1, 0.2, 0.3, 2, 4, 8])[:, None]
    found = thresholded(x, 0.95)
    assert np.abs(found).max() <= 1
    np.testing.assert_array_equal(found[:3], x[:3])
    for row, before in zip(found[3:], x[3:]):
        size = np.sort(np.abs(before))[[59, 60]] @ [0.15, 0.85]  # the place 0.95 · 63 = 59.85
        np.testing.assert_allclose(row, np.clip(before / size, -1, 1), rtol=1e-12)
    pytest.importorskip("sklearn")
    plain = GuidedDigits(particles=8, scale=8.0)
    cut = plain.turned(threshold=0.95)
    loose, tight = (np.abs(sampled(one, DPMSolverPP2M(steps=20))) for one in (plain, cut))
    assert loose.max() > 1.3 and tight.max() < 1.05
    np.testing.assert_array_equal(plain.turned(threshold=1.0).denoise(x, 0.4), plain.denoise(x, 0.4))


def kinked():
    """Clipped at quantiles: a kink wherever another pixel becomes the quantile."""
    pytest.importorskip("sklearn")
    return GuidedDigits(particles=4, scale=4.0, threshold=0.9)


def test_a_flow_with_kinks_is_followed_to_its_end_to_six_digits(monkeypatch):
    """To 1e-12 the step size collapses at every kink: it went on for days, and nothing told or ended it."""
    problem, said = kinked(), []
    patience.listen(said.append, None)
    exact = problem.flow(problem.process.end)
    patience.listen(None, None)
    assert 100 < len(said) < 2500 and said[0].startswith("Following the exact flow: 0 %")
    errors = [rms(sampled(problem, DPMSolverPP2M(steps=steps)) - exact) for steps in (40, 80, 160)]
    assert errors[2] < errors[1] < errors[0]
    monkeypatch.setattr(GuidedDigits, "smooth", True)
    with pytest.raises(tk.ToolkitError, match=r"20000 evaluations were not enough, \d+ % of the way. Take fewer"):
        monkeypatch.setattr(GuidedDigits, "denoise", lambda self, x, t: np.round(5 * x))  # kinks without end
        kinked().flow(problem.process.end)


def test_following_a_flow_ends_when_nobody_wants_it():
    problem, wanted = kinked(), [True] * 50
    patience.listen(None, lambda: not (wanted and wanted.pop()))
    run = tk.Run(problem, DPMSolverPP2M(steps=5), THROUGH, ("final_error",)).finish()
    patience.listen(None, None)
    assert run.status.kind in ("cancelled", "converged") and np.isnan(run.history["final_error"][-1]) and not wanted


@pytest.mark.parametrize(
    "bad", [dict(scale=-1.0), dict(group=3, groups=2), dict(groups=1), dict(shape="moons", components=2, groups=8)]
)
def test_bad_knobs_are_refused(bad):
    with pytest.raises(tk.ToolkitError, match="expected"):
        GuidedMixture(**bad)
