"""DDIM and DDPM in the form for which convergence is proved, plain and accelerated without training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from toolkit.core.errors import KnobError
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.loading import loading
from toolkit.core.prediction import Guess, Pick, first_below, ratio
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.laws.schedules import GRIDS, checked_times
from toolkit.sampler.solvers.drawing import Drawing
from toolkit.sampler.solvers.sampler import Sampler
from toolkit.sampler.solvers.step_ladder import StepLadder

RATES = "learning rates"


def learning_rates(process, steps: int, end: float | None) -> np.ndarray:
    """Times whose 1 − α_t are β₁ at the first, then r min(β₁ (1 + r)^t, 1), shape (steps + 1,).

    β₁ is set by the end and r by the start of the process (in the paper, r = c₁ log T/T and β₁ = T^−c₀).
    Reference: G. Li et al. (2024), arXiv:2403.03852, Sec. 3 (learning rate schedule).
    """
    with loading():
        from scipy.optimize import brentq

    end = process.end if end is None else float(end)
    if not process.lowest <= end < process.start:
        raise KnobError(f"end = {end:g}: expected a time from {process.lowest:g} to below {process.start:g}.")
    first, goal = (np.log1p(np.exp(-2 * process.log_snr(t))) for t in (end, process.start))  # −log ᾱ = log(1 + σ²/α²)
    beta = -np.expm1(-first)

    def depths(rate):  # −log ᾱ_t for t = 1, …, T + 1
        power = np.minimum(np.arange(1, steps + 1) * np.log1p(rate) + np.log(beta), 0.0)
        return first + np.append(0.0, np.cumsum(-np.log1p(-rate * np.exp(power))))

    low, high = 1e-12, 1 - 1e-12
    if not depths(low)[-1] < goal < depths(high)[-1]:
        raise KnobError(f"steps = {steps}: expected more, no learning rate below 1 spans the noise from end to start.")
    depth = depths(brentq(lambda rate: depths(rate)[-1] - goal, low, high, xtol=1e-15))[::-1]
    times = process.time(-depth / 2 - 0.5 * np.log(-np.expm1(-depth)))
    times[0], times[-1] = process.start, end
    return checked_times(times)


class _Rated(Sampler):
    """What the samplers of this paper share: its times, and its score, that of the variance-preserving x/√(α² + σ²)."""

    def times(self, problem):
        if self.grid != RATES:
            return Sampler.times(self, problem)
        return learning_rates(problem.process, self.steps, self.end)

    @staticmethod
    def scale(problem, t: float) -> tuple[float, float]:
        """(√(α² + σ²), ᾱ = α²/(α² + σ²)) at t."""
        whole = np.hypot(problem.process.alpha(t), problem.process.sigma(t))
        return float(whole), float((problem.process.alpha(t) / whole) ** 2)

    def score(self, problem, predict, y: np.ndarray, t: float) -> np.ndarray:
        """s_t(y) = (√ᾱ x₀ − y)/(1 − ᾱ) of the variance-preserving y, one evaluation."""
        whole, bar = self.scale(problem, t)
        return (np.sqrt(bar) * predict(whole * y, t) - y) / (problem.process.sigma(t) / whole) ** 2


@dataclass(frozen=True)
class AcceleratedDDIM(_Rated):
    """y_{t−1} = (y + (1 − α_t)/2 s_t(y) + (1 − α_t)²/(4(1 − α_{t+1})) (s_t(y) − √α_{t+1} s_{t+1}(y⁻)))/√α_t.

    y⁻ = √α_{t+1} (y − (1 − α_{t+1})/2 s_t(y)) is y carried one step back to the noise: two evaluations a step (one in
    the first, which has nothing behind it), error in the law O(1/T²). Plain: without the last term, one evaluation,
    O(1/T). α_t is the ratio of ᾱ at the step's ends; x is rescaled so that any noising process will do.
    Reference: G. Li, Y. Huang, T. Efimov, Y. Wei, Y. Chi, Y. Chen (2024), arXiv:2403.03852, Theorem 1.
    """

    title: ClassVar[str] = "DDIM, provably accelerated"
    sources: ClassVar[tuple[str, ...]] = ("li2024provably",)
    steps: int = knob(64, 1, 100_000, log=True, symbol="T", doc="steps from noise to data")
    grid: str = knob(RATES, choices=(RATES, *GRIDS), doc="how the times are spaced; learning rates: the paper's")
    accelerated: bool = knob(True, doc="with the second-order term")

    @property
    def order(self) -> float:
        return 2.0 if self.accelerated else 1.0

    @property
    def stages(self) -> int:
        return 2 if self.accelerated else 1

    def label(self) -> str:
        return self.title if self.accelerated else "DDIM, as proved, plain"

    def promised_order(self, problem, **about):
        values = (256, 512, 1024) if problem.ladder(self.order) else ()  # below, the next order is mixed in
        return Sampler.promised_order(self, problem, **(dict(values=values) | about)) if values else ()

    def leap(self, problem, state, s, t):
        predict = partial(self.predict, problem, state)
        (whole, bar), (after, ahead) = self.scale(problem, s), self.scale(problem, t)
        y, ratio = state.x / whole, bar / ahead
        score = self.score(problem, predict, y, s)
        moved = y + 0.5 * (1 - ratio) * score
        if self.accelerated and state.i:
            above = float(state.times[state.i - 1])
            up = self.scale(problem, above)[1] / bar  # α_{t+1}
            back = np.sqrt(up) * (y - 0.5 * (1 - up) * score)
            other = self.score(problem, predict, back, above)
            moved += (1 - ratio) ** 2 / (4 * (1 - up)) * (score - np.sqrt(up) * other)
        return after / np.sqrt(ratio) * moved


@dataclass(frozen=True)
class AcceleratedDDPM(_Rated, Drawing):
    """y_{t−1} = (y⁺ + (1 − α_t) s_t(y⁺) + √((1 − α_t)/2) z')/√α_t after y⁺ = y + √((1 − α_t)/2) z.

    Half of the noise comes before the score, which then sees the covariance of the step to second order: the error
    of the law is O(1/T) at most where the plain rule (all noise after it) is proved O(1/√T). One evaluation a step.
    On a Gaussian the two are of orders 2 and 1: the theorem is an upper bound for every law.
    Reference: G. Li, Y. Huang, T. Efimov, Y. Wei, Y. Chi, Y. Chen (2024), arXiv:2403.03852, Theorem 2.
    """

    title: ClassVar[str] = "DDPM, provably accelerated"
    sources: ClassVar[tuple[str, ...]] = ("li2024provably",)
    stochastic = True
    steps: int = knob(64, 1, 100_000, log=True, symbol="T", doc="steps from noise to data")
    grid: str = knob(RATES, choices=(RATES, *GRIDS), doc="how the times are spaced; learning rates: the paper's")
    accelerated: bool = knob(True, doc="half of the noise before the score")

    @property
    def draws(self) -> int:
        return 2 if self.accelerated else 1

    def label(self) -> str:
        return self.title if self.accelerated else "DDPM, as proved, plain"

    def moved(self, problem, predict, x, s, t, draws):
        (whole, bar), (after, ahead) = self.scale(problem, s), self.scale(problem, t)
        y, rate = x / whole, 1 - bar / ahead
        if self.accelerated:
            y = y + np.sqrt(rate / 2) * draws[0]
        moved = y + rate * self.score(problem, predict, y, s)
        moved += np.sqrt(rate / 2 if self.accelerated else rate) * draws[-1]
        return after / np.sqrt(1 - rate) * moved

    def claims(self, problem):
        p, words = (1.0, "1/T") if self.accelerated else (0.5, "1/√T")
        about = dict(title=f"error of the law falls like {words} at least", at_least=True)
        return self.promised_law(problem, p, **about)


EXPERIMENTS = (
    Experiment(
        "provably-faster",
        "Provably faster",
        "One more look at the score, a step behind: the error then falls like 1/T². Is it worth two evaluations?",
        PlaneMixture(particles=256),
        tuple(StepLadder(sampler=AcceleratedDDIM(accelerated=on), first=32, rungs=6) for on in (False, True)),
        THROUGH_GROWTH,
        measure="final_error",
        against="evaluations",
        predict=Pick(
            "Which gets below an error of 0.01 with fewer evaluations?",
            first_below("final_error", 0.01, "evaluations"),
            theory=1,  # 1/T² in twice the evaluations beats 1/T once the error asked for is small
        ),
        why=(
            "The last term looks at the score once more, one step back towards the noise; the difference tells how the "
            "score changes along the way, and takes the leading error out. What is left falls like $1/T^2$ in place of "
            "$1/T$. Two evaluations a step shift the line by a factor of two; "
            "its slope makes that good many times over."
        ),
        formula=(
            r"y_{t-1}=\frac1{\sqrt{\alpha_t}}\Bigl(y+\frac{1-\alpha_t}{2}\,s_t(y)+\frac{(1-\alpha_t)^2}{4(1-\alpha_{t+1})}"
            r"\bigl(s_t(y)-\sqrt{\alpha_{t+1}}\,s_{t+1}(y^-)\bigr)\Bigr)"
        ),
        level=3,
        minutes=6,
        then="half-the-noise-first",
    ),
    Experiment(
        "half-the-noise-first",
        "Half the noise first",
        "The same noise, the same evaluations; only half of it comes before the score. How much nearer is the law?",
        GaussianFlow(particles=50_000),
        (AcceleratedDDPM(accelerated=False), AcceleratedDDPM()),
        THROUGH,
        measure="gaussian_divergence",
        against="nfe",
        picture="cloud",
        predict=Guess(
            "How many times smaller does the divergence become?",
            *(ratio("gaussian_divergence", 0, 1), 0.5, 1000.0),
            unit="times",
            close=3.0,
        ),
        why=(
            "Where half of the noise comes before the score, the score is taken at a point that has already been "
            "spread out, and so sees the covariance of the step to second order. The theorem bounds the error of the "
            r"law by $1/T$, against $1/\sqrt T$ for the plain rule. On a Gaussian both fall faster than "
            "that, with orders two and one: a bound for every law need not be met by one."
        ),
        formula=(
            r"y_{t-1}=\frac1{\sqrt{\alpha_t}}\Bigl(y^++(1-\alpha_t)\,s_t(y^+)+\sqrt{\tfrac{1-\alpha_t}2}\,z'\Bigr),"
            r"\qquad y^+=y+\sqrt{\tfrac{1-\alpha_t}2}\,z"
        ),
        level=3,
        minutes=6,
        then="improve-integration",
    ),
)
