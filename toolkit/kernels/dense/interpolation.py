"""Empirical interpolation of a table: the cross step on the remainder, and the size of what is left of each row.

Used by toolkit/rank/interpolation: the greedy steps of empirical interpolation and of cross approximation.
"""

import numba
import numpy as np

from toolkit.kernels._jit import threaded

ABSOLUTE = np.int64(0x7FFFFFFFFFFFFFFF)
NORMS = ("max", "mean square", "mean")


@threaded
def cross(rest, bits, column, shape, norm, sizes, peaks):
    """rest[i] −= rest[i, column] · shape for every row, and sizes[i] = |rest[i]| after it, while the row is in cache.

    rest (M, n) and `bits`, the same memory as int64: numbers without NaN compare as their bits do, which vectorises.
    shape (n,) with shape[column] = 1; norm 0: max, 1: root mean square, 2: mean modulus. column −1: only the sizes.
    `peaks` is `sizes` as int64, for the norm 0.
    """
    n = rest.shape[1]
    for i in numba.prange(rest.shape[0]):
        row, word = rest[i], bits[i]
        factor = row[column] if column >= 0 else 0.0
        if factor != 0.0:
            for j in range(n):
                row[j] -= factor * shape[j]
        total = 0.0
        if norm == 0:
            top = np.int64(0)
            for j in range(n):
                top = max(top, word[j] & ABSOLUTE)
            peaks[i] = top
        elif norm == 1:
            for j in range(n):
                total += row[j] * row[j]
            sizes[i] = np.sqrt(total / n)
        else:
            for j in range(n):
                total += abs(row[j])
            sizes[i] = total / n
