"""The constant 3-, 5- and 7-point operator on lexicographic vectors, and conjugate gradients with it.

    (A u)_i = sum_d s_d (2 u_i - u_(i-) - u_(i+)),   s_d = a_d / h_d²,   zero beyond the boundary.

Vectors are arrays (m0, m1, m2) of interior values; problems in fewer dimensions have m0 or m1 equal to 1 and s_d = 0
there. Sums are taken plane by plane and the planes added in order, so no value depends on the number of threads.

Used by toolkit/preconditioner/stencils: the operator of a uniform grid, and CG with it.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import kernel, threaded
from toolkit.kernels._prefetch import prefetch

_U = np.uint64  # rows are indexed in place by unsigned numbers: signed ones would be tested for being negative


@kernel
def _across(u, i, j, k, diagonal, planes, rows):
    """(A u) at (i, j, k) but for the neighbours along axis 2; planes, rows: (before, after, their weights)."""
    before, after, w_before, w_after = planes
    below, above, w_below, w_above = rows
    far = w_before * u[before, j, k] + w_after * u[after, j, k]
    return diagonal * u[i, j, k] - far - (w_below * u[i, below, k] + w_above * u[i, above, k])


@kernel
def _product_plane(out, u, b, i, s, flat):
    """out <- A u (b None) or b - A u on the plane i; returns the sums of out² and of u out. Missing rows weigh zero.

    flat: u in one dimension, to ask the memory for a row of the next plane ahead; None where it is near anyway.
    """
    m0, m1, m2 = u.shape
    s0, s1, s2 = s
    diagonal = 2.0 * (s0 + s1 + s2)
    zero, one, last = _U(0), _U(1), _U(m2 - 1)
    planes = max(i - 1, 0), min(i + 1, m0 - 1), s0 if i > 0 else 0.0, s0 if i < m0 - 1 else 0.0
    square = product = 0.0
    for j in range(m1):
        if flat is not None:
            ahead = ((i + 1) * m1 + j + 2) * m2
            for k in range(0, m2, 8):
                prefetch(flat, ahead + k)
        rows = max(j - 1, 0), min(j + 1, m1 - 1), s1 if j > 0 else 0.0, s1 if j < m1 - 1 else 0.0
        for k in range(one, last):
            along = s2 * (u[i, j, k - one] + u[i, j, k + one])
            value = _across(u, i, j, k, diagonal, planes, rows) - along
            if b is not None:
                value = b[i, j, k] - value
            out[i, j, k] = value
            square += value * value
            product += u[i, j, k] * value
        for k in range(zero, last + one, max(one, last)):  # the ends, which have one neighbour along axis 2, or none
            along = s2 * u[i, j, one if k == zero else k - one] if last else 0.0
            value = _across(u, i, j, k, diagonal, planes, rows) - along
            if b is not None:
                value = b[i, j, k] - value
            out[i, j, k] = value
            square += value * value
            product += u[i, j, k] * value
    return square, product


@kernel
def _total(parts):
    total = 0.0
    for i in range(parts.size):
        total += parts[i]
    return total


@threaded
def multiply(out, u, s, wide):
    """out <- A u; returns u . A u. wide: on all threads. Cost: 3 d + 4 flops a point."""
    parts, flat = np.empty(u.shape[0]), u.reshape(-1)
    if wide:
        for i in prange(u.shape[0]):
            parts[i] = _product_plane(out, u, None, i, s, flat)[1]
    else:
        for i in range(u.shape[0]):
            parts[i] = _product_plane(out, u, None, i, s, flat)[1]
    return _total(parts)


@threaded
def residual(out, u, b, s, wide):
    """out <- b - A u; returns its Euclidean norm. Cost: 3 d + 5 flops a point."""
    parts = np.empty(u.shape[0])
    if wide:
        for i in prange(u.shape[0]):
            parts[i] = _product_plane(out, u, b, i, s, None)[0]
    else:
        for i in range(u.shape[0]):
            parts[i] = _product_plane(out, u, b, i, s, None)[0]
    return np.sqrt(_total(parts))


@kernel
def _direct_planes(p, q, z, beta, s, parts, start, stop, low, high):
    """p <- z + beta p on planes start .. stop, one plane behind q <- A p except on `low` first and `high` last ones."""
    for t in range(start, stop + 1):
        if t < stop:
            for j in range(p.shape[1]):
                for k in range(_U(p.shape[2])):
                    p[t, j, k] = z[t, j, k] + beta * p[t, j, k]
        if start + low <= t - 1 < stop - high:
            parts[t - 1] = _product_plane(q, p, None, t - 1, s, None)[1]


@threaded
def direct_multiply(p, q, z, beta, s, blocks):
    """p <- z + beta p and q <- A p in one pass; returns p . q (Hestenes and Stiefel 1952, doi:10.6028/jres.049.044).

    Blocks of planes keep clear of their inner borders; the products left out there are formed afterwards.
    Cost: 3 d + 6 flops a point.
    """
    planes = p.shape[0]
    parts = np.zeros(planes)
    if blocks == 1:
        _direct_planes(p, q, z, beta, s, parts, 0, planes, 0, 0)
        return _total(parts)
    for block in prange(blocks):
        start, stop = block * planes // blocks, (block + 1) * planes // blocks
        _direct_planes(p, q, z, beta, s, parts, start, stop, int(start > 0), int(stop < planes))
    for block in range(1, blocks):
        border = block * planes // blocks
        for i in range(border - 1, border + 1):
            parts[i] = _product_plane(q, p, None, i, s, None)[1]
    return _total(parts)


@kernel
def _advance_plane(x, r, p, q, alpha, i):
    square = 0.0
    for j in range(x.shape[1]):
        for k in range(_U(x.shape[2])):
            x[i, j, k] += alpha * p[i, j, k]
            r[i, j, k] -= alpha * q[i, j, k]
            square += r[i, j, k] * r[i, j, k]
    return square


@threaded
def advance_iterate(x, r, p, q, alpha, wide):
    """x <- x + alpha p, r <- r - alpha q; returns r . r. Cost: 6 flops a point."""
    parts = np.empty(x.shape[0])
    if wide:
        for i in prange(x.shape[0]):
            parts[i] = _advance_plane(x, r, p, q, alpha, i)
    else:
        for i in range(x.shape[0]):
            parts[i] = _advance_plane(x, r, p, q, alpha, i)
    return _total(parts)


@kernel
def inner(u, v):
    """u . v plane by plane (NumPy's would wake the threads of BLAS, which then spin). Cost: 2 flops a point."""
    parts = np.zeros(u.shape[0])
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            for k in range(_U(u.shape[2])):
                parts[i] += u[i, j, k] * v[i, j, k]
    return _total(parts)
