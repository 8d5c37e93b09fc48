"""The real matrices that PyAMG ships, with their meshes and the modes that multigrid should know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from toolkit.core.arrays import frozen, is_hermitian
from toolkit.core.knob import knob, seed_knob
from toolkit.data import bundled
from toolkit.preconditioner.systems.problems import PlacedSystem
from toolkit.preconditioner.systems.raster import Raster
from toolkit.preconditioner.systems.sparse import is_definite


@dataclass(frozen=True)
class Example(PlacedSystem):
    """A x = b with a real matrix that comes with PyAMG: an airfoil, an elastic bar, a knot, a recirculating flow, …

    Dirichlet unknowns are eliminated. `near_null` holds the modes that smoothed aggregation should reproduce:
    constants, rigid body modes.
    Reference: N. Bell, L. N. Olson, J. Schroder, B. Southworth, JOSS 8 (2023) 5495, doi:10.21105/joss.05495.
    """

    title: ClassVar[str] = "real example"
    sources: ClassVar[tuple[str, ...]] = ("bell2023",)
    matrix_name: str = knob(
        "airfoil", choices=tuple(bundled.MATRICES), doc="; ".join(f"{k}: {v}" for k, v in bundled.MATRICES.items())
    )
    load: str = knob("one", choices=("one", "solution one", "noise"), doc="b: ones, A times ones, or white noise")
    seed: int = seed_knob("the noise")

    @cached_property
    def matrix(self) -> sp.csr_array:
        return bundled.matrix(self.matrix_name).matrix

    @property
    def size(self) -> int:
        return self.matrix.shape[0]

    @cached_property
    def dtype(self) -> np.dtype:
        return self.matrix.dtype

    @cached_property
    def symmetric(self) -> bool:
        """Whether A is Hermitian."""
        return is_hermitian(self.matrix)

    @cached_property
    def definite(self) -> bool:
        """Whether A is Hermitian positive definite, by elimination."""
        return self.symmetric and is_definite(self.matrix)

    @property
    def near_null(self) -> np.ndarray:
        """Near null space of A, shape (n, k)."""
        return bundled.matrix(self.matrix_name).near_null

    @cached_property
    def rhs(self) -> np.ndarray:
        if self.load == "noise":
            b = np.random.default_rng(self.seed).standard_normal(self.size)
        else:
            b = np.ones(self.size) if self.load == "one" else self.matrix @ np.ones(self.size)
        return frozen(b.astype(self.dtype))

    @property
    def spread(self) -> int:
        """Unknowns at a vertex: 3 displacements for the bar, else 1."""
        return 3 if self.matrix_name == "bar" else 1

    def _values(self, v: np.ndarray) -> np.ndarray:
        """One value a free vertex: of displacements the length."""
        v = np.asarray(v).real
        return v if self.spread == 1 else np.linalg.norm(v.reshape(-1, self.spread), axis=1)

    @cached_property
    def _places(self) -> np.ndarray:
        """Plane coordinates of the vertices; those in space are looked at from an edge."""
        vertices = bundled.matrix(self.matrix_name).vertices
        if vertices.shape[1] == 3 and np.ptp(vertices[:, 2]) > 0:
            x, y, z = vertices.T
            return np.column_stack((x - y / 2, z + y / 4 + x / 8))
        return vertices[:, :2]

    @property
    def drawn(self) -> bool:
        """Whether the mesh is plane, of triangles or quadrilaterals."""
        mesh = bundled.matrix(self.matrix_name)
        plane = mesh.vertices.shape[1] == 2 and mesh.elements.max() < len(mesh.vertices)
        return bool(plane and mesh.elements.shape[1] in (3, 4))

    @cached_property
    def _raster(self) -> Raster:
        mesh = bundled.matrix(self.matrix_name)
        return Raster(mesh.vertices, mesh.elements)

    def field(self, v: np.ndarray) -> np.ndarray | None:
        """A vector as a picture of the mesh, zero at Dirichlet vertices; None for meshes in space."""
        if not self.drawn:
            return None
        values = np.zeros(len(bundled.matrix(self.matrix_name).vertices))
        values[: self.size] = self._values(v)
        return self._raster.image(values)

    def scatter(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = self._values(v)
        return self._places[: len(values)], values
