"""Spectral elements on a half line: meshes, bases and quadrature for the radial equations of an atom (atomic units)."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.special import eval_legendre, roots_jacobi, roots_legendre

from toolkit.core.errors import Breakdown
from toolkit.kernels.line import radial as kernels

C_LIGHT = 137.0359895  # the value of the reference tables (1986 CODATA)
FOLLOW = 1e-6  # Ha: a Rayleigh quotient that moves less has a vector that is exact to rounding


def graded(r_max: float, elements: int, grading: float) -> np.ndarray:
    """Ends of the elements, (elements + 1,): r_e = r_max (e^{βe} − 1)/(e^{βN} − 1), β = log(grading)/(N − 1).

    `grading` is the length of the last element over that of the first; 1 gives a uniform mesh.
    Reference: O. Čertík et al. (2024), doi:10.1016/j.cpc.2023.109051, Eqs. (70)–(72).
    """
    e = np.arange(elements + 1.0)
    if grading == 1 or elements == 1:
        return r_max * e / elements
    beta = np.log(grading) / (elements - 1)
    return r_max * np.expm1(beta * e) / np.expm1(beta * elements)


def lobatto(p: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Lobatto points and weights on [−1, 1], (p + 1,) each: exact to degree 2p − 1."""
    inner = roots_jacobi(p - 1, 1, 1)[0] if p > 1 else np.empty(0)
    x = np.concatenate(([-1.0], inner, [1.0]))
    return x, 2 / (p * (p + 1) * eval_legendre(p, x) ** 2)


def lagrange(nodes: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and slopes of the Lagrange polynomials of `nodes` at points x between them, (len(x), len(nodes)) each.

    Reference: J.-P. Berrut, L. N. Trefethen, SIAM Rev. 46 (2004) 501–517, doi:10.1137/S0036144502417715.
    """
    gaps = nodes[:, None] - nodes + np.eye(len(nodes))
    share = 1 / np.prod(2 * gaps, axis=1)
    slopes = share / share[:, None] / gaps
    np.fill_diagonal(slopes, 0.0)
    np.fill_diagonal(slopes, -slopes.sum(axis=1))
    terms = share / (x[:, None] - nodes)
    values = terms / terms.sum(axis=1, keepdims=True)
    return values, values @ slopes


class RadialElements:
    """Nodal elements of degree p on [0, r_max] with Gauss quadrature, and what the equations of an atom need of them.

    `ends` (N + 1,) are the ends of the elements. `exponent` > −1 is the power of r that the rule of the first element
    takes as its weight (Gauss–Jacobi): integrands r^exponent times a polynomial are exact there.
    Arrays: `r`, `w` (N, q) points and weights of ∫ dr; `basis`, `slopes` (N, q, p + 1) values and derivatives.
    """

    def __init__(self, ends: np.ndarray, p: int, exponent: float = 0.0, spare: int = 6):
        self.ends, self.p, self.q = ends, p, 2 * p + spare
        self.nodes, self.weights = lobatto(p)
        self.half = np.diff(ends)[:, None] / 2
        x, wx = roots_legendre(self.q)
        first, w1 = roots_jacobi(self.q, 0.0, exponent) if exponent else (x, wx)
        self.x = np.vstack((first, *[x] * (len(ends) - 2)))
        self.r = ends[:-1, None] + self.half * (1 + self.x)
        self.w = self.half * np.vstack((w1 / (1 + first) ** exponent, *[wx] * (len(ends) - 2)))
        tables = [lagrange(self.nodes, first), *[lagrange(self.nodes, x)] * (len(ends) - 2)]
        self.basis = np.stack([values for values, _ in tables])
        self.slopes = np.stack([slopes for _, slopes in tables]) / self.half[:, :, None]

    @property
    def size(self) -> int:
        """Nodes, both ends included."""
        return (len(self.ends) - 1) * self.p + 1

    @cached_property
    def places(self) -> np.ndarray:
        """r at the nodes, (size,)."""
        inner = self.ends[:-1, None] + self.half * (1 + self.nodes[1:])
        return np.concatenate((self.ends[:1], inner.ravel()))

    @cached_property
    def _turned(self) -> tuple[np.ndarray, np.ndarray]:
        turn = (0, 2, 1)
        return np.ascontiguousarray(self.basis.transpose(turn)), np.ascontiguousarray(self.slopes.transpose(turn))

    def product(self, weight: np.ndarray, left: str = "basis", right: str = "basis") -> np.ndarray:
        """∫ g φ_i φ_j as element matrices, (N, p + 1, p + 1), for g given with the quadrature weights in `weight`.

        `left`, `right` ("basis" or "slopes") put derivatives in place of φ_i or φ_j.
        """
        return self._turned[left == "slopes"] @ (weight[:, :, None] * getattr(self, right))

    def at_points(self, nodal: np.ndarray, what: str = "basis") -> np.ndarray:
        """A function given at the nodes, (…, size), at the quadrature points, (…, N, q); or its derivative."""
        local = np.arange(len(self.half))[:, None] * self.p + np.arange(self.p + 1)
        return np.matmul(getattr(self, what), nodal[..., local, None])[..., 0]

    def integral(self, values: np.ndarray) -> float:
        """∫ f dr of values at the quadrature points."""
        return float(np.vdot(self.w, values))

    @cached_property
    def _kinetic(self) -> np.ndarray:
        return self.product(self.w / 2, "slopes", "slopes")

    @cached_property
    def _overlap(self) -> np.ndarray:
        """The overlap by Gauss–Lobatto quadrature, element matrices: diagonal."""
        return (self.half * self.weights)[:, :, None] * np.eye(self.p + 1)

    def check_room(self, unknowns: int, count: int) -> None:
        """Breakdown where there are fewer unknowns than states."""
        if unknowns < count:
            cause = f"elements with {unknowns} unknown{'s' * (unknowns != 1)} have no {count} states"
            raise Breakdown(cause, "Raise the degree or the number of elements")

    def levels(self, V: np.ndarray, l: int, count: int, near: tuple | None = None):
        """The lowest `count` solutions of −P''/2 + (V + l(l + 1)/2r²) P = E P with P(0) = P(r_max) = 0.

        Energies (count,), P at the nodes (count, size), normalised, and the factorisations made; V, (N, q), is given
        at the quadrature points. `near` holds energies and P of a potential that is close. With the lumped overlap it
        is a standard eigenproblem. The energies are Rayleigh quotients summed at the points, which loses fewer digits
        than the matrix does. Cost: O(N p³) for each factorisation, 2 to 20 of them for each level.
        """
        self.check_room(self.size - 2, count)
        effective = self.w * (V + l * (l + 1) / (2 * self.r**2))
        A = self._kinetic + self.product(effective)
        values, P = (np.empty(count), np.empty((count, self.size))) if near is None else near
        work = kernels.lowest(A, self._overlap, 1, True, FOLLOW, near is not None, values, P)
        kinetic, bound = (self.at_points(P, what) ** 2 for what in ("slopes", "basis"))
        return np.einsum("eq,keq->k", self.w / 2, kinetic) + np.einsum("eq,keq->k", effective, bound), P, work

    @cached_property
    def _bubbles(self) -> np.ndarray:
        """ψ_k(x) = ∫_{−1}^x L_{k−1} for k = 2 … 2p at the points, (N, q, 2p − 1)."""
        k = np.arange(2, 2 * self.p + 1)
        x = self.x[:, :, None]
        return (eval_legendre(k, x) - eval_legendre(k - 2, x)) / (2 * k - 1)

    def hartree(self, density: np.ndarray) -> np.ndarray:
        """V of −(r V)'' = 4π r n with V r = 0 at 0 and (V r)' = 0 at r_max, by elements of degree 2p: at the points.

        In integrated Legendre polynomials the stiffness matrix is diagonal but for the hats, whose equations are two
        sums: the flux through an element is what is loaded outside it.
        """
        load = self.w * 4 * np.pi * density * self.r
        rise = (1 + self.x) / 2
        outer, inner = (load * rise).sum(axis=1), (load * (1 - rise)).sum(axis=1)
        at_ends = outer + np.append(inner[1:], 0.0)
        flux = np.cumsum(at_ends[::-1])[::-1]
        u = np.concatenate(([0.0], np.cumsum(np.diff(self.ends) * flux)))
        k = np.arange(2, 2 * self.p + 1)
        bubbles = self.half * (2 * k - 1) / 2 * np.matmul(load[:, None, :], self._bubbles)[:, 0]
        inside = np.matmul(self._bubbles, bubbles[:, :, None])[:, :, 0]
        return (u[:-1, None] * (1 - rise) + u[1:, None] * rise + inside) / self.r
