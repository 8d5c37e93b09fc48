"""Tensor differential equations of sums of products: a chain of spins, and heat in a cube of many dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import expm_multiply

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.rank.dynamics.tree_tensor import planted_tree, tree_shape

TREES = ("binary", "train", "Tucker")


class TreeFlow(Problem):
    """Base: Y′ = c H Y of order d, H = Σ_k h₁ᵏ ⊗ … ⊗ h_dᵏ, in a tree of the problem's shape."""

    tree: str
    end: float

    @property
    def order(self) -> int:
        """d, the number of axes."""
        raise NotImplementedError

    @cached_property
    def nodes(self) -> tuple:
        """The tree, node by node from the root."""
        return planted_tree(tree_shape(self.tree, self.order))

    @cached_property
    def operators(self) -> list:
        """For every axis the factors of all terms (K, n, n)."""
        raise NotImplementedError

    @property
    def factor(self) -> complex:
        """c."""
        raise NotImplementedError

    @property
    def stiffness(self) -> float:
        """A bound of the moduli of the eigenvalues of c H, over the unit of time."""
        raise NotImplementedError

    @cached_property
    def initial(self) -> np.ndarray:
        """Y(0), dense."""
        raise NotImplementedError

    def reference(self, t: float) -> np.ndarray:
        """The solution at t, dense."""
        raise NotImplementedError

    def measures(self):
        return TREE_ERROR, TREE_NORM


def _error(problem, state) -> float:
    x = problem.reference(state.t)
    return float(np.linalg.norm(state.solution() - x) / np.linalg.norm(x))


def _norm(problem, state) -> float:
    size = float(np.linalg.norm(problem.initial))
    return abs(float(np.linalg.norm(state.arrays[0])) - size) / size


TREE_ERROR = Measure("error", "relative error", _error, "|Y − X| / |X|", doc="against the dense solution")
TREE_NORM = Measure("norm_drift", "drift of the norm", _norm, "||Y| − |Y₀|| / |Y₀|", doc="an invariant of spins")


def sum_of_sites(single: list, pairs: list, order: int) -> list:
    """Operators by axis (K, n, n) of Σ_i h_i + Σ c (a_i b_j); `single`: (i, h), `pairs`: (c, i, a, j, b)."""
    size = single[0][1].shape[0]
    found = [np.tile(np.eye(size), (len(single) + len(pairs), 1, 1)) for _ in range(order)]
    for k, (i, h) in enumerate(single):
        found[i][k] = h
    for k, (c, i, a, j, b) in enumerate(pairs, len(single)):
        found[i][k], found[j][k] = c * a, b
    return found


X, Z = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])


@dataclass(frozen=True)
class SpinChain(TreeFlow):
    """i Y′ = H Y, H = −Ω Σ σˣ_i − J Σ_{i<j} σᶻ_i σᶻ_j / |i − j|^α: spins in a transverse field, coupled far and near.

    The start: all up, plus σ_min times all down: of rank two at every edge, with σ_min as the smaller singular value.
    The norm is an invariant. The reference: all eigenvectors of the 2^d × 2^d matrix.
    Reference: G. Ceruti, J. Kusch, C. Lubich, D. Sulz, arXiv:2412.00858, section 6 (Ising model, long range).
    """

    title: ClassVar[str] = "chain of spins"
    sources: ClassVar[tuple[str, ...]] = ("ceruti2024trees",)
    sites: int = knob(8, 3, 9, symbol="d", doc="number of spins")
    tree: str = knob("binary", choices=TREES, doc="how the axes are joined")
    field: float = knob(1.0, 0.0, 4.0, symbol="Ω", doc="transverse field")
    coupling: float = knob(0.5, 0.0, 4.0, symbol="J", doc="coupling of neighbours")
    alpha: float = knob(1.0, 0.0, 6.0, symbol="α", doc="how the coupling fades with the distance")
    sigma_min: float = knob(1e-8, 0.0, 1.0, symbol="σ_min", doc="weight of all down in the start")
    end: float = knob(1.0, 0.1, 4.0, symbol="T", doc="final time")

    @property
    def order(self) -> int:
        return self.sites

    @cached_property
    def operators(self):
        d = self.sites
        pairs = [(-self.coupling / (j - i) ** self.alpha, i, Z, j, Z) for i in range(d) for j in range(i + 1, d)]
        return sum_of_sites([(i, -self.field * X) for i in range(d)], pairs, d)

    @property
    def factor(self):
        return -1j

    @property
    def stiffness(self) -> float:
        d = self.sites
        return d * self.field + sum(self.coupling * (d - s) / s**self.alpha for s in range(1, d))

    @cached_property
    def initial(self):
        y = np.zeros(2**self.sites, complex)
        y[0], y[-1] = 1.0, self.sigma_min
        return frozen(y.reshape((2,) * self.sites))

    @cached_property
    def _spectral(self):
        matrix = np.zeros((2**self.sites,) * 2)
        for k in range(len(self.operators[0])):
            term = np.ones((1, 1))
            for stack in self.operators:
                term = np.kron(term, stack[k])
            matrix += term
        values, vectors = np.linalg.eigh(matrix)
        return values, vectors, vectors.T @ self.initial.ravel()

    def reference(self, t):
        values, vectors, start = self._spectral
        turned = np.exp(-1j * t * values) * start
        return (vectors @ turned.real + 1j * (vectors @ turned.imag)).reshape(self.initial.shape)


@dataclass(frozen=True)
class CubeHeat(TreeFlow):
    """u_t = ν Δu + κ-coupled decay in the cube of d dimensions: Y′ = (Σ_i A_i − κ Σ_i x_i x_{i+1}) Y, zero outside.

    A = ν tridiag(1, −2, 1)/h², in n inner points an axis; the potential κ x_i x_{i+1} joins neighbouring axes, so that
    ranks grow. The start: a slanted hill, of low rank numerically. The reference: exponentials of the one-dimensional
    matrices where κ = 0, else the action of the exponential of the sparse matrix.
    Reference: G. Ceruti, C. Lubich, D. Sulz, SIAM J. Numer. Anal. 61 (2023) 194–222, doi:10.1137/22M1473790.
    """

    title: ClassVar[str] = "heat in a hypercube"
    sources: ClassVar[tuple[str, ...]] = ("ceruti2023trees",)
    dimensions: int = knob(4, 3, 4, symbol="d", doc="dimensions of the cube")
    n: int = knob(8, 4, 10, symbol="n", doc="inner points along an axis")
    tree: str = knob("binary", choices=TREES, doc="how the axes are joined")
    nu: float = knob(0.02, 1e-3, 0.1, log=True, symbol="ν", doc="conductivity")
    kappa: float = knob(0.0, 0.0, 20.0, symbol="κ", doc="decay where neighbouring coordinates are large")
    end: float = knob(1.0, 0.05, 4.0, symbol="T", doc="final time")

    @property
    def order(self) -> int:
        return self.dimensions

    @cached_property
    def line(self) -> np.ndarray:
        """Inner points along an axis, (n,)."""
        return np.arange(1.0, self.n + 1) / (self.n + 1)

    @cached_property
    def matrix(self) -> np.ndarray:
        """A (n, n)."""
        scale = self.nu * (self.n + 1) ** 2
        off = np.full(self.n - 1, scale)
        return np.diag(np.full(self.n, -2 * scale)) + np.diag(off, 1) + np.diag(off, -1)

    @cached_property
    def operators(self):
        d, place = self.dimensions, np.diag(self.line)
        pairs = [(-self.kappa, i, place, i + 1, place) for i in range(d - 1)] if self.kappa else []
        return sum_of_sites([(i, self.matrix) for i in range(d)], pairs, d)

    @property
    def factor(self):
        return 1.0

    @property
    def stiffness(self) -> float:
        return self.dimensions * (4 * self.nu * (self.n + 1) ** 2 + self.kappa)

    @cached_property
    def initial(self):
        grids = np.meshgrid(*[self.line] * self.dimensions, indexing="ij")
        near = sum((x - 0.4 - 0.05 * i) ** 2 for i, x in enumerate(grids))
        slant = sum((x - 0.4) * (y - 0.5) for x, y in pairwise(grids))
        return frozen(np.exp(-20 * (near + 0.8 * slant)))

    @cached_property
    def _spectral(self):
        d, n = self.dimensions, self.n
        values, q = np.linalg.eigh(self.matrix)
        if not self.kappa:
            total = sum(values.reshape([-1 if i == j else 1 for j in range(d)]) for i in range(d))
            return total, q, self._turned(q.T, self.initial)
        eyes = [sp.identity(n**k, format="csr") for k in range(d + 1)]
        places = sp.diags_array(self.line)
        grand = sum(sp.kron(sp.kron(eyes[i], self.matrix), eyes[d - 1 - i]) for i in range(d))
        two = sp.kron(places, places)
        grand = grand - self.kappa * sum(sp.kron(sp.kron(eyes[i], two), eyes[d - 2 - i]) for i in range(d - 1))
        return grand.tocsr()

    def _turned(self, q, y):
        for axis in range(y.ndim):
            y = np.moveaxis(np.tensordot(q, y, (1, axis)), 0, axis)
        return y

    def reference(self, t):
        if not self.kappa:
            total, q, start = self._spectral
            return self._turned(q, np.exp(t * total) * start)
        return expm_multiply(t * self._spectral, self.initial.ravel()).reshape(self.initial.shape)
