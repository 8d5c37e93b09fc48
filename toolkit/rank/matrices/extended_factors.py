"""Singular vectors as a product, so that a small matrix turns them at a small cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WORST = 1e5  # condition of a small factor beyond which it is multiplied out


@dataclass(slots=True)
class Extended:
    """Singular vectors as a product: tall (N, k) times small (k, k), the inverse of small at hand."""

    tall: np.ndarray
    small: np.ndarray
    inverse: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, length: int) -> Extended:
        """Vectors, with rows of zeros to come."""
        k = vectors.shape[1]
        tall = np.zeros((length, k))
        tall[: len(vectors)] = vectors
        return cls(tall, np.eye(k), np.eye(k))

    def vectors(self) -> np.ndarray:
        """The vectors, multiplied out, (N, k)."""
        return self.tall @ self.small

    def turned(self, factor: np.ndarray) -> None:
        """The vectors times a small matrix, in k³; multiplied out when that would grow ill-conditioned."""
        small = self.small @ factor
        u, s, vt = np.linalg.svd(small)
        if s[-1] * WORST <= max(s[0], 1.0):  # also where nothing of the old vectors is left
            self.tall = self.tall @ small
            self.small, self.inverse = np.eye(len(small)), np.eye(len(small))
        else:
            self.small, self.inverse = small, vt.T / s @ u.T

    def copy(self) -> Extended:
        """A copy with arrays of its own."""
        return Extended(self.tall.copy(), self.small.copy(), self.inverse.copy())

    def nbytes(self) -> int:
        """Bytes held."""
        return self.tall.nbytes + self.small.nbytes + self.inverse.nbytes
