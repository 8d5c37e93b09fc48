"""Plane elasticity on a grid of bilinear squares: products with stencils, multigrid, conjugate gradients; the sigmoid.

Vectors are (2, ni + 2, nj + 2): displacement components on ni x nj nodes inside a ring of zeros. A stencil array is
(ni, 2, 3, 2, 3, nj): at node (i, j), component c, the weight of component d of the node (i + r - 1, j + s - 1) stands
at [i, c, r, d, s, j]; `stiffness` makes them.

The cycle is V(degree, degree) with Chebyshev polynomials of the fourth kind in the Jacobi-preconditioned operator as
smoother and Galerkin coarse operators. It may be held in single precision; conjugate gradients around it are double.
Sums are taken row by row and then over the rows in order: they do not depend on the number of threads.

Reference: O. Amir, N. Aage, B. S. Lazarov, Struct. Multidiscip. Optim. 49 (2014) 815-829, doi:10.1007/s00158-013-1015-5
(multigrid-CG in topology optimisation); J. Lottes, Numer. Linear Algebra Appl. 30 (2023) e2518, doi:10.1002/nla.2518
(the polynomials).

Used by toolkit/mesh/design: the elasticity solver of topology optimisation, and SiMPL's sigmoid.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import inlined, kernel, threaded

WIDE = 20_000  # nodes from which a second thread pays


@inlined
def _product_row(A, x, y, i):
    """y <- A x on the row i."""
    n = A.shape[5]
    for c in range(2):
        out = y[c, i + 1]
        out[:] = 0
        for r in range(3):
            a, u, v = A[i, c, r], x[0, i + r], x[1, i + r]
            for j in range(n):
                along = a[0, 0, j] * u[j] + a[0, 1, j] * u[j + 1] + a[0, 2, j] * u[j + 2]
                out[j + 1] += along + (a[1, 0, j] * v[j] + a[1, 1, j] * v[j + 1] + a[1, 2, j] * v[j + 2])


@inlined
def _smooth_row(A, inverse, b, x, d, new, alpha, beta, i):
    """d <- beta d + alpha D^-1 (b - A x), new <- x + d on the row i."""
    _product_row(A, x, new, i)
    for c in range(2):
        out, move, right, here, scale = new[c, i + 1], d[c, i + 1], b[c, i + 1], x[c, i + 1], inverse[c, i + 1]
        for j in range(1, out.shape[0] - 1):
            step = beta * move[j] + alpha * scale[j] * (right[j] - out[j])
            move[j] = step
            out[j] = here[j] + step


@threaded
def _smooth_wide(A, inverse, b, x, d, new, alpha, beta):
    for i in prange(A.shape[0]):
        _smooth_row(A, inverse, b, x, d, new, alpha, beta, i)


@threaded
def _product_wide(A, x, y):
    for i in prange(A.shape[0]):
        _product_row(A, x, y, i)


@inlined
def _smooth(A, inverse, b, x, d, new, alpha, beta):
    if A.shape[0] * A.shape[5] >= WIDE:
        _smooth_wide(A, inverse, b, x, d, new, alpha, beta)
    else:
        for i in range(A.shape[0]):
            _smooth_row(A, inverse, b, x, d, new, alpha, beta, i)


@kernel
def product(A, x, y):
    """y <- A x."""
    if A.shape[0] * A.shape[5] >= WIDE:
        _product_wide(A, x, y)
    else:
        for i in range(A.shape[0]):
            _product_row(A, x, y, i)


@inlined
def _polynomial(A, inverse, b, x, d, other, limit, degree, zero):
    """x after `degree` terms of the fourth-kind Chebyshev iteration on [0, limit]; the result is in the first array.

    Lottes (2023), in residual form: d_k = (2k - 3)/(2k + 1) d_{k-1} + (8k - 4)/((2k + 1) limit) D^-1 r.
    """
    one = x.dtype.type(1)
    first = 1
    if zero:
        scale = one * (4 / (3 * limit))
        for c in range(2):
            for i in range(1, x.shape[1] - 1):
                for j in range(1, x.shape[2] - 1):
                    step = scale * inverse[c, i, j] * b[c, i, j]
                    d[c, i, j] = step
                    x[c, i, j] = step
        first = 2
    for k in range(first, degree + 1):
        alpha, beta = one * ((8 * k - 4) / ((2 * k + 1) * limit)), one * ((2 * k - 3) / (2 * k + 1))
        if k == 1:
            beta = one * 0
        _smooth(A, inverse, b, x, d, other, alpha, beta)
        x, other = other, x
    return x, other


@inlined
def _restrict(b, image, coarse, fixed, level):
    """coarse <- P^T (b - image), P bilinear; zero at the fixed unknowns of its level; image is overwritten."""
    half, quarter = b.dtype.type(0.5), b.dtype.type(0.25)
    for c in range(2):
        for i in range(1, b.shape[1] - 1):
            right, out = b[c, i], image[c, i]
            for j in range(1, b.shape[2] - 1):
                out[j] = right[j] - out[j]
        for i in range(1, coarse.shape[1] - 1):
            up, mid, low = image[c, 2 * i - 2], image[c, 2 * i - 1], image[c, 2 * i]
            out = coarse[c, i]
            for j in range(1, coarse.shape[2] - 1):
                k = 2 * j - 1
                edges = (mid[k - 1] + mid[k + 1]) + (up[k] + low[k])
                corners = (up[k - 1] + up[k + 1]) + (low[k - 1] + low[k + 1])
                out[j] = mid[k] + half * edges + quarter * corners
    for m in range(fixed.shape[0]):
        if fixed[m, 0] == level:
            coarse[fixed[m, 1], fixed[m, 2] + 1, fixed[m, 3] + 1] = 0


@inlined
def _prolong(coarse, fine):
    """fine <- fine + P coarse, P bilinear."""
    half = fine.dtype.type(0.5)
    for c in range(2):
        for i in range(1, fine.shape[1] - 1):
            above = coarse[c, (i + 1) // 2]
            below = coarse[c, (i + 1) // 2 + 1 - (i & 1)]
            out = fine[c, i]
            for j in range(1, coarse.shape[2] - 1):
                here = half * (above[j] + below[j])
                out[2 * j - 1] += here
                if j < coarse.shape[2] - 2:
                    out[2 * j] += half * (here + half * (above[j + 1] + below[j + 1]))


@inlined
def _bottom(inverse, b, x):
    """x <- inverse b on the coarsest grid, unknowns in the order (i, j, component)."""
    ni, nj = b.shape[1] - 2, b.shape[2] - 2
    for p in range(2 * ni * nj):
        total = 0.0
        for q in range(2 * ni * nj):
            total += inverse[p, q] * b[q & 1, (q >> 1) // nj + 1, (q >> 1) % nj + 1]
        x[p & 1, (p >> 1) // nj + 1, (p >> 1) % nj + 1] = total


@kernel
def stencils_of(store, sizes, level):
    """The stencil array of a level, a view of the one store of all; sizes: (levels, 2) nodes."""
    start = 0
    for k in range(level):
        start += 36 * sizes[k, 0] * sizes[k, 1]
    ni, nj = sizes[level]
    return store[start : start + 36 * ni * nj].reshape((ni, 2, 3, 2, 3, nj))


@kernel
def vectors_of(store, sizes, level):
    """The vectors of a level, (5, 2, ni + 2, nj + 2): inverse diagonal, right-hand side, iterate, direction, spare."""
    start = 0
    for k in range(level):
        start += 10 * (sizes[k, 0] + 2) * (sizes[k, 1] + 2)
    ni, nj = sizes[level]
    return store[start : start + 10 * (ni + 2) * (nj + 2)].reshape((5, 2, ni + 2, nj + 2))


@kernel
def cycle(grids, vectors, sizes, fixed, bottom, limits, degree):
    """One V(degree, degree) cycle from zero, from the right-hand side of the finest level; returns the iterate.

    One store of stencils and one of vectors for all levels: the number of levels is no part of a type, so this is
    compiled once. fixed: rows (level, component, i, j).
    """
    last = sizes.shape[0] - 1
    for level in range(last):
        A, v = stencils_of(grids, sizes, level), vectors_of(vectors, sizes, level)
        x, other = _polynomial(A, v[0], v[1], v[2], v[3], v[4], limits[level], degree, True)
        product(A, x, other)
        _restrict(v[1], other, vectors_of(vectors, sizes, level + 1)[1], fixed, level + 1)
    v = vectors_of(vectors, sizes, last)
    _bottom(bottom, v[1], v[2])
    x = v[2]
    for level in range(last - 1, -1, -1):
        A, v = stencils_of(grids, sizes, level), vectors_of(vectors, sizes, level)
        mine, other = (v[2], v[4]) if degree & 1 else (v[4], v[2])
        _prolong(x, mine)
        x, other = _polynomial(A, v[0], v[1], mine, v[3], other, limits[level], degree, False)
    return x


@kernel
def dot(x, y):
    """The inner product over the nodes, row by row."""
    total = 0.0
    for c in range(2):
        for i in range(1, x.shape[1] - 1):
            part, a, b = 0.0, x[c, i], y[c, i]
            for j in range(1, x.shape[2] - 1):
                part += a[j] * b[j]
            total += part
    return total


@kernel
def turn(z, r, old, p, rho):
    """p <- z + beta p with beta = (r - old) . z / rho (Polak-Ribiere: the cycle is rounded); old <- r; r . z."""
    new = dot(r, z)
    beta = (new - dot(old, z)) / rho
    for c in range(2):
        for i in range(1, p.shape[1] - 1):
            ahead, step, now, last = p[c, i], z[c, i], r[c, i], old[c, i]
            for j in range(1, p.shape[2] - 1):
                ahead[j] = step[j] + beta * ahead[j]
                last[j] = now[j]
    return new


@kernel
def advance(p, q, r, u):
    """u <- u + alpha p, r <- r - alpha q with alpha = p . r / p . q; the norm of r."""
    alpha = dot(p, r) / dot(p, q)
    for c in range(2):
        for i in range(1, p.shape[1] - 1):
            ahead, image, left, here = p[c, i], q[c, i], r[c, i], u[c, i]
            for j in range(1, p.shape[2] - 1):
                here[j] += alpha * ahead[j]
                left[j] -= alpha * image[j]
    return np.sqrt(dot(r, r))


@kernel
def sigmoid_shift(psi, target):
    """mu with mean of sigma(psi + mu) = target, sigma the logistic function: Newton's method inside a bracket.

    psi is a vector. The bracket is logit(target) less the largest and the smallest of psi. Ends when mu cannot be told
    from its neighbours or the mean is met to rounding.
    """
    level = np.log(target / (1 - target))
    low, high = level - psi.max(), level - psi.min()
    mu, n = 0.5 * (low + high), psi.size
    if low <= 0 <= high:
        mu = 0.0
    for _ in range(200):
        total, slope = 0.0, 0.0
        for k in range(n):
            e = np.exp(-abs(psi[k] + mu))
            share = e / (1 + e)
            total += 1 - share if psi[k] + mu > 0 else share
            slope += share * (1 - share)
        excess = total / n - target
        if abs(excess) <= 1e-15:
            break
        if excess > 0:
            high = mu
        else:
            low = mu
        step = mu - excess * n / slope if slope > 0 else low
        if not low < step < high:
            step = 0.5 * (low + high)
        if step == mu or not low < step < high:
            break
        mu = step
    return mu
