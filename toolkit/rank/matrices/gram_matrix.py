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
