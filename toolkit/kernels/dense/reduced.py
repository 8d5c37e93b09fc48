"""Reduced models of affine equations at many parameters at once: solve and bound the residual.

The lanes of a block are parameters that go through the same arithmetic side by side, LANES at a time; the value at one
parameter does not depend on the company it is solved in.

Used by toolkit/rank/reduced: solutions and bounds of an affine reduced model, at many parameters at once.
"""

import numba
import numpy as np

from toolkit.kernels._jit import threaded

LANES = 16


@threaded
def solve_many(theta, terms, load, factor, coefficients, residuals):
    """Coefficients (M, N) and dual norms of the residual (M,) at M parameters.

    Solves Σ θ_q terms[q] γ = load by Cholesky, then takes |factor c| with c = (1, −θ_q γ_j), j slow, q fast.
    theta (M, Q); terms (Q, N, N) symmetric; load (N,); factor (1 + QN, 1 + QN) upper triangular.
    N(N + 1)Q + N³/3 + (QN)² flops a parameter. A pivot that is not positive gives NaN.
    """
    many, blocks = theta.shape
    n = load.size
    for part in numba.prange((many + LANES - 1) // LANES):
        start = part * LANES
        weight = np.ones((blocks, LANES))
        for q in range(blocks):
            for lane in range(min(LANES, many - start)):
                weight[q, lane] = theta[start + lane, q]
        a = np.zeros((n, n, LANES))
        g = np.zeros((n, LANES))
        for i in range(n):
            for j in range(i + 1):
                for q in range(blocks):
                    term = terms[q, i, j]
                    for lane in range(LANES):
                        a[i, j, lane] += term * weight[q, lane]
            for lane in range(LANES):
                g[i, lane] = load[i]
        for i in range(n):  # Cholesky, row by row, and forward substitution
            for j in range(i):
                for k in range(j):
                    for lane in range(LANES):
                        a[i, j, lane] -= a[i, k, lane] * a[j, k, lane]
                for lane in range(LANES):
                    a[i, j, lane] *= a[j, j, lane]  # the diagonal holds reciprocals
                    a[i, i, lane] -= a[i, j, lane] * a[i, j, lane]
                    g[i, lane] -= a[i, j, lane] * g[j, lane]
            for lane in range(LANES):
                a[i, i, lane] = 1 / np.sqrt(a[i, i, lane])
                g[i, lane] *= a[i, i, lane]
        for i in range(n - 1, -1, -1):
            for k in range(i + 1, n):
                for lane in range(LANES):
                    g[i, lane] -= a[k, i, lane] * g[k, lane]
            for lane in range(LANES):
                g[i, lane] *= a[i, i, lane]
        c = np.ones((LANES, 1 + n * blocks))
        for lane in range(LANES):
            for j in range(n):
                for q in range(blocks):
                    c[lane, 1 + j * blocks + q] = -weight[q, lane] * g[j, lane]
        total = np.zeros(LANES)
        for row in range(0, c.shape[1], 2):  # two rows of the factor against four parameters: eight sums in registers
            one, other = factor[row, row:], factor[min(row + 1, c.shape[1] - 1), row:]  # from 0 on: it vectorises
            share = 1.0 if row + 1 < c.shape[1] else 0.0
            for lane in range(0, LANES, 4):
                s0, s1, s2, s3, t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
                c0, c1, c2, c3 = c[lane, row:], c[lane + 1, row:], c[lane + 2, row:], c[lane + 3, row:]
                for k in range(one.size):
                    u, v = one[k], other[k]
                    s0 += u * c0[k]
                    s1 += u * c1[k]
                    s2 += u * c2[k]
                    s3 += u * c3[k]
                    t0 += v * c0[k]
                    t1 += v * c1[k]
                    t2 += v * c2[k]
                    t3 += v * c3[k]
                total[lane] += s0 * s0 + share * t0 * t0
                total[lane + 1] += s1 * s1 + share * t1 * t1
                total[lane + 2] += s2 * s2 + share * t2 * t2
                total[lane + 3] += s3 * s3 + share * t3 * t3
        for lane in range(min(LANES, many - start)):
            residuals[start + lane] = np.sqrt(total[lane])
            for j in range(n):
                coefficients[start + lane, j] = g[j, lane]
