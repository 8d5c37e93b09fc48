"""Plane stress on a grid of squares with a modulus a cell: conjugate gradients preconditioned by a multigrid cycle."""

from __future__ import annotations

from functools import cache

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.kernels.stencil import elasticity as kernels
from toolkit.kernels.stencil import stiffness

POISSON = 0.3
FEW = 40  # nodes of a grid that is not made coarser


@cache
def unit_stiffness(nu: float = POISSON) -> np.ndarray:
    """K of one bilinear square with E = 1 in plane stress, (8, 8), by 2 × 2 Gauss points; the same for any side.

    Rows 2 v + c: vertices v at (row, column) offsets (0, 0), (0, 1), (1, 0), (1, 1); component c = 0 along the row of
    cells (x), 1 down the column (y).
    """
    law = np.array([[1, nu, 0], [nu, 1, 0], [0, 0, (1 - nu) / 2]]) / (1 - nu**2)
    total, point = np.zeros((8, 8)), 0.5 / np.sqrt(3)
    for y in (0.5 - point, 0.5 + point):
        for x in (0.5 - point, 0.5 + point):
            along = np.array([y - 1, 1 - y, -y, y])
            down = np.array([x - 1, -x, 1 - x, x])
            strain = np.zeros((3, 8))
            strain[0, 0::2], strain[1, 1::2], strain[2, 0::2], strain[2, 1::2] = along, down, down, along
            total += strain.T @ law @ strain / 4
    return frozen(total)


@cache
def block_stiffness(size: int) -> np.ndarray:
    """Qᵀ K Q for every cell of a block of size × size, Q the bilinear interpolation from the block's corners.

    Shape (size, size, 64): a Galerkin element matrix is the sum over its cells of E times these.
    """
    found = np.empty((size, size, 64))
    for a in range(size):
        for b in range(size):
            weights = np.empty((4, 4))
            for v in range(4):
                y, x = (a + (v >> 1)) / size, (b + (v & 1)) / size
                weights[v] = ((1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x)
            Q = np.kron(weights, np.eye(2))
            found[a, b] = (Q.T @ unit_stiffness() @ Q).ravel()
    return frozen(found)


class Elasticity:
    """K(E) u = f for one grid, supports and load, solved anew as the moduli E change; owns all its scratch memory.

    Parameters
    ----------
    rows, columns : cells of the grid
    fixed : (m, 3) integers, the supported unknowns as (component, node row, node column)
    load : (2, rows + 1, columns + 1) forces on the nodes, zero where supported
    tol : relative residual at which a solve ends; most : iterations at most
    degree : smoothing steps before and after; the cycle is in single precision, the iteration around it in double

    A copy shares nothing and allocates at its first solve: a state may hold one at no cost.
    """

    def __init__(self, rows, columns, fixed, load, tol=1e-6, most=400, degree=2):
        self.rows, self.columns, self.tol, self.most, self.degree = rows, columns, tol, most, degree
        self.fixed, self.load = fixed, load
        self._ready = False

    def copy(self) -> Elasticity:
        """A solver of the same problem with scratch memory of its own."""
        return Elasticity(self.rows, self.columns, self.fixed, self.load, self.tol, self.most, self.degree)

    def rest(self) -> np.ndarray:
        """No displacement: zeros of shape (2, rows + 3, columns + 3), nodes inside a ring."""
        return np.zeros((2, self.rows + 3, self.columns + 3))

    def _allocate(self) -> None:
        self.b = self.rest()
        self.b[:, 1:-1, 1:-1] = self.load
        self._moduli = np.zeros((self.rows + 2, self.columns + 2))
        sizes = [(self.rows, self.columns)]
        while not (sizes[-1][0] % 2 or sizes[-1][1] % 2) and (sizes[-1][0] + 1) * (sizes[-1][1] + 1) > FEW:
            sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
        nodes = np.array(sizes) + 1
        self._sizes, volumes = nodes, nodes[:, 0] * nodes[:, 1]
        self._exact = [np.zeros((ni, 2, 3, 2, 3, nj)) for ni, nj in nodes]
        self._elements = [np.zeros((*size, 64)) for size in sizes]
        self._grids = np.zeros(36 * volumes.sum(), dtype=np.float32)
        self._vectors = np.zeros(10 * ((nodes + 2)[:, 0] * (nodes + 2)[:, 1]).sum(), dtype=np.float32)
        self._work = np.zeros((4, *self.b.shape))
        held = [(level, *row) for level in range(len(sizes)) for row in self._supports(level).tolist()]
        self._fixed = np.array(held, dtype=np.int64).reshape(-1, 4)
        self._limits = np.array([_largest(1 << level) for level in range(len(sizes))])
        self._ready = True

    def _supports(self, level: int) -> np.ndarray:
        """The supported unknowns that a coarser grid shares with the finest."""
        keep = np.all(self.fixed[:, 1:] % (1 << level) == 0, axis=1)
        found = self.fixed[keep].copy()
        found[:, 1:] >>= level
        return found

    def assemble(self, E: np.ndarray) -> None:
        """Stencils of all grids for the moduli E, shape (rows, columns)."""
        if not self._ready:
            self._allocate()
        self._moduli[1:-1, 1:-1] = E
        for level, A in enumerate(self._exact):
            if level == 0:
                stiffness.fine_stencils(self._moduli, unit_stiffness(), A)
            else:
                stiffness.coarse_elements(self._moduli, block_stiffness(1 << level), self._elements[level])
                stiffness.coarse_stencils(self._elements[level], A)
            stiffness.clamp(A, self._supports(level))
            rounded = kernels.stencils_of(self._grids, self._sizes, level)
            rounded[:] = A
            stiffness.invert_diagonal(rounded, kernels.vectors_of(self._vectors, self._sizes, level)[0])
        self._bottom = np.linalg.inv(dense(self._exact[-1]))

    def solve(self, E: np.ndarray, u: np.ndarray, ceiling: float = np.inf) -> tuple[float, int, float]:
        """(compliance, iterations, relative residual) by flexible conjugate gradients; u, the first guess, is improved.

        The compliance is f · u + r · u = f · u* − ‖u − u*‖²_K: its error is the square of that of u. It grows to the
        true value from below. So once it exceeds `ceiling` the true one does, and the iteration ends.
        """
        self.assemble(E)
        r, old, p, q = self._work
        store = (self._grids, self._vectors, self._sizes, self._fixed, self._bottom, self._limits, self.degree)
        right = kernels.vectors_of(self._vectors, self._sizes, 0)[1]
        kernels.product(self._exact[0], u, r)
        np.subtract(self.b, r, out=r)
        p[:], old[:], rho, done = 0, 0, 1.0, 0
        scale, size = np.sqrt(kernels.dot(self.b, self.b)), np.sqrt(kernels.dot(r, r))
        while size > self.tol * scale and done < self.most:
            right[:] = r
            rho = kernels.turn(kernels.cycle(*store), r, old, p, rho)
            kernels.product(self._exact[0], p, q)
            size = kernels.advance(p, q, r, u)
            done += 1
            if kernels.dot(self.b, u) + kernels.dot(r, u) > ceiling:
                break
        return float(kernels.dot(self.b, u) + kernels.dot(r, u)), done, float(size / scale)

    def energies(self, u: np.ndarray) -> np.ndarray:
        """uᵀ K u of every cell at unit modulus, (rows, columns)."""
        out = np.empty((self.rows, self.columns))
        stiffness.energies(u, unit_stiffness(), out)
        return out


def dense(A: np.ndarray) -> np.ndarray:
    """A stencil array as a matrix, unknowns in the order (row, column, component)."""
    ni, nj = A.shape[0], A.shape[5]
    full = np.zeros((ni + 2, nj + 2, 2, ni, nj, 2))
    i, j = np.meshgrid(np.arange(ni), np.arange(nj), indexing="ij")
    for c in range(2):
        for r in range(3):
            for d in range(2):
                for s in range(3):
                    full[i + r, j + s, d, i, j, c] = A[:, c, r, d, s, :]
    return full[1:-1, 1:-1].reshape(2 * ni * nj, -1).T


@cache
def _largest(size: int) -> float:
    """A bound on the eigenvalues of D⁻¹K over all moduli: the largest of the pencils (element, its diagonal)."""
    blocks = block_stiffness(size).reshape(-1, 8, 8)
    scale = 1 / np.sqrt(np.einsum("ekk->ek", blocks))
    return float(np.linalg.eigvalsh(blocks * scale[:, :, None] * scale[:, None, :]).max())
