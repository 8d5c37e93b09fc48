"""Initial value problems y′ = f(y): what is asked of a time-stepping method, and how far it is from the solution."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.loading import loading
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem

EXPLICIT_LIMIT = 4e4  # norm of the Jacobian times end time up to which an explicit reference is the faster one


class Evolution(Problem):
    """y′ = f(y) on [0, end] with y(0) = `start`, autonomous.

    Subclasses give `start`, `rhs` and `jacobian`, and where they know it `exact` (of this system of ODEs) or `field`
    (of the partial differential equation behind it). Where no closed form is known the solution is computed to about
    1e-12 by SciPy, the first time it is asked for.
    """

    band: ClassVar[tuple[int, int] | None] = None
    labels: ClassVar[tuple[str, ...]] = ("y",)
    keeps_mass: ClassVar[bool] = False  # 1ᵀf = 0: the sum of the unknowns stays, and `mass_error` is measured
    end: float

    @cached_property
    def start(self) -> np.ndarray:
        """y(0), shape (size,), read-only."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Unknowns."""
        return len(self.start)

    @property
    def axis(self) -> np.ndarray | None:
        """Where the unknowns live, shape (size / number of fields,); None for a system without space."""
        return None

    @property
    def ladder(self) -> tuple[int, ...]:
        """Numbers of time steps at which the classical order of a method shows; () where none are known to be cheap."""
        return ()

    def rhs(self, y: np.ndarray) -> np.ndarray:
        """f(y), a new array of shape (size,)."""
        raise NotImplementedError

    def jacobian(self, y: np.ndarray) -> np.ndarray:
        """∂f/∂y: dense (size, size), or for `band` = (l, u) its diagonals (l + u + 1, size) as LAPACK lays them out."""
        raise NotImplementedError

    def exact(self, t: float) -> np.ndarray | None:
        """The solution of the ODEs at t in closed form, None where there is none."""
        return None

    def field(self, t: float) -> np.ndarray | None:
        """The solution of the partial differential equation at the nodes, None where it is not known."""
        return None

    def fields(self, y: np.ndarray) -> dict[str, np.ndarray]:
        """The unknowns by name: each a function on `axis`, or one number."""
        return {name: y[i :: len(self.labels)] for i, name in enumerate(self.labels)}

    @cached_property
    def stiffness(self) -> float:
        """1-norm of the Jacobian at the start, a bound for its eigenvalues, times the end time."""
        return float(np.abs(self.jacobian(self.start)).sum(axis=0).max()) * self.end

    def dense(self, y: np.ndarray) -> np.ndarray:
        """The Jacobian as a full matrix."""
        jacobian = self.jacobian(y)
        if self.band is None:
            return jacobian
        up = self.band[1]
        full = np.zeros((self.size, self.size))
        for i, row in enumerate(jacobian):
            shift = up - i  # the diagonal this row holds: entry (j − shift, j) in column j
            j = np.arange(max(0, shift), self.size + min(0, shift))
            full[j - shift, j] = row[j]
        return full

    @property
    def attainable(self) -> float:
        """Errors below this are the rounding of a closed form, or the tolerance of a computed solution."""
        if self.exact(self.end) is not None:
            return 5e-15
        return 1e-9 if self.stiffness > EXPLICIT_LIMIT else 1e-12

    @cached_property
    def _dense_reference(self):
        with loading():
            from scipy.integrate import solve_ivp

        options = {"method": "DOP853", "rtol": 1e-13}
        if self.stiffness > EXPLICIT_LIMIT:
            options = {"method": "Radau", "rtol": 1e-11, "jac": lambda t, y: self.dense(y)}
        with np.errstate(over="ignore", invalid="ignore"):  # the first trial step of an explicit method may blow up
            found = solve_ivp(
                lambda t, y: self.rhs(y), (0.0, self.end), self.start, atol=1e-15, dense_output=True, **options
            )
        return found.sol, found.y[:, -1]

    @cached_property
    def final(self) -> np.ndarray:
        """y(end): closed form, published or computed."""
        known = self.exact(self.end)
        return self._dense_reference[1] if known is None else known

    def reference(self, t: float) -> np.ndarray:
        """y(t). Between the ends a computed one is interpolated, after Radau's method to eight digits or so."""
        if abs(t - self.end) <= 1e-12 * self.end:
            return self.final
        known = self.exact(t)
        return self._dense_reference[0](t) if known is None else known

    def measures(self) -> tuple[Measure, ...]:
        """The error of the time stepping; where a closed form is known that of space and time together."""
        return (ERROR,) if self.field(0.0) is None else (ERROR, FIELD_ERROR)


def _error(problem: Evolution, state) -> float:
    exact = problem.reference(state.t)
    return float(np.abs(state.solution() - exact).max() / np.abs(problem.start).max())


def _field_error(problem: Evolution, state) -> float:
    exact = problem.field(state.t)
    return float(np.abs(state.solution() - exact).max() / np.abs(problem.start).max())


ERROR = Measure(
    "error", "error in time", _error, "max |y − y*| / max |y(0)|", doc="against the solution of the ODEs at this time"
)
FIELD_ERROR = Measure(
    "field_error",
    "error in space and time",
    _field_error,
    "max |y − u| / max |u(0)|",
    doc="against the solution u of the partial differential equation at the nodes",
)
