"""Multilinear algebra: unfoldings, products with matrices, singular values of modes, Tucker, CP and train in full."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
from scipy.linalg import lu_factor, solve

from toolkit.core.errors import DataError, KnobError
from toolkit.core.loading import loading

MOST_ENTRIES = 1 << 18


def checked_tensor(name: str, data) -> np.ndarray:
    """`data` as a tensor of float64; DataError unless it has two modes at least, entries, and all of them finite."""
    found = np.asarray(data)
    if found.dtype.kind not in "fiu":
        raise DataError(f"{name}: entries of type {found.dtype}; expected real numbers.")
    if found.ndim < 2 or found.size == 0:
        raise DataError(f"{name}: an array of shape {found.shape}; expected two modes at least and no empty one.")
    found = np.ascontiguousarray(found, dtype=float)
    if not np.isfinite(found).all():
        raise DataError(f"{name}: {np.count_nonzero(~np.isfinite(found))} entries are NaN or infinite.")
    return found


def unfolding(tensor: np.ndarray, mode: int) -> np.ndarray:
    """The matrix whose columns are the fibres of a mode: (n_mode, product of the others)."""
    return np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)


def times(tensor: np.ndarray, matrix: np.ndarray, mode: int) -> np.ndarray:
    """The product T ×_mode M: every fibre of the mode is multiplied by M (m, n_mode)."""
    shape = tensor.shape
    before, n, after = math.prod(shape[:mode]), shape[mode], math.prod(shape[mode + 1 :])
    if mode == 0:
        product = matrix @ tensor.reshape(n, after)
    elif after == 1:
        product = tensor.reshape(before, n) @ matrix.T
    else:
        product = np.matmul(matrix, tensor.reshape(before, n, after))
    return np.ascontiguousarray(product).reshape(*shape[:mode], len(matrix), *shape[mode + 1 :])


def projected(tensor: np.ndarray, factors, skip: int = -1) -> np.ndarray:
    """T ×₁ U₁ᵀ ×₂ U₂ᵀ …, but for the mode `skip`."""
    for mode, factor in enumerate(factors):
        if mode != skip:
            tensor = times(tensor, factor.T, mode)
    return tensor


def tucker_full(core: np.ndarray, factors) -> np.ndarray:
    """G ×₁ U₁ ×₂ U₂ …: the tensor of a Tucker decomposition."""
    for mode, factor in enumerate(factors):
        core = times(core, factor, mode)
    return core


def mode_svd(tensor: np.ndarray, mode: int) -> tuple[np.ndarray, np.ndarray]:
    """Left singular vectors and values of an unfolding, accurate to rounding of the largest: (n, m), (m,).

    A wide unfolding is reduced by QR of its transpose first: O(N n) for N entries.
    """
    matrix = unfolding(tensor, mode)
    if matrix.shape[1] > 2 * matrix.shape[0]:
        matrix = np.linalg.qr(matrix.T, mode="r").T
    left, values, _ = np.linalg.svd(matrix, full_matrices=False)
    return left, values


def mode_gram(tensor: np.ndarray, mode: int) -> np.ndarray:
    """T_(mode) T_(mode)ᵀ, slab by slab: no unfolding is copied."""
    shape = tensor.shape
    before, n, after = math.prod(shape[:mode]), shape[mode], math.prod(shape[mode + 1 :])
    if mode == 0:
        matrix = tensor.reshape(n, after)
        return matrix @ matrix.T
    if after == 1:
        matrix = tensor.reshape(before, n)
        return matrix.T @ matrix
    slabs = tensor.reshape(before, n, after)
    return np.matmul(slabs, slabs.transpose(0, 2, 1)).sum(axis=0)


def leading(tensor: np.ndarray, mode: int, rank: int, by: str = "svd") -> tuple[np.ndarray, np.ndarray]:
    """The leading left singular vectors of an unfolding (n, rank), and all its singular values.

    by "gram": from the eigenvalues of T_(k) T_(k)ᵀ, about ten times faster; singular values below √ε of the largest
    are lost.
    """
    if by == "svd":
        left, values = mode_svd(tensor, mode)
        return np.ascontiguousarray(left[:, :rank]), values
    squares, vectors = np.linalg.eigh(mode_gram(tensor, mode))
    values = np.sqrt(np.maximum(squares[::-1], 0.0))
    return np.ascontiguousarray(vectors[:, : -rank - 1 : -1]), values


def st_hosvd(tensor: np.ndarray, ranks, by: str = "svd") -> tuple[np.ndarray, list, list]:
    """The sequentially truncated HOSVD: (core, factors, discarded), discarded[k] the norm cut off at mode k.

    ‖T − X‖² = Σ discarded², exactly. Mode by mode the tensor is projected on its leading singular vectors, and the next
    unfolding is that of the smaller tensor.
    Reference: N. Vannieuwenhoven, R. Vandebril, K. Meerbergen, SIAM J. Sci. Comput. 34 (2012) A1027–A1052,
    doi:10.1137/110836067, Algorithm 1 and Theorem 5.1.
    """
    factors, discarded = [], []
    for mode, rank in enumerate(ranks):
        factor, values = leading(tensor, mode, rank, by)
        factors.append(factor)
        discarded.append(float(np.linalg.norm(values[rank:])))
        tensor = times(tensor, factor.T, mode)
    return tensor, factors, discarded


def cp_full(weights: np.ndarray, factors) -> np.ndarray:
    """Σ_r w_r a_r ∘ b_r ∘ …: factors (n_k, R)."""
    found = np.asarray(factors[0]) * weights
    for factor in factors[1:-1]:
        found = found[..., None, :] * factor
    return found @ np.asarray(factors[-1]).T


def tt_full(cores) -> np.ndarray:
    """The tensor of a tensor train with cores (r, n, r')."""
    found = cores[0]
    for core in cores[1:]:
        found = np.tensordot(found, core, axes=1)
    return found[0, ..., 0]


def kruskal_limit(shape) -> int:
    """The largest number of components that Kruskal's condition lets be unique, for factors in general position.

    Σ_k min(n_k, R) ≥ 2 R + d − 1.
    Reference: J. B. Kruskal, Linear Algebra Appl. 18 (1977) 95–138, doi:10.1016/0024-3795(77)90069-6, for d = 3;
    N. Sidiropoulos, R. Bro, J. Chemometrics 14 (2000) 229–239, for d > 3.
    """
    r = 1
    while sum(min(n, r + 1) for n in shape) >= 2 * (r + 1) + len(shape) - 1:
        r += 1
    return r


def component_distance(true, found) -> float:
    """The largest distance of a true rank-one direction to the one it is matched with, in the best matching.

    true, found: lists of factors (n_k, R) and (n_k, S); a component is a₁ ∘ a₂ ∘ … of unit norm, up to sign. Infinity
    when fewer were found than there are.
    """
    with loading():
        from scipy.optimize import linear_sum_assignment

    if found[0].shape[1] < true[0].shape[1]:
        return math.inf
    one, other = ([f / np.maximum(np.linalg.norm(f, axis=0), 1e-300) for f in side] for side in (true, found))
    cosine = np.prod([a.T @ b for a, b in zip(one, other)], axis=0)
    rows, columns = linear_sum_assignment(-np.abs(cosine))
    apart = []
    for i, j in zip(rows, columns):
        # distances of the factors, not of cosines: 1 − cos loses half of the digits
        parts = [min(np.linalg.norm(a[:, i] - b[:, j]), np.linalg.norm(a[:, i] + b[:, j])) for a, b in zip(one, other)]
        apart.append(max(parts))
    return float(max(apart))


def few_enough(owner: str, n: int, order: int) -> None:
    """KnobError when n^order entries are too many."""
    if n**order > MOST_ENTRIES:
        most = int(MOST_ENTRIES ** (1 / order) + 1e-9)
        raise KnobError(f"{owner}.n = {n}: expected at most {most} for order {order} ({MOST_ENTRIES} entries in all).")


def noisy(clean: np.ndarray, noise: float, rng) -> np.ndarray:
    """Gaussian noise of the given norm relative to the tensor's added."""
    if not noise:
        return clean
    drawn = rng.standard_normal(clean.shape)
    return clean + drawn * (noise * np.linalg.norm(clean) / np.linalg.norm(drawn))


def symmetrised(tensor: np.ndarray) -> np.ndarray:
    """The mean over all permutations of the modes."""
    orders = list(permutations(range(tensor.ndim)))
    return sum(tensor.transpose(order) for order in orders) / len(orders)


def maxvol(matrix: np.ndarray, slack: float = 1.02) -> np.ndarray:
    """Rows (r,) of a square submatrix of an (m, r) matrix such that no entry of A Â⁻¹ exceeds `slack` in modulus.

    From the pivots of LU, one row is exchanged for another while that enlarges the volume by more than the slack.
    """
    m, r = matrix.shape
    rows = np.arange(m)
    for i, j in enumerate(lu_factor(matrix, check_finite=False)[1]):
        rows[[i, j]] = rows[[j, i]]
    rows = rows[:r]
    ratio = solve(matrix[rows].T, matrix.T, check_finite=False).T
    for _ in range(100):
        i, j = np.unravel_index(np.argmax(np.abs(ratio)), ratio.shape)
        if abs(ratio[i, j]) <= slack:
            break
        unit = np.zeros(r)
        unit[j] = 1.0
        ratio -= np.outer(ratio[:, j], ratio[i] - unit) / ratio[i, j]
        rows[j] = i
    return rows
