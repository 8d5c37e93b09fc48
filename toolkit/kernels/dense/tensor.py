"""Small dense kernels of tensor decompositions: contractions with rank-one factors, the subspace power iteration.

Symbols: a, b lengths of modes; r columns of factor matrices; d length of a vector, D = d^(n−1), R columns of a basis.

Used by toolkit/rank/tensors: alternating least squares for CP, and the subspace power method.
"""

import numpy as np

from toolkit.kernels._jit import kernel


@kernel
def khatri_rao(first, second):
    """Column-wise Kronecker product: (a, r), (b, r) → (a b, r)."""
    a, r = first.shape
    b = second.shape[0]
    out = np.empty((a * b, r))
    for i in range(a):
        for j in range(b):
            for k in range(r):
                out[i * b + j, k] = first[i, k] * second[j, k]
    return out


@kernel
def contract_last(block, factor):
    """Σ_j block[i, j, k] factor[j, k]: (a, b, r), (b, r) → (a, r)."""
    a, b, r = block.shape
    out = np.zeros((a, r))
    for i in range(a):
        for j in range(b):
            for k in range(r):
                out[i, k] += block[i, j, k] * factor[j, k]
    return out


@kernel
def contract_first(block, factor):
    """Σ_i block[i, j, k] factor[i, k]: (a, b, r), (a, r) → (b, r)."""
    a, b, r = block.shape
    out = np.zeros((b, r))
    for i in range(a):
        for j in range(b):
            for k in range(r):
                out[j, k] += block[i, j, k] * factor[i, k]
    return out


@kernel
def subspace_power(basis, x, half, shift, clamp, tol, trace):
    """Shifted power iteration for max F(x) = ‖Vᵀ x^{⊗n}‖² on the sphere; x is overwritten.

    basis: (d, D, R), an orthonormal basis V with its first index split off; half = n; the shift of a step is
    shift · √(f (1 − f)), f = F clamped to [clamp, 1]. trace takes F at each iterate. Ends when x moves by less than
    tol; returns the iterations done.
    """
    d, D, R = basis.shape
    power = np.empty(D)
    table = np.empty((d, R))
    weight = np.empty(R)
    fresh = np.empty(d)
    for step in range(len(trace)):
        power[0] = 1.0
        size = 1
        for _ in range(half - 1):
            for i in range(size - 1, -1, -1):
                p = power[i]
                for j in range(d):
                    power[i * d + j] = p * x[j]
            size *= d
        for i in range(d):
            for c in range(R):
                table[i, c] = 0.0
            for e in range(D):
                p = power[e]
                for c in range(R):
                    table[i, c] += basis[i, e, c] * p
        for c in range(R):
            weight[c] = 0.0
        for i in range(d):
            for c in range(R):
                weight[c] += x[i] * table[i, c]
        f = 0.0
        for c in range(R):
            f += weight[c] * weight[c]
        trace[step] = f
        held = min(max(f, clamp), 1.0)
        gamma = shift * np.sqrt(held * (1.0 - held))
        norm = 0.0
        for i in range(d):
            s = gamma * x[i]
            for c in range(R):
                s += table[i, c] * weight[c]
            fresh[i] = s
            norm += s * s
        norm = np.sqrt(norm)
        moved = 0.0
        for i in range(d):
            s = fresh[i] / norm
            moved += (s - x[i]) ** 2
            x[i] = s
        if moved < tol * tol:
            return step + 1
    return len(trace)
