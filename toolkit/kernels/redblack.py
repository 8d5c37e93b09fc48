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


@kernel
def _relax_row(x, y, b, i, j, p, n2, w, planar):
    """x <- b + sum_d w_d (neighbours in y) on one row of parity p."""
    m = n2 // 2 if p else (n2 - 1) // 2
    lo = 1 - p
    row, f = x[i, j, lo : lo + m], b[i, j, lo : lo + m]
    left, right = y[i, j, 0:m], y[i, j, 1 : m + 1]
    front, back = y[i - 1, j, lo : lo + m], y[i + 1, j, lo : lo + m]
    w0, w1, w2 = w
    if planar:
        for k in range(m):
            row[k] = f[k] + w0 * (front[k] + back[k]) + w2 * (left[k] + right[k])
    else:
        below, above = y[i, j - 1, lo : lo + m], y[i, j + 1, lo : lo + m]
        for k in range(m):
            row[k] = f[k] + w0 * (front[k] + back[k]) + w1 * (below[k] + above[k]) + w2 * (left[k] + right[k])


@kernel
def _relax_plane(x, y, b, i, s, n, w):
    if n[1] == 0:
        _relax_row(x, y, b, i, 0, (i + s) & 1, n[2], w, True)
        return
    for j in range(1, n[1]):
        _relax_row(x, y, b, i, j, (i + j + s) & 1, n[2], w, False)


@kernel
def _residual_plane(r, x, y, b, i, s, n, w):
    """r[i & 3] <- b + sum_d w_d (neighbours in y) - x on the plane i: the residual over the diagonal."""
    planar = n[1] == 0
    for j in range(0 if planar else 1, 1 if planar else n[1]):
        p = (i + j + s) & 1
        m = n[2] // 2 if p else (n[2] - 1) // 2
        lo = 1 - p
        out, row, f = r[i & 3, j, lo : lo + m], x[i, j, lo : lo + m], b[i, j, lo : lo + m]
        left, right = y[i, j, 0:m], y[i, j, 1 : m + 1]
        front, back = y[i - 1, j, lo : lo + m], y[i + 1, j, lo : lo + m]
        w0, w1, w2 = w
        if planar:
            for k in range(m):
                out[k] = f[k] - row[k] + w0 * (front[k] + back[k]) + w2 * (left[k] + right[k])
        else:
            below, above = y[i, j - 1, lo : lo + m], y[i, j + 1, lo : lo + m]
            for k in range(m):
                near = w0 * (front[k] + back[k]) + w1 * (below[k] + above[k])
                out[k] = f[k] - row[k] + near + w2 * (left[k] + right[k])


@kernel
def _restrict_row(r, red, black, line, plane, j_coarse, s, n, c, scale, add):
    """Full weighting of the residual of one colour (the other's is zero or added by a second call), one coarse row."""
    same, other = line[0], line[1]  # sums of the fine rows with p = 0 (even m) and p = 1 (odd m)
    same[:] = 0.0
    other[:] = 0.0
    centre_i, centre_j = plane * (1 + c[0]), j_coarse * (1 + c[1])
    for di in range(-c[0], c[0] + 1):
        for dj in range(-c[1], c[1] + 1):
            i, j = centre_i + di, centre_j + dj
            weight = scale * (1.0 if c[0] == 0 else 0.5 - 0.25 * abs(di)) * (1.0 if c[1] == 0 else 0.5 - 0.25 * abs(dj))
            target = other if (i + j + s) & 1 else same
            row = r[i & 3, j]
            for k in range(row.size):
                target[k] += weight * row[k]
    n2 = n[2] // 2 if c[2] else n[2]  # intervals of the coarse row
    odd_row = (plane + j_coarse) & 1
    even = black[plane, j_coarse] if odd_row else red[plane, j_coarse]
    odd = red[plane, j_coarse] if odd_row else black[plane, j_coarse]
    if c[2]:
        for k in range(1, (n2 - 1) // 2 + 1):
            even[k] = (even[k] if add else 0.0) + 0.5 * same[2 * k] + 0.25 * (other[2 * k - 1] + other[2 * k])
        for k in range(n2 // 2):
            odd[k] = (odd[k] if add else 0.0) + 0.5 * same[2 * k + 1] + 0.25 * (other[2 * k] + other[2 * k + 1])
    else:
        for k in range(1, (n2 - 1) // 2 + 1):
            even[k] = (even[k] if add else 0.0) + same[k]
        for k in range(n2 // 2):
            odd[k] = (odd[k] if add else 0.0) + other[k]


@kernel
def _down_planes(first, second, b1, b2, red, black, r, line, s, n, w, c, scale, add, spans):
    """Relax `first` on planes spans[0:2], `second` on spans[2:4], restrict the residual to coarse planes spans[4:6]."""
    f0, f1, s0, s1, c0, c1 = spans
    step = 1 + c[0]
    r0, r1 = step * c0 - c[0], step * (c1 - 1) + c[0] + 1
    if c1 <= c0:
        r0, r1 = s0, s0
    start, stop = min(min(f0, s0 + 1), r0 + 2), max(max(f1, s1 + 1), r1 + 2 + c[0])
    for t in range(start, stop):
        if f0 <= t < f1:
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
    low, high = 1 if start > 1 else 0, 1 if stop < n0 else 0
    step = 1 + c0
    coarse_low = (start + 2 * low + c0 + step - 1) // step if low else 1
    coarse_high = (stop - 2 * high - 1 - c0) // step + 1 if high else n0 // step
    return start, stop, start + low, stop - high, coarse_low, coarse_high


@threaded
def smooth_restrict(first, second, b1, b2, red, black, r, line, s, n, w, c, scale, relax, add, blocks):
    """Down-leg: one Gauss-Seidel sweep (first colour, then second), residual, full weighting to the coarse level.

    red, black: right-hand side of the coarse level, overwritten (`add`: added to); r, line: workspace of each block,
    (blocks, 4, rows, width) and (blocks, 2, width). `relax=False` leaves out the sweep; the residual is that of the
    first colour, the only one that is not zero after a sweep. Cost: (5 d + 4) flops a point.
    """
    planes = n[0] - 1
    if blocks == 1 or not relax:
        spans = (1, n[0], 1, n[0], 1, n[0] // (1 + c[0])) if relax else (1, 1, 1, 1, 1, n[0] // (1 + c[0]))
        _down_planes(first, second, b1, b2, red, black, r[0], line[0], s, n, w, c, scale, add, spans)
        return
    for block in prange(blocks):
        start, stop = 1 + block * planes // blocks, 1 + (block + 1) * planes // blocks
        spans = _down_spans(start, stop, n[0], c[0])
        _down_planes(first, second, b1, b2, red, black, r[block], line[block], s, n, w, c, scale, add, spans)
    for block in prange(1, blocks):
        border = 1 + block * planes // blocks
        left = _down_spans(1 + (block - 1) * planes // blocks, border, n[0], c[0])
        right = _down_spans(border, 1 + (block + 1) * planes // blocks, n[0], c[0])
        spans = (border, border, left[3], right[2], left[5], right[4])
        _down_planes(first, second, b1, b2, red, black, r[block], line[block], s, n, w, c, scale, add, spans)


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
def _cubic_row(out, t, n2):
    """out <- the cubic through four neighbours of t, at the midpoints; n2 coarse intervals."""
    if n2 < 3:
        for k in range(n2):
            out[k] = 0.5 * (t[k] + t[k + 1])
        return
    out[0] = 0.3125 * t[0] + 0.9375 * t[1] - 0.3125 * t[2] + 0.0625 * t[3]
    out[n2 - 1] = 0.3125 * t[n2] + 0.9375 * t[n2 - 1] - 0.3125 * t[n2 - 2] + 0.0625 * t[n2 - 3]
    for k in range(1, n2 - 1):
        out[k] = 0.5625 * (t[k] + t[k + 1]) - 0.0625 * (t[k - 1] + t[k + 2])


@kernel
def _correct_row(x, red, black, line, i, j, s, n, c, cubic):
    """Add (cubic: put) the interpolated coarse correction on one fine row of one colour."""
    even, odd, full = line[0, : red.shape[2]], line[1, : red.shape[2]], line[2:].reshape(-1)
    even[:] = 0.0
    odd[:] = 0.0
    first_i, count_i, weight_i = _taps(i, c[0], cubic, n[0] // 2)
    first_j, count_j, weight_j = _taps(j, c[1], cubic, n[1] // 2)
    for a in range(count_i):
        for e in range(count_j):
            plane, row, weight = first_i + a, first_j + e, weight_i[a] * weight_j[e]
            odd_row = (plane + row) & 1
            near = black[plane, row] if odd_row else red[plane, row]
            far = red[plane, row] if odd_row else black[plane, row]
            for k in range(near.size):
                even[k] += weight * near[k]
                odd[k] += weight * far[k]
    p = (i + j + s) & 1
    m = n[2] // 2 if p else (n[2] - 1) // 2
    target = x[i, j, 1 - p : 1 - p + m]
    if cubic:
        target[:] = 0.0
    if c[2] == 0:
        source = odd[:m] if p else even[1 : m + 1]
        for k in range(m):
            target[k] += source[k]
        return
    for k in range(even.size):
        full[2 * k] = even[k]
        full[2 * k + 1] = odd[k]
    if p == 0:
        for k in range(m):
            target[k] += full[k + 1]
    elif cubic:
        _cubic_row(target, full, m)
    else:
        for k in range(m):
            target[k] += 0.5 * (full[k] + full[k + 1])


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
