"""DiffPure with t* raised: how far to noise, so that the attack is lost and the class is not; and what is seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claim import monotone
from toolkit.core.knob import knob, part
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.digits import SIDE
from toolkit.sampler.purification.diffpure import DiffPure, PurifiedState
from toolkit.sampler.purification.problems import DIGITS, FORWARD, LINE, Purification
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


# -- what is seen ----------------------------------------------------------------------------------------------------


def _shown(state):
    inner = getattr(state, "inner", state)
    return inner if isinstance(inner, PurifiedState) else None


def seen_points(problem, state):
    """Clean, attacked and purified points, and where the classifier changes its mind; in the plane only."""
    inner = _shown(state)
    if inner is None or problem.law != LINE:
        return None
    now, up = inner.seen(), np.linspace(-1.5, 1.5, 61)
    told = {"attacked": inner.given, "clean": problem.points[0], "purified": now}
    return {name: (x[:, 0], x[:, 1]) for name, x in told.items()} | {"classes part": (-problem.tilt * up, up)}


def seen_digits(problem, state):
    """The first 25 images: clean, attacked, and as they are now."""
    inner = _shown(state)
    if inner is None or problem.law != DIGITS:
        return None
    return {"clean": tiles(problem.points[0]), "attacked": tiles(inner.given), "purified": tiles(inner.seen())}


def tiles(x: np.ndarray, a_side: int = 5) -> np.ndarray:
    """The first images of (n, 64) in a square, the first at the top left, as rows from the bottom."""
    sheet = np.full((a_side * a_side, SIDE + 1, SIDE + 1), -1.0)
    shown = np.clip(x[: len(sheet)], -1.5, 1.5).reshape(-1, SIDE, SIDE)
    sheet[: len(shown), :SIDE, :SIDE] = shown
    sheet = sheet.reshape(a_side, a_side, SIDE + 1, SIDE + 1).transpose(0, 2, 1, 3)
    return sheet.reshape(a_side * (SIDE + 1), -1)[::-1] + 1.5


def accuracies(problem, state):
    """Accuracy of the attacked and of the clean points against t*, and of the attacked ones without purification."""
    if not isinstance(state, PurificationLadder):
        return None
    times, robust, clean = np.array(state.rows).T
    bare = np.full(len(times), problem.right(state.inner.given).mean())
    return {"x": times, "attacked, purified": robust, "clean, purified": clean, "attacked, as they are": bare}


PICTURES = (
    Picture("purified_points", "clean, attacked, purified", "points", seen_points, x="x", y="y"),
    Picture("purified_digits", "clean, attacked, purified", "images", seen_digits),
    Picture("purified_accuracy", "accuracy against t*", "lines", accuracies, x="t*", y="share that is right"),
)

EXPERIMENTS = (
    Experiment(
        "purify",
        "Washed in noise",
        "Points were pushed over the classifier's line. Noise hides the attack: what does the way back make of it?",
        Purification(),
        (DiffPure(), DiffPure(eta=0.0)),
        THROUGH,
        measure="robust_accuracy",
        picture="purified_points",
    ),
    Experiment(
        "how_much_noise",
        "How much noise cleans best?",
        "Too little leaves the attack, too much loses the class. Where is the best t*, and whose curve is higher?",
        Purification(),
        (
            DiffPureLadder(),
            DiffPureLadder(purifier=DiffPure(eta=0.0)),
            DiffPureLadder(purifier=DiffPure(adaptive=True)),
        ),
        THROUGH,
        measure="robust_accuracy",
        against="diffusion_time",
        picture="purified_points",
    ),
    Experiment(
        "purified_digits",
        "Attacked digits",
        "Logistic regression is fooled by changes one hardly sees. Which digits does purification save, which turn?",
        Purification(law=DIGITS, particles=64, size=1.5),
        tuple(DiffPureLadder(purifier=DiffPure(rule="DDIM", steps=20, eta=eta)) for eta in (1.0, 0.0)),
        THROUGH,
        measure="robust_accuracy",
        against="diffusion_time",
        picture="purified_digits",
    ),
)
