"""Composite meshes of C-HiDeNN functions: a stretch of [0, 1]^d for every level, the finer ones inside the coarser."""

from __future__ import annotations

import math
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigh
from scipy.sparse.linalg import splu

from toolkit.mesh.multiscale.hot_spot import HotSpot
from toolkit.mesh.multiscale.patch_functions import Line, quadrature


class Direction:
    """The functions of one line on its own quadrature, and the part of it that a finer line takes over.

    `whole` and `hidden` are (∫ v'w', ∫ v w) over the line and over the finer one, sparse (n+1, n+1); `values`, `slopes`
    (points, n+1) the functions; `within` the weights at points of the finer line, 0 elsewhere.
    """

    def __init__(self, line: Line, finer: Line | None = None):
        self.line = line
        self.x, self.weights = quadrature([line], max(3, line.p) + 3)
        self.values, self.slopes = line.tables(self.x)
        ends = (2.0, 2.0) if finer is None else (finer.low, finer.high)
        self.within = self.weights * ((ends[0] < self.x) & (self.x < ends[1]))
        self.whole, self.hidden = (self._products(w) for w in (self.weights, self.within))

    def _products(self, weights: np.ndarray) -> tuple:
        return tuple((v.T @ v.multiply(weights[:, None]).tocsr()).tocsr() for v in (self.slopes, self.values))

    @cached_property
    def eigen(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues and eigenvectors of K v = λ M v, vᵀ M v = 1, for the functions that vanish at the ends."""
        return eigh(*(one[1:-1, 1:-1].toarray() for one in self.whole))


class Level:
    """Functions of one line or products of two, where no finer level is: integrals are over that region.

    `matrix` is the Laplacian there as a sparse matrix of all nodes, those on the edge too.
    """

    def __init__(self, lines: list[Line], finer: list[Line] | None):
        self.finest = finer is None
        self.directions = [Direction(*pair) for pair in zip(lines, finer or [None] * len(lines))]
        self.inner = (slice(1, -1),) * len(lines)

    @property
    def zeros(self) -> np.ndarray:
        """Coefficients of nothing, at all nodes."""
        return np.zeros([one.line.n + 1 for one in self.directions])

    @cached_property
    def matrix(self) -> sp.csr_array:
        """The Laplacian of this region: K, or K⊗M + M⊗K, over the stretch less over the finer one."""
        whole, hidden = ([getattr(one, name) for one in self.directions] for name in ("whole", "hidden"))
        return (_laplacian(whole) - _laplacian(hidden)).tocsr()

    def product(self, u: np.ndarray) -> np.ndarray:
        """∫ ∇u·∇v over the region, for the functions v of all nodes."""
        return (self.matrix @ u.ravel()).reshape(u.shape)

    def bounded(self, u: np.ndarray) -> np.ndarray:
        """u at the inner nodes, zero on the edge."""
        found = self.zeros
        found[self.inner] = u[self.inner]
        return found

    @cached_property
    def volume(self) -> np.ndarray:
        """Weights of the quadrature of this region."""
        if len(self.directions) == 1:
            return self.directions[0].weights - self.directions[0].within
        return np.outer(*(d.weights for d in self.directions)) - np.outer(*(d.within for d in self.directions))

    def load(self, problem: HotSpot) -> np.ndarray:
        """∫ f v over the region for f = −Δu."""
        points = [one.x for one in self.directions]
        total = self.zeros
        for orders in problem.derivatives:
            f = -problem.differentiated([2 * k for k in orders], *points) * self.volume
            total += sampled([one.values.T for one in self.directions], f)
        return total

    def squared(self, u: np.ndarray, orders: list[int], exact: np.ndarray | float = 0.0) -> float:
        """∫ (exact − ∂u)² over the region, for the derivative of these orders."""
        found = sampled([(one.values, one.slopes)[k] for one, k in zip(self.directions, orders)], u)
        return float(np.sum(self.volume * (exact - found) ** 2))


def _laplacian(pairs: list[tuple]):
    if len(pairs) == 1:
        return pairs[0][0]
    (stiffness, mass), (stiff, heavy) = pairs
    return sp.kron(stiffness, heavy) + sp.kron(mass, stiff)


class Composite:
    """All levels: on the region of level l the solution is a function of its mesh, with the nodal values

    U_l = Π_l U_{l−1} + u_l: what the coarser level has at these nodes, plus a part u_l that is zero on the edge. The
    unknowns are the parts; the weak form over all regions, tested with all of them, couples them both ways.
    """

    def __init__(self, lines: list[list[Line]]):
        self.levels = [Level(*pair) for pair in zip(lines, [*lines[1:], None])]
        self.transfers = [[outer.tables(line.nodes)[0] for outer, line in zip(*pair)] for pair in pairwise(lines)]

    @property
    def size(self) -> int:
        """Unknowns of all levels."""
        return sum(math.prod(n - 2 for n in level.zeros.shape) for level in self.levels)

    def values(self, parts: list[np.ndarray]) -> list[np.ndarray]:
        """U_l of all levels from the parts (all nodes, zero on the edges)."""
        found = [parts[0]]
        for transfer, part in zip(self.transfers, parts[1:]):
            found.append(sampled(transfer, found[-1]) + part)
        return found

    def applied(self, parts: list[np.ndarray]) -> list[np.ndarray]:
        """a(u, v) for the inner functions v of every level, u given by its parts; zero on the edges."""
        return self.tested([level.product(u) for level, u in zip(self.levels, self.values(parts))])

    def tested(self, own: list[np.ndarray]) -> list[np.ndarray]:
        """A form on the regions, given on the functions of their meshes, on the inner functions of every level."""
        found = list(own)
        for i in range(len(self.transfers) - 1, -1, -1):
            found[i] = found[i] + sampled([one.T for one in self.transfers[i]], found[i + 1])
        return [level.bounded(one) for level, one in zip(self.levels, found)]

    def sweep(self, residual: list[np.ndarray], order) -> list[np.ndarray]:
        """Parts from nothing: the levels in this order, each solved with the parts of the others standing still."""
        parts = [level.zeros for level in self.levels]
        for count, i in enumerate(order):
            left = residual[i] - self.applied(parts)[i] if count else residual[i]
            parts[i] = parts[i] + self.correction(i, left)
        return parts

    @cached_property
    def operators(self) -> list[sp.csr_array]:
        """a(v, w) for the functions v, w of a level, over all regions they reach, at all nodes."""
        found = [self.levels[-1].matrix]
        for level, transfer in zip(self.levels[-2::-1], self.transfers[::-1]):
            prolong = sp.csr_array(transfer[0] if len(transfer) == 1 else sp.kron(*transfer))
            found.append((level.matrix + prolong.T @ found[-1] @ prolong).tocsr())
        return found[::-1]

    @cached_property
    def _factors(self) -> dict[int, object]:
        return {}

    def correction(self, i: int, residual: np.ndarray) -> np.ndarray:
        """The inner function of level i with this residual, the others standing still."""
        level = self.levels[i]
        found, load = level.zeros, residual[level.inner]
        if level.finest and load.ndim == 2:
            (first, v), (second, w) = (one.eigen for one in level.directions)
            found[level.inner] = v @ ((v.T @ load @ w) / (first[:, None] + second)) @ w.T
            return found
        if i not in self._factors:
            inner = np.arange(found.size).reshape(found.shape)[level.inner].ravel()
            self._factors[i] = splu(self.operators[i][inner][:, inner].tocsc())
        found[level.inner] = self._factors[i].solve(load.ravel()).reshape(load.shape)
        return found

    def energy(self, problem: HotSpot, parts: list[np.ndarray]) -> float:
        """‖∇u‖ of the function with these parts."""
        found = zip(self.levels, self.values(parts))
        return math.sqrt(sum(level.squared(u, orders) for level, u in found for orders in problem.derivatives))

    def errors(self, problem: HotSpot, parts: list[np.ndarray]) -> tuple[float, float]:
        """Relative errors in energy and in L2."""
        squares = np.zeros(2)
        for level, u in zip(self.levels, self.values(parts)):
            points = [one.x for one in level.directions]
            for orders in (*problem.derivatives, [0] * problem.dim):
                exact = problem.differentiated(orders, *points)
                squares[0 if any(orders) else 1] += level.squared(u, orders, exact)
        energy, plain = np.sqrt(np.maximum(squares, 0.0)) / problem.norms
        return float(energy), float(plain)

    def at(self, parts: list[np.ndarray], *points: np.ndarray) -> np.ndarray:
        """u at points of a line, or on the grid of two: of the finest level that is there."""
        found = 0.0
        for level, u in zip(self.levels, self.values(parts)):
            lines = [one.line for one in level.directions]
            here = sampled([line.tables(x)[0] for line, x in zip(lines, points)], u)
            inside = [(line.low <= x) & (x <= line.high) for line, x in zip(lines, points)]
            found = np.where(inside[0] if len(lines) == 1 else np.outer(*inside), here, found)
        return found


def sampled(tables: list, u: np.ndarray) -> np.ndarray:
    """Σ u_j t_j, or Σ u_ij s_i t_j for tables of both directions: (points,) or (points, points)."""
    return tables[0] @ u if u.ndim == 1 else (tables[1] @ (tables[0] @ u).T).T
