"""Meshes from files of gmsh, VTK and Wavefront: read by meshio, looked at, and refused with a reason or made ready."""

from __future__ import annotations

import functools
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from toolkit.core.errors import DataError
from toolkit.data.reader import Reader
from toolkit.data.uploads import too_large

ENDINGS = (".msh", ".vtu", ".obj")
MOST_BYTES = 16 << 20
MOST_CELLS = 20_000
MEGABYTES, SECONDS = 2048, 20  # for reading
FLAT = 1e-9  # of the extent: less is no thickness
IGNORED = ("vertex", "line")
KINDS = {"triangle": 2, "quad": 2, "tetra": 3}


# -- bytes -----------------------------------------------------------------------------------------------------------


def kind(name: str, data: bytes) -> str:
    """ "msh", "vtu" or "obj", as the content says; DataError when it is none of them."""
    head = data[:4096].lstrip()
    if not head:
        raise DataError(f"{name}: the file is empty; expected a mesh ({', '.join(ENDINGS)}).")
    if head.startswith((b"$MeshFormat", b"$Comments")):
        return "msh"
    if head.startswith(b"<"):
        return "vtu"
    if any(line.split()[:1] == [b"v"] for line in data.splitlines()[:10_000]):
        return "obj"
    raise DataError(f"{name}: it is neither a gmsh (.msh), a VTK (.vtu) nor a Wavefront (.obj) mesh.")


class Meshes(Reader):
    """Meshes of triangles or tetrahedra: (points (dim, n), cells (dim + 1, m))."""

    endings = ENDINGS
    most = MOST_BYTES
    by_name = True

    def made(self, name: str, data: bytes) -> tuple[np.ndarray, np.ndarray]:
        return ready(name, data)


MESH = Meshes()


def ready(name: str, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """(points (dim, n), cells (dim + 1, m)) of the bytes of a file."""
    if len(data) > MOST_BYTES:
        raise too_large(name, len(data), MOST_BYTES)
    return _ready(name, bytes(data))


@functools.lru_cache(maxsize=4)
def _ready(name: str, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    points, found = _parsed(name, kind(name, data), data)
    points, cells = _simplices(name, points, found)
    points, cells = _joined(_placed(name, points, cells), cells)
    checked(name, points, cells)
    return np.ascontiguousarray(points.T), np.ascontiguousarray(cells.T)


def _parsed(name: str, what: str, data: bytes) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Points and cells by type, read in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"mesh.{what}"
        path.write_bytes(data)
        command = [sys.executable, "-I", str(Path(__file__).with_name("mesh_reader.py")), str(path), what]
        command += [str(MEGABYTES), str(SECONDS)]
        few = os.environ | dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        try:
            done = subprocess.run(command, capture_output=True, timeout=3 * SECONDS, env=few)
        except subprocess.TimeoutExpired:
            raise DataError(f"{name}: reading it takes more than {SECONDS} seconds; expected a small mesh.") from None
    if done.returncode:
        reason = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["reading it took too much"])[-1]
        raise DataError(f"{name}: it is damaged or truncated ({reason.rstrip('.')}); expected a whole .{what} file.")
    arrays = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    cells = {key[len("cells_") :]: arrays[key] for key in arrays.files if key != "points"}
    return arrays["points"], cells


# -- geometry --------------------------------------------------------------------------------------------------------


def _simplices(name: str, points: np.ndarray, found: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Points and the cells of the highest dimension; quadrilaterals are cut in two."""
    other = [one for one in found if one not in KINDS and one not in IGNORED]
    if other:
        raise DataError(f"{name}: it has cells of the type {other[0]!r}; expected {', '.join(KINDS)} (of degree one).")
    solids = {one: cells for one, cells in found.items() if one in KINDS and len(cells)}
    if not solids:
        raise DataError(f"{name}: it has no cells; expected {', '.join(KINDS)}.")
    dim = max(KINDS[one] for one in solids)
    solids = {one: cells for one, cells in solids.items() if KINDS[one] == dim}
    if sum(map(len, solids.values())) > MOST_CELLS:
        raise DataError(f"{name}: {sum(map(len, solids.values()))} cells; the limit is {MOST_CELLS}.")
    if points.ndim != 2 or not np.isfinite(points).all():
        raise DataError(f"{name}: it has coordinates that are no finite numbers.")
    for cells in solids.values():
        if cells.min() < 0 or cells.max() >= len(points):
            raise DataError(f"{name}: a cell has a corner that is not among the {len(points)} points: it is damaged.")
    if "quad" in solids:
        quads = solids.pop("quad")
        _convex(name, points, quads)
        solids["halves"] = np.vstack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return points, np.vstack(list(solids.values()))


def _convex(name: str, points: np.ndarray, quads: np.ndarray) -> None:
    """DataError for a quadrilateral whose Jacobian is not of one sign: it is tangled, or not convex."""
    p = np.pad(points, ((0, 0), (0, 3 - points.shape[1])))[quads]
    turns = np.cross(np.roll(p, -1, 1) - p, np.roll(p, 1, 1) - p)
    total = turns.sum(axis=1, keepdims=True)
    bad = ~((turns * total).sum(axis=2) > 1e-12 * (total**2).sum(axis=2)).all(axis=1)
    if bad.any():
        raise DataError(
            f"{name}: {bad.sum()} quadrilaterals, the first with the corners {quads[bad.argmax()].tolist()}, are "
            "tangled: their Jacobian is not positive; expected convex ones."
        )


def _placed(name: str, points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The points that are used, in as many coordinates as the cells have dimensions, the largest extent 1."""
    dim = cells.shape[1] - 1
    used = points[np.unique(cells)]
    extent = np.ptp(used, axis=0)
    if not extent.max() > 0:
        raise DataError(f"{name}: all its points are one.")
    axes = np.flatnonzero(extent > FLAT * extent.max())
    if len(axes) != dim:
        what = "a curved surface" if len(axes) > dim else "without area or volume"
        raise DataError(f"{name}: it is {what}; expected a flat mesh in a coordinate plane, or tetrahedra.")
    return ((points - used.min(axis=0)) / extent.max())[:, axes]


def _joined(points: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without points that no cell has, and with points at one place made one: many exporters write a point per face."""
    cells = np.asarray(cells)
    key = np.round(points / FLAT).astype(np.int64)
    _, first, where = np.unique(key, axis=0, return_index=True, return_inverse=True)
    cells = where.ravel()[cells]
    kept, cells = np.unique(cells, return_inverse=True)
    return points[first[kept]], cells.reshape(-1, points.shape[1] + 1).astype(np.int32)


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
    rim = faces[np.bincount(sides) == 1]
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
