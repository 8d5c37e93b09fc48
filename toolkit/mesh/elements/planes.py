"""Finite elements in the plane and in space: scikit-fem's meshes and shape functions, of one degree everywhere."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp

from toolkit.core.loading import loading
from toolkit.mesh.elements.lines import Squares
from toolkit.mesh.elements.problems import BoundaryValueProblem

MOST = {"triangles": 4, "quadrilaterals": 10, "tetrahedra": 2, "intervals": 20}  # degrees there are


def element(cells: str, p: int):
    """Lagrange's element of degree p; on quadrilaterals from degree 3 on the hierarchical one."""
    with loading():
        import skfem

    if cells == "tetrahedra":
        return (skfem.ElementTetP1, skfem.ElementTetP2)[p - 1]()
    if cells == "triangles":
        return (skfem.ElementTriP1, skfem.ElementTriP2, skfem.ElementTriP3, skfem.ElementTriP4)[p - 1]()
    return (skfem.ElementQuad1, skfem.ElementQuad2)[p - 1]() if p < 3 else skfem.ElementQuadP(p)


class PlaneElements:
    """Continuous functions of degree p on a scikit-fem mesh of triangles, quadrilaterals or tetrahedra.

    Shape functions are tabulated by scikit-fem; the element matrices are one product of tables for each cell, which at
    high degree is much faster than a form for each pair of functions.
    exactness: degree up to which to integrate, if that is more than it takes for the matrix.
    Cost: O(m p^{3d}) to assemble.
    """

    def __init__(self, mesh, cells: str, p: int, exactness: int = 0):
        with loading():
            from skfem import Basis

        self.mesh, self.cells, self.p = mesh, cells, p
        more = {"tetrahedra": 2, "triangles": 3, "quadrilaterals": 4}[cells]
        self.basis = Basis(mesh, element(cells, p), intorder=max(2 * p + more, exactness))

    def halved(self, problem: BoundaryValueProblem, p: int) -> PlaneElements:
        """The space of degree p on the mesh of half the width."""
        return PlaneElements(problem.refined(self.mesh), self.cells, p)

    def raised(self, problem: BoundaryValueProblem, p: int) -> PlaneElements:
        """The space of degree p on this mesh."""
        return PlaneElements(self.mesh, self.cells, p)

    @property
    def degree(self) -> int:
        """The degree of every cell."""
        return self.p

    @cached_property
    def x(self) -> np.ndarray:
        """The points of the quadrature, (dim, m, q)."""
        return np.asarray(self.basis.global_coordinates())

    @property
    def dx(self) -> np.ndarray:
        """Its weights, (m, q)."""
        return self.basis.dx

    @property
    def size(self) -> int:
        """Coefficients in all."""
        return int(self.basis.N)

    @cached_property
    def values(self) -> np.ndarray:
        """Shape functions, (m, functions, q)."""
        shape = self.dx.shape
        return np.ascontiguousarray(
            np.array([np.broadcast_to(one[0], shape) for one in self.basis.basis]).swapaxes(0, 1)
        )

    @cached_property
    def slopes(self) -> np.ndarray:
        """Their gradients, (m, functions, dim, q)."""
        shape = (self.mesh.dim(), *self.dx.shape)
        found = np.array([np.broadcast_to(one[0].grad, shape) for one in self.basis.basis])
        return np.ascontiguousarray(found.transpose(2, 0, 1, 3))

    @property
    def dofs(self) -> np.ndarray:
        """The coefficients of the functions of every cell, (m, functions)."""
        return self.basis.element_dofs.T

    def matrix(self, problem: BoundaryValueProblem) -> sp.csr_array:
        """∫ ε ∇u·∇v + (b·∇u) v + c u v for all functions u (columns), v (rows)."""
        m, n = self.dofs.shape
        flat = self.slopes.reshape(m, n, -1)
        weights = np.tile(problem.diffusion * self.dx, (1, self.mesh.dim()))[:, None]
        block = (flat * weights) @ flat.swapaxes(1, 2)
        if problem.speed:
            along = np.tensordot(problem.velocity, self.slopes, axes=(0, 2))
            block += (self.values * self.dx[:, None]) @ along.swapaxes(1, 2)
        if problem.reaction:
            block += (self.values * (problem.reaction * self.dx)[:, None]) @ self.values.swapaxes(1, 2)
        rows = np.broadcast_to(self.dofs[:, :, None], block.shape).ravel()
        columns = np.broadcast_to(self.dofs[:, None, :], block.shape).ravel()
        return sp.csr_array(sp.coo_array((block.ravel(), (rows, columns)), shape=(self.size, self.size)))

    def load(self, problem: BoundaryValueProblem) -> np.ndarray:
        """∫ f v for all functions v."""
        shares = self.values @ (problem.source(self.x) * self.dx)[:, :, None]
        return np.bincount(self.dofs.ravel(), shares.ravel(), self.size)

    @cached_property
    def border(self) -> np.ndarray:
        """The coefficients of the boundary."""
        return np.asarray(self.basis.get_dofs().flatten())

    def boundary_values(self, problem: BoundaryValueProblem) -> np.ndarray:
        """Coefficients (size,) with the Dirichlet data on the boundary: interpolated, or projected if hierarchical."""
        if self.cells == "quadrilaterals" and self.p > 2:
            return self.basis.boundary(intorder=2 * self.p + 6).project(problem.boundary)
        u = np.zeros(self.size)
        u[self.border] = problem.boundary(self.basis.doflocs[:, self.border])
        return u

    def at(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """u_h (m, q) and its gradient (dim, m, q) at the points."""
        local = u[self.dofs]
        value = (local[:, None] @ self.values)[:, 0]
        m, n = local.shape
        gradient = (local[:, None] @ self.slopes.reshape(m, n, -1)).reshape(m, self.mesh.dim(), -1)
        return value, gradient.swapaxes(0, 1)

    def squares(self, problem: BoundaryValueProblem, u: np.ndarray) -> Squares:
        """How far u_h is from u."""
        value, slope = self.at(u)
        e = problem.exact(self.x) - value
        bend = ((problem.exact_gradient(self.x) - slope) ** 2).sum(axis=0)
        plain = (e**2 * self.dx).sum(axis=1)
        energy = problem.diffusion * (bend * self.dx).sum(axis=1) + problem.reaction * plain
        return Squares(energy, plain, float(abs(e).max()))

    @cached_property
    def h(self) -> float:
        """The mean width of a cell: the d-th root of its mean volume."""
        return float((self.dx.sum() / len(self.dx)) ** (1 / self.mesh.dim()))
