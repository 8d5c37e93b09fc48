"""One parameter of a reduced model, turned by hand: solution, certified bound and true error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.run import Run
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.reduced.galerkin_model import Reduced
from toolkit.rank.reduced.greedy_basis import STEPS, WeakGreedy
from toolkit.rank.reduced.problems import ROUNDING, Parametrised
from toolkit.rank.reduced.scattering import Scattering
from toolkit.rank.reduced.thermal_block import ThermalBlock

OFFLINE = 24


def offline(problem: Parametrised) -> Reduced:
    """The model of a greedy search of OFFLINE steps; made once a problem, nobody writes to it."""
    search, stop = WeakGreedy(dimension=OFFLINE), Stop(rtol=1e-12, steps=OFFLINE)
    return remembered(problem, search, lambda: Run(problem, search, stop).finish().state.model)


@dataclass(slots=True, kw_only=True)
class OnlineState(State):
    """The reduced solution at one parameter: dimension, coefficients, bound, true error and effectivity."""

    model: Reduced
    mu: np.ndarray
    truth: np.ndarray
    coefficients: np.ndarray
    bound: float = 0.0
    error: float = 0.0
    unknowns: float = 0.0

    def solution(self) -> np.ndarray:
        return self.coefficients

    @property
    def field(self) -> np.ndarray:
        """The reduced solution at the inner vertices."""
        return self.coefficients @ self.model.fields[: len(self.coefficients)]

    @property
    def used(self) -> Reduced:
        """The model on the functions that are used so far."""
        return self.model.first(len(self.coefficients))

    def shown(self, problem) -> tuple[np.ndarray, np.ndarray]:
        """(coordinates of the full solution, the reduced one) at the parameter."""
        return self.truth, self.field


class OnlineMethod(Method):
    """What the methods share that look at one parameter: the full solution once, then more and more functions."""

    monitors: ClassVar[tuple[str, ...]] = ("bound", "error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)

    def parameter(self, problem: Parametrised) -> np.ndarray:
        """The parameter looked at, (P,)."""
        raise NotImplementedError

    def init(self, problem: Parametrised) -> OnlineState:
        mu = self.parameter(problem)
        truth = problem.coordinates(problem.solve(mu))
        state = OnlineState(model=offline(problem), mu=mu, truth=truth, coefficients=np.empty(0))
        return self._at(state, 0)

    def step(self, problem: Parametrised, state: OnlineState) -> OnlineState:
        state.k += 1
        self._at(state, state.k)
        if state.k >= state.model.dimension:
            state.status = Status("converged", "all functions of the offline stage are used", "Turn the parameter")
        return state

    def _at(self, state: OnlineState, dimension: int) -> OnlineState:
        model = state.model.first(dimension)
        coefficients, bounds = model.bounds(state.mu[None])
        state.coefficients, state.bound = coefficients[0], float(bounds[0])
        state.error = float(model.errors(state.truth[None], coefficients)[0])
        state.unknowns = float(dimension)
        state.work.nfe += 1
        return state

    def measures(self, problem):
        return (EFFECTIVITY_HERE, OVERRUN_HERE)

    def claims(self, problem: Parametrised) -> tuple:
        return (problem.certified(STEPS)[0],)


@dataclass(frozen=True)
class Online(OnlineMethod):
    """One parameter, turned by hand: the reduced solution with N = 0, 1, 2, … of the greedy functions, and its bound.

    The greedy search, up to 24 functions, is done once a problem and kept; then a step is O(N³ + (QN)²) whatever the
    size of the full problem. The full solution is computed once for the true error. Parameters of blocks that the
    problem does not have are not looked at; values below 1/contrast are raised to it.
    Reference: G. Rozza, D. B. P. Huynh, A. T. Patera, Arch. Comput. Methods Eng. 15 (2008) 229–275,
    doi:10.1007/s11831-008-9019-9, section 4.
    """

    title: ClassVar[str] = "online at one parameter"
    name: ClassVar[str] = "online_solve"
    sources: ClassVar[tuple[str, ...]] = ("rozza2008",)
    problems: ClassVar[tuple[type, ...]] = (ThermalBlock,)
    mu_1: float = knob(0.9, 0.001, 1.0, symbol="μ₁", doc="conductivity of block 1, the lower left one")
    mu_2: float = knob(0.15, 0.001, 1.0, symbol="μ₂", doc="conductivity of block 2, counted along the rows")
    mu_3: float = knob(0.5, 0.001, 1.0, symbol="μ₃", doc="conductivity of block 3")
    mu_4: float = knob(0.3, 0.001, 1.0, symbol="μ₄", doc="conductivity of block 4")
    mu_5: float = knob(1.0, 0.001, 1.0, symbol="μ₅", doc="conductivity of block 5")
    mu_6: float = knob(0.1, 0.001, 1.0, symbol="μ₆", doc="conductivity of block 6")
    mu_7: float = knob(0.6, 0.001, 1.0, symbol="μ₇", doc="conductivity of block 7")
    mu_8: float = knob(0.2, 0.001, 1.0, symbol="μ₈", doc="conductivity of block 8")
    mu_9: float = knob(0.8, 0.001, 1.0, symbol="μ₉", doc="conductivity of block 9")

    def parameter(self, problem: ThermalBlock) -> np.ndarray:
        """The conductivities of the problem's blocks."""
        chosen = np.array([getattr(self, f"mu_{b + 1}") for b in range(problem.blocks)])
        return np.maximum(chosen, 1 / problem.contrast)


@dataclass(frozen=True)
class OnlineFrequency(OnlineMethod):
    """One frequency, turned by hand: the wave from N = 0, 1, 2, … of the greedy functions, and its bound.

    The greedy search, up to 24 functions, is done once a problem and kept; then a step solves one least-squares problem
    of N unknowns, O(N³). The full solution is computed once for the true error. Frequencies outside the problem's range
    are moved to its end.
    Reference: Y. Maday, A. T. Patera, D. V. Rovas, Stud. Math. Appl. 31 (2002) 533–569.
    """

    title: ClassVar[str] = "online at one frequency"
    sources: ClassVar[tuple[str, ...]] = ("maday2002",)
    problems: ClassVar[tuple[type, ...]] = (Scattering,)
    wavenumber: float = knob(6.0, 0.5, 40.0, log=True, symbol="k", doc="wavenumber of the incident wave")

    def label(self) -> str:
        return f"{self.title}, k = {self.wavenumber:.4g}"

    def parameter(self, problem: Scattering) -> np.ndarray:
        """The wavenumber, in the problem's range."""
        return np.clip([self.wavenumber], problem.low, problem.high)


def _floor(state: OnlineState) -> float:
    return ROUNDING * max(1.0, float(np.linalg.norm(state.truth)))


EFFECTIVITY_HERE = Measure(
    "effectivity",
    "effectivity",
    lambda problem, state: state.bound / state.error if state.error > 10 * _floor(state) else float("nan"),
    "Δ/|u − u_N|",
    log=False,
    doc="certified bound over true error",
)
OVERRUN_HERE = Measure(
    "overrun",
    "true error over bound",
    lambda problem, state: (state.error - _floor(state)) / max(state.bound, 1e-300),
    "|u − u_N|/Δ",
    log=False,
    doc="certified: never above one",
)
