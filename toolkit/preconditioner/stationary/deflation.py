"""Spectral deflation: the smallest eigenvalues are moved to where they do no harm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.preconditioner.stationary.preconditioning import (
    DENSE_LIMIT,
    Built,
    Preconditioner,
    eigenvalue_bounds,
    geometric,
)
from toolkit.preconditioner.systems.problems import LinearSystem

LANCZOS_LIMIT = 50_000  # unknowns up to which the eigenvectors take a few seconds at most


@dataclass(frozen=True)
class Deflation(Preconditioner):
    """Spectral deflation: M⁻¹ = ω (I + V (λ_{k+1} Λ⁻¹ − I) Vᴴ), V, Λ the k eigenpairs of A nearest zero.

    The eigenvalues λ_1 … λ_k become λ_{k+1}, the others stay: κ(M⁻¹A) = λ_n/λ_{k+1}; ω = 2/(λ_{k+1} + λ_n) makes the
    stationary method converge with (κ − 1)/(κ + 1). An indefinite A keeps the signs: M is positive definite anyhow.
    Set-up: k + 1 eigenpairs by shift-and-invert Lanczos, with a sparse factorisation; a use: 4nk flops.
    Fails when A is not Hermitian or singular.
    Reference: R. A. Nicolaides, SIAM J. Numer. Anal. 24 (1987) 355–365, doi:10.1137/0724027; J. Frank, C. Vuik,
    SIAM J. Sci. Comput. 23 (2001) 442–462, doi:10.1137/S1064827500373231.
    """

    title: ClassVar[str] = "spectral deflation"
    sources: ClassVar[tuple[str, ...]] = ("nicolaides1987", "frank2001")
    needs_matrix: ClassVar[bool] = True
    count: int = knob(8, 1, 100, symbol="k", doc="eigenvalues that are deflated")

    def suits(self, system) -> str:
        if not system.symmetric:
            return "Spectral deflation needs a Hermitian matrix; try GCRO-DR, which deflates any matrix."
        if system.size > LANCZOS_LIMIT:
            return f"{system.size} unknowns: eigenvectors come up to {LANCZOS_LIMIT}; try multigrid."
        return Preconditioner.suits(self, system)

    def pairs(self, system: LinearSystem) -> tuple[np.ndarray, np.ndarray]:
        """(values, vectors) of the k + 1 eigenvalues nearest zero, by rising absolute value; vectors (n, k + 1)."""
        if self.suits(system):
            raise Breakdown(self.suits(system), "Use another preconditioner")
        if self.count >= system.size:
            raise Breakdown(f"k = {self.count} eigenvalues of {system.size}", f"Use k up to {system.size - 1}")
        values, vectors = _nearest_zero(system.matrix.astype(system.dtype), self.count + 1)
        order = np.argsort(np.abs(values))
        if abs(values[order[0]]) <= 1e-14 * abs(values[order[-1]]):
            raise Breakdown("A is singular to working precision", "Remove its null space first")
        return values[order], vectors[:, order]

    def bounds(self, system: LinearSystem, values: np.ndarray) -> tuple[float, float]:
        """(|λ_{k+1}|, the largest |λ| or its Gershgorin bound)."""
        known = eigenvalue_bounds(system)
        high = max(map(abs, known)) if known else float(abs(system.matrix).sum(axis=1).max())
        return float(abs(values[-1])), float(high)

    def build(self, system: LinearSystem) -> Built:
        values, vectors = self.pairs(system)
        low, high = self.bounds(system, values)
        basis, omega = np.ascontiguousarray(vectors[:, :-1]), 2.0 / (low + high)
        lift = low / np.abs(values[:-1]) - 1.0

        def apply(r, out):
            np.add(r, basis @ (lift * (basis.conj().T @ r)), out=out)
            np.multiply(out, omega, out=out)

        return Built(apply, flops=(4.0 * self.count + 2.0) * system.size)

    def interval(self, system: LinearSystem) -> tuple[float, float] | None:
        """2 (λ_{k+1}, λ_n)/(λ_{k+1} + λ_n)."""
        if not (system.symmetric and system.definite and system.assembled and system.size <= 10 * DENSE_LIMIT):
            return None
        low, high = self.bounds(system, self.pairs(system)[0])
        return 2 * low / (low + high), 2 * high / (low + high)

    def claims(self, system: LinearSystem) -> tuple:
        """The residual falls by (κ − 1)/(κ + 1), κ = λ_n/λ_{k+1}, from the first step on."""
        try:
            found = self.interval(system)
        except Breakdown:
            return ()
        if found is None:
            return ()
        kappa = found[1] / found[0]
        title = f"(κ − 1)/(κ + 1), κ = λ_n/λ_{self.count + 1} = {kappa:.4g}"
        about = "A Hermitian positive definite, exact eigenvectors"
        return (geometric("residual", found[1] - 1, system, title=title, source="frank2001", assumes=about),)


def _nearest_zero(matrix: sp.csr_array, count: int) -> tuple[np.ndarray, np.ndarray]:
    if matrix.shape[0] <= DENSE_LIMIT:
        values, vectors = np.linalg.eigh(matrix.toarray())
        order = np.argsort(np.abs(values))[:count]
        return values[order], vectors[:, order]
    start = np.random.default_rng(0).standard_normal(matrix.shape[0])
    try:
        return spla.eigsh(sp.csc_array(matrix), count, sigma=0.0, which="LM", v0=start)
    except (RuntimeError, spla.ArpackError) as error:
        raise Breakdown(f"eigenvectors: {str(error).strip()}", "Use a smaller k or another preconditioner") from None
