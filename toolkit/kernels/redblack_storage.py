"""In and out of red-black storage (see `redblack`), and the exact solve of the coarsest grid."""

import numpy as np
from numba import prange

from ._jit import kernel, threaded

_U = np.uint64  # rows are indexed in place by unsigned numbers: signed ones would be tested for being negative


@kernel
def _split_row(v, even, odd, i, j, first, scale):
    one = _U(1)
    square = 0.0
    for k in range(_U((v.shape[2] + 1) // 2)):
        odd[i + 1, j + first, k] = scale * v[i, j, k + k]
        square += odd[i + 1, j + first, k] * odd[i + 1, j + first, k]
    for k in range(_U(v.shape[2] // 2)):
        even[i + 1, j + first, k + one] = scale * v[i, j, k + k + one]
        square += even[i + 1, j + first, k + one] * even[i + 1, j + first, k + one]
    return square


@kernel
def _split_plane(v, red, black, i, scale):
    first = 1 if red.shape[1] > 1 else 0
    square = 0.0
    for j in range(v.shape[1]):
        if (i + 1 + j + first) & 1:
            square += _split_row(v, black, red, i, j, first, scale)
        else:
            square += _split_row(v, red, black, i, j, first, scale)
    return square


@threaded
def split(v, red, black, scale, wide):
    """Lexicographic interior values (n0-1, rows, n2-1), times scale, into the two colours; returns their square sum.

    wide: on all threads.
    """
    squares = np.empty(v.shape[0])
    if wide:
        for i in prange(v.shape[0]):
            squares[i] = _split_plane(v, red, black, i, scale)
    else:
        for i in range(v.shape[0]):
            squares[i] = _split_plane(v, red, black, i, scale)
    total = 0.0
    for i in range(squares.size):
        total += squares[i]
    return total


@kernel
def _join_row(v, even, odd, i, j, first):
    one = _U(1)
    for k in range(_U(v.shape[2] // 2)):
        v[i, j, k + k] = odd[i + 1, j + first, k]
        v[i, j, k + k + one] = even[i + 1, j + first, k + one]
    if v.shape[2] & 1:
        v[i, j, v.shape[2] - 1] = odd[i + 1, j + first, v.shape[2] // 2]


@kernel
def _join_plane(v, red, black, i):
    first = 1 if red.shape[1] > 1 else 0
    for j in range(v.shape[1]):
        if (i + 1 + j + first) & 1:
            _join_row(v, black, red, i, j, first)
        else:
            _join_row(v, red, black, i, j, first)


@threaded
def join(v, red, black, wide):
    """The inverse of `split` with scale 1: v <- interior values of both colours."""
    if wide:
        for i in prange(v.shape[0]):
            _join_plane(v, red, black, i)
    else:
        for i in range(v.shape[0]):
            _join_plane(v, red, black, i)


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
