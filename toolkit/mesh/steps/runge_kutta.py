"""One step after another: the state and the frame of time-stepping methods, and three classical ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Order
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.mesh.steps.elimination import elimination_flops, factored, solve_flops, solved
from toolkit.mesh.steps.problems import Evolution

BLOWN_UP = 1e6
NEWTON, PATIENCE = 40, 12  # iterations for a stage, and how many with the Jacobian of the step
ROWS = 128
TINY = 1e-300  # of the time, left at the end: a zero would meet a tolerance of zero before the cause is told


class Trail:
    """Where the solution was: at most `ROWS` of the states passed; every other one is forgotten when it is full."""

    __slots__ = ("count", "seen", "stride", "times", "values")

    def __init__(self, t: float, y: np.ndarray):
        self.times, self.values = np.zeros(ROWS), np.zeros((ROWS, len(y)))
        self.count, self.seen, self.stride = 0, 0, 1
        self.add(t, y)

    def add(self, t: float, y: np.ndarray) -> None:
        """Keep (t, y) if it is its turn."""
        if self.seen % self.stride == 0:
            if self.count == ROWS:
                self.times[: ROWS // 2], self.values[: ROWS // 2] = self.times[::2].copy(), self.values[::2].copy()
                self.count, self.stride = ROWS // 2, 2 * self.stride
            self.times[self.count], self.values[self.count] = t, y
            self.count += 1
        self.seen += 1

    def copy(self) -> Trail:
        """An independent copy."""
        twin = object.__new__(Trail)
        twin.times, twin.values = self.times.copy(), self.values.copy()
        twin.count, twin.seen, twin.stride = self.count, self.seen, self.stride
        return twin

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.times.nbytes + self.values.nbytes


@dataclass(slots=True, kw_only=True)
class TimeState(State):
    """y at the time t; `remaining` is 1 − t/T, `magnitude` the largest |y|, `factorisations` those done so far.

    `peak` is the largest magnitude so far.

    `jacobian` and `factors` are those in use.
    """

    y: np.ndarray
    t: float = 0.0
    remaining: float = 1.0
    magnitude: float
    peak: float = 0.0
    factorisations: float = 0.0
    jacobian: np.ndarray | None = None
    factors: tuple | None = None
    trail: Trail

    def solution(self) -> np.ndarray:
        return self.y


class TimeMethod(Method):
    """What all time-stepping methods share: a state at t = 0, and what happens to it when a step has been made."""

    monitors: ClassVar[tuple[str, ...]] = ("remaining", "magnitude", "factorisations")
    linear: ClassVar[tuple[str, ...]] = ("remaining", "factorisations")
    problems: ClassVar[tuple[type, ...]] = (Evolution,)

    def init(self, problem: Evolution) -> TimeState:
        y = np.array(problem.start)
        size = float(np.abs(y).max())
        return TimeState(y=y, magnitude=size, peak=size, trail=Trail(0.0, y))

    def arrive(self, problem: Evolution, state: TimeState, t: float, y: np.ndarray) -> TimeState:
        """The state at (t, y), ended if that is the end time or out of all bounds."""
        state.k += 1
        with np.errstate(invalid="ignore", over="ignore"):
            magnitude = float(np.abs(y).max())
        if not magnitude <= BLOWN_UP * (1 + np.abs(problem.start).max()):  # NaN too
            cause = f"the solution grew beyond {BLOWN_UP:.0e} times its start at t = {t:.3g}"
            state.status = Status("diverged", cause, "Take more steps, or an implicit method")
            return state
        state.t, state.y, state.magnitude, state.peak = t, y, magnitude, max(state.peak, magnitude)
        state.remaining = max(0.0, 1 - t / problem.end)
        state.trail.add(t, y)
        if state.remaining <= 1e-14:
            state.remaining = TINY
            state.status = Status("converged", "reached the final time")
        return state

    def factor(self, problem: Evolution, state: TimeState, c: float) -> None:
        """Take up I − c J with the Jacobian in the state."""
        state.factors = factored(state.jacobian, c, problem.band)
        state.factorisations += 1
        state.work.flops += elimination_flops(problem.size, problem.band)

    def solve(self, problem: Evolution, state: TimeState, rhs: np.ndarray) -> np.ndarray:
        """(I − c J)⁻¹ rhs, counted."""
        state.work.solves += 1
        state.work.flops += solve_flops(problem.size, problem.band)
        return solved(state.factors, rhs, problem.band)

    def rhs(self, problem: Evolution, state: TimeState, y: np.ndarray) -> np.ndarray:
        """f(y), counted."""
        state.work.nfe += 1
        return problem.rhs(y)


class FixedStep(TimeMethod):
    """Steps of one length h = T/steps. Subclasses give `leap`, the value after a step, and `accuracy`, its order."""

    steps: int

    @property
    def accuracy(self) -> int:
        """Order p of consistency: the error at the end falls like h^p where h is small."""
        raise NotImplementedError

    def leap(self, problem: Evolution, state: TimeState, h: float) -> np.ndarray:
        """y(t + h) approximately."""
        raise NotImplementedError

    def step(self, problem: Evolution, state: TimeState) -> TimeState:
        with np.errstate(over="ignore", invalid="ignore"):
            try:
                y = self.leap(problem, state, problem.end / self.steps)
            except Breakdown as trouble:
                state.k += 1
                state.status = Status("failed", trouble.cause, trouble.advice)
                return state
        return self.arrive(problem, state, problem.end * ((state.k + 1) / self.steps), y)

    def measures(self, problem) -> tuple[Measure, ...]:
        """Where the sum of the unknowns should stay, how far it has moved."""
        return (BOUNDED_MASS,) if problem.keeps_mass else ()

    def promised_order(self, problem: Evolution, values: tuple, source: str, assumes: str, **about) -> Order:
        """The claim that the error at the end falls as steps^−p."""
        p = self.accuracy
        title = f"error at the end ∝ h^{p}"
        about = dict(title=title, source=source, assumes=assumes, stop=THROUGH, floor=problem.attainable) | about
        return Order(measure="error", p=p, over="steps", values=values, **about)

    def promised_mass(self, problem: Evolution, source: str) -> tuple:
        """Linear invariants are kept to rounding, whatever W, as long as y does not explode."""
        if not problem.keeps_mass:
            return ()
        return (
            Exact(
                measure="bounded_mass",
                tol=1e-11,
                always=True,
                title="mass is kept while the solution is bounded",
                assumes="1ᵀf = 0 and 1ᵀW = 0",
                source=source,
                stop=THROUGH,
            ),
        )


OVERSHOT = 1.1  # times the largest unknown at the start: no concentration grows beyond the whole mass


def _bounded_mass(problem: Evolution, state: TimeState) -> float:
    start = problem.start
    return abs(float(state.y.sum() - start.sum())) if state.peak <= OVERSHOT * np.abs(start).max() else float("nan")


BOUNDED_MASS = Measure(
    "bounded_mass",
    "mass lost or won while bounded",
    _bounded_mass,
    "|Σ y − Σ y(0)|",
    doc="until the solution overshoots its start by a tenth: from there on rounding is as large as the overshoot",
)


def steps_knob():
    """The knob of the number of time steps, the same for all methods of fixed step."""
    return knob(100, 1, 1_000_000, log=True, symbol="N", doc="time steps to the end")


@dataclass(frozen=True)
class RungeKutta4(FixedStep):
    """Classical explicit Runge–Kutta of order 4: four evaluations a step, no linear system.

    Stable only while h times the largest eigenvalue stays within 2.785 on the negative axis, 2.83 on the imaginary one.
    Reference: W. Kutta, Z. Math. Phys. 46 (1901) 435–453; Hairer & Wanner (1996), Section IV.2.
    """

    title: ClassVar[str] = "explicit Runge–Kutta 4"
    chaotic: ClassVar[str] = "with steps that are too long, what grows has begun as rounding"
    name: ClassVar[str] = "runge_kutta_4"
    sources: ClassVar[tuple[str, ...]] = ("hairer1996",)
    accuracy: ClassVar[int] = 4
    steps: int = steps_knob()

    def leap(self, problem, state, h):
        y = state.y
        k1 = self.rhs(problem, state, y)
        k2 = self.rhs(problem, state, y + h / 2 * k1)
        k3 = self.rhs(problem, state, y + h / 2 * k2)
        k4 = self.rhs(problem, state, y + h * k3)
        state.work.flops += 14.0 * problem.size
        return y + h / 6 * (k1 + 2 * (k2 + k3) + k4)

    def claims(self, problem: Evolution) -> tuple:
        least = max(problem.ladder, default=0) // 4
        first = max(least, int(np.ceil(problem.stiffness / 1.5)))
        if not problem.ladder or first > 500:
            return ()
        about = dict(tol=0.3, at_least=True)
        return (
            self.promised_order(
                problem, (first, 3 * first // 2, 2 * first), "hairer1996", "h times every eigenvalue is small", **about
            ),
        )


class Diagonal(FixedStep):
    """Diagonally implicit Runge–Kutta, the last stage the new value: Y_i = y + h Σ_{j<i} a_ij f(Y_j) + h γ f(Y_i).

    Each stage is solved by simplified Newton with the Jacobian at y: one factorisation a step. Where that does not
    converge it begins anew with Newton's iteration proper. Subclasses give `weights`, the rows (a_i1, …, γ).
    """

    weights: ClassVar[tuple]
    tol: float

    def leap(self, problem, state, h):
        state.jacobian = problem.jacobian(state.y)
        self.factor(problem, state, h * self.weights[-1][-1])
        slopes, Y = [], state.y
        for row in self.weights:
            base = state.y + h * sum((a * k for a, k in zip(row, slopes)), np.zeros(problem.size))
            Y, slope = self._stage(problem, state, base, Y, h * row[-1])
            slopes.append(slope)
        return Y

    def _stage(self, problem, state, base, Y, c):
        """(Y, f(Y)) of Y = base + c f(Y); Breakdown when Newton's iteration does not get there."""
        scale = 1e-12 + np.abs(state.y).max()
        first = Y
        for sweep in range(NEWTON):
            if sweep >= PATIENCE:
                Y = first if sweep == PATIENCE else Y
                state.jacobian = problem.jacobian(Y)
                self.factor(problem, state, c)
            change = self.solve(problem, state, base + c * self.rhs(problem, state, Y) - Y)
            Y = Y + change
            if np.abs(change).max() <= self.tol * scale:
                return Y, (Y - base) / c
        raise Breakdown(f"Newton's iteration did not converge at t = {state.t:.3g}", "Take more steps")


@dataclass(frozen=True)
class ImplicitEuler(Diagonal):
    """Implicit Euler: Y = y + h f(Y), solved by simplified Newton. Order 1, L-stable; a factorisation a step.

    Fails where the step is so long that Newton's iteration does not converge.
    Reference: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II (1996), Sections IV.3 and IV.8.
    """

    title: ClassVar[str] = "implicit Euler"
    sources: ClassVar[tuple[str, ...]] = ("hairer1996",)
    accuracy: ClassVar[int] = 1
    weights: ClassVar[tuple] = ((1.0,),)
    steps: int = steps_knob()
    tol: float = knob(1e-10, 1e-14, 1e-3, log=True, doc="last change of Newton's iteration, relative to y")

    def claims(self, problem: Evolution) -> tuple:
        return _classical(self, problem)


@dataclass(frozen=True)
class SDIRK2(Diagonal):
    """Alexander's two-stage SDIRK of order 2, γ = 1 − 1/√2: L-stable, solved by simplified Newton.

    Y₁ = y + hγ f(Y₁), Y₂ = y + h(1 − γ) f(Y₁) + hγ f(Y₂); y(t + h) = Y₂. One factorisation a step for both stages.
    Reference: R. Alexander, SIAM J. Numer. Anal. 14 (1977) 1006–1021, doi:10.1137/0714068.
    """

    title: ClassVar[str] = "SDIRK 2"
    name: ClassVar[str] = "sdirk2"
    sources: ClassVar[tuple[str, ...]] = ("alexander1977",)
    accuracy: ClassVar[int] = 2
    weights: ClassVar[tuple] = ((1 - 0.5**0.5,), (0.5**0.5, 1 - 0.5**0.5))
    steps: int = steps_knob()
    tol: float = knob(1e-10, 1e-14, 1e-3, log=True, doc="last change of Newton's iteration, relative to y")

    def claims(self, problem: Evolution) -> tuple:
        return _classical(self, problem)


def _classical(method, problem: Evolution) -> tuple:
    source = method.sources[0]
    found = list(method.promised_mass(problem, source))
    if problem.ladder:
        found.append(method.promised_order(problem, problem.ladder, source, "h is small beside what is not stiff"))
    return tuple(found)
