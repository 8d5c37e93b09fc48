"""Finite differences of order 2 and 4 in the interval and the square."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from toolkit.core.claims import Exact, Order
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.state import Work
from toolkit.mesh.elements import regularity
from toolkit.mesh.elements.galerkin import Approximation
from toolkit.mesh.elements.h_version import FINEST, LARGEST, WHOLE
from toolkit.mesh.elements.problems import BoundaryValueProblem, UnitGrid
from toolkit.mesh.elements.slope_triangle import Slopes, Trailed
from toolkit.preconditioner.systems.sparse import eliminated

MOST = {1: 8192, 2: 128}  # intervals along a side


def weights(places: np.ndarray, order: int) -> np.ndarray:
    """Weights of the derivative of this order at 0 from values at `places`, exact for degrees below their number.

    They solve Σ w_j places_j^m = m! δ_{m, order}.
    Reference: B. Fornberg, Math. Comp. 51 (1988) 699–706, doi:10.1090/S0025-5718-1988-0935077-0.
    """
    powers = np.vander(places, increasing=True).T
    moments = np.zeros(len(places))
    moments[order] = float(np.prod(np.arange(1, order + 1)))
    return np.linalg.solve(powers, moments)


def difference(n: int, order: int, accuracy: int) -> sp.csr_array:
    """The derivative of order 1 or 2 at the inner nodes i/n from values at all of them, (n − 1, n + 1).

    Accuracy 2: three points. Accuracy 4: five points around a node, beside the ends as many as it takes to one side.
    """
    if accuracy == 4 and n < 6:
        raise Breakdown(f"{n} intervals are too few for differences of order 4", "Start with 6 at least")
    reach, count = accuracy // 2, accuracy + order  # a one-sided second derivative takes one point more
    centre = weights(np.arange(-reach, reach + 1.0), order)
    made = sp.diags_array(centre, offsets=np.arange(accuracy + 1), shape=(n + 1 - accuracy, n + 1)).tolil()
    if accuracy == 4:
        ends = sp.lil_array((2, n + 1))
        ends[0, :count] = weights(np.arange(count) - 1.0, order)
        ends[1, n + 1 - count :] = weights(np.arange(count) + 2.0 - count, order)
        made = sp.vstack([ends[[0]], made, ends[[1]]])
    return sp.csr_array(made) * float(n) ** order


class Grid:
    """The nodes i/n of [0, 1]^d, d = 1 or 2, and the differences on them."""

    def __init__(self, problem: BoundaryValueProblem, n: int, accuracy: int):
        self.problem, self.n, self.accuracy = problem, n, accuracy

    @cached_property
    def x(self) -> np.ndarray:
        """All nodes, (d, n + 1[, n + 1])."""
        line = np.linspace(0, 1, self.n + 1)
        return np.array(np.meshgrid(*[line] * self.problem.dim, indexing="ij"))

    @property
    def inner(self) -> tuple:
        """The nodes inside."""
        return (slice(1, -1),) * self.problem.dim

    def line(self) -> tuple[sp.csr_array, sp.csr_array]:
        """−ε ∂² + b ∂ at the inner nodes of a line: (its part of the unknowns, its part of the two ends)."""
        whole = -self.problem.diffusion * difference(self.n, 2, self.accuracy)
        if self.problem.speed:
            whole = whole + self.problem.speed * difference(self.n, 1, self.accuracy)
        return whole[:, 1:-1].tocsr(), whole

    @cached_property
    def matrix(self) -> sp.csr_array:
        """The differences for the inner nodes, C order."""
        part, _ = self.line()
        eye = sp.eye_array(self.n - 1, format="csr")
        whole = part if self.problem.dim == 1 else sp.kron(part, eye) + sp.kron(eye, part)
        size = whole.shape[0]
        return sp.csr_array(whole + self.problem.reaction * sp.eye_array(size, format="csr"))

    def applied(self, u: np.ndarray) -> np.ndarray:
        """−ε Δu + b·∇u + c u by differences, at the inner nodes, from values at all."""
        _, whole = self.line()
        if self.problem.dim == 1:
            return whole @ u + self.problem.reaction * u[1:-1]
        first, second = whole @ u[:, 1:-1], (whole @ u[1:-1].T).T
        return first + second + self.problem.reaction * u[1:-1, 1:-1]

    def solve(self) -> np.ndarray:
        """Values at all nodes."""
        u = self.problem.boundary(self.x)
        u[self.inner] = 0.0
        rest = self.problem.source(self.x[(slice(None), *self.inner)]) - self.applied(u)
        definite = self.problem.symmetric and self.accuracy == 2
        found = eliminated(self.matrix, rest.ravel(), definite)
        if found is None:
            raise Breakdown("the matrix is singular", "Take a finer grid or less advection")
        u[self.inner] = found.reshape(rest.shape)
        return u


@dataclass(slots=True, kw_only=True)
class GridState(Approximation, Trailed):
    """Values at all nodes; errors there: root of the mean square, and the largest.

    `trail`: (h, the largest error, root of the mean square) of all grids so far; `order` that of the differences.
    """

    u: np.ndarray
    l2_error: float
    max_error: float
    unknowns: float
    h: float
    nnz: float
    order: int

    def solution(self) -> np.ndarray:
        return self.u

    def at(self, x: np.ndarray) -> np.ndarray:
        return np.interp(x, np.linspace(0, 1, len(self.u)), self.u)

    def lattice(self) -> tuple[np.ndarray, np.ndarray]:
        """(places along a side (n,), u there (n, n)) in the square: the nodes themselves."""
        return np.linspace(0, 1, len(self.u)), self.u

    def slopes(self, problem) -> Slopes:
        order = float(self.order) if problem.data not in ("corner", "cubic") else None
        return Slopes(("largest", "mean square"), (order, order))


@dataclass(frozen=True)
class FiniteDifferences(Method):
    """Finite differences of order 2 or 4; a step halves h.

    Order 2: three points in each direction, (−u_{i−1} + 2u_i − u_{i+1})/h². Order 4: five points,
    (u_{i−2} − 16u_{i−1} + 30u_i − 16u_{i+1} + u_{i+2})/12h², and six to one side beside the boundary. Errors are those
    at the nodes, O(h²) or O(h⁴) where u is smooth; central differences of b·∇u oscillate where b h > 2ε.
    A step costs an elimination.
    Reference: R. J. LeVeque, Finite Difference Methods for Ordinary and Partial Differential Equations (2007), Ch. 2–3,
    doi:10.1137/1.9780898717839.
    """

    title: ClassVar[str] = "finite differences"
    sources: ClassVar[tuple[str, ...]] = ("leveque2007", "fornberg1988")
    monitors: ClassVar[tuple[str, ...]] = ("l2_error", "max_error", "unknowns", "h", "nnz")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    problems: ClassVar[tuple[type, ...]] = (UnitGrid,)
    order: int = knob(2, choices=(2, 4), doc="order of the differences")
    start: int = knob(8, 6, 64, log=True, symbol="n₀", doc="intervals along a side of the first grid")
    levels: int = knob(5, 1, 10, doc="times h is halved; fewer where the grid would become too large")

    def label(self) -> str:
        return f"differences of order {self.order}"

    def init(self, problem) -> GridState:
        return self._solved(problem, self.start)

    def step(self, problem, state: GridState) -> GridState:
        k = state.k + 1
        state = self._solved(problem, self.start << k, state)
        if k >= self.levels:
            state.status = FINEST
        elif self.start << (k + 1) > MOST[problem.dim]:
            state.status = LARGEST
        return state

    def _solved(self, problem, n: int, before: GridState | None = None) -> GridState:
        grid = Grid(problem, n, self.order)
        u = grid.solve()
        e = u - problem.exact(grid.x)
        mean, most, nnz = float(np.linalg.norm(e) / n ** (problem.dim / 2)), float(abs(e).max()), float(grid.matrix.nnz)
        k, work, trail = (before.k + 1, before.work, before.trail) if before else (0, Work(), ())
        return GridState(
            k=k,
            work=Work(solves=work.solves + 1, flops=work.flops + 2 * nnz),
            u=u,
            l2_error=mean,
            max_error=most,
            unknowns=float((n - 1) ** problem.dim),
            h=1.0 / n,
            nnz=nnz,
            order=self.order,
            trail=(*trail, (1.0 / n, most, mean)),
        )

    def claims(self, problem) -> tuple:
        if self.suits(problem) or problem.data == "corner":
            return ()
        about = dict(source="leveque2007", stop=WHOLE)
        if problem.data == "cubic" and (self.order == 4 or not problem.speed):
            title = "differences of cubics are exact: found up to rounding"
            return (Exact(measure="max_error", tol=1e-9, always=True, title=title, assumes="u a cubic", **about),)
        rows = self.levels + 1
        while rows and self.start << (rows - 1) > MOST[problem.dim]:
            rows -= 1
        skip, rows = regularity.asymptotic(problem, 1, 1.0 / self.start, rows)
        early = self.order - 2  # grids on which what the one-sided differences add, O(h⁶), still counts
        skip, rows = skip + early, rows - early
        if rows < 3:
            return ()
        about |= dict(over="h", growing=True, skip=skip, floor=1e-10, assumes="a smooth u that the grid resolves")
        return tuple(
            Order(measure=measure, p=float(self.order), title=f"order {self.order} {words}", **about)
            for measure, words in (("max_error", "at every node"), ("l2_error", "in the mean square"))
        )
