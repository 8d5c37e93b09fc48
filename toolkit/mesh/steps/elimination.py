"""Elimination of the small banded or full matrices I − c J that implicit time steps need."""

from __future__ import annotations

import numpy as np
import scipy.linalg.lapack as lapack

from toolkit.core.errors import Breakdown


def factored(jacobian: np.ndarray, c: float, band: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
    """(factors, pivots) of I − c J, J as `Evolution.jacobian` gives it; Breakdown if it is singular."""
    if band is None:
        matrix = -c * jacobian
        matrix.flat[:: len(matrix) + 1] += 1.0
        factors, pivots, info = lapack.get_lapack_funcs(("getrf",), (matrix,))[0](matrix, overwrite_a=True)
    else:
        low, up = band
        matrix = np.zeros((2 * low + up + 1, jacobian.shape[1]), dtype=np.result_type(jacobian, c), order="F")
        np.multiply(jacobian, -c, out=matrix[low:])
        matrix[low + up] += 1.0
        factors, pivots, info = lapack.get_lapack_funcs(("gbtrf",), (matrix,))[0](matrix, low, up, overwrite_ab=True)
    if info:
        raise Breakdown(f"I − c J is singular for c = {c:.3g}", "Take another step size")
    return factors, pivots


def solved(factors: tuple[np.ndarray, np.ndarray], rhs: np.ndarray, band: tuple[int, int] | None) -> np.ndarray:
    """x of (I − c J) x = rhs, a new array."""
    matrix, pivots = factors
    if band is None:
        return lapack.get_lapack_funcs(("getrs",), (matrix, rhs))[0](matrix, pivots, rhs)[0]
    return lapack.get_lapack_funcs(("gbtrs",), (matrix, rhs))[0](matrix, *band, rhs, pivots)[0]


def elimination_flops(size: int, band: tuple[int, int] | None) -> float:
    """Flops of `factored`."""
    return 2 / 3 * size**3 if band is None else 2.0 * size * band[0] * sum(band)


def solve_flops(size: int, band: tuple[int, int] | None) -> float:
    """Flops of `solved`."""
    return 2.0 * size**2 if band is None else 2.0 * size * (2 * band[0] + band[1])
