"""Boundary-value problems: second-order elliptic equations on domains, each with its exact solution.

What a method may rely on, for a problem of the kind `BoundaryValueProblem`:

    dim                       1, 2 or 3
    diffusion, reaction       the numbers ε > 0 and c ≥ 0;  velocity, the constant vector b (dim,)
    source(x)                 f, of points (dim, …) gives (…)
    exact(x), exact_gradient(x)   u (…) and ∇u (dim, …)
    boundary(x)               the Dirichlet value of a point of ∂Ω_h (u there, but see Disk)
    initial_mesh(cells)       the coarsest, of scikit-fem; `cells` is one of the class's `cells`, by default its first
    refined(mesh)             the mesh with h halved
    symmetric                 b = 0: the energy is |||v|||² = ∫ ε|∇v|² + c v²
    duality                   s: problems on this domain have solutions in H^{1+s}; 1 if it is convex
    corner                    the point towards which a mesh should be graded, or None;  power: u ~ r^power there
    gap                       order in L2 to which its meshes come near the boundary; infinite where they meet it
    snap(points)              new vertices of a mesh's border, moved to where the boundary is
    own_mesh                  the first mesh is a person's own, of any shapes
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.errors import DataError
from toolkit.core.knob import knob
from toolkit.core.loading import loading
from toolkit.core.problem import Problem
from toolkit.mesh.elements import exact_solutions as fields

DATA = "the solution: "
CENTRE, REACHED = -0.5, 0.65  # of the front, in every coordinate: where it began, and how far it has come


@dataclass(frozen=True)
class BoundaryValueProblem(Problem):
    """−ε Δu + b·∇u + c u = f in Ω, u given on ∂Ω; f and the boundary values are those of a known u.

    Dirichlet data everywhere, b = `speed` · (1, …, 1).
    """

    dim: ClassVar[int] = 2
    cells: ClassVar[tuple[str, ...]] = ("triangles",)
    own_mesh: ClassVar[bool] = False
    data: str = knob("smooth", choices=("smooth", "front"), doc=DATA + "waves, or a steep front")
    diffusion: float = knob(1.0, 1e-6, 1.0, log=True, symbol="ε", doc="diffusion")
    reaction: float = knob(0.0, 0.0, 1e4, symbol="c", doc="reaction")
    speed: float = knob(0.0, 0.0, 10.0, symbol="b", doc="advection in every direction of space")
    number: float = knob(1.0, 0.5, 6.0, symbol="ω", doc="half waves in a unit of length, of smooth data")
    width: float = knob(0.05, 0.005, 0.5, log=True, symbol="w", doc="width of a layer or a front")

    @property
    def velocity(self) -> np.ndarray:
        """b, (dim,)."""
        return np.full(self.dim, self.speed)

    @property
    def symmetric(self) -> bool:
        """Whether there is no advection."""
        return self.speed == 0

    @property
    def duality(self) -> float:
        """What an error gains in order in L2 over the energy."""
        return 1.0

    @property
    def corner(self) -> tuple[float, ...] | None:
        """Where the solution is singular."""
        return (0.0,) * self.dim if self.data == "corner" else None

    @property
    def power(self) -> float:
        """α of a singular solution u ~ r^α."""
        return 2.0 / 3.0

    @property
    def gap(self) -> float:
        """Order in L2 of what is missing between a mesh and the boundary; half an order less in energy."""
        return np.inf

    def snap(self, points: np.ndarray) -> np.ndarray:
        """New vertices (k, dim) of the border of a mesh, where the boundary is: where they are, if it is straight."""
        return points

    @cached_property
    def field(self):
        """The exact solution: `value`, `gradient` and `laplacian` of points."""
        made = {
            "smooth": lambda: self.smooth,
            "front": lambda: self.front,
            "corner": lambda: fields.Corner(self.power),
            "layer": lambda: fields.layers(self.width),
            "cubic": fields.Cubic,
        }
        return made[self.data]()

    @property
    def smooth(self):
        """The solution of data "smooth"."""
        return fields.waves(self.number)

    @property
    def front(self):
        """The solution of data "front"."""
        return fields.Front((CENTRE,) * self.dim, np.sqrt(self.dim) * (REACHED - CENTRE), self.width)

    def exact(self, x: np.ndarray) -> np.ndarray:
        """u at points (dim, …)."""
        return self.field.value(np.asarray(x))

    def exact_gradient(self, x: np.ndarray) -> np.ndarray:
        """∇u at points (dim, …), (dim, …)."""
        return self.field.gradient(np.asarray(x))

    def source(self, x: np.ndarray) -> np.ndarray:
        """f at points (dim, …)."""
        x = np.asarray(x)
        f = -self.diffusion * self.field.laplacian(x)
        if self.reaction:
            f = f + self.reaction * self.exact(x)
        return f if self.symmetric else f + np.tensordot(self.velocity, self.exact_gradient(x), axes=1)

    def boundary(self, x: np.ndarray) -> np.ndarray:
        """Dirichlet values at points (dim, …) of the boundary of a mesh."""
        return self.exact(x)

    def initial_mesh(self, cells: str = ""):
        """The coarsest mesh."""
        cells = cells or self.cells[0]
        if cells not in self.cells:
            known = " or ".join(self.cells)
            raise DataError(f"{type(self).__name__} has no mesh of {cells!r}: expected {known}.")
        return self._coarsest(cells)

    def _coarsest(self, cells: str):
        raise NotImplementedError

    def refined(self, mesh):
        """The mesh with every cell cut in 2, 4 or 8."""
        return mesh.refined()


class UnitGrid(BoundaryValueProblem):
    """Problems on (0, 1) or (0, 1)², where a grid of lines fits: for differences and collocation."""


class Planar(BoundaryValueProblem):
    """Problems with a mesh of triangles, where some may be refined and others not."""


@dataclass(frozen=True)
class Interval(UnitGrid):
    """(0, 1). The singular solution is x^α, of data "corner"."""

    title: ClassVar[str] = "interval"
    dim: ClassVar[int] = 1
    cells: ClassVar[tuple[str, ...]] = ("intervals",)
    data: str = knob(
        "smooth",
        choices=("smooth", "layer", "front", "corner", "cubic"),
        doc=DATA + "waves, a layer before x = 1, a steep front, a power of x, a cubic",
    )
    exponent: float = knob(0.75, 0.55, 2.9, symbol="α", doc="power of a singular solution x^α")

    @property
    def power(self) -> float:
        return self.exponent

    def _coarsest(self, cells: str):
        with loading():
            from skfem import MeshLine

        return MeshLine(np.linspace(0, 1, 3))


@dataclass(frozen=True)
class Square(UnitGrid, Planar):
    """(0, 1)²."""

    title: ClassVar[str] = "square"
    cells: ClassVar[tuple[str, ...]] = ("triangles", "quadrilaterals")
    data: str = knob(
        "smooth",
        choices=("smooth", "layer", "front", "cubic"),
        doc=DATA + "waves, layers at the sides x = 1 and y = 1, a steep front, a cubic",
    )

    def _coarsest(self, cells: str):
        with loading():
            from skfem import MeshQuad, MeshTri

        ends = np.linspace(0, 1, 3)
        return (MeshTri if cells == "triangles" else MeshQuad).init_tensor(ends, ends)


@dataclass(frozen=True)
class Cube(BoundaryValueProblem):
    """(0, 1)³."""

    title: ClassVar[str] = "cube"
    dim: ClassVar[int] = 3
    cells: ClassVar[tuple[str, ...]] = ("tetrahedra",)
    data: str = knob(
        "smooth",
        choices=("smooth", "layer", "front", "cubic"),
        doc=DATA + "waves, layers at the faces x_i = 1, a steep front, a cubic",
    )

    def _coarsest(self, cells: str):
        return self._grid(3)

    def refined(self, mesh):
        """The mesh of half the width, of the same shapes: cutting tetrahedra in eight would make them worse."""
        return self._grid(2 * round((mesh.nelements / 6) ** (1 / 3)))

    def _grid(self, n: int):
        with loading():
            from skfem import MeshTet

        ends = np.linspace(0, 1, n + 1)
        return MeshTet.init_tensor(ends, ends, ends)


@dataclass(frozen=True)
class LShape(Planar):
    """(−1, 1)² without [0, 1) × (−1, 0]: the singular solution of its corner is r^{2/3} sin(2θ/3), of data "corner".

    There is no singularity of that kind in the other solutions, whose data are smooth up to the corner.
    Reference: P. Grisvard, Elliptic Problems in Nonsmooth Domains (1985), Sec. 2.3, doi:10.1137/1.9781611972030.
    """

    title: ClassVar[str] = "L-shape"
    sources: ClassVar[tuple[str, ...]] = ("grisvard1985",)
    cells: ClassVar[tuple[str, ...]] = ("triangles", "quadrilaterals")
    data: str = knob(
        "corner",
        choices=("corner", "smooth", "front", "cubic"),
        doc=DATA + "r^{2/3} sin(2θ/3), waves, a steep front, a cubic",
    )

    @property
    def duality(self) -> float:
        return self.power

    @property
    def front(self):
        return fields.Front((0.7, -0.7), 1.4, self.width)  # from a place outside, where r has no kink

    def _coarsest(self, cells: str):
        with loading():
            from skfem import MeshQuad, MeshTri

        ends = np.linspace(-1, 1, 5)
        mesh = (MeshTri if cells == "triangles" else MeshQuad).init_tensor(ends, ends)
        middle = mesh.p[:, mesh.t].mean(axis=1)
        return mesh.remove_elements(np.flatnonzero((middle[0] > 0) & (middle[1] < 0)))


@dataclass(frozen=True)
class Disk(Planar):
    """The unit disk; the solution "smooth" is (1 − |x|²) e^{x + y/2}.

    Its meshes only come near it. Nodes on the boundary of a mesh take the value of the nearest point of the circle:
    a gap of δ to the circle costs δ/√h in energy and δ in L2. Straight edges have δ = O(h²), which limits the orders to
    3/2 and 2, however high the degree; quadratic ones whose middle lies on the circle have O(h⁴): 7/2 and 4.
    Reference: G. Strang, A. E. Berger, Proc. Symp. Pure Math. 23 (1973) 199–205.
    """

    title: ClassVar[str] = "disk"
    sources: ClassVar[tuple[str, ...]] = ("strang1973",)
    edges: str = knob("quadratic", choices=("quadratic", "straight"), doc="edges at the circle")

    @property
    def gap(self) -> float:
        return 2.0 if self.edges == "straight" else 4.0

    def snap(self, points: np.ndarray) -> np.ndarray:
        return points / np.linalg.norm(points, axis=1, keepdims=True)

    @property
    def smooth(self):
        return fields.Dome()

    @property
    def front(self):
        return fields.Front((-1.3, -1.3), 1.7, self.width)

    def boundary(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        return self.exact(x / np.hypot(x[0], x[1]))

    def _coarsest(self, cells: str):
        with loading():
            from skfem import MeshTri

        return self._curved(MeshTri.init_circle(1))

    def refined(self, mesh):
        """Every triangle cut in four, new nodes of the boundary brought to the circle."""
        with loading():
            from skfem import MeshTri

        mesh = MeshTri.from_mesh(mesh).refined()
        points, rim = mesh.p.copy(), mesh.boundary_nodes()
        points[:, rim] /= np.hypot(*points[:, rim])
        return self._curved(replace(mesh, doflocs=points))

    def _curved(self, mesh):
        """With quadratic edges if that is asked for."""
        with loading():
            from skfem import MeshTri2

        if self.edges == "straight":
            return mesh
        mesh = MeshTri2.from_mesh(mesh)
        points, rim = mesh.doflocs.copy(), mesh.dofs.get_facet_dofs(mesh.boundary_facets()).flatten()
        points[:, rim] /= np.hypot(*points[:, rim])
        return replace(mesh, doflocs=points)
