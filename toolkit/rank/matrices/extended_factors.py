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


def formed(block, other: Extended, along, found, faint, least: float) -> np.ndarray:
    """Orthonormal directions (N, j) of what is new in the rows faintᵀ E, in full; those shorter than `least` drop out.

    block: E (s, n) sparse, n ≤ N; other: V (N, k); along: C = E V (s, k); found: T (s, r), so that (Eᵀ − V Cᵀ) T are
    the directions there are already, to which these are orthogonal as they are to V; faint (s, m).
    """
    if not faint.shape[1]:
        return np.empty((len(other.tall), 0))
    wide = block.shape[1]
    v = other.vectors()[:wide]
    clear = block.T @ found - v @ (along.T @ found)
    left = block.T @ faint - v @ (along.T @ faint)
    for shortest in (least, 0.5):  # in the second round all have length one, but what was noise
        for basis in (v, clear, v, clear):  # twice is enough
            left = left - basis @ (basis.T @ left)
        left, lengths, _ = np.linalg.svd(left, full_matrices=False)
        left = left[:, lengths > shortest]
    return np.pad(left, ((0, len(other.tall) - wide), (0, 0)))
