"""Kernels that solve many small related systems.

Symbols: indptr, indices, data hold A in CSR (rows in ascending columns); c is the diagonal shift, w the relaxation ω.

Used by toolkit/preconditioner/learning: sequences of shifted systems by SOR, and what each ω costs.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import kernel, threaded


@kernel
def sor_sweeps(indptr, indices, data, c, w, b, x, tol, limit):
    """SOR sweeps on (A + c I) x = b from x = 0 until ‖b − (A + c I) x‖ < tol ‖b‖, at most `limit`; x gets the solution.

    Returns the number of sweeps. Costs two products a sweep: the sweep and its true residual.
    """
    n = b.shape[0]
    goal = 0.0
    for i in range(n):
        goal += b[i] * b[i]
        x[i] = 0.0
    goal *= tol * tol
    for k in range(1, limit + 1):
        for i in range(n):
            row, diagonal = b[i], c
            for e in range(indptr[i], indptr[i + 1]):
                j = indices[e]
                if j == i:
                    diagonal += data[e]
                else:
                    row -= data[e] * x[j]
            x[i] += w * (row / diagonal - x[i])
        norm = 0.0
        for i in range(n):
            r = b[i] - c * x[i]
            for e in range(indptr[i], indptr[i + 1]):
                r -= data[e] * x[indices[e]]
            norm += r * r
        if norm < goal:
            return k
    return limit


@threaded
def sor_costs(indptr, indices, data, shifts, omegas, rhs, tol, limit):
    """Sweeps of `sor_sweeps` for every instance and ω: (T, d) from T shifts, right-hand sides (T, n) and d omegas."""
    costs = np.empty((shifts.shape[0], omegas.shape[0]), np.int64)
    for t in prange(shifts.shape[0]):
        x = np.empty(rhs.shape[1])
        for i in range(omegas.shape[0]):
            costs[t, i] = sor_sweeps(indptr, indices, data, shifts[t], omegas[i], rhs[t], x, tol, limit)
    return costs
