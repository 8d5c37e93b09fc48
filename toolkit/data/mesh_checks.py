"""What a mesh must be: cells with a volume, joined face to face, not tangled, with a point inside."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from toolkit.core.errors import DataError

CLOSE, SLOPE = 1e-7, 1e-6  # of the extent, as far as single precision strays; and of the size of a face
CHUNK = 200_000  # neighbours of faces that are looked at at once
MOST_PAIRS = 50_000_000


def checked(name: str, points: np.ndarray, cells: np.ndarray) -> None:
    """DataError for a mesh that is degenerate, tangled, not joined face to face, or has no inner point."""
    dim = points.shape[1]
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    volume = np.linalg.det(edges)
    size = np.abs(edges).max(axis=(1, 2)) ** dim
    thin = np.abs(volume) <= 1e-10 * size
    if thin.any():
        raise DataError(f"{name}: {thin.sum()} cells have no {'area' if dim == 2 else 'volume'}; expected none.")
    faces, sides, opposite = _faces(cells)
    many = np.flatnonzero(np.bincount(sides) > 2)
    if len(many):
        ends = points[faces[many[0]]].round(3).tolist()
        raise DataError(
            f"{name}: the mesh is not a manifold: more than two cells meet at the face with the corners {ends}."
        )
    _untangled(name, points, faces, sides, opposite)
    alone = np.flatnonzero(np.bincount(sides) == 1)
    rim = faces[alone]
    owners = np.empty(len(faces), dtype=int)
    owners[sides] = np.tile(np.arange(len(cells)), dim + 1)
    _conforming(name, points, rim, cells[owners[alone]])
    if dim == 2:
        ends = np.bincount(rim.ravel(), minlength=len(points))
        if (ends > 2).any():
            place = points[int(np.argmax(ends))].round(3).tolist()
            raise DataError(f"{name}: the mesh is not a manifold: it touches itself in the point {place} only.")
    if len(np.unique(rim)) == len(points):
        raise DataError(f"{name}: every point is on the boundary: there is nothing to solve for; use a finer mesh.")


def _faces(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The faces, and of every cell and corner the face opposite: (faces, its number, the corner)."""
    dim = cells.shape[1] - 1
    every = np.vstack([np.delete(cells, i, axis=1) for i in range(dim + 1)])
    faces, sides = np.unique(np.sort(every, axis=1), axis=0, return_inverse=True)
    return faces, sides.ravel(), cells.T.ravel()


def _untangled(name: str, points, faces, sides, opposite) -> None:
    """DataError where the two cells of a face lie on one side of it: one of them is turned inside out."""
    order = np.argsort(sides, kind="stable")
    pairs = np.flatnonzero(np.diff(sides[order]) == 0)
    one, other = opposite[order[pairs]], opposite[order[pairs + 1]]
    base = points[faces[sides[order[pairs]]]]
    heights = []
    for corner in (one, other):
        edges = np.concatenate([base[:, 1:], points[corner][:, None]], axis=1) - base[:, :1]
        heights.append(np.linalg.det(edges))
    bad = heights[0] * heights[1] >= 0
    if bad.any():
        place = base[bad.argmax()].mean(axis=0).round(3).tolist()
        raise DataError(
            f"{name}: the mesh is tangled: at {bad.sum()} faces, the first around {place} (the largest extent is 1), "
            "two cells overlap, so that the Jacobian is not positive."
        )


def _conforming(name: str, points: np.ndarray, rim: np.ndarray, owners: np.ndarray) -> None:
    """DataError where a face that has a cell on one side only has, inside it, a corner or the middle of another such
    face: there the mesh is split on one side only (a hanging node), or two parts touch without being joined.

    `owners` are the cells of the faces; a face's own cell, however flat, is not held against it.
    """
    corners = points[rim]
    centres = corners.mean(axis=1)
    reach = np.linalg.norm(corners - centres[:, None], axis=2).max(axis=1)
    used = np.unique(rim)
    places = np.vstack([points[used], centres])
    tree = cKDTree(places)
    reach_of = reach * (1 + SLOPE) + CLOSE
    counts = _neighbours(name, tree, centres, reach_of)
    for part in np.split(np.arange(len(rim)), np.flatnonzero(np.diff(counts // CHUNK)) + 1):
        near = tree.query_ball_point(centres[part], reach_of[part], return_sorted=False)
        face = np.repeat(part, [len(one) for one in near])
        place = np.concatenate([np.asarray(one, dtype=int) for one in near])
        vertex = np.append(used, np.full(len(rim), -1))[place]
        own = (owners[face] == vertex[:, None]).any(axis=1)
        middle = np.maximum(place - len(used), 0)
        own |= (vertex < 0) & (np.sort(owners[face], axis=1) == np.sort(owners[middle], axis=1)).all(axis=1)
        face, place = face[~own], place[~own]
        inside = _inside(places[place], corners[face], reach[face])
        if inside.any():
            at = np.flatnonzero(inside)
            twins = vertex[~own][at] >= 0
            raise DataError(f"{name}: {_unjoined(places[place[at]], corners[face[at]], reach[face[at]], twins)}")


def _neighbours(name: str, tree: cKDTree, centres: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """How many places there are within reach of the first face, of the first two, …; DataError where they are too many
    for a mesh whose cells do not lie over one another."""
    counts = [np.zeros(0, dtype=int)]
    for start in range(0, len(centres), 1000):
        part = slice(start, start + 1000)
        found = tree.query_ball_point(centres[part], reach[part], return_length=True)
        counts.append(np.cumsum(found) + (counts[-1][-1] if start else 0))
        if counts[-1][-1] > MOST_PAIRS:
            raise DataError(f"{name}: its cells lie over one another; expected such that meet in faces only.")
    return np.concatenate(counts)


def _unjoined(places: np.ndarray, corners: np.ndarray, reach: np.ndarray, points: np.ndarray) -> str:
    """What is wrong where these places, some of them `points` of the mesh, lie in these faces."""
    near = np.linalg.norm(corners - places[:, None], axis=2).min(axis=1) <= _close(reach)
    if (near & points).any():
        where = f"around {places[(near & points).argmax()].round(4).tolist()} (the largest extent is 1)"
        return f"the mesh is torn: {where} two points lie almost at one place; merge them."
    first = (
        (~near & points).argmax() if (~near & points).any() else (~near).argmax()
    )  # the node itself, where it is one
    where = f"around {places[first].round(4).tolist()} (the largest extent is 1)"
    told = "an edge or a face is split on one side only (a hanging node); split it on the other side too"
    return f"the mesh is not joined face to face: {where} {told}."


def _close(reach):
    return np.minimum(CLOSE + SLOPE * reach, 0.01 * reach)


def _inside(places: np.ndarray, corners: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Whether each place (k, dim) lies in its face (k, dim, dim), an edge or a triangle, up to rounding."""
    edges = (corners[:, 1:] - corners[:, :1]).transpose(0, 2, 1)  # columns
    away = places - corners[:, 0]
    gram = edges.transpose(0, 2, 1) @ edges
    share = np.linalg.solve(gram, edges.transpose(0, 2, 1) @ away[..., None])
    distance = np.linalg.norm(away - (edges @ share)[..., 0], axis=1)
    close = _close(reach)
    weights = np.concatenate([1 - share.sum(axis=1), share[..., 0]], axis=1)
    return (distance <= close) & (weights >= -close[:, None] / reach[:, None]).all(axis=1)
