"""Reduced bases of affine equations: POD, the weak greedy search with its certified bound, and one parameter online."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from toolkit.core.claim import Bound, Exact
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.run import Run
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.reducedmodel import Reduced
from toolkit.rank.thermal import ThermalBlock

EXHAUSTED = Status("converged", "the next function lies in the basis to rounding", "Nothing is left to add")
FULL = Status("converged", "the largest dimension is reached", "Raise `dimension` to go on")
STEPS = Stop(rtol=0.0, steps=20)
OFFLINE = 24


@dataclass(slots=True, kw_only=True)
class ReducedState(State):
    """A reduced model, the parameters picked, and the largest certified bound over the training set."""

    model: Reduced
    picks: list
    bounds: np.ndarray
    bound: float
    unknowns: float = 0.0
    modes: np.ndarray | None = None
    values: np.ndarray | None = None

    def solution(self) -> np.ndarray:
        return self.model.factor

    def nbytes(self) -> int:
        return self.model.nbytes


def tested(problem: ThermalBlock, model: Reduced) -> tuple[np.ndarray, np.ndarray]:
    """(errors, bounds) at the test parameters, in the X norm."""
    coefficients, bounds = model.bounds(problem.test_set)
    return model.errors(problem.test_solutions, coefficients), bounds


def _error(problem, state) -> float:
    return float(tested(problem, state.model)[0].max())


def _effectivity(choose):
    def of(problem, state) -> float:
        errors, bounds = tested(problem, state.model)
        seen = errors > 1e-11  # below, rounding decides
        return float(choose(bounds[seen] / errors[seen])) if seen.any() else float("nan")

    return of


def _overrun(problem, state) -> float:
    errors, bounds = tested(problem, state.model)
    return float(np.max((errors - 1e-12) / np.maximum(bounds, 1e-300)))


ERROR = Measure(
    "error", "largest true error", _error, "max |u − u_N|", doc="over the test parameters, in the energy norm"
)
LEAST = Measure(
    "effectivity_least", "least effectivity", _effectivity(np.min), "min Δ/|u − u_N|", doc="bound over true error"
)
MEDIAN = Measure(
    "effectivity", "median effectivity", _effectivity(np.median), "median Δ/|u − u_N|", doc="bound over true error"
)
MOST = Measure(
    "effectivity_most", "largest effectivity", _effectivity(np.max), "max Δ/|u − u_N|", doc="bound over true error"
)
OVERRUN = Measure(
    "overrun", "true error over bound", _overrun, "max |u − u_N|/Δ", doc="certified: never above one, at any parameter"
)


def certified(problem: ThermalBlock) -> tuple:
    """The bound is one, and by at most the contrast too large."""
    about = dict(source="rozza2008", assumes="affine and coercive, min-theta bound of the coercivity", stop=STEPS)
    ones = lambda k, values: np.ones(len(k))  # noqa: E731
    return (
        Bound(measure="overrun", curve=ones, slack=1e-6, title="certified: no error exceeds its bound", **about),
        Bound(
            measure="effectivity_most",
            curve=lambda k, values: np.full(len(k), problem.contrast),
            slack=1e-3,
            title="effectivity at most the contrast, γ(μ)/α(μ)",
            **about,
        ),
    )


class BasisMethod(Method):
    """What the methods that grow a basis share: the bound over the training set after every step."""

    family: ClassVar[str] = "reduced basis"
    problems: ClassVar[tuple[type, ...]] = (ThermalBlock,)
    monitors: ClassVar[tuple[str, ...]] = ("bound", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)

    def measures(self, problem):
        return (ERROR, LEAST, MEDIAN, MOST, OVERRUN)

    def init(self, problem: ThermalBlock) -> ReducedState:
        state = ReducedState(model=Reduced.empty(problem), picks=[], bounds=np.empty(0), bound=0.0)
        return self._searched(problem, state)

    def _searched(self, problem, state: ReducedState) -> ReducedState:
        """Bounds at all training parameters: one batch of reduced solves."""
        state.bounds = state.model.bounds(problem.training_set)[1]
        state.bound, state.unknowns = float(state.bounds.max()), float(state.model.dimension)
        state.work.nfe += problem.training
        return state

    def _grown(self, problem, state: ReducedState, coordinates: np.ndarray) -> ReducedState:
        model = state.model.enriched(problem, coordinates)
        state.k += 1
        if model is None:
            state.status = EXHAUSTED
            return state
        state.model = model
        self._searched(problem, state)
        if model.dimension >= min(self.dimension, problem.unknowns):
            state.status = FULL
        return state


@dataclass(frozen=True)
class WeakGreedy(BasisMethod):
    """Weak greedy: solve in full at the training parameter whose certified bound is worst, and add the solution.

    μ_(N+1) = argmax Δ_N(μ), Δ_N(μ) = |f − A(μ) u_N(μ)| / α(μ) ≥ |u(μ) − u_N(μ)|_X. A step is one full solve, one
    widening of the reduced model and M reduced solves with their bounds: O(M ((QN)² + N³)). Ends when the worst
    solution lies in the basis to rounding.
    Reference: K. Veroy, C. Prud'homme, D. V. Rovas, A. T. Patera, AIAA 2003-3847, doi:10.2514/6.2003-3847;
    P. Binev et al., SIAM J. Math. Anal. 43 (2011) 1457–1472, doi:10.1137/100795772.
    """

    title: ClassVar[str] = "weak greedy"
    sources: ClassVar[tuple[str, ...]] = ("veroy2003", "binev2011", "rozza2008")
    dimension: int = knob(24, 1, 60, symbol="N", doc="largest dimension of the basis")

    def step(self, problem: ThermalBlock, state: ReducedState) -> ReducedState:
        worst = int(np.argmax(state.bounds))
        state.picks.append(worst)
        state.work.solves += 1
        return self._grown(problem, state, problem.coordinates(problem.solve(problem.training_set[worst])))

    def measures(self, problem):
        return (*super().measures(problem), AT_PICKS)

    def claims(self, problem: ThermalBlock) -> tuple:
        title = "the reduced model is exact where it was enriched"
        about = dict(source="rozza2008", assumes="Galerkin: the solution lies in the basis", stop=STEPS)
        return (*certified(problem), Exact(measure="at_picks", tol=1e-11, always=True, title=title, **about))


def _at_picks(problem, state: ReducedState) -> float:
    if not state.picks:
        return float("nan")
    return float(state.model.solve(problem.training_set[state.picks])[1].max() / np.linalg.norm(problem.whitened_load))


AT_PICKS = Measure(
    "at_picks", "residual at the picks", _at_picks, "max |r(μ_i)| / |f|", doc="largest relative residual where enriched"
)


@dataclass(frozen=True)
class PodBasis(BasisMethod):
    """Proper orthogonal decomposition of the training solutions in the energy norm; a step adds the next mode.

    The first N left singular vectors of (u(μ_1), …, u(μ_M)) minimise Σ_i |u(μ_i) − P_N u(μ_i)|², and the minimum is the
    tail Σ_(k>N) σ_k². Offline M full solves and one SVD, at the first step; then as the greedy search.
    Reference: L. Sirovich, Quart. Appl. Math. 45 (1987) 561–571, doi:10.1090/qam/910462; K. Kunisch, S. Volkwein,
    Numer. Math. 90 (2001) 117–148, doi:10.1007/s002110100282.
    """

    title: ClassVar[str] = "POD"
    sources: ClassVar[tuple[str, ...]] = ("sirovich1987", "kunisch2001")
    dimension: int = knob(24, 1, 60, symbol="N", doc="largest dimension of the basis")

    def init(self, problem: ThermalBlock) -> ReducedState:
        state = super().init(problem)
        _, state.values, state.modes = np.linalg.svd(problem.training_solutions, full_matrices=False)
        state.work.solves += problem.training
        return state

    def step(self, problem: ThermalBlock, state: ReducedState) -> ReducedState:
        place = state.model.dimension
        if place >= len(state.values) or state.values[place] <= 1e-14 * state.values[0]:
            state.k, state.status = state.k + 1, EXHAUSTED
            return state
        return self._grown(problem, state, state.modes[place])

    def measures(self, problem):
        return (*super().measures(problem), TAIL, TAIL_GAP)

    def claims(self, problem: ThermalBlock) -> tuple:
        title = "what the modes miss is the tail of the singular values"
        about = dict(source="kunisch2001", assumes="the norm of the decomposition is that of the error", stop=STEPS)
        return (*certified(problem), Exact(measure="tail_gap", tol=1e-10, always=True, title=title, **about))


def _missed(problem, state: ReducedState) -> tuple[float, float]:
    """(misfit of the training solutions, tail of the singular values), relative to all of them."""
    if state.values is None:
        return float("nan"), float("nan")
    everything, basis = problem.training_solutions, state.model.coordinates
    missed = np.linalg.norm(everything - (everything @ basis.T) @ basis)
    size = np.linalg.norm(state.values)
    return float(missed / size), float(np.linalg.norm(state.values[len(basis) :]) / size)


TAIL = Measure("tail", "singular tail", lambda problem, state: _missed(problem, state)[1], "(Σ_{k>N} σ_k² / Σ σ_k²)^½")
TAIL_GAP = Measure(
    "tail_gap",
    "misfit against singular tail",
    lambda problem, state: float(abs(np.subtract(*_missed(problem, state)))),
    "|misfit − tail|",
    doc="of the training solutions, both relative to their norm",
)


@lru_cache(maxsize=8)
def offline(problem: ThermalBlock) -> Reduced:
    """The model of a greedy search of OFFLINE steps, kept for a few problems. Nobody writes to it."""
    return Run(problem, WeakGreedy(dimension=OFFLINE), Stop(rtol=1e-12, steps=OFFLINE)).finish().state.model


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


@dataclass(frozen=True)
class Online(Method):
    """One parameter, turned by hand: the reduced solution with N = 0, 1, 2, … of the greedy functions, and its bound.

    The greedy search, up to 24 functions, is done once a problem and kept; then a step is O(N³ + (QN)²) whatever the
    size of the full problem. The full solution is computed once for the true error. Parameters of blocks that the
    problem does not have are not looked at; values below 1/contrast are raised to it.
    Reference: G. Rozza, D. B. P. Huynh, A. T. Patera, Arch. Comput. Methods Eng. 15 (2008) 229–275,
    doi:10.1007/s11831-008-9019-9, section 4.
    """

    title: ClassVar[str] = "online at one parameter"
    name: ClassVar[str] = "online_solve"
    family: ClassVar[str] = "reduced basis"
    sources: ClassVar[tuple[str, ...]] = ("rozza2008",)
    problems: ClassVar[tuple[type, ...]] = (ThermalBlock,)
    monitors: ClassVar[tuple[str, ...]] = ("bound", "error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
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

    def init(self, problem: ThermalBlock) -> OnlineState:
        mu = self.parameter(problem)
        truth = problem.coordinates(problem.solve(mu))
        state = OnlineState(model=offline(problem), mu=mu, truth=truth, coefficients=np.empty(0))
        return self._at(state, 0)

    def step(self, problem: ThermalBlock, state: OnlineState) -> OnlineState:
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

    def claims(self, problem: ThermalBlock) -> tuple:
        about = dict(source="rozza2008", assumes="affine and coercive, min-theta bound of the coercivity", stop=STEPS)
        title = "certified: the error stays below its bound"
        ones = lambda k, values: np.ones(len(k))  # noqa: E731
        return (Bound(measure="overrun", curve=ones, slack=1e-6, title=title, **about),)


EFFECTIVITY_HERE = Measure(
    "effectivity",
    "effectivity",
    lambda problem, state: state.bound / state.error if state.error > 1e-11 else float("nan"),
    "Δ/|u − u_N|",
    doc="certified bound over true error",
)
OVERRUN_HERE = Measure(
    "overrun",
    "true error over bound",
    lambda problem, state: (state.error - 1e-12) / max(state.bound, 1e-300),
    "|u − u_N|/Δ",
    doc="certified: never above one",
)
