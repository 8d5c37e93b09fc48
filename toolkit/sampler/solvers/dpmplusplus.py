"""DPM-Solver++ beyond 2M: one step at a time (2S), three outputs (3M), and the reverse equation with noise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from toolkit.core.claim import Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.memo import remembered
from toolkit.core.probe import Measure
from toolkit.core.stop import THROUGH
from toolkit.core.study import solve
from toolkit.sampler.laws.measures import NAN, rms
from toolkit.sampler.laws.mixtures import GaussianFlow, PlaneMixture, SpaceMixture
from toolkit.sampler.solvers.ddim import DDPM
from toolkit.sampler.solvers.deis import STARTS, fine, runge_kutta
from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M
from toolkit.sampler.solvers.sampler import Sampler
from toolkit.sampler.solvers.unipc import phi

FINEST = 1024  # steps of the solution that others on the same path are compared with
CURVATURES = ("whole", "half")


@dataclass(frozen=True)
class DPMSolverPP2S(Sampler):
    """DPM-Solver++(2S): x₀ at a place between, r of the way in λ. Two evaluations a step, order 2.

    u = (σ_r/σ_s) x − α_r (e^{−rh} − 1) x₀, D = (1 − 1/2r) x₀ + (1/2r) x₀(u), x_t = (σ_t/σ_s) x − α_t (e^{−h} − 1) D.
    Reference: C. Lu et al. (2022), arXiv:2211.01095, Alg. 1.
    """

    title: ClassVar[str] = "DPM-Solver++ 2S"
    sources: ClassVar[tuple[str, ...]] = ("lu2022pp",)
    order: ClassVar[float] = 2.0
    stages: ClassVar[int] = 2
    ratio: float = knob(0.5, 0.05, 1.0, symbol="r", doc="place between, as a share of the step in λ")

    def leap(self, problem, state, s, t):
        process, denoised = problem.process, self.predict_start(problem, state, s)
        first = process.log_snr(s)
        h = process.log_snr(t) - first
        middle = float(process.time(first + self.ratio * h)) if self.ratio < 1 else t
        ahead = process.sigma(middle) / process.sigma(s) * state.x
        ahead -= process.alpha(middle) * np.expm1(-self.ratio * h) * denoised
        other = self.predict(problem, state, ahead, middle)
        mean = denoised + (other - denoised) / (2 * self.ratio)
        return process.sigma(t) / process.sigma(s) * state.x - process.alpha(t) * np.expm1(-h) * mean


@dataclass(frozen=True)
class DPMSolverPP3M(Sampler):
    """DPM-Solver++(3M): a parabola in λ through the last three outputs. One evaluation a step, order 3.

    x_t = (σ_t/σ_s) x + α_t h (φ₁ x₀ + φ₂ h x₀' + φ₃ h² x₀''), φ_k at −h, x₀' and x₀'' of the parabola: UniP-3 of data
    predictions. `curvature` "half" is the authors' code, and diffusers', whose divided difference lacks its factor
    of 2: order 2. The first two steps: ρRK of order four, or as released of orders 1 and 2.
    Reference: C. Lu et al. (2022), arXiv:2211.01095, Sec. 4.2 (multistep, k = 3).
    """

    title: ClassVar[str] = "DPM-Solver++ 3M"
    sources: ClassVar[tuple[str, ...]] = ("lu2022pp",)
    memory: ClassVar[int] = 3
    curvature: str = knob("whole", choices=CURVATURES, doc="of the second difference: whole, or half as released")
    start: str = knob("Runge–Kutta", choices=STARTS, doc="the first two steps")

    @property
    def order(self) -> float:
        return 3.0 if self.curvature == "whole" and self.start == "Runge–Kutta" else 2.0

    def leap(self, problem, state, s, t):
        process, denoised = problem.process, self.predict_start(problem, state, s)
        if self.start == "Runge–Kutta" and state.i < 2:
            eps = problem.implied_noise(state.x, denoised, s)
            return runge_kutta(self, problem, state, eps, s, t, "RK4")
        h = float(process.log_snr(t) - process.log_snr(s))
        mean = phi(1, -h) * denoised
        for k, rise in enumerate(self.derivatives(process, state.history, h), start=2):
            mean += phi(k, -h) * rise
        return process.sigma(t) / process.sigma(s) * state.x + process.alpha(t) * h * mean

    def derivatives(self, process, history, h: float) -> tuple:
        """(h x₀', h² x₀'') at the newest of three outputs; of two: (h x₀' of the step before,); of one: ()."""
        known = history[::-1]
        gaps = [float(process.log_snr(a[0]) - process.log_snr(b[0])) / h for a, b in pairwise(known)]
        rises = [(a[2] - b[2]) / gap for (a, b), gap in zip(pairwise(known), gaps)]
        if len(rises) < 2:
            return self.alone(rises, h)
        bend = (rises[0] - rises[1]) / (gaps[0] + gaps[1])
        return rises[0] + gaps[0] * bend, (2.0 if self.curvature == "whole" else 1.0) * bend

    @staticmethod
    def alone(rises, h: float) -> tuple:
        """What makes a second step that of 2M: (1/2) φ₁ in place of φ₂."""
        return tuple(rise * (0.5 * phi(1, -h) / phi(2, -h)) for rise in rises)

    def claims(self, problem):
        more = self.start != "Runge–Kutta" or (self.curvature == "whole" and isinstance(problem, GaussianFlow))
        return self.promised_order(problem, at_least=more, **fine(problem, 3))


# -- with noise ------------------------------------------------------------------------------------------------------


def resolved(problem, end: float) -> np.ndarray:
    """The reverse equation on the problem's path in 1024 steps of SDE-DPM-Solver++(2M), shape (m, d); kept with it."""
    method = SDEDPMSolverPP2M(steps=FINEST, end=end)
    return remembered(problem, method, lambda: solve(problem, method, THROUGH).state.x)


def strong_error(problem, state) -> float:
    """RMS distance from the same Brownian path in 1024 steps; NaN before the end."""
    if state.i < len(state.times) - 1:
        return NAN
    path = resolved(problem.few, float(state.times[-1]))
    return rms(state.x[: len(path)] - path)


STRONG = Measure(
    "strong_error",
    "distance from the path resolved",
    strong_error,
    "‖x − x(W)‖",
    doc="RMS distance from the same Brownian path in 1024 steps, 256 particles",
)


class _Reverse(Sampler):
    """x_t = (σ_t/σ_s) e^{−h} x + α_t (1 − e^{−2h}) D + σ_t √(1 − e^{−2h}) z for an average D of x₀.

    z = (W_t − W_s)/√h of the problem's path has correlation 1 − h²/24 + … with ∫ e^{λ − λ_t} dW: strong order 1.
    """

    stochastic = True

    def carried(self, problem, state, mean, s: float, t: float):
        """x at t for the average `mean`."""
        process = problem.process
        h = float(process.log_snr(t) - process.log_snr(s))
        drawn = problem.path_noise(s, t) if self.shared_path else problem.fresh_noise(state.i)
        kept = process.sigma(t) / process.sigma(s) * np.exp(-h)
        share = -np.expm1(-2 * h)
        return kept * state.x + process.alpha(t) * share * mean + process.sigma(t) * np.sqrt(share) * drawn

    def measures(self, problem):
        return (STRONG,) if self.shared_path else ()

    def claims(self, problem):
        if not self.shared_path or not isinstance(problem, (GaussianFlow, SpaceMixture)):
            return ()  # where noise decides between far modes, the order shows after thousands of steps only
        about = dict(source="lu2022pp", assumes="one Brownian path for all steps, a smooth score", stop=THROUGH)
        title = "strong error ∝ N^−1"
        return (Order(measure="strong_error", p=1.0, over="steps", values=(64, 128, 256), title=title, **about),)


@dataclass(frozen=True)
class SDEDPMSolverPP1(_Reverse):
    """SDE-DPM-Solver++(1): D = x₀ at the start of the step. It is ancestral sampling. One evaluation, strong order 1.

    Reference: C. Lu et al. (2022), arXiv:2211.01095, Sec. 5 (first order).
    """

    name: ClassVar[str] = "sde_dpm_solver_pp1"
    title: ClassVar[str] = "SDE-DPM-Solver++ 1"
    sources: ClassVar[tuple[str, ...]] = ("lu2022pp",)
    shared_path: bool = knob(True, doc="noise from one Brownian path, the same whatever the steps")

    def leap(self, problem, state, s, t):
        return self.carried(problem, state, self.predict_start(problem, state, s), s, t)


@dataclass(frozen=True)
class SDEDPMSolverPP2M(_Reverse):
    """SDE-DPM-Solver++(2M): D = x₀ + (x₀ − x₀')/2r, r = h'/h, h' and x₀' of the step before. One evaluation a step.

    The drift is averaged to second order, which lowers the error; the strong order is still 1, as the path's increments
    do not tell its integral.
    Reference: C. Lu et al. (2022), arXiv:2211.01095, Sec. 5 (second order, multistep).
    """

    name: ClassVar[str] = "sde_dpm_solver_pp2m"
    title: ClassVar[str] = "SDE-DPM-Solver++ 2M"
    sources: ClassVar[tuple[str, ...]] = ("lu2022pp",)
    memory: ClassVar[int] = 2
    shared_path: bool = knob(True, doc="noise from one Brownian path, the same whatever the steps")

    def leap(self, problem, state, s, t):
        process, denoised = problem.process, self.predict_start(problem, state, s)
        if len(state.history) > 1:
            before, _, earlier = state.history[-2]
            ratio = (process.log_snr(s) - process.log_snr(before)) / (process.log_snr(t) - process.log_snr(s))
            denoised = denoised + (denoised - earlier) / (2 * ratio)
        return self.carried(problem, state, denoised, s, t)


EXPERIMENTS = (
    Experiment(
        "noise-with-memory",
        "Noise, and memory",
        "The same twenty evaluations with fresh noise: does memory bring the particles closer to the law?",
        PlaneMixture(particles=20_000, shape="moons"),
        (SDEDPMSolverPP1(shared_path=False), SDEDPMSolverPP2M(shared_path=False), DDPM(), DPMSolverPP2M()),
        THROUGH,
        measure="sliced_wasserstein",
        against="nfe",
        picture="cloud",
    ),
)
