"""Linear systems: the problems of this lab. Subclasses give `matrix` and `rhs`; constants of theory come lazily."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from toolkit.core.arrays import frozen, norm, plain, product_root
from toolkit.core.errors import DataError
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.core.status import Status
from toolkit.kernels.sparse import csr as rows
from toolkit.preconditioner.systems.sparse import DIRECT_LIMIT, eliminated, extreme_eigenvalues

SPECTRUM_LIMIT = 12_000
COMPILED_FROM = 1_000  # entries of a matrix under which SciPy's product is as fast


class LinearSystem(Problem):
    """A x = b with A of shape (n, n), real or complex.

    Subclasses define `matrix` (CSR, sorted indices) and `rhs` as cached properties, say whether A is `symmetric`
    (Hermitian) and `definite`, and may give closed forms for `extremes` and `exact`. Arrays are read-only.
    What theory needs is computed when it is asked for, and only where that takes about two seconds at most.
    """

    symmetric: ClassVar[bool] = False
    definite: ClassVar[bool] = False
    matrix_exponent: ClassVar[int] = 0  # what is meant is 2^matrix_exponent A, and 2^exponent x: see `Balanced`
    exponent: ClassVar[int] = 0
    undecided: ClassVar[bool] = False  # whether nobody knows if A is definite

    @cached_property
    def matrix(self) -> sp.csr_array:
        """A as CSR with sorted int32 indices; DataError for a system known only by its products."""
        raise DataError(f"{type(self).__name__} has no assembled matrix: choose a method that needs products only.")

    @cached_property
    def rhs(self) -> np.ndarray:
        """b, shape (n,)."""
        raise NotImplementedError

    @cached_property
    def start(self) -> np.ndarray:
        """The initial guess, shape (n,); zero unless the problem says otherwise."""
        return frozen(np.zeros(self.size, dtype=self.dtype))

    @cached_property
    def dtype(self) -> np.dtype:
        """float64 or complex128: wide enough for A and b."""
        return np.result_type(self.matrix.dtype, self.rhs.dtype, np.float64)

    @property
    def assembled(self) -> bool:
        """Whether `matrix` can be had."""
        return True

    @property
    def size(self) -> int:
        """Unknowns."""
        return len(self.rhs)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The grid of the unknowns in C order, None when there is none."""
        return None

    @cached_property
    def norm(self) -> float:
        """‖b‖₂, or 1 when b = 0: what residuals are relative to."""
        return norm(self.rhs) or 1.0

    @cached_property
    def _rows(self) -> tuple:
        """(indptr, indices, data) for the compiled products, and whether to share them among threads; None if tiny."""
        matrix = self.matrix
        return None if matrix.nnz < COMPILED_FROM else (*rows.views(matrix), rows.is_wide(matrix.nnz))

    def matvec(self, x: np.ndarray) -> np.ndarray:
        """A x, a new array of shape (n,)."""
        if self._rows is None or x.ndim != 1:
            return self.matrix @ x
        *arrays, wide = self._rows
        x = plain(x)
        out = np.empty(self.size, dtype=np.result_type(arrays[2].dtype, x.dtype))
        rows.product(*arrays, x, out, wide)
        return out

    @property
    def matvec_flops(self) -> float:
        """Floating-point operations of one product."""
        return 2.0 * self.matrix.nnz

    @property
    def direct_limit(self) -> int:
        """Unknowns up to which elimination takes some two seconds."""
        return DIRECT_LIMIT

    @property
    def solvable(self) -> bool:
        """Whether `exact` is affordable: a closed form, or elimination within `direct_limit`."""
        return self.assembled and self.size <= self.direct_limit

    @cached_property
    def exact(self) -> np.ndarray | None:
        """The solution: closed form or a sparse direct solve; None where neither is affordable or A is singular."""
        if not self.solvable:
            return None
        x = eliminated(self.matrix.astype(self.dtype), self.rhs.astype(self.dtype), self.definite)
        return None if x is None else frozen(x)

    @cached_property
    def extremes(self) -> tuple[float, float] | None:
        """(smallest, largest) eigenvalue of a Hermitian A; closed form or computed; None if unknown."""
        affordable = self.symmetric and self.assembled and self.size <= SPECTRUM_LIMIT
        return extreme_eigenvalues(self.matrix) if affordable else None

    @property
    def enclosure(self) -> tuple[float, float] | None:
        """(low, high) proven to lie around the eigenvalues of a Hermitian A, cheap at any size; None if unknown."""
        return None

    @property
    def spectrum(self) -> np.ndarray | None:
        """All eigenvalues of a Hermitian A where there is a closed form, in any order and shape; else None."""
        return None

    @property
    def condition(self) -> float | None:
        """κ₂(A) of a positive definite A."""
        return self.extremes[1] / self.extremes[0] if self.definite and self.extremes else None

    def residual(self, x: np.ndarray) -> np.ndarray:
        """b − A x, a new array."""
        product = self.matvec(x)
        return np.subtract(self.rhs, product, out=product if product.dtype == self.dtype else None)

    def energy(self, v: np.ndarray) -> float:
        """‖v‖_A for a positive definite A."""
        return max(0.0, product_root(v, self.matvec(v)))

    @cached_property
    def exact_energy(self) -> float:
        """‖x*‖_A, or 1 when it vanishes: what energy errors are relative to."""
        return self.energy(self.exact) or 1.0

    @property
    def drawn(self) -> bool:
        """Whether `field` makes a picture of a vector: on grids of two dimensions or three."""
        return self.shape is not None and len(self.shape) > 1

    def field(self, v: np.ndarray) -> np.ndarray | None:
        """A vector as a picture of (rows, columns): 2D grids as they are, of 3D ones the middle slice; else None."""
        if not self.drawn:
            return None
        grid = np.asarray(v).real.reshape(self.shape)
        return grid if grid.ndim == 2 else grid[len(grid) // 2]

    @property
    def units(self) -> dict[str, float]:
        """Residuals are over ‖b‖ already, and tolerances relative to that; for b = 0 relative to the first."""
        return {"residual": 1.0, "true_residual": 1.0} if np.any(self.rhs) else {}

    def doubt(self, state, column: str, goal: float) -> Status | None:
        """The true residual has the last word: that of the recurrences goes on falling after rounding has stopped it.

        A tenth above the goal is granted; a residual of which the method says that it vanished may be at rounding.
        """
        if column != "residual":
            return None
        x = state.solution()
        true = norm(self.residual(x)) / self.norm
        if not np.isfinite(true):
            return Status("non-finite", "x or A x overflows: the scales of A and b are too far apart", "Scale b")
        vanished = state.status.done or goal == 0
        if true <= 1.1 * goal or (vanished and true <= self.rounding(x)):
            return None
        cause = f"the recurrences have ‖r‖ = {state.residual:.3g} ‖b‖, but ‖b − A x‖ = {true:.3g} ‖b‖: rounding"
        return Status("stagnated", cause, "Ask for less, start again from this x, or take a preconditioner")

    def rounding(self, x: np.ndarray) -> float:
        """What is left of ‖b − A x‖/‖b‖ when x is exact up to rounding."""
        size = norm(abs(self.matrix) @ abs(x)) if self.assembled else norm(self.matvec(x))
        return 100 * np.finfo(float).eps * (1.0 + size / self.norm)

    def measures(self) -> tuple[Measure, ...]:
        """True residual; where a solution is affordable the error, in the energy norm too if A is definite.

        The solution is not computed before an error is measured.
        """
        found = [TRUE_RESIDUAL]
        if self.solvable:
            found.append(ERROR)
            if self.definite:
                found.append(ENERGY_ERROR)
        return tuple(found)


class PlacedSystem(LinearSystem):
    """A system whose unknowns have places in the plane: on a mesh, on a graph."""

    def scatter(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A vector at the places: ((points, 2) coordinates, (points,) values)."""
        raise NotImplementedError


def _true_residual(problem, state) -> float:
    return norm(problem.residual(state.solution())) / problem.norm


def _error(problem, state) -> float:
    if problem.exact is None:
        return float("nan")
    return norm(state.solution() - problem.exact) / (norm(problem.exact) or 1.0)


def _energy_error(problem, state) -> float:
    if problem.exact is None:
        return float("nan")
    return problem.energy(problem.exact - state.solution()) / problem.exact_energy


TRUE_RESIDUAL = Measure(
    "true_residual", "true residual", _true_residual, "‖b − A x‖ / ‖b‖", doc="recomputed from the solution"
)
ERROR = Measure("error", "error", _error, "‖x − x*‖ / ‖x*‖")
ENERGY_ERROR = Measure("energy_error", "energy error", _energy_error, "‖x − x*‖_A / ‖x*‖_A")
