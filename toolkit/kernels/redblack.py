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
def _relax_plane(x, at, y, planes, b, i, s, n, w):
    """x <- b + sum_d w_d (neighbours in y), plane i, colour s: at `at` in x; y has planes i-1, i, i+1 at `planes`."""
    w0, w1, w2 = w
    front, here, back = planes
    one = _U(1)
    planar = n[1] == 0
    for j in range(0 if planar else 1, 1 if planar else n[1]):
        p = (i + j + s) & 1
        count, low = _U((n[2] - 1 + p) // 2), _U(1 - p)
        if planar:
            for k in range(count):
                q = k + low
                near = w0 * (y[front, j, q] + y[back, j, q]) + w2 * (y[here, j, k] + y[here, j, k + one])
                x[at, j, q] = b[i, j, q] + near
        else:
            for k in range(count):
                q = k + low
                near = w0 * (y[front, j, q] + y[back, j, q]) + w1 * (y[here, j - 1, q] + y[here, j + 1, q])
                x[at, j, q] = b[i, j, q] + near + w2 * (y[here, j, k] + y[here, j, k + one])


@kernel
def _residual_plane(r, x, at, y, b, i, s, n, w):
    """r[i & 3] <- b + sum_d w_d (neighbours in y) - x on the plane i of the colour s: the residual over the diagonal.

    x has the plane at `at`. Returns the sum of squares.
    """
    square = 0.0
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
                r[i & 3, j, q] = b[i, j, q] - x[at, j, q] + near
        else:
            for k in range(count):
                q = k + low
                near = w0 * (y[i - 1, j, q] + y[i + 1, j, q]) + w1 * (y[i, j - 1, q] + y[i, j + 1, q])
                r[i & 3, j, q] = b[i, j, q] - x[at, j, q] + near + w2 * (y[i, j, k] + y[i, j, k + one])
        for k in range(count):
            square += r[i & 3, j, k + low] * r[i & 3, j, k + low]
    return square


@kernel
def _copy_plane(x, at, b, i, n):
    """x <- b: relaxation of the first colour when the iterate is zero."""
    for j in range(0 if n[1] == 0 else 1, 1 if n[1] == 0 else n[1]):
        for k in range(_U(n[2] // 2 + 1)):
            x[at, j, k] = b[i, j, k]


@kernel
def _sum_rows(line, a, r, i, j, c, count):
    """Full weighting across rows: (i, j) and its diagonal neighbours into line[a], the others into line[1 - a]."""
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
    """One coarse row of n2 intervals from what stands at even (line[0]) and odd (line[1]) fine columns."""
    one = _U(1)
    many, more = _U(n2 // 2), _U((n2 - 1) // 2)
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
def _slot(i, start, stop, keep):
    """Where plane i of the first colour stands: at i when kept or near the borders of its block, else at one of four
    places in turn, so that a colour nobody reads afterwards never leaves the cache.
    """
    if keep or stop - start < 24 or i < start + 8 or i >= stop - 8:
        return i
    return (start + 9 & ~1) + (i & 3)  # of the same parity as i, so that the zeros at the ends of the rows stay


@kernel
def _down_planes(first, second, b1, b2, red, black, r, line, squares, s, n, w, c, scale, modes, block, spans):
    """Relax `first` on planes spans[0:2], `second` on spans[2:4], restrict the residual to coarse planes spans[4:6]."""
    f0, f1, s0, s1, c0, c1 = spans
    zero, add, keep = modes
    start, stop = block
    step = 1 + c[0]
    r0, r1 = step * c0 - c[0], step * (c1 - 1) + c[0] + 1
    if c1 <= c0:
        r0, r1 = s0, s0
    for t in range(min(min(f0, s0 + 1), r0 + 2), max(max(f1, s1 + 1), r1 + 2 + c[0])):
        if f0 <= t < f1:
            at = _slot(t, start, stop, keep)
            if zero:
                _copy_plane(first, at, b1, t, n)
            else:
                _relax_plane(first, at, second, (t - 1, t, t + 1), b1, t, s, n, w)
        i = t - 1
        at = (_slot(i - 1, start, stop, keep), _slot(i, start, stop, keep), _slot(i + 1, start, stop, keep))
        if s0 <= i < s1:
            _relax_plane(second, i, first, at, b2, i, 1 - s, n, w)
        i = t - 2
        if r0 <= i < r1:
            squares[i] = _residual_plane(r, first, at[0], second, b1, i, s, n, w)
        i = t - 2 - c[0]
        if i % step == 0 and c0 <= i // step < c1:
            if n[1] == 0:
                _restrict_row(r, red, black, line, i // step, 0, s, n, c, scale, add)
            else:
                for j in range(1, n[1] // 2 if c[1] else n[1]):
                    _restrict_row(r, red, black, line, i // step, j, s, n, c, scale, add)


@kernel
def _down_spans(start, stop, n0, c0):
    """The planes each stage of a block may touch: first, second, coarse."""
    low, high = int(start > 1), int(stop < n0)
    step = 1 + c0
    coarse_low = (start + 2 * low + c0 + step - 1) // step if low else 1
    coarse_high = (stop - 2 * high - 1 - c0) // step + 1 if high else n0 // step
    return start, stop, start + low, stop - high, coarse_low, coarse_high


@threaded
def smooth_restrict(first, second, b1, b2, red, black, r, line, squares, s, n, w, c, scale, relax, modes, blocks):
    """Down-leg: one Gauss-Seidel sweep (first colour, then second), residual, full weighting to the coarse level.

    red, black: right-hand side of the coarse level, overwritten; r, line: workspace of each block, (blocks, 4, rows,
    width) and (blocks, 3, 2 width); squares: (n0 + 1,) sums of the squared residual over the diagonal, plane by plane.
    `relax=False` leaves out the sweep. The residual is that of the first colour, after a sweep the only one not zero.
    modes = (zero: take the iterate as zero, whatever the arrays hold; add: add to the coarse right-hand side;
    keep: leave the first colour in its array, which costs a quarter of the memory traffic).
    Cost: (4.5 d + 4) flops a point.
    """
    planes = n[0] - 1
    if blocks == 1 or not relax:
        stop = n[0] if relax else 1
        spans, whole = (1, stop, 1, stop, 1, n[0] // (1 + c[0])), (1, n[0])
        modes = modes if relax else (modes[0], modes[1], True)
        _down_planes(first, second, b1, b2, red, black, r[0], line[0], squares, s, n, w, c, scale, modes, whole, spans)
        return
    for k in prange(blocks):
        block = (1 + k * planes // blocks, 1 + (k + 1) * planes // blocks)
        spans = _down_spans(block[0], block[1], n[0], c[0])
        _down_planes(first, second, b1, b2, red, black, r[k], line[k], squares, s, n, w, c, scale, modes, block, spans)
    for k in prange(1, blocks):
        block = (1 + k * planes // blocks, 1 + (k + 1) * planes // blocks)
        left = _down_spans(1 + (k - 1) * planes // blocks, block[0], n[0], c[0])
        right = _down_spans(block[0], block[1], n[0], c[0])
        spans = (block[0], block[0], left[3], right[2], left[5], right[4])
        at_border = (modes[0], modes[1], True)
        _down_planes(
            first, second, b1, b2, red, black, r[k], line[k], squares, s, n, w, c, scale, at_border, block, spans
        )


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
def _up_planes(first, second, b1, b2, red, black, line, s, n, w, c, cubic, keep, block, spans):
    """Correct `second` on planes spans[0:2], relax `first` on spans[2:4], then `second` on spans[4:6]."""
    c0, c1, f0, f1, s0, s1 = spans
    start, stop = block
    for t in range(min(min(c0, f0 + 1), s0 + 2), max(max(c1, f1 + 1), s1 + 2)):
        if c0 <= t < c1:
            if n[1] == 0:
                _correct_row(second, red, black, line, t, 0, 1 - s, n, c, cubic)
            else:
                for j in range(1, n[1]):
                    _correct_row(second, red, black, line, t, j, 1 - s, n, c, cubic)
        i = t - 1
        if f0 <= i < f1:
            _relax_plane(first, _slot(i, start, stop, keep), second, (i - 1, i, i + 1), b1, i, s, n, w)
        i = t - 2
        if s0 <= i < s1:
            at = (_slot(i - 1, start, stop, keep), _slot(i, start, stop, keep), _slot(i + 1, start, stop, keep))
            _relax_plane(second, i, first, at, b2, i, 1 - s, n, w)


@threaded
def prolong_smooth(first, second, b1, b2, red, black, line, s, n, w, c, relax, cubic, keep, blocks):
    """Up-leg: add the interpolated coarse solution, then one Gauss-Seidel sweep (first colour, then second).

    Only the second colour is corrected: the sweep that follows computes the first from it. `relax=False` leaves out
    the sweep; `cubic` puts the cubic interpolant instead of adding the linear one; keep: as in `smooth_restrict`.
    Cost: (3 d + 2) flops a point.
    """
    planes = n[0] - 1
    if blocks == 1 or not relax:
        stop = n[0] if relax else 1
        spans, whole = (1, n[0], 1, stop, 1, stop), (1, n[0])
        _up_planes(first, second, b1, b2, red, black, line[0], s, n, w, c, cubic, keep, whole, spans)
        return
    for k in prange(blocks):
        start, stop = 1 + k * planes // blocks, 1 + (k + 1) * planes // blocks
        low, high = int(k > 0), int(k < blocks - 1)
        spans, block = (start, stop, start + low, stop - high, start + 2 * low, stop - 2 * high), (start, stop)
        _up_planes(first, second, b1, b2, red, black, line[k], s, n, w, c, cubic, keep, block, spans)
    for k in prange(1, blocks):
        border = 1 + k * planes // blocks
        spans, block = (border, border, border - 1, border + 1, border - 2, border + 2), (border, border)
        _up_planes(first, second, b1, b2, red, black, line[k], s, n, w, c, cubic, True, block, spans)


@kernel
def relax(first, second, b1, b2, s, n, w):
    """One Gauss-Seidel sweep, first colour then second, in one pass (serial). Cost: 3 d flops a point."""
    for t in range(1, n[0] + 1):
        if t < n[0]:
            _relax_plane(first, t, second, (t - 1, t, t + 1), b1, t, s, n, w)
        if t > 1:
            _relax_plane(second, t - 1, first, (t - 2, t - 1, t), b2, t - 1, 1 - s, n, w)


@threaded
def relax_colour(first, second, b1, s, n, w, blocks):
    """Half a sweep: the first colour from the second. Cost: 1.5 d flops a point of the grid."""
    for k in prange(blocks):
        for t in range(1 + k * (n[0] - 1) // blocks, 1 + (k + 1) * (n[0] - 1) // blocks):
            _relax_plane(first, t, second, (t - 1, t, t + 1), b1, t, s, n, w)
