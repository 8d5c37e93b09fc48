"""DPM-Solvers: the linear part of the probability flow exactly, the rest by Taylor's formula in λ = log(α/σ)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.measures import NAN
from toolkit.sampler.laws.mixtures import Mixture
from toolkit.sampler.solvers.ddim import ddim
from toolkit.sampler.solvers.sampler import BLOWN_UP, TINY, Sampler, SamplerState


def ddim_gap(problem, state) -> float:
    """Largest distance of the last step from DDIM's, relative to the largest particle; NaN before the first step."""
    if not state.history or not state.i:
        return NAN
    s, x, denoised = state.history[-1]
    peer = ddim(problem.process, x, denoised, s, state.t)
    return float(np.abs(state.x - peer).max() / max(np.abs(peer).max(), 1e-300))


GAP = Measure("ddim_gap", "distance from DDIM's step", ddim_gap, "‖x − x_DDIM‖/‖x_DDIM‖", doc="largest entry, one step")


class _SingleStep(Sampler):
    """x_t = (α_t/α_s) x − σ_t (e^h − 1) ε, h = λ_t − λ_s, from which all of them start."""

    def noise(self, problem, state, x, t):
        """ε at (x, t), one evaluation."""
        return problem.implied_noise(x, self.predict(problem, state, x, t), t)

    def first(self, problem, x, eps, s: float, t: float):
        """(x of order 1 at t, h, σ_t)."""
        process = problem.process
        h, sigma = process.log_snr(t) - process.log_snr(s), process.sigma(t)
        return process.alpha(t) / process.alpha(s) * x - sigma * np.expm1(h) * eps, h, sigma

    def between(self, problem, s: float, t: float, share: float) -> float:
        """The time whose λ is `share` of the way."""
        first, last = problem.process.log_snr(s), problem.process.log_snr(t)
        return float(problem.process.time(first + share * (last - first)))


@dataclass(frozen=True)
class DPMSolver1(_SingleStep):
    """DPM-Solver-1: the noise constant over a step. It is DDIM. One evaluation a step, order 1.

    Reference: C. Lu et al. (2022), arXiv:2206.00927, eq. 3.7.
    """

    title: ClassVar[str] = "DPM-Solver-1"
    sources: ClassVar[tuple[str, ...]] = ("lu2022dpm",)
    clock: ClassVar[str] = "ρ"
    order: ClassVar[float] = 1.0

    def leap(self, problem, state, s, t):
        eps = problem.implied_noise(state.x, self.predict_start(problem, state, s), s)
        return self.first(problem, state.x, eps, s, t)[0]

    def measures(self, problem):
        return (GAP,)

    def claims(self, problem):
        title = "each step is DDIM's"
        about = dict(source="lu2022dpm", assumes="exact arithmetic", title=title, stop=THROUGH)
        return (*Sampler.claims(self, problem), Exact(measure="ddim_gap", tol=1e-12, always=True, **about))


@dataclass(frozen=True)
class DPMSolver2S(_SingleStep):
    """DPM-Solver-2: one place between, r = 1/2 of the way in λ. Two evaluations a step, order 2.

    Reference: C. Lu et al. (2022), arXiv:2206.00927, Alg. 4 (Alg. 1 for r = 1/2).
    """

    title: ClassVar[str] = "DPM-Solver-2S"
    sources: ClassVar[tuple[str, ...]] = ("lu2022dpm",)
    order: ClassVar[float] = 2.0
    stages: ClassVar[int] = 2
    ratio: float = knob(0.5, 0.05, 1.0, symbol="r", doc="place between, as a share of the step in λ")

    def leap(self, problem, state, s, t):
        eps = problem.implied_noise(state.x, self.predict_start(problem, state, s), s)
        middle = self.between(problem, s, t, self.ratio)
        other = self.noise(problem, state, self.first(problem, state.x, eps, s, middle)[0], middle)
        x, h, sigma = self.first(problem, state.x, eps, s, t)
        return x - sigma / (2 * self.ratio) * np.expm1(h) * (other - eps)


@dataclass(frozen=True)
class DPMSolver3S(_SingleStep):
    """DPM-Solver-3: places between at 1/3 and 2/3 of the way in λ. Three evaluations a step, order 3.

    Reference: C. Lu et al. (2022), arXiv:2206.00927, Alg. 2 and 5.
    """

    title: ClassVar[str] = "DPM-Solver-3S"
    sources: ClassVar[tuple[str, ...]] = ("lu2022dpm",)
    order: ClassVar[float] = 3.0
    stages: ClassVar[int] = 3

    def leap(self, problem, state, s, t):
        eps = problem.implied_noise(state.x, self.predict_start(problem, state, s), s)
        one, two = (self.between(problem, s, t, share) for share in (1 / 3, 2 / 3))
        rise = self.noise(problem, state, self.first(problem, state.x, eps, s, one)[0], one) - eps
        x, h, sigma = self.first(problem, state.x, eps, s, two)
        rise = self.noise(problem, state, x - 2 * sigma * _second(h) * rise, two) - eps
        x, h, sigma = self.first(problem, state.x, eps, s, t)
        return x - 1.5 * sigma * _second(h) * rise


def _second(h: float) -> float:
    """(e^h − 1)/h − 1, by its series for small h."""
    return np.expm1(h) / h - 1 if h > 1e-3 else h / 2 + h**2 / 6 + h**3 / 24 + h**4 / 120


@dataclass(frozen=True)
class DPMSolverPP2M(Sampler):
    """DPM-Solver++(2M): x₀ extrapolated through the last two outputs. One evaluation a step, order 2.

    x = (σ_t/σ_s) x − α_t (e^{−h} − 1) ((1 + 1/2r) x₀ − (1/2r) x₀'), r = h'/h, h' and x₀' of the step before; the first
    step is of order 1. `lower_last`: the last step is of order 1 too, steadier for few steps. On a mixture in the plane
    many steps are one kernel call.
    Reference: C. Lu et al. (2022), arXiv:2211.01095, Alg. 2.
    """

    title: ClassVar[str] = "DPM-Solver++ 2M"
    sources: ClassVar[tuple[str, ...]] = ("lu2022pp",)
    order: ClassVar[float] = 2.0
    memory: ClassVar[int] = 2
    lower_last: bool = knob(False, doc="the last step by DDIM")

    def leap(self, problem, state, s, t):
        denoised = self.predict_start(problem, state, s)
        before, _, earlier = state.history[0]
        known = len(state.history) > 1 and not self.is_last(state, state.i)
        a, b, c = self.factors(problem.process, before if known else None, s, t)
        return a * state.x + b * denoised + c * earlier if known else a * state.x + b * denoised

    def is_last(self, state: SamplerState, i: int) -> bool:
        """Whether step i is one of order 1 at the end."""
        return self.lower_last and i == len(state.times) - 2

    @staticmethod
    def factors(process, before: float | None, s: float, t: float) -> tuple[float, float, float]:
        """(a, b, c) of x ← a x + b x₀ + c x₀', x₀' of the time `before`; of order 1 without it."""
        h = process.log_snr(t) - process.log_snr(s)
        a, b = process.sigma(t) / process.sigma(s), -process.alpha(t) * np.expm1(-h)
        share = 0.0 if before is None else h / (2 * (process.log_snr(s) - process.log_snr(before)))
        return a, b * (1 + share), -b * share

    # -- many steps in one call, where the law is a mixture in the plane ------------------------------------------

    step = Method.step

    def advance(self, problem, state, n, rows):
        """Up to n steps, those in the plane by one call of the kernel; `rows` (n, 3) takes the monitors after each."""
        first = state.k
        while (done := state.k - first) < n and not state.status.done:
            if problem.in_plane:
                self.walk(problem, state, rows[done:n])
            else:
                state = Sampler.step(self, problem, state)
                rows[done] = [getattr(state, name) for name in self.monitors]
        return state

    def walk(self, problem: Mixture, state: SamplerState, rows: np.ndarray) -> None:
        """At most len(rows) steps, all of them of one particle after the other; a step leaves what `step` would."""
        i, times = state.i, state.times
        n = min(len(rows), len(times) - 1 - i)
        plan = [
            self.factors(problem.process, None if not j or self.is_last(state, j) else times[j - 1], *times[j : j + 2])
            for j in range(i, i + n)
        ]
        start = state.x, state.history[-1][2] if state.history else state.x
        x, denoised, magnitudes = problem.walked(*start, times[i : i + n], plan)
        state.work.nfe += n
        for j, magnitude in enumerate(magnitudes):
            state.k += 1
            if not magnitude <= BLOWN_UP * (1 + state.noise_level):  # NaN too
                cause = f"the particles left all bounds at t = {times[i + j + 1]:.3g}"
                state.status = Status("diverged", cause, "Take more steps or a sampler of lower order")
                state.work.nfe -= n - j - 1
                x, denoised, _ = problem.walked(*start, times[i : i + j], plan[:j])
            else:
                state.i, state.magnitude = i + j + 1, magnitude
                state.noise_level = self.noise_level(problem, times[state.i])
                state.remaining = 1 - state.i / (len(times) - 1)
                if state.i == len(times) - 1:
                    state.remaining, state.status = TINY, Status("converged", "reached the end of the schedule")
            rows[j] = [getattr(state, name) for name in self.monitors]
            if state.status.done:
                break
        if state.i > i:  # the start of the last step is of no more use
            state.x, state.history = x, [(float(times[state.i - 1]), None, denoised)]
