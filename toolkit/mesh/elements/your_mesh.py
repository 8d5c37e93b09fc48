"""A boundary-value problem on a mesh of a person's own."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.core.loading import loading
from toolkit.data.meshes import MESH
from toolkit.data.reader import Found
from toolkit.mesh.elements.problems import DATA, Planar

EXAMPLES = ("ring", "gear")


@dataclass(frozen=True)
class YourMesh(Planar):
    """A domain given by a mesh file (.msh, .vtu, .obj): flat triangles or quadrilaterals, or tetrahedra, straight.

    file: a path; "ring" or "gear", two meshes that need no file; or "upload:…", what `accept_upload` returned. The
    mesh is moved to the origin, a tilted plane is turned, and the extent scaled to 1; points at one place become one,
    quadrilaterals are cut in two triangles, of cells of higher degree the corners are read. A known u, given on the
    boundary, makes the errors exact on any mesh. Refused: other cells, curved surfaces, hanging nodes, tangled meshes
    or such that are no manifold, more than 16 MB or 20 000 cells.
    Reference: the formats are read by meshio, N. Schlömer, doi:10.5281/zenodo.1173115.
    """

    title: ClassVar[str] = "your mesh"
    own_mesh: ClassVar[bool] = True
    file: str = knob("ring", file=MESH.endings, doc="a path, 'ring', 'gear', or an upload")
    data: str = knob("smooth", choices=("smooth", "front", "cubic"), doc=DATA + "waves, a steep front, a cubic")

    def __post_init__(self):
        Planar.__post_init__(self)
        if self.file not in EXAMPLES:  # a file that cannot be used is refused here, not in mid-run
            self._found  # noqa: B018

    @classmethod
    def accept_upload(cls, knob_name: str, filename: str, data: bytes) -> str:
        """The knob's value for an uploaded file, kept by its content; DataError when it cannot be used."""
        return MESH.accept(filename, data)

    @cached_property
    def _found(self) -> Found:
        return Found(example(self.file)) if self.file in EXAMPLES else MESH.look(self.file)

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Points (dim, n) and cells (dim + 1, m)."""
        return self._found.value

    def caption(self) -> str:
        """What was turned or assumed of the file."""
        return " ".join(self._found.remarks)

    @property
    def dim(self) -> int:
        """2 or 3, as the mesh says."""
        return len(self.arrays[0])

    @property
    def cells(self) -> tuple[str, ...]:
        """Triangles or tetrahedra."""
        return ("triangles",) if self.dim == 2 else ("tetrahedra",)

    @property
    def duality(self) -> float:
        """Corners of up to 2π leave at least half an order."""
        return 0.5

    def _coarsest(self, cells: str):
        with loading():
            from skfem import MeshTet, MeshTri

        return (MeshTri if self.dim == 2 else MeshTet)(*self.arrays)


@functools.cache
def example(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A ring of inner radius 0.2 and outer 0.5, its rim with eight teeth if it is a "gear"."""
    around, across = (48, 4) if name == "gear" else (24, 3)
    angle = 2 * np.pi * np.arange(around) / around
    depth = np.linspace(0, 1, across + 1)[:, None]
    rim = 0.5 - 0.03 * (1 - np.sign(np.cos(8 * angle + 0.3))) * (name == "gear")
    r = 0.2 * (1 - depth) + rim * depth
    points = 0.5 + np.array([(r * np.cos(angle)).ravel(), (r * np.sin(angle)).ravel()])
    i, j = np.divmod(np.arange(across * around), around)
    a, b = i * around + j, i * around + (j + 1) % around
    cells = np.array([[a, b, a + around], [b, b + around, a + around]]).transpose(1, 0, 2).reshape(3, -1)
    return points, np.ascontiguousarray(cells, dtype=np.int32)
