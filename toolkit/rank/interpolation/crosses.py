"""The greedy core of empirical interpolation: crosses of a table, one row and one column at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.kernels.dense.interpolation import NORMS, cross


@dataclass(slots=True)
class Crosses:
    """Rows (fields) and columns (points) of a table picked so far, the functions made from them, and what is left.

    `rest` (M, n) is the table minus its interpolant, `sizes` (M,) its rows' norms; `shapes` (k, n) are the functions,
    one at their own point and zero at the earlier ones. `rest` is written to by `extended`: the old object is spent.
    """

    rest: np.ndarray
    sizes: np.ndarray
    shapes: list
    rows: list
    columns: list
    norm: str = "max"
    scale: float = 0.0

    @classmethod
    def of(cls, table: np.ndarray, norm: str = "max") -> Crosses:
        """Nothing picked yet."""
        rest, sizes = np.array(table, dtype=float, order="C"), np.empty(len(table))
        found = cls(rest, sizes, [], [], [], norm)
        found._swept(-1, rest[0])
        found.scale = found.largest
        return found

    @property
    def largest(self) -> float:
        """Norm of what is left of the worst row."""
        return float(self.sizes.max())

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.rest.nbytes + sum(shape.nbytes for shape in self.shapes)

    def copy(self) -> Crosses:
        """An independent copy; functions are never written to and are shared."""
        return Crosses(
            self.rest.copy(),
            self.sizes.copy(),
            list(self.shapes),
            list(self.rows),
            list(self.columns),
            self.norm,
            self.scale,
        )

    def extended(self) -> Crosses:
        """One cross more: the worst row, and the column where it is largest in modulus. O(M n).

        What is left of any row is zero at the earlier points, not only to rounding: interpolating it once more, which
        makes the form with all functions at once stable, would change no bit here.
        """
        row = int(np.argmax(self.sizes))
        left = self.rest[row].copy()
        column = int(np.argmax(np.abs(left)))
        if left[column] == 0.0:
            self.sizes[:] = 0.0
            return self
        shape = left / left[column]
        self.shapes.append(shape)
        self.rows.append(row)
        self.columns.append(column)
        self._swept(column, shape)
        return self

    @property
    def corner(self) -> np.ndarray:
        """Values of the functions at the points, (k, k): unit lower triangular, B[i, j] = q_j(x_i)."""
        return np.stack(self.shapes)[:, self.columns].T

    def _swept(self, column: int, shape: np.ndarray) -> None:
        code = NORMS.index(self.norm)
        cross(self.rest, self.rest.view(np.int64), column, shape, code, self.sizes, self.sizes.view(np.int64))
