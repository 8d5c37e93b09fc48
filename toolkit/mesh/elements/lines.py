"""Finite elements in an interval, of any degree in every cell: vertices and integrated Legendre polynomials."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from toolkit.mesh.elements.problems import BoundaryValueProblem

FLATTEN = 20  # x = h s^20 in the cell at a singularity makes every power x^α, α > −0.9, polynomial enough
MANY = 200


def shapes(p: int, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shape functions on [−1, 1] and their slopes, (p + 1, points): the two of the ends, then N_2 … N_p.

    N_j = (P_j − P_{j−2})/√(2(2j − 1)) with P_j Legendre's polynomials; N_j′ = √((2j − 1)/2) P_{j−1} are orthonormal.
    Reference: C. Schwab, p- and hp-Finite Element Methods (1998), Sec. 3.1.
    """
    legendre = np.polynomial.legendre.legvander(t, max(p, 1)).T
    j = np.arange(2, p + 1)[:, None]
    inner = (legendre[2 : p + 1] - legendre[: p - 1]) / np.sqrt(2 * (2 * j - 1)) if p > 1 else np.empty((0, len(t)))
    bent = np.sqrt((2 * j - 1) / 2) * legendre[1:p] if p > 1 else np.empty((0, len(t)))
    half = np.full(len(t), 0.5)
    return np.vstack([(1 - t) / 2, (1 + t) / 2, inner]), np.vstack([-half, half, bent])


class Squares(NamedTuple):
    """|||u − u_h|||² and ‖u − u_h‖² in every cell, the largest |u − u_h| at the points."""

    energy: np.ndarray
    plain: np.ndarray
    most: float


class Group:
    """Cells of one degree: `which` (m,), their unknowns `dofs` (m, p + 1), and all that is known at points (m, q)."""

    def __init__(self, nodes: np.ndarray, which: np.ndarray, dofs: np.ndarray, flattened: bool):
        self.which, self.dofs = which, dofs
        p = dofs.shape[1] - 1
        if flattened:  # the cell [0, h]
            s, weights = np.polynomial.legendre.leggauss(MANY)
            s = (1 + s) / 2
            t, weights = 2 * s**FLATTEN - 1, weights * FLATTEN * s ** (FLATTEN - 1)
        else:
            t, weights = np.polynomial.legendre.leggauss(p + 12)
        self.h = (nodes[which + 1] - nodes[which])[:, None]
        share = s**FLATTEN if flattened else (1 + t) / 2  # (1 + t)/2 would lose the digits of a point near 0
        self.x = nodes[which][:, None] + share * self.h
        self.dx = weights * self.h / 2
        self.values, self.slopes = shapes(p, t)

    def form(self, one: str, other: str) -> np.ndarray:
        """∫ v w over every cell (m, p + 1, p + 1), v and w being "values" or "slopes"."""
        scale = {"values": 1.0, "slopes": 2.0 / self.h}
        weights = self.dx * scale[one] * scale[other]
        return np.einsum("iq,eq,jq->eij", getattr(self, one), weights, getattr(self, other), optimize=True)

    def at(self, u: np.ndarray, what: str = "values") -> np.ndarray:
        """u or its derivative at the points (m, q)."""
        found = u[self.dofs] @ getattr(self, what)
        return found if what == "values" else found * 2.0 / self.h


class LineElements:
    """The space of continuous functions on `nodes` (n + 1,) that are of degree `degrees[i]` (n,) in cell i.

    Unknowns are the n + 1 values at the nodes and the coefficients of N_2 … N_p of cell after cell. `singular`: the
    quadrature in the first cell, which begins at 0, copes with powers of x.
    Cost: O(Σ p³) to assemble, O(n p²) to solve.
    """

    def __init__(self, nodes: np.ndarray, degrees: np.ndarray, singular: bool = False):
        self.nodes, self.degrees = np.asarray(nodes, dtype=float), np.asarray(degrees)
        self.offsets = len(self.nodes) + np.concatenate(([0], np.cumsum(self.degrees - 1)))
        self.singular = singular

    @classmethod
    def uniform(cls, problem: BoundaryValueProblem, n: int, p: int) -> LineElements:
        """n cells of degree p on (0, 1)."""
        return cls(np.linspace(0, 1, n + 1), np.full(n, p), problem.corner is not None)

    def halved(self, problem: BoundaryValueProblem, p: int) -> LineElements:
        """The space of degree p on equal cells, twice as many."""
        return self.uniform(problem, 2 * len(self.degrees), p)

    def raised(self, problem: BoundaryValueProblem, p: int) -> LineElements:
        """The space of degree p on as many equal cells."""
        return self.uniform(problem, len(self.degrees), p)

    @property
    def degree(self) -> int:
        """The highest degree of a cell."""
        return int(self.degrees.max())

    @property
    def size(self) -> int:
        """Coefficients in all."""
        return int(self.offsets[-1])

    @cached_property
    def groups(self) -> list[Group]:
        """The cells by degree."""
        every, first = np.arange(len(self.degrees)), self.singular
        sets = [(every[:1], True)] if first else []
        rest = every[1:] if first else every
        sets += [(rest[self.degrees[rest] == p], False) for p in np.unique(self.degrees[rest])]
        return [Group(self.nodes, which, self._dofs(which), flattened) for which, flattened in sets]

    def _dofs(self, which: np.ndarray) -> np.ndarray:
        inner = self.offsets[which][:, None] + np.arange(self.degrees[which[0]] - 1)
        return np.column_stack([which, which + 1, inner])

    def matrix(self, problem: BoundaryValueProblem) -> sp.csr_array:
        """∫ ε u′v′ + b u′v + c u v for all functions u (columns), v (rows)."""
        blocks, rows, columns = [], [], []
        for group in self.groups:
            block = problem.diffusion * group.form("slopes", "slopes")
            if problem.speed:
                block = block + problem.speed * group.form("values", "slopes")
            if problem.reaction:
                block = block + problem.reaction * group.form("values", "values")
            blocks.append(block.ravel())
            rows.append(np.broadcast_to(group.dofs[:, :, None], block.shape).ravel())
            columns.append(np.broadcast_to(group.dofs[:, None, :], block.shape).ravel())
        entries = np.concatenate(blocks), (np.concatenate(rows), np.concatenate(columns))
        return sp.csr_array(sp.coo_array(entries, shape=(self.size, self.size)))

    def load(self, problem: BoundaryValueProblem) -> np.ndarray:
        """∫ f v for all functions v."""
        total = np.zeros(self.size)
        for group in self.groups:
            np.add.at(total, group.dofs, (problem.source(group.x[None]) * group.dx) @ group.values.T)
        return total

    @cached_property
    def border(self) -> np.ndarray:
        """The coefficients of the two ends."""
        return np.array([0, len(self.nodes) - 1])

    def boundary_values(self, problem: BoundaryValueProblem) -> np.ndarray:
        """Coefficients (size,) with the Dirichlet data at the two ends."""
        u = np.zeros(self.size)
        u[self.border] = problem.boundary(self.nodes[[0, -1]][None])
        return u

    def squares(self, problem: BoundaryValueProblem, u: np.ndarray) -> Squares:
        """How far u_h is from u."""
        energy, plain, most = np.zeros(len(self.degrees)), np.zeros(len(self.degrees)), 0.0
        for group in self.groups:
            e = problem.exact(group.x[None]) - group.at(u)
            bend = problem.exact_gradient(group.x[None])[0] - group.at(u, "slopes")
            plain[group.which] = (e**2 * group.dx).sum(axis=1)
            energy[group.which] = problem.diffusion * (bend**2 * group.dx).sum(axis=1)
            most = max(most, float(abs(e).max()))
        return Squares(energy + problem.reaction * plain, plain, most)

    @property
    def h(self) -> float:
        """The mean width of a cell."""
        return float((self.nodes[-1] - self.nodes[0]) / len(self.degrees))

    def at(self, u: np.ndarray, x: np.ndarray) -> np.ndarray:
        """u_h at points x (n,)."""
        cell = np.clip(np.searchsorted(self.nodes, x, side="right") - 1, 0, len(self.degrees) - 1)
        out = np.empty(len(x))
        for group in self.groups:
            places = np.flatnonzero(np.isin(cell, group.which))
            mine = cell[places]
            t = 2 * (x[places] - self.nodes[mine]) / np.diff(self.nodes)[mine] - 1
            dofs = self._dofs(mine) if len(mine) else np.empty((0, group.dofs.shape[1]), dtype=int)
            out[places] = np.einsum("iq,qi->q", shapes(group.dofs.shape[1] - 1, t)[0], u[dofs])
        return out
