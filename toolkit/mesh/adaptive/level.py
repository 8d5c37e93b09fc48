"""The finite element solution on a triangulation: linear, or quadratic with a bubble on every edge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from toolkit.kernels.triangles import equilibration as kernels
from toolkit.mesh.adaptive.linear_elements import LinearElements, solved
from toolkit.mesh.adaptive.triangulation import Triangulation, near, quadrature

POINTS = 60_000  # points at which f is taken, at least: on a coarse mesh it must not slip between them
GAUSS = np.polynomial.legendre.leggauss(10)


@dataclass(frozen=True)
class Level:
    """A mesh and the finite element solution on it; never changed.

    u_h = Σ u_i λ_i + Σ b_E 4 λ_i λ_j over the vertices i and the edges E from i to j: `u` (n,) are its values at the
    vertices, `bubbles` (e,) are None for linear elements. `kappa`, `c` (m,) are the coefficients, `f` (m, q) the source
    at the points of `quadrature(parts)`, `gradients` (m, 2) those of the linear part.
    """

    problem: object
    mesh: Triangulation
    parts: int
    u: np.ndarray
    bubbles: np.ndarray | None
    kappa: np.ndarray
    c: np.ndarray
    f: np.ndarray
    gradients: np.ndarray

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        arrays = (self.u, self.bubbles, self.kappa, self.c, self.f, self.gradients)
        return self.mesh.nbytes + sum(a.nbytes for a in arrays if a is not None)

    @property
    def degree(self) -> int:
        """Of the polynomials in a cell: 1 or 2."""
        return 1 if self.bubbles is None else 2

    @property
    def unknowns(self) -> int:
        """Vertices inside, and for quadratic elements edges inside."""
        edges = len(self.mesh.ends) - len(self.mesh.border)
        return len(self.mesh.inner) + (edges if self.degree == 2 else 0)

    @property
    def coefficients(self) -> np.ndarray:
        """u_i, then b_E."""
        return self.u if self.bubbles is None else np.concatenate((self.u, self.bubbles))

    def values(self, corners: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """u_h at points of some cells (k, q), by barycentric coordinates (q, 3)."""
        found = self.u[self.mesh.cells[some]] @ corners.T
        if self.bubbles is not None:
            found = found + self.bubbles[self.mesh.sides[some]] @ (4 * corners * np.roll(corners, -1, axis=1)).T
        return found

    def slopes(self, corners: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """∇u_h at points of some cells (2, k, q), or (2, k, 1) where it is constant."""
        found = self.gradients[some].T[:, :, None]
        if self.bubbles is None:
            return found
        heights = hat_gradients(self.mesh)[:, some]
        for k in range(3):
            i, j, b = k, (k + 1) % 3, 4 * self.bubbles[self.mesh.sides[some, k]][:, None]
            found = found + b * (corners[:, i] * heights[:, :, j, None] + corners[:, j] * heights[:, :, i, None])
        return found

    @cached_property
    def laplacian(self) -> np.ndarray:
        """Δu_h in every cell (m,): 8 Σ b_E ∇λ_i·∇λ_j."""
        if self.bubbles is None:
            return np.zeros(len(self.mesh))
        return 8 * (self.bubbles[self.mesh.sides] * self.mesh.shapes[:, :3]).sum(axis=1) / self.mesh.areas

    @cached_property
    def errors(self) -> np.ndarray:
        """|||u − u_h|||² in every cell (m,), by the exact solution; points crowd at a singular corner."""
        mesh = self.mesh
        corners, weights = quadrature(self.parts)
        squares = mesh.areas * (self._density(corners) @ weights)
        for cell, corner in near(mesh, self.problem.corner):
            corners, weights = _crowded(int(corner))
            squares[cell] = mesh.areas[cell] * (self._density(corners, slice(cell, cell + 1)) @ weights)[0]
        return squares

    @cached_property
    def distances(self) -> tuple[float, float]:
        """‖u − u_h‖ in L2 and the largest |u − u_h|, at the points of the quadrature."""
        corners, weights = quadrature(self.parts)
        gap = self.problem.exact(self.mesh.at(corners)) - self.values(corners)
        return float(np.sqrt(self.mesh.areas @ (gap**2 @ weights))), float(np.abs(gap).max())

    @cached_property
    def entries(self) -> float:
        """Entries of the matrix of the unknowns: their pairs that share a cell."""
        mesh, n = self.mesh, len(self.mesh.points)
        inside = np.zeros(n + len(mesh.ends), bool)
        inside[mesh.inner], inside[n:] = True, mesh.beside[:, 1] >= 0
        within = inside[np.hstack([mesh.cells, n + mesh.sides])].astype(int)
        corners, sides = within[:, :3], within[:, 3:]
        found = len(mesh.inner) + 2 * np.count_nonzero(inside[mesh.ends].all(axis=1))
        if self.degree == 2:  # an edge meets all in its cells; only its two ends are in both of them
            found += np.count_nonzero(inside[n:]) + 2 * (sides[:, [0, 1, 2]] * sides[:, [1, 2, 0]]).sum()
            opposite = (sides * corners[:, [2, 0, 1]]).sum()
            found += 2 * (opposite + (inside[n:, None] & inside[mesh.ends]).sum())
        return float(found)

    def _density(self, corners: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        """κ|∇u − ∇u_h|² + c (u − u_h)² at points of some cells."""
        mesh = self.mesh
        x = np.stack([mesh.points[:, d][mesh.cells[some]] @ corners.T for d in range(2)])
        gap = self.problem.exact_gradient(x) - self.slopes(corners, some)
        found = self.kappa[some, None] * (gap**2).sum(axis=0)
        if self.c[some].any():
            found += self.c[some, None] * (self.problem.exact(x) - self.values(corners, some)) ** 2
        return found


def hat_gradients(mesh: Triangulation) -> np.ndarray:
    """∇λ_i of the corners of every cell (2, m, 3): the edge opposite, turned by a right angle, over twice the area."""
    opposite = mesh.points[mesh.cells[:, [2, 0, 1]]] - mesh.points[mesh.cells[:, [1, 2, 0]]]
    return np.stack([-opposite[:, :, 1], opposite[:, :, 0]]) / (2 * mesh.areas[:, None])


def galerkin(problem, mesh: Triangulation, degree: int = 1) -> Level:
    """The finite element solution on a mesh; `diffusion` and `reaction` of the problem, or one for each cell."""
    parts = int(np.clip(np.ceil(np.sqrt(POINTS / (7 * len(mesh)))), 1, 16))
    corners, weights = quadrature(parts)
    x = mesh.at(corners)
    kappa, c = (np.array(np.broadcast_to(v, len(mesh)), dtype=float) for v in (problem.diffusion, problem.reaction))
    f = np.array(np.broadcast_to(problem.source(x), x.shape[1:]), dtype=float)
    shares = mesh.areas[:, None] * (f @ (weights[:, None] * shape_functions(corners, degree)))
    u, bubbles = (_linear if degree == 1 else _quadratic)(problem, mesh, kappa, c, shares)
    gradients = np.empty((len(mesh), 2))
    kernels.gradients(mesh.points, mesh.cells, u, gradients)
    return Level(problem, mesh, parts, u, bubbles, kappa, c, f, gradients)


def shape_functions(corners: np.ndarray, degree: int) -> np.ndarray:
    """λ_i (q, 3), for degree 2 with 4 λ_i λ_j of the edges behind them (q, 6)."""
    return corners if degree == 1 else np.hstack([corners, 4 * corners * np.roll(corners, -1, axis=1)])


def _border_values(problem, mesh: Triangulation) -> np.ndarray:
    """g at the vertices of the border, 0 at the others."""
    values, rim = np.zeros(len(mesh.points)), np.unique(mesh.ends[mesh.border])
    values[rim] = problem.exact(mesh.points[rim].T)
    return values


def _linear(problem, mesh, kappa, c, shares):
    elements = LinearElements(mesh)
    values = _border_values(problem, mesh)
    return solved(elements.matrix(kappa, c), elements.load(shares), values, mesh.inner), None


def _quadratic(problem, mesh, kappa, c, shares):
    """Vertices, then edges: local matrices by the tensors of the reference triangle, summed by SciPy."""
    stiff, heavy = _reference()
    p, q, r = mesh.shapes[:, :3].T
    products = np.column_stack([-p - r, p, r, p, -p - q, q, r, q, -q - r])  # ∫ ∇λ_a·∇λ_b
    local = (kappa[:, None] * products) @ stiff + (c * mesh.areas)[:, None] * heavy
    n, size = len(mesh.points), len(mesh.points) + len(mesh.ends)
    dofs = np.hstack([mesh.cells, n + mesh.sides])
    rows, columns = np.repeat(dofs, 6, axis=1).ravel(), np.tile(dofs, 6).ravel()
    matrix = sp.coo_array((local.ravel(), (rows, columns)), shape=(size, size)).tocsr()
    values = np.concatenate((_border_values(problem, mesh), np.zeros(len(mesh.ends))))
    middle = mesh.points[mesh.ends].mean(axis=1)
    values[n + mesh.border] = problem.exact(middle[mesh.border].T) - values[mesh.ends[mesh.border]].mean(axis=1)
    free = np.concatenate((mesh.inner, n + np.flatnonzero(mesh.beside[:, 1] >= 0)))
    free = free[np.lexsort(np.concatenate((mesh.points, middle))[free].T)]
    found = solved(matrix, np.bincount(dofs.ravel(), shares.ravel(), size), values, free)
    return found[:n], found[n:]


def _reference() -> tuple[np.ndarray, np.ndarray]:
    """(mean of ∂φ_p/∂λ_a ∂φ_q/∂λ_b as (9, 36), mean of φ_p φ_q as (36,)) over a triangle."""
    corners, weights = quadrature(1)
    functions = shape_functions(corners, 2)
    derived = np.zeros((len(weights), 6, 3))
    derived[:, :3] = np.eye(3)
    for k in range(3):
        j = (k + 1) % 3
        derived[:, 3 + k, k], derived[:, 3 + k, j] = 4 * corners[:, j], 4 * corners[:, k]
    stiff = np.einsum("x,xpa,xqb->abpq", weights, derived, derived).reshape(9, 36)
    return stiff, np.einsum("x,xp,xq->pq", weights, functions, functions).ravel()


def _crowded(corner: int) -> tuple[np.ndarray, np.ndarray]:
    """(barycentric coordinates, weights of sum 1) for r^(−2/3) at a corner: ρ = t³ in polar coordinates around it."""
    t, s = (v.ravel() for v in np.meshgrid((GAUSS[0] + 1) / 2, (GAUSS[0] + 1) / 2, indexing="ij"))
    weights = 6 * t**5 * np.outer(GAUSS[1] / 2, GAUSS[1] / 2).ravel()
    return np.roll(np.column_stack([1 - t**3, t**3 * (1 - s), t**3 * s]), corner, axis=1), weights
