"""Set-up of black-box multigrid in the plane: operator-induced interpolation and Galerkin coarse operators.

Operators. A symmetric 9-point operator with zero row sums is a set of couplings w >= 0 or not,
(A u)_p = sum_q w_pq (u_p - u_q), boundary vertices included as neighbours whose value is zero. So no diagonal is
stored: it is the sum of the couplings, and constants stay in the kernel of every coarse operator to the last bit.

Storage. The vertex (i, j) of a grid with n x n intervals, j = 2 k + p, stands in `x[i, p, k]`: even columns first, odd
columns behind them. With m = (n + 1) // 2 there are 2 m + 1 rows and at least m + 1 entries in a half row; vertices
that are no unknowns (the boundary, and for odd n the row and column n + 1) hold zero. The coarse vertex (I, J) is the
fine vertex (2 I, 2 J); for odd n the coarse boundary stands for the fine one.

Symbols. Couplings of the vertex (i, j): `e` with (i, j+1), `s` with (i+1, j), `d` with (i+1, j+1); `c` couples (i, j+1)
with (i+1, j): the two diagonals belong to the cell whose first vertex is (i, j). d = c = None: a 5-point operator.
`g` one over the diagonal, 0 at vertices that are no unknowns. `wh[I, k]`: share of (2I, 2k) in the value at
(2I, 2k+1), the other share belongs to (2I, 2k+2); `wv[I, k]`: share of (2I-2, 2k) in the value at (2I-1, 2k).

References: J. E. Dendy, Black box multigrid, J. Comput. Phys. 48 (1982) 366-386, doi:10.1016/0021-9991(82)90057-2;
R. E. Alcouffe, A. Brandt, J. E. Dendy, J. W. Painter, SIAM J. Sci. Stat. Comput. 2 (1981) 430-454,
doi:10.1137/0902035; P. M. de Zeeuw, J. Comput. Appl. Math. 33 (1990) 1-27, doi:10.1016/0377-0427(90)90252-U.

Used by toolkit/preconditioner/stencils: the levels of black-box multigrid.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import inlined, threaded

_U = np.uint64


@inlined
def _share(a, b, one):
    """a / (a + b), kept within [0, 1] where couplings have the wrong sign; 1/2 where there is nothing to weigh."""
    total = a + b
    if not total > one - one:
        return one / (one + one)
    return min(max(a / total, one - one), one)


@inlined
def _weigh_row(wh, wv, e, s, d, c, n, row):
    """Collapse the operator across the line a vertex stands on, and interpolate along it (Dendy, eq. 13-14)."""
    m, one = (n + 1) // 2, wh.dtype.type(1)
    i = 2 * row
    if row == 0 or row == m:
        for k in range(_U(m)):
            wh[row, k] = one / (one + one)
    else:
        for k in range(_U(m)):
            if d is None:
                wh[row, k] = _share(e[i, 0, k], e[i, 1, k], one)
            else:
                left = e[i, 0, k] + d[i - 1, 0, k] + c[i, 0, k]
                wh[row, k] = _share(left, e[i, 1, k] + c[i - 1, 1, k] + d[i, 1, k], one)
    if n & 1:
        wh[row, m - 1] = one - one  # the vertex is on the boundary
    if row == 0:
        return
    if (n & 1) and row == m:
        for k in range(_U(m + 1)):
            wv[row, k] = one - one
        return
    i -= 1
    wv[row, 0] = wv[row, m] = one / (one + one)
    for k in range(_U(m - 1)):
        q = k + _U(1)
        if d is None:
            wv[row, q] = _share(s[i - 1, 0, q], s[i, 0, q], one)
        else:
            top = s[i - 1, 0, q] + d[i - 1, 1, k] + c[i - 1, 0, q]
            wv[row, q] = _share(top, s[i, 0, q] + c[i, 1, k] + d[i, 0, q], one)


@inlined
def _eliminate(s00, s01, s10, s11, last_row, last_column, one):
    """Weights of the four coarse vertices in the centre of a cell: its own equation, or the boundary for odd n."""
    half, zero = one / (one + one), one - one
    if last_row and last_column:
        return zero, zero, zero, one
    if last_row:
        return zero, zero, half, half
    if last_column:
        return zero, half, zero, half
    inverse = one / (s00 + s01 + s10 + s11)
    return s00 * inverse, s01 * inverse, s10 * inverse, s11 * inverse


@inlined
def _cell_row(line, wh, wv, e, s, d, c, n, row):
    """Coarse couplings that the coarse cells (row, J) contribute, into line[0..5, J].

    Written with energies: every coupling w_pq inside the cell adds -w_pq (P_p - P_q)_a (P_p - P_q)_b to the coupling of
    the coarse vertices a and b. Lines: top, bottom, left, right, main diagonal, other diagonal.
    """
    m, one = (n + 1) // 2, wh.dtype.type(1)
    i, odd = 2 * row, (n & 1) == 1
    bottom_row = odd and row == m - 1
    for k in range(_U(m)):
        q = k + _U(1)
        t, b, l, r = wh[row, k], wh[row + 1, k], wv[row + 1, k], wv[row + 1, q]
        t1, b1, l1, r1 = one - t, one - b, one - l, one - r
        north, south, west, east = s[i, 1, k], s[i + 1, 1, k], e[i + 1, 0, k], e[i + 1, 1, k]
        s00, s01 = north * t + west * l, north * t1 + east * r
        s10, s11 = south * b + west * l1, south * b1 + east * r1
        if d is not None:
            s00 += d[i, 0, k]
            s01 += c[i, 1, k]
            s10 += c[i + 1, 0, k]
            s11 += d[i + 1, 1, k]
        g00, g01, g10, g11 = _eliminate(s00, s01, s10, s11, bottom_row, odd and k == _U(m - 1), one)
        total = s00 + s01 + s10 + s11
        top = s00 * g01 + g00 * (s01 - total * g01) - north * t * t1
        bottom = s10 * g11 + g10 * (s11 - total * g11) - south * b * b1
        left = s00 * g10 + g00 * (s10 - total * g10) - west * l * l1
        right = s01 * g11 + g01 * (s11 - total * g11) - east * r * r1
        main = s00 * g11 + g00 * (s11 - total * g11)
        other = s01 * g10 + g01 * (s10 - total * g10)
        if d is not None:
            nw, ne, sw, se = c[i, 0, k], d[i, 1, k], d[i + 1, 0, k], c[i + 1, 1, k]
            top -= nw * (t - l) * t1 + ne * t * (t1 - r)
            bottom += sw * (l1 - b) * b1 + se * b * (b - r)
            left += nw * (t - l) * l1 - sw * l * (l1 - b)
            right += ne * (t1 - r) * r1 - se * r * (b - r)
            main += ne * t * r1 + sw * l * b1
            other += nw * t1 * l1 + se * r * b
        line[0, k] = top
        line[1, k] = bottom
        line[2, k] = left
        line[3, k] = right
        line[4, k] = main
        line[5, k] = other


@inlined
def _deal_row(out, row, line, a, count):
    """line[a, 0:count] into even and odd columns."""
    for k in range(_U((count + 1) // 2)):
        out[row, 0, k] = line[a, k + k]
    for k in range(_U(count // 2)):
        out[row, 1, k] = line[a, k + k + _U(1)]


@inlined
def _couple_row(ce, cs, cd, cc, line, wh, wv, e, s, n, row):
    """The coarse couplings that begin at the vertices (row, J), from `_cell_row`; line[6]: bottoms of the row above."""
    m, one = (n + 1) // 2, wh.dtype.type(1)
    i = 2 * row
    for k in range(_U(m)):
        t, l = wh[row, k], wv[row + 1, k]
        across = e[i, 0, k] * (one - t) * (one - t) + e[i, 1, k] * t * t
        down = s[i, 0, k] * (one - l) * (one - l) + s[i + 1, 0, k] * l * l
        line[0, k] = (line[6, k] + line[0, k]) + across
        line[2, k] += down
    for k in range(_U(m - 1)):
        line[2, k + _U(1)] += line[3, k]
    for out, a in ((ce, 0), (cs, 2), (cd, 4), (cc, 5)):
        _deal_row(out, row, line, a, m)


@inlined
def _invert_row(g, e, s, d, c, n, i):
    """g <- one over the sum of the couplings on the row i."""
    one = g.dtype.type(1)
    for p in range(2):
        low = _U(1 - p)
        o = 1 - p
        for k in range(_U((n - 1 + p) // 2)):
            q = k + low
            total = (e[i, p, q] + e[i, o, k]) + (s[i, p, q] + s[i - 1, p, q])
            if d is not None:
                total += (d[i, p, q] + d[i - 1, o, k]) + (c[i - 1, p, q] + c[i, o, k])
            g[i, p, q] = one / total


@threaded
def split_couplings(e, s, g, right, down, n, scale, chunks):
    """Couplings of the finest grid (5-point) into columns by parity, times scale, and one over the diagonal.

    right: (n-1, n) couplings along rows; down: (n, n-1) couplings across rows. Cost: 6 flops a vertex.
    """
    kind = e.dtype.type
    for chunk in prange(chunks):
        for i in range(chunk * n // chunks, (chunk + 1) * n // chunks):
            if i > 0:
                for k in range(_U((n + 1) // 2)):
                    e[i, 0, k] = kind(scale * right[i - 1, k + k])
                for k in range(_U(n // 2)):
                    e[i, 1, k] = kind(scale * right[i - 1, k + k + _U(1)])
            for k in range(_U(n // 2)):
                s[i, 1, k] = kind(scale * down[i, k + k])
            for k in range(_U((n - 1) // 2)):
                s[i, 0, k + _U(1)] = kind(scale * down[i, k + k + _U(1)])
    for chunk in prange(chunks):
        for i in range(max(1, chunk * n // chunks), (chunk + 1) * n // chunks):
            _invert_row(g, e, s, None, None, n, i)


@threaded
def coarsen(ce, cs, cd, cc, cg, wh, wv, e, s, d, c, n, line, chunks):
    """Interpolation weights of a grid with n intervals, and the Galerkin operator P^T A P of the next one.

    line: (chunks, 7, >= m) scratch. Cost: about 70 flops a coarse vertex from 5 points, 140 from 9.
    """
    m = (n + 1) // 2
    for chunk in prange(chunks):
        for row in range(chunk * (m + 1) // chunks, (chunk + 1) * (m + 1) // chunks):
            _weigh_row(wh, wv, e, s, d, c, n, row)
    for chunk in prange(chunks):
        first, last = chunk * m // chunks, (chunk + 1) * m // chunks
        work, zero = line[chunk], line.dtype.type(0)
        for k in range(_U(m)):
            work[6, k] = zero
        for row in range(max(first - 1, 0), last):
            _cell_row(work, wh, wv, e, s, d, c, n, row)
            if row >= first:
                _couple_row(ce, cs, cd, cc, work, wh, wv, e, s, n, row)
            for k in range(_U(m)):
                work[6, k] = work[1, k]
    for chunk in prange(chunks):
        for row in range(max(1, chunk * m // chunks), (chunk + 1) * m // chunks):
            _invert_row(cg, ce, cs, cd, cc, m, row)
