"""One level of MGARD's multilevel decomposition of a field on a tensor grid, and its inverse.

Symbols: a (n0, n1, n2) the fine values, overwritten by their coefficients; c (m0, m1, m2) the values kept; b the load
vector of the L² projection, of the shape of c. Axis 0 goes in slabs to the threads, axis 2 is split: a row of
coefficients holds first the m2 kept nodes, then the others, which lie one between two kept nodes from the left on.
An axis is two arrays of numbers. For axes 0 and 1, `at` (n, 4): the kept nodes on the left and on the right of a node,
whether it is kept, the first kept node its coefficient loads; `by` (n, 5): the weights of interpolation from left and
right, and of the load on three kept nodes in turn. For axis 2, `gather` (5, m2): weights in the load at a kept node
of the kept nodes before, at, after it and of the others before and after it; `halves` (2, n2 − m2): interpolation.
`lu` (3, m): elimination of the mass matrix of the kept nodes, x_i −= lu0 x_{i−1}; x_i = lu2 x_i − lu1 x_{i+1}.
`starts`: the kept node of axis 0 where each slab begins, and m0 at the end; `first`: the same among all nodes;
`spill` (2 · slabs, m1, m2): what each slab loads on its neighbours below and above. The slabs do not depend on the
number of threads, so neither do the sums.

Reference: M. Ainsworth, O. Tugluk, B. Whitney, S. Klasky, SIAM J. Sci. Comput. 41 (2019) A1278–A1303,
doi:10.1137/18M1166651, Sections 3 and 4 (decomposition, recomposition, non-uniform tensor grids).

Used by toolkit/mesh/compression: the multilevel compressor, level by level, and its quantisation.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import inlined, kernel, threaded
from toolkit.kernels._prefetch import prefetch

TILE = 128  # columns of axis 0 eliminated side by side

# Rows are read in place, at unsigned places: a signed one would be tested for being negative, and a view of a row would
# be reference-counted, atomically. Memory foresees a row within its page only, and rows are short: they are asked for
# some rows ahead, in parts between the loops over the row before; all at once they would stand in a queue.
_U = np.uint64
_AHEAD = 2  # rows of a sweep
_FAR = 4  # rows of an elimination along axis 0


@kernel
def eliminate(upper, diagonal):
    """(factors, pivots) of a symmetric tridiagonal matrix, upper[i] the entry at (i − 1, i)."""
    factor, pivot = np.zeros(len(diagonal)), diagonal.copy()
    for i in range(1, len(diagonal)):
        factor[i] = upper[i] / pivot[i - 1]
        pivot[i] -= factor[i] * upper[i]
    return factor, pivot


@inlined
def _ask(flat, start, count):
    """Ask the memory for `count` numbers of `flat` from `start` on."""
    for i in range(0, count, 64 // flat.itemsize):
        prefetch(flat, start + i)


@inlined
def _extract(a, at0, at1, p, start, stop, c):
    """The kept nodes of plane p in rows start to stop to their plane of c: on axis 2 every second one, and the last."""
    m, k = c.shape[2], at0[p, 0]
    others = a.shape[2] - m
    for y in range(start, stop):
        if at1[y, 2]:
            j = at1[y, 0]
            for i in range(others):
                c[k, j, i] = a[p, y, 2 * i]
            for i in range(others, m):
                c[k, j, i] = a[p, y, i + others]


@inlined
def _blend(c, at0, by0, p, at1, by1, y, line):
    """line: the kept nodes of axis 2 at (p, y), interpolated along the other two."""
    k, l, j, h = at0[p, 0], at0[p, 1], at1[y, 0], at1[y, 1]
    f, g, u, v = by0[p, 0], by0[p, 1], by1[y, 0], by1[y, 1]
    if at0[p, 2]:
        if at1[y, 2]:
            h = j
        for i in range(len(line)):
            line[i] = u * c[k, j, i] + v * c[k, h, i]
    elif at1[y, 2]:
        for i in range(len(line)):
            line[i] = f * c[k, j, i] + g * c[l, j, i]
    else:
        for i in range(len(line)):
            line[i] = f * (u * c[k, j, i] + v * c[k, h, i]) + g * (u * c[l, j, i] + v * c[l, h, i])


@inlined
def _detail(a, p, y, hole, halves, line, even, odd):
    """Row (p, y) from values to coefficients: what interpolation from `line` misses; zero at kept nodes (`hole`).

    They are left in `even` and `odd` too.
    """
    m, others, half = len(even), len(odd), line.dtype.type(0.5)
    for i in range(others):
        even[i] = a[p, y, 2 * i] - line[i]
        odd[i] = a[p, y, 2 * i + 1] - half * (line[i] + line[i + 1])
    for i in range(others, m):
        even[i] = a[p, y, i + others] - line[i]
    for i in range(max(0, others - 1), others):  # but for the last cell the grid is uniform
        odd[i] = a[p, y, 2 * i + 1] - (halves[0, i] * line[i] + halves[1, i] * line[i + 1])
    if hole:
        for i in range(m):
            even[i] = 0
    for i in range(m):
        a[p, y, i] = even[i]
    for i in range(others):
        a[p, y, _U(m) + _U(i)] = odd[i]


@inlined
def _read(a, p, y, even, odd):
    """The coefficients of row (p, y): at kept nodes, at the others."""
    for i in range(len(even)):
        even[i] = a[p, y, i]
    for i in range(len(odd)):
        odd[i] = a[p, y, _U(len(even)) + _U(i)]


@inlined
def _end_load(even, odd, gather, i):
    """The load at kept node i near the ends of axis 2. Beyond them the weights are zero: no branches are needed."""
    before, last = max(i - 1, 0), len(odd) - 1
    ours = gather[0, i] * even[before] + gather[1, i] * even[i] + gather[2, i] * even[min(i + 1, len(even) - 1)]
    return ours + gather[3, i] * odd[min(before, last)] + gather[4, i] * odd[min(i, last)]


@inlined
def _row_load(even, odd, gather, out):
    """The load of a row of coefficients on the kept nodes of axis 2; but for its ends the grid is uniform."""
    m, others = len(even), len(odd)
    if others == 0:
        for i in range(m):
            out[i] = even[i]
        return
    near, mid, half = gather[0, 1], gather[1, 1], gather[3, 1]
    for i in range(others - 2):
        out[i + 1] = mid * even[i + 1] + near * (even[i] + even[i + 2]) + half * (odd[i] + odd[i + 1])
    out[0] = _end_load(even, odd, gather, 0)
    for i in range(max(1, others - 1), m):
        out[i] = _end_load(even, odd, gather, i)


@inlined
def _clear(planes, k, start, stop):
    for y in range(start, stop):
        for i in range(planes.shape[2]):
            planes[k, y, i] = 0


@inlined
def _rows_load(a, flat, c, at0, by0, p, at1, by1, gather, halves, detail, start, stop, plane, line, even, odd, out):
    """The load of rows start to stop of plane p on the kept nodes of axes 1 and 2; their coefficients first."""
    m, n = len(even), a.shape[2]
    for y in range(start, stop):
        coming, part = (p * a.shape[1] + y + _AHEAD) * n, n // 4
        _ask(flat, coming + 0 * part, part)
        if detail:
            _blend(c, at0, by0, p, at1, by1, y, line)
            _ask(flat, coming + 1 * part, part)
            _detail(a, p, y, at0[p, 2] and at1[y, 2], halves, line, even, odd)
        else:
            _ask(flat, coming + 1 * part, part)
            _read(a, p, y, even, odd)
        _ask(flat, coming + 2 * part, part)
        _row_load(even, odd, gather, out)
        _ask(flat, coming + 3 * part, part)
        for j in range(3):
            weight, k = by1[y, 2 + j], at1[y, 3] + j
            if weight != 0:
                for i in range(m):
                    plane[0, k, i] += weight * out[i]


@inlined
def _add_rows(target, at, weight, plane, start, stop):
    """target[at] += weight · plane[0] in rows start to stop."""
    for y in range(start, stop):
        for i in range(plane.shape[2]):
            target[at, y, i] += weight * plane[0, y, i]


@inlined
def _add_plane(b, k, spill, s):
    for y in range(b.shape[1]):
        for i in range(b.shape[2]):
            b[k, y, i] += spill[s, y, i]


@threaded
def load(a, c, b, at0, by0, at1, by1, gather, halves, starts, first, blocks, spill, detail):
    """b, but for the spills: the load vector of the coefficients in a.

    With `detail` a holds values: c becomes the kept ones and a the coefficients, in the same sweep. A slab goes block
    by block of rows (`blocks`: where they begin, each at a kept node, and n1) through its planes: what three planes of
    a block hold stays in cache. A block finds the kept row after it untouched and leaves it so.
    """
    slabs, n1, m, flat = len(starts) - 1, a.shape[1], b.shape[2], a.reshape(-1)
    if detail:
        for s in prange(slabs):
            _extract(a, at0, at1, first[s], 0, n1, c)
    for s in prange(slabs):
        low, high, cleared = starts[s], starts[s + 1], 0
        plane = np.empty((1, b.shape[1], m), dtype=a.dtype)
        line, even, out = np.empty(m, dtype=a.dtype), np.empty(m, dtype=a.dtype), np.empty(m, dtype=a.dtype)
        odd = np.empty(a.shape[2] - m, dtype=a.dtype)
        _clear(spill, 2 * s, 0, b.shape[1])
        _clear(spill, 2 * s + 1, 0, b.shape[1])
        for t in range(len(blocks) - 1):
            start, stop = blocks[t], blocks[t + 1]
            bottom, top = max(0, at1[start, 3]), min(b.shape[1], at1[stop - 1, 3] + 3)
            _clear(b, low, cleared, top)
            for p in range(first[s], first[s + 1]):
                if at0[p, 2] and at0[p, 0] + 1 < high:
                    _clear(b, at0[p, 0] + 1, cleared, top)
                    if detail:
                        after = p + 1 if at0[p + 1, 2] else p + 2
                        _extract(a, at0, at1, after, start + (t > 0), min(stop + 1, n1), c)
                _clear(plane, 0, bottom, top)
                _rows_load(
                    a, flat, c, at0, by0, p, at1, by1, gather, halves, detail, start, stop, plane, line, even, odd, out
                )
                for j in range(3):
                    weight, k = by0[p, 2 + j], at0[p, 3] + j
                    if weight != 0 and low <= k < high:
                        _add_rows(b, k, weight, plane, bottom, top)
                    elif weight != 0:
                        _add_rows(spill, 2 * s + (k >= high), weight, plane, bottom, top)
            cleared = top


@inlined
def _solve_line(b, k, y, lu):
    """Line y of plane k solved in place."""
    m = b.shape[2]
    for i in range(1, m):
        b[k, y, i] -= lu[0, i] * b[k, y, i - 1]
    b[k, y, m - 1] *= lu[2, m - 1]
    for i in range(m - 2, -1, -1):
        b[k, y, i] = lu[2, i] * b[k, y, i] - lu[1, i] * b[k, y, i + 1]


@inlined
def _solve_four(b, k, y, lu):
    """Lines y to y + 3 of plane k solved in place, side by side: while one waits for its number the others go on."""
    m = b.shape[2]
    p, q, r, s = b[k, y, 0], b[k, y + 1, 0], b[k, y + 2, 0], b[k, y + 3, 0]
    for i in range(1, m):
        f = lu[0, i]
        p, q = b[k, y, i] - f * p, b[k, y + 1, i] - f * q
        r, s = b[k, y + 2, i] - f * r, b[k, y + 3, i] - f * s
        b[k, y, i], b[k, y + 1, i], b[k, y + 2, i], b[k, y + 3, i] = p, q, r, s
    f = lu[2, m - 1]
    p, q, r, s = f * p, f * q, f * r, f * s
    b[k, y, m - 1], b[k, y + 1, m - 1], b[k, y + 2, m - 1], b[k, y + 3, m - 1] = p, q, r, s
    for i in range(m - 2, -1, -1):
        f, g = lu[2, i], lu[1, i]
        p, q = f * b[k, y, i] - g * p, f * b[k, y + 1, i] - g * q
        r, s = f * b[k, y + 2, i] - g * r, f * b[k, y + 3, i] - g * s
        b[k, y, i], b[k, y + 1, i], b[k, y + 2, i], b[k, y + 3, i] = p, q, r, s


@inlined
def _down_rows(b, k, start, stop, lu):
    """Rows start to stop of plane k: the way down of the elimination along axis 1."""
    for y in range(max(1, start), stop):
        for i in range(b.shape[2]):
            b[k, y, i] -= lu[0, y] * b[k, y - 1, i]


@inlined
def _up_rows(b, k, lu):
    """The way up of the elimination along axis 1 in plane k."""
    m, n = b.shape[1:]
    for i in range(n):
        b[k, m - 1, i] *= lu[2, m - 1]
    for y in range(m - 2, -1, -1):
        for i in range(n):
            b[k, y, i] = lu[2, y] * b[k, y, i] - lu[1, y] * b[k, y + 1, i]


@threaded
def solve_planes(b, adds, spill, lu1, lu2):
    """The spills added to b, then the mass matrices of axes 1 and 2 solved with it, plane by plane.

    adds (m0, 2): which spills belong to a plane, −1 for none.
    """
    m0, m1, m2 = b.shape
    for k in prange(m0):
        for j in range(2):
            if adds[k, j] >= 0:
                _add_plane(b, k, spill, adds[k, j])
        for y in range(0, m1, 4):
            if m2 > 1 and y + 4 <= m1:
                _solve_four(b, k, y, lu2)
            elif m2 > 1:
                for line in range(y, m1):
                    _solve_line(b, k, line, lu2)
            if m1 > 1:
                _down_rows(b, k, y, min(y + 4, m1), lu1)
        if m1 > 1:
            _up_rows(b, k, lu1)


@threaded
def solve_columns(b, c, sign, lu0):
    """The mass matrix of axis 0 solved with b, then c += sign · b: the kept values become the L² projection, or back.

    b and c are seen as (m0, columns).
    """
    m0, columns = b.shape
    flat, kept = b.reshape(-1), c.reshape(-1)
    for tile in prange((columns + TILE - 1) // TILE):
        low, high = tile * TILE, min(columns, (tile + 1) * TILE)
        for k in range(1, m0):
            _ask(flat, min(k + _FAR, m0 - 1) * columns + low, high - low)
            for i in range(low, high):
                b[k, i] -= lu0[0, k] * b[k - 1, i]
        for i in range(low, high):
            b[m0 - 1, i] *= lu0[2, m0 - 1]
            c[m0 - 1, i] += sign * b[m0 - 1, i]
        for k in range(m0 - 2, -1, -1):
            _ask(kept, max(k - _FAR, 0) * columns + low, high - low)
            for i in range(low, high):
                b[k, i] = lu0[2, k] * b[k, i] - lu0[1, k] * b[k + 1, i]
                c[k, i] += sign * b[k, i]


@inlined
def _merge(a, p, y, halves, line, even, odd):
    """The inverse of `_detail`."""
    m, others, half = len(even), len(odd), line.dtype.type(0.5)
    _read(a, p, y, even, odd)
    for i in range(others):
        a[p, y, 2 * i] = even[i] + line[i]
        a[p, y, 2 * i + 1] = odd[i] + half * (line[i] + line[i + 1])
    for i in range(max(0, others - 1), others):  # but for the last cell the grid is uniform
        a[p, y, 2 * i + 1] = odd[i] + (halves[0, i] * line[i] + halves[1, i] * line[i + 1])
    for i in range(others, m):
        a[p, y, i + others] = even[i] + line[i]


@threaded
def refine(a, c, at0, by0, at1, by1, halves):
    """a from coefficients to values: what is interpolated from the kept values c is added, the rows are merged."""
    n0, n1, n2 = a.shape
    m, flat = c.shape[2], a.reshape(-1)
    for p in prange(n0):
        line, even = np.empty(m, dtype=a.dtype), np.empty(m, dtype=a.dtype)
        odd = np.empty(n2 - m, dtype=a.dtype)
        for y in range(n1):
            coming, part = (p * n1 + y + _AHEAD) * n2, n2 // 4
            _ask(flat, coming + 0 * part, part)
            _ask(flat, coming + 1 * part, part)
            _blend(c, at0, by0, p, at1, by1, y, line)
            _ask(flat, coming + 2 * part, part)
            _ask(flat, coming + 3 * part, part)
            _merge(a, p, y, halves, line, even, odd)


@kernel
def quantise(a, kept0, kept1, m2, quantum, out):
    """out = the coefficients of a level divided by quantum and rounded, kept nodes left out; the largest of them.

    out (coefficients,) of whole numbers in floating point; they go row by row.
    """
    at, most = 0, 0.0
    for p in range(a.shape[0]):
        for y in range(a.shape[1]):
            for i in range(m2 if kept0[p] and kept1[y] else 0, a.shape[2]):
                out[at] = np.rint(a[p, y, i] / quantum)
                most = max(most, abs(out[at]))
                at += 1
    return most


@kernel
def dequantise(numbers, kept0, kept1, m2, quantum, a):
    """The inverse of `quantise`: a = numbers · quantum, zero at kept nodes."""
    at = 0
    for p in range(a.shape[0]):
        for y in range(a.shape[1]):
            start = m2 if kept0[p] and kept1[y] else 0
            for i in range(start):
                a[p, y, i] = 0
            for i in range(start, a.shape[2]):
                a[p, y, i] = numbers[at] * quantum
                at += 1
