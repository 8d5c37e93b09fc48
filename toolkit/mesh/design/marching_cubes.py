"""Iso-surfaces: closed polygons and triangle surfaces of a field on a grid, and what can be said of their shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import scipy.sparse as sp

from toolkit.core.errors import DataError
from toolkit.kernels.grid import isosurface as kernels

# Corners of a square, counter-clockwise from the lower left, bits 0-3; edges 0 lower, 1 right, 2 upper, 3 left.
# Each pair of edges is a segment with the inside (negative) corner on its left.
_SQUARES = ((), (0, 3), (1, 0), (1, 3), (2, 1), (0, 3, 2, 1), (2, 0), (2, 3), (3, 2), (0, 2), (1, 0, 3, 2), (1, 2))
_SQUARES += ((3, 1), (0, 1), (3, 0), (), (0, 1, 2, 3), (3, 0, 1, 2))
CORNERS = np.array([[k >> 2 & 1, k >> 1 & 1, k & 1] for k in range(8)])
ENDS = np.array([(a, k) for a in range(3) for k in range(8) if not CORNERS[k, a]])


@dataclass(frozen=True)
class Surface:
    """points (v, d); simplices (f, d): segments or triangles; edges (v, 2): axis and lower node of each vertex."""

    points: np.ndarray
    simplices: np.ndarray
    edges: np.ndarray

    @property
    def empty(self) -> bool:
        """Whether the field has no zero on the grid."""
        return not len(self.simplices)

    def measure(self) -> np.ndarray:
        """Length or area of every simplex."""
        p = self.points[self.simplices]
        if p.shape[1] == 2:
            return np.linalg.norm(p[:, 1] - p[:, 0], axis=1)
        return np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 2

    def enclosed(self) -> float:
        """Area or volume inside, by the divergence theorem."""
        p = self.points[self.simplices]
        if p.shape[1] == 2:
            return float(np.sum(p[:, 0, 0] * p[:, 1, 1] - p[:, 0, 1] * p[:, 1, 0]) / 2)
        return float(np.einsum("ij,ij->", p[:, 0], np.cross(p[:, 1], p[:, 2])) / 6)

    def components(self) -> int:
        """Connected pieces."""
        links = np.vstack([self.simplices[:, pair] for pair in combinations(range(self.simplices.shape[1]), 2)])
        graph = sp.coo_array((np.ones(len(links)), links.T), shape=(len(self.points),) * 2)
        return int(sp.csgraph.connected_components(graph, directed=False)[0]) if len(links) else 0

    def euler(self) -> int:
        """Euler characteristic V − E + F of a surface, V − E of a curve."""
        faces = self.simplices
        if faces.shape[1] == 2:
            return len(self.points) - len(faces)
        sides = np.sort(np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
        return len(self.points) - len(np.unique(sides, axis=0)) + len(faces)


def extract(values: np.ndarray, low: float, high: float) -> Surface:
    """The zero set of `values` given on a uniform grid over [low, high]^d, d = 2 or 3; negative inside.

    Axis k of the array is coordinate k. A surface that leaves the grid is open there. O(nodes).
    """
    values = np.ascontiguousarray(values, dtype=float)
    if values.ndim not in (2, 3) or min(values.shape) < 2 or not np.all(np.isfinite(values)):
        raise DataError(f"A field of shape {values.shape}: expected finite values on a grid of 2 or 3 dimensions.")
    sizes, s = np.array(values.shape), values.ravel()
    strides = np.column_stack((sizes, [int(np.prod(sizes[k + 1 :])) for k in range(values.ndim)]))
    number = np.empty((values.ndim, s.size), dtype=np.int64)
    count = kernels.crossings(s, strides, number)
    edges, along = np.empty((count, 2), dtype=np.int64), np.empty(count)
    kernels.place(s, strides, number, edges, along)
    points = np.column_stack(np.unravel_index(edges[:, 1], values.shape)).astype(float)
    points[np.arange(count), edges[:, 0]] += along
    points = low + points * (high - low) / (sizes - 1)
    if values.ndim == 2:
        simplices = np.empty((count, 2), dtype=np.int64)
        simplices = simplices[: kernels.squares(s, number, _square_table(), *values.shape, simplices)]
    else:
        arguments = (s, number, cube_table(), sizes, CORNERS, ENDS)
        simplices = np.empty((kernels.cubes(*arguments, np.empty((0, 3), dtype=np.int64)), 3), dtype=np.int64)
        kernels.cubes(*arguments, simplices)
    return Surface(points, simplices, edges)


@cache
def _square_table() -> np.ndarray:
    table = np.full((18, 4), -1)
    for case, edges in enumerate(_SQUARES):
        table[case, : len(edges)] = edges
    return table


@cache
def cube_table() -> np.ndarray:
    """Triangles of the 256 sign patterns of a cube, (256, 16) edges in threes, built rather than listed.

    On each face the crossed edges are joined so that inside corners stay apart, a rule which the two cells at a face
    read alike: no cracks. The segments close to loops around the edges; each loop is cut into triangles by diagonals
    that do not lie in a face, where the neighbour's might be the same.
    """
    number = {(int(a), int(k)): e for e, (a, k) in enumerate(ENDS)}
    table = np.full((256, 16), -1)
    for case in range(256):
        triangles = [t for loop in _loops(case, number) for t in _cut(loop)]
        table[case, : 3 * len(triangles)] = np.array(triangles, dtype=int).ravel()
    return table


def _edge(a: int, b: int, number: dict) -> int:
    axis = int(np.flatnonzero(CORNERS[a] != CORNERS[b])[0])
    return number[axis, min(a, b)]


def _loops(case: int, number: dict) -> list[list[int]]:
    """Closed loops of crossed edges of one pattern, oriented counter-clockwise seen from outside."""
    follow = {}
    for axis in range(3):
        for side in range(2):
            u, v = [4 >> k for k in range(3) if k != axis]
            base = side * (4 >> axis)
            ring = [base, base + u, base + u + v, base + v]
            # Counter-clockwise seen from outside the cube: (axis, u, v) is right-handed but for the middle axis.
            if (side == 0) != (axis == 1):
                ring.reverse()
            bits = [case >> corner & 1 for corner in ring]
            for k in range(4):
                if bits[k] and not bits[k - 1]:  # a run of inside corners begins at k
                    end = k
                    while bits[(end + 1) % 4]:
                        end += 1
                    enter = _edge(ring[k - 1], ring[k], number)
                    leave = _edge(ring[end % 4], ring[(end + 1) % 4], number)
                    follow[leave] = enter
    loops = []
    while follow:
        loop = [next(iter(follow))]
        while (ahead := follow.pop(loop[-1])) != loop[0]:
            loop.append(ahead)
        loops.append(loop[::-1])
    return loops


def _same_face(a: int, b: int) -> bool:
    """Whether two edges of the cube lie in one of its faces."""
    ends = []
    for edge in (a, b):
        axis, corner = ENDS[edge]
        ends += [CORNERS[corner], CORNERS[corner] + np.eye(3, dtype=int)[axis]]
    return bool(np.any(np.ptp(np.array(ends), axis=0) == 0))


def _cut(loop: list[int]) -> list[tuple[int, int, int]]:
    """Triangles of a loop whose inner diagonals avoid the faces of the cube, where there are such."""
    if len(loop) == 3:
        return [tuple(loop)]
    best = None
    for k in range(1, len(loop) - 1):  # the triangle on the side (last, first)
        triangle, parts = (loop[-1], loop[0], loop[k]), (loop[: k + 1], loop[k:])
        sides = [part for part in parts if len(part) > 2]
        cost = sum(_same_face(part[0], part[-1]) for part in sides)
        pieces = [_cut(part) for part in sides]
        cost += sum(_flat(piece, part) for piece, part in zip(pieces, sides))
        if best is None or cost < best[0]:
            best = (cost, [triangle, *(t for piece in pieces for t in piece)])
    return best[1]


def _flat(triangles: list, loop: list[int]) -> int:
    """How many inner diagonals of a cut loop lie in a face of the cube."""
    sides = {frozenset(pair) for pair in zip(loop, loop[1:] + loop[:1])}
    inner = {frozenset(pair) for t in triangles for pair in combinations(t, 2)} - sides
    return sum(_same_face(*pair) for pair in inner)
