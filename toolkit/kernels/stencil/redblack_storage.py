"""In and out of red-black storage (see `redblack`), and the exact solve of the coarsest grid.

Used by toolkit/preconditioner/stencils: multigrid with constant stencils.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import kernel, threaded

_U = np.uint64  # rows are indexed in place by unsigned numbers: signed ones would be tested for being negative


@kernel
def _split_plane(v, x, i, scale):
    one, square = _U(1), 0.0
    first = 1 if x.shape[2] > 1 else 0
    for j in range(v.shape[1]):
        even, row = (i + 1 + j + first) & 1, j + first
        for k in range(_U((v.shape[2] + 1) // 2)):
            x[1 - even, i + 1, row, k] = scale * v[i, j, k + k]
        for k in range(_U(v.shape[2] // 2)):
            x[even, i + 1, row, k + one] = scale * v[i, j, k + k + one]
        for k in range(_U(v.shape[2])):
            square += v[i, j, k] * v[i, j, k]
    return scale * scale * square


@threaded
def split(v, x, scale, wide):
    """x <- scale times the lexicographic interior values v (n0-1, rows, n2-1); returns the sum of squares of x.

    wide: on all threads.
    """
    squares = np.empty(v.shape[0])
    if wide:
        for i in prange(v.shape[0]):
            squares[i] = _split_plane(v, x, i, scale)
    else:
        for i in range(v.shape[0]):
            squares[i] = _split_plane(v, x, i, scale)
    total = 0.0
    for i in range(squares.size):
        total += squares[i]
    return total


@kernel
def _join_plane(v, x, i):
    one = _U(1)
    first = 1 if x.shape[2] > 1 else 0
    for j in range(v.shape[1]):
        even, row = (i + 1 + j + first) & 1, j + first
        for k in range(_U(v.shape[2] // 2)):
            v[i, j, k + k] = x[1 - even, i + 1, row, k]
            v[i, j, k + k + one] = x[even, i + 1, row, k + one]
        if v.shape[2] & 1:
            v[i, j, v.shape[2] - 1] = x[1 - even, i + 1, row, v.shape[2] // 2]


@threaded
def join(v, x, wide):
    """The inverse of `split` with scale 1: v <- interior values of both colours."""
    if wide:
        for i in prange(v.shape[0]):
            _join_plane(v, x, i)
    else:
        for i in range(v.shape[0]):
            _join_plane(v, x, i)


@kernel
def solve_banded(lower, order, v):
    """v[order] <- (L L^T)^-1 v[order], L by bands: lower[j, d] = L[j + d, j]. Cost: 4 x bandwidth flops a point."""
    size, width = lower.shape
    t = np.empty(size)
    for j in range(size):
        t[j] = v[order[j]]
    for j in range(size):
        t[j] /= lower[j, 0]
        for d in range(1, min(width, size - j)):
            t[j + d] -= t[j] * lower[j, d]
    for j in range(size - 1, -1, -1):
        total = t[j]
        for d in range(1, min(width, size - j)):
            total -= lower[j, d] * t[j + d]
        t[j] = total / lower[j, 0]
    for j in range(size):
        v[order[j]] = t[j]
