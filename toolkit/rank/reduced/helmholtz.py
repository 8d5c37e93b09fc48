"""Waves of one frequency on an interval or a square with absorbing borders: matrices, norms, full solves."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.linalg import solve_triangular
from scipy.sparse.linalg import splu

from toolkit.core.arrays import frozen
from toolkit.rank.reduced.problems import Parametrised


class Helmholtz(Parametrised):
    """−Δu − k² n² u = 0 in the unit interval or square, ∂u/∂ν − ik u = (∂/∂ν − ik) e^(ik d·x) on its border.

    u is the total field, n the index, d the direction of the incident wave. Multilinear elements on equal cells:
    A(k) = K − ik B − k² M, M with n² in it; the load is ik S e^(ik d·x). |u|²_X = u*(K + κ² M) u, κ = `middle`.
    Reference: F. Ihlenburg, Finite Element Analysis of Acoustic Scattering, Springer (1998), doi:10.1007/b98828.
    """

    n: int
    low: float
    high: float

    @property
    def angles(self) -> tuple[float, ...]:
        """The direction d of the incident wave, one number an axis."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        """Vertices along every axis."""
        return (self.n + 1,) * len(self.angles)

    @property
    def unknowns(self) -> int:
        """Number of vertices."""
        return (self.n + 1) ** len(self.angles)

    @cached_property
    def indices(self) -> np.ndarray:
        """The index n of every cell, in the shape of the grid of cells."""
        raise NotImplementedError

    @cached_property
    def places(self) -> np.ndarray:
        """Vertices (unknowns, dimension), the last coordinate fastest but named first: x, then y."""
        line = np.linspace(0, 1, self.n + 1)
        grid = np.meshgrid(*[line] * len(self.angles), indexing="ij")
        return frozen(np.stack([one.ravel() for one in grid[::-1]], axis=1))

    @cached_property
    def stiffness(self) -> sp.csr_array:
        """K: ∫ ∇u·∇v."""
        stiff, mass = _element(self.n)
        local = stiff if len(self.angles) == 1 else np.kron(stiff, mass) + np.kron(mass, stiff)
        return self._assembled(local, np.ones(self.indices.size))

    @cached_property
    def mass(self) -> sp.csr_array:
        """M: ∫ n² u v."""
        mass = _element(self.n)[1]
        return self._assembled(mass if len(self.angles) == 1 else np.kron(mass, mass), self.indices.ravel() ** 2)

    def _assembled(self, local: np.ndarray, weights: np.ndarray) -> sp.csr_array:
        """Σ over the cells of their weight times the element matrix."""
        number = np.arange(self.unknowns).reshape(self.shape)
        ends = (slice(None, -1), slice(1, None))
        corners = [(i,) for i in ends] if number.ndim == 1 else [(i, j) for i in ends for j in ends]
        cells = np.stack([number[corner].ravel() for corner in corners], axis=1)
        rows, columns = np.repeat(cells, local.shape[0], axis=1), np.tile(cells, local.shape[0])
        entries = weights[:, None] * local.ravel()
        place = rows.ravel(), columns.ravel()
        return sp.csr_array(sp.coo_array((entries.ravel(), place), shape=(self.unknowns,) * 2))

    @cached_property
    def sides(self) -> tuple[tuple[int, int, np.ndarray], ...]:
        """(axis, sign of the outer normal, vertices) of every side."""
        number = np.arange(self.unknowns).reshape(self.shape)
        last = number.ndim - 1
        ends = [(axis, sign) for axis in range(number.ndim) for sign in (-1, 1)]
        return tuple((axis, sign, number.take(0 if sign < 0 else -1, axis=last - axis).ravel()) for axis, sign in ends)

    def _on_border(self, weight) -> sp.csr_array:
        """Σ over the sides of weight(axis, sign) times the mass matrix of the side."""
        total = sp.csr_array((self.unknowns,) * 2)
        side = np.eye(1) if len(self.angles) == 1 else _mass_of_a_line(self.n)
        for axis, sign, vertices in self.sides:
            place = np.repeat(vertices, len(vertices)), np.tile(vertices, len(vertices))
            total = total + weight(axis, sign) * sp.csr_array((side.ravel(), place), shape=total.shape)
        total.eliminate_zeros()
        return total

    @cached_property
    def border(self) -> sp.csr_array:
        """B: ∫ u v over the border."""
        return self._on_border(lambda axis, sign: 1.0)

    @cached_property
    def incoming(self) -> sp.csr_array:
        """S: ∫ (d·ν − 1) u v over the border; the load is ik S e^(ik d·x)."""
        return self._on_border(lambda axis, sign: sign * self.angles[axis] - 1.0)

    def incident(self, k: float) -> np.ndarray:
        """e^(ik d·x) at the vertices."""
        return np.exp(1j * k * (self.places @ np.array(self.angles)))

    def load(self, k: float) -> np.ndarray:
        """ik S e^(ik d·x): the load at wavenumber k, (unknowns,)."""
        return 1j * k * (self.incoming @ self.incident(k))

    def matrix(self, k: float) -> sp.csc_array:
        """A(k) = K − ik B − k² M."""
        return sp.csc_array(self.stiffness - 1j * k * self.border - k * k * self.mass)

    def solve(self, mu: np.ndarray) -> np.ndarray:
        """The total field (unknowns,) at the wavenumber mu[0]: sparse LU."""
        k = float(mu[0])
        return self.factored(k)(self.load(k))

    def factored(self, k: float):
        """A(k)⁻¹ as a function of a load, by sparse LU."""
        return splu(self.matrix(k), permc_spec="MMD_AT_PLUS_A", options=dict(SymmetricMode=True)).solve

    # -- norms --------------------------------------------------------------------------------------------------

    @property
    def middle(self) -> float:
        """κ, the wavenumber in the middle of the range."""
        return (self.low + self.high) / 2

    @cached_property
    def norm(self) -> sp.csr_array:
        """X = K + κ² M."""
        return sp.csr_array(self.stiffness + self.middle**2 * self.mass)

    @cached_property
    def _triangle(self) -> np.ndarray:
        """L with X = L Lᵀ."""
        return frozen(np.linalg.cholesky(self.norm.toarray()))

    def whitened(self, functionals: np.ndarray) -> np.ndarray:
        """L⁻¹ r, for functionals (…, unknowns): its length is the dual norm."""
        return _triangular(self._triangle, functionals, False)

    def coordinates(self, fields: np.ndarray) -> np.ndarray:
        """Lᵀ u, for fields (…, unknowns): its length is |u|_X."""
        return fields @ self._triangle

    def fields(self, coordinates: np.ndarray) -> np.ndarray:
        """The fields with these `coordinates`."""
        return _triangular(self._triangle, coordinates, True)

    def applied(self, field: np.ndarray) -> np.ndarray:
        """K u, B u, M u, whitened: (3, unknowns)."""
        return self.whitened(np.stack([matrix @ field for matrix in (self.stiffness, self.border, self.mass)]))


def _element(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Stiffness and mass of a linear element of length 1/n."""
    return n * np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([[2.0, 1.0], [1.0, 2.0]]) / (6 * n)


def _mass_of_a_line(n: int) -> np.ndarray:
    """Mass matrix of n linear elements of length 1/n, (n+1, n+1)."""
    found, mass = np.zeros((n + 1, n + 1)), _element(n)[1]
    for i in range(n):
        found[i : i + 2, i : i + 2] += mass
    return found


def _triangular(lower: np.ndarray, arrays: np.ndarray, transposed: bool) -> np.ndarray:
    """L⁻¹ or L⁻ᵀ times arrays (…, n), complex ones as two real ones."""
    flat = arrays.reshape(-1, arrays.shape[-1])
    parts = np.vstack((flat.real, flat.imag)) if np.iscomplexobj(arrays) else flat
    found = solve_triangular(lower, parts.T, lower=True, trans=int(transposed), check_finite=False).T
    if np.iscomplexobj(arrays):
        found = found[: len(flat)] + 1j * found[len(flat) :]
    return np.ascontiguousarray(found).reshape(arrays.shape)
