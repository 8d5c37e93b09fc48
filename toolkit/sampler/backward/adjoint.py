"""The gradient of a loss at the data with respect to the noise, by adjoint equations that go from data to noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.claim import Flat, Order
from toolkit.core.errors import Breakdown, ToolkitError
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.closed_form import denoise_along
from toolkit.sampler.laws.measures import NAN, ROUNDING, rms
from toolkit.sampler.laws.mixtures import GaussianFlow, PlaneMixture, SpaceMixture
from toolkit.sampler.laws.schedules import GRIDS, SCHEDULES, time_grid

LAWS = {
    "Gaussian": lambda **about: GaussianFlow(dimension=4, **about),
    "two moons": lambda **about: PlaneMixture(shape="moons", components=16, **about),
    "mixture in space": lambda **about: SpaceMixture(dimension=6, components=8, **about),
}


def noise_along(law, x: np.ndarray, u: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """(ε(x, t), (∂ε/∂x)ᵀ u) for ε = (x − α E[x₀|x])/σ."""
    denoised, pushed = denoise_along(law, x, u, t)
    return law.implied_noise(x, denoised, t), (u - law.process.alpha(t) * pushed) / law.process.sigma(t)


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
        x = x + law.process.sigma(t) * law.stream(2).standard_normal(x.shape)
        x.setflags(write=False)
        return x

    @cached_property
    def gradient(self) -> np.ndarray:
        """∂L/∂x_T to about 1e-10, shape (n, d): DOP853 for (x/α, αa) in λ = log(α/σ)."""
        from scipy.integrate import solve_ivp

        law, process, shape = self.diffusion, self.diffusion.process, self.given.shape
        ends = [float(process.log_snr(t)) for t in (self.end * process.start, process.start)]
        first = process.alpha(self.end * process.start)

        def slope(level, packed):
            y, z = packed.reshape(2, *shape)
            t = float(process.time(level))
            eps, pushed = noise_along(law, process.alpha(t) * y, z, t)
            return np.stack([-np.exp(-level) * eps, process.sigma(t) * pushed]).ravel()

        start = np.stack([self.given / first, first * self.given]).ravel()
        found = solve_ivp(slope, ends, start, "DOP853", rtol=1e-11, atol=1e-13)
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


@dataclass(slots=True, kw_only=True)
class AdjointState(State):
    """State x and adjoint a, (n, d), at times[k]; `before` the (λ, ε, α²(∂ε/∂x)ᵀa) of the step before.

    `gradient_size` is the RMS of a, `remaining` the share of steps to come, `kept_bytes` what of the way is kept.
    """

    x: np.ndarray
    adjoint: np.ndarray
    times: np.ndarray
    before: tuple = ()
    gradient_size: float
    remaining: float = 1.0
    kept_bytes: float

    def solution(self) -> np.ndarray:
        return self.adjoint


class _Adjoint(Method):
    """x and a carried from data to noise together: y = x/α has y' = −e^{−λ} ε, z = αa has z' = e^{−λ} α²(∂ε/∂x)ᵀ a."""

    sources: ClassVar[tuple[str, ...]] = ("blasingame2024",)
    monitors: ClassVar[tuple[str, ...]] = ("gradient_size", "remaining", "kept_bytes")
    linear: ClassVar[tuple[str, ...]] = ("remaining",)
    problems: ClassVar[tuple[type, ...]] = (LatentGradient,)
    order: ClassVar[int] = 1

    def init(self, problem: LatentGradient) -> AdjointState:
        process, x = problem.diffusion.process, problem.given
        try:
            times = time_grid(process, self.grid, self.steps, problem.end * process.start)[::-1]
        except ToolkitError as error:
            raise Breakdown(str(error), "Take fewer steps or another grid") from None
        return AdjointState(
            x=x, adjoint=x.copy(), times=times.copy(), gradient_size=rms(x), kept_bytes=2.0 * x.nbytes * self.order
        )

    def step(self, problem: LatentGradient, state: AdjointState) -> AdjointState:
        law, (s, t) = problem.diffusion, map(float, state.times[state.k : state.k + 2])
        process = law.process
        eps, pushed = noise_along(law, state.x, state.adjoint, s)
        state.work.nfe += 2  # a network's output, and its product with the adjoint
        now = float(process.log_snr(s)), eps, process.alpha(s) ** 2 * pushed
        h = float(process.log_snr(t)) - now[0]
        along, across = self.means(state.before, now, h)
        ratio, decay = process.alpha(t) / process.alpha(s), process.sigma(t) / process.alpha(t) * np.expm1(h)
        state.x = ratio * state.x - process.alpha(t) * decay * along
        state.adjoint = state.adjoint / ratio + decay / process.alpha(t) * across
        state.before = now if self.order > 1 else ()
        state.k += 1
        state.gradient_size, state.remaining = rms(state.adjoint), 1 - state.k / (len(state.times) - 1)
        if state.k == len(state.times) - 1:
            state.remaining, state.status = 1e-300, Status("converged", "reached the noise")
        return state

    def means(self, before: tuple, now: tuple, h: float) -> tuple:
        """What stands for ε and for α²(∂ε/∂x)ᵀa over a step h in λ."""
        return now[1:]

    def claims(self, problem):
        about = dict(source="blasingame2024", stop=THROUGH, over="steps")
        order = Order(
            floor=ROUNDING,
            measure="gradient_error",
            p=self.order,
            values=(128, 256, 512, 1024) if self.order == 1 else (64, 128, 256, 512),
            assumes="a smooth score, states solved again, small steps",
            title=f"error of the gradient ∝ N^−{self.order}",
            **about,
        )
        flat = dict(assumes="states are solved again", title="memory does not grow with the steps")
        return order, Flat(measure="kept_bytes", values=(10, 40, 160), growth=1.0, slack=0.0, **flat, **about)


@dataclass(frozen=True)
class AdjointDEIS1(_Adjoint):
    """a_t = (α_s/α_t) a_s + σ_t (e^h − 1)(α_s²/α_t²)(∂ε/∂x)ᵀ a_s, h = λ_t − λ_s; x by DDIM the same way: order 1.

    Two evaluations' work a step; states are solved again, so that nothing of the way to the data is kept.
    Reference: Z. Blasingame, C. Liu (2024), arXiv:2405.15020, eq. 2.14, Theorem 2.1.
    """

    title: ClassVar[str] = "AdjointDEIS-1"
    steps: int = knob(40, 1, 100_000, log=True, symbol="N", doc="steps from data to noise")
    grid: str = knob("log-SNR", choices=GRIDS, doc="how the times are spaced")


@dataclass(frozen=True)
class AdjointDEIS2M(_Adjoint):
    """AdjointDEIS-1, its V = α²(∂ε/∂x)ᵀa and ε extrapolated: (1 + h/2h') V_s − (h/2h') V_r, h' the last h; order 2.

    Two evaluations' work a step, the same as of order 1; the first step is of order 1.
    Reference: Z. Blasingame, C. Liu (2024), arXiv:2405.15020, eq. 2.15, Theorem 2.1.
    """

    title: ClassVar[str] = "AdjointDEIS-2M"
    order: ClassVar[int] = 2
    steps: int = knob(40, 1, 100_000, log=True, symbol="N", doc="steps from data to noise")
    grid: str = knob("log-SNR", choices=GRIDS, doc="how the times are spaced")

    def means(self, before, now, h):
        if not before:
            return now[1:]
        share = 0.5 * h / (now[0] - before[0])
        return tuple(new + share * (new - old) for new, old in zip(now[1:], before[1:]))


CASES = (LatentGradient(particles=8), LatentGradient(law="Gaussian", schedule="flow matching", particles=8))
EXPERIMENTS = (
    Experiment(
        "gradient-to-the-noise",
        "A gradient through the sampler",
        "Which noise would have given better data? The adjoint walks back; how large is it there, and is it right?",
        LatentGradient(),
        (AdjointDEIS1(), AdjointDEIS2M()),
        THROUGH,
        measure="gradient_size",
        against="nfe",
    ),
)
