"""A conforming triangulation: edges, sizes, points to integrate at, and refinement by newest-vertex bisection."""

from __future__ import annotations

import functools
from functools import cached_property

import numpy as np

from toolkit.core.errors import DataError
from toolkit.kernels.triangles import bisection as kernels
from toolkit.kernels.triangles import p1

ROOT = np.sqrt(15.0)


class Triangulation:
    """Triangles `cells` (m, 3), counter-clockwise, on `points` (n, 2); never changed, refined into another one.

    The edge from corner 0 to corner 1 is the next to be bisected. `parents` (m,) are the cells of the mesh it was
    refined from. DataError for triangles that are degenerate or not joined edge to edge.
    Reference: newest-vertex bisection from any initial choice of edges: M. Karkulik, D. Pavlicek, D. Praetorius,
    Constr. Approx. 38 (2013) 213–234, doi:10.1007/s00365-013-9192-4.
    """

    def __init__(self, points: np.ndarray, cells: np.ndarray, parents: np.ndarray | None = None):
        self.points = np.ascontiguousarray(points, dtype=float)
        self.cells = np.ascontiguousarray(cells, dtype=np.int32)
        self.parents = parents
        self.sides, self.ends, self.beside, most = kernels.edges(self.cells, len(self.points))
        if most > 2:
            raise DataError(
                "The mesh is not a surface: an edge has more than two triangles, or two that overlap there."
            )
        if not (self.areas > 0).all():
            raise DataError(f"Triangle {int(np.argmin(self.areas))} of the mesh has no area; expected none degenerate.")

    @classmethod
    def of(cls, mesh) -> Triangulation:
        """From a scikit-fem triangle mesh: oriented, the longest edge of every triangle to be bisected first."""
        points, cells = np.ascontiguousarray(mesh.p.T, dtype=float), np.array(mesh.t.T, dtype=np.int32)
        corners = points[cells]
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        turned = first[:, 0] * second[:, 1] < first[:, 1] * second[:, 0]
        cells[turned] = cells[turned][:, [0, 2, 1]]
        longest = _lengths(points, cells).argmax(axis=1)
        return cls(points, np.take_along_axis(cells, (longest[:, None] + np.arange(3)) % 3, axis=1))

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(a.nbytes for a in (self.points, self.cells, self.sides, self.ends, self.beside, self.shapes))

    @cached_property
    def shapes(self) -> np.ndarray:
        """∫ ∇ψ_a·∇ψ_b of the corners (0, 1), (1, 2), (2, 0) and the area, of every cell (m, 4)."""
        out = np.empty((len(self.cells), 4))
        p1.shapes(self.points, self.cells, out)
        return out

    @property
    def areas(self) -> np.ndarray:
        """Areas of the cells, (m,)."""
        return self.shapes[:, 3]

    @cached_property
    def diameters(self) -> np.ndarray:
        """Longest edges h_T."""
        return _lengths(self.points, self.cells).max(axis=1)

    @cached_property
    def border(self) -> np.ndarray:
        """Numbers of the edges with one cell."""
        return np.flatnonzero(self.beside[:, 1] < 0)

    @cached_property
    def inner(self) -> np.ndarray:
        """Vertices that are not on the border, from bottom to top.

        In the order in which bisection makes them, minimum-degree orderings of a regular mesh may take a hundred times
        longer than the factorisation.
        """
        outside = np.zeros(len(self.points), bool)
        outside[self.ends[self.border]] = True
        found = np.flatnonzero(~outside)
        return found[np.lexsort(self.points[found].T)]

    def at(self, corners: np.ndarray) -> np.ndarray:
        """Points of all cells with the given barycentric coordinates (q, 3): (2, m, q)."""
        return np.stack([self.points[:, d][self.cells] @ corners.T for d in range(2)])

    def refined(self, marked: np.ndarray, snap=None) -> Triangulation:
        """The mesh with the marked cells cut in four by three bisections, and what conformity asks beside them.

        `snap(points)` moves new vertices of the border, (k, 2), onto a curved one.
        """
        chosen = np.zeros(len(self.ends), bool)
        chosen[self.sides[marked]] = True
        kernels.close(self.sides, chosen)
        n, new = len(self.points), np.flatnonzero(chosen)
        middle = np.full(len(self.ends), -1, np.int32)
        middle[new] = np.arange(n, n + len(new))
        added = self.points[self.ends[new]].mean(axis=1)
        if snap is not None:
            outer = self.beside[new, 1] < 0
            added[outer] = snap(added[outer])
        cells, parents = np.empty((4 * len(self), 3), np.int32), np.empty(4 * len(self), np.int32)
        count = kernels.bisect(self.cells, self.sides, middle, cells, parents)
        return Triangulation(np.concatenate((self.points, added)), cells[:count], parents[:count])


def _lengths(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Lengths of the edges 0, 1, 2 of every cell (m, 3)."""
    return np.linalg.norm(points[cells[:, [1, 2, 0]]] - points[cells], axis=2)


@functools.lru_cache(maxsize=16)
def quadrature(parts: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(barycentric coordinates (q, 3), weights (q,) of sum 1): Radon's seven points in each of parts² equal triangles.

    Exact for degree 5. Reference: J. Radon, Monatsh. Math. Phys. 52 (1948) 286–300, doi:10.1007/BF01525334.
    """
    a, b = (6 - ROOT) / 21, (6 + ROOT) / 21
    seven = np.array([[1 / 3] * 3, *(np.roll((1 - 2 * s, s, s), k) for s in (a, b) for k in range(3))])
    weights = np.array([9 / 40] + 3 * [(155 - ROOT) / 1200] + 3 * [(155 + ROOT) / 1200])
    found = []
    for i in range(parts):
        for j in range(parts - i):
            corner = np.array([parts - i - j, i, j])
            found.append(seven @ (corner + np.array([[0, 0, 0], [-1, 1, 0], [-1, 0, 1]])) / parts)
            if i + j < parts - 1:
                found.append(seven @ (corner + np.array([[-1, 1, 0], [-2, 1, 1], [-1, 0, 1]])) / parts)
    return np.concatenate(found), np.tile(weights, parts**2) / parts**2


def near(mesh: Triangulation, point) -> np.ndarray:
    """(cell, corner) pairs (k, 2) of the corners that lie on a point, none where that is None."""
    if point is None:
        return np.empty((0, 2), int)
    return np.argwhere((np.abs(mesh.points - point).max(axis=1) < 1e-12)[mesh.cells])
