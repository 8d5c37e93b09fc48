"""DiffPure: attacked points are noised up to a time t* and brought back to the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Order
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.measures import NAN, rms
from toolkit.sampler.purification.problems import ALONG, DIGITS, FORWARD, GUESS, LINE, REVERSE, ROUNDS, Purification
from toolkit.sampler.solvers.sampler import TINY

MOST = 1000  # images times steps that an attack can go through and back ten times without a long wait


@dataclass(slots=True, kw_only=True)
class PurifiedState(State):
    """Clean and attacked points (n, d), noised alike, at times[k]; `given` as the attack left them.

    `remaining` is the share of steps to come; accuracies are of the classifier at x/α.
    """

    clean: np.ndarray
    x: np.ndarray
    given: np.ndarray
    times: np.ndarray
    scale: float
    remaining: float = 1.0
    robust_accuracy: float
    clean_accuracy: float
    separation: float

    def solution(self) -> np.ndarray:
        return self.x

    @property
    def inner(self) -> PurifiedState:
        """The purification that is looked at: itself; a ladder's state has one in it."""
        return self

    def seen(self) -> np.ndarray:
        """The points as the classifier gets them, x/α."""
        return self.x / self.scale


@dataclass(frozen=True)
class DiffPure(Method):
    """Noise up to t*, x = α x_a + σ z; back by dx = (f x − (1 + η²)/2 g² ∇log p_t) dt + η g dw, then classify x/α.

    η = 1 is the reverse equation, which draws x₀ from p(x₀|x at t*), η = 0 the probability flow. Steps: Euler and
    Maruyama's as published, or of DDIM's kind, exact where E[x₀|x] is constant. Each step is A x + B E[x₀|x] + C z, so
    that the gradient of the loss at the end goes back by a ↦ A a + B (∂E[x₀|x]/∂x)ᵀ a: exact for the steps taken.
    `adaptive`: the attack takes its gradients through a purification, of other noise in each of its rounds.
    Reference: W. Nie et al. (2022), arXiv:2205.07460, eq. 2–6, Theorem 3.1, Proposition 3.3.
    """

    title: ClassVar[str] = "DiffPure"
    sources: ClassVar[tuple[str, ...]] = ("nie2022",)
    monitors: ClassVar[tuple[str, ...]] = ("remaining", "robust_accuracy", "clean_accuracy", "separation")
    linear: ClassVar[tuple[str, ...]] = ("remaining", "robust_accuracy", "clean_accuracy")
    problems: ClassVar[tuple[type, ...]] = (Purification,)
    time: float = knob(0.15, 0.005, 1.0, log=True, symbol="t*", doc="up to where it is noised, as a share of the start")
    steps: int = knob(40, 1, 1000, log=True, symbol="N", doc="steps back")
    eta: float = knob(1.0, 0.0, 1.0, symbol="η", doc="share of the reverse equation's noise; 0: the probability flow")
    rule: str = knob("Euler–Maruyama", choices=("Euler–Maruyama", "DDIM"), doc="of the steps back")
    adaptive: bool = knob(False, doc="the attack knows the purification")

    def suits(self, problem) -> str:
        if trouble := super().suits(problem):
            return trouble
        slow = self.adaptive and problem.law == DIGITS and problem.particles * self.steps > MOST
        return f"attacking digits through it takes long: points times steps at most {MOST}" if slow else ""

    def times(self, problem: Purification) -> np.ndarray:
        """t* = t_0 > … > t_N, the schedule's end, evenly, shape (N + 1,)."""
        process = problem.diffusion.process
        return np.linspace(self.time * process.start, process.end, self.steps + 1)

    def factors(self, process, s: float, t: float) -> tuple[float, float, float]:
        """(A, B, C) of a step from s to t < s: x_t = A x + B E[x₀|x] + C z."""
        alpha, sigma = process.alpha(s), process.sigma(s)
        if self.rule == "DDIM":
            share = -(self.eta**2) * np.expm1(-2 * (process.log_snr(t) - process.log_snr(s)))
            kept = process.sigma(t) * np.sqrt(1 - share) / sigma
            return kept, process.alpha(t) - kept * alpha, process.sigma(t) * np.sqrt(share)
        pull = 0.5 * (1 + self.eta**2) * process.diffusion(s) / sigma**2
        first = 1 + (t - s) * (process.drift(s) + pull)
        return first, (s - t) * pull * alpha, self.eta * np.sqrt(process.diffusion(s) * (s - t))

    def back(self, problem: Purification, x: np.ndarray, key: int, kept: list | None = None) -> np.ndarray:
        """x (n, d) noised up to t* and brought back, over α; `kept` takes the x of each step."""
        law, times = problem.diffusion, self.times(problem)
        x = law.process.alpha(times[0]) * x + law.process.sigma(times[0]) * problem.normal(FORWARD, key)
        for i in range(self.steps):
            first, second, third = self.factors(law.process, *times[i : i + 2])
            if kept is not None:
                kept.append(x)
            x = first * x + second * law.denoise(x, times[i])
            if third:
                x += third * problem.normal(REVERSE, key, i)
        return x / law.process.alpha(times[-1])

    def gradient(self, problem: Purification, x: np.ndarray, key: int) -> tuple[np.ndarray, np.ndarray]:
        """(ℓ (n,) at the purified x, its gradient (n, d) with respect to x) by the adjoint of the steps."""
        law, times, kept = problem.diffusion, self.times(problem), []
        loss, a = problem.loss_and_gradient(self.back(problem, x, key, kept))
        a = a / law.process.alpha(times[-1])
        for i in reversed(range(self.steps)):
            first, second, _ = self.factors(law.process, *times[i : i + 2])
            a = first * a + second * law.denoise_along(kept[i], a, times[i])[1]
        return loss, law.process.alpha(times[0]) * a

    def attacked(self, problem: Purification) -> np.ndarray:
        """The points that it is to purify, shape (n, d)."""
        if not self.adaptive:
            return problem.attacked
        return problem.attack(lambda x, i: self.gradient(problem, x, GUESS + i)[1])

    def init(self, problem: Purification) -> PurifiedState:
        process, times, given = problem.diffusion.process, self.times(problem), self.attacked(problem)
        alpha, noise = process.alpha(times[0]), process.sigma(times[0]) * problem.normal(FORWARD, 0)
        clean, x = alpha * problem.points[0] + noise, alpha * given + noise
        looks = dict(scale=0.0, robust_accuracy=0.0, clean_accuracy=0.0, separation=0.0)
        state = PurifiedState(clean=clean, x=x, given=given, times=times, **looks)
        if self.adaptive:
            state.work.nfe += 3 * ROUNDS * self.steps
        return self._looked(problem, state)

    def step(self, problem: Purification, state: PurifiedState) -> PurifiedState:
        law, (s, t) = problem.diffusion, map(float, state.times[state.k : state.k + 2])
        first, second, third = self.factors(law.process, s, t)
        noise = third * problem.normal(REVERSE, 0, state.k) if third else 0.0
        state.clean = first * state.clean + second * law.denoise(state.clean, s) + noise
        state.x = first * state.x + second * law.denoise(state.x, s) + noise
        state.work.nfe += 1
        state.k += 1
        return self._looked(problem, state)

    def _looked(self, problem: Purification, state: PurifiedState) -> PurifiedState:
        state.scale = float(problem.diffusion.process.alpha(state.times[state.k]))
        state.remaining = 1 - state.k / self.steps
        state.robust_accuracy = float(problem.right(state.seen()).mean())
        state.clean_accuracy = float(problem.right(state.clean / state.scale).mean())
        state.separation = rms(state.x - state.clean) / state.scale
        if state.k == self.steps:
            state.remaining, state.status = TINY, Status("converged", "brought back to the data")
        return state

    def measures(self, problem: Purification):
        gap = Measure("gradient_gap", "adjoint against differences", self.gradient_gap, "|∂ℓ − Δℓ|/|∂ℓ|", doc=GAP)
        if self.eta:
            return (gap,)
        return gap, Measure("flow_error", "error of the flow", self.flow_error, "‖x − x*‖", doc="RMS, attacked points")

    def gradient_gap(self, problem: Purification, state: PurifiedState) -> float:
        """Relative difference of ∇(Σ ℓ)·u and of (ℓ(x + h u) − ℓ(x − h u))/2h for one u; NaN before the end."""
        if state.k < self.steps:
            return NAN
        along, h = problem.normal(ALONG), 1e-6
        slope = (self.gradient(problem, state.given, 0)[1] * along).sum(axis=1)
        ends = [problem.loss_and_gradient(self.back(problem, state.given + e * along, 0))[0] for e in (h, -h)]
        return float(np.linalg.norm(slope - (ends[0] - ends[1]) / (2 * h)) / max(np.linalg.norm(slope), TINY))

    def flow_error(self, problem: Purification, state: PurifiedState) -> float:
        """RMS distance from where the exact flow carries the same noised points; NaN before the end."""
        if state.k < self.steps:
            return NAN
        law, t, s = problem.diffusion, float(state.times[-1]), float(state.times[0])
        start = law.process.alpha(s) * state.given + law.process.sigma(s) * problem.normal(FORWARD, 0)
        return rms(state.x - law.carried(start, s, t))

    def claims(self, problem: Purification) -> tuple:
        title = "the adjoint's gradient of the loss is that of differences"
        about = dict(source="nie2022", stop=THROUGH)
        found = [Exact(measure="gradient_gap", tol=1e-4, title=title, assumes="double precision", **about)]
        if not self.eta and problem.law == LINE:
            order = dict(over="steps", values=(64, 128, 256, 512), title="error at the end ∝ N^−1")
            found.append(Order(measure="flow_error", p=1.0, assumes="a smooth score, small steps", **order, **about))
        return tuple(found)


GAP = "relative, along one direction of each point, at the end"
