"""Adjoint gradients: Jacobians against differences, the reference against differences of the flow, and orders."""

import numpy as np
import pytest

import toolkit as tk
from toolkit.sampler.backward.adjoint import AdjointDEIS1, AdjointDEIS2M
from toolkit.sampler.backward.problems import LAWS, LatentGradient

every_law = pytest.mark.parametrize("law", LAWS)


@every_law
@pytest.mark.parametrize("schedule", ["VP linear", "EDM"])
def test_products_with_the_jacobian(law, schedule):
    problem = LatentGradient(law=law, schedule=schedule, particles=20).diffusion
    generator, h = np.random.default_rng(0), 1e-5
    for share in (0.05, 0.3, 0.9):
        t = share * problem.process.start
        x = problem.process.alpha(t) * problem.draw(generator, 20)
        x = x + problem.process.sigma(t) * generator.standard_normal(x.shape)
        u = generator.standard_normal(x.shape)
        denoised, pushed = problem.denoise_along(x, u, t)
        slope = (problem.denoise(x + h * u, t) - problem.denoise(x - h * u, t)) / (2 * h)
        np.testing.assert_allclose(denoised, problem.denoise(x, t), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(pushed, slope, rtol=1e-5, atol=1e-6)


@every_law
def test_the_gradient_is_that_of_the_flow(law):
    """∂L/∂x_T against differences of L where the exact flow carries x_T."""
    problem = LatentGradient(law=law, particles=3, end=0.1)
    flow, start = problem.diffusion, problem.diffusion.process.start
    noise = flow.carried(problem.given, problem.end * start, start)
    u = np.random.default_rng(1).standard_normal(noise.shape)
    losses = [0.5 * (flow.carried(noise + s * u, start, problem.end * start) ** 2).sum() for s in (1e-5, -1e-5)]
    assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(float((problem.gradient * u).sum()), rel=1e-5)


def test_on_a_gaussian_in_closed_form():
    """a_T = Gᵀ(G x_T + …), G = C_end^{1/2} C_T^{−1/2}: the flow is linear."""
    problem = LatentGradient(law="Gaussian", particles=5)
    law, t = problem.diffusion, problem.end * problem.diffusion.process.start
    values, frame = law.spectrum
    spread = [law.process.alpha(u) ** 2 * values + law.process.sigma(u) ** 2 for u in (t, law.process.start)]
    exact = problem.given @ (frame * np.sqrt(spread[0] / spread[1])) @ frame.T
    np.testing.assert_allclose(problem.gradient, exact, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("law, schedule", [("mixture in space", "VP linear"), ("Gaussian", "flow matching")])
@pytest.mark.parametrize("method", [AdjointDEIS1(), AdjointDEIS2M()])
def test_claims(law, schedule, method):
    problem = LatentGradient(law=law, schedule=schedule, particles=4)
    for claim in method.claims(problem):
        verdict = tk.check(claim, problem, method)
        assert verdict.holds is True, f"{claim.title}: {verdict}"
