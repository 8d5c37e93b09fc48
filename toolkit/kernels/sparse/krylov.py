"""Many steps of CG and Chebyshev's semi-iteration on compressed sparse rows, in one compiled call.

Each kernel does up to len(rows) steps, writes ‖r‖₂ / norm after step i to rows[i, 0] (CG also α and the
new ρ to rows[i, 1:3], where there is room) and returns (steps done, code):
`DONE`, `CURVATURE` (⟨p, A p⟩ is not positive: A is not positive definite, or r = 0 already) or `OVERFLOW` (a number
that is not finite). A step that breaks down by its curvature changes nothing but q and is not counted.
All that moves stands in the arrays passed in, and is complete between steps: k calls of one step give the bits of one
call of k steps. `norm` is what residuals are relative to, ‖b‖₂ say.

Storage and threads as in `csr`: index arrays unsigned; rows in blocks of `BLOCK`; `wide` shares the blocks among
threads and changes no bit. A step is fused into as few passes over memory as its two inner products allow.

Symbols. x solution, r residual, p direction, q = A p, z = M⁻¹ r, rho = ⟨r, z⟩; d inverse diagonal of M, (n,) or (1,)
when it is constant ([1.] is no preconditioner).

Reference: M. R. Hestenes, E. Stiefel, J. Res. NBS 49 (1952) 409–436, doi:10.6028/jres.049.044; Y. Saad, Iterative
Methods for Sparse Linear Systems, 2nd ed. (2003), doi:10.1137/1.9780898718003, Alg. 9.1 (PCG), Alg. 12.1 (Chebyshev).

Used by toolkit/preconditioner/krylov: CG and Chebyshev's semi-iteration, many steps a call.
"""

import numpy as np
from numba import prange

from toolkit.kernels._jit import kernel, threaded
from toolkit.kernels._prefetch import prefetch

BLOCK = 1024
WIDE_FROM = 300_000
DONE, CURVATURE, OVERFLOW = 0, 1, 2
ONE, TWO, EIGHT, SIXTEEN, AHEAD = np.uint64(1), np.uint64(2), np.uint64(8), np.uint64(16), np.uint64(512)
CACHED = 1_000_000


def is_wide(nonzeros: int) -> bool:
    """Whether steps with a matrix of so many entries are worth sharing: below, a thread that is late costs more."""
    return nonzeros >= WIDE_FROM


@kernel
def _product_block(indptr, indices, data, p, q, start, stop):
    """q ← A p on some rows; returns their part of ⟨p, A p⟩."""
    curvature, zero = 0.0, data.dtype.type(0) * p.dtype.type(0)
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
                even += data[k] * p[indices[k]]
                odd += data[k + ONE] * p[indices[k + ONE]]
                k += TWO
            if k < end:
                even += data[k] * p[indices[k]]
                k += ONE
            total = even + odd
            q[i] = total
            curvature += p[i].real * total.real + p[i].imag * total.imag
    return curvature


@kernel
def _residual_block(alpha, d, q, r, start, stop):
    """r ← r - α q on some rows; returns their parts of ⟨r, D⁻¹ r⟩ and ‖r‖²."""
    rho, square = 0.0, 0.0
    if d.size == 1:
        for i in range(start, stop):
            value = r[i] - alpha * q[i]
            r[i] = value
            square += value.real * value.real + value.imag * value.imag
        return d[0].real * square, square
    for i in range(start, stop):
        value = r[i] - alpha * q[i]
        r[i] = value
        size = value.real * value.real + value.imag * value.imag
        rho += d[i].real * size
        square += size
    return rho, square


@kernel
def _direction_block(alpha, beta, d, r, x, p, start, stop):
    """x ← x + α p, then p ← D⁻¹ r + β p, on some rows."""
    if d.size == 1:
        scale = d[0]
        for i in range(start, stop):
            x[i] += alpha * p[i]
            p[i] = scale * r[i] + beta * p[i]
    else:
        for i in range(start, stop):
            x[i] += alpha * p[i]
            p[i] = d[i] * r[i] + beta * p[i]


@threaded
def _product_pass(indptr, indices, data, p, q, wide):
    n = q.size
    blocks = (n + BLOCK - 1) // BLOCK
    partial = np.empty(blocks)
    if wide:
        for c in prange(blocks):
            partial[c] = _product_block(indptr, indices, data, p, q, c * BLOCK, min(n, (c + 1) * BLOCK))
    else:
        for c in range(blocks):
            partial[c] = _product_block(indptr, indices, data, p, q, c * BLOCK, min(n, (c + 1) * BLOCK))
    total = 0.0
    for c in range(blocks):
        total += partial[c]
    return total


@threaded
def _residual_pass(alpha, d, q, r, wide):
    n = r.size
    blocks = (n + BLOCK - 1) // BLOCK
    partial = np.empty((blocks, 2))
    if wide:
        for c in prange(blocks):
            rho, square = _residual_block(alpha, d, q, r, c * BLOCK, min(n, (c + 1) * BLOCK))
            partial[c, 0], partial[c, 1] = rho, square
    else:
        for c in range(blocks):
            rho, square = _residual_block(alpha, d, q, r, c * BLOCK, min(n, (c + 1) * BLOCK))
            partial[c, 0], partial[c, 1] = rho, square
    rho, square = 0.0, 0.0
    for c in range(blocks):
        rho += partial[c, 0]
        square += partial[c, 1]
    return rho, square


@threaded
def _direction_pass(alpha, beta, d, r, x, p, wide):
    n = x.size
    blocks = (n + BLOCK - 1) // BLOCK
    if wide:
        for c in prange(blocks):
            _direction_block(alpha, beta, d, r, x, p, c * BLOCK, min(n, (c + 1) * BLOCK))
    else:
        for c in range(blocks):
            _direction_block(alpha, beta, d, r, x, p, c * BLOCK, min(n, (c + 1) * BLOCK))


@kernel
def pcg_start(d, r, p, scalars):
    """p ← D⁻¹ r, scalars[0] ← ⟨r, D⁻¹ r⟩, before the first step of `pcg_diagonal`."""
    rho = 0.0
    for i in range(r.size):
        z = (d[0] if d.size == 1 else d[i]) * r[i]
        p[i] = z
        rho += r[i].real * z.real + r[i].imag * z.imag
    scalars[0] = rho


@kernel
def pcg_diagonal(indptr, indices, data, d, x, r, p, q, scalars, norm, rows, wide):
    """Conjugate gradients with a diagonal preconditioner; Saad (2003), Alg. 9.1.

    α = ρ / ⟨p, A p⟩, r ← r - α A p, x ← x + α p, ρ' = ⟨r, D⁻¹ r⟩, p ← D⁻¹ r + (ρ'/ρ) p.

    indptr (n+1,), indices (nnz,), data (nnz,): A Hermitian positive definite, as `csr.views` gives it; d (n,) or (1,),
    positive; x, r = b - A x, p from `pcg_start` (n,); q (n,) scratch; scalars (1,) float64: ρ; rows (steps, ≥ 1).
    Cost of a step: 2 nnz + 12 n flops in three passes over memory.
    """
    for i in range(rows.shape[0]):
        curvature = _product_pass(indptr, indices, data, p, q, wide)
        if not (curvature > 0 and curvature < np.inf):
            return i, CURVATURE if curvature <= 0 else OVERFLOW
        alpha = scalars[0] / curvature
        rho, square = _residual_pass(alpha, d, q, r, wide)
        _direction_pass(alpha, rho / scalars[0], d, r, x, p, wide)
        scalars[0] = rho
        rows[i, 0] = np.sqrt(square) / norm
        if rows.shape[1] > 2:
            rows[i, 1], rows[i, 2] = alpha, rho
        if not (rho < np.inf and square < np.inf):
            return i + 1, OVERFLOW
    return rows.shape[0], DONE


@kernel
def _forward(indptr, indices, data, d, r, z):
    """z ← L⁻¹ r; returns ‖z‖², which is ⟨r, (L Lᴴ)⁻¹ r⟩."""
    rho = 0.0
    for i in range(z.size):
        total = r[i]
        for k in range(indptr[i], indptr[i + 1] - np.uint32(1)):
            total -= data[k] * z[indices[k]]
        total *= d[i]
        z[i] = total
        rho += total.real * total.real + total.imag * total.imag
    return rho


@kernel
def _backward(indptr, indices, data, d, z, alpha, beta, x, p):
    """z ← L⁻ᴴ z and, as soon as an entry is known, x ← x + α p, p ← z + β p."""
    for i in range(z.size - 1, -1, -1):
        value = z[i] * d[i]
        for k in range(indptr[i], indptr[i + 1] - np.uint32(1)):
            z[indices[k]] -= np.conj(data[k]) * value
        x[i] += alpha * p[i]
        p[i] = value + beta * p[i]


@kernel
def pcg_ic0_start(lower_indptr, lower_indices, lower, d, r, z, x, p, scalars):
    """p ← (L Lᴴ)⁻¹ r, scalars[0] ← ⟨r, p⟩, before the first step of `pcg_ic0`; x is left as it is, z is scratch."""
    p[:] = 0
    scalars[0] = _forward(lower_indptr, lower_indices, lower, d, r, z)
    _backward(lower_indptr, lower_indices, lower, d, z, 0.0, 0.0, x, p)


@kernel
def pcg_ic0(indptr, indices, data, lower_indptr, lower_indices, lower, d, x, r, p, q, z, scalars, norm, rows, wide):
    """Conjugate gradients preconditioned by an incomplete Cholesky factor, M = L Lᴴ; Saad (2003), Alg. 9.1.

    ρ = ⟨r, M⁻¹ r⟩ = ‖L⁻¹ r‖² is known after the forward solve, so that the backward solve updates x and p on its way.

    A as in `pcg_diagonal`; lower_indptr, lower_indices, lower, d: the factor as `incomplete.ic0` leaves it; x, r, p,
    scalars from `pcg_ic0_start`; q, z (n,) scratch. Cost of a step: 2 nnz(A) + 4 nnz(L) + 10 n flops; serial solves.
    """
    one = np.ones(1)
    for i in range(rows.shape[0]):
        curvature = _product_pass(indptr, indices, data, p, q, wide)
        if not (curvature > 0 and curvature < np.inf):
            return i, CURVATURE if curvature <= 0 else OVERFLOW
        alpha = scalars[0] / curvature
        square = _residual_pass(alpha, one, q, r, wide)[1]
        rho = _forward(lower_indptr, lower_indices, lower, d, r, z)
        _backward(lower_indptr, lower_indices, lower, d, z, alpha, rho / scalars[0], x, p)
        scalars[0] = rho
        rows[i, 0] = np.sqrt(square) / norm
        if rows.shape[1] > 2:
            rows[i, 1], rows[i, 2] = alpha, rho
        if not (rho < np.inf and square < np.inf):
            return i + 1, OVERFLOW
    return rows.shape[0], DONE


@kernel
def _chebyshev_block(indptr, indices, data, d, keep, add, x, r, p, following, start, stop):
    """x ← x + p, r ← r - A p, following ← keep p + add D⁻¹ r on some rows; returns their part of ‖r‖²."""
    every = 0 if d.size == 1 else 1
    square, zero = 0.0, data.dtype.type(0) * p.dtype.type(0)
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
                even += data[k] * p[indices[k]]
                odd += data[k + ONE] * p[indices[k + ONE]]
                k += TWO
            if k < end:
                even += data[k] * p[indices[k]]
                k += ONE
            total = r[i] - even - odd
            r[i] = total
            square += total.real * total.real + total.imag * total.imag
            x[i] += p[i]
            following[i] = keep * p[i] + add * d[every * i] * total
    return square


@threaded
def _chebyshev_pass(indptr, indices, data, d, keep, add, x, r, p, following, wide):
    n = x.size
    blocks = (n + BLOCK - 1) // BLOCK
    partial = np.empty(blocks)
    if wide:
        for c in prange(blocks):
            partial[c] = _chebyshev_block(
                indptr, indices, data, d, keep, add, x, r, p, following, c * BLOCK, min(n, (c + 1) * BLOCK)
            )
    else:
        for c in range(blocks):
            partial[c] = _chebyshev_block(
                indptr, indices, data, d, keep, add, x, r, p, following, c * BLOCK, min(n, (c + 1) * BLOCK)
            )
    total = 0.0
    for c in range(blocks):
        total += partial[c]
    return total


@kernel
def chebyshev_start(d, low, high, r, directions, scalars):
    """The first direction p = D⁻¹ r / θ, before the first step of `chebyshev`; see there for the arguments."""
    theta = 0.5 * (low + high)
    for i in range(r.size):
        directions[0, i] = (d[0] if d.size == 1 else d[i]) * r[i] / theta
    scalars[0], scalars[1] = 1.0 / theta, 0.0


@kernel
def chebyshev(indptr, indices, data, d, low, high, x, r, directions, scalars, norm, rows, wide):
    """Chebyshev's semi-iteration for D⁻¹ A with eigenvalues in [low, high], 0 < low ≤ high; Saad (2003), Alg. 12.1.

    x ← x + p, r ← r - A p, γ' = 1 / (2 θ - δ² γ), p ← δ² γ γ' p + 2 γ' D⁻¹ r, θ = (high + low)/2, δ = (high - low)/2;
    γ = ρ_k / δ in Saad's notation, which also allows low = high.

    d (n,) or (1,); x, r = b - A x (n,); directions (2, n): p and the one that follows, in turn; scalars (2,) float64:
    γ and which of the two rows is p; all from `chebyshev_start`. No inner products: the norm is for watching only.
    Cost of a step: 2 nnz + 8 n flops in a single pass over memory. Diverges when an eigenvalue exceeds low + high.
    """
    theta, delta = 0.5 * (low + high), 0.5 * (high - low)
    for i in range(rows.shape[0]):
        gamma, now = scalars[0], int(scalars[1])
        following = 1.0 / (2.0 * theta - delta * delta * gamma)
        square = _chebyshev_pass(
            indptr, indices, data, d, delta * delta * gamma * following, 2.0 * following,
            x, r, directions[now], directions[1 - now], wide,
        )  # fmt: skip
        scalars[0], scalars[1] = following, 1 - now
        rows[i, 0] = np.sqrt(square) / norm
        if not square < np.inf:
            return i + 1, OVERFLOW
    return rows.shape[0], DONE
