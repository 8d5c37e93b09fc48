"""Gradients of a loss at the data with respect to the noise: along the flow, and along one Brownian path."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.loading import loading
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.sampler.laws.following import Followed
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.measures import NAN, rms
from toolkit.sampler.laws.mixtures import PlaneMixture, SpaceMixture
from toolkit.sampler.laws.schedules import SCHEDULES, time_grid

FINEST = 512  # steps of the path that gradients are compared with
LAWS = {
    "Gaussian": lambda **about: GaussianFlow(dimension=4, **about),
    "two moons": lambda **about: PlaneMixture(shape="moons", components=16, **about),
    "mixture in space": lambda **about: SpaceMixture(dimension=6, components=8, **about),
}


@dataclass(frozen=True)
class LatentGradient(Problem):
    """∂L/∂x_T of L = |x − x*|²/2 where the flow carries x_T to x at the end: the adjoint a = ∂L/∂x_t, a(end) = x − x*.

    Given are n data x, their target x* = 0 and an exact score; a' = −(∂v/∂x)ᵀ a along the flow x' = v back to noise.
    Reference: Z. Blasingame, C. Liu (2024), arXiv:2405.15020, eq. 2.3 and 2.4.
    """

    title: ClassVar[str] = "gradient with respect to the noise"
    sources: ClassVar[tuple[str, ...]] = ("blasingame2024",)
    law: str = knob("mixture in space", choices=tuple(LAWS), doc="law of the data")
    schedule: str = knob("VP linear", choices=tuple(SCHEDULES), doc="how the noise grows")
    particles: int = knob(32, 1, 2000, log=True, symbol="n", doc="data whose gradient is taken")
    end: float = knob(0.02, 1e-4, 0.5, log=True, doc="time of the data, as a share of the start's")
    seed: int = seed_knob("the data")

    @cached_property
    def diffusion(self):
        """The law and its noising process."""
        return LAWS[self.law](schedule=self.schedule, particles=self.particles, seed=self.seed)

    @cached_property
    def given(self) -> np.ndarray:
        """x at the end, exact draws of p there, shape (n, d); read-only."""
        law, t = self.diffusion, self.end * self.diffusion.process.start
        x = law.process.alpha(t) * law.draw(law.stream(1), self.particles)
        return frozen(x + law.process.sigma(t) * law.stream(2).standard_normal(x.shape))

    @cached_property
    def gradient(self) -> np.ndarray:
        """∂L/∂x_T to about 1e-10, shape (n, d): DOP853 for (x/α, αa) in λ = log(α/σ)."""
        with loading():
            from scipy.integrate import solve_ivp

        law, process, shape = self.diffusion, self.diffusion.process, self.given.shape
        ends = [float(process.log_snr(t)) for t in (self.end * process.start, process.start)]
        first = process.alpha(self.end * process.start)

        def slope(level, packed):
            y, z = packed.reshape(2, *shape)
            t = float(process.time(level))
            eps, pushed = law.noise_along(process.alpha(t) * y, z, t)
            return np.stack([-np.exp(-level) * eps, process.sigma(t) * pushed]).ravel()

        start = np.stack([self.given / first, first * self.given]).ravel()
        told = Followed(slope, ends, "Following the exact adjoint")
        found = solve_ivp(told, ends, start, "DOP853", rtol=1e-11, atol=1e-13)
        return found.y[:, -1].reshape(2, *shape)[1] / process.alpha(process.start)

    def measures(self):
        return (ERROR,)


def gradient_error(problem, state) -> float:
    """RMS distance of the adjoint from ∂L/∂x_T relative to its RMS; NaN before the noise is reached."""
    if state.k < len(state.times) - 1:
        return NAN
    return rms(state.adjoint - problem.gradient) / rms(problem.gradient)


ERROR = Measure(
    "gradient_error", "error of the gradient", gradient_error, "‖a − a*‖/‖a*‖", doc="relative RMS, at noise"
)


@dataclass(frozen=True)
class PathGradient(Problem):
    """∂L/∂x_T of L = |x|²/2 where the reverse equation on one Brownian path carries x_T to x at the end.

    dx = (f x + (g²/σ) ε) dt + g dW: the noise does not depend on x, so that a = ∂L/∂x_t along the path obeys
    a' = −(f + (g²/σ) ∂ε/∂x)ᵀ a, with twice the flow's weight of ε. Given are n particles of noise and their paths.
    Reference: Z. Blasingame, C. Liu (2024), arXiv:2405.15020, eq. 3.1, Theorem 3.1, Proposition 3.1.
    """

    title: ClassVar[str] = "gradient with respect to the noise, along a path"
    sources: ClassVar[tuple[str, ...]] = ("blasingame2024",)
    law: str = knob("mixture in space", choices=tuple(LAWS), doc="law of the data")
    schedule: str = knob("VP linear", choices=tuple(SCHEDULES), doc="how the noise grows")
    particles: int = knob(32, 1, 500, log=True, symbol="n", doc="particles whose gradient is taken")
    end: float = knob(0.1, 1e-4, 0.5, log=True, doc="time of the data, as a share of the start's")
    seed: int = seed_knob("the particles and of their paths")

    @cached_property
    def diffusion(self):
        """The law, its noising process, x_T and the Brownian path."""
        return LAWS[self.law](schedule=self.schedule, particles=self.particles, seed=self.seed)

    def times(self, steps: int, grid: str = "log-SNR") -> np.ndarray:
        """The grid from noise to data, shape (steps + 1,)."""
        process = self.diffusion.process
        return time_grid(process, grid, steps, self.end * process.start)

    def moved(self, x: np.ndarray, s: float, t: float, step: np.ndarray) -> np.ndarray:
        """SDE-DPM-Solver-1, eq. 3.6, from s down to t: one evaluation; `step` (n, d) is the path's increment."""
        law, process = self.diffusion, self.diffusion.process
        h, sigma = float(process.log_snr(t) - process.log_snr(s)), process.sigma(t)
        x = process.alpha(t) / process.alpha(s) * x - 2 * sigma * np.expm1(h) * law.noise(x, s)
        return x + sigma * np.sqrt(np.expm1(2 * h) / h) * step

    @cached_property
    def gradient(self) -> np.ndarray:
        """∂L/∂x_T on the path in 512 steps, shape (n, d): the transposed derivative of each.

        A step adds half of the path's increment, then the drift by the exponential midpoint rule, then the other half.
        """
        law, times = self.diffusion, self.times(FINEST)
        places, x, states = [law.brownian(float(t)) for t in times], law.initial, []
        for s, t, before, after in zip(times, times[1:], places, places[1:]):
            half = np.sqrt(0.5) * (after - before)
            states.append(x + law.process.sigma(s) * half)
            x = self._drifted(states[-1], float(s), float(t))[0] + law.process.sigma(t) * half
        for s, t, start in zip(times[-2::-1], times[:0:-1], reversed(states)):
            x = self._drifted(start, float(s), float(t), x)[1]
        return x

    def _drifted(self, x: np.ndarray, s: float, t: float, a=None) -> tuple:
        """(x carried from s to t by the drift alone, the transposed derivative of that times a, or None)."""
        law, process = self.diffusion, self.diffusion.process
        first, last = (float(process.log_snr(u)) for u in (s, t))
        middle = float(process.time(0.5 * (first + last)))
        ratio, part = (process.alpha(u) / process.alpha(s) for u in (t, middle))
        weight, inner = (
            -2 * process.sigma(u) * np.expm1(h) for u, h in ((t, last - first), (middle, (last - first) / 2))
        )
        ahead = part * x + inner * law.noise(x, s)
        found = ratio * x + weight * law.noise(ahead, middle)
        if a is None:
            return found, None
        b = weight * law.noise_along(ahead, a, middle)[1]
        return found, ratio * a + part * b + inner * law.noise_along(x, b, s)[1]

    @cached_property
    def response(self) -> np.ndarray | None:
        """∂x_end/∂x_T of a Gaussian: (V_end α_T)/(V_T α_end), V = α² v + σ², in its frame, (d, d); else None."""
        law, process = self.diffusion, self.diffusion.process
        if not law.gaussian:
            return None
        values, frame = law.spectrum
        weights = [(process.alpha(t) ** 2 * values + process.sigma(t) ** 2, process.alpha(t)) for t in self.times(1)]
        return (frame * (weights[1][0] * weights[0][1] / (weights[0][0] * weights[1][1]))) @ frame.T

    def measures(self):
        return (ERROR, RESPONSE) if self.response is not None else (ERROR,)


def response_error(problem, state) -> float:
    """RMS distance of the adjoint at noise from (∂x_end/∂x_T)ᵀ times that at the data; NaN before."""
    if state.k < len(state.times) - 1 or problem.response is None:
        return NAN
    exact = state.slope @ problem.response
    return rms(state.adjoint - exact) / rms(exact)


RESPONSE = Measure(
    "response_error", "error of the adjoint alone", response_error, "‖a − Mᵀa‖/‖Mᵀa‖", doc="from where the path led"
)


CASES = (
    LatentGradient(particles=8),
    LatentGradient(law="Gaussian", schedule="flow matching", particles=8),
    PathGradient(particles=8, schedule="EDM"),
    PathGradient(law="Gaussian", particles=8),
)
