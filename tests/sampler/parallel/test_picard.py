"""Picard rounds: the exact sequential trajectory after N rounds at most, and sooner where a tolerance allows."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.mixtures import PlaneMixture, SpaceMixture
from toolkit.sampler.parallel.picard import FORMS, PicardSampler
from toolkit.sampler.solvers.ddim import DDIM

THROUGH = tk.Stop(rtol=0.0, steps=None)
LAWS = [
    PlaneMixture(particles=24),
    GaussianFlow(particles=24, schedule="EDM", dimension=3),
    SpaceMixture(particles=16, schedule="VP cosine", dimension=3),
]
laws = pytest.mark.parametrize("problem", LAWS, ids=lambda one: one.slug())
forms = pytest.mark.parametrize("form", FORMS)


@laws
@forms
@pytest.mark.parametrize("window", [1, 7, 40])
def test_the_sequential_result_after_at_most_n_rounds(problem, form, window):
    """With no tolerance the end is DDIM's, and after k rounds the first k points are."""
    steps = 40
    method = PicardSampler(steps=steps, form=form, window=window, tolerance=0.0)
    sequential, ddim = [problem.initial], DDIM(steps=steps)
    state = ddim.init(problem)
    for _ in range(steps):
        state = ddim.step(problem, state)
        sequential.append(state.x)
    size = np.abs(sequential).max()
    state = method.init(problem)
    while not state.status.done:
        state = method.step(problem, state)
        assert state.i >= state.k
        np.testing.assert_allclose(state.path[: state.k + 1], sequential[: state.k + 1], atol=1e-12 * size)
    assert state.status.kind == "converged" and state.k <= steps
    np.testing.assert_allclose(state.x, sequential[-1], atol=1e-12 * size)


@laws
def test_window_of_one_is_sampling_step_by_step(problem):
    method = PicardSampler(steps=20, window=1)
    run = tk.solve(problem, method, THROUGH)
    np.testing.assert_array_equal(run.solution(), tk.solve(problem, DDIM(steps=20), THROUGH).solution())
    assert run.k == run.state.work.nfe == 20


def test_one_round_as_it_is_written():
    """The three forms from the same guess, in closed form for three points."""
    problem = LAWS[0]
    for form in FORMS:
        method = PicardSampler(steps=3, form=form, tolerance=0.0)
        state = method.init(problem)
        t, x = state.times, problem.initial
        a, s = problem.process.alpha(t), problem.process.sigma(t)
        c = a[1:] - s[1:] / s[:-1] * a[:-1]
        x0 = [problem.denoise(x, u) for u in t[:-1]]
        r = s[1:] / s[:-1]
        expected = {
            "generalised": r.prod() * x + r[1] * r[2] * c[0] * x0[0] + r[2] * c[1] * x0[1] + c[2] * x0[2],
            "drift": x + sum((r[j] - 1) * x + c[j] * x0[j] for j in range(3)),
            "Jacobi": r[2] * x + c[2] * x0[2],
        }[form]
        np.testing.assert_allclose(method.step(problem, state).path[-1], expected, rtol=1e-10, atol=1e-12)


@laws
@pytest.mark.parametrize("form", ["generalised", "drift"])
@pytest.mark.parametrize("window", [16, 64])
def test_fewer_rounds_than_steps_at_a_tolerance(problem, form, window):
    """To 10⁻³ in less than a third of the rounds; evaluations in all are more: time is bought with processors."""
    method = PicardSampler(form=form, window=window)
    run = tk.solve(problem, method, THROUGH, ["sequential_gap"])
    assert run.k < 64 / 3 and run.state.work.nfe > 64 and run.history.last("sequential_gap") < 1e-2


@laws
def test_a_smaller_tolerance_is_nearer_and_takes_more_rounds(problem):
    runs = [
        tk.solve(problem, PicardSampler(window=64, tolerance=tol), THROUGH, ["sequential_gap"])
        for tol in (1e-2, 1e-4, 1e-6)
    ]
    assert runs[0].k < runs[1].k < runs[2].k
    gaps = [run.history.last("sequential_gap") for run in runs]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 1e-5


@laws
def test_the_change_is_relative_to_what_a_particle_measures(problem):
    """RMS over particles, of √d √(α² + σ²) at the point's own time; the largest of the window."""
    method = PicardSampler(steps=5, tolerance=0.0)
    state = method.init(problem)
    before = state.path.copy()
    after = method.step(problem, state)
    moved = []
    for j, t in enumerate(after.times[1:], 1):
        size = np.sqrt(problem.dim * (problem.process.alpha(t) ** 2 + problem.process.sigma(t) ** 2))
        moved.append(np.sqrt(np.mean(np.sum((after.path[j] - before[j]) ** 2, axis=1))) / size)
    assert after.change == pytest.approx(max(moved), rel=1e-12)
