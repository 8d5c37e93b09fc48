"""Any linear system in memory, in whatever units it comes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from toolkit.core.arrays import csr, exponent, frozen, is_hermitian
from toolkit.core.errors import DataError
from toolkit.preconditioner.systems.balanced import balanced
from toolkit.preconditioner.systems.problems import LinearSystem
from toolkit.preconditioner.systems.sparse import is_definite


@dataclass(frozen=True, eq=False, repr=False)
class System(LinearSystem):
    """Any A x = b in memory: `system(A, b)`. Cannot travel in a link; a Matrix Market file can.

    `positive` is whether A is positive definite, None where nobody has said so: then it is found out when it is asked
    for, if A has entries. `exponent_of_matrix`: |a_ij| < 2^e of a matrix that is given as an operator, where known.
    """

    operator: object
    given_rhs: np.ndarray
    given_start: np.ndarray | None = None
    hermitian: bool = False
    positive: bool | None = False
    exponent_of_matrix: int = 0

    def __repr__(self) -> str:
        kind = "Hermitian " if self.hermitian else ""
        return f"system({kind}{'matrix' if self.assembled else 'operator'} of {len(self.given_rhs)} unknowns)"

    @property
    def symmetric(self) -> bool:
        return self.hermitian

    @cached_property
    def definite(self) -> bool:
        """As said; if not, by elimination or by 30 steps of Lanczos (`is_definite`); False for an operator."""
        if self.positive is not None:
            return self.positive
        return bool(self.hermitian and self.assembled and is_definite(self.worked.matrix))

    @property
    def undecided(self) -> bool:
        """Whether nobody knows if A is positive definite: an operator of which nothing was said."""
        return self.positive is None and not self.assembled

    @cached_property
    def worked(self) -> LinearSystem:
        """This system, balanced where its numbers are near the ends of floating point."""
        return balanced(self, exponent(self.matrix.data) if self.assembled else self.exponent_of_matrix)

    @cached_property
    def extremes(self) -> tuple[float, float] | None:
        seen = self.worked
        found = LinearSystem.extremes.func(self) if seen is self else seen.extremes
        return found and tuple(float(np.ldexp(value, seen.matrix_exponent)) for value in found)

    @property
    def assembled(self) -> bool:
        return sp.issparse(self.operator) or isinstance(self.operator, np.ndarray)

    @cached_property
    def matrix(self) -> sp.csr_array:
        return csr(self.operator) if self.assembled else LinearSystem.matrix.func(self)

    @cached_property
    def dtype(self) -> np.dtype:
        start = np.float64 if self.given_start is None else self.given_start.dtype
        return np.result_type(self.operator.dtype or np.float64, self.given_rhs.dtype, start, np.float64)

    @cached_property
    def rhs(self) -> np.ndarray:
        return frozen(self.given_rhs.astype(self.dtype))

    @cached_property
    def start(self) -> np.ndarray:
        return (
            LinearSystem.start.func(self) if self.given_start is None else frozen(self.given_start.astype(self.dtype))
        )

    def matvec(self, x: np.ndarray) -> np.ndarray:
        return LinearSystem.matvec(self, x) if self.assembled else np.array(self.operator.matvec(x)).reshape(-1)

    @property
    def matvec_flops(self) -> float:
        return 2.0 * self.matrix.nnz if self.assembled else 0.0


def system(A, b, x0=None, *, symmetric: bool | None = None, definite: bool | None = None) -> System:
    """Any matrix, sparse array or LinearOperator with a right-hand side as a problem.

    Arrays are copied: what is done to them later is not seen. An operator is called as it then is.

    Parameters
    ----------
    A : (n, n) ndarray, sparse matrix or array, or LinearOperator; real or complex, of any precision
    b : (n,) or (n, 1) array
    x0 : (n,) array, optional
    symmetric : whether A is Hermitian; found out by comparison when A has entries and this is None
    definite : whether A is positive definite; None: found out (`is_definite`) when it is asked for and A has entries.
        Of an operator it stays unknown: CG runs on trust and ends at the first p with ⟨p, A p⟩ ≤ 0

    Raises DataError when shapes do not fit or values are not finite numbers.
    """
    A = _operator(A)
    A = A if isinstance(A, spla.LinearOperator) else A.copy()
    b = _vector("b", b, A.shape[0])
    x0 = None if x0 is None else _vector("x0", x0, A.shape[0])
    if symmetric is None:
        symmetric = is_hermitian(A)
    return System(A, b, x0, bool(symmetric), definite)


def _operator(A):
    """A as an ndarray, a sparse array or a LinearOperator; DataError for anything else."""
    if isinstance(A, (list, tuple, np.matrix)):
        A = np.asarray(A)
    if not (sp.issparse(A) or isinstance(A, np.ndarray)):
        try:
            A = spla.aslinearoperator(A)
        except TypeError:
            raise DataError(f"A is a {type(A).__name__}: expected an array, a sparse array or an operator.") from None
    if len(A.shape) != 2 or A.shape[0] != A.shape[1] or not A.shape[0]:
        raise DataError(f"A has shape {A.shape}: expected a square matrix.")
    if isinstance(A, spla.LinearOperator):
        return A
    _numbers("A", A.dtype)
    if not np.all(np.isfinite(sp.coo_array(A).data if sp.issparse(A) else A)):
        raise DataError("A has entries that are NaN or infinite: expected finite numbers.")
    return A


def _vector(name: str, v, size: int) -> np.ndarray:
    """v as an array of shape (size,); DataError when it does not fit."""
    v = np.asarray(v)
    _numbers(name, v.dtype)
    if v.size != size or v.ndim > 2 or max(v.shape, default=0) != size:
        raise DataError(f"{name} has shape {v.shape}: expected ({size},), as A has {size} rows.")
    if not np.all(np.isfinite(v)):
        raise DataError(f"{name} has entries that are NaN or infinite: expected finite numbers.")
    return np.array(v.reshape(-1))


def _numbers(name: str, dtype) -> None:
    if dtype.kind not in "biufc":
        raise DataError(f"{name} has entries of type {dtype}: expected real or complex numbers.")
