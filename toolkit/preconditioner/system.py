"""Linear systems: the problems of this lab. Subclasses give `matrix` and `rhs`; constants of theory come lazily."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from toolkit.core.errors import DataError
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem

DIRECT_LIMIT = 300_000
SPECTRUM_LIMIT = 300_000


class LinearSystem(Problem):
    """A x = b with A of shape (n, n), real or complex.

    Subclasses define `matrix` (CSR, sorted indices) and `rhs` as cached properties, say whether A is `symmetric`
    (Hermitian) and `definite`, and may give closed forms for `extremes` and `exact`. Arrays are read-only.
    """

    symmetric: ClassVar[bool] = False
    definite: ClassVar[bool] = False

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
        return float(np.linalg.norm(self.rhs)) or 1.0

    def matvec(self, x: np.ndarray) -> np.ndarray:
        """A x, a new array of shape (n,)."""
        return self.matrix @ x

    @property
    def matvec_flops(self) -> float:
        """Floating-point operations of one product."""
        return 2.0 * self.matrix.nnz

    @cached_property
    def exact(self) -> np.ndarray | None:
        """The solution: closed form or a sparse direct solve; None where neither is affordable or A is singular."""
        if not self.assembled or self.size > DIRECT_LIMIT:
            return None
        try:
            x = spla.splu(self.matrix.tocsc()).solve(self.rhs.astype(self.dtype))
        except RuntimeError:
            return None
        return frozen(x) if np.all(np.isfinite(x)) else None

    @cached_property
    def extremes(self) -> tuple[float, float] | None:
        """(smallest, largest) eigenvalue of a Hermitian A; closed form or computed; None if unknown."""
        return _extreme_eigenvalues(self.matrix) if self.symmetric and self.size <= SPECTRUM_LIMIT else None

    @property
    def condition(self) -> float | None:
        """κ₂(A) of a positive definite A."""
        return self.extremes[1] / self.extremes[0] if self.definite and self.extremes else None

    def residual(self, x: np.ndarray) -> np.ndarray:
        """b − A x."""
        return self.rhs - self.matvec(x)

    def energy(self, v: np.ndarray) -> float:
        """‖v‖_A for a positive definite A."""
        return float(np.sqrt(max(0.0, np.vdot(v, self.matvec(v)).real)))

    @cached_property
    def exact_energy(self) -> float:
        """‖x*‖_A, or 1 when it vanishes: what energy errors are relative to."""
        return self.energy(self.exact) or 1.0

    def field(self, v: np.ndarray) -> np.ndarray | None:
        """A vector as a picture of (rows, columns): 2D grids as they are, of 3D ones the middle slice; else None."""
        if self.shape is None or len(self.shape) == 1:
            return None
        grid = np.asarray(v).real.reshape(self.shape)
        return grid if grid.ndim == 2 else grid[len(grid) // 2]

    def measures(self) -> tuple[Measure, ...]:
        found = [TRUE_RESIDUAL]
        if self.exact is not None:
            found.append(ERROR)
            if self.definite:
                found.append(ENERGY_ERROR)
        return tuple(found)


def _true_residual(problem, state) -> float:
    return float(np.linalg.norm(problem.residual(state.solution()))) / problem.norm


def _error(problem, state) -> float:
    scale = float(np.linalg.norm(problem.exact)) or 1.0
    return float(np.linalg.norm(state.solution() - problem.exact)) / scale


def _energy_error(problem, state) -> float:
    return problem.energy(problem.exact - state.solution()) / problem.exact_energy


TRUE_RESIDUAL = Measure(
    "true_residual", "true residual", _true_residual, "‖b − A x‖ / ‖b‖", doc="recomputed from the solution"
)
ERROR = Measure("error", "error", _error, "‖x − x*‖ / ‖x*‖")
ENERGY_ERROR = Measure("energy_error", "energy error", _energy_error, "‖x − x*‖_A / ‖x*‖_A")


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, made read-only: data of a problem is never changed by a method."""
    array.setflags(write=False)
    return array


def csr(matrix) -> sp.csr_array:
    """Any sparse matrix or array as read-only CSR, float64 or complex128, duplicates summed, sorted int32 indices."""
    made = sp.csr_array(matrix)
    made = made.astype(np.result_type(made.dtype, np.float64))
    made.sum_duplicates()
    made.sort_indices()
    if made.indices.dtype != np.int32 and made.nnz < 2**31:
        made = sp.csr_array((made.data, made.indices.astype(np.int32), made.indptr.astype(np.int32)), shape=made.shape)
    for array in (made.data, made.indices, made.indptr):
        frozen(array)
    return made


def _extreme_eigenvalues(matrix) -> tuple[float, float] | None:
    if matrix.shape[0] <= 400:
        values = np.linalg.eigvalsh(matrix.toarray())
        return float(values[0]), float(values[-1])
    v0 = np.random.default_rng(0).standard_normal(matrix.shape[0])
    try:
        top = spla.eigsh(matrix, 1, which="LA", v0=v0, return_eigenvectors=False)[0]
        low = spla.eigsh(matrix.tocsc(), 1, sigma=0.0, which="LM", v0=v0, return_eigenvectors=False)[0]
    except (RuntimeError, spla.ArpackError):
        return None
    return float(low), float(top)


@dataclass(frozen=True, eq=False)
class System(LinearSystem):
    """Any A x = b in memory: `system(A, b)`. Cannot travel in a link; a Matrix Market file can."""

    operator: object
    given_rhs: np.ndarray
    given_start: np.ndarray | None = None
    hermitian: bool = False
    positive: bool = False

    @property
    def symmetric(self) -> bool:
        return self.hermitian

    @property
    def definite(self) -> bool:
        return self.positive

    @property
    def assembled(self) -> bool:
        return sp.issparse(self.operator) or isinstance(self.operator, np.ndarray)

    @cached_property
    def matrix(self) -> sp.csr_array:
        return csr(self.operator) if self.assembled else LinearSystem.matrix.func(self)

    @cached_property
    def dtype(self) -> np.dtype:
        return np.result_type(self.operator.dtype or np.float64, self.given_rhs.dtype, np.float64)

    @cached_property
    def rhs(self) -> np.ndarray:
        return frozen(self.given_rhs.astype(self.dtype))

    @cached_property
    def start(self) -> np.ndarray:
        return (
            LinearSystem.start.func(self) if self.given_start is None else frozen(self.given_start.astype(self.dtype))
        )

    @cached_property
    def extremes(self) -> tuple[float, float] | None:
        return LinearSystem.extremes.func(self) if self.assembled else None

    def matvec(self, x: np.ndarray) -> np.ndarray:
        return self.matrix @ x if self.assembled else np.asarray(self.operator.matvec(x)).reshape(-1)

    @property
    def matvec_flops(self) -> float:
        return 2.0 * self.matrix.nnz if self.assembled else 0.0


def system(A, b, x0=None, *, symmetric: bool | None = None, definite: bool = False) -> System:
    """Any matrix, sparse array or LinearOperator with a right-hand side as a problem.

    Parameters
    ----------
    A : (n, n) ndarray, sparse matrix or array, or LinearOperator
    b : (n,) or (n, 1) array
    x0 : (n,) array, optional
    symmetric : whether A is Hermitian; found out by comparison when A has entries and this is None
    definite : whether A is known to be positive definite

    Raises DataError when shapes do not fit or values are not finite.
    """
    if not (sp.issparse(A) or isinstance(A, np.ndarray)):
        A = spla.aslinearoperator(A)
    b = np.asarray(b)
    if len(A.shape) != 2 or A.shape[0] != A.shape[1]:
        raise DataError(f"A has shape {A.shape}: expected a square matrix.")
    if b.size != A.shape[0] or b.ndim > 2:
        raise DataError(f"b has shape {b.shape}: expected ({A.shape[0]},), as A has {A.shape[0]} rows.")
    x0 = None if x0 is None else np.asarray(x0).reshape(-1)
    if x0 is not None and x0.size != b.size:
        raise DataError(f"x0 has {x0.size} entries: expected {b.size}.")
    if not np.all(np.isfinite(b)):
        raise DataError("b has entries that are NaN or infinite: expected finite numbers.")
    if symmetric is None:
        symmetric = is_hermitian(A)
    return System(A, b.reshape(-1), x0, symmetric, definite)


def is_hermitian(A) -> bool:
    """Whether A equals its conjugate transpose up to rounding; False for a LinearOperator."""
    if isinstance(A, np.ndarray):
        return bool(np.allclose(A, A.conj().T, rtol=1e-12, atol=0))
    if not sp.issparse(A):
        return False
    gap = abs(A - A.conj().T)
    return bool(gap.nnz == 0 or gap.max() <= 1e-12 * abs(A).max())
