"""Gradients along a Brownian path: against differences on the same path, closed forms, and the discrete derivative."""

from itertools import pairwise

import numpy as np
import pytest

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.sampler.backward.path_adjoint import AdjointDEIS1SDE, AdjointDEIS2MSDE
from toolkit.sampler.backward.problems import FINEST, LAWS, PathGradient, gradient_error, response_error
from toolkit.sampler.laws.measures import rms


def sampled(problem, x, times):
    """x at the end by eq. 3.6 with the increments of the problem's path."""
    places = [problem.diffusion.brownian(float(t)) for t in times]
    for (s, t), (before, after) in zip(pairwise(times), pairwise(places)):
        x = problem.moved(x, float(s), float(t), after - before)
    return x


@pytest.mark.parametrize("law", LAWS)
def test_the_reference_is_the_slope_of_the_loss_on_the_same_path(law):
    """∂L/∂x_T against differences of L sampled in 1024 other steps along the same path."""
    problem = PathGradient(law=law, particles=6, end=0.3, schedule="EDM")
    x, u = problem.diffusion.initial, np.random.default_rng(0).standard_normal(problem.diffusion.initial.shape)
    times = problem.times(2 * FINEST, "Karras")
    losses = [0.5 * (sampled(problem, x + step * u, times) ** 2).sum() for step in (1e-3, -1e-3)]
    slope = (losses[0] - losses[1]) / 2e-3
    assert slope == pytest.approx(float((problem.gradient * u).sum()), abs=0.01 * rms(problem.gradient) * rms(u) * 6)


def test_the_sampling_is_that_of_the_solver_with_noise():
    """On the way down: SDE-DPM-Solver-1, mean (α_t/α_s) x − 2 σ_t (e^h − 1) ε, variance σ_t² (e^{2h} − 1).

    The noise of a step is recovered from two states (eq. 3.7) and is the path's.
    """
    problem, method = PathGradient(particles=5), AdjointDEIS1SDE(steps=12)
    state = tk.Run(problem, method, THROUGH).step(12).state
    law, process = problem.diffusion, problem.diffusion.process
    for (s, t), (x, after) in zip(pairwise(map(float, state.times[:13])), pairwise(state.trail)):
        h, sigma = float(process.log_snr(t) - process.log_snr(s)), process.sigma(t)
        rest = after - process.alpha(t) / process.alpha(s) * x + 2 * sigma * np.expm1(h) * law.noise(x, s)
        np.testing.assert_allclose(rest / (sigma * np.sqrt(np.expm1(2 * h))), law.path_noise(s, t), atol=1e-9)
    assert state.kept_bytes == 13 * state.x.nbytes


@pytest.mark.parametrize("schedule", ["VP linear", "EDM", "flow matching"])
def test_the_gaussian_response_is_known(schedule):
    """The drift of the reverse equation is linear: ∂x_end/∂x_T solves M' = (f + g²/V) M, by SciPy."""
    from scipy.integrate import solve_ivp

    problem = PathGradient(law="Gaussian", schedule=schedule, particles=2, end=0.2)
    law, process = problem.diffusion, problem.diffusion.process
    values, frame = law.spectrum

    def slope(t, m):
        return (process.drift(t) + process.diffusion(t) / (process.alpha(t) ** 2 * values + process.sigma(t) ** 2)) * m

    first, last = process.start, 0.2 * process.start
    found = solve_ivp(slope, (first, last), np.ones(4), "DOP853", rtol=1e-10, atol=1e-13).y[:, -1]
    np.testing.assert_allclose(problem.response, (frame * found) @ frame.T, rtol=1e-6, atol=1e-10)
    state = tk.solve(problem, AdjointDEIS2MSDE(steps=1500), THROUGH).state
    assert response_error(problem, state) < 0.03


def test_one_step_of_the_adjoint_is_the_formula():
    """a_s = (α_t/α_s) a + 2 σ_s (e^h − 1)(α_t²/α_s²)(∂ε/∂x)ᵀ a (eq. 2.14 with eq. 3.3), h = λ_s − λ_t < 0."""
    problem = PathGradient(particles=4)
    state = tk.Run(problem, AdjointDEIS1SDE(steps=6), THROUGH).step(6).state
    x, a, (t, s) = state.trail[6], state.x.copy(), map(float, state.times[6:8])
    process = problem.diffusion.process
    h = float(process.log_snr(s) - process.log_snr(t))
    share = process.alpha(t) / process.alpha(s)
    pushed = problem.diffusion.noise_along(x, a, t)[1]
    expected = share * a + 2 * process.sigma(s) * (np.exp(h) - 1) * share**2 * pushed
    after = tk.Run(problem, AdjointDEIS1SDE(steps=6), THROUGH).step(7).state
    np.testing.assert_allclose(after.adjoint, expected, rtol=1e-10)


def test_as_steps_shrink_the_adjoint_is_the_derivative_of_the_sampling_itself():
    """Against the transposed derivatives of the very steps taken, whose states are the same: the gap falls like 1/N."""
    problem, gaps = PathGradient(particles=4, schedule="EDM"), []
    process = problem.diffusion.process
    for steps in (100, 200, 400):
        state = tk.solve(problem, AdjointDEIS1SDE(steps=steps), THROUGH).state
        a = state.slope
        for s, t, x in zip(state.times[steps - 1 :: -1], state.times[steps:0:-1], state.trail[-2::-1]):
            h = float(process.log_snr(t) - process.log_snr(s))
            pushed = problem.diffusion.noise_along(x, a, float(s))[1]
            a = process.alpha(t) / process.alpha(s) * a - 2 * process.sigma(t) * np.expm1(h) * pushed
        gaps.append(rms(state.adjoint - a) / rms(a))
    slopes = np.log2(np.array(gaps[:-1]) / gaps[1:])
    assert np.all(np.abs(slopes - 1) < 0.15)


@pytest.mark.parametrize("law, schedule", [("mixture in space", "EDM"), ("Gaussian", "VP linear")])
@pytest.mark.parametrize("method", [AdjointDEIS1SDE(), AdjointDEIS2MSDE()])
def test_claims(law, schedule, method):
    problem = PathGradient(law=law, schedule=schedule, particles=4)
    for claim in method.claims(problem):
        verdict = tk.check(claim, problem, method)
        assert verdict.holds is True, f"{claim.title}: {verdict}"


def test_with_noise_the_gradient_is_another():
    """The same x_T without noise has another gradient: the factor 2 and the path both matter."""
    problem = PathGradient(particles=6, schedule="EDM")
    other = PathGradient(particles=6, schedule="EDM", seed=1)
    state = tk.solve(problem, AdjointDEIS2MSDE(steps=200), THROUGH).state
    assert gradient_error(problem, state) < 0.05 < gradient_error(other, state)


def test_where_one_path_decides_nothing_is_promised():
    """Few particles near the data: the slope of one path is not that of another."""
    smooth, rough = PathGradient(particles=4, end=0.1), PathGradient(particles=4, end=1e-3)
    first, second = AdjointDEIS1SDE(), AdjointDEIS2MSDE()
    assert [len(one.claims(smooth)) for one in (first, second)] == [1, 0]
    assert not first.claims(rough) and len(second.claims(PathGradient(law="Gaussian", end=1e-3))) == 2
