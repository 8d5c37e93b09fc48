"""What an output costs against its target: value, slope and curvature of every sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class Misfit:
    """Base of both: ℓ(F, y) of N outputs F (N, c)."""

    def charge(self, outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(ℓ of every sample (N,), ∂ℓ/∂F (N, c))."""
        raise NotImplementedError

    def curvature_times(self, outputs: np.ndarray, targets: np.ndarray, v: np.ndarray) -> np.ndarray:
        """(∂²ℓ/∂F²) v of every sample, (N, c); the matrix is positive semidefinite."""
        raise NotImplementedError


@dataclass(frozen=True)
class SquaredError(Misfit):
    """ℓ = scale/2 |F − y|², y (N, c)."""

    scale: float = 1.0

    def charge(self, outputs, targets):
        apart = outputs - targets
        return 0.5 * self.scale * np.einsum("ni,ni->n", apart, apart), self.scale * apart

    def curvature_times(self, outputs, targets, v):
        return self.scale * v


@dataclass(frozen=True)
class CrossEntropy(Misfit):
    """ℓ = log Σ_j e^{F_j} − F_y, y (N,) whole numbers.

    ∂ℓ/∂F = p − e_y with p = softmax(F), ∂²ℓ/∂F² = diag(p) − p pᵀ.
    """

    def charge(self, outputs, targets):
        rows = np.arange(len(targets))
        scores, chances, sums = _softmax(outputs)
        values = np.log(sums[:, 0]) - scores[rows, targets]
        slope = chances / sums
        slope[rows, targets] -= 1.0
        return values, slope

    def curvature_times(self, outputs, targets, v):
        _, chances, sums = _softmax(outputs)
        share = chances / sums
        return share * (v - np.sum(share * v, axis=1, keepdims=True))


def _softmax(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(F − max F, its exponentials, their sums (N, 1))."""
    scores = outputs - outputs.max(axis=1, keepdims=True)
    chances = np.exp(scores)
    return scores, chances, chances.sum(axis=1, keepdims=True)
