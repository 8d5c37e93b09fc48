"""DiffPure with t* raised: how far to noise, so that the attack is lost and the class is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import monotone
from toolkit.core.knob import knob, part
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.sampler.purification.diffpure import DiffPure, PurifiedState
from toolkit.sampler.purification.problems import FORWARD, LINE, Purification
from toolkit.sampler.solvers.sampler import TINY


@dataclass(slots=True, kw_only=True)
class PurificationLadder(State):
    """The latest purification, `inner`, up to t* = `diffusion_time`; `rows` (t*, robust, clean) of those so far."""

    inner: PurifiedState
    rows: list
    remaining: float = 1.0
    diffusion_time: float
    robust_accuracy: float
    clean_accuracy: float
    separation: float

    def solution(self) -> np.ndarray:
        return self.inner.seen()


@dataclass(frozen=True)
class DiffPureLadder(Method):
    """Purify with a larger t* at each step, the same noise each time: the attack is lost in noise, then the class is.

    KL(p_t ‖ q_t) of the clean and the attacked law falls with t (Theorem 3.1), and so does what is left of the class:
    robust accuracy is best in between. "Stop here" marks the best so far, once two larger t* did not better it.
    Reference: W. Nie et al. (2022), arXiv:2205.07460, Theorem 3.1 and Fig. 3.
    """

    title: ClassVar[str] = "DiffPure, t* raised"
    sources: ClassVar[tuple[str, ...]] = ("nie2022",)
    monitors: ClassVar[tuple[str, ...]] = (
        "remaining", "robust_accuracy", "clean_accuracy", "separation", "diffusion_time"
    )  # fmt: skip
    linear: ClassVar[tuple[str, ...]] = ("remaining", "robust_accuracy", "clean_accuracy", "diffusion_time")
    scales: ClassVar[tuple[str, ...]] = ("diffusion_time",)
    problems: ClassVar[tuple[type, ...]] = (Purification,)
    purifier: DiffPure = part(DiffPure, DiffPure(), doc="the purification whose t* is raised")
    first: float = knob(0.01, 0.005, 0.5, log=True, symbol="t₀*", doc="first t*, as a share of the start")
    rungs: int = knob(16, 2, 40, doc="values of t*, the last one is all noise")

    def label(self) -> str:
        one = self.purifier
        told = "reverse equation" if one.eta == 1 else "probability flow" if not one.eta else f"η = {one.eta:g}"
        return f"{one.title}, {told}" + (", attack through it" if one.adaptive else "")

    def suits(self, problem) -> str:
        return Method.suits(self, problem) or self.purifier.suits(problem)

    def init(self, problem: Purification) -> PurificationLadder:
        looks = dict(diffusion_time=0.0, robust_accuracy=0.0, clean_accuracy=0.0, separation=0.0)
        state = PurificationLadder(inner=self.purifier.init(problem), rows=[], **looks)
        return self._purify(problem, state)

    def step(self, problem: Purification, state: PurificationLadder) -> PurificationLadder:
        state.k += 1
        return self._purify(problem, state)

    def _purify(self, problem: Purification, state: PurificationLadder) -> PurificationLadder:
        method = self.purifier.turned(time=min(1.0, self.first ** (1 - state.k / (self.rungs - 1))))
        inner = method.init(problem)
        while not inner.status.done:
            inner = method.step(problem, inner)
        state.inner = inner
        state.diffusion_time = float(inner.times[0])
        for name in ("robust_accuracy", "clean_accuracy", "separation"):
            setattr(state, name, getattr(inner, name))
        state.rows = [*state.rows, (state.diffusion_time, inner.robust_accuracy, inner.clean_accuracy)]
        state.work.nfe += inner.work.nfe
        state.remaining = 1 - state.k / (self.rungs - 1)
        if state.k == self.rungs - 1:
            state.remaining, state.status = TINY, Status("converged", "noised all the way")
        return state

    def enough(self, history):
        best = int(np.argmax(history["robust_accuracy"]))
        return int(history["k"][best]) if len(history["k"]) > best + 2 else None

    def measures(self, problem: Purification):
        if problem.law != LINE:
            return ()
        return DIVERGENCE, EXPECTED

    def claims(self, problem: Purification) -> tuple:
        if problem.law != LINE:
            return ()
        title = "KL of the noised laws, clean and attacked, never grows with t*"
        return (monotone("noised_divergence", source="nie2022", title=title, floor=1e-9, stop=THROUGH),)


def noised_divergence(problem, state) -> float:
    """KL(p_t ‖ q_t) at t*."""
    return problem.divergence(state.diffusion_time)


def expected_accuracy(problem, state) -> float:
    """The robust accuracy that the same noised points have on average after an exact reverse equation."""
    process, t = problem.diffusion.process, state.diffusion_time
    return problem.expected(process.alpha(t) * state.inner.given + process.sigma(t) * problem.normal(FORWARD, 0), t)


DIVERGENCE = Measure(
    "noised_divergence", "divergence of the noised laws", noised_divergence, "KL(p_t ‖ q_t)", "nat", doc="by quadrature"
)
EXPECTED = Measure(
    "expected_accuracy",
    "robust accuracy, exact reverse equation",
    expected_accuracy,
    log=False,
    doc="of the same noised points, on average over the way back",
)
