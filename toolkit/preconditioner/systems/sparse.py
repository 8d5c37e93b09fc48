"""Sparse matrices as the lab keeps them, and what elimination and Lanczos say of them at small sizes."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse.linalg as spla

DIRECT_LIMIT = 20_000
DENSE_LIMIT = 400
SYMMETRIC = dict(permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=dict(SymmetricMode=True))


def factorised(matrix, definite: bool = False) -> spla.SuperLU:
    """A = LU, sparse, with pivoting, or without for a Hermitian positive definite A. RuntimeError if A is singular."""
    return spla.splu(matrix.tocsc(), **(SYMMETRIC if definite else {}))


def eliminated(matrix, b: np.ndarray, definite: bool = False) -> np.ndarray | None:
    """x by elimination and one step of iterative refinement; None for a singular A."""
    try:
        factors = factorised(matrix, definite)
    except RuntimeError:
        return None
    x = factors.solve(b)
    x += factors.solve(b - matrix @ x)
    return x if np.all(np.isfinite(x)) else None


def extreme_eigenvalues(matrix) -> tuple[float, float] | None:
    """(smallest, largest) eigenvalue of a Hermitian matrix: dense if small, else by Lanczos; None if that fails.

    The largest by Lanczos on A, the smallest on A⁻¹; of an indefinite matrix both on A. Residuals of 1e-10 and a basis
    of 80 vectors: extreme eigenvalues of high contrast come in clusters, which rounding alone tells apart.
    """
    if matrix.shape[0] <= DENSE_LIMIT:
        values = np.linalg.eigvalsh(matrix.toarray())
        return float(values[0]), float(values[-1])
    v0 = np.random.default_rng(0).standard_normal(matrix.shape[0])
    options = dict(v0=v0, tol=1e-10, ncv=80, return_eigenvectors=False)
    try:
        top = spla.eigsh(matrix, 1, which="LA", **options)[0]
        near = spla.eigsh(matrix.tocsc(), 1, sigma=0.0, which="LM", **options)[0]
        low = near if near > 0 and not _negative_direction(matrix) else spla.eigsh(matrix, 1, which="SA", **options)[0]
    except (RuntimeError, spla.ArpackError):
        return None
    return float(low), float(top)


def _negative_direction(matrix, steps: int = 30) -> bool:
    """Whether a short Lanczos process meets a direction v with ⟨v, A v⟩ < 0: a proof that A is not definite."""
    if matrix.diagonal().real.min() <= 0:
        return True
    v = np.random.default_rng(0).standard_normal(matrix.shape[0]).astype(matrix.dtype)
    v, old, beta, diagonal, beside = v / np.linalg.norm(v), np.zeros_like(v), 0.0, [], []
    for _ in range(min(steps, matrix.shape[0])):
        w = matrix @ v - beta * old
        diagonal.append(float(np.vdot(v, w).real))
        w -= diagonal[-1] * v
        beta = float(np.linalg.norm(w))
        beside.append(beta)
        if not beta > 1e-12 * abs(diagonal[0]):
            break
        old, v = v, w / beta
    return bool(scipy.linalg.eigh_tridiagonal(diagonal, beside[:-1], eigvals_only=True)[0] < 0)


def is_definite(matrix, limit: int = DIRECT_LIMIT) -> bool:
    """Whether a Hermitian matrix is positive definite.

    Proven by the pivots of elimination for at most `limit` unknowns; for more it is presumed unless 30 steps of Lanczos
    meet a direction of negative curvature (CG ends with a breakdown should that be wrong).
    """
    if _negative_direction(matrix):
        return False
    if matrix.shape[0] > limit:
        return True
    if matrix.shape[0] <= DENSE_LIMIT:
        try:
            np.linalg.cholesky(matrix.toarray())
        except np.linalg.LinAlgError:
            return False
        return True
    try:
        factors = factorised(matrix, definite=True)
    except RuntimeError:
        return False
    return bool(np.array_equal(factors.perm_r, factors.perm_c) and factors.U.diagonal().real.min() > 0)
