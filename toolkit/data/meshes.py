"""Meshes from files of gmsh, VTK and Wavefront: read by meshio, looked at, and refused with a reason or made ready."""

from __future__ import annotations

import functools
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from toolkit.core.errors import DataError
from toolkit.data.mesh_checks import checked
from toolkit.data.reader import Found, Reader
from toolkit.data.uploads import too_large

ENDINGS = (".msh", ".vtu", ".obj")
MOST_BYTES = 16 << 20
MOST_CELLS = 20_000
MEGABYTES, SECONDS = 2048, 20  # for reading
FLAT = 1e-9  # of the extent: less is no thickness
NOISE = 1e-6  # of the extent: so far single precision strays from a plane
AXES = "xyz"
KINDS = {"triangle": 2, "quad": 2, "tetra": 3}
_CORNERS = {"triangle": 3, "quad": 4, "tetra": 4}
_FLATS = ("polygon", "triangle_strip")  # of two dimensions, and not read but where they are a triangle or quadrilateral
_THIN = re.compile(r"(vertex|poly_vertex|poly_line|line\d*|VTK_LAGRANGE_CURVE)$")
_CELL = re.compile(r"(?:(triangle|quad|tetra)\d*|VTK_LAGRANGE_(TRIANGLE|QUAD|TETRA)\w*)$")


# -- bytes -----------------------------------------------------------------------------------------------------------


def kind(name: str, data: bytes) -> str:
    """ "msh", "vtu" or "obj", as the content says; DataError when it is none of them."""
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        raise DataError(f"{name}: the file is empty; expected a mesh ({', '.join(ENDINGS)}).")
    if head.startswith(b"$NOD"):
        raise DataError(f"{name}: it is of gmsh's format 1, which is not read; save it in the format 2.2 or 4.1.")
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
    kinds = ("msh", "vtu")
    wanted = "a mesh"
    remedies = dict.fromkeys(("vtk", "ply", "stl"), "convert it, as with `meshio convert`") | {
        "gzip": "unpack it first"
    }

    def found(self, name: str, data: bytes) -> Found:
        return ready(name, data)


MESH = Meshes()


def ready(name: str, data: bytes) -> Found:
    """(points (dim, n), cells (dim + 1, m)) of the bytes of a file."""
    if len(data) > MOST_BYTES:
        raise too_large(name, len(data), MOST_BYTES)
    return _ready(name, bytes(data))


@functools.lru_cache(maxsize=4)
def _ready(name: str, data: bytes) -> Found:
    data = data.removeprefix(b"\xef\xbb\xbf")
    points, found = _parsed(name, kind(name, data), data)
    cells, of_cells = _simplices(name, points, found)
    points, of_place = _placed(name, points, cells)
    points, cells, of_points = _joined(points, cells)
    checked(name, points, cells)
    return Found((np.ascontiguousarray(points.T), np.ascontiguousarray(cells.T)), of_cells + of_place + of_points)


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
        raise DataError(f"{name}: it cannot be read ({reason.rstrip('.')}); expected a whole .{what} file.")
    arrays = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    cells = {key[len("cells_") :]: arrays[key] for key in arrays.files if key != "points"}
    return arrays["points"], cells


# -- geometry --------------------------------------------------------------------------------------------------------


def _cells_of(name: str, found: dict[str, np.ndarray]) -> tuple[dict[str, list], bool]:
    """Triangles, quadrilaterals and tetrahedra by their corners, of whatever degree; whether any was curved.

    What has fewer dimensions than the mesh is its boundary, and is not looked at.
    """
    kept, other, curved = {}, {}, False
    for full, cells in found.items():
        named = full.rpartition(":")[0]
        match, count = _CELL.match(named), cells.shape[1]
        if named == "polygon" and count in (3, 4):
            kept.setdefault("triangle" if count == 3 else "quad", []).append(cells)
        elif named == "pixel":
            kept.setdefault("quad", []).append(cells[:, [0, 1, 3, 2]])
        elif match:
            one = (match[1] or match[2]).lower()
            kept.setdefault(one, []).append(cells[:, : _CORNERS[one]])
            curved |= count > _CORNERS[one] and len(cells) > 0
        elif len(cells) and not _THIN.match(named):
            other[named] = 2 if named in _FLATS else 3
    dim = max((KINDS[one] for one, blocks in kept.items() if any(map(len, blocks))), default=0)
    refused = [one for one, size in other.items() if size >= dim]
    if refused:
        raise DataError(
            f"{name}: it has cells of the type {refused[0]!r}; expected {', '.join(KINDS)}: cut the others into such."
        )
    return {one: blocks for one, blocks in kept.items() if KINDS[one] == dim}, curved


def _simplices(name: str, points: np.ndarray, found: dict[str, np.ndarray]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The cells of the highest dimension, by their corners; quadrilaterals are cut in two. And what is to be said."""
    blocks, curved = _cells_of(name, found)
    solids = {one: np.vstack(cells) for one, cells in blocks.items()}
    if not solids:
        raise DataError(f"{name}: it has no cells; expected {', '.join(KINDS)}.")
    if sum(map(len, solids.values())) > MOST_CELLS:
        raise DataError(f"{name}: {sum(map(len, solids.values()))} cells; the limit is {MOST_CELLS}.")
    for cells in solids.values():
        if cells.min() < 0 or cells.max() >= len(points):
            raise DataError(f"{name}: a cell has a corner that is not among the {len(points)} points: it is damaged.")
        if points.ndim != 2 or points.shape[1] < 2 or not np.isfinite(points[cells]).all():
            raise DataError(f"{name}: it has coordinates that are no finite numbers.")
    said = ("Cells of higher degree: their corners were read, and their sides taken as straight.",) * bool(curved)
    if "quad" in solids:
        quads = solids.pop("quad")
        _convex(name, points, quads)
        solids["halves"] = np.vstack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        said += (f"{len(quads)} quadrilaterals were cut in two triangles each.",)
    return np.vstack(list(solids.values())), said


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


def _placed(name: str, points: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The points in as many coordinates as the cells have dimensions, the largest extent 1; and what is to be said."""
    dim, said = cells.shape[1] - 1, ()
    corners = np.unique(cells)
    extent = np.ptp(points[corners], axis=0)
    if not extent.max() > 0:
        raise DataError(f"{name}: all its points are one.")
    axes = np.flatnonzero(extent > FLAT * extent.max())
    if len(axes) < dim:
        raise DataError(f"{name}: it is without area or volume; expected a flat mesh, or tetrahedra.")
    if len(axes) > dim:
        points, axes, said = _flattened(name, points, corners)
        extent = np.ptp(points[corners][:, axes], axis=0)
    return ((points - points[corners].min(axis=0)) / extent.max())[:, axes], said


def _flattened(name: str, points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The points of a flat mesh turned the shortest way into the nearest coordinate plane; its axes; what was done."""
    used = points[corners] - points[corners].mean(axis=0)
    extent = np.ptp(used, axis=0).max()
    normal = np.linalg.svd(used, full_matrices=False)[2][-1]
    apart = float(np.abs(used @ normal).max() / extent)
    if apart > NOISE:
        raise DataError(
            f"{name}: it is a curved surface, {apart:.2g} of its extent away from a plane; expected a flat mesh, or "
            "tetrahedra."
        )
    along = int(np.abs(normal).argmax())
    axes = np.delete(np.arange(3), along)
    plane = "–".join(AXES[one] for one in axes)
    rest = float(np.ptp(used[:, along]) / extent)
    if rest <= 2 * NOISE:
        return points, axes, (f"Its points stray from the {plane} plane by {rest:.1g} of its extent: taken as flat.",)
    turn, _ = Rotation.align_vectors([np.eye(3)[along]], [normal * np.sign(normal[along])])
    return turn.apply(points), axes, (f"It lies in a tilted plane: turned into the {plane} plane.",)


def _joined(points: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Without points that no cell has, and with points at one place made one: many exporters write a point per face."""
    used, cells = np.unique(cells, return_inverse=True)
    points = points[used]
    key = np.round(points / FLAT).astype(np.int64)
    _, first, where = np.unique(key, axis=0, return_index=True, return_inverse=True)
    cells = where.ravel()[cells].reshape(-1, points.shape[1] + 1)
    twice = len(used) - len(first)
    said = (f"{twice} points stood at the place of another, and became one with it.",) * bool(twice)
    return points[first], cells.astype(np.int32), said
