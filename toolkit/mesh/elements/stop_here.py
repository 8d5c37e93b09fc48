"""When to stop an iterative solver: as soon as its error is smaller than that of the discretisation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, monotone
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.stop import Stop
from toolkit.mesh.elements.galerkin import InSpace, galerkin
from toolkit.mesh.elements.h_version import LIMIT, started
from toolkit.mesh.elements.lines import LineElements
from toolkit.mesh.elements.planes import PlaneElements
from toolkit.mesh.elements.problems import BoundaryValueProblem
from toolkit.preconditioner.krylov.cg import CG, CGState
from toolkit.preconditioner.stationary.incomplete import IC0
from toolkit.preconditioner.stationary.relaxation import SSOR, Jacobi
from toolkit.preconditioner.systems.given import system

PRECONDITIONERS = {"none": CG(), "Jacobi": CG(Jacobi()), "SSOR": CG(SSOR()), "incomplete Cholesky": CG(IC0())}
SOLVED = Stop(measure="algebraic_error", rtol=1e-8, steps=600)
DELAY = 4  # steps that an estimate looks back
EXACTNESS = {2: 8, 3: 6}  # degrees of quadrature: Pythagoras' identity holds as far as f is integrated


class Discretised:
    """One finite element system with the solution u_h of it and the exact solution at the points of the quadrature."""

    def __init__(self, problem: BoundaryValueProblem, space):
        self.problem, self.space = problem, space
        matrix, load = space.matrix(problem), space.load(problem)
        self.solved = galerkin(problem, space)
        self.inner = np.setdiff1d(np.arange(space.size), space.border)
        self.lift = self.solved.u.copy()
        self.lift[self.inner] = 0.0
        rest = (load - matrix @ self.lift)[self.inner]
        self.system = system(matrix[self.inner][:, self.inner], rest, symmetric=True, definite=True)

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray]:
        """u and ∇u at the points of the quadrature."""
        return self.problem.exact(self.space.x), self.problem.exact_gradient(self.space.x)

    @cached_property
    def target(self) -> np.ndarray:
        """The inner coefficients of u_h."""
        return self.solved.u[self.inner]

    def whole(self, x: np.ndarray) -> np.ndarray:
        """All coefficients for inner ones."""
        u = self.lift.copy()
        u[self.inner] = x
        return u

    def algebraic(self, x: np.ndarray) -> float:
        """|||u_h − u_k|||."""
        return self.system.energy(self.target - x)

    def total(self, x: np.ndarray) -> float:
        """|||u − u_k|||, by quadrature."""
        u = self.whole(x)
        if isinstance(self.space, LineElements):
            return float(np.sqrt(self.space.squares(self.problem, u).energy.sum()))
        value, slope = self.space.at(u)
        exact, gradient = self._known
        squares = self.problem.diffusion * ((gradient - slope) ** 2).sum(axis=0)
        if self.problem.reaction:
            squares += self.problem.reaction * (exact - value) ** 2
        return float(np.sqrt((squares * self.space.dx).sum()))


@dataclass(slots=True, kw_only=True)
class StopHereState(InSpace):
    """The solver's own state, the system, and the three errors; `stop_here` is the first step at which the algebraic
    error is at most that of the discretisation, NaN before, `estimated_stop` the first at which Arioli's criterion
    says so. `recent` are the algebraic errors of the last `DELAY` steps and of the present one."""

    discretised: Discretised
    inner: CGState
    algebraic_error: float
    discretisation_error: float
    total_error: float
    stop_here: float
    estimated_stop: float = np.nan
    recent: tuple[float, ...] = ()

    def solution(self) -> np.ndarray:
        return self.discretised.whole(self.inner.solution())

    @property
    def space(self) -> LineElements | PlaneElements:
        return self.discretised.space


@dataclass(frozen=True)
class StopHere(Method):
    """CG on one finite element system, watched: algebraic error u_h − u_k, discretisation error u − u_h, total u − u_k.

    In the energy norm |||u − u_k|||² = |||u − u_h|||² + |||u_h − u_k|||², as u − u_h is orthogonal to the space. Once
    the algebraic error is the smaller, all that is left gains no more than a factor √2: `stop_here` is that step. To
    know it, the system is solved by elimination too, and u is known. A solver knows neither: it has its coefficients,
    Σ_{j=k−d}^{k−1} α_j ρ_j = |||u_h − u_{k−d}|||² − |||u_h − u_k|||², ρ_j = ⟨r_j, M⁻¹ r_j⟩, a lower bound of the
    first. Arioli stops where that is at most η² Σ_{j<k} α_j ρ_j, which is η² |||u_k|||² from zero, and takes for η the
    order of the discretisation error: h^p here, d = 4 (`estimated_stop`; it does not know the constant before h^p).
    A step costs one product, one preconditioner solve, a quadrature.
    Reference: M. Arioli, Numer. Math. 97 (2004) 1–24, doi:10.1007/s00211-003-0500-y, Sec. 3; Z. Strakoš, P. Tichý,
    ETNA 13 (2002) 56–80 (why the sum can be trusted in spite of rounding); J. Papež, J. Liesen, Z. Strakoš, Linear
    Algebra Appl. 449 (2014) 89–114, doi:10.1016/j.laa.2014.02.009.
    """

    title: ClassVar[str] = "CG on finite elements"
    sources: ClassVar[tuple[str, ...]] = ("arioli2004", "strakos2002", "hestenes1952")
    monitors: ClassVar[tuple[str, ...]] = ("algebraic_error", "discretisation_error", "total_error")
    problems: ClassVar[tuple[type, ...]] = (BoundaryValueProblem,)
    preconditioner: str = knob("none", choices=tuple(PRECONDITIONERS), doc="preconditioner of CG")
    degree: int = knob(1, 1, 2, symbol="p", doc="degree of the elements")
    halvings: int = knob(4, 0, 6, doc="times the coarsest mesh is halved; fewer where it would become too large")

    def label(self) -> str:
        return "CG" if self.preconditioner == "none" else f"CG, {self.preconditioner}"

    def suits(self, problem) -> str:
        word = Method.suits(self, problem)
        if word or problem.symmetric:
            return word
        return "CG needs a symmetric system: no advection"

    def space(self, problem):
        """The finest space of at most `halvings` that is not too large."""
        cells, times = problem.cells[0], self.halvings
        while times and _size(problem, self.degree, times) > LIMIT[problem.dim] / 2:
            times -= 1
        found = started(problem, cells, self.degree, times)
        return found if problem.dim == 1 else PlaneElements(found.mesh, cells, self.degree, EXACTNESS[problem.dim])

    def init(self, problem) -> StopHereState:
        one = Discretised(problem, self.space(problem))
        inner = PRECONDITIONERS[self.preconditioner].init(one.system)
        about = dict(algebraic_error=0.0, total_error=0.0, stop_here=np.nan)
        state = StopHereState(discretised=one, inner=inner, discretisation_error=one.solved.energy_error, **about)
        return self._looked(state)

    def step(self, problem, state: StopHereState) -> StopHereState:
        state.inner = PRECONDITIONERS[self.preconditioner].step(state.discretised.system, state.inner)
        state.k, state.work, state.status = state.k + 1, state.inner.work, state.inner.status
        return self._looked(state)

    def _looked(self, state: StopHereState) -> StopHereState:
        x, one = state.inner.solution(), state.discretised
        state.algebraic_error, state.total_error = one.algebraic(x), one.total(x)
        state.recent = (*state.recent, state.algebraic_error)[-DELAY - 1 :]
        if np.isnan(state.stop_here) and state.algebraic_error <= state.discretisation_error:
            state.stop_here = float(state.k)
        found = taken(state.inner)
        reached = len(found) >= DELAY and found[-DELAY:].sum() <= one.space.h ** (2 * self.degree) * found.sum()
        if np.isnan(state.estimated_stop) and reached:
            state.estimated_stop = float(state.k)
        return state

    def measures(self, problem) -> tuple[Measure, ...]:
        return (STOP_HERE, PYTHAGORAS, ESTIMATED_STOP, ESTIMATE, ESTIMATE_GAP)

    def enough(self, history) -> int | None:
        rows = np.flatnonzero(history["algebraic_error"] <= history["discretisation_error"])
        return int(history["k"][rows[0]]) if len(rows) else None

    def claims(self, problem) -> tuple:
        if self.suits(problem):
            return ()
        found = [
            monotone(
                "algebraic_error",
                floor=1e-11,
                source="hestenes1952",
                assumes="A, M positive definite",
                title="the algebraic error never grows",
                stop=SOLVED,
            ),
            Exact(
                measure="estimate_gap",
                tol=1e-7,
                always=True,
                title=f"Σ α_j ρ_j over {DELAY} steps is what the squared error lost",
                source="strakos2002",
                assumes="A, M positive definite; down to a millionth of the first error",
                stop=SOLVED,
            ),
        ]
        integrable = problem.data in ("smooth", "cubic") and problem.number <= 2 and problem.dim < 3
        if integrable and problem.gap == np.inf:
            found.append(
                Exact(
                    measure="pythagoras",
                    tol=1e-9,
                    always=True,
                    title="total² = algebraic² + discretisation²",
                    source="arioli2004",
                    assumes="u − u_h orthogonal to the space: f integrated exactly, nearly",
                    stop=SOLVED,
                )
            )
        return tuple(found)


def _size(problem, p: int, times: int) -> float:
    """Coefficients, about, after `times` halvings."""
    if problem.dim == 1:
        return (2 << times) * p
    first = problem.initial_mesh(problem.cells[0])
    return (p * 2**times) ** problem.dim * first.nvertices


def taken(inner: CGState) -> np.ndarray:
    """α_j ρ_j, (k,): what each step of CG has taken from the squared energy error, by its own coefficients."""
    rows = inner.coefficients.rows
    return rows[:, 0] * np.concatenate(([inner.rho_first], rows[:, 1]))[: len(rows)]


def _stop_here(problem, state) -> float:
    return state.stop_here


def _estimated_stop(problem, state) -> float:
    return state.estimated_stop


def _estimate(problem, state) -> float:
    """√Σ α_j ρ_j over the last steps; NaN before there are so many."""
    found = taken(state.inner)
    return float(np.sqrt(found[-DELAY:].sum())) if len(found) >= DELAY else float("nan")


def _estimate_gap(problem, state) -> float:
    """|e_{k−d}² − e_k² − Σ α_j ρ_j| / e_{k−d}², errors of less than a millionth of |||u_k||| left alone."""
    steps, found = len(state.recent) - 1, taken(state.inner)
    if not steps or not len(found):
        return float("nan")
    first, last = state.recent[0], state.recent[-1]
    return abs(first**2 - last**2 - found[-steps:].sum()) / max(first**2, 1e-12 * found.sum())


def _pythagoras(problem, state) -> float:
    sum_of_squares = state.algebraic_error**2 + state.discretisation_error**2
    return abs(state.total_error**2 - sum_of_squares) / state.total_error**2


STOP_HERE = Measure(
    "stop_here", "stop here", _stop_here, "k", log=False, doc="first step whose algebraic error is the smaller one"
)
ESTIMATED_STOP = Measure(
    "estimated_stop", "stop here, estimated", _estimated_stop, "k", log=False, doc="first step that meets Arioli's rule"
)
ESTIMATE = Measure(
    "algebraic_estimate",
    "estimated algebraic error",
    _estimate,
    "√Σ α_j ρ_j",
    doc=f"from CG's coefficients: a lower bound of the algebraic error {DELAY} steps ago",
)
ESTIMATE_GAP = Measure(
    "estimate_gap",
    "defect of the estimate",
    _estimate_gap,
    "|e_{k−d}² − e_k² − Σ α_j ρ_j| / e_{k−d}²",
    doc="what CG's coefficients say that the squared error lost, against what it lost",
)
PYTHAGORAS = Measure(
    "pythagoras",
    "defect of Pythagoras",
    _pythagoras,
    "|total² − algebraic² − discretisation²| / total²",
    doc="total error against the two legs",
)
