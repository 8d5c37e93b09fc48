"""Galerkin's method with C-HiDeNN functions: any order on the unknowns of linear elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Order
from toolkit.core.errors import KnobError
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Sketch
from toolkit.core.state import State, Work
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.mesh.multiscale.composite import Composite
from toolkit.mesh.multiscale.hot_spot import HotSpot, on_a_line, on_a_square
from toolkit.mesh.multiscale.patch_functions import Line

LAST_LEVEL = Status("converged", "the finest grid is done", "Raise `levels` to go on")
REFINED = Stop(rtol=0.0, steps=20)


@dataclass(slots=True, kw_only=True)
class GalerkinState(State):
    """The mesh, the values at all nodes, relative errors in energy and L2, unknowns."""

    mesh: Composite
    u: np.ndarray
    energy_error: float
    l2_error: float
    unknowns: float

    def solution(self) -> np.ndarray:
        return self.u

    def at(self, *points: np.ndarray) -> np.ndarray:
        """The solution at points of a line, or on the grid of two."""
        return self.mesh.at([self.u], *points)


def solved(problem: HotSpot, line: Line) -> tuple[Composite, np.ndarray]:
    """Galerkin's solution on one uniform mesh."""
    mesh = Composite([[line] * problem.dim])
    return mesh, mesh.correction(0, mesh.levels[0].load(problem))


def checked_patch(name: str, p: int, s: int | None) -> int:
    """The patch size, `p` if None; KnobError where a patch at the end of a line has fewer than p+1 nodes."""
    if s is not None and s < p:
        raise KnobError(f"{name}.s = {s}: expected at least p = {p}, as a patch at the boundary has s + 1 nodes.")
    return p if s is None else s


@dataclass(frozen=True)
class CHiDeNN(Method):
    """Galerkin's method with convolved linear elements; a step halves h.

    On a mesh of linear elements, with its nodes as the only unknowns, the functions reproduce polynomials of degree p
    over patches of s layers: order p in the energy, p+1 in L2. In the square they are products. A larger patch makes
    the constant smaller and the matrix fuller. A step costs O(n s²) in 1D, O(n³) in 2D by one direction's eigenvectors.
    Reference: Y. Lu et al., Comput. Mech. 72 (2023) 333–362, doi:10.1007/s00466-023-02336-5; L. Zhang et al.,
    arXiv:2510.23004 (2025).
    """

    name: ClassVar[str] = "chidenn"
    title: ClassVar[str] = "C-HiDeNN"
    sources: ClassVar[tuple[str, ...]] = ("lu2023hidenn", "zhang2025mlvms")
    monitors: ClassVar[tuple[str, ...]] = ("energy_error", "l2_error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    problems: ClassVar[tuple[type, ...]] = (HotSpot,)
    p: int = knob(2, 1, 5, symbol="p", doc="order of the polynomials that are reproduced")
    s: int = knob(None, 1, 6, kind=int, symbol="s", doc="layers of a patch, at least p; None: p")
    a: float = knob(2.0, 0.5, 12.0, symbol="a", doc="dilation of the radial functions, in lengths of an element")
    start: int = knob(8, 6, 32, log=True, symbol="n₀", doc="elements along a side of the coarsest mesh")
    levels: int = knob(6, 1, 6, doc="times h is halved; in the square never beyond 256 elements a side")

    def __post_init__(self):
        Method.__post_init__(self)
        checked_patch("CHiDeNN", self.p, self.s)

    def label(self) -> str:
        return f"C-HiDeNN p = {self.p}" + ("" if self.s is None else f", s = {self.s}")

    def line(self, n: int) -> Line:
        """n elements on [0, 1] with this method's functions."""
        return Line(0.0, 1.0, n, self.p, checked_patch("CHiDeNN", self.p, self.s), self.a)

    def last(self, problem: HotSpot) -> int:
        """Refinements that are done."""
        most = 1024 if problem.dim == 1 else 256
        return max(k for k in range(self.levels + 1) if self.start << k <= most)

    def init(self, problem: HotSpot) -> GalerkinState:
        return self._solved(problem, self.start, 0)

    def step(self, problem: HotSpot, state: GalerkinState) -> GalerkinState:
        k, work = state.k + 1, state.work
        state = self._solved(problem, self.start << k, k)
        state.work.solves += work.solves
        state.work.flops += work.flops
        if k >= self.last(problem):
            state.status = LAST_LEVEL
        return state

    def _solved(self, problem: HotSpot, n: int, k: int) -> GalerkinState:
        line = self.line(n)
        mesh, u = solved(problem, line)
        energy, plain = mesh.errors(problem, [u])
        flops = mesh.size * (2.0 * line.s + 1) ** 2 if problem.dim == 1 else 4.0 * mesh.size * n
        about = dict(energy_error=energy, l2_error=plain, unknowns=float(mesh.size))
        return GalerkinState(k=k, mesh=mesh, u=u, work=Work(solves=1, flops=flops), **about)

    def claims(self, problem: HotSpot) -> tuple:
        """The orders in h, that is in unknowns^{1/d}, where three meshes and more resolve the spot.

        None in L2 for p = 5: rounding has the last word before three meshes have spoken.
        """
        size = min(problem.width, 0.2) if problem.strength else 0.2
        last = self.last(problem)
        coarse = max(1, sum((self.start << k) * size < 4.5 for k in range(last + 1)))
        if coarse > last - 2:
            return ()
        about = dict(over="unknowns", skip=coarse, floor=2e-11, tol=0.15 / problem.dim, at_least=True)
        about |= dict(source="lu2023hidenn", assumes="a smooth solution, resolved by the mesh; s ≥ p", stop=REFINED)
        return tuple(
            Order(measure=measure, p=order / problem.dim, title=f"order {order} in {norm} on linear elements", **about)
            for measure, order, norm in (("energy_error", self.p, "energy"), ("l2_error", self.p + 1, "L2"))
            if order <= 5
        )


def _profile(problem, state: GalerkinState):
    """The solution along the interval."""
    x = np.linspace(0, 1, 801)
    return {"x": x, "exact": problem.exact(x), "C-HiDeNN": state.at(x)}


def _field(problem, state: GalerkinState):
    """The solution on the square and its error."""
    x = np.linspace(0, 1, 129)
    found = state.at(x, x)
    return {"solution": found.T, "error": (problem.exact(x, x) - found).T}


CASES = (HotSpot(width=0.1), HotSpot(dim=2, width=0.15))

EXPERIMENTS = (
    Experiment(
        "convolved",
        "One mesh, higher order",
        "The same nodes, the same unknowns: what does a patch of neighbours add to linear elements?",
        HotSpot(width=0.1),
        tuple(CHiDeNN(p=p) for p in (1, 2, 3, 4)),
        REFINED,
        measure="energy_error",
        against="unknowns",
        picture="convolved-profile",
        predict=Sketch("Which slope will patches of degree three have?", "energy_error", 2, order=True),
        why=(
            "Linear elements know a node's nearest neighbours only. Here each function looks at a patch of them, "
            "and together they reproduce all polynomials of degree $p$: the error in energy goes like $h^p$. "
            "Nodes and unknowns stay what they were; the price is a fuller matrix, as more of them know each "
            "other."
        ),
        formula=r"\|u-u_h\|_E\le C\,h^{p}\,|u|_{H^{p+1}}",
        level=1,
        minutes=5,
        then="levels-added",
    ),
)

_LINE, _SQUARE = dict(of=GalerkinState, when=on_a_line), dict(of=GalerkinState, when=on_a_square)

PICTURES = (
    Picture("convolved-profile", "solution along the interval", "lines", _profile, x="x", y="u", **_LINE),
    Picture("convolved-field", "solution and error on the square", "images", _field, **_SQUARE),
)
