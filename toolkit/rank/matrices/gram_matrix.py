"""Columns to make orthogonal, a matrix to make diagonal, and how far from it they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem
from toolkit.rank.matrices.problems import haar


@dataclass(frozen=True)
class GramMatrix(Problem):
    """Columns A (n × n) to make orthogonal, or B = AᵀA to make diagonal: B of prescribed condition and Haar vectors.

    Eigenvalues of B lie equispaced in the logarithm between 1/κ and 1; A = diag(λ)^½ Wᵀ turned by another Haar matrix.
    Reference: I. Detherage, R. Shah, arXiv:2505.02023 (2025), section 1.
    """

    title: ClassVar[str] = "columns to orthogonalise"
    sources: ClassVar[tuple[str, ...]] = ("detherage2025",)
    n: int = knob(8, 2, 40, symbol="n", doc="rows and columns")
    condition: float = knob(100.0, 1.0, 1e5, log=True, symbol="κ", doc="condition of B, the square of that of A")
    seed: int = seed_knob("the vectors")

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """Of B, the smallest first."""
        return frozen(np.logspace(-np.log10(self.condition), 0, self.n))

    @cached_property
    def columns(self) -> np.ndarray:
        """A."""
        rng = np.random.default_rng(self.seed)
        left, right = haar(rng, self.n, self.n), haar(rng, self.n, self.n)
        return frozen(left * np.sqrt(self.eigenvalues) @ right.T)

    @cached_property
    def gram(self) -> np.ndarray:
        """B = AᵀA."""
        product = self.columns.T @ self.columns
        return frozen((product + product.T) / 2)


def potentials(B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Γ = tr(B ∘ B⁻¹) − n of every matrix in a stack (R, n, n), and B⁻¹; zero only for diagonal B."""
    inverse = np.linalg.inv(B)
    return np.einsum("rii,rii->r", B, inverse) - B.shape[-1], inverse


def departure(gamma: float) -> float:
    """An upper bound of |C − I|_F, C = D B D of unit diagonal, where Γ(B) is `gamma`.

    Γ = Σ R_i²/(1 − R_i²) with R_i² = c_iᵀ C_{−i}⁻¹ c_i ≥ |c_i|²/|C|, c_i the i-th column but for its diagonal: the sum
    of all |c_i|² is |C − I|², at most (1 + |C − I|) Γ.
    """
    return (gamma + np.sqrt(gamma**2 + 4 * gamma)) / 2


def second_order(problem: GramMatrix, apart: float) -> float:
    """What the diagonal of B may be from the eigenvalues, over the largest: 2 |F|²/δ, F beside it, δ their least gap.

    Reference: B. N. Parlett, The Symmetric Eigenvalue Problem, SIAM (1998), theorem 11.7.1.
    """
    quotient = problem.condition ** (1 / (problem.n - 1))
    return 2 * apart**2 * problem.condition / max(quotient - 1, 1e-300)


def of_a_triangle(apart: float) -> float:
    """2 |C − I|: what a triangular factor misses, where |C − I| is at most a half; else nothing is promised.

    Reference: J.-G. Sun, BIT 31 (1991) 341–352, doi:10.1007/BF01931293: |chol(I + E) − I| ≤ |E|/(√2 (1 − |E|)).
    """
    return 2 * apart if apart <= 0.5 else float("nan")
