"""Chebyshev collocation: one polynomial for the whole domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import solve_sylvester

from toolkit.core.claims import Exact, Rate
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.state import Work
from toolkit.mesh.elements import regularity
from toolkit.mesh.elements.galerkin import Approximation
from toolkit.mesh.elements.h_version import FINEST, WHOLE
from toolkit.mesh.elements.problems import BoundaryValueProblem, UnitGrid

LATTICE = 97  # points along a side at which a polynomial is drawn


def nodes(N: int) -> np.ndarray:
    """Chebyshev's points (1 − cos(jπ/N))/2 on [0, 1], rising; by sines, which keeps the digits near both ends."""
    j = np.arange(N + 1)
    return np.sin(j * np.pi / (2 * N)) ** 2


def barycentric(N: int) -> np.ndarray:
    """Weights of the interpolation formula in Chebyshev's points: (−1)^j, halved at the ends."""
    w = (-1.0) ** np.arange(N + 1)
    w[[0, -1]] /= 2
    return w


def differentiation(N: int) -> np.ndarray:
    """D with (D u)_i = u′(x_i) for polynomials u of degree N, (N + 1, N + 1), on [0, 1].

    D_ij = w_j/(w_i (x_i − x_j)), the differences by products of sines; D_ii = −Σ_{j≠i} D_ij, so that constants go to 0.
    Reference: R. Baltensperger, J.-P. Berrut, Comput. Math. Appl. 37 (1999) 41–48,
    doi:10.1016/S0898-1221(98)00240-5.
    """
    j = np.arange(N + 1) * np.pi / (2 * N)
    apart = np.sin(j[:, None] + j) * np.sin(j[:, None] - j)  # x_i − x_j = sin² − sin²
    np.fill_diagonal(apart, 1.0)
    w = barycentric(N)
    D = w / w[:, None] / apart
    np.fill_diagonal(D, 0.0)
    np.fill_diagonal(D, -D.sum(axis=1))
    return D


def interpolation(N: int, x: np.ndarray) -> np.ndarray:
    """The matrix that takes values at Chebyshev's points to values at x, (len(x), N + 1): the barycentric formula."""
    gap = x[:, None] - nodes(N)
    hit = gap == 0
    gap[hit.any(axis=1)] = np.inf
    share = barycentric(N) / gap
    share[hit.any(axis=1)] = hit[hit.any(axis=1)]
    return share / share.sum(axis=1, keepdims=True)


@dataclass(slots=True, kw_only=True)
class CollocationState(Approximation):
    """Values at Chebyshev's points, the first and the last of them on the boundary; errors between them."""

    u: np.ndarray
    energy_error: float
    l2_error: float
    max_error: float
    unknowns: float
    degree: float
    nnz: float

    def solution(self) -> np.ndarray:
        return self.u

    def at(self, x: np.ndarray) -> np.ndarray:
        return interpolation(len(self.u) - 1, x) @ self.u

    def lattice(self) -> tuple[np.ndarray, np.ndarray]:
        """(places along a side (n,), the polynomial there (n, n)) in the square."""
        x = np.linspace(0, 1, LATTICE)
        to = interpolation(len(self.u) - 1, x)
        return x, to @ self.u @ to.T


def collocated(problem: BoundaryValueProblem, N: int) -> np.ndarray:
    """The polynomial of degree N in each direction that meets the equation at the inner points, the data at the others.

    In the square L U + U Lᵀ = F, by Schur's forms (Bartels and Stewart).
    """
    D, x = differentiation(N), nodes(N)
    line = -problem.diffusion * (D @ D) + problem.speed * D
    points = np.array(np.meshgrid(*[x] * problem.dim, indexing="ij"))
    u = problem.boundary(points)
    inner = (slice(1, -1),) * problem.dim
    u[inner] = 0.0
    f = problem.source(points[(slice(None), *inner)])
    share = problem.reaction / problem.dim * np.eye(N - 1)
    L = line[1:-1, 1:-1] + share
    if problem.dim == 1:
        u[1:-1] = np.linalg.solve(L, f - line[1:-1] @ u)
        return u
    rest = f - line[1:-1] @ u[:, 1:-1] - u[1:-1] @ line[1:-1].T
    u[1:-1, 1:-1] = solve_sylvester(L, L.T, rest)
    return u


def errors(problem: BoundaryValueProblem, u: np.ndarray) -> tuple[float, float, float]:
    """Errors in energy, L2 and at the worst place, on Gauss points of a graded mesh."""
    N, dim = len(u) - 1, problem.dim
    t, w = np.polynomial.legendre.leggauss(8)
    edges = nodes(max(16, N) if dim == 1 else max(10, N // 2))
    x = (edges[:-1, None] + (t + 1) / 2 * np.diff(edges)[:, None]).ravel()
    w = (w / 2 * np.diff(edges)[:, None]).ravel()
    values = interpolation(N, x)
    slopes = values @ differentiation(N)
    points = np.array(np.meshgrid(*[x] * dim, indexing="ij"))
    e, gradient = problem.exact(points), problem.exact_gradient(points)
    if dim == 1:
        e, bend, volume = e - values @ u, gradient - (slopes @ u)[None], w
    else:
        e, volume = e - values @ u @ values.T, np.outer(w, w)
        bend = gradient - np.array([slopes @ u @ values.T, values @ u @ slopes.T])
    squares = problem.diffusion * (bend**2).sum(axis=0) + problem.reaction * e**2
    return float(np.sqrt((squares * volume).sum())), float(np.sqrt((e**2 * volume).sum())), float(abs(e).max())


@dataclass(frozen=True)
class ChebyshevCollocation(Method):
    """Chebyshev collocation: a polynomial of degree N that meets the equation at Chebyshev's points; a step raises N.

    u analytic inside the ellipse with foci at the ends and half axes that sum to ρ (in half lengths): errors O(ρ^−N).
    Entire u: faster than any power. Rounding grows with N², that of second derivatives with N⁴.
    A step costs O(N³).
    Reference: L. N. Trefethen, Spectral Methods in MATLAB (2000), Ch. 5–7, doi:10.1137/1.9780898719598;
    L. N. Trefethen, Approximation Theory and Approximation Practice (2013), Thm. 8.2.
    """

    name: ClassVar[str] = "collocation"
    title: ClassVar[str] = "Chebyshev collocation"
    sources: ClassVar[tuple[str, ...]] = ("trefethen2000", "trefethen2013")
    monitors: ClassVar[tuple[str, ...]] = ("energy_error", "l2_error", "max_error", "unknowns", "degree", "nnz")
    scales: ClassVar[tuple[str, ...]] = ("unknowns", "degree")
    problems: ClassVar[tuple[type, ...]] = (UnitGrid,)
    start: int = knob(4, 2, 16, symbol="N₀", doc="degree of the first polynomial")
    stride: int = knob(2, 1, 16, doc="degrees a step adds")
    levels: int = knob(22, 1, 60, doc="steps; in the square never beyond degree 64")

    def degree(self, problem, k: int) -> int:
        """Degree of step k."""
        return min(self.start + k * self.stride, 256 if problem.dim == 1 else 64)

    def init(self, problem) -> CollocationState:
        return self._solved(problem, 0, Work())

    def step(self, problem, state: CollocationState) -> CollocationState:
        k = state.k + 1
        state = self._solved(problem, k, state.work)
        if k >= self.levels or self.degree(problem, k + 1) == self.degree(problem, k):
            state.status = FINEST
        return state

    def _solved(self, problem, k: int, work: Work) -> CollocationState:
        N = self.degree(problem, k)
        u = collocated(problem, N)
        energy, plain, most = errors(problem, u)
        about = dict(energy_error=energy, l2_error=plain, max_error=most, degree=float(N))
        size = float((N - 1) ** problem.dim)
        work = Work(solves=work.solves + 1, flops=work.flops + (2 / 3 if problem.dim == 1 else 50.0) * N**3)
        entries = size * (N - 1 if problem.dim == 1 else 2 * N - 3)
        return CollocationState(k=k, work=work, u=u, unknowns=size, nnz=entries, **about)

    def claims(self, problem) -> tuple:
        if self.suits(problem) or not regularity.plain(problem):
            return ()
        last = self.degree(problem, self.levels)
        if problem.data == "cubic" or (problem.data == "smooth" and last > 20 + 5 * problem.number):
            words = (
                "a cubic: exact from degree 3 on" if problem.data == "cubic" else "an entire u: exact, but for rounding"
            )
            about = dict(source="trefethen2000", assumes="rounding errors as usual, ε N⁴ at most", stop=WHOLE)
            return (
                Exact(measure="energy_error", tol=1e-15 * last**3, title=f"{words}: exact, but for rounding", **about),
            )
        rate = regularity.analytic(problem)
        factor = (rate or 1.0) ** self.stride
        rows = len({self.degree(problem, k) for k in range(self.levels + 1)})
        if rate is None or not regularity.seen(factor, rows, 0.4):
            return ()
        title = f"ρ^−N, ρ = {1 / rate:.4g}: a factor of {factor:.3g} a step"
        about = dict(source="trefethen2013", assumes="u analytic inside the ellipse, singular on it", stop=WHOLE)
        return (Rate(measure="max_error", factor=factor, start=0.4, floor=1e-9, title=title, **about),)
