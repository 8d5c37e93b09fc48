"""An axis of a multilevel decomposition: nodes kept, interpolation, L² projection; how much a level can amplify."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg

from toolkit.kernels.grid import multilevel

WINDOW = 96  # nodes from an end after which an L² projection has forgotten it: (2 − √3)^48 < 1e-27
EASY = 200_000  # triples of nodes whose amplification is computed one by one


def coarsened(x: np.ndarray) -> np.ndarray:
    """The positions kept of the n positions x of an axis: every second one and the last; all of them where n < 3."""
    if len(x) < 3:
        return np.arange(len(x))
    return np.append(np.arange(0, len(x) - 1, 2), len(x) - 1)


def mass_bands(x: np.ndarray) -> np.ndarray:
    """Mass matrix of the linear elements with nodes x, as the (3, n) bands of `scipy.linalg.solve_banded`."""
    bands, h = np.zeros((3, len(x))), np.diff(x)
    bands[0, 1:] = bands[2, :-1] = h / 6
    bands[1, :-1] += h / 3
    bands[1, 1:] += h / 3
    return bands


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis at one level: nodes x, those `kept`, and the numbers the kernels ask for.

    An axis that keeps all its nodes is left as it is: interpolation, load and projection are the identity.
    """

    x: np.ndarray

    @cached_property
    def kept(self) -> np.ndarray:
        """Positions of the nodes that the next level keeps, (m,)."""
        return coarsened(self.x)

    @property
    def idle(self) -> bool:
        """Whether all nodes are kept: the axis is too short to be made coarser."""
        return len(self.kept) == len(self.x)

    @cached_property
    def left(self) -> np.ndarray:
        """The kept node at or before each node."""
        return np.searchsorted(self.kept, np.arange(len(self.x)), side="right") - 1

    @cached_property
    def is_kept(self) -> np.ndarray:
        """Which nodes are kept, (n,) booleans."""
        return np.isin(np.arange(len(self.x)), self.kept)

    @cached_property
    def weights(self) -> np.ndarray:
        """(n, 2): weights of the kept nodes on the left and on the right in linear interpolation."""
        ends = self.x[self.kept]
        right = np.minimum(self.left + 1, len(ends) - 1)
        gap = np.where(self.is_kept, 1.0, ends[right] - ends[self.left])
        share = np.where(self.is_kept, 0.0, (self.x - ends[self.left]) / gap)
        return np.stack([1 - share, share], axis=1)

    @cached_property
    def loads(self) -> np.ndarray:
        """(n, 3): a column of Pᵀ M, P the interpolation, M the fine mass matrix; the first row is that of `first`."""
        if self.idle:
            return np.tile([0.0, 1.0, 0.0], (len(self.x), 1))
        n, out = len(self.x), np.zeros((len(self.x), 3))
        upper, diagonal, lower = mass_bands(self.x)
        nodes = np.arange(n)
        for step, entries in ((-1, upper), (0, diagonal), (1, lower)):
            p = nodes[(nodes + step >= 0) & (nodes + step < n)]
            q = p + step
            at = self.left[q] - self.first[p]
            out[p, at] += entries[p] * self.weights[q, 0]
            inner = self.weights[q, 1] > 0
            out[p[inner], at[inner] + 1] += entries[p[inner]] * self.weights[q[inner], 1]
        return out

    @cached_property
    def first(self) -> np.ndarray:
        """The first kept node a node loads: the one before a kept node, the one on the left of another."""
        return self.left - self.is_kept

    @cached_property
    def lu(self) -> np.ndarray:
        """(3, m): elimination of the mass matrix of the kept nodes."""
        m = len(self.kept)
        if self.idle:
            return np.stack([np.zeros(m), np.zeros(m), np.ones(m)])
        upper, diagonal, _ = mass_bands(self.x[self.kept])
        factor, pivot = multilevel.eliminate(upper, diagonal)
        return np.stack([factor, np.append(upper[1:], 0.0) / pivot, 1 / pivot])

    def across(self, dtype) -> tuple[np.ndarray, np.ndarray]:
        """`at`, `by` of the kernels for axes 0 and 1."""
        right = np.minimum(self.left + 1, len(self.kept) - 1)
        at = np.stack([self.left, right, self.is_kept, self.first], axis=1).astype(np.int64)
        return at, np.hstack([self.weights, self.loads]).astype(dtype)

    def along(self, dtype) -> tuple[np.ndarray, np.ndarray]:
        """`gather`, `halves` of the kernels for axis 2."""
        gather, m = np.zeros((5, len(self.kept))), len(self.kept)
        for kept, places in ((True, (2, 1, 0)), (False, (4, 3))):
            nodes = np.flatnonzero(self.is_kept == kept)
            for j, place in enumerate(places):
                rows = self.first[nodes] + j
                inside = (rows >= 0) & (rows < m)
                gather[place, rows[inside]] = self.loads[nodes[inside], j]
        return gather.astype(dtype), np.ascontiguousarray(self.weights[~self.is_kept].T).astype(dtype)

    @cached_property
    def reach(self) -> np.ndarray:
        """(rows, 4), each kind of node once: of row y of R = P M⁻¹ Pᵀ M the sum of |entries|, that over kept columns,
        the diagonal entry, and whether y is kept.

        A long axis is uniform but for its last cell: beyond WINDOW nodes from its ends its rows repeat.
        """
        if self.idle:
            return np.array([[1.0, 1.0, 1.0, 1.0]])
        x, n = self.x, len(self.x)
        if n > 2 * WINDOW + 2:  # as many nodes taken out as keep the parity
            spare = (n - 2 * WINDOW) // 2 * 2
            x = np.append(x[: n - 1 - spare], x[n - 2 - spare] + (x[n - 1] - x[n - 2]))
        axis = Axis(x) if len(x) < n else self
        dense, nodes = np.zeros((len(axis.kept), len(x))), np.arange(len(x))
        for j in range(3):
            used = nodes[axis.loads[:, j] > 0]
            dense[axis.first[used] + j, used] = axis.loads[used, j]
        project = scipy.linalg.solve_banded((1, 1), mass_bands(x[axis.kept]), dense)
        right = np.minimum(axis.left + 1, len(axis.kept) - 1)
        rows = axis.weights[:, :1] * project[axis.left] + axis.weights[:, 1:] * project[right]
        sums = abs(rows).sum(axis=1), abs(rows[:, axis.kept]).sum(axis=1), np.diag(rows), axis.is_kept
        return np.unique(np.round(np.stack(sums, axis=1), 12), axis=0)


def amplification(axes: tuple[Axis, ...]) -> float:
    """max ‖(I − Q) δ‖∞ / ‖δ‖∞ over δ that vanish at the kept nodes, Q the L² projection on their multilinear functions.

    Q is a tensor product, so that row y of I − Q sums to Π r_i − Π c_i at a kept node and to 1 + Π r_i − Π c_i −
    2 Π d_i at another, (r, c, d) the `Axis.reach` of y's coordinates (0 ≤ d ≤ 1). Rounded up by 1e-9.
    Reference: Ainsworth et al. 2019, doi:10.1137/18M1166651, Section 5, who bound it by 1 + 3^d.
    """
    kinds = [axis.reach for axis in axes]
    if math.prod(map(len, kinds)) > EASY:
        r, c = (math.prod(kind[:, j].max() if j == 0 else kind[:, j].min() for kind in kinds) for j in (0, 1))
        return (1 + r - c) * (1 + 1e-9)
    products = np.ones((1, 4))
    for kind in kinds:
        products = (products[:, None] * kind[None]).reshape(-1, 4)
    r, c, d, kept = products.T
    return float(np.max(r - c + np.where(kept == 1, 0, 1 - 2 * d))) * (1 + 1e-9)
