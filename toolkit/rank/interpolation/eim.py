"""Empirical interpolation of a table of fields, in its variants, and its discrete form: one point a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, Exact
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.kernels.dense.interpolation import NORMS
from toolkit.rank.interpolation.crosses import Crosses
from toolkit.rank.interpolation.problems import FieldTable

STEPS = Stop(rtol=0.0, steps=20)
SIX_DIGITS = Stop(rtol=0.0, atol=1e-6, steps=20)  # the condition of the corner is about one over the error
DIGITS_GONE = 1e8  # a condition that leaves the points met to 1e-8
ILL_CONDITIONED = Status("stagnated", "the corner F has a condition beyond 1e8", "The classical form goes on")
NOTHING_LEFT = Status("converged", "the table is interpolated to rounding", "Nothing is left to pick")
ALL_TERMS = Status("converged", "the largest number of terms is reached", "Raise `terms` to go on")


@dataclass(slots=True, kw_only=True)
class FieldState(State):
    """Points and fields picked; `functions` (k, n) and `inverse` (k, points) make the interpolant.

    The interpolant of a field with the values v at the points is v @ inverseᵀ @ functions. `error` is the largest
    error over the table in the method's norm, relative to the largest norm.
    """

    points: list
    fields: list
    functions: np.ndarray
    inverse: np.ndarray
    crosses: Crosses | None = None
    error: float = 1.0
    unknowns: float = 0.0

    def solution(self) -> np.ndarray:
        return np.array(self.points, dtype=float)

    def interpolant(self, fields: np.ndarray) -> np.ndarray:
        """The interpolants of fields (m, n)."""
        if not len(self.functions):
            return np.zeros_like(fields)
        return (fields[:, self.points] @ self.inverse.T) @ self.functions


class FieldMethod(Method):
    """What the interpolations share: monitors, measures and the promise at the points."""

    problems: ClassVar[tuple[type, ...]] = (FieldTable,)
    monitors: ClassVar[tuple[str, ...]] = ("error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)

    def init(self, problem: FieldTable) -> FieldState:
        none = np.empty((0, problem.table.shape[1]))
        return FieldState(points=[], fields=[], functions=none, inverse=np.empty((0, 0)))

    def measures(self, problem):
        return (AT_POINTS, HELD_OUT, LEBESGUE)

    def _ended(self, problem, state: FieldState) -> FieldState:
        state.unknowns = float(len(state.functions))
        if state.k >= min(self.terms, *problem.table.shape):
            state.status = ALL_TERMS
        return state

    def _exact(self, source: str, words: str = "at its points", tol: float = 1e-10, stop: Stop = STEPS) -> Exact:
        return Exact(
            measure="at_points",
            tol=tol,
            always=True,
            title=f"interpolates exactly {words}, fields it has never seen too",
            source=source,
            assumes="the corner matrix is well conditioned against the accuracy asked for",
            stop=stop,
        )


@dataclass(frozen=True)
class Eim(FieldMethod):
    """Empirical interpolation: the field that is worst interpolated gives a function, its largest error a point.

    r_k = f − I_k f; y = argmax |r_k(·, y)| in the norm chosen, x = argmax |r_k(x, y)|, q_(k+1) = r_k(·, y)/r_k(x, y).
    A step updates what is left of the whole table by one cross and costs O(M n). Exact at its points; the Lebesgue
    constant is at most 2^k − 1. The greedy norm may be any; the point is always where the modulus is largest.
    Reference: M. Barrault, Y. Maday, N. C. Nguyen, A. T. Patera, C. R. Math. 339 (2004) 667–672,
    doi:10.1016/j.crma.2004.08.006; norms: F. Casenave, A. Ern, T. Lelièvre, arXiv:1508.05330 (2015).
    """

    title: ClassVar[str] = "EIM"
    sources: ClassVar[tuple[str, ...]] = ("barrault2004", "casenave2015")
    norm: str = knob("max", choices=NORMS, doc="norm in which the worst field is chosen")
    terms: int = knob(30, 1, 200, symbol="d", doc="largest number of terms")

    def label(self) -> str:
        return self.title if self.norm == "max" else f"{self.title}, {self.norm}"

    def init(self, problem: FieldTable) -> FieldState:
        state = super().init(problem)
        state.crosses = Crosses.of(problem.table, self.norm)
        return state

    def step(self, problem: FieldTable, state: FieldState) -> FieldState:
        state.k += 1
        before = len(state.crosses.rows)
        state.crosses = crosses = state.crosses.extended()
        state.work.flops += 2.0 * problem.table.size
        if len(crosses.rows) == before or crosses.largest <= 1e-15 * crosses.scale:
            state.status = NOTHING_LEFT
        state.points, state.fields = list(crosses.columns), list(crosses.rows)
        if crosses.shapes:  # none where every field is zero
            state.functions = np.stack(crosses.shapes)
            state.inverse = np.linalg.inv(crosses.corner)
        state.error = crosses.largest / (crosses.scale or 1.0)
        return self._ended(problem, state)

    def claims(self, problem: FieldTable) -> tuple:
        return (
            self._exact("barrault2004"),
            Bound(
                measure="lebesgue",
                curve=lambda k, values: np.maximum(2.0**k - 1, 0),
                title="Lebesgue constant at most 2^d − 1",
                source="barrault2004",
                assumes="each point is where the remainder is largest",
                stop=STEPS,
                slack=1e-6,
            ),
        )


@dataclass(frozen=True)
class SymmetricEim(FieldMethod):
    """The symmetric formulation: I f = f(·, y) F⁻¹ f(x, ·), F = f(x_i, y_j), fields and points in equal roles.

    No functions are normalised and no triangle is kept: the remainder of the whole table is formed anew from the
    selected rows, columns and the corner F. It picks what the classical form picks and gives the same interpolant, to
    rounding times the condition of F: it ends where that would take half the digits. A step costs O(k M n).
    Reference: F. Casenave, A. Ern, T. Lelièvre, arXiv:1508.05330 (2015), section 2.
    """

    title: ClassVar[str] = "EIM, symmetric"
    sources: ClassVar[tuple[str, ...]] = ("casenave2015",)
    terms: int = knob(30, 1, 200, symbol="d", doc="largest number of terms")

    def step(self, problem: FieldTable, state: FieldState) -> FieldState:
        state.k += 1
        table = problem.table
        rest = table - state.interpolant(table)
        row = int(np.argmax(np.abs(rest).max(axis=1)))
        column = int(np.argmax(np.abs(rest[row])))
        if abs(rest[row, column]) <= 1e-13 * problem.size or column in state.points or row in state.fields:
            state.status = NOTHING_LEFT
            return self._ended(problem, state)
        points, fields = [*state.points, column], [*state.fields, row]
        if np.linalg.cond(table[np.ix_(fields, points)]) > DIGITS_GONE:
            state.status = ILL_CONDITIONED
            return self._ended(problem, state)
        state.points, state.fields = points, fields
        self._made(problem, state)
        state.error = float(np.abs(table - state.interpolant(table)).max()) / problem.size
        return self._ended(problem, state)

    def _made(self, problem, state: FieldState) -> None:
        state.functions = problem.table[state.fields]
        state.inverse = np.linalg.inv(state.functions[:, state.points].T)

    def claims(self, problem: FieldTable) -> tuple:
        title = "the same interpolant as the classical form"
        about = dict(source="casenave2015", assumes="a corner whose condition leaves six digits", stop=SIX_DIGITS)
        return (
            self._exact("casenave2015", tol=1e-8, stop=SIX_DIGITS),
            Exact(measure="apart", tol=1e-8, title=title, **about),
        )

    def measures(self, problem):
        return (*super().measures(problem), APART)


@dataclass(frozen=True)
class RectangularEim(SymmetricEim):
    """The rectangular extension: a sensor breaks, and every field selected stays.

    d fields but d − 1 points: F⁻¹ becomes the Moore–Penrose inverse of the rectangular corner, so that the sensors
    that are left are still met exactly, by the coefficients of least length. `broken` is the number of the sensor, in
    the order of selection, that fails as soon as there are two more.
    Reference: F. Casenave, A. Ern, T. Lelièvre, arXiv:1508.05330 (2015), section 4.
    """

    title: ClassVar[str] = "EIM, a sensor broken"
    sources: ClassVar[tuple[str, ...]] = ("casenave2015",)
    broken: int = knob(3, 1, 50, doc="which of the selected sensors fails")

    def _made(self, problem, state: FieldState) -> None:
        state.functions = problem.table[state.fields]
        corner = state.functions[:, state.points].T
        working = np.arange(len(state.points)) != self.broken - 1
        if len(state.points) < self.broken + 2:
            working[:] = True
        state.inverse = np.zeros_like(corner)
        state.inverse[:, working] = np.linalg.pinv(corner[working], rcond=1e-14)

    def claims(self, problem: FieldTable) -> tuple:
        return (
            Exact(
                measure="at_working",
                tol=1e-8,
                always=True,
                title="meets every working sensor exactly",
                source="casenave2015",
                assumes="a corner of full rank",
                stop=STEPS,
            ),
        )

    def measures(self, problem):
        return (AT_WORKING, HELD_OUT, LEBESGUE)


def _at_points(problem, state: FieldState) -> float:
    fields = problem.held_out[:, state.points]
    return float(np.abs(fields - state.interpolant(problem.held_out)[:, state.points]).max(initial=0)) / problem.size


def _at_working(problem, state: FieldState) -> float:
    left = (problem.held_out - state.interpolant(problem.held_out))[:, state.points]
    working = state.inverse.any(axis=0) if len(state.points) else np.zeros(0, bool)
    return float(np.abs(left[:, working]).max(initial=0)) / problem.size


def _held_out(problem, state: FieldState) -> float:
    return float(np.abs(problem.held_out - state.interpolant(problem.held_out)).max()) / problem.size


def _lebesgue(problem, state: FieldState) -> float:
    return float(np.abs(state.inverse.T @ state.functions).sum(axis=0).max()) if len(state.points) else 0.0


def _apart(problem, state: FieldState) -> float:
    """The classical form with the same picks, built function by function, against the interpolant here."""
    functions = []
    for row, points in ((row, state.points[:i]) for i, row in enumerate(state.fields)):
        rest = problem.table[row].copy()
        for function, point in zip(functions, points):
            rest -= rest[point] * function
        functions.append(rest / rest[state.points[len(functions)]])
    rest = problem.held_out.copy()
    for function, point in zip(functions, state.points):
        rest -= rest[:, point, None] * function
    return float(np.abs(problem.held_out - rest - state.interpolant(problem.held_out)).max()) / problem.size


AT_POINTS = Measure("at_points", "error at the points", _at_points, "max |f − I f|(x_i)", doc="over fields held out")
AT_WORKING = Measure(
    "at_working", "error at the working sensors", _at_working, "max |f − I f|(x_i)", doc="over fields held out"
)
HELD_OUT = Measure(
    "held_out", "error on fields held out", _held_out, "max |f − I f|", doc="relative to the largest value"
)
LEBESGUE = Measure("lebesgue", "Lebesgue constant", _lebesgue, "Λ", doc="largest sum of moduli of the nodal functions")
APART = Measure("apart", "symmetric against classical", _apart, "max |I f − I′f|", doc="over fields held out")
