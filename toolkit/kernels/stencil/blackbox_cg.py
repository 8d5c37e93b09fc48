"""The vector work of conjugate gradients for a 5-point operator in double precision, three fused passes an iteration.

Vectors are (n-1, n-1) arrays of interior values; right: (n-1, n) and down: (n, n-1) are the couplings of the edges,
(A u)_p = sum of w_pq (u_p - u_q). The preconditioner works on `blackbox_setup`'s storage, columns split by parity, in
its own number format: the passes convert as they go. The direction p may be rounded to that format too: q = A p is the
double precision product of the rounded direction, so r = b - A x stays true. Sums are taken row by row, then over the
rows in order, so they do not depend on the number of threads.

Reference: M. R. Hestenes, E. Stiefel, J. Res. Natl. Bur. Stand. 49 (1952) 409-436, doi:10.6028/jres.049.044; for a
preconditioner that varies, G. H. Golub, Q. Ye, SIAM J. Sci. Comput. 21 (1999) 1305-1320,
doi:10.1137/S1064827597323415.

Used by toolkit/preconditioner/stencils: conjugate gradients around a black-box cycle.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import inlined, threaded

_U = np.uint64


@inlined
def _direction_row(p, z, beta, i):
    """p <- z + beta p on the row i, z by parity."""
    size = p.shape[1]
    for k in range(_U(size // 2)):
        p[i, k + k] = z[i + 1, 1, k] + beta * p[i, k + k]
        p[i, k + k + _U(1)] = z[i + 1, 0, k + _U(1)] + beta * p[i, k + k + _U(1)]
    if size & 1:
        p[i, size - 1] = z[i + 1, 1, size // 2] + beta * p[i, size - 1]


@inlined
def _product_at(p, right, down, i, j):
    """(A p)_ij anywhere, values outside taken as zero."""
    last, u = p.shape[0] - 1, np.float64(p[i, j])
    west, east = np.float64(p[i, j - 1]) if j > 0 else 0.0, np.float64(p[i, j + 1]) if j < last else 0.0
    north, south = np.float64(p[i - 1, j]) if i > 0 else 0.0, np.float64(p[i + 1, j]) if i < last else 0.0
    along = right[i, j] * (u - west) + right[i, j + 1] * (u - east)
    return along + (down[i, j] * (u - north) + down[i + 1, j] * (u - south))


@inlined
def _product_row(q, p, right, down, i):
    """q <- A p on the row i, in double precision whatever the format of p; the sum of p q over the row."""
    size, total = p.shape[1], 0.0
    if i == 0 or i == size - 1:
        for j in range(size):
            q[i, j] = _product_at(p, right, down, i, j)
            total += p[i, j] * q[i, j]
        return total
    for k in range(_U(size - 2)):
        j, r = k + _U(1), k + _U(2)
        u = np.float64(p[i, j])
        v = right[i, j] * (u - np.float64(p[i, k])) + right[i, r] * (u - np.float64(p[i, r]))
        v += down[i, j] * (u - np.float64(p[i - 1, j])) + down[i + 1, j] * (u - np.float64(p[i + 1, j]))
        q[i, j] = v
        total += u * v
    for j in (0, size - 1):
        q[i, j] = _product_at(p, right, down, i, j)
        total += p[i, j] * q[i, j]
    return total


@threaded
def multiply(q, p, right, down, sums, chunks):
    """q <- A p; p · q. sums: (n-1,) scratch. Cost: 14 flops a vertex."""
    rows = p.shape[0]
    for chunk in prange(chunks):
        for i in range(chunk * rows // chunks, (chunk + 1) * rows // chunks):
            sums[i] = _product_row(q, p, right, down, i)
    total = 0.0
    for i in range(rows):
        total += sums[i]
    return total


@threaded
def search(p, q, z, beta, right, down, sums, chunks):
    """p <- z + beta p, q <- A p in one wavefront; p · q. Cost: 16 flops a vertex."""
    rows = p.shape[0]
    for phase in range(min(chunks, 2)):
        for chunk in prange(phase, chunks):
            first, last = chunk * rows // chunks, (chunk + 1) * rows // chunks
            if phase == 1:  # the products on both sides of the border, when both its directions are there
                sums[first - 1] = _product_row(q, p, right, down, first - 1)
                sums[first] = _product_row(q, p, right, down, first)
            else:
                low, high = 1 if chunk > 0 else 0, 1 if chunk < chunks - 1 else 0
                for i in range(first, last + 1):
                    if i < last:
                        _direction_row(p, z, beta, i)
                    if first + low <= i - 1 < last - high:
                        sums[i - 1] = _product_row(q, p, right, down, i - 1)
    total = 0.0
    for i in range(rows):
        total += sums[i]
    return total


@threaded
def advance(x, r, p, q, b, alpha, scale, sums, chunks):
    """x <- x + alpha p, r <- r - alpha q, b <- scale r by parity; r · r. Cost: 7 flops a vertex."""
    rows = r.shape[0]
    size, kind = r.shape[1], b.dtype.type
    for chunk in prange(chunks):
        for i in range(chunk * rows // chunks, (chunk + 1) * rows // chunks):
            total = 0.0
            for k in range(_U(size)):
                x[i, k] += alpha * p[i, k]
                v = r[i, k] - alpha * q[i, k]
                r[i, k] = v
                total += v * v
            sums[i] = total
            for k in range(_U(size // 2)):
                b[i + 1, 1, k] = kind(scale * r[i, k + k])
                b[i + 1, 0, k + _U(1)] = kind(scale * r[i, k + k + _U(1)])
            if size & 1:
                b[i + 1, 1, size // 2] = kind(scale * r[i, size - 1])
    total = 0.0
    for i in range(rows):
        total += sums[i]
    return total


@threaded
def weigh(z, r, q, sums, chunks):
    """(z · r, z · q), z by parity. sums: (2, n-1) scratch. Cost: 4 flops a vertex."""
    rows = r.shape[0]
    size = r.shape[1]
    for chunk in prange(chunks):
        for i in range(chunk * rows // chunks, (chunk + 1) * rows // chunks):
            zr, zq = 0.0, 0.0
            for k in range(_U(size // 2)):
                odd, even = z[i + 1, 1, k], z[i + 1, 0, k + _U(1)]
                zr += odd * r[i, k + k] + even * r[i, k + k + _U(1)]
                zq += odd * q[i, k + k] + even * q[i, k + k + _U(1)]
            if size & 1:
                zr += z[i + 1, 1, size // 2] * r[i, size - 1]
                zq += z[i + 1, 1, size // 2] * q[i, size - 1]
            sums[0, i] = zr
            sums[1, i] = zq
    zr, zq = 0.0, 0.0
    for i in range(rows):
        zr += sums[0, i]
        zq += sums[1, i]
    return zr, zq
