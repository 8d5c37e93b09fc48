"""Cubic interpolation between red-black grids (see `redblack`), for full multigrid.

Used by toolkit/preconditioner/stencils: full multigrid with constant stencils.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import inlined, threaded

_U = np.uint64  # rows are indexed in place by unsigned numbers: signed ones would be tested for being negative


@inlined
def _taps(i, coarsened, n):
    """First coarse index, number and weights that interpolate at fine index i by a cubic; n: coarse intervals."""
    k = i // 2 if coarsened else i
    if not coarsened or i & 1 == 0:
        return k, 1, (1.0, 0.0, 0.0, 0.0)
    if n < 3:
        return k, 2, (0.5, 0.5, 0.0, 0.0)
    if k == 0:
        return 0, 4, (0.3125, 0.9375, -0.3125, 0.0625)
    if k == n - 1:
        return n - 3, 4, (0.0625, -0.3125, 0.9375, 0.3125)
    return k - 1, 4, (-0.0625, 0.5625, 0.5625, -0.0625)


@inlined
def _mix_rows_cubic(e, line, i, j, c, n):
    """line[2] <- interpolation by cubics across the coarse rows at the fine row (i, j), all columns in their order."""
    first_i, count_i, weight_i = _taps(i, c[0], n[0] // 2)
    first_j, count_j, weight_j = _taps(j, c[1], n[1] // 2)
    count, one = _U((n[2] // 2 if c[2] else n[2]) // 2 + 1), _U(1)
    line[0, :] = 0.0
    line[1, :] = 0.0
    for a in range(count_i):
        for q in range(count_j):
            plane, row, weight = first_i + a, first_j + q, weight_i[a] * weight_j[q]
            near = (plane + row) & 1
            for k in range(count):
                line[0, k] += weight * e[near, plane, row, k]
                line[1, k] += weight * e[1 - near, plane, row, k]
    for k in range(count):
        line[2, k + k] = line[0, k]
        line[2, k + k + one] = line[1, k]


@threaded
def interpolate_cubic(x, e, line, s, n, c, blocks):
    """Put the coarse solution e, interpolated by cubics along each coarsened axis, on the colour s.

    One-sided cubics at the boundary. Full multigrid needs no more than one colour: a sweep over the other follows.
    Cost: 2 to 32 flops a point. Reference: Trottenberg et al. (2001), section 2.6.1 (order of FMG interpolation).
    """
    planes, last = n[0] - 1, n[2] // 2 - 1
    for part in prange(blocks):
        for i in range(1 + part * planes // blocks, 1 + (part + 1) * planes // blocks):
            for j in range(0 if n[1] == 0 else 1, 1 if n[1] == 0 else n[1]):
                _mix_rows_cubic(e, line[part], i, j, c, n)
                p = (i + j + s) & 1
                if c[2] == 0 or p == 0:
                    stride, shift = _U(1 if c[2] else 2), _U(0 if c[2] else p)
                    for k in range(_U(1 - p), _U(1 - p + (n[2] - 1 + p) // 2)):
                        x[s, i, j, k] = line[part, 2, stride * k + shift]
                    continue
                for k in range(_U(1), _U(max(1, last))):
                    inner = line[part, 2, k] + line[part, 2, k + _U(1)]
                    outer = line[part, 2, k - _U(1)] + line[part, 2, k + _U(2)]
                    x[s, i, j, k] = 0.5625 * inner - 0.0625 * outer
                for k in (0, last):
                    place, taps, weight = _taps(2 * k + 1, 1, last + 1)
                    value = 0.0
                    for a in range(taps):
                        value += weight[a] * line[part, 2, place + a]
                    x[s, i, j, k] = value
