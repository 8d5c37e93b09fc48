"""C-HiDeNN interpolation: linear elements whose nodal values are convolved over a patch of neighbours.

ũ(x) = Σ_i N_i(x) Σ_j W^i_j(x) u_j, N_i the hat function of node i, W^i_j the patch functions of node i: over the nodes
j at most s layers away, a radial basis of dilation a plus polynomials of degree p, with W^i_j(x_k) = δ_jk and every
polynomial of degree p reproduced. The unknowns are those of linear elements; the order is p.
Reference: Y. Lu, H. Li, L. Zhang, …, W. K. Liu, Comput. Mech. 72 (2023) 333–362, doi:10.1007/s00466-023-02336-5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse as sp

TINY = 1e-12


@dataclass(frozen=True)
class Line:
    """n equal elements on [low, high] with C-HiDeNN functions of order p, patch size s ≥ p and dilation a (in h)."""

    low: float
    high: float
    n: int
    p: int
    s: int
    a: float

    @property
    def h(self) -> float:
        """The length of an element."""
        return (self.high - self.low) / self.n

    @property
    def nodes(self) -> np.ndarray:
        """The places of the nodes, (n+1,)."""
        return np.linspace(self.low, self.high, self.n + 1)

    def breaks(self) -> np.ndarray:
        """Where the functions are not smooth: the nodes, and where a radial function of a node changes its formula."""
        reaches = [reach for reach in (self.a, self.a / 2) if reach < self.s + 1]
        inside = {part % 1.0 for reach in reaches for part in (reach, -reach)}
        parts = np.array([0.0, *(part for part in sorted(inside) if TINY < part < 1 - TINY)])
        found = (np.arange(self.n)[:, None] + parts).ravel()
        return np.append(self.low + self.h * found, self.high)

    def tables(self, x: np.ndarray) -> tuple[sp.csr_array, sp.csr_array]:
        """Values and slopes of all functions at the points x, each (points, n+1); nothing at points outside."""
        inside = np.flatnonzero((x >= self.low - TINY) & (x <= self.high + TINY))
        place = (x[inside] - self.low) / self.h
        element = np.clip(place.astype(int), 0, self.n - 1)
        rows, columns, values, slopes = [], [], [], []
        for side in (0, 1):
            node, t = element + side, place - element - side
            hat, rise = 1 - np.abs(t), (-1.0, 1.0)[side]
            left, right = np.minimum(node, self.s), np.minimum(self.n - node, self.s)
            for key in np.unique(left * (self.s + 1) + right):
                among = np.flatnonzero(left * (self.s + 1) + right == key)
                offsets = np.arange(-(key // (self.s + 1)), key % (self.s + 1) + 1)
                w, dw = patch_functions(offsets, self.p, self.a, t[among])
                rows.append(np.repeat(inside[among], len(offsets)))
                columns.append((node[among][:, None] + offsets).ravel())
                values.append((hat[among][:, None] * w).ravel())
                slopes.append((rise * w + hat[among][:, None] * dw).ravel() / self.h)
        where = (np.concatenate(rows), np.concatenate(columns))
        shape = (len(x), self.n + 1)
        return tuple(sp.csr_array((np.concatenate(data), where), shape=shape) for data in (values, slopes))


def patch_functions(offsets: np.ndarray, p: int, a: float, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W_j(t) and W'_j(t) of a node at 0 with nodes at the whole `offsets`, each (points, nodes); t in lengths h.

    Radial functions φ(|t − j|/a) and 1, t, …, t^p with the side conditions that make the latter reproduced:
    (W, ·) = (φ(t), P(t)) G⁻¹, G = [[φ_ij, P_i], [P_iᵀ, 0]]. Needs p + 1 nodes at least.
    """
    inverse = _moments(tuple(int(j) for j in offsets), p, a)
    scale = np.max(np.abs(offsets))
    radial, bend = cubic((t[:, None] - offsets) / a)
    powers = (t[:, None] / scale) ** np.arange(p + 1)
    lower = np.hstack((np.zeros((len(t), 1)), powers[:, :-1] * np.arange(1, p + 1) / scale))
    w = np.hstack((radial, powers)) @ inverse
    return w, np.hstack((bend / a, lower)) @ inverse


@lru_cache(maxsize=256)
def _moments(offsets: tuple[int, ...], p: int, a: float) -> np.ndarray:
    """The first columns of G⁻¹, (nodes + p + 1, nodes)."""
    places = np.array(offsets, dtype=float)
    size = len(places)
    moments = np.zeros((size + p + 1, size + p + 1))
    moments[:size, :size] = cubic((places[:, None] - places) / a)[0]
    moments[:size, size:] = (places[:, None] / np.max(np.abs(places))) ** np.arange(p + 1)
    moments[size:, :size] = moments[:size, size:].T
    return np.linalg.solve(moments, np.eye(size + p + 1, size))


def cubic(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cubic spline φ(|z|) with φ = 0 from |z| = 1 on, and its derivative in z."""
    r = np.abs(z)
    near, far = r <= 0.5, (r > 0.5) & (r < 1)
    value = near * (2 / 3 - 4 * r**2 + 4 * r**3) + far * (4 / 3) * (1 - r) ** 3
    slope = near * (12 * r**2 - 8 * r) - far * 4 * (1 - r) ** 2
    return value, slope * np.sign(z)


def quadrature(lines, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss' rule with m points on every piece between the breaks of all lines: points and weights."""
    edges = np.sort(np.concatenate([line.breaks() for line in lines]))
    edges = edges[np.append(True, np.diff(edges) > 1e-9)]
    nodes, weights = np.polynomial.legendre.leggauss(m)
    lengths = np.diff(edges)[:, None]
    return (edges[:-1, None] + lengths * (nodes + 1) / 2).ravel(), (lengths * weights / 2).ravel()
