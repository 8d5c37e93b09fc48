"""Ladders of finite elements: a step solves in the next space. Here the cells are halved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Order
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.state import Work
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.mesh.elements import regularity
from toolkit.mesh.elements.galerkin import InSpace, Solved, galerkin
from toolkit.mesh.elements.lines import LineElements
from toolkit.mesh.elements.planes import PlaneElements
from toolkit.mesh.elements.problems import BoundaryValueProblem
from toolkit.mesh.elements.slope_triangle import Slopes, Trailed

FINEST = Status("converged", "the finest space is done", "Raise `levels` to go on")
LARGEST = Status("converged", "the largest space that can be watched is done", "Choose another degree or problem")
WHOLE = Stop(rtol=0.0, steps=40)
LIMIT = {1: 10_000, 2: 24_000, 3: 16_000}  # coefficients, by the dimension of space
DRAWN = 20_000  # cells in the plane that can be drawn
FLOOR = regularity.FLOOR
CELLS = ("triangles", "quadrilaterals")


@dataclass(slots=True, kw_only=True)
class LadderState(InSpace, Trailed):
    """The solution in the space of this step, its errors, unknowns, mean width of a cell, degree, entries.

    `trail`: (h, error in energy, in L2) of all spaces so far.
    """

    solved: Solved
    energy_error: float
    l2_error: float
    max_error: float
    unknowns: float
    h: float
    degree: float
    nnz: float

    def solution(self) -> np.ndarray:
        return self.solved.u

    @property
    def space(self) -> LineElements | PlaneElements:
        return self.solved.space

    def slopes(self, problem) -> Slopes:
        energy, plain, sharp = regularity.orders(problem, int(self.degree))
        return Slopes(("energy", "L2"), (energy, plain if sharp else None))


@dataclass(frozen=True)
class Ladder(Method):
    """What the three ways of refining share: a step solves in the next space."""

    monitors: ClassVar[tuple[str, ...]] = ("energy_error", "l2_error", "max_error", "unknowns", "h", "degree", "nnz")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    problems: ClassVar[tuple[type, ...]] = (BoundaryValueProblem,)
    levels: int = knob(6, 1, 24, doc="spaces after the first one; fewer where they would become too large")
    cells: str = knob("triangles", choices=CELLS, doc="cells in the plane")

    def kind(self, problem) -> str:
        """The cells on this problem."""
        return problem.cells[0] if problem.dim != 2 else self.cells

    def suits(self, problem) -> str:
        word = Method.suits(self, problem)
        if not word and self.kind(problem) not in problem.cells:
            word = f"there is no mesh of {self.cells} of the {type(problem).title}; try cells = {problem.cells[0]!r}"
        return word

    def first(self, problem) -> LineElements | PlaneElements:
        """The space of step 0."""
        raise NotImplementedError

    def next(self, problem, state: LadderState) -> LineElements | PlaneElements:
        """The space after that of a state."""
        raise NotImplementedError

    def more(self, problem, state: LadderState) -> bool:
        """Whether the space after that of a state is small enough, and of a degree there is."""
        raise NotImplementedError

    def init(self, problem) -> LadderState:
        return _standing(galerkin(problem, self.first(problem)))

    def step(self, problem, state: LadderState) -> LadderState:
        state = _standing(galerkin(problem, self.next(problem, state)), state)
        if state.k >= self.levels:
            state.status = FINEST
        elif not self.more(problem, state):
            state.status = LARGEST
        return state


def _standing(solved: Solved, before: LadderState | None = None) -> LadderState:
    """The state of a solution, after that of the space before."""
    about = {name: float(getattr(solved, name)) for name in Ladder.monitors if name != "degree"}
    degree = float(solved.space.degree)
    k, work, trail = (before.k + 1, before.work, before.trail) if before else (0, Work(), ())
    work = Work(solves=work.solves + 1, flops=work.flops + 2.0 * solved.nnz)
    trail = (*trail, (about["h"], about["energy_error"], about["l2_error"]))
    return LadderState(k=k, work=work, solved=solved, degree=degree, trail=trail, **about)


def started(problem, cells: str, p: int, start: int) -> LineElements | PlaneElements:
    """The space on the coarsest mesh, halved `start` times."""
    if problem.dim == 1:
        return LineElements.uniform(problem, 2 << start, p)
    mesh = problem.initial_mesh(cells)
    for _ in range(start):
        mesh = problem.refined(mesh)
    return PlaneElements(mesh, cells, p)


@dataclass(frozen=True)
class FiniteElements(Ladder):
    """h-FEM: continuous functions of degree p in every cell; a step halves the width h of the cells.

    Smooth solutions: O(h^p) in energy and, on convex domains, O(h^{p+1}) in L2. With u ~ r^α at a corner of the plane
    O(h^α) in energy, whatever p is. A step costs an assembly of O(m p^{3d}) and an elimination.
    Reference: P. G. Ciarlet, The Finite Element Method for Elliptic Problems (1978), Thms. 3.2.2 and 3.2.5;
    L. R. Scott, S. Zhang, Math. Comp. 54 (1990) 483–493, doi:10.1090/S0025-5718-1990-1011446-7.
    """

    name: ClassVar[str] = "fem"
    title: ClassVar[str] = "h-FEM"
    sources: ClassVar[tuple[str, ...]] = ("ciarlet1978",)
    degree: int = knob(2, 1, 8, symbol="p", doc="degree: up to 8 in an interval, 4 in the plane, 2 in space")
    start: int = knob(0, 0, 3, doc="times the coarsest mesh is halved before the first step")

    def label(self) -> str:
        return f"h-FEM, {'Q' if self.cells == 'quadrilaterals' else 'P'}{self.degree}"

    def suits(self, problem) -> str:
        word = Ladder.suits(self, problem)
        if word:
            return word
        most = {1: 8, 2: 4, 3: 2}[problem.dim]
        return f"in {problem.dim}D there are elements up to degree {most} here" if self.degree > most else ""

    def first(self, problem):
        return started(problem, self.kind(problem), self.degree, self.start)

    def next(self, problem, state: LadderState):
        return state.space.halved(problem, self.degree)

    def more(self, problem, state: LadderState) -> bool:
        space = state.space
        drawn = problem.dim != 2 or 4 * space.mesh.nelements <= DRAWN
        return drawn and _grown(space.size, problem.dim) <= LIMIT[problem.dim]

    def claims(self, problem) -> tuple:
        if self.suits(problem):
            return ()
        return (*self._exactness(problem), *self._orders(problem))

    def _exactness(self, problem):
        if problem.data == "cubic" and self.degree >= 3:
            yield Exact(
                measure="energy_error",
                tol=1e-10,
                always=True,
                title="a cubic is in the space: found up to rounding",
                source="ciarlet1978",
                assumes="p ≥ 3",
                stop=WHOLE,
            )

    def _orders(self, problem):
        energy, plain, sharp = regularity.orders(problem, self.degree)
        skip, rows = regularity.asymptotic(problem, self.degree, self.first(problem).h, self._rows(problem))
        if energy is None or rows < 3:
            return
        about = dict(over="h", growing=True, skip=skip, floor=FLOOR, source="ciarlet1978", stop=WHOLE)
        assumes = "u as regular as it is; cells that resolve it"
        title = f"order {energy:.3g} in energy"
        limited = problem.gap < np.inf and not sharp  # an interior error may hide that of the boundary for long
        yield Order(measure="energy_error", p=energy, title=title, assumes=assumes, at_least=limited, **about)
        yield Order(
            measure="l2_error",
            p=plain,
            title=f"order {plain:.3g} in L2" + ("" if sharp else " or more"),
            assumes=assumes + "; duality with the solutions of this domain",
            at_least=not sharp,
            **about,
        )

    def _rows(self, problem) -> int:
        """Spaces there will be."""
        first = self.first(problem)
        size, rows = first.size, 1
        cells = first.mesh.nelements if problem.dim == 2 else 0
        while rows <= self.levels and _grown(size, problem.dim) <= LIMIT[problem.dim] and 4 * cells <= DRAWN:
            size, cells, rows = _grown(size, problem.dim), 4 * cells, rows + 1
        return rows


def _grown(size: float, dim: int) -> float:
    """Coefficients, about, after the cells were halved."""
    return (2 * size ** (1 / dim) - 1) ** dim
