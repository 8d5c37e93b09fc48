"""Ritz values and the residual polynomial: what a Lanczos process has learned of the spectrum of M⁻¹A."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh_tridiagonal

from toolkit.core.arrays import norm, product_root
from toolkit.core.claims import Exact
from toolkit.core.errors import Breakdown
from toolkit.core.probe import Measure
from toolkit.core.stop import Stop
from toolkit.preconditioner.stationary.preconditioning import Built
from toolkit.preconditioner.systems.problems import LinearSystem

_SHARE = 1e-6  # of the first residual: below it rounding may decide when an eigenvector is found


def tridiagonal_eigenvalues(diagonal, beside) -> np.ndarray:
    """Eigenvalues, in rising order, of the symmetric tridiagonal matrix of k diagonal and k − 1 other entries."""
    diagonal = np.asarray(diagonal, dtype=float)
    if len(diagonal) < 2:
        return diagonal
    return eigh_tridiagonal(diagonal, np.asarray(beside, dtype=float)[: len(diagonal) - 1], eigvals_only=True)


def from_conjugate_gradients(rho_first: float, coefficients: np.ndarray) -> np.ndarray:
    """Ritz values from CG's (α_j, ρ_{j+1}), j = 0 … k − 1, and ρ_0, where β_j = ρ_{j+1}/ρ_j.

    T has the diagonal 1/α_j + β_{j−1}/α_{j−1} and beside it √β_{j−1}/α_{j−1} (Saad 2003, eq. 6.103). Steps after a
    ρ of zero, where the space is exhausted, tell nothing and are left out.
    """
    before = np.concatenate(([rho_first], coefficients[:, 1]))[: len(coefficients)]
    alphas, rhos = coefficients[np.logical_and.accumulate(before > 0)].T
    betas = rhos[:-1] / before[: len(rhos)][:-1]
    diagonal = 1 / alphas
    diagonal[1:] += betas / alphas[:-1]
    return tridiagonal_eigenvalues(diagonal, np.sqrt(betas) / alphas[:-1])


def lanczos(system: LinearSystem, built: Built, steps: int, seed: int = 0) -> np.ndarray:
    """Ritz values of M⁻¹A after at most `steps` Lanczos steps from a random vector, A Hermitian, M definite.

    One product and one solve a step; no reorthogonalisation, so a converged value may come twice.
    Reference: C. Lanczos, J. Res. NBS 45 (1950) 255–282, doi:10.6028/jres.045.026.
    """
    v = np.random.default_rng(seed).standard_normal(system.size).astype(system.dtype)
    z, old, beta, diagonal, beside = np.empty_like(v), np.zeros_like(v), 0.0, [], []
    built.apply(v, z)
    norm = energy_norm(v, z)
    for _ in range(min(steps, system.size)):
        v, z = v / norm, z / norm
        w = system.matvec(z) - beta * old
        diagonal.append(float(np.vdot(z, w).real))
        w -= diagonal[-1] * v
        old, v, z = v, w, np.empty_like(z)
        built.apply(v, z)
        norm = beta = energy_norm(v, z)
        beside.append(beta)
        if not beta > 1e-12 * abs(diagonal[0]):
            break
    return tridiagonal_eigenvalues(diagonal, beside)


def energy_norm(v: np.ndarray, z: np.ndarray) -> float:
    """√⟨v, z⟩ for z = M⁻¹ v; Breakdown when that is negative."""
    root = product_root(v, z)
    if root < 0:
        raise Breakdown("the preconditioner is not positive definite", "Use one that is Hermitian positive definite")
    return root


def residual_polynomial(ritz: np.ndarray, points: np.ndarray) -> np.ndarray:
    """p(λ) = ∏ (1 − λ/θ_i) at the points: CG's residual is p(A M⁻¹) r₀."""
    return np.prod(1 - points[:, None] / ritz[None, :], axis=1)


def ritz_gap(interval: tuple[float, float]) -> Measure:
    """How far the extreme Ritz values are from the extreme eigenvalues (low, high), relative to each."""
    low, high = interval

    def gap(problem, state) -> float:
        values = state.ritz()
        return max(abs(values[0] / low - 1), abs(values[-1] / high - 1)) if len(values) else float("nan")

    return Measure("ritz_gap", "extreme Ritz values against eigenvalues", gap, "max |θ/λ − 1|")


def kaniel_saad(system: LinearSystem, tol: float) -> float:
    """Lanczos steps after which both extreme Ritz values are within `tol` of λmin, λmax > 0, relative to each; dense.

    0 ≤ θ₁ − λ₁ ≤ (λ_n − λ₁) (tan φ/T_{k−1}(1 + 2γ))², γ = (λ₂ − λ₁)/(λ_n − λ₂), φ the angle between r₀ and the
    eigenspace of λ₁, and the same from the other end: eigenvalues within a tenth of `tol` count as one. Infinite where
    r₀ has no share in that space but rounding's, or all eigenvalues are one.
    Reference: Y. Saad, SIAM J. Numer. Anal. 17 (1980) 687–706, doi:10.1137/0717059, Thm. 1 and eq. (2.11).
    """
    values, vectors = np.linalg.eigh(system.matrix.toarray())
    r = system.residual(system.start)
    shares = np.abs(vectors.conj().T @ r) / (norm(r) or 1.0)
    return max(_steps_to(values, shares, tol), _steps_to(-values[::-1], shares[::-1], tol))


def _steps_to(values: np.ndarray, shares: np.ndarray, tol: float) -> float:
    """The steps to the first of the rising `values`."""
    first, last = values[0], values[-1]
    own = values - first <= 0.1 * tol * abs(first)
    share = float(np.linalg.norm(shares[own]))
    if share < _SHARE or np.all(own):
        return np.inf
    tangent = float(np.linalg.norm(shares[~own])) / share
    second = values[~own][0]
    wanted = tangent * np.sqrt((last - first) / (tol * abs(first)))  # of T_{k−1}
    if wanted <= 1 or second == last:
        return 2.0
    return 1.0 + float(np.ceil(np.arccosh(wanted) / np.arccosh(1 + 2 * (second - first) / (last - second))))


def ritz_converge(steps: int, tol: float) -> Exact:
    """After `steps` steps the extreme Ritz values are the extreme eigenvalues, to `tol`."""
    return Exact(
        measure="ritz_gap",
        tol=tol,
        title=f"after {steps} steps extreme Ritz values agree with the extreme eigenvalues to {tol:.2g}",
        source="saad1980",
        assumes="the extreme eigenvectors have a share in the right-hand side, κ < 1e9",
        stop=Stop(rtol=1e-60, steps=steps),
    )
