"""Observers of few states for a large stable system: a heated rod is watched at one point, and known everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import expm, solve_continuous_are, solve_sylvester

from toolkit.core.claims import Exact, Rate, at_most_one
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.prediction import Pick, Sketch, lowest
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.observers.problems import INPUTS, WatchedRod, generator

STEPS = Stop(rtol=0.0, steps=2000)
OVER = Status("converged", "the last time is reached", "Raise `last` of the problem")
ZEROED = 1e-8
TOO_NEAR = Breakdown(
    "the frequencies are too near one another to be told apart at this rate",
    "Raise `base`, or lower `tones` or `decay`",
)


@dataclass(frozen=True, eq=False)
class Observer:
    """ξ̂′ = F ξ̂ + g u + k y, x̂ = Π ξ̂; one exact time step of (x, ξ̂), and of what the input adds to it."""

    f: np.ndarray
    g: np.ndarray
    k: np.ndarray
    lift: np.ndarray
    decay: float
    forward: np.ndarray
    driven: np.ndarray


def advancing(problem: WatchedRod, f, g, k, lift) -> Observer:
    """The observer with its exact steps: exponentials of rod, observer and the input's generator together."""
    n, order = problem.n, len(f)
    s, row = problem.driver
    joint = np.zeros((n + order + len(s),) * 2)
    joint[:n, :n], joint[n : n + order, :n], joint[n : n + order, n : n + order] = problem.a, k @ problem.watched, f
    joint[: n + order, n + order :] = np.vstack((problem.b, g)) @ row
    joint[n + order :, n + order :] = s
    step = expm(problem.dt * joint)
    slowest = max(np.linalg.eigvals(problem.a).real.max(), np.linalg.eigvals(f).real.max())
    return Observer(f, g, k, lift, slowest, step[: n + order, : n + order], step[: n + order, n + order :])


def gains(f: np.ndarray, rows: np.ndarray, decay: float) -> np.ndarray:
    """K with all eigenvalues of f − K rows left of −decay: Kalman and Bucy's gain for f shifted by decay."""
    scaled = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    unit = np.eye(len(f))
    try:
        cover = solve_continuous_are((f + decay * unit).T, scaled.T, unit, np.eye(len(rows)))
    except np.linalg.LinAlgError:
        raise TOO_NEAR from None
    found = cover @ scaled.T / np.maximum(np.linalg.norm(rows, axis=1), 1e-12)
    if np.abs(cover).max() > 1e11 or np.linalg.eigvals(f - found @ rows).real.max() > -0.9 * decay:
        raise TOO_NEAR
    return found


@dataclass(slots=True, kw_only=True)
class ObserverState(State):
    """Rod and observer (n + ν,), the error, and what bounds it: the start's share, and the input's so far."""

    both: np.ndarray
    observer: Observer
    start: np.ndarray
    pulse: np.ndarray
    gain: float = 0.0
    error: float = 1.0
    ceiling: float = 1.0
    order: float = 0.0

    def solution(self) -> np.ndarray:
        return self.both


class ObserverMethod(Method):
    """What the observers share: exact time steps, the error, and its bound for inputs that never exceed one."""

    problems: ClassVar[tuple[type, ...]] = (WatchedRod,)
    monitors: ClassVar[tuple[str, ...]] = ("error", "order")

    def designed(self, problem: WatchedRod) -> Observer:
        """The observer of this rod, with its exact time steps; made once a problem, nobody writes to it."""
        raise NotImplementedError

    def init(self, problem: WatchedRod) -> ObserverState:
        observer = self.designed(problem)
        both = np.concatenate((problem.start, np.zeros(len(observer.f))))
        state = ObserverState(both=both, observer=observer, start=both.copy(), pulse=observer.driven[:, 0].copy())
        state.order = float(len(observer.f))
        state.error = state.ceiling = _rms(state, both)
        return state

    def step(self, problem: WatchedRod, state: ObserverState) -> ObserverState:
        observer = state.observer
        state.both = observer.forward @ state.both + observer.driven @ problem.drives[state.k]
        state.error = _rms(state, state.both)
        state.gain += _rms(state, state.pulse)  # of an input held for one step, that many steps later
        state.start, state.pulse = observer.forward @ state.start, observer.forward @ state.pulse
        state.ceiling = _rms(state, state.start) + state.gain
        state.k += 1
        if state.k >= problem.steps:
            state.status = OVER
        return state

    def measures(self, problem):
        return (CEILING, SHARE)

    def bounded(self, problem: WatchedRod) -> tuple:
        """The claim for inputs that are held in every time step."""
        if problem.input == INPUTS[0]:
            return ()
        title = "the error stays below that of the start and the gain times the largest input"
        about = dict(source="shakib2025", assumes="the input stays between −1 and 1", title=title, stop=STEPS)
        return (at_most_one("share", **about),)


def _rms(state: ObserverState, both: np.ndarray) -> float:
    """Root mean square over the rod of x − Π ξ̂."""
    n = len(both) - len(state.observer.f)
    return float(np.linalg.norm(both[:n] - state.observer.lift @ both[n:]) / np.sqrt(n))


@dataclass(frozen=True)
class MomentMatchingObserver(ObserverMethod):
    """ξ̂′ = S ξ̂ + g (u − L ξ̂) + k (y − c Π ξ̂), x̂ = Π ξ̂, with A Π + b L = Π S: ν = 1 + 2 tones states for n.

    Π ω is the rod's steady answer to u = L ω, ω′ = S ω, so the reduced model matches the transfer function at the
    generator's frequencies, whatever the gains; those put the eigenvalues of S − gL − k c Π left of −decay. If u is
    the generator's, x − x̂ → 0 at the slower of the rates of A and of the observer; for other inputs the error is
    bounded by the input's largest modulus. One Sylvester equation, O(n³) densely; a step O((n + ν)²) with the rod.
    Reference: M. F. Shakib, M. Khalil, R. Postoyan, arXiv:2508.00609 (2025), sections III and IV.
    """

    title: ClassVar[str] = "moment-matching observer"
    sources: ClassVar[tuple[str, ...]] = ("shakib2025",)
    tones: int = knob(2, 0, 8, doc="harmonics that are matched, besides the constant")
    base: float = knob(2.0, 0.1, 20.0, log=True, symbol="ω", doc="frequency of the first harmonic")
    decay: float = knob(3.0, 0.1, 20.0, log=True, symbol="δ", doc="rate of the observer, at least")

    def label(self) -> str:
        return f"{self.title}, ν = {1 + 2 * self.tones}"

    def designed(self, problem: WatchedRod) -> Observer:
        return remembered(problem, self, lambda: matched(problem, self.tones, self.base, self.decay))

    def measures(self, problem):
        def residual(problem, state):
            s, row = generator(self.tones, self.base)
            lift, load = state.observer.lift, problem.b @ row
            size = np.linalg.norm(problem.a) * np.linalg.norm(lift) + np.linalg.norm(load)
            return float(np.linalg.norm(problem.a @ lift + load - lift @ s) / size)

        sylvester = Measure("sylvester", "residual of Sylvester's equation", residual, "|AΠ + bL − ΠS|")
        return (sylvester, *super().measures(problem))

    def claims(self, problem: WatchedRod) -> tuple:
        about = dict(source="shakib2025", stop=STEPS)
        title = "A Π + b L = Π S to rounding"
        made = (Exact(measure="sylvester", tol=1e-12, title=title, assumes="none", **about), *self.bounded(problem))
        known = problem.input == INPUTS[0] and self.base == problem.base and self.tones >= problem.tones
        slowest = np.pi**2 / 4
        if not known or min(self.decay, slowest) * problem.last < np.log(2 / ZEROED) or problem.steps > 2000:
            return made
        words = "the input is one of the generator's"
        factor = float(np.exp(-min(self.decay, slowest) * problem.dt))
        return (
            *made,
            Exact(measure="error", tol=ZEROED, title="the error tends to zero", assumes=words, **about),
            Rate(
                measure="error", factor=factor, title="at the slower rate of rod and observer", assumes=words, **about
            ),
        )


def matched(problem: WatchedRod, tones: int, base: float, decay: float) -> Observer:
    """The observer of moment matching."""
    s, row = generator(tones, base)
    lift = solve_sylvester(problem.a, -s, -problem.b @ row)
    seen = problem.watched @ lift
    gain = gains(s, np.vstack((row, seen)), decay)
    g, k = gain[:, :1], gain[:, 1:]
    return advancing(problem, s - g @ row - k @ seen, g, k, lift)


@dataclass(frozen=True)
class FullObserver(ObserverMethod):
    """x̂′ = A x̂ + b u + k (y − c x̂): as many states as the rod; its error tends to zero whatever the input.

    The gain is Kalman and Bucy's: a Riccati equation, O(n³). A step costs O(n²).
    Reference: D. G. Luenberger, IEEE Trans. Automat. Control 16 (1971) 596–602, doi:10.1109/TAC.1971.1099826.
    """

    title: ClassVar[str] = "full observer"
    sources: ClassVar[tuple[str, ...]] = ("luenberger1971",)

    def designed(self, problem: WatchedRod) -> Observer:
        return remembered(problem, self, lambda: luenberger(problem))

    def claims(self, problem: WatchedRod) -> tuple:
        if problem.last < 9 or problem.steps > 2000:
            return self.bounded(problem)
        about = dict(source="luenberger1971", assumes="any input", stop=STEPS)
        zero = Exact(measure="error", tol=ZEROED, title="the error tends to zero", **about)
        return (zero, *self.bounded(problem))


def luenberger(problem: WatchedRod) -> Observer:
    """The full observer."""
    k = gains(problem.a, problem.watched, 0.0)
    return advancing(problem, problem.a - k @ problem.watched, problem.b, k, np.eye(problem.n))


CEILING = Measure(
    "ceiling",
    "bound of the error",
    lambda problem, state: state.ceiling if problem.input != INPUTS[0] else float("nan"),
    doc="start and gain for any input between −1 and 1 that is held in every time step",
)
SHARE = Measure(
    "share",
    "error over its bound",
    lambda problem, state: (state.error - 1e-12) / state.ceiling if problem.input != INPUTS[0] else float("nan"),
    log=False,
)


def _profile(problem, state):
    """Temperature along the rod, and what the observer takes it for."""
    rod, seen = state.both[: problem.n], state.both[problem.n :]
    return {"x": problem.x, "temperature": rod, "observed": state.observer.lift @ seen}


CASES = (
    WatchedRod(n=30, steps=150),
    WatchedRod(n=30, steps=150, input=INPUTS[1]),
    WatchedRod(n=30, steps=150, input=INPUTS[2]),
)

PICTURES = (
    Picture(
        "rod-observed",
        "temperature, and as observed",
        "lines",
        _profile,
        x="x",
        y="temperature",
        of=ObserverState,
    ),
)

EXPERIMENTS = (
    Experiment(
        "five-states-for-eighty",
        "Five states for eighty",
        "The input is a constant and two harmonics. Do five states know the temperature of the whole rod?",
        WatchedRod(),
        (MomentMatchingObserver(), MomentMatchingObserver(tones=1), FullObserver()),
        STEPS,
        measure="error",
        picture="rod-observed",
        predict=Sketch(
            "Draw how the error of the observer with five states falls: by which factor a time step?",
            measure="error",
        ),
        why=r"A linear system that is driven by a constant and two harmonics forgets its start and then follows $\Pi"
        r" \omega$, where $\omega$ has five entries: they are all there is to know. The observer carries $\omega$ and"
        r" corrects it by the input and the one temperature that is measured; the error dies at the slower of two"
        r" rates, that at which the rod forgets, $\pi^2/4$, and the observer's own. With one harmonic fewer it cannot"
        r" follow the second one, and an error remains; the full observer follows any input, with eighty states.",
        formula=r"A \Pi + b L = \Pi S, \qquad \|x - \Pi \hat\xi\| \sim e^{-\min(\delta,\, \pi^2/4)\, t}",
        level=2,
        minutes=7,
        then="input-not-matched",
    ),
    Experiment(
        "input-not-matched",
        "An input the observer does not know",
        "A square wave has all odd harmonics. How does the error fall with the number of frequencies matched?",
        WatchedRod(input=INPUTS[1]),
        tuple(MomentMatchingObserver(tones=m) for m in (0, 1, 3, 7)),
        STEPS,
        measure="error",
        picture="rod-observed",
        predict=Pick(
            "The square wave is no sum of finitely many harmonics. Which observer is nearest in the end?",
            truth=lowest("error"),
        ),
        why=r"A square wave is a series of odd harmonics that fall like $1/j$ only: whatever an observer leaves out"
        r" goes on disturbing it, and no error here tends to zero. The more frequencies are matched the smaller is"
        r" what is left; the rod helps, as it damps fast harmonics. That the error stays bounded is promised for any"
        r" input between $-1$ and $1$: what is left of the start, and the gain times the largest input.",
        formula=r"\operatorname{sign}(\sin \omega t) = \frac4\pi \sum_{j\ \text{odd}} \frac{\sin(j \omega t)}{j}",
        level=2,
        minutes=6,
        then="greedy-worst",
    ),
)
