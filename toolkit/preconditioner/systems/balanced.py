"""Linear systems whose numbers are near the ends of what floating point can hold, seen in bearable units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from toolkit.core.arrays import exponent, frozen, shifted
from toolkit.preconditioner.systems.problems import LinearSystem

ORDINARY = 100  # exponents up to which squares, cubes and products of entries are far from over- and underflow


@dataclass(frozen=True, eq=False)
class Balanced(LinearSystem):
    """(2^−a A) y = 2^−b b with x = 2^(b−a) y: the same system, with the largest entries near one.

    Powers of two change no bit of what a method does, so its run is that of the system as it is meant, short of over-
    and underflow. `matrix_exponent` is a, `exponent` b − a.
    """

    whole: LinearSystem
    rhs_exponent: int
    matrix_exponent: int = 0

    @property
    def exponent(self) -> int:
        """x is 2^exponent times the unknown of this system."""
        return self.rhs_exponent - self.matrix_exponent

    @property
    def symmetric(self) -> bool:
        return self.whole.symmetric

    @property
    def definite(self) -> bool:
        return self.whole.definite

    @property
    def assembled(self) -> bool:
        return self.whole.assembled

    @cached_property
    def matrix(self) -> sp.csr_array:
        A = self.whole.matrix
        data = frozen(shifted(A.data, -self.matrix_exponent))
        return sp.csr_array((data, A.indices, A.indptr), shape=A.shape)

    @cached_property
    def rhs(self) -> np.ndarray:
        return frozen(shifted(self.whole.rhs, -self.rhs_exponent))

    @cached_property
    def start(self) -> np.ndarray:
        return frozen(shifted(self.whole.start, -self.exponent))

    @cached_property
    def dtype(self) -> np.dtype:
        return self.whole.dtype

    def matvec(self, x: np.ndarray) -> np.ndarray:
        if self.assembled:
            return LinearSystem.matvec(self, x)
        before = self.matrix_exponent // 2  # in halves, so that neither x nor A x leaves the range
        return shifted(self.whole.matvec(shifted(x, -before)), before - self.matrix_exponent)

    @property
    def matvec_flops(self) -> float:
        return self.whole.matvec_flops


def balanced(system: LinearSystem, matrix_exponent: int) -> LinearSystem:
    """The system itself where its numbers are ordinary, else balanced; |a_ij| < 2^matrix_exponent, 0 if not known.

    A is scaled by an even power: what takes roots (a Cholesky factor, the norm of M⁻¹) then keeps its bits too.
    """
    matrix_exponent += matrix_exponent % 2
    start = exponent(system.start)
    rhs = max(exponent(system.rhs), matrix_exponent + start) if np.any(system.start) else exponent(system.rhs)
    if max(abs(matrix_exponent), abs(rhs), abs(start)) <= ORDINARY:
        return system
    return Balanced(system, rhs, matrix_exponent)
