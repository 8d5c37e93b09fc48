"""What a finite element solution gets wrong, cell by cell: the true error, and estimates that do not know the solution.

All are squares (m,) that add up over the cells, in the energy norm |||v|||² = ∫ κ|∇v|² + c v². The solution u_h is
linear in every cell, κ and c are constant there, and the Dirichlet data g is interpolated on the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from toolkit.kernels import equilibration as kernels
from toolkit.mesh.linear import LinearElements, solved
from toolkit.mesh.triangulation import Triangulation, near, quadrature

POINTS = 60_000  # points at which f is taken, at least: on a coarse mesh it must not slip between them
GAUSS = np.polynomial.legendre.leggauss(10)


@dataclass(frozen=True)
class Level:
    """A mesh and the finite element solution on it; never changed.

    `u` (n,) values at the vertices; `kappa`, `c` (m,) coefficients; `f` (m, q) the source at the points of
    `quadrature(parts)`; `gradients` (m, 2) of u_h; `rest` (m, 3) = ∫ f ψ_a − c u_h ψ_a − κ∇u_h·∇ψ_a over each cell,
    which sum to zero around every inner vertex.
    """

    problem: object
    mesh: Triangulation
    parts: int
    u: np.ndarray
    kappa: np.ndarray
    c: np.ndarray
    f: np.ndarray
    gradients: np.ndarray
    rest: np.ndarray

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        arrays = (self.u, self.kappa, self.c, self.f, self.gradients, self.rest)
        return self.mesh.nbytes + sum(a.nbytes for a in arrays)

    @cached_property
    def errors(self) -> np.ndarray:
        """|||u − u_h|||² in every cell (m,)."""
        return true_error(self)


def galerkin(problem, mesh: Triangulation) -> Level:
    """The linear finite element solution on a mesh; `diffusion` and `reaction` of the problem, or one for each cell."""
    parts = int(np.clip(np.ceil(np.sqrt(POINTS / (7 * len(mesh)))), 1, 16))
    corners, weights = quadrature(parts)
    x = mesh.at(corners)
    kappa, c = (np.array(np.broadcast_to(v, len(mesh)), dtype=float) for v in (problem.diffusion, problem.reaction))
    f = np.array(np.broadcast_to(problem.source(x), x.shape[1:]), dtype=float)
    shares = mesh.areas[:, None] * (f @ (weights[:, None] * corners))
    elements = LinearElements(mesh)
    border = np.setdiff1d(np.arange(len(mesh.points)), mesh.inner)
    values = np.zeros(len(mesh.points))
    values[border] = problem.exact(mesh.points[border].T)
    u = solved(elements.matrix(kappa, c), elements.load(shares), values, mesh.inner)
    gradients = np.empty((len(mesh), 2))
    kernels.gradients(mesh.points, mesh.cells, u, gradients)
    at = u[mesh.cells]
    shares -= (c * mesh.areas / 12)[:, None] * (at + at.sum(axis=1, keepdims=True))
    shares -= kappa[:, None] * _stiff(mesh, at)
    return Level(problem, mesh, parts, u, kappa, c, f, gradients, shares)


def _stiff(mesh: Triangulation, at: np.ndarray) -> np.ndarray:
    """∫ ∇u_h·∇ψ_a over each cell, from the values at its corners."""
    p, q, r = mesh.shapes[:, :3].T
    a, b, c = at.T
    return np.column_stack([p * (b - a) + r * (c - a), p * (a - b) + q * (c - b), q * (b - c) + r * (a - c)])


def flux(level: Level) -> np.ndarray:
    """The equilibrated flux σ ≈ −κ∇u_h through every edge (e,), out of its first cell: lowest Raviart–Thomas order.

    Its divergence is the mean of f − c u_h in every cell. Reference: Braess and Schöberl (2008),
    doi:10.1090/S0025-5718-07-02080-7; Ern and Vohralík (2015), doi:10.1137/130950100.
    """
    mesh, about = level.mesh, (level.gradients, level.kappa, level.mesh.areas)
    return kernels.equilibrate(mesh.points, mesh.cells, mesh.sides, mesh.beside, level.rest, *about)


def misfit(level: Level, through: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(‖κ^−½ (σ + κ∇u_h)‖² in every cell, div σ) of a flux through the edges."""
    mesh, squares, divergence = level.mesh, np.empty(len(level.mesh)), np.empty(len(level.mesh))
    about = (level.gradients, level.kappa, mesh.areas)
    kernels.misfits(mesh.points, mesh.cells, mesh.sides, mesh.beside, through, *about, squares, divergence)
    return squares, divergence


def remainder(level: Level, divergence: np.ndarray | float) -> np.ndarray:
    """‖f − c u_h − div σ‖² in every cell."""
    corners, weights = quadrature(level.parts)
    left = level.f - np.reshape(divergence, (-1, 1))
    if level.c.any():
        left = left - level.c[:, None] * (level.u[level.mesh.cells] @ corners.T)
    return level.mesh.areas * (left**2 @ weights)


def equilibrated(level: Level) -> np.ndarray:
    """η_T² = (‖κ^−½ (σ + κ∇u_h)‖ + min(h_T/π√κ, 1/√c) ‖f − c u_h − div σ‖)², and the border's part.

    A guaranteed bound, without any constant: |||u − u_h|||² ≤ Σ η_T² (Prager and Synge 1947; Payne and Weinberger's
    constant h_T/π on convex cells, as div σ has the mean of f − c u_h).
    Reference: Ern and Vohralík (2015), doi:10.1137/130950100, Theorem 3.3; the border: `lifted`.
    """
    squares, divergence = misfit(level, flux(level))
    weight = level.mesh.diameters / (np.pi * np.sqrt(level.kappa))
    with np.errstate(divide="ignore"):
        weight = np.minimum(weight, 1 / np.sqrt(level.c))
    return (np.sqrt(squares) + weight * np.sqrt(remainder(level, divergence))) ** 2 + lifted(level)


def residual(level: Level) -> np.ndarray:
    """η_T² = min(h_T²/κ, 1/c) ‖f − c u_h‖² + ½ Σ_E h_E/κ ‖[κ∂u_h/∂n]‖²_E over the inner edges, and the border's part.

    Reliable and efficient up to constants that depend on the least angle.
    Reference: R. Verfürth, A Posteriori Error Estimation Techniques for Finite Element Methods (2013),
    doi:10.1093/acprof:oso/9780199679423.001.0001, section 1.4.
    """
    mesh, across = level.mesh, np.empty(len(level.mesh))
    kernels.jumps(mesh.points, mesh.cells, mesh.sides, mesh.beside, level.gradients, level.kappa, across)
    with np.errstate(divide="ignore"):
        weight = np.minimum(mesh.diameters**2 / level.kappa, 1 / level.c)
    return weight * remainder(level, 0.0) + across + lifted(level)


def lifted(level: Level) -> np.ndarray:
    """|||w|||² in every cell of a function w with w = g − g_h on the border, g_h the interpolated data.

    In the triangle behind a border edge E, w is g − g_h on E times the distance ρ from the opposite corner (0 there, 1
    on E), so it vanishes on the other edges. An error bound for zero data plus |||w|||² is one for data g, since the
    harmonic extension is orthogonal to what vanishes on the border and has no more energy than w.
    """
    problem, mesh = level.problem, level.mesh
    cells = mesh.beside[mesh.border, 0]
    side = np.argmax(mesh.sides[cells] == mesh.border[:, None], axis=1)
    a, b, o = (mesh.points[mesh.cells[cells, (side + k) % 3]] for k in range(3))
    s, weights = (GAUSS[0] + 1) / 2, GAUSS[1] / 2
    along = (b - a).T[:, :, None]
    x = a.T[:, :, None] + s * along
    ends = level.u[mesh.cells[cells, side]], level.u[mesh.cells[cells, (side + 1) % 3]]
    gap = problem.exact(x) - ends[0][:, None] * (1 - s) - ends[1][:, None] * s
    slope = (problem.exact_gradient(x) * along).sum(axis=0) - (ends[1] - ends[0])[:, None]
    ray = x - o.T[:, :, None]
    energy = ((gap * along - slope * ray) ** 2).sum(axis=0) @ weights / (4 * mesh.areas[cells])
    mass = mesh.areas[cells] / 2 * (gap**2 @ weights)
    parts = np.sqrt(level.kappa[cells] * energy + level.c[cells] * mass)
    return np.bincount(cells, parts, len(mesh)) ** 2  # the triangle inequality where a cell has several such edges


def true_error(level: Level) -> np.ndarray:
    """|||u − u_h|||² in every cell, by the exact solution; beside its singular points with points that crowd there."""
    mesh = level.mesh
    corners, weights = quadrature(level.parts)
    squares = mesh.areas * (_density(level, slice(None), corners) @ weights)
    for cell, corner in near(mesh, level.problem.corner):
        corners, weights = _crowded(int(corner))
        squares[cell] = mesh.areas[cell] * (_density(level, slice(cell, cell + 1), corners) @ weights)[0]
    return squares


def _density(level: Level, some: slice, corners: np.ndarray) -> np.ndarray:
    """κ|∇u − ∇u_h|² + c (u − u_h)² in some cells, at points by barycentric coordinates (q, 3)."""
    problem, mesh = level.problem, level.mesh
    x = np.stack([mesh.points[:, d][mesh.cells[some]] @ corners.T for d in range(2)])
    slopes = problem.exact_gradient(x) - level.gradients[some].T[:, :, None]
    found = level.kappa[some, None] * (slopes**2).sum(axis=0)
    if level.c[some].any():
        found += level.c[some, None] * (problem.exact(x) - level.u[mesh.cells[some]] @ corners.T) ** 2
    return found


def _crowded(corner: int) -> tuple[np.ndarray, np.ndarray]:
    """(barycentric coordinates, weights of sum 1) for r^(−2/3) at a corner: ρ = t³ in polar coordinates around it."""
    t, s = (v.ravel() for v in np.meshgrid((GAUSS[0] + 1) / 2, (GAUSS[0] + 1) / 2, indexing="ij"))
    weights = 6 * t**5 * np.outer(GAUSS[1] / 2, GAUSS[1] / 2).ravel()
    return np.roll(np.column_stack([1 - t**3, t**3 * (1 - s), t**3 * s]), corner, axis=1), weights
