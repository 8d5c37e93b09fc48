"""UniPC: a predictor and a corrector of any order in λ = log(α/σ), which share their evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.prediction import Pick, order_seen
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.deis import STARTS, fine, runge_kutta
from toolkit.sampler.solvers.dpmsolver import GAP
from toolkit.sampler.solvers.sampler import Sampler, SamplerState
from toolkit.sampler.solvers.step_ladder import StepLadder

VARIANTS = ("B₁(h) = h", "B₂(h) = eʰ − 1")
TERMS = 20  # of φ's series for |h| < 1


def phi(k: int, h: float) -> float:
    """φ_k(h) = ∫₀¹ e^{(1−θ)h} θ^{k−1}/(k−1)! dθ = Σ_j h^j/(j + k)!; by φ_k = (φ_{k−1} − 1/(k−1)!)/h for large |h|."""
    if abs(h) < 1:
        return sum(h**j / factorial(j + k) for j in reversed(range(TERMS)))
    value = np.expm1(h) / h
    for j in range(1, k):
        value = (value - 1 / factorial(j)) / h
    return value


def shares(ratios, h: float, variant: str) -> np.ndarray:
    """a with Σ_m a_m r_m^{n−1} = h n! φ_{n+1}(h)/B(h), n = 1 … len(ratios): the order conditions.

    A single ratio: a = 1/2 whatever h, which is enough for its order. Reference: arXiv:2302.04867, Thm. 3.1.
    """
    if len(ratios) < 2:
        return np.full(len(ratios), 0.5)
    count, below = len(ratios), h if variant == VARIANTS[0] else np.expm1(h)
    right = [h * factorial(n) * phi(n + 1, h) / below for n in range(1, count + 1)]
    return np.linalg.solve(np.vander(ratios, count, increasing=True).T, right)


@dataclass(frozen=True)
class UniP(Sampler):
    """UniP-p: x_t = (σ_t/σ_s) x − α_t (e^{−h} − 1) m₀ − α_t B(−h) Σ_m (a_m/r_m)(m_m − m₀), data predictions m.

    r_m = (λ_m − λ_s)/h, h = λ_t − λ_s. For noise predictions α, σ change places and h its sign. p = 1 is DDIM, p = 2
    with B₂ DPM-Solver++ 2M. One evaluation a step, order p. The first p − 1 steps: ρRK of order four (four evaluations
    each), or as published of lower orders, which leaves order 2 in the end. B matters for p = 2 only: else it cancels.
    On a Gaussian and steps even in λ the error's term in h³ is ∝ ∫ g (d³g/dλ³) dλ = 0, x₀ ∝ g: there p = 3 has order 4.
    Reference: W. Zhao et al. (2023), arXiv:2302.04867, Alg. 2 and Cor. 3.2.
    """

    title: ClassVar[str] = "UniP"
    sources: ClassVar[tuple[str, ...]] = ("zhao2023unipc",)
    p: int = knob(3, 1, 4, doc="order of the predictor")
    variant: str = knob("B₂(h) = eʰ − 1", choices=VARIANTS, doc="what the differences are scaled by")
    prediction: str = knob("data", choices=("data", "noise"), doc="what is extrapolated")
    start: str = knob("Runge–Kutta", choices=STARTS, doc="the first p − 1 steps")

    def label(self) -> str:
        return f"{self.title}-{self.p}"

    @property
    def order(self) -> float:
        return float(self.p if self.start == "Runge–Kutta" else min(self.p, 2))

    @property
    def memory(self) -> int:
        return self.p

    def leap(self, problem, state, s, t):
        denoised = self.predict_start(problem, state, s)
        if self.climbing(state.i):
            eps = problem.implied_noise(state.x, denoised, s)
            return runge_kutta(self, problem, state, eps, s, t, "RK4")
        return self.moved(problem, state.x, state.history[-1 : -1 - self.p : -1], t)

    def climbing(self, i: int) -> bool:
        """Whether step i is one of those before the order is reached, taken by Runge–Kutta."""
        return self.start == "Runge–Kutta" and 0 <= i < self.p - 1

    def moved(self, problem, x, known, t: float, at_end=None):
        """x carried from the time of known[0] to t through the outputs known, newest first, and one `at_end` or none.

        known: (time, x, x₀) each; the order is their number, and one more with `at_end`, (t, x, x₀).
        """
        process, data = problem.process, self.prediction == "data"
        s = known[0][0]
        h = float(process.log_snr(t) - process.log_snr(s))
        front, rest = (process.sigma, process.alpha) if data else (process.alpha, process.sigma)
        signed = -h if data else h
        others = [*known[1:], *([at_end] if at_end else [])]
        outputs = [x0 if data else problem.implied_noise(y, x0, u) for u, y, x0 in (known[0], *others)]
        ratios = np.array([(process.log_snr(u) - process.log_snr(s)) / h for u, _, _ in others])
        scale = signed if self.variant == VARIANTS[0] else np.expm1(signed)
        found = front(t) / front(s) * x - rest(t) * np.expm1(signed) * outputs[0]
        for a, r, output in zip(shares(ratios, signed, self.variant), ratios, outputs[1:]):
            found -= rest(t) * scale * a / r * (output - outputs[0])
        return found

    def measures(self, problem):
        return (GAP,) if self.p == 1 else ()

    def claims(self, problem):
        more = self.start != "Runge–Kutta" or (self.p == 3 and problem.gaussian)
        claims = self.promised_order(problem, at_least=more, **fine(problem, self.order))
        if self.measures(problem):
            about = dict(source="zhao2023unipc", assumes="exact arithmetic", title="each step is DDIM's", stop=THROUGH)
            claims = (*claims, Exact(measure="ddim_gap", tol=1e-12, always=True, **about))
        return claims


@dataclass(slots=True, kw_only=True)
class CorrectedState(SamplerState):
    """The particles x are predicted; `base` (n, d) are the corrected ones of the time before, where the step began."""

    base: np.ndarray


@dataclass(frozen=True)
class UniPC(UniP):
    """UniPC-p: UniP-p, and at the start of the next step UniC-p moves the particles once more from where they were.

    UniC uses the output at the predicted particles, which the next prediction needs anyway: one evaluation a step,
    order p + 1. The particles seen are the predicted ones; the last step is not corrected, which costs no order. The
    first p − 1 steps: ρRK of order four, or as published of lower orders, which leaves order 3 in the end.
    Reference: W. Zhao et al. (2023), arXiv:2302.04867, Alg. 1 and 2, Thm. 3.1.
    """

    title: ClassVar[str] = "UniPC"
    p: int = knob(2, 1, 4, doc="order of the predictor; the corrector adds one")

    @property
    def order(self) -> float:
        return self.p + 1.0 if self.start == "Runge–Kutta" else min(self.p + 1.0, 3.0)

    @property
    def memory(self) -> int:
        return self.p + 1

    def measures(self, problem):
        return ()

    def init(self, problem):
        state = super().init(problem)
        return state.widened(CorrectedState, base=state.x)

    def leap(self, problem, state, s, t):
        denoised = self.predict_start(problem, state, s)
        if self.climbing(state.i):
            state.base = state.x
            return runge_kutta(self, problem, state, problem.implied_noise(state.x, denoised, s), s, t, "RK4")
        if state.i == 0 or self.climbing(state.i - 1):
            state.base = state.x
        else:
            known = state.history[-2 : -2 - self.p : -1]
            state.base = self.moved(problem, state.base, known, s, at_end=state.history[-1])
        return self.moved(problem, state.base, state.history[-1 : -1 - self.p : -1], t)


def gained(runs) -> int:
    """How many orders the fourth method, UniPC-2, shows above the third, UniP-2: an index into ORDERS."""
    with_it, without = (order_seen("final_error", "steps_used", of)(runs) for of in (3, 2))
    return int(np.clip(round(with_it - without), 0, len(ORDERS) - 1))


ORDERS = ("none", "one", "two")
EXPERIMENTS = (
    Experiment(
        "free-correction",
        "A correction for nothing",
        "UniC uses an evaluation that is needed anyway. How many orders does it add, and does it pay with eight steps?",
        PlaneMixture(particles=256),
        tuple(StepLadder(sampler=one) for one in (UniP(p=1), UniPC(p=1), UniP(p=2), UniPC(p=2), UniP(p=3), UniPC(p=3))),
        THROUGH_GROWTH,
        measure="final_error",
        against="evaluations",
        predict=Pick("How many orders does the corrector add to UniP-2?", gained, theory=1, options=ORDERS),
        why=(
            "Once the output at the end of a step is known, the step can be done again with one more point in its "
            "polynomial: order $p$ becomes $p+1$. The next step needs that output anyway, so the correction costs "
            "nothing. That is a promise for small steps. With eight of them the correction helps some and harms "
            "others, and with four the highest orders do worst of all."
        ),
        formula=(
            r"x_t=\frac{\sigma_t}{\sigma_s}\,x_s-\alpha_t(e^{-h}-1)\,m_0"
            r"-\alpha_t\,B(-h)\sum_m\frac{a_m}{r_m}(m_m-m_0)"
        ),
        level=2,
        minutes=6,
        then="adaptive-or-fixed",
    ),
)
