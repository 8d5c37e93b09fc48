"""SciPy's adaptive integrators of stiff systems as methods: a step is one accepted step of theirs."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.core.loading import loading
from toolkit.core.status import Status
from toolkit.mesh.steps.elimination import elimination_flops, factored, solve_flops, solved
from toolkit.mesh.steps.problems import Evolution
from toolkit.mesh.steps.runge_kutta import TimeMethod, TimeState, Trail


class Held:
    """A SciPy solver between steps. Its functions are put in anew for every step, so a deep copy is independent."""

    __slots__ = ("solver",)

    def __init__(self, solver):
        self.solver = solver

    def copy(self) -> Held:
        """An independent copy: the solver with all that it remembers."""
        return Held(copy.deepcopy(self.solver))

    @property
    def nbytes(self) -> int:
        """Bytes held in the solver's arrays."""
        return sum(value.nbytes for value in vars(self.solver).values() if isinstance(value, np.ndarray))


@dataclass(slots=True, kw_only=True)
class AdaptiveState(TimeState):
    """The integrator itself; `step_size` is its last accepted step."""

    held: Held
    step_size: float = 0.0


class Adaptive(TimeMethod):
    """Shared by both: evaluations, factorisations and solves are counted here, elimination uses the band.

    Subclasses give `solver`, the name of SciPy's class, and the tolerances.
    """

    solver: ClassVar[str]
    rtol: float
    atol: float

    monitors: ClassVar[tuple[str, ...]] = (*TimeMethod.monitors, "step_size")

    def init(self, problem: Evolution) -> AdaptiveState:
        with loading():
            import scipy.integrate

        make = getattr(scipy.integrate, self.solver)
        y = np.array(problem.start)
        solver = make(
            lambda t, y: problem.rhs(y),
            0.0,
            y,
            problem.end,
            rtol=self.rtol,
            atol=self.atol,
            jac=lambda t, y: problem.dense(y),
        )
        size = float(np.abs(y).max())
        state = AdaptiveState(y=y, magnitude=size, peak=size, trail=Trail(0.0, y), held=Held(solver))
        state.work.nfe += solver.nfev
        return state

    def step(self, problem: Evolution, state: AdaptiveState) -> AdaptiveState:
        solver = state.held.solver
        self._connect(problem, state, solver)
        message = solver.step()
        if solver.status == "failed":
            state.k += 1
            state.status = Status("failed", message, "Ask for less accuracy")
            return state
        state.step_size = float(solver.step_size)
        t = problem.end if solver.status == "finished" else float(solver.t)
        return self.arrive(problem, state, t, np.array(solver.y))

    def _connect(self, problem: Evolution, state: AdaptiveState, solver) -> None:
        """Give the solver functions that count in this state and eliminate within the band."""
        work, band, size = state.work, problem.band, problem.size

        def rhs(t, y):
            work.nfe += 1
            return problem.rhs(y)

        def lu(matrix):
            state.factorisations += 1
            work.flops += elimination_flops(size, band)
            return factored(_diagonals(matrix, band), -1.0, band)

        def solve(factors, right):
            work.solves += 1
            work.flops += solve_flops(size, band)
            return solved(factors, right, band)

        solver.fun, solver.jac = rhs, lambda t, y, f=None: problem.dense(y)
        solver.lu, solver.solve_lu = lu, solve


def _diagonals(matrix: np.ndarray, band):
    """matrix − I, as `factored` wants it: full, or the diagonals within the band."""
    shifted = matrix - np.eye(len(matrix))
    if band is None:
        return shifted
    low, up = band
    out = np.zeros((low + up + 1, len(matrix)), dtype=matrix.dtype)
    for i in range(low + up + 1):
        shift = up - i
        j = slice(max(0, shift), len(matrix) + min(0, shift))
        out[i, j] = np.diagonal(shifted, shift)
    return out


def rtol_knob():
    """The knob of the relative tolerance, the same for both integrators."""
    return knob(1e-6, 1e-12, 1e-2, log=True, doc="relative error allowed a step")


def atol_knob():
    """The knob of the absolute tolerance, the same for both integrators."""
    return knob(1e-9, 1e-15, 1e-2, log=True, doc="absolute error allowed a step")


WHY = (
    "the error a step is controlled, not the error at the end: that it follows the tolerance is experience, no theorem"
)


@dataclass(frozen=True)
class SciPyRadau(Adaptive):
    """Radau IIA of order 5 with variable steps, SciPy's implementation; a step is one accepted step.

    A real and a complex factorisation whenever step size or Jacobian change; here within the band of the problem.
    Reference: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II (1996), Section IV.8.
    """

    title: ClassVar[str] = "Radau (SciPy)"
    name: ClassVar[str] = "scipy_radau"
    sources: ClassVar[tuple[str, ...]] = ("hairer1996",)
    no_claim: ClassVar[str] = WHY
    solver: ClassVar[str] = "Radau"
    rtol: float = rtol_knob()
    atol: float = atol_knob()


@dataclass(frozen=True)
class SciPyBDF(Adaptive):
    """Backward differentiation of variable order 1 to 5 and variable steps, SciPy's; a step is one accepted step.

    One factorisation whenever step size, order or Jacobian change; here within the band of the problem.
    Reference: L. F. Shampine, M. W. Reichelt, SIAM J. Sci. Comput. 18 (1997) 1–22, doi:10.1137/S1064827594276424.
    """

    title: ClassVar[str] = "BDF (SciPy)"
    name: ClassVar[str] = "scipy_bdf"
    sources: ClassVar[tuple[str, ...]] = ("shampine1997",)
    no_claim: ClassVar[str] = WHY
    solver: ClassVar[str] = "BDF"
    rtol: float = rtol_knob()
    atol: float = atol_knob()
