"""DPM-Solver++ beyond 2M: one step at a time (2S), and three outputs (3M)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.sampler.solvers.deis import STARTS, fine, runge_kutta
from toolkit.sampler.solvers.sampler import Sampler
from toolkit.sampler.solvers.unipc import phi

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
        more = self.start != "Runge–Kutta" or (self.curvature == "whole" and problem.gaussian)
        return self.promised_order(problem, at_least=more, **fine(problem, 3))
