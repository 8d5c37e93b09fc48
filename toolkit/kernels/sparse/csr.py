"""Products, residuals and sweeps on compressed sparse rows (CSR).

Storage. Row i of the (n, m) matrix holds `data[k]` in the columns `indices[k]`, k = indptr[i] … indptr[i+1] - 1. The
index arrays are passed as unsigned integers (`views`): signed ones make the compiler test every index for being
negative, which costs half the speed. Values are float64 or complex128.

Products. The sum of a row is taken as two sums side by side, with one running position k: rows are too short for
vector registers to pay, and signed counters would bring back the tests for negative indices. A matrix of more than
`CACHED` entries comes from memory: its lines are asked for `AHEAD` entries before their use, which doubles the speed.

Threads. Rows are cut into blocks of `BLOCK`; `wide` shares the blocks among threads. A reduction adds up inside each
block, then the blocks in order, by the same code either way: `wide` never changes a bit of a result, only the time.

Symbols. A matrix, b right-hand side, r = b - A x residual, d inverse diagonal of A, shape (n,), or (1,) when it is
constant; ω relaxation.

Reference: Y. Saad, Iterative Methods for Sparse Linear Systems, 2nd ed. (2003), doi:10.1137/1.9780898718003, sections
3.4 (CSR product) and 4.1 (Jacobi, Gauss–Seidel, SOR, SSOR).

Used by toolkit/preconditioner/systems: products and residuals of every sparse system.
Used by toolkit/preconditioner/stationary: Jacobi, Gauss–Seidel, SOR and SSOR sweeps, and their preconditioners.
Used by toolkit/preconditioner/krylov: the matrix as CG's and Chebyshev's kernels take it, with unsigned indices.
Used by toolkit/preconditioner/multigrid: smoothing and residuals on the levels of algebraic multigrid.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import kernel, threaded
from toolkit.kernels._prefetch import prefetch

BLOCK = 1024
WIDE_FROM = 1_000_000
ONE, TWO, EIGHT, SIXTEEN, AHEAD = np.uint64(1), np.uint64(2), np.uint64(8), np.uint64(16), np.uint64(512)
CACHED = 1_000_000


def views(matrix):
    """(indptr, indices, data) of a `scipy.sparse` CSR matrix as the kernels take them: unsigned, read-only, no copy."""
    arrays = []
    for array in (matrix.indptr, matrix.indices, matrix.data):
        view = array.view(array.dtype.str.replace("i", "u"))
        view.flags.writeable = False
        arrays.append(view)
    return tuple(arrays)


def is_wide(nonzeros: int) -> bool:
    """Whether one product with a matrix of so many entries is worth waking another thread for."""
    return nonzeros >= WIDE_FROM


@kernel
def _product_rows(indptr, indices, data, x, out, start, stop):
    zero = data.dtype.type(0) * x.dtype.type(0)
    k, stop = np.uint64(indptr[start]), np.uint64(stop)
    for first in range(np.uint64(start), stop, SIXTEEN):
        last = min(first + SIXTEEN, stop)
        if data.size > CACHED:
            for ahead in range(k + AHEAD, np.uint64(indptr[last]) + AHEAD, EIGHT):
                prefetch(data, ahead)
            for ahead in range(k + AHEAD, np.uint64(indptr[last]) + AHEAD, SIXTEEN):
                prefetch(indices, ahead)
        for i in range(first, last):
            end = np.uint64(indptr[i + ONE])
            even = odd = zero
            while k + ONE < end:
                even += data[k] * x[indices[k]]
                odd += data[k + ONE] * x[indices[k + ONE]]
                k += TWO
            if k < end:
                even += data[k] * x[indices[k]]
                k += ONE
            out[i] = even + odd


@kernel
def _residual_rows(indptr, indices, data, x, b, r, start, stop):
    square, zero = 0.0, data.dtype.type(0) * x.dtype.type(0)
    k, stop = np.uint64(indptr[start]), np.uint64(stop)
    for first in range(np.uint64(start), stop, SIXTEEN):
        last = min(first + SIXTEEN, stop)
        if data.size > CACHED:
            for ahead in range(k + AHEAD, np.uint64(indptr[last]) + AHEAD, EIGHT):
                prefetch(data, ahead)
            for ahead in range(k + AHEAD, np.uint64(indptr[last]) + AHEAD, SIXTEEN):
                prefetch(indices, ahead)
        for i in range(first, last):
            end = np.uint64(indptr[i + ONE])
            even = odd = zero
            while k + ONE < end:
                even += data[k] * x[indices[k]]
                odd += data[k + ONE] * x[indices[k + ONE]]
                k += TWO
            if k < end:
                even += data[k] * x[indices[k]]
                k += ONE
            total = b[i] - even - odd
            r[i] = total
            square += total.real * total.real + total.imag * total.imag
    return square


@kernel
def _jacobi_rows(d, omega, r, x, start, stop):
    if d.size == 1:
        step = omega * d[0]
        for i in range(start, stop):
            x[i] += step * r[i]
    else:
        for i in range(start, stop):
            x[i] += omega * d[i] * r[i]


@threaded
def product(indptr, indices, data, x, out, wide):
    """out ← A x.

    indptr (n+1,), indices (nnz,), data (nnz,): `views` of A; x (m,); out (n,), another array than x, of the type of
    A x; wide: see `is_wide`. Cost: 2 nnz flops; bytes 12 nnz + 28 n from memory.
    """
    n = out.size
    blocks = (n + BLOCK - 1) // BLOCK
    if wide:
        for c in prange(blocks):
            _product_rows(indptr, indices, data, x, out, c * BLOCK, min(n, (c + 1) * BLOCK))
    else:
        _product_rows(indptr, indices, data, x, out, 0, n)


@threaded
def residual(indptr, indices, data, x, b, r, wide):
    """r ← b - A x; returns ‖r‖² = Σ |r_i|².

    x, b, r (n,), r another array than x. Cost: 2 nnz + 3 n flops in one pass.
    """
    n = r.size
    blocks = (n + BLOCK - 1) // BLOCK
    partial = np.empty(blocks)
    if wide:
        for c in prange(blocks):
            partial[c] = _residual_rows(indptr, indices, data, x, b, r, c * BLOCK, min(n, (c + 1) * BLOCK))
    else:
        for c in range(blocks):
            partial[c] = _residual_rows(indptr, indices, data, x, b, r, c * BLOCK, min(n, (c + 1) * BLOCK))
    square = 0.0
    for c in range(blocks):
        square += partial[c]
    return square


@threaded
def _jacobi_update(d, omega, r, x, wide):
    n = x.size
    blocks = (n + BLOCK - 1) // BLOCK
    if wide:
        for c in prange(blocks):
            _jacobi_rows(d, omega, r, x, c * BLOCK, min(n, (c + 1) * BLOCK))
    else:
        for c in range(blocks):
            _jacobi_rows(d, omega, r, x, c * BLOCK, min(n, (c + 1) * BLOCK))


@kernel
def diagonal(indptr, indices, data, out):
    """out_i ← a_ii (zero where the row stores none); returns the first row with a_ii = 0 or not finite, else -1.

    out (n,), of the type of A. Entries stored twice are added up.
    """
    bad = -1
    for i in range(out.size):
        total = out.dtype.type(0)
        for k in range(indptr[i], indptr[i + 1]):
            if indices[k] == i:
                total += data[k]
        out[i] = total
        if bad < 0 and (total == 0 or not np.isfinite(total)):
            bad = i
    return bad


@kernel
def _relax_rows(indptr, indices, data, d, omega, b, x, first, stop, step):
    zero, every = data.dtype.type(0) * x.dtype.type(0), 0 if d.size == 1 else 1
    for i in range(first, stop, step):
        k, end = np.uint64(indptr[i]), np.uint64(indptr[i + 1])
        even = odd = zero
        while k + ONE < end:
            even += data[k] * x[indices[k]]
            odd += data[k + ONE] * x[indices[k + ONE]]
            k += TWO
        if k < end:
            even += data[k] * x[indices[k]]
        x[i] += omega * d[every * i] * (b[i] - even - odd)


@kernel
def sweep(indptr, indices, data, d, omega, b, x, forward):
    """One SOR sweep in place: x_i ← x_i + ω d_i (b_i - Σ_j a_ij x_j) for i = 0 … n-1, or n-1 … 0 if not `forward`.

    ω = 1 is Gauss–Seidel. d (n,) or (1,), b, x (n,). Cost: 2 nnz + 3 n flops, serial: every row uses the one before.
    Saad (2003), eqs. (4.8), (4.9), (4.12).
    """
    if forward:
        _relax_rows(indptr, indices, data, d, omega, b, x, 0, x.size, 1)
    else:
        _relax_rows(indptr, indices, data, d, omega, b, x, x.size - 1, -1, -1)


@kernel
def sor_apply(indptr, indices, data, d, omega, r, z):
    """z ← ω (D + ω L)⁻¹ r: one forward sweep from z = 0, M = D/ω + L. ω = 1 is Gauss–Seidel.

    Rows sorted by column: only entries left of the diagonal are read. d (n,) or (1,); r, z (n,), z another array than
    r. Cost: nnz + 2 n flops. Saad (2003), section 4.1.2.
    """
    every = 0 if d.size == 1 else 1
    for i in range(z.size):
        total = r[i]
        for k in range(indptr[i], indptr[i + 1]):
            if indices[k] >= i:
                break
            total -= data[k] * z[indices[k]]
        z[i] = omega * d[every * i] * total


@kernel
def ssor_apply(indptr, indices, data, d, omega, r, z):
    """z ← M⁻¹ r with M = ω/(2-ω) (D/ω + L) D⁻¹ (D/ω + U), A = L + D + U: a forward and a backward sweep from z = 0.

    Rows sorted by column; d (n,) or (1,); r, z (n,), z another array than r. M is Hermitian positive definite with A
    for 0 < ω < 2. The backward sweep costs a whole one; the forward one reads the left half only: 3 nnz + 5 n flops.
    Saad (2003), eq. (4.27) and section 10.2.
    """
    sor_apply(indptr, indices, data, d, omega, r, z)
    _relax_rows(indptr, indices, data, d, omega, r, z, z.size - 1, -1, -1)


@kernel
def jacobi(indptr, indices, data, d, omega, b, x, r, norm, rows, wide):
    """Up to len(rows) steps of damped Jacobi, x ← x + ω D⁻¹ r, r ← b - A x; rows[i, 0] = ‖r‖₂ / norm after step i.

    d (n,) or (1,), b, x, r (n,); r comes in and goes out as the residual of x. ω with d = [1] is Richardson's method.
    Returns the steps done: fewer than len(rows) when the last one gave a residual that is not finite.
    Cost of a step: 2 nnz + 6 n flops.
    """
    for i in range(rows.shape[0]):
        _jacobi_update(d, omega, r, x, wide)
        size = np.sqrt(residual(indptr, indices, data, x, b, r, wide)) / norm
        rows[i, 0] = size
        if not size < np.inf:
            return i + 1
    return rows.shape[0]


@kernel
def sor(indptr, indices, data, d, omega, b, x, r, norm, rows, order, wide):
    """Up to len(rows) sweeps of SOR; rows[i, 0] = ‖b - A x‖₂ / norm after sweep i.

    order: 1 forward, -1 backward, 0 symmetric (forward, then backward: SSOR). ω = 1 is Gauss–Seidel. r (n,) goes out
    as the residual of x. Returns the sweeps done: fewer than len(rows) when the last residual is not finite.
    Cost of a step: a sweep (two if symmetric) and a product.
    """
    for i in range(rows.shape[0]):
        if order >= 0:
            sweep(indptr, indices, data, d, omega, b, x, True)
        if order <= 0:
            sweep(indptr, indices, data, d, omega, b, x, False)
        size = np.sqrt(residual(indptr, indices, data, x, b, r, wide)) / norm
        rows[i, 0] = size
        if not size < np.inf:
            return i + 1
    return rows.shape[0]
