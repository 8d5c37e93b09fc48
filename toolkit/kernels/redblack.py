"""The two legs of a multigrid cycle for constant 3-, 5- and 7-point stencils, each fused into one pass.

Storage. The grid has n0 x n1 x n2 intervals; the point (i, j, m) is red when i + j + m is even. Each colour has an
array of its own, `x[i, j, k]` with m = 2 k + p, where p = (i + j + colour) & 1 is the parity of the row, so that every
loop over a row is unit-stride: the neighbours along axis 2 of entry k lie at k - 1 + p and k + p of the other colour,
those along the other axes at k. Boundary entries are kept zero. A plane problem has n1 = 0 and a single row per plane
(j = 0); a problem in one dimension has n0 = 2 besides, with w[0] = 0.

Scaling. Right-hand sides are divided by the diagonal of the operator: the equation of a point is
x = b + sum_d w_d (sum of the two neighbours along axis d), w_d = a_d / h_d² / diagonal.

Fusion. A leg is a wavefront over planes: each stage follows the one before at a distance of one plane, so a plane is
used by all stages while it is in cache. With several blocks of planes (one for each thread) every stage keeps clear of
the inner borders of its block by as many planes as it needs, and the few planes left out are done afterwards; every
value is therefore computed once and from the same numbers, however many blocks there are.

Symbols. `first`, `second`: the colours in the order of relaxation; `s`: colour of `first` (0 red, 1 black);
`n` intervals; `w` weights; `c` = 1 for a coarsened axis, else 0.

Reference: U. Trottenberg, C. Oosterlee, A. Schüller, Multigrid (2001), sections 2.3.3, 2.6.2, 5.1;
U. Rüde, Iterative algorithms on high performance architectures, Euro-Par 1997, doi:10.1007/BFb0002714 (fused sweeps).
"""

import numpy as np
from numba import prange

from ._jit import kernel, threaded

# Rows are indexed by unsigned numbers, in place: a signed index would be tested for being negative, and a view of a row
# would be reference-counted, atomically, which costs more than the row itself.
_U = np.uint64


@kernel
def _relax_plane(x, y, b, i, s, n, w):
    """x <- b + sum_d w_d (neighbours in y) on the plane i of the colour s."""
    w0, w1, w2 = w
    one = _U(1)
    planar = n[1] == 0
    for j in range(0 if planar else 1, 1 if planar else n[1]):
        p = (i + j + s) & 1
        count, low = _U((n[2] - 1 + p) // 2), _U(1 - p)
        if planar:
            for k in range(count):
                q = k + low
                x[i, j, q] = b[i, j, q] + w0 * (y[i - 1, j, q] + y[i + 1, j, q]) + w2 * (y[i, j, k] + y[i, j, k + one])
        else:
            for k in range(count):
                q = k + low
                near = w0 * (y[i - 1, j, q] + y[i + 1, j, q]) + w1 * (y[i, j - 1, q] + y[i, j + 1, q])
                x[i, j, q] = b[i, j, q] + near + w2 * (y[i, j, k] + y[i, j, k + one])


@kernel
def _residual_plane(r, x, y, b, i, s, n, w):
    """r[i & 3] <- b + sum_d w_d (neighbours in y) - x on the plane i of the colour s: the residual over the diagonal."""
    w0, w1, w2 = w
    one = _U(1)
    planar = n[1] == 0
    for j in range(0 if planar else 1, 1 if planar else n[1]):
        p = (i + j + s) & 1
        count, low = _U((n[2] - 1 + p) // 2), _U(1 - p)
        if planar:
            for k in range(count):
                q = k + low
                near = w0 * (y[i - 1, j, q] + y[i + 1, j, q]) + w2 * (y[i, j, k] + y[i, j, k + one])
                r[i & 3, j, q] = b[i, j, q] - x[i, j, q] + near
        else:
            for k in range(count):
                q = k + low
                near = w0 * (y[i - 1, j, q] + y[i + 1, j, q]) + w1 * (y[i, j - 1, q] + y[i, j + 1, q])
                r[i & 3, j, q] = b[i, j, q] - x[i, j, q] + near + w2 * (y[i, j, k] + y[i, j, k + one])


@kernel
def _copy_plane(x, b, i, n):
    """x <- b: relaxation of the first colour when the iterate is zero."""
    for j in range(0 if n[1] == 0 else 1, 1 if n[1] == 0 else n[1]):
        for k in range(_U(n[2] // 2 + 1)):
            x[i, j, k] = b[i, j, k]


@kernel
def _sum_rows(line, a, r, i, j, c, count):
    """Full weighting across rows: fine row (i, j) and its diagonal neighbours into line[a], the others into line[1-a]."""
    i &= 3
    if c[0] == 0 and c[1] == 0:
        for k in range(count):
            line[a, k] = r[i, j, k]
            line[1 - a, k] = 0.0
    elif c[1] == 0:
        front, back = (i - 1) & 3, (i + 1) & 3
        for k in range(count):
            line[a, k] = 0.5 * r[i, j, k]
            line[1 - a, k] = 0.25 * (r[front, j, k] + r[back, j, k])
    elif c[0] == 0:
        for k in range(count):
            line[a, k] = 0.5 * r[i, j, k]
            line[1 - a, k] = 0.25 * (r[i, j - 1, k] + r[i, j + 1, k])
    else:
        front, back = (i - 1) & 3, (i + 1) & 3
        for k in range(count):
            corners = (r[front, j - 1, k] + r[front, j + 1, k]) + (r[back, j - 1, k] + r[back, j + 1, k])
            line[a, k] = 0.25 * r[i, j, k] + 0.0625 * corners
            line[1 - a, k] = 0.125 * ((r[i, j - 1, k] + r[i, j + 1, k]) + (r[front, j, k] + r[back, j, k]))


@kernel
def _put_row(even, odd, plane, row, line, n2, halve, scale, add):
    """One coarse row from what stands at even (line[0]) and odd (line[1]) fine columns; n2: intervals of the coarse row."""
    one = _U(1)
    many, more = _U(n2 // 2), _U((n2 - 1) // 2)
    keep = 1.0 if add else 0.0
    if halve:
        w0, w1 = 0.5 * scale, 0.25 * scale
        for k in range(_U(n2 - 1)):
            line[2, k] = w0 * line[0, k + one] + w1 * (line[1, k] + line[1, k + one])
        if not add:
            for k in range(more):
                even[plane, row, k + one] = line[2, k + k + one]
            for k in range(many):
                odd[plane, row, k] = line[2, k + k]
        else:
            for k in range(more):
                even[plane, row, k + one] += line[2, k + k + one]
            for k in range(many):
                odd[plane, row, k] += line[2, k + k]
    elif not add:
        for k in range(more):
            even[plane, row, k + one] = scale * line[0, k + one]
        for k in range(many):
            odd[plane, row, k] = scale * line[1, k]
    else:
        for k in range(more):
            even[plane, row, k + one] += scale * line[0, k + one]
        for k in range(many):
            odd[plane, row, k] += scale * line[1, k]


@kernel
def _restrict_row(r, red, black, line, plane, row, s, n, c, scale, add):
    """Full weighting of the residual of one colour (the other's is zero or added by a second call), one coarse row."""
    i, j = plane * (1 + c[0]), row * (1 + c[1])
    n2 = n[2] // 2 if c[2] else n[2]
    _sum_rows(line, (i + j + s) & 1, r, i, j, c, _U(n[2] // 2 + 1))
    # Red and black exchange columns from row to row; choosing by a call keeps the arrays uncounted.
    if (plane + row) & 1:
        _put_row(black, red, plane, row, line, n2, c[2], scale, add)
    else:
        _put_row(red, black, plane, row, line, n2, c[2], scale, add)


@kernel
def _down_planes(first, second, b1, b2, red, black, r, line, s, n, w, c, scale, zero, add, spans):
    """Relax `first` on planes spans[0:2], `second` on spans[2:4], restrict the residual to coarse planes spans[4:6]."""
    f0, f1, s0, s1, c0, c1 = spans
    step = 1 + c[0]
    r0, r1 = step * c0 - c[0], step * (c1 - 1) + c[0] + 1
    if c1 <= c0:
        r0, r1 = s0, s0
    start, stop = min(min(f0, s0 + 1), r0 + 2), max(max(f1, s1 + 1), r1 + 2 + c[0])
    for t in range(start, stop):
        if f0 <= t < f1:
            if zero:
                _copy_plane(first, b1, t, n)
            else:
                _relax_plane(first, second, b1, t, s, n, w)
        i = t - 1
        if s0 <= i < s1:
            _relax_plane(second, first, b2, i, 1 - s, n, w)
        i = t - 2
        if r0 <= i < r1:
            _residual_plane(r, first, second, b1, i, s, n, w)
        i = t - 2 - c[0]
        if i % step == 0 and c0 <= i // step < c1:
            if n[1] == 0:
                _restrict_row(r, red, black, line, i // step, 0, s, n, c, scale, add)
            else:
                for j in range(1, n[1] // 2 if c[1] else n[1]):
                    _restrict_row(r, red, black, line, i // step, j, s, n, c, scale, add)


@kernel
def _down_spans(start, stop, n0, c0):
    """The planes each stage of a block may touch: [first, second, coarse] as six numbers."""
    low, high = int(start > 1), int(stop < n0)
    step = 1 + c0
    coarse_low = (start + 2 * low + c0 + step - 1) // step if low else 1
    coarse_high = (stop - 2 * high - 1 - c0) // step + 1 if high else n0 // step
    return start, stop, start + low, stop - high, coarse_low, coarse_high


@threaded
def smooth_restrict(first, second, b1, b2, red, black, r, line, s, n, w, c, scale, relax, zero, add, blocks):
    """Down-leg: one Gauss-Seidel sweep (first colour, then second), residual, full weighting to the coarse level.

    red, black: right-hand side of the coarse level, overwritten (`add`: added to); r, line: workspace of each block,
    (blocks, 4, rows, width) and (blocks, 3, width). `zero`: the iterate is to be taken as zero, whatever the arrays hold.
    `relax=False` leaves out the sweep; the residual is that of the first colour, the only one that is not zero after a
    sweep. Cost: (4.5 d + 3) flops a point.
    """
    planes = n[0] - 1
    if blocks == 1 or not relax:
        spans = (1, n[0], 1, n[0], 1, n[0] // (1 + c[0])) if relax else (1, 1, 1, 1, 1, n[0] // (1 + c[0]))
        _down_planes(first, second, b1, b2, red, black, r[0], line[0], s, n, w, c, scale, zero, add, spans)
        return
    for block in prange(blocks):
        start, stop = 1 + block * planes // blocks, 1 + (block + 1) * planes // blocks
        spans = _down_spans(start, stop, n[0], c[0])
        _down_planes(first, second, b1, b2, red, black, r[block], line[block], s, n, w, c, scale, zero, add, spans)
    for block in prange(1, blocks):
        border = 1 + block * planes // blocks
        left = _down_spans(1 + (block - 1) * planes // blocks, border, n[0], c[0])
        right = _down_spans(border, 1 + (block + 1) * planes // blocks, n[0], c[0])
        spans = (border, border, left[3], right[2], left[5], right[4])
        _down_planes(first, second, b1, b2, red, black, r[block], line[block], s, n, w, c, scale, zero, add, spans)


@kernel
def _taps(i, coarsened, cubic, n):
    """First coarse index and four weights that interpolate at fine index i; n: coarse intervals."""
    if not coarsened:
        return i, 1, (1.0, 0.0, 0.0, 0.0)
    k = i // 2
    if i & 1 == 0:
        return k, 1, (1.0, 0.0, 0.0, 0.0)
    if not cubic or n < 3:
        return k, 2, (0.5, 0.5, 0.0, 0.0)
    if k == 0:
        return 0, 4, (0.3125, 0.9375, -0.3125, 0.0625)
    if k == n - 1:
        return n - 3, 4, (0.0625, -0.3125, 0.9375, 0.3125)
    return k - 1, 4, (-0.0625, 0.5625, 0.5625, -0.0625)


@kernel
def _mix_rows(near, far, line, i, j, c, n):
    """line[2] <- mean of the 1, 2 or 4 coarse rows around the fine row (i, j), all columns in their order.

    near, far: the colours at even and odd columns of the first of these rows.
    """
    one = _U(1)
    plane, row = (i // 2 if c[0] else i), (j // 2 if c[1] else j)
    di, dj = c[0] * (i & 1), c[1] * (j & 1)
    count = _U((n[2] // 2 if c[2] else n[2]) // 2 + 1)
    if di == 0 and dj == 0:
        for k in range(count):
            line[2, k + k] = near[plane, row, k]
            line[2, k + k + one] = far[plane, row, k]
    elif di == 0 or dj == 0:
        for k in range(count):
            line[2, k + k] = 0.5 * (near[plane, row, k] + far[plane + di, row + dj, k])
            line[2, k + k + one] = 0.5 * (far[plane, row, k] + near[plane + di, row + dj, k])
    else:
        for k in range(count):
            same = near[plane, row, k] + near[plane + 1, row + 1, k]
            other = far[plane, row, k] + far[plane + 1, row + 1, k]
            line[2, k + k] = 0.25 * (same + (far[plane + 1, row, k] + far[plane, row + 1, k]))
            line[2, k + k + one] = 0.25 * (other + (near[plane + 1, row, k] + near[plane, row + 1, k]))


@kernel
def _mix_rows_cubic(red, black, line, i, j, c, n):
    """line[2] <- interpolation by cubics across the coarse rows at the fine row (i, j), all columns in their order."""
    first_i, count_i, weight_i = _taps(i, c[0], n[0] // 2)
    first_j, count_j, weight_j = _taps(j, c[1], n[1] // 2)
    line[2, :] = 0.0
    for a in range(count_i):
        for e in range(count_j):
            plane, row, weight = first_i + a, first_j + e, weight_i[a] * weight_j[e]
            odd_row = (plane + row) & 1
            for k in range(_U((n[2] // 2 if c[2] else n[2]) // 2 + 1)):
                line[2, k + k + _U(odd_row)] += weight * red[plane, row, k]
                line[2, k + k + _U(1 - odd_row)] += weight * black[plane, row, k]


@kernel
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


@kernel
def _correct_row(x, red, black, line, i, j, s, n, c, cubic):
    """Add (cubic: put) the interpolated coarse correction on one fine row of one colour."""
    if cubic:
        _mix_rows_cubic(red, black, line, i, j, c, n)
    elif ((i // 2 if c[0] else i) + (j // 2 if c[1] else j)) & 1:
        _mix_rows(black, red, line, i, j, c, n)
    else:
        _mix_rows(red, black, line, i, j, c, n)
    one = _U(1)
    p = (i + j + s) & 1
    count, low = _U((n[2] - 1 + p) // 2), _U(1 - p)
    if cubic:
        for k in range(count):
            q = int(k) + 1 - p
            place, taps, weight = _taps(2 * q + p, c[2], n[2] // 2)
            x[i, j, q] = 0.0
            for a in range(taps):
                x[i, j, q] += weight[a] * line[2, place + a]
    elif c[2] == 0:
        for k in range(count):
            q = k + low
            x[i, j, q] += line[2, q + q + _U(p)]
    elif p == 0:
        for k in range(count):
            x[i, j, k + one] += line[2, k + one]
    else:
        for k in range(count):
            x[i, j, k] += 0.5 * (line[2, k] + line[2, k + one])


@kernel
def _up_planes(first, second, b1, b2, red, black, line, s, n, w, c, cubic, spans):
    """Correct `second` on planes spans[0:2], relax `first` on spans[2:4], then `second` on spans[4:6]."""
    c0, c1, f0, f1, s0, s1 = spans
    for t in range(min(min(c0, f0 + 1), s0 + 2), max(max(c1, f1 + 1), s1 + 2)):
        if c0 <= t < c1:
            if n[1] == 0:
                _correct_row(second, red, black, line, t, 0, 1 - s, n, c, cubic)
            else:
                for j in range(1, n[1]):
                    _correct_row(second, red, black, line, t, j, 1 - s, n, c, cubic)
        i = t - 1
        if f0 <= i < f1:
            _relax_plane(first, second, b1, i, s, n, w)
        i = t - 2
        if s0 <= i < s1:
            _relax_plane(second, first, b2, i, 1 - s, n, w)


@threaded
def prolong_smooth(first, second, b1, b2, red, black, line, s, n, w, c, relax, cubic, blocks):
    """Up-leg: add the interpolated coarse solution, then one Gauss-Seidel sweep (first colour, then second).

    Only the second colour is corrected: the sweep that follows computes the first from it. `relax=False` leaves out
    the sweep; `cubic` puts the cubic interpolant instead of adding the linear one. Cost: (2.5 d + 3) flops a point.
    """
    planes = n[0] - 1
    if blocks == 1 or not relax:
        stop = n[0] if relax else 1
        spans = (1, n[0], 1, stop, 1, stop)
        _up_planes(first, second, b1, b2, red, black, line[0], s, n, w, c, cubic, spans)
        return
    for block in prange(blocks):
        start, stop = 1 + block * planes // blocks, 1 + (block + 1) * planes // blocks
        low, high = 1 if block > 0 else 0, 1 if block < blocks - 1 else 0
        spans = (start, stop, start + low, stop - high, start + 2 * low, stop - 2 * high)
        _up_planes(first, second, b1, b2, red, black, line[block], s, n, w, c, cubic, spans)
    for block in prange(1, blocks):
        border = 1 + block * planes // blocks
        spans = (border, border, border - 1, border + 1, border - 2, border + 2)
        _up_planes(first, second, b1, b2, red, black, line[block], s, n, w, c, cubic, spans)


@kernel
def relax(first, second, b1, b2, s, n, w):
    """One Gauss-Seidel sweep, first colour then second, in one pass (serial). Cost: 2.5 d + 1 flops a point."""
    for t in range(1, n[0] + 1):
        if t < n[0]:
            _relax_plane(first, second, b1, t, s, n, w)
        if t > 1:
            _relax_plane(second, first, b2, t - 1, 1 - s, n, w)


@kernel
def split(v, red, black, scale):
    """Lexicographic interior values (n0-1, rows, n2-1), times scale, into the two colours."""
    first = 1 if red.shape[1] > 1 else 0
    for i in range(v.shape[0]):
        for j in range(v.shape[1]):
            row = v[i, j]
            odd_row = (i + 1 + j + first) & 1
            even = black[i + 1, j + first] if odd_row else red[i + 1, j + first]
            odd = red[i + 1, j + first] if odd_row else black[i + 1, j + first]
            for k in range((row.size + 1) // 2):
                odd[k] = scale * row[2 * k]
            for k in range(row.size // 2):
                even[k + 1] = scale * row[2 * k + 1]


@kernel
def join(v, red, black):
    """The inverse of `split` with scale 1: v <- interior values of both colours."""
    first = 1 if red.shape[1] > 1 else 0
    for i in range(v.shape[0]):
        for j in range(v.shape[1]):
            row = v[i, j]
            odd_row = (i + 1 + j + first) & 1
            even = black[i + 1, j + first] if odd_row else red[i + 1, j + first]
            odd = red[i + 1, j + first] if odd_row else black[i + 1, j + first]
            for k in range((row.size + 1) // 2):
                row[2 * k] = odd[k]
            for k in range(row.size // 2):
                row[2 * k + 1] = even[k + 1]


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
