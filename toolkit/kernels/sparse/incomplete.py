"""Incomplete factorisations without fill, IC(0) and ILU(0), and their triangular solves, on compressed sparse rows.

Rows must be sorted by column and every diagonal entry stored. Index arrays are unsigned (`csr.views`); values float64
or complex128. Factors overwrite the values they are made from: pass a copy.

Symbols. L lower factor, U upper factor, d inverse diagonal of the factor (so that solves multiply, not divide),
`middle[i]` position of the diagonal entry of row i, `place[j]` position of column j in the row at work.

A factorisation returns -1, or the first row whose pivot is zero, not positive (IC), or not finite; rows before it are
factored, the rest is left as it was.

Reference: J. A. Meijerink, H. A. van der Vorst, Math. Comp. 31 (1977) 148–162, doi:10.1090/S0025-5718-1977-0438681-4;
Y. Saad, Iterative Methods for Sparse Linear Systems, 2nd ed. (2003), doi:10.1137/1.9780898718003, Alg. 10.4 (ILU(0))
and section 10.3.2.

Used by toolkit/preconditioner/stationary: IC(0) and ILU(0).
"""

import numpy as np

from toolkit.kernels._jit import kernel


@kernel
def find_diagonal(indptr, indices, middle):
    """middle_i ← position of the diagonal entry of row i; returns the first row that stores none, else -1.

    middle (n,), of the type of `indices`.
    """
    for i in range(middle.size):
        found = False
        for k in range(indptr[i], indptr[i + 1]):
            if indices[k] == i:
                middle[i] = k
                found = True
                break
        if not found:
            return i
    return -1


@kernel
def ilu0(indptr, indices, data, middle, d):
    """ILU(0) in place: L U agrees with A wherever A stores an entry; L has a unit diagonal.

    For k < i in row i: l_ik = a_ik / u_kk, then a_ij ← a_ij - l_ik u_kj for all stored j > k (IKJ order).
    data (nnz,): A comes in, L below and U on and above the diagonal go out; middle (n,) from `find_diagonal`;
    d (n,) ← 1 / u_ii. Returns -1 or the row of a zero pivot. Cost: about Σ_i (entries of row i)² flops.
    Saad (2003), Alg. 10.4.
    """
    n = middle.size
    place = np.full(n, -1, np.int64)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            place[indices[k]] = k
        for k in range(indptr[i], middle[i]):
            row = indices[k]
            factor = data[k] * d[row]
            data[k] = factor
            for q in range(middle[row] + np.uint32(1), indptr[row + np.uint32(1)]):
                at = place[indices[q]]
                if at >= 0:
                    data[at] -= factor * data[q]
        for k in range(indptr[i], indptr[i + 1]):
            place[indices[k]] = -1
        pivot = data[middle[i]]
        if pivot == 0 or not np.isfinite(pivot):
            return i
        d[i] = 1 / pivot
    return -1


@kernel
def ic0(indptr, indices, data, d):
    """IC(0) in place: L Lᴴ agrees with the Hermitian A wherever its lower triangle stores an entry.

    l_ij = (a_ij - Σ_{k<j} l_ik conj(l_jk)) / l_jj for stored j < i, l_ii = √(a_ii - Σ_{k<i} |l_ik|²).
    indptr, indices, data: the lower triangle of A, each row ending with its diagonal entry; d (n,) float64 ← 1 / l_ii.
    Returns -1 or the row of a pivot that is not positive (A not an H-matrix, say): shift the diagonal and try again.
    Cost: about Σ_i (entries of row i)² flops. Meijerink & van der Vorst (1977); Saad (2003), section 10.3.2.
    """
    n = d.size
    for i in range(n):
        begin, last = np.int64(indptr[i]), np.int64(indptr[i + 1]) - 1
        square = 0.0
        for k in range(begin, last):
            row = np.int64(indices[k])
            p, q, end = begin, np.int64(indptr[row]), np.int64(indptr[row + 1]) - 1
            total = data[k]
            while p < k and q < end:
                left, right = indices[p], indices[q]
                if left == right:
                    total -= data[p] * np.conj(data[q])
                p += left <= right
                q += right <= left
            total *= d[row]
            data[k] = total
            square += total.real * total.real + total.imag * total.imag
        pivot = data[last].real - square
        if not (pivot > 0 and pivot < np.inf):
            return i
        root = np.sqrt(pivot)
        data[last] = root
        d[i] = 1 / root
    return -1


@kernel
def ic0_forward(indptr, indices, data, d, r, y):
    """y ← L⁻¹ r; returns ‖y‖² = ⟨r, (L Lᴴ)⁻¹ r⟩, what preconditioned CG needs.

    indptr, indices, data, d from `ic0`; r, y (n,), which may be the same array. Cost: nnz flops, serial.
    """
    square = 0.0
    for i in range(y.size):
        total = r[i]
        for k in range(indptr[i], indptr[i + 1] - np.uint32(1)):
            total -= data[k] * y[indices[k]]
        total *= d[i]
        y[i] = total
        square += total.real * total.real + total.imag * total.imag
    return square


@kernel
def ic0_backward(indptr, indices, data, d, z):
    """z ← L⁻ᴴ z in place, column by column of Lᴴ, so that L is all that is stored.

    Cost: nnz flops, serial.
    """
    for i in range(z.size - 1, -1, -1):
        value = z[i] * d[i]
        z[i] = value
        for k in range(indptr[i], indptr[i + 1] - np.uint32(1)):
            z[indices[k]] -= np.conj(data[k]) * value


@kernel
def ic0_solve(indptr, indices, data, d, r, z):
    """z ← (L Lᴴ)⁻¹ r; returns ⟨r, z⟩. r, z (n,). Cost: 2 nnz(L) flops."""
    product = ic0_forward(indptr, indices, data, d, r, z)
    ic0_backward(indptr, indices, data, d, z)
    return product


@kernel
def ilu0_solve(indptr, indices, data, middle, d, r, z):
    """z ← (L U)⁻¹ r, with the factors and d from `ilu0`. r, z (n,), which may be the same array. Cost: 2 nnz flops."""
    n = z.size
    for i in range(n):
        total = r[i]
        for k in range(indptr[i], middle[i]):
            total -= data[k] * z[indices[k]]
        z[i] = total
    for i in range(n - 1, -1, -1):
        total = z[i]
        for k in range(middle[i] + np.uint32(1), indptr[i + 1]):
            total -= data[k] * z[indices[k]]
        z[i] = total * d[i]
