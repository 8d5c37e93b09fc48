"""B-splines on a line: by recursion, by matrices, and their fractional derivatives.

Symbols: p is the degree, t the knots; the intervals e = 0 … n−1 are [t_{p+e}, t_{p+e+1}], all of one length h. On
interval e live the splines e … e+p; u = (x − t_{p+e})/h is the place in it. M[e, j, k] is the coefficient of u^k of
spline e+j there: the basis matrix of the interval.

Used by toolkit/mesh/splines: projections on splines, and fractional derivatives of them.
"""

import math

import numpy as np

from toolkit.kernels._jit import kernel

SAME = 1e-10  # two places nearer than this part of an interval are one


@kernel
def basis_matrices(t, p):
    """The basis matrix of every interval, (n, p+1, p+1), for any knots that do not decrease.

    From degree d−1 to d each spline is a linear function of u times one, plus one times another: two products of
    polynomials. Costs O(n p³). Reference: K. Qin, The Visual Computer 16 (2000) 177–186, doi:10.1007/s003710050206.
    """
    n = t.shape[0] - 2 * p - 1
    M = np.zeros((n, p + 1, p + 1))
    for e in range(n):
        i = p + e
        h = t[i + 1] - t[i]
        old = np.zeros((p + 1, p + 1))  # row j: spline i−d+j of degree d
        old[0, 0] = 1.0
        for d in range(1, p + 1):
            new = np.zeros((p + 1, p + 1))
            for j in range(d + 1):
                a = i - d + j
                if j > 0:  # (x − t_a)/(t_{a+d} − t_a) · spline a of degree d−1
                    width = t[a + d] - t[a]
                    start = (t[i] - t[a]) / width
                    for k in range(d):
                        new[j, k] += start * old[j - 1, k]
                        new[j, k + 1] += h / width * old[j - 1, k]
                if j < d:  # (t_{a+d+1} − x)/(t_{a+d+1} − t_{a+1}) · spline a+1 of degree d−1
                    width = t[a + d + 1] - t[a + 1]
                    start = (t[a + d + 1] - t[i]) / width
                    for k in range(d):
                        new[j, k] += start * old[j, k]
                        new[j, k + 1] -= h / width * old[j, k]
            old = new
        M[e] = old
    return M


@kernel
def intervals(t, p, x):
    """(e, u) of every x: the interval it is in and its place there, from 0 to 1; the last one holds its right end."""
    n = t.shape[0] - 2 * p - 1
    h = (t[p + n] - t[p]) / n
    e = np.empty(x.shape[0], np.int64)
    u = np.empty(x.shape[0])
    for q in range(x.shape[0]):
        e[q] = min(max(int((x[q] - t[p]) / h), 0), n - 1)
        u[q] = (x[q] - t[p + e[q]]) / h
    return e, u


@kernel
def by_recursion(t, p, e, x, values):
    """values[q, j]: spline e[q]+j at x[q], by Cox–de Boor. O(p²) a point, p(p+1)/2 divisions.

    Reference: C. de Boor, J. Approx. Theory 6 (1972) 50–62, doi:10.1016/0021-9045(72)90080-9.
    """
    left, right = np.empty(p + 1), np.empty(p + 1)
    for q in range(x.shape[0]):
        i = p + e[q]
        values[q, 0] = 1.0
        for d in range(1, p + 1):
            left[d] = x[q] - t[i + 1 - d]
            right[d] = t[i + d] - x[q]
            saved = 0.0
            for j in range(d):
                share = values[q, j] / (right[j + 1] + left[d - j])
                values[q, j] = saved + right[j + 1] * share
                saved = left[d - j] * share
            values[q, d] = saved


@kernel
def by_matrix(M, u, values):
    """values[q, j] = Σ_k M[j, k] u[q]^k: one matrix for every interval of uniform knots.

    Horner's rule on p+1 polynomials side by side: O(p²) a point, no divisions, neighbours do not wait for each other.
    Reference: C. Coffman, L. Chen, arXiv:2502.07176 (2025), the matrix form of the basis.
    """
    p = M.shape[0] - 1
    columns = M.T.copy()
    for q in range(u.shape[0]):
        place = u[q]
        for j in range(p + 1):
            values[q, j] = columns[p, j]
        for k in range(p - 1, -1, -1):
            for j in range(p + 1):
                values[q, j] = values[q, j] * place + columns[k, j]


@kernel
def by_matrices(M, e, u, values):
    """values[q, j]: spline e[q]+j at place u[q] of interval e[q], each interval with a matrix of its own."""
    p = M.shape[1] - 1
    for q in range(u.shape[0]):
        for j in range(p + 1):
            value = M[e[q], j, p]
            for k in range(p - 1, -1, -1):
                value = value * u[q] + M[e[q], j, k]
            values[q, j] = value


@kernel
def left_derivatives(M, h, alpha, x, nodes, weights):
    """The left Riemann–Liouville derivative of order 1 < α < 2 of every spline at the points x: (points, n+p).

    D^α B(x) = 1/Γ(−α) f.p.∫_0^x B(y) (x − y)^{−1−α} dy, x measured from the first interval. Over the interval of x and
    the one before, in powers of v = (x − y)/h, where ∫ v^{k−1−α} is known (Hadamard's finite part drops what is
    infinite at v = 0, as truncated powers do). Further left the kernel is smooth, and Gauss' rule `nodes`, `weights` on
    (0, 1) is exact to rounding, whereas truncated powers cancel. Needs p ≥ 2 and x > 0. O(n p m) a point.
    """
    n, p = M.shape[0], M.shape[1] - 1
    m = nodes.shape[0]
    V = np.empty((n, m, p + 1))
    for e in range(n):
        by_matrices(M[e : e + 1], np.zeros(m, np.int64), nodes, V[e])
    out = np.zeros((x.shape[0], n + p))
    scale = h**-alpha / math.gamma(-alpha)
    shifted = np.empty(p + 1)
    for q in range(x.shape[0]):
        here = min(math.ceil(x[q] / h - SAME), n) - 1
        for e in range(here + 1):
            place = x[q] / h - e  # of x, in lengths of the interval, from its left end
            if e < here - 1:
                for g in range(m):
                    share = scale * weights[g] * (place - nodes[g]) ** (-1.0 - alpha)
                    for j in range(p + 1):
                        out[q, e + j] += share * V[e, g, j]
                continue
            if abs(place - 1.0) < SAME:
                place = 1.0
            low = max(place - 1.0, 0.0)
            for j in range(p + 1):
                for k in range(p + 1):
                    shifted[k] = M[e, j, k]
                for k in range(p):  # Taylor's shift: coefficients in (u − place)
                    for i in range(p - 1, k - 1, -1):
                        shifted[i] += place * shifted[i + 1]
                total, sign = 0.0, 1.0
                for k in range(p + 1):
                    end = low ** (k - alpha) if low > 0.0 else 0.0
                    total += sign * shifted[k] * (place ** (k - alpha) - end) / (k - alpha)
                    sign = -sign
                out[q, e + j] += scale * total
    return out
