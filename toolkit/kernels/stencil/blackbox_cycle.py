"""The two legs of a black-box multigrid cycle, each fused into one pass, and what W- and F-cycles need besides.

Storage and symbols are those of `blackbox_setup`: columns split by parity, couplings e, s, d, c, one over the diagonal
g, interpolation shares wh, wv; x iterate, b right-hand side, y the coarse grid's counterpart. Vertices come in four
colours by the parities of row and column: E (even, even: the coarse vertices), H (even row, odd column), V (odd row,
even column), C (odd, odd: centres).

Relaxation. Four-colour Gauss-Seidel in the order H, V, E, C before the coarse grid, C, E, V, H after it: adjoint
sweeps. The residual at the centres is then zero when it is restricted, and their correction is overwritten by the sweep
that follows, so interpolation to the centres, which is their own equation (Dendy), is never carried out. For a 5-point
operator (d = c = None) this is red-black relaxation, black first.

Fusion. "Row t" of H and E is the fine row 2 t, of V and C the fine row 2 t - 1. Each stage follows the one it needs
at the shortest distance, so that rows are used while they are in cache. With several blocks of rows, one a thread,
every stage stays clear of the inner borders of its block, and what was left out is done afterwards by the same
functions: each value is computed once and from the same numbers, however many blocks there are.

Reference: J. E. Dendy, Black box multigrid, J. Comput. Phys. 48 (1982) 366-386, doi:10.1016/0021-9991(82)90057-2.

Used by toolkit/preconditioner/stencils: V-, W- and F-cycles of black-box multigrid.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import inlined, kernel, threaded

_U = np.uint64


@inlined
def _axes(x, e, s, i, p, k, q):
    """Sum of couplings times values over the four nearest neighbours of (i, p, q); k = q + p - 1."""
    o = 1 - p
    along = e[i, o, k] * x[i, o, k] + e[i, p, q] * x[i, o, k + _U(1)]
    return along + (s[i - 1, p, q] * x[i - 1, p, q] + s[i, p, q] * x[i + 1, p, q])


@inlined
def _corners(x, d, c, i, p, k, q):
    """The same over the four diagonal neighbours."""
    o, r = 1 - p, k + _U(1)
    above = d[i - 1, o, k] * x[i - 1, o, k] + c[i - 1, p, q] * x[i - 1, o, r]
    return above + (c[i, o, k] * x[i + 1, o, k] + d[i, p, q] * x[i + 1, o, r])


@inlined
def _relax_row(x, b, g, e, s, d, c, n, i, p):
    """x <- (b + sum of couplings times neighbours) / diagonal at the columns of parity p of the row i."""
    low = _U(1 - p)
    for k in range(_U((n - 1 + p) // 2)):
        q = k + low
        total = b[i, p, q] + _axes(x, e, s, i, p, k, q)
        if d is not None:
            total += _corners(x, d, c, i, p, k, q)
        x[i, p, q] = total * g[i, p, q]


@inlined
def _begin_row(x, b, g, d, c, n, i, p):
    """`_relax_row` where the four nearest neighbours are still zero, the diagonal ones too on an even row."""
    low = _U(1 - p)
    for k in range(_U((n - 1 + p) // 2)):
        q = k + low
        total = b[i, p, q]
        if d is not None and p == 0:
            total += _corners(x, d, c, i, p, k, q)
        x[i, p, q] = total * g[i, p, q]


@inlined
def _begin_even_row(x, b, g, e, s, n, i):
    """`_relax_row` of the colour E while the centres are still zero."""
    for k in range(_U((n - 1) // 2)):
        q = k + _U(1)
        x[i, 0, q] = (b[i, 0, q] + _axes(x, e, s, i, 0, k, q)) * g[i, 0, q]


@inlined
def _residual_v(line, a, x, e, s, wv, n, t):
    """line[a] <- residual at V on the row t after a sweep from zero, line[a+1] <- its share for the coarse row above.

    Where every colour started from zero, a residual is what the colours relaxed later have added.
    """
    m = (n + 1) // 2
    zero = line.dtype.type(0)
    boundary = (n & 1) and t == m
    for k in range(_U(m - 1)):
        q = k + _U(1)
        r = zero if boundary else _axes(x, e, s, 2 * t - 1, 0, k, q)
        line[a, q] = r
        line[a + 1, q] = r * wv[t, q]


@inlined
def _residual_h(line, x, e, s, d, c, wh, n, t):
    """line[4] <- residual at H on the row t after a sweep from zero, line[5] <- its share for the vertex before."""
    for k in range(_U(n // 2)):
        r = _axes(x, e, s, 2 * t, 1, k, k)
        if d is not None:
            r += _corners(x, d, c, 2 * t, 1, k, k)
        line[4, k] = r
        line[5, k] = r * wh[t, k]
    if n & 1:
        line[4, n // 2] = 0
        line[5, n // 2] = 0


@inlined
def _restrict_row(y, line, x, e, s, d, c, wh, wv, n, t, fresh):
    """The transpose of the interpolation, for the coarse row t: the right-hand side y of the coarse grid."""
    m = (n + 1) // 2
    above, below = 2 * (t & 1), 2 * ((t + 1) & 1)
    if fresh:
        _residual_v(line, above, x, e, s, wv, n, t)
    _residual_v(line, below, x, e, s, wv, n, t + 1)
    _residual_h(line, x, e, s, d, c, wh, n, t)
    for k in range(_U(m - 1)):
        q = k + _U(1)
        total = (line[above, q] - line[above + 1, q]) + line[below + 1, q]
        total += line[5, q] + (line[4, k] - line[5, k])
        if d is not None:
            total += _corners(x, d, c, 2 * t, 0, k, q)
        line[6, q] = total
    for k in range(_U((m - 1) // 2)):
        y[t, 0, k + _U(1)] = line[6, k + k + _U(2)]
    for k in range(_U(m // 2)):
        y[t, 1, k] = line[6, k + k + _U(1)]


@inlined
def _down_spans(n, block, blocks, phase):
    """Rows of each stage of the down-leg: phase 0 what a block can do alone, phase 1 what its first border left out.

    The last unknowns stand on the rows 2 t <= n - 1 (H, E) and 2 t - 1 <= n - 1 (V, C).
    """
    m, half = (n + 1) // 2, n // 2 + 1
    f, l = 1 + block * (m - 1) // blocks, 1 + (block + 1) * (m - 1) // blocks
    if phase == 1:
        return f, f, f, f + 1, f - 1, f + 1, f - 1, f + 2, f - 2, f + 2
    a = 1 if block > 0 else 0
    if block == blocks - 1:
        return f, m, f + a, half, f + a, m, f + 2 * a, half, f + 2 * a, m
    return f, l, f + a, l, f + a, l - 1, f + 2 * a, l - 1, f + 2 * a, l - 2


@threaded
def descend(y, x, b, g, e, s, d, c, wh, wv, line, n, blocks):
    """Down-leg from a zero iterate: one sweep H, V, E, C, and y <- P^T (b - A x).

    x must be zero at vertices that are no unknowns. line: (blocks, 7, >= m + 1) scratch.
    Cost: about 13 flops a vertex for 5 points, 24 for 9.
    """
    for phase in range(min(blocks, 2)):
        for block in prange(phase, blocks):
            h0, h1, v0, v1, e0, e1, c0, c1, r0, r1 = _down_spans(n, block, blocks, phase)
            work = line[block]
            for t in range(min(min(h0, e0 + 1), min(c0 + 1, r0 + 2)), max(max(h1, v1), max(c1 + 1, r1 + 2))):
                if h0 <= t < h1:
                    _begin_row(x, b, g, d, c, n, 2 * t, 1)
                if v0 <= t < v1:
                    _begin_row(x, b, g, d, c, n, 2 * t - 1, 0)
                if e0 <= t - 1 < e1:
                    _begin_even_row(x, b, g, e, s, n, 2 * t - 2)
                if c0 <= t - 1 < c1:
                    _relax_row(x, b, g, e, s, d, c, n, 2 * t - 3, 1)
                if r0 <= t - 2 < r1:
                    _restrict_row(y, work, x, e, s, d, c, wh, wv, n, t - 2, t - 2 == r0)


@inlined
def _join_row(line, a, y, m, t):
    """The coarse row t, 0..m, in one piece into line[a]; boundary values are zero."""
    one = _U(1)
    for k in range(_U(m // 2 + 1)):
        line[a, k + k] = y[t, 0, k]
    for k in range(_U((m + 1) // 2)):
        line[a, k + k + one] = y[t, 1, k]


@inlined
def _correct_rows(x, y, line, wh, wv, n, t, fresh):
    """Add the interpolated coarse values at H and E of the row 2 t and at V of the row 2 t - 1."""
    m = (n + 1) // 2
    above, here = (t + 1) & 1, t & 1
    if fresh:
        _join_row(line, above, y, m, t - 1)
    _join_row(line, here, y, m, t)
    if 2 * t < n:
        i = 2 * t
        for k in range(_U(n // 2)):
            x[i, 1, k] += line[here, k + _U(1)] + wh[t, k] * (line[here, k] - line[here, k + _U(1)])
        for k in range(_U((n - 1) // 2)):
            x[i, 0, k + _U(1)] += line[here, k + _U(1)]
    if 2 * t - 1 < n:
        i = 2 * t - 1
        for k in range(_U((n - 1) // 2)):
            q = k + _U(1)
            x[i, 0, q] += line[here, q] + wv[t, q] * (line[above, q] - line[here, q])


@inlined
def _up_spans(n, block, blocks, phase):
    """The same for the up-leg; the correction reaches the row m, whose V may be unknowns."""
    m, half = (n + 1) // 2, n // 2 + 1
    f, l = 1 + block * (m - 1) // blocks, 1 + (block + 1) * (m - 1) // blocks
    if phase == 1:
        return f, f, f, f + 1, f - 1, f + 1, f - 1, f + 2, f - 2, f + 2
    a = 1 if block > 0 else 0
    if block == blocks - 1:
        return f, m + 1, f + a, half, f + a, m, f + 2 * a, half, f + 2 * a, m
    return f, l, f + a, l, f + a, l - 1, f + 2 * a, l - 1, f + 2 * a, l - 2


@threaded
def ascend(x, y, b, g, e, s, d, c, wh, wv, line, n, blocks):
    """Up-leg: x <- x + P y, then one sweep C, E, V, H. Cost: about 14 flops a vertex for 5 points, 22 for 9."""
    for phase in range(min(blocks, 2)):
        for block in prange(phase, blocks):
            a0, a1, c0, c1, e0, e1, v0, v1, h0, h1 = _up_spans(n, block, blocks, phase)
            work = line[block]
            for t in range(min(min(a0, c0), min(e0 + 1, h0 + 2)), max(max(a1, c1), max(e1 + 1, h1 + 2))):
                if a0 <= t < a1:
                    _correct_rows(x, y, work, wh, wv, n, t, t == a0)
                for stage in range(4):  # C, E, V, H
                    if stage == 0:
                        row, p, go = 2 * t - 1, 1, c0 <= t < c1
                    elif stage == 1:
                        row, p, go = 2 * t - 2, 0, e0 <= t - 1 < e1
                    elif stage == 2:
                        row, p, go = 2 * t - 3, 0, v0 <= t - 1 < v1
                    else:
                        row, p, go = 2 * t - 4, 1, h0 <= t - 2 < h1
                    if go:
                        _relax_row(x, b, g, e, s, d, c, n, row, p)


@threaded
def residual(r, x, b, e, s, d, c, n, chunks):
    """r <- b - A x, the operator applied to differences. Cost: 13 flops a vertex for 5 points, 25 for 9."""
    for chunk in prange(chunks):
        for i in range(max(1, chunk * n // chunks), (chunk + 1) * n // chunks):
            for p in range(2):
                o, low = 1 - p, _U(1 - p)
                for k in range(_U((n - 1 + p) // 2)):
                    q, z = k + low, k + _U(1)
                    v = x[i, p, q]
                    total = e[i, o, k] * (x[i, o, k] - v) + e[i, p, q] * (x[i, o, z] - v)
                    total += s[i - 1, p, q] * (x[i - 1, p, q] - v) + s[i, p, q] * (x[i + 1, p, q] - v)
                    if d is not None:
                        total += d[i - 1, o, k] * (x[i - 1, o, k] - v) + c[i - 1, p, q] * (x[i - 1, o, z] - v)
                        total += c[i, o, k] * (x[i + 1, o, k] - v) + d[i, p, q] * (x[i + 1, o, z] - v)
                    r[i, p, q] = b[i, p, q] + total


@kernel
def relax(x, b, g, e, s, d, c, n, backward):
    """One sweep H, V, E, C on any iterate, or backward; serial. Cost: 11 flops a vertex, 19 for 9 points."""
    for stage in range(4):
        colour = 3 - stage if backward else stage
        row, p = (2, 1) if colour == 0 else (1, 0) if colour == 1 else (2, 0) if colour == 2 else (1, 1)
        for i in range(row, n, 2):
            _relax_row(x, b, g, e, s, d, c, n, i, p)


@kernel
def solve_dense(x, b, inverse, n):
    """x <- inverse b on the coarsest grid, interior vertices row by row. Cost: 2 (n-1)^4 flops."""
    for row in range(inverse.shape[0]):
        total = inverse[row, 0] * b[1, 1, 0]
        for column in range(1, inverse.shape[1]):
            j = 1 + column % (n - 1)
            total += inverse[row, column] * b[1 + column // (n - 1), j & 1, j >> 1]
        j = 1 + row % (n - 1)
        x[1 + row // (n - 1), j & 1, j >> 1] = total


@threaded
def split(v, x, scale, chunks):
    """x <- scale v, interior values (n-1, n-1) row by row into columns by parity, in the number format of x."""
    n, kind = v.shape[0] + 1, x.dtype.type
    for chunk in prange(chunks):
        for i in range(chunk * (n - 1) // chunks, (chunk + 1) * (n - 1) // chunks):
            for k in range(_U((n - 1) // 2)):
                x[i + 1, 1, k] = kind(scale * v[i, k + k])
                x[i + 1, 0, k + _U(1)] = kind(scale * v[i, k + k + _U(1)])
            if n % 2 == 0:
                x[i + 1, 1, n // 2 - 1] = kind(scale * v[i, n - 2])


@threaded
def join(v, x, chunks):
    """The inverse of `split` with scale 1."""
    n = v.shape[0] + 1
    for chunk in prange(chunks):
        for i in range(chunk * (n - 1) // chunks, (chunk + 1) * (n - 1) // chunks):
            for k in range(_U((n - 1) // 2)):
                v[i, k + k] = x[i + 1, 1, k]
                v[i, k + k + _U(1)] = x[i + 1, 0, k + _U(1)]
            if n % 2 == 0:
                v[i, n - 2] = x[i + 1, 1, n // 2 - 1]
