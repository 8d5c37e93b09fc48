"""Samplers of the probability flow and its stochastic kin: Euler, Heun, DDIM and ancestral DDPM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.sampler.solvers.drawing import Drawing
from toolkit.sampler.solvers.sampler import Sampler


@dataclass(frozen=True)
class EulerSampler(Sampler):
    """Euler's rule for dx/dt = α' x₀ + σ' ε in the schedule's own time: one evaluation a step, order 1.

    Reference: T. Karras et al. (2022), arXiv:2206.00364, Alg. 1, lines 3–5.
    """

    title: ClassVar[str] = "Euler"
    sources: ClassVar[tuple[str, ...]] = ("karras2022",)
    clock: ClassVar[str] = "t"
    order: ClassVar[float] = 1.0

    def leap(self, problem, state, s, t):
        return state.x + (t - s) * problem.velocity(state.x, self.predict_start(problem, state, s), s)


@dataclass(frozen=True)
class HeunSampler(Sampler):
    """Heun's rule for dx/dt = α' x₀ + σ' ε: two evaluations a step, order 2. The end has σ > 0, so no step is Euler's.

    Reference: T. Karras et al. (2022), arXiv:2206.00364, Alg. 1.
    """

    title: ClassVar[str] = "Heun"
    sources: ClassVar[tuple[str, ...]] = ("karras2022",)
    clock: ClassVar[str] = "t"
    order: ClassVar[float] = 2.0
    stages: ClassVar[int] = 2

    def leap(self, problem, state, s, t):
        slope = problem.velocity(state.x, self.predict_start(problem, state, s), s)
        ahead = state.x + (t - s) * slope
        other = problem.velocity(ahead, self.predict(problem, state, ahead, t), t)
        return state.x + 0.5 * (t - s) * (slope + other)


def ddim(process, x, denoised, s: float, t: float) -> np.ndarray:
    """DDIM's step with η = 0: x at t = α_t x₀ + (σ_t/σ_s)(x − α_s x₀)."""
    ratio = process.sigma(t) / process.sigma(s)
    return ratio * x + (process.alpha(t) - ratio * process.alpha(s)) * denoised


class _Noisy(Sampler):
    """What samplers that draw noise share; `shared_path`, a knob of each, takes it from the problem's Brownian path."""

    shared_path: bool

    def draw(self, problem, state, s: float, t: float) -> np.ndarray:
        """The step's standard normal noise, shape (n, d)."""
        return problem.path_noise(s, t) if self.shared_path else problem.fresh_noise(state.i)


@dataclass(frozen=True)
class DDIM(_Noisy):
    """x_t = α_t x₀ + √(σ_t² − s²) ε + s z, s = η σ_t √(1 − e^{−2h}), h = λ_t − λ_s: order 1 for η = 0.

    η = 1 is ancestral sampling, values between mix. One evaluation a step.
    Reference: J. Song, C. Meng, S. Ermon (2021), arXiv:2010.02502, eq. 12 and 16.
    """

    title: ClassVar[str] = "DDIM"
    sources: ClassVar[tuple[str, ...]] = ("song2021ddim",)
    clock: ClassVar[str] = "ρ"
    order: ClassVar[float] = 1.0
    eta: float = knob(0.0, 0.0, 1.0, symbol="η", doc="share of the ancestral noise; 0: deterministic")
    shared_path: bool = knob(False, doc="noise from one Brownian path, the same whatever the steps")

    @property
    def stochastic(self) -> bool:
        return self.eta > 0

    def leap(self, problem, state, s, t):
        process, denoised = problem.process, self.predict_start(problem, state, s)
        if not self.stochastic:
            return ddim(process, state.x, denoised, s, t)
        share = -(self.eta**2) * np.expm1(-2 * (process.log_snr(t) - process.log_snr(s)))
        x = process.alpha(t) * denoised
        x += process.sigma(t) * np.sqrt(1 - share) * problem.implied_noise(state.x, denoised, s)
        return x + process.sigma(t) * np.sqrt(share) * self.draw(problem, state, s, t)


@dataclass(frozen=True)
class DDPM(_Noisy, Drawing):
    """Ancestral sampling: x_t drawn from the Gaussian q(x_t | x_s, x₀) at the predicted x₀. One evaluation a step.

    Mean (α_{s|t} σ_t² x + α_t σ²_{s|t} x₀)/σ_s² with α_{s|t} = α_s/α_t, σ²_{s|t} = σ_s² − α²_{s|t} σ_t²; variance
    σ_t² σ²_{s|t}/σ_s² ("small") or σ²_{s|t} ("large"). No order against the exact flow, as it draws noise: its law
    comes to that of the data, in total variation like 1/N, which on a Gaussian is seen without particles.
    Reference: J. Ho, A. Jain, P. Abbeel (2020), arXiv:2006.11239, Alg. 2 and eq. 7; G. Li, Y. Yan (2025), JMLR 26:292,
    Theorem 1 (the law).
    """

    title: ClassVar[str] = "DDPM, ancestral"
    sources: ClassVar[tuple[str, ...]] = ("ho2020", "li2025")
    stochastic = True
    variance: str = knob("small", choices=("small", "large"), doc="of the posterior, or of the forward step")
    shared_path: bool = knob(False, doc="noise from one Brownian path, the same whatever the steps")

    def leap(self, problem, state, s, t):
        denoised, drawn = self.predict_start(problem, state, s), self.draw(problem, state, s, t)
        return self.moved(problem, lambda x, u: denoised, state.x, s, t, [drawn])

    def moved(self, problem, predict, x, s, t, draws):
        process, denoised = problem.process, predict(x, s)
        ratio, sigma = process.alpha(s) / process.alpha(t), process.sigma(s)
        added = -(sigma**2) * np.expm1(2 * (process.log_snr(s) - process.log_snr(t)))
        kept = process.sigma(t) ** 2 / sigma**2
        mean = ratio * kept * x + process.alpha(t) * added / sigma**2 * denoised
        spread = np.sqrt(added * kept if self.variance == "small" else added)
        return mean + spread * draws[0]

    def claims(self, problem):
        if self.variance == "small":
            return self.promised_law(problem, 1.0, source="li2025")
        title = "error of the law falls like 1/N at least"  # exact on an isotropic law of unit variance
        return self.promised_law(problem, 1.0, source="li2025", title=title, at_least=True)
