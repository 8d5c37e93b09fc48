"""Adaptive finite elements: solve, estimate, mark, refine; one level a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Bound, Flat, Order
from toolkit.core.knob import knob
from toolkit.core.loading import loading
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.mesh.adaptive.estimators import equilibrated, residual
from toolkit.mesh.adaptive.level import Level, galerkin
from toolkit.mesh.adaptive.triangulation import Triangulation
from toolkit.mesh.elements.problems import Planar
from toolkit.mesh.elements.slope_triangle import Slopes, Trailed

ESTIMATES = {"equilibrated": equilibrated, "residual": residual}
LEVELS = Stop(measure="estimator", rtol=0.0, steps=60)
UNIFORM = 0.12  # of the first error: to there uniform refinement of the L takes some ten thousand unknowns
SLENDER = 12.0  # longest edge squared over the area: a height of a sixth of the edge
RESOLVED = 100  # unknowns that are enough for smooth data on a mesh from a file


@dataclass(slots=True, kw_only=True)
class AdaptiveState(Trailed):
    """A level (mesh and solution, never changed) and the squares of the estimated errors of its cells (m,).

    `trail`: (N^−1/2, the estimate) of all levels so far, N the unknowns.
    """

    level: Level
    squares: np.ndarray
    estimator: float = 0.0
    unknowns: float = 0.0

    def solution(self) -> np.ndarray:
        return self.level.coefficients

    def slopes(self, problem) -> Slopes:
        return Slopes(("estimate",), (float(self.level.degree),), "is best")


@dataclass(frozen=True)
class AdaptiveElements(Method):
    """Finite elements on triangles, linear or quadratic, that are refined where the estimated error is.

    Solve on the mesh; estimate η_T in every cell T; mark a set M; cut the marked cells in four by newest-vertex
    bisection, and others until the mesh conforms. Bulk marking: the fewest cells with Σ_M η_T² ≥ θ Σ η_T² (Dörfler);
    maximum: all with η_T ≥ θ max η; uniform: all.

    The equilibrated estimate is a guaranteed bound: a flux σ in equilibrium around every vertex, ‖σ + ∇u_h‖ and what f
    is not constant; the residual one holds up to constants. O(N) for all but the sparse LU solution, about 6 µs an
    unknown in all. θ near 1 spoils the order; where the data is not resolved on the first mesh, early steps are blind.
    A disk is taken as the polygon of each mesh, its new vertices on the circle, with the values of u along its border.
    On a mesh from a file its own triangles are the first, the longest edge of each to be bisected (quadrilaterals come
    cut in two); the domain is its polygon, and the bound holds whatever the shapes of the triangles.
    Reference: W. Dörfler, SIAM J. Numer. Anal. 33 (1996) 1106–1124, doi:10.1137/0733054; J. M. Cascón, C. Kreuzer,
    R. H. Nochetto, K. G. Siebert, SIAM J. Numer. Anal. 46 (2008) 2524–2550, doi:10.1137/07069047X.
    """

    title: ClassVar[str] = "adaptive finite elements"
    chaotic: ClassVar[str] = "between equal estimates rounding decides which elements are refined"
    name: ClassVar[str] = "adaptive"
    sources: ClassVar[tuple[str, ...]] = ("dorfler1996", "cascon2008", "braess2008", "ern2015", "verfurth2013")
    monitors: ClassVar[tuple[str, ...]] = ("estimator", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    problems: ClassVar[tuple[type, ...]] = (Planar,)
    estimate: str = knob("equilibrated", choices=tuple(ESTIMATES), doc="how the error of a cell is estimated")
    marking: str = knob("bulk", choices=("bulk", "maximum", "uniform"), live=True, doc="which cells are refined")
    theta: float = knob(0.5, 0.05, 0.95, symbol="θ", live=True, doc="share of Σ η² (bulk) or of max η (maximum)")
    degree: int = knob(1, choices=(1, 2), symbol="p", doc="of the polynomials in a cell; 2 with the residual estimate")
    start: int = knob(1, 0, 5, doc="times the coarsest mesh is quartered first, if not large already")
    most: int = knob(5_000, 50, 30_000, log=True, doc="unknowns from which on no mesh is refined any more")

    def suits(self, problem) -> str:
        if reason := Method.suits(self, problem):
            return reason
        if problem.dim != 2:
            return "it refines triangles, and this mesh is made of tetrahedra; h-FEM takes them"
        if not problem.symmetric:
            return "its estimates are for diffusion and reaction, without advection"
        if self.degree == 2 and self.estimate == "equilibrated":
            return "the fluxes in equilibrium are for degree 1; choose the residual estimate for degree 2"
        if self.degree == 2 and problem.gap < np.inf:
            return "its edges are straight, which spoils degree 2 at a circle"
        return ""

    def init(self, problem) -> AdaptiveState:
        mesh = _coarsest(problem)
        for _ in range(self.start):
            if len(mesh.inner) < self.most:
                mesh = mesh.refined(np.arange(len(mesh)), problem.snap)
        return self._estimated(AdaptiveState(level=galerkin(problem, mesh, self.degree), squares=np.zeros(len(mesh))))

    def step(self, problem, state: AdaptiveState) -> AdaptiveState:
        mesh = state.level.mesh.refined(self.marked(state.squares), problem.snap)
        state.level = galerkin(problem, mesh, self.degree)
        state.k += 1
        return self._estimated(state)

    def marked(self, squares: np.ndarray) -> np.ndarray:
        """Numbers of the cells to refine; of equal ones those that come first."""
        if self.marking == "uniform":
            return np.arange(len(squares))
        if self.marking == "maximum":
            return np.flatnonzero(squares >= self.theta**2 * squares.max())
        order = np.argsort(-squares, kind="stable")
        reached = np.cumsum(squares[order])
        return order[: 1 + np.searchsorted(reached, self.theta * reached[-1])]

    def _estimated(self, state: AdaptiveState) -> AdaptiveState:
        """The estimates of a new level; the run ends when they vanish or the level is large enough."""
        level = state.level
        state.squares = ESTIMATES[self.estimate](level)
        state.estimator = float(np.sqrt(state.squares.sum()))
        state.unknowns = float(level.unknowns)
        if level.unknowns:
            state.trail = (*state.trail, (level.unknowns**-0.5, state.estimator))
        state.work.solves += 1
        state.work.nfe += level.f.size
        if state.estimator <= 1e-12 * np.abs(level.u).max():
            state.status = Status("converged", "the estimated error is nothing but rounding")
        elif state.unknowns >= self.most:
            state.status = Status("converged", f"reached the {self.most} unknowns asked for", "Raise `most` to go on")
        return state

    def measures(self, problem) -> tuple[Measure, ...]:
        return (ERROR, L2_ERROR, MAX_ERROR, EFFECTIVITY, PROVEN, ENTRIES)

    def claims(self, problem) -> tuple:
        """The bound, at every level; order and effectivity where a few hundred unknowns resolve the data."""
        if self.suits(problem):
            return ()
        found = []
        if self.estimate == "equilibrated":
            about = dict(
                source="ern2015", assumes="f and the border's data are resolved by the quadrature", stop=LEVELS
            )
            title = "the true error is never above the estimate"
            found.append(Bound(measure="proven", curve=lambda k, values: np.ones(len(k)), title=title, **about))
        return (*found, *self._orders(problem)) if self._asymptotic(problem) else tuple(found)

    def _asymptotic(self, problem) -> bool:
        """Whether a few hundred unknowns resolve the data, and enough levels follow."""
        steep = problem.data in ("front", "layer") and problem.width < 0.05
        rough = steep or problem.number > 2 or problem.reaction > 10 * problem.diffusion
        few = self.most < 3000 or self.start > 2 or (self.degree == 2 and self.marking != "bulk")
        return not rough and not few and (self.marking == "uniform" or 0.3 <= self.theta <= 0.7)

    def _orders(self, problem):
        """Orders over unknowns, a band for the effectivity, and what uniform refinement takes."""
        about = dict(measure="energy_error", over="unknowns", stop=LEVELS)
        if problem.own_mesh:
            yield from self._order_of_a_file(problem, about)
            return
        if self.marking == "uniform":
            about.update(source="verfurth2013", skip=2, assumes="the mesh resolves the data")
            p, words = (problem.power / 2, "α/2") if problem.corner else (0.5, "1/2")
            yield Order(p=p, tol=0.05, title=f"energy error ∝ N^−{words}", **about)
            return
        bulk = self.marking == "bulk"
        early = self.degree == 2 and problem.data in ("smooth", "cubic")  # few levels, all of them resolved
        about.update(source="cascon2008" if bulk else "diening2016", skip=2 if early else 5 if bulk else 4)
        about["assumes"] = "θ small enough" if bulk else "proven for a variant that marks edges; here measured"
        yield Order(
            p=self.degree / 2, tol=0.07 * self.degree, title="energy error ∝ N^−p/2, the best there is", **about
        )
        if problem.data in ("front", "layer") or self.degree == 2:
            return
        source = "ern2015" if self.estimate == "equilibrated" else "verfurth2013"
        band = dict(over="most", values=(300, 1000, 3000), growth=1.3, slack=0.0, source=source, stop=LEVELS)
        seen = "shapes of cells stay the same by bisection; the width of the band is measured"
        yield Flat(measure="effectivity", title="estimate over true error stays in a band", assumes=seen, **band)
        if problem.corner:
            other = AdaptiveElements(marking="uniform", most=30_000)
            stop = Stop(measure="energy_error", rtol=UNIFORM, steps=60)
            title = "a fifth of the unknowns of uniform refinement"
            yield Beats(other=other, measure="unknowns", factor=0.2, title=title, source="cascon2008", stop=stop)

    def _order_of_a_file(self, problem, about):
        """The order, at least: parts of a mesh that are too fine to begin with wait while the error falls.

        None where cells are slender, which the estimates take for bad ones, or where too few levels follow.
        """
        mesh = _coarsest(problem)
        if (mesh.diameters**2 / mesh.areas).max() > SLENDER:
            return
        first = max(1, len(mesh.inner)) * 4.0 ** (self.start + self.degree - 1)
        growth = 4.0 if self.marking == "uniform" else 1 + 3 * self.theta  # of the unknowns, a level, at most
        skip = max(0, np.ceil(np.log(RESOLVED / first) / np.log(growth)))
        if np.log(self.most / first) / np.log(growth) > skip + 2:  # three levels that count, at least
            words = "as the solution is smooth up to every corner and the first mesh, or soon another, resolves it"
            title = "energy error ∝ N^−p/2 or faster"
            tol = 0.07 * self.degree
            yield Order(
                p=self.degree / 2,
                tol=tol,
                title=title,
                at_least=True,
                skip=int(skip),
                assumes=words,
                source="verfurth2013" if self.marking == "uniform" else "cascon2008",
                **about,
            )


def _coarsest(problem) -> Triangulation:
    """The mesh before any refinement."""
    with loading():
        from skfem import MeshTri

    return Triangulation.of(MeshTri.from_mesh(problem.initial_mesh("triangles")))


def _error(problem, state) -> float:
    return float(np.sqrt(state.level.errors.sum()))


def _ratio(one: float, other: float) -> float:
    return one / other if other > 0 else np.nan


ERROR = Measure("energy_error", "error in energy", _error, "|||u − u_h|||", doc="by the exact solution")
L2_ERROR = Measure("l2_error", "error in L2", lambda problem, state: state.level.distances[0], "‖u − u_h‖")
MAX_ERROR = Measure("max_error", "largest error", lambda problem, state: state.level.distances[1], "max |u − u_h|")
ENTRIES = Measure("nnz", "entries of the matrix", lambda problem, state: state.level.entries, "nnz")
EFFECTIVITY = Measure(
    "effectivity",
    "estimate over true error",
    lambda problem, state: _ratio(state.estimator, _error(problem, state)),
    "η / |||u − u_h|||",
    log=False,
    doc="1 is ideal; below 1 the estimate is no bound",
)
PROVEN = Measure(
    "proven",
    "true error over estimate",
    lambda problem, state: _ratio(_error(problem, state), state.estimator),
    "|||u − u_h||| / η",
    log=False,
    doc="never above 1 where the estimate is a bound",
)
