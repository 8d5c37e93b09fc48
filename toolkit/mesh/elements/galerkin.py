"""Galerkin's solution of a boundary-value problem in one space, and its errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.core.errors import Breakdown
from toolkit.core.state import State
from toolkit.core.stop import Stop
from toolkit.core.study import solve
from toolkit.mesh.elements.lines import LineElements
from toolkit.mesh.elements.planes import PlaneElements
from toolkit.mesh.elements.problems import BoundaryValueProblem
from toolkit.preconditioner.krylov.cg import CG
from toolkit.preconditioner.stationary.incomplete import IC0
from toolkit.preconditioner.systems.given import system
from toolkit.preconditioner.systems.sparse import eliminated

ITERATIVE = 4_000  # unknowns in space from which elimination takes too long


@dataclass(frozen=True)
class Solved:
    """A space with the solution of a problem in it; never changed.

    `u` all coefficients; `unknowns` those that are not on the boundary, `nnz` entries of their matrix; errors;
    `shares` |||u − u_h|||² in every cell.
    """

    space: LineElements | PlaneElements
    u: np.ndarray
    unknowns: int
    nnz: int
    energy_error: float
    l2_error: float
    max_error: float
    shares: np.ndarray

    @property
    def h(self) -> float:
        """The mean width of a cell."""
        return self.space.h

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.u.nbytes + self.shares.nbytes


@dataclass(slots=True, kw_only=True)
class Approximation(State):
    """A state whose solution is a function on the domain. In one dimension it can be asked for its values, by `at`."""

    def at(self, x: np.ndarray) -> np.ndarray:
        """u_h at points x (n,) of the interval."""
        raise NotImplementedError


@dataclass(slots=True, kw_only=True)
class InSpace(Approximation):
    """A state whose solution are the coefficients of a function of a finite element space: `space`."""

    @property
    def space(self) -> LineElements | PlaneElements:
        """The space the solution is in."""
        raise NotImplementedError

    def at(self, x: np.ndarray) -> np.ndarray:
        return self.space.at(self.solution(), x)


def galerkin(problem: BoundaryValueProblem, space: LineElements | PlaneElements) -> Solved:
    """The u_h of the space with a(u_h, v) = (f, v) for all its v that vanish on the boundary."""
    matrix, load = space.matrix(problem), space.load(problem)
    u = space.boundary_values(problem)
    inner = np.setdiff1d(np.arange(space.size), space.border)
    rest = (load - matrix @ u)[inner]
    small = matrix[inner][:, inner].tocsr()
    u[inner] = solved(small, rest, problem)
    return measured(problem, space, u, len(inner), small.nnz)


def solved(matrix, rest: np.ndarray, problem: BoundaryValueProblem) -> np.ndarray:
    """The solution of the linear system: by elimination, in space by CG with an incomplete factorisation."""
    if not len(rest):
        return rest
    if problem.dim == 3 and problem.symmetric and len(rest) > ITERATIVE:
        return _iterated(matrix, rest)
    x = eliminated(matrix, rest, problem.symmetric)
    if x is None:
        raise Breakdown("the matrix is singular", "Take a finer mesh or less advection")
    return x


def _iterated(matrix, rest: np.ndarray) -> np.ndarray:
    return solve(system(matrix, rest, symmetric=True, definite=True), CG(IC0()), Stop(rtol=1e-12, steps=500)).solution()


def measured(problem, space, u: np.ndarray, unknowns: int, nnz: int) -> Solved:
    """The solution with its errors: |||u − u_h|||, ‖u − u_h‖ in L2, max |u − u_h|."""
    found = space.squares(problem, u)
    return Solved(
        space,
        u,
        unknowns,
        nnz,
        energy_error=float(np.sqrt(found.energy.sum())),
        l2_error=float(np.sqrt(found.plain.sum())),
        max_error=found.most,
        shares=found.energy,
    )
