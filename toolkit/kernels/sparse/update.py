"""Rows of a dense matrix picked, weighted and summed by a sparse block, and added to: what a sparse update touches.

Symbols: E a sparse block of s rows in compressed rows (indptr, indices, data); V dense, n × k.

Used by toolkit/rank/matrices: updates of a sparse singular value decomposition.
"""

import numpy as np

from toolkit.kernels._jit import kernel


@kernel
def gathered(indptr, indices, data, V):
    """E V: (s, k), in nnz(E) k operations."""
    s, k = len(indptr) - 1, V.shape[1]
    out = np.zeros((s, k))
    for i in range(s):
        for p in range(indptr[i], indptr[i + 1]):
            a, row = data[p], indices[p]
            for j in range(k):
                out[i, j] += a * V[row, j]
    return out


@kernel
def scattered(indptr, indices, data, P, V):
    """V ← V + Eᵀ P in place, P (s, k): only the rows of V that E has entries in are touched."""
    k = V.shape[1]
    for i in range(len(indptr) - 1):
        for p in range(indptr[i], indptr[i + 1]):
            a, row = data[p], indices[p]
            for j in range(k):
                V[row, j] += a * P[i, j]


@kernel
def gram(indptr, indices, data, n):
    """E Eᵀ, dense (s, s): inner products of sparse rows by way of a dense row of n entries that is wiped again."""
    s = len(indptr) - 1
    out, row = np.zeros((s, s)), np.zeros(n)
    for i in range(s):
        for p in range(indptr[i], indptr[i + 1]):
            row[indices[p]] = data[p]
        for j in range(i + 1):
            total = 0.0
            for p in range(indptr[j], indptr[j + 1]):
                total += data[p] * row[indices[p]]
            out[i, j] = total
            out[j, i] = total
        for p in range(indptr[i], indptr[i + 1]):
            row[indices[p]] = 0.0
    return out
