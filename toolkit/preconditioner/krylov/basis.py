"""Rows that are added one by one: Krylov bases and the coefficients of recurrences."""

from __future__ import annotations

import numpy as np

from toolkit.core.arrays import norm


class Basis:
    """Vectors of length n as the rows of an array that grows by doubling.

    A row never changes once it is added, so a copy shares the array and takes one of its own when it is added to.
    """

    def __init__(self, size: int, dtype=float):
        self.count, self._rows, self._borrowed = 0, np.empty((4, size), dtype=dtype), False

    def __len__(self) -> int:
        return self.count

    @property
    def rows(self) -> np.ndarray:
        """The rows so far, (count, n): a view."""
        return self._rows[: self.count]

    @property
    def nbytes(self) -> int:
        """Bytes of the rows so far."""
        return self.rows.nbytes

    def append(self, vector) -> None:
        """Add one row."""
        self.extend(np.asarray(vector)[None])

    def extend(self, vectors: np.ndarray) -> None:
        """Add rows, shape (more, n)."""
        needed = self.count + len(vectors)
        if needed > len(self._rows) or self._borrowed:
            room = len(self._rows) if needed <= len(self._rows) else max(needed, 2 * len(self._rows))
            grown = np.empty((room, self._rows.shape[1]), self._rows.dtype)
            grown[: self.count] = self.rows
            self._rows, self._borrowed = grown, False
        self._rows[self.count : needed] = vectors
        self.count = needed

    def clear(self) -> None:
        """Start again in a new array: copies may still read the old one."""
        self.count, self._rows, self._borrowed = 0, np.empty_like(self._rows), False

    def copy(self) -> Basis:
        """The same rows, at no cost until one of the two grows."""
        twin = Basis.__new__(Basis)
        twin.count, twin._rows, twin._borrowed = self.count, self._rows, True
        return twin

    def combine(self, y: np.ndarray) -> np.ndarray:
        """Σ y_i v_i over the first len(y) rows."""
        return y @ self._rows[: len(y)]

    def orthogonalise(self, w: np.ndarray) -> tuple[np.ndarray, float]:
        """(h, ‖w‖) with w made orthogonal to the orthonormal rows in place: h holds the coefficients taken out.

        Classical Gram–Schmidt, repeated where the norm fell below 0.7 of what it was: orthogonal to working precision.
        Reference: J. W. Daniel, W. B. Gragg, L. Kaufman, G. W. Stewart, Math. Comp. 30 (1976) 772–795,
        doi:10.1090/S0025-5718-1976-0431641-8.
        """
        rows, before = self.rows, norm(w)
        h = np.conj(rows @ w.conj())
        w -= h @ rows
        after = norm(w)
        if after < 0.7 * before:
            correction = np.conj(rows @ w.conj())
            w -= correction @ rows
            h, after = h + correction, norm(w)
        return h, after
