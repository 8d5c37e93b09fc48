"""Ladders of finite elements whose degree rises: alone, or with cells graded to a corner or a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Order, Rate
from toolkit.core.knob import knob
from toolkit.core.loading import loading
from toolkit.mesh.elements import regularity
from toolkit.mesh.elements.h_version import CELLS, LIMIT, WHOLE, Ladder, LadderState, started
from toolkit.mesh.elements.lines import LineElements
from toolkit.mesh.elements.planes import MOST, PlaneElements
from toolkit.mesh.elements.problems import Interval, LShape, Square


@dataclass(frozen=True)
class PVersion(Ladder):
    """p-FEM: the mesh stays, a step raises the degree by one.

    Analytic solutions: exponential. With u ~ r^α at a node of the mesh O(p^{−2α}) in energy in the plane and
    O(p^{−2α+1}) in an interval: twice the order of halving cells.
    Reference: I. Babuška, B. A. Szabó, I. N. Katz, SIAM J. Numer. Anal. 18 (1981) 515–545, doi:10.1137/0718033;
    C. Schwab, p- and hp-Finite Element Methods (1998), Thms. 3.15 and 4.63.
    """

    name: ClassVar[str] = "pfem"
    title: ClassVar[str] = "p-FEM"
    sources: ClassVar[tuple[str, ...]] = ("babuska1981", "schwab1998")
    levels: int = knob(19, 1, 24, doc="degrees after the first; fewer where the space would become too large")
    cells: str = knob("quadrilaterals", choices=CELLS, doc="cells in the plane; triangles have degrees up to 4")
    start: int = knob(0, 0, 3, doc="times the coarsest mesh is halved")

    def kind(self, problem) -> str:
        known = problem.cells
        return self.cells if self.cells in known else known[0]

    def first(self, problem):
        return started(problem, self.kind(problem), 1, self.start)

    def next(self, problem, state: LadderState):
        return state.space.raised(problem, int(state.degree) + 1)

    def more(self, problem, state: LadderState) -> bool:
        p = state.degree
        return p < MOST[self.kind(problem)] and _raised(state.space.size, p, problem.dim) <= LIMIT[problem.dim]

    def _rows(self, problem) -> int:
        """Spaces there will be."""
        size, p = float(self.first(problem).size), 1
        while p <= self.levels and p < MOST[self.kind(problem)] and _raised(size, p, problem.dim) <= LIMIT[problem.dim]:
            size, p = _raised(size, p, problem.dim), p + 1
        return p

    def claims(self, problem) -> tuple:
        if self.suits(problem):
            return ()
        doubled = regularity.doubled(problem) if regularity.plain(problem) else None
        if doubled is not None and self._rows(problem) >= 7:
            return (
                Order(
                    measure="energy_error",
                    p=doubled,
                    over="degree",
                    skip=3,
                    title=f"p^−{doubled:.3g}: twice the order of halving the cells",
                    source="babuska1981",
                    assumes="u ~ r^α at a node of the mesh",
                    stop=WHOLE,
                ),
            )
        rate = regularity.analytic(problem, 2 << self.start)
        if rate is None or not regularity.seen(rate, self._rows(problem), 0.3):
            return ()
        title = f"exponential: a factor of {rate:.3g} a degree"
        about = dict(source="schwab1998", assumes="u is analytic around every cell", stop=WHOLE)
        return (Rate(measure="energy_error", factor=rate, floor=1e-9, start=0.3, title=title, **about),)


@dataclass(frozen=True)
class HPVersion(Ladder):
    """hp-FEM: a step adds a layer of cells at the singularity, each `grading` times as large as the last, and degree.

    Corner: exponential, exp(−b N^{1/2}) in an interval, where the degree 1 + ⌊μ j⌋ grows with the layers away from the
    corner, exp(−b N^{1/3}) in the plane, where it is 1 + ⌊μ k⌋ everywhere; in both a fixed factor a step. Layer of
    width w: one thin cell of the length κ p w (κ = 1) at the boundary, and exponential in p whatever w is.
    Reference: W. Gui, I. Babuška, Numer. Math. 49 (1986) 577–612 and 613–657, doi:10.1007/BF01389734;
    B. Guo, I. Babuška, Comput. Mech. 1 (1986) 21–41, doi:10.1007/BF00298636;
    C. Schwab, M. Suri, Math. Comp. 65 (1996) 1403–1429, doi:10.1090/S0025-5718-96-00781-8.
    """

    name: ClassVar[str] = "hpfem"
    title: ClassVar[str] = "hp-FEM"
    sources: ClassVar[tuple[str, ...]] = ("gui1986", "guo1986", "schwab1996")
    levels: int = knob(19, 1, 24, doc="layers after the first one; fewer where the degree would become too high")
    cells: str = knob("quadrilaterals", choices=CELLS[1:], doc="cells in the plane")
    grading: float = knob(0.15, 0.05, 0.7, symbol="σ", doc="length of a layer in lengths of the next one out")
    slope: float = knob(1.0, 0.2, 2.0, symbol="μ", doc="degrees a layer")

    def suits(self, problem) -> str:
        word = Ladder.suits(self, problem)
        if word:
            return word
        known = (isinstance(problem, (Interval, LShape)) and problem.data == "corner") or (
            isinstance(problem, (Interval, Square)) and problem.data == "layer"
        )
        return "" if known else "it grades the mesh to a corner or a layer, and the solution has none"

    def first(self, problem):
        return self.space(problem, 0)

    def next(self, problem, state: LadderState):
        return self.space(problem, state.k + 1)

    def more(self, problem, state: LadderState) -> bool:
        return self.highest(problem, state.k + 1) <= MOST[self.kind(problem)]

    def degree(self, layer: int) -> int:
        """1 + ⌊μ j⌋."""
        return 1 + int(self.slope * layer + 1e-9)

    def highest(self, problem, k: int) -> int:
        """The highest degree of step k."""
        return self.degree(k + 1) if problem.data == "corner" else k + 1

    def space(self, problem, k: int) -> LineElements | PlaneElements:
        """The space of step k."""
        p = self.highest(problem, k)
        if problem.data == "layer":
            nodes = np.array([0.0, 1.0 - min(0.5, p * problem.width), 1.0])
            return LineElements(nodes, np.full(2, p)) if problem.dim == 1 else _tensor(nodes, p)
        if problem.dim == 1:
            nodes = np.concatenate(([0.0], self.grading ** np.arange(k + 1.0, -1, -1)))
            return LineElements(nodes, np.array([self.degree(j) for j in range(k + 2)]), True)
        return PlaneElements(graded(self.grading, k + 1), "quadrilaterals", p)

    def factor(self, problem) -> float:
        """What a step should gain at least."""
        if problem.data == "layer":
            return np.e / 4
        root = np.sqrt(self.grading)
        power = problem.power - (0.5 if problem.dim == 1 else 0.0)
        return max(self.grading**power, ((1 - root) / (1 + root)) ** self.slope)

    def claims(self, problem) -> tuple:
        if self.suits(problem) or not regularity.plain(problem):
            return ()
        factor = self.factor(problem)
        rows = sum(self.highest(problem, k) <= MOST[self.kind(problem)] for k in range(self.levels + 1))
        if not regularity.seen(factor, rows, 0.3):
            return ()
        if problem.data == "layer":
            about = dict(source="schwab1996", assumes="the thin cell has length κ p w with κ = 1 < 4/e")
            title = f"exponential in p whatever w is: (κ e/4)^p, a factor of {factor:.3g} a degree"
        else:
            root = "1/2" if problem.dim == 1 else "1/3"
            about = dict(source="gui1986" if problem.dim == 1 else "guo1986", assumes="u ~ r^α, geometric mesh")
            title = f"exp(−b N^{{{root}}}): a factor of {factor:.3g} a step"
        return (Rate(measure="energy_error", factor=factor, start=0.3, floor=1e-9, title=title, stop=WHOLE, **about),)


def _raised(size: float, p: float, dim: int) -> float:
    """Coefficients, about, after degree p was raised by one."""
    return size * ((p + 1) / p) ** dim


def _tensor(nodes: np.ndarray, p: int) -> PlaneElements:
    with loading():
        from skfem import MeshQuad

    return PlaneElements(MeshQuad.init_tensor(nodes, nodes), "quadrilaterals", p)


def graded(sigma: float, layers: int):
    """The L-shape in rings that shrink by σ to its corner: six trapezia a ring, three squares inside the last.

    Corners are numbered so that an edge has one direction in both of its cells: outwards, or towards a diagonal.
    """
    with loading():
        from skfem import MeshQuad

    rim = np.array([(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1)], dtype=float)
    points = np.vstack([(0.0, 0.0), *(sigma**k * rim for k in range(layers + 1))])
    cells = []
    for side, middle in ((0, 1), (2, 1), (2, 3), (4, 3), (4, 5), (6, 5)):
        for k in range(layers):
            outer, inner = 1 + 7 * k, 8 + 7 * k
            cells.append((inner + side, outer + side, outer + middle, inner + middle))
    last = 1 + 7 * layers
    cells += [(0, last + i, last + i + 1, last + i + 2) for i in (0, 2, 4)]
    return MeshQuad(np.ascontiguousarray(points.T), np.ascontiguousarray(np.array(cells, dtype=np.int32).T))
