"""The two legs of a multigrid cycle for constant 3-, 5- and 7-point stencils, each fused into one pass.

Storage. The grid has n0 x n1 x n2 intervals; the point (i, j, m) is red (colour 0) when i + j + m is even, else black
(colour 1). The colours lie apart, `x[colour, i, j, k]` with m = 2 k + p, where p = (i + j + colour) & 1 is the parity
of the row, so that every loop over a row is unit-stride: the neighbours along axis 2 of entry k lie at k - 1 + p and
k + p of the other colour, those along the other axes at k. Boundary entries are kept zero. A plane problem has n1 = 0
and a single row per plane (j = 0); a problem in one dimension has n0 = 2 besides, with w[0] = 0.

Scaling. Right-hand sides are divided by the diagonal of the operator: the equation of a point is
x = b + sum_d w_d (sum of the two neighbours along axis d), w_d = a_d / h_d² / diagonal.

Fusion. A leg is a wavefront over planes: each stage follows the one before at a distance of one plane, so a plane is
used by all stages while it is in cache. With several blocks of planes (one for each thread) every stage keeps clear of
the inner borders of its block by as many planes as it needs, and the few planes left out are done afterwards; every
value is therefore computed once and from the same numbers, however many blocks there are.

Symbols. `s`: the colour that is relaxed first, `1 - s` second; `n` intervals; `w` weights; `c` = 1 for a coarsened
axis, else 0; `keep`: leave the first colour in its array (else it stays in four planes of cache, see `_slot`).

Reference: U. Trottenberg, C. Oosterlee, A. Schüller, Multigrid (2001), sections 2.3.3, 2.6.2, 5.1;
U. Rüde, Iterative algorithms on high performance architectures, Euro-Par 1997, doi:10.1007/BFb0002714 (fused sweeps).

Used by toolkit/preconditioner/stencils: the cycles of multigrid with constant stencils.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import inlined, kernel, threaded
from toolkit.kernels._prefetch import prefetch

# Rows are indexed by unsigned numbers, in place: a signed index would be tested for being negative, and a view of a row
# would be reference-counted, atomically, which costs more than the row itself.
_U = np.uint64
_AHEAD = 4  # rows; without it a cycle on 128³ takes 1.6 times as long
_LINE = 8  # numbers in a line of cache
_FAR = 1 << 17  # numbers; smaller arrays stay near enough not to need it


@inlined
def _fetch(flat, shape, colour, i, j):
    """Ask the memory for the row that comes some rows after (colour, i, j): rows are too short to be foreseen by it."""
    if flat.size < _FAR:
        return
    start = ((colour * shape[1] + i) * shape[2] + j + _AHEAD) * shape[3]
    for k in range(0, shape[3], _LINE):
        prefetch(flat, start + k)


@inlined
def _relax_plane(x, at, planes, b, i, s, n, w, flat_b, flat_x):
    """x <- b + sum_d w_d (neighbours) on plane i of colour s, which stands at `at`; the other's three at `planes`.

    flat_b, flat_x: b and x in one dimension.
    """
    w0, w1, w2 = w
    front, here, back = planes
    one, o = _U(1), 1 - s
    planar = n[1] == 0
    for j in range(0 if planar else 1, 1 if planar else n[1]):
        p = (i + j + s) & 1
        count, low = _U((n[2] - 1 + p) // 2), _U(1 - p)
        _fetch(flat_b, b.shape, s, i, j)
        _fetch(flat_x, x.shape, o, back, j)
        if planar:
            for k in range(count):
                q = k + low
                near = w0 * (x[o, front, j, q] + x[o, back, j, q]) + w2 * (x[o, here, j, k] + x[o, here, j, k + one])
                x[s, at, j, q] = b[s, i, j, q] + near
        else:
            for k in range(count):
                q = k + low
                near = w0 * (x[o, front, j, q] + x[o, back, j, q]) + w1 * (x[o, here, j - 1, q] + x[o, here, j + 1, q])
                x[s, at, j, q] = b[s, i, j, q] + near + w2 * (x[o, here, j, k] + x[o, here, j, k + one])


@inlined
def _residual_plane(r, x, at, b, i, s, n, w):
    """r[i & 3] <- b + sum_d w_d (neighbours) - x on plane i of colour s: the residual over the diagonal.

    x has the plane at `at`. Returns the sum of squares.
    """
    square = 0.0
    w0, w1, w2 = w
    slot = i & 3
    one, o = _U(1), 1 - s
    planar = n[1] == 0
    for j in range(0 if planar else 1, 1 if planar else n[1]):
        p = (i + j + s) & 1
        count, low = _U((n[2] - 1 + p) // 2), _U(1 - p)
        if planar:
            for k in range(count):
                q = k + low
                near = w0 * (x[o, i - 1, j, q] + x[o, i + 1, j, q]) + w2 * (x[o, i, j, k] + x[o, i, j, k + one])
                r[slot, j, q] = b[s, i, j, q] - x[s, at, j, q] + near
        else:
            for k in range(count):
                q = k + low
                near = w0 * (x[o, i - 1, j, q] + x[o, i + 1, j, q]) + w1 * (x[o, i, j - 1, q] + x[o, i, j + 1, q])
                r[slot, j, q] = b[s, i, j, q] - x[s, at, j, q] + near + w2 * (x[o, i, j, k] + x[o, i, j, k + one])
        for k in range(count):
            square += r[slot, j, k + low] * r[slot, j, k + low]
    return square


@inlined
def _copy_plane(x, at, b, i, s, n):
    """x <- b: relaxation of the first colour when the iterate is zero."""
    for j in range(0 if n[1] == 0 else 1, 1 if n[1] == 0 else n[1]):
        for k in range(_U(n[2] // 2 + 1)):
            x[s, at, j, k] = b[s, i, j, k]


@inlined
def _restrict_row(r, coarse, line, plane, row, s, n, c, scale):
    """Full weighting of the residual of one colour (after a sweep the other's is zero) to one coarse row."""
    i, j = plane * (1 + c[0]), row * (1 + c[1])
    same = (i + j + s) & 1  # line[0]: what stands at even columns, line[1]: at odd columns, weighted across the rows
    side, one = 1 - same, _U(1)
    here, front, back = i & 3, (i - c[0]) & 3, (i + c[0]) & 3
    if c[0] + c[1] < 2:
        w0, w1 = (0.5, 0.25) if c[0] + c[1] else (1.0, 0.0)
        for k in range(_U(n[2] // 2 + 1)):
            line[same, k] = w0 * r[here, j, k]
            line[side, k] = w1 * (r[front, j - c[1], k] + r[back, j + c[1], k])
    else:
        for k in range(_U(n[2] // 2 + 1)):
            corners = (r[front, j - 1, k] + r[front, j + 1, k]) + (r[back, j - 1, k] + r[back, j + 1, k])
            line[same, k] = 0.25 * r[here, j, k] + 0.0625 * corners
            line[side, k] = 0.125 * ((r[here, j - 1, k] + r[here, j + 1, k]) + (r[front, j, k] + r[back, j, k]))
    even = (plane + row) & 1  # the colour at even columns of the coarse row
    odd = 1 - even
    if c[2]:
        w0, w1, count = 0.5 * scale, 0.25 * scale, n[2] // 2
        for k in range(_U(count - 1)):
            line[2, k] = w0 * line[0, k + one] + w1 * (line[1, k] + line[1, k + one])
        for k in range(_U((count - 1) // 2)):
            coarse[even, plane, row, k + one] = line[2, k + k + one]
        for k in range(_U(count // 2)):
            coarse[odd, plane, row, k] = line[2, k + k]
    else:
        for k in range(_U((n[2] - 1) // 2)):
            coarse[even, plane, row, k + one] = scale * line[0, k + one]
        for k in range(_U(n[2] // 2)):
            coarse[odd, plane, row, k] = scale * line[1, k]


@inlined
def _slot(i, block, keep):
    """Where plane i of the first colour stands: at i when kept or near the borders of its block, else at one of four
    places in turn, so that a colour nobody reads afterwards never leaves the cache.
    """
    start, stop = block
    if keep or stop - start < 24 or i < start + 8 or i >= stop - 8:
        return i
    return (start + 9 & ~1) + (i & 3)  # of the same parity as i, so that the zeros at the ends of the rows stay


@kernel
def down(x, b, coarse, r, line, squares, s, n, w, c, scale, zero, keep, block, spans):
    """Relax the first colour on planes spans[0:2], the second on spans[2:4], restrict to coarse planes spans[4:6].

    One wavefront; `smooth_restrict` says what the arguments are. block: the planes that `keep=False` may use.
    """
    flat_b, flat_x = b.reshape(-1), x.reshape(-1)
    step, c0, c1 = 1 + c[0], spans[4], spans[5]
    r0, r1 = step * c0 - c[0], step * (c1 - 1) + c[0] + 1
    if c1 <= c0:
        r0, r1 = spans[2], spans[2]
    for t in range(min(min(spans[0], spans[2] + 1), r0 + 2), max(max(spans[1], spans[3] + 1), r1 + 2 + c[0])):
        for lag in range(2):
            i = t - lag
            if spans[2 * lag] <= i < spans[2 * lag + 1]:
                if lag == 1:
                    at, planes = i, (_slot(i - 1, block, keep), _slot(i, block, keep), _slot(i + 1, block, keep))
                else:
                    at, planes = _slot(i, block, keep), (i - 1, i, i + 1)
                if zero and lag == 0:
                    _copy_plane(x, at, b, i, s, n)
                else:
                    _relax_plane(x, at, planes, b, i, s ^ lag, n, w, flat_b, flat_x)
        i = t - 2
        if r0 <= i < r1:
            squares[i] = _residual_plane(r, x, _slot(i, block, keep), b, i, s, n, w)
        i = t - 2 - c[0]
        if i % step == 0 and c0 <= i // step < c1:
            planar = n[1] == 0
            for j in range(0 if planar else 1, 1 if planar else (n[1] // 2 if c[1] else n[1])):
                _restrict_row(r, coarse, line, i // step, j, s, n, c, scale)


@inlined
def _down_spans(start, stop, n0, c0):
    """The planes each stage of the block start <= i < stop may touch: first, second, coarse."""
    low, high = int(start > 1), int(stop < n0)
    step = 1 + c0
    coarse_low = (start + 2 * low + c0 + step - 1) // step if low else 1
    coarse_high = (stop - 2 * high - 1 - c0) // step + 1 if high else n0 // step
    return start, stop, start + low, stop - high, coarse_low, coarse_high


@kernel
def down_border(k, blocks, n0, c0):
    """What the blocks k - 1 and k leave out between them: the spans to call `down` with."""
    planes = n0 - 1
    border = 1 + k * planes // blocks
    left = _down_spans(1 + (k - 1) * planes // blocks, border, n0, c0)
    right = _down_spans(border, 1 + (k + 1) * planes // blocks, n0, c0)
    return border, border, left[3], right[2], left[5], right[4]


@threaded
def smooth_restrict(x, b, coarse, r, line, squares, s, n, w, c, scale, zero, keep, blocks):
    """Down-leg: one Gauss-Seidel sweep (first colour, then second), residual, full weighting to the coarse level.

    On blocks of planes; what lies between them is left to `down` with the spans of `down_border`.
    x, b: iterate and scaled right-hand side (2, n0 + 1, rows, width); coarse: right-hand side of the coarse level,
    overwritten; r, line: workspace of each block, (blocks, 4, rows, width) and (blocks, 3, 2 width); squares: (n0 + 1,)
    sums of the squared residual over the diagonal, plane by plane; scale: diagonal over coarse diagonal; zero: take the
    iterate as zero, whatever the array holds. Cost: (4.5 d + 4) flops a point.
    """
    planes = n[0] - 1
    for k in prange(blocks):
        start, stop = 1 + k * planes // blocks, 1 + (k + 1) * planes // blocks
        spans = _down_spans(start, stop, n[0], c[0])
        down(x, b, coarse, r[k], line[k], squares, s, n, w, c, scale, zero, keep, (start, stop), spans)


@inlined
def _mix_rows(e, line, i, j, c, n):
    """line[2] <- mean of the 1, 2 or 4 coarse rows around the fine row (i, j), all columns in their order."""
    plane, row = (i // 2 if c[0] else i), (j // 2 if c[1] else j)
    di, dj, one = c[0] * (i & 1), c[1] * (j & 1), _U(1)
    near = (plane + row) & 1  # the colour at even columns of the first row; its neighbours have the other one there
    far = 1 - near
    count = _U((n[2] // 2 if c[2] else n[2]) // 2 + 1)
    if di + dj < 2:
        a, b = (far, near) if di + dj else (near, far)
        for k in range(count):
            line[2, k + k] = 0.5 * (e[near, plane, row, k] + e[a, plane + di, row + dj, k])
            line[2, k + k + one] = 0.5 * (e[far, plane, row, k] + e[b, plane + di, row + dj, k])
    else:
        for k in range(count):
            same = e[near, plane, row, k] + e[near, plane + 1, row + 1, k]
            other = e[far, plane, row, k] + e[far, plane + 1, row + 1, k]
            line[2, k + k] = 0.25 * (same + (e[far, plane + 1, row, k] + e[far, plane, row + 1, k]))
            line[2, k + k + one] = 0.25 * (other + (e[near, plane + 1, row, k] + e[near, plane, row + 1, k]))


@inlined
def _correct_plane(x, e, line, i, s, n, c, flat_x):
    """Add the coarse solution e, linearly interpolated, on plane i of colour s."""
    planar = n[1] == 0
    for j in range(0 if planar else 1, 1 if planar else n[1]):
        _fetch(flat_x, x.shape, s, i, j)
        _mix_rows(e, line, i, j, c, n)
        p = (i + j + s) & 1
        count, low = _U((n[2] - 1 + p) // 2), _U(1 - p)
        if c[2] == 0:
            for k in range(count):
                q = k + low
                x[s, i, j, q] += line[2, q + q + _U(p)]
        else:
            after = _U(p)  # 0 at even columns, where a coarse column lies: the mean of it with itself
            for k in range(count):
                q = k + low
                x[s, i, j, q] += 0.5 * (line[2, q] + line[2, q + after])


@kernel
def up(x, b, e, line, s, n, w, c, keep, block, spans):
    """Correct the second colour on planes spans[0:2], relax the first on spans[2:4], the second on spans[4:6].

    From the last plane to the first: the leg before went up and left the last planes in cache.
    """
    flat_b, flat_x = b.reshape(-1), x.reshape(-1)
    last = max(max(spans[1], spans[3] - 1), spans[5] - 2)
    for t in range(last - 1, min(min(spans[0], spans[2] - 1), spans[4] - 2) - 1, -1):
        if spans[0] <= t < spans[1]:
            _correct_plane(x, e, line, t, 1 - s, n, c, flat_x)
        for lag in range(2):
            i = t + 1 + lag
            if spans[2 + 2 * lag] <= i < spans[3 + 2 * lag]:
                if lag == 1:
                    at, planes = i, (_slot(i - 1, block, keep), _slot(i, block, keep), _slot(i + 1, block, keep))
                else:
                    at, planes = _slot(i, block, keep), (i - 1, i, i + 1)
                _relax_plane(x, at, planes, b, i, s ^ lag, n, w, flat_b, flat_x)


@kernel
def up_border(k, blocks, n0):
    """What the blocks k - 1 and k leave out between them: the spans to call `up` with."""
    border = 1 + k * (n0 - 1) // blocks
    return border, border, border - 1, border + 1, border - 2, border + 2


@threaded
def prolong_smooth(x, b, e, line, s, n, w, c, keep, blocks):
    """Up-leg: add the interpolated coarse solution e, then one Gauss-Seidel sweep (first colour, then second).

    On blocks of planes; what lies between them is left to `up` with the spans of `up_border`. Only the second colour is
    corrected: the sweep that follows computes the first from it. Cost: (3 d + 2) flops a point.
    """
    planes = n[0] - 1
    for k in prange(blocks):
        start, stop = 1 + k * planes // blocks, 1 + (k + 1) * planes // blocks
        low, high = int(k > 0), int(k < blocks - 1)
        spans = (start, stop, start + low, stop - high, start + 2 * low, stop - 2 * high)
        up(x, b, e, line[k], s, n, w, c, keep, (start, stop), spans)


@kernel
def relax(x, b, s, n, w):
    """One Gauss-Seidel sweep, first colour then second, in one pass (serial). Cost: 3 d flops a point."""
    flat_b, flat_x = b.reshape(-1), x.reshape(-1)
    for t in range(1, n[0] + 1):
        for lag in range(2):
            i = t - lag
            if 1 <= i < n[0]:
                _relax_plane(x, i, (i - 1, i, i + 1), b, i, s ^ lag, n, w, flat_b, flat_x)


@threaded
def relax_colour(x, b, s, n, w, wide):
    """Half a sweep: the colour s. wide: on all threads. Cost: 1.5 d flops a point."""
    flat_b, flat_x = b.reshape(-1), x.reshape(-1)
    if wide:
        for i in prange(1, n[0]):
            _relax_plane(x, i, (i - 1, i, i + 1), b, i, s, n, w, flat_b, flat_x)
    else:
        for i in range(1, n[0]):
            _relax_plane(x, i, (i - 1, i, i + 1), b, i, s, n, w, flat_b, flat_x)


@kernel
def correct(x, e, line, s, n, c):
    """Add the interpolated coarse solution to the colour s, nothing else."""
    for i in range(1, n[0]):
        _correct_plane(x, e, line, i, s, n, c, x.reshape(-1))
