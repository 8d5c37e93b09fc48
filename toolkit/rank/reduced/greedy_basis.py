"""Reduced bases of affine equations: POD, and the weak greedy search with its certified bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Rate
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.reduced.galerkin_model import Reduced
from toolkit.rank.reduced.problems import Parametrised

EXHAUSTED = Status("converged", "the next function lies in the basis to rounding", "Nothing is left to add")
FULL = Status("converged", "the largest dimension is reached", "Raise `dimension` to go on")
STEPS = Stop(rtol=0.0, steps=20)


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
        return self.model.fields

    def nbytes(self) -> int:
        return self.model.nbytes

    @property
    def used(self) -> Reduced:
        """The model on the functions that are used so far: all of them."""
        return self.model

    def shown(self, problem) -> tuple[np.ndarray, np.ndarray]:
        """(coordinates of the full solution, the reduced one) at the test parameter where the bound is worst."""
        coefficients, bounds = self.model.bounds(problem.test_set)
        worst = int(np.argmax(bounds))
        return problem.test_solutions[worst], coefficients[worst] @ self.model.fields


def tested(problem: Parametrised, model: Reduced) -> tuple[np.ndarray, np.ndarray]:
    """(errors, bounds) at the test parameters, in the X norm."""
    coefficients, bounds = model.bounds(problem.test_set)
    return model.errors(problem.test_solutions, coefficients), bounds


def _error(problem, state) -> float:
    return float(tested(problem, state.model)[0].max())


def _effectivity(choose):
    def of(problem, state) -> float:
        errors, bounds = tested(problem, state.model)
        seen = errors > 10 * problem.rounding  # below, rounding decides
        return float(choose(bounds[seen] / errors[seen])) if seen.any() else float("nan")

    return of


def _overrun(problem, state) -> float:
    errors, bounds = tested(problem, state.model)
    return float(np.max((errors - problem.rounding) / np.maximum(bounds, 1e-300)))


ERROR = Measure(
    "error", "largest true error", _error, "max |u − u_N|", doc="over the test parameters, in the energy norm"
)
LEAST = Measure(
    "effectivity_least",
    "least effectivity",
    _effectivity(np.min),
    "min Δ/|u − u_N|",
    log=False,
    doc="bound over true error",
)
MEDIAN = Measure(
    "effectivity",
    "median effectivity",
    _effectivity(np.median),
    "median Δ/|u − u_N|",
    log=False,
    doc="bound over true error",
)
MOST = Measure(
    "effectivity_most",
    "largest effectivity",
    _effectivity(np.max),
    "max Δ/|u − u_N|",
    log=False,
    doc="bound over true error",
)
OVERRUN = Measure(
    "overrun",
    "true error over bound",
    _overrun,
    "max |u − u_N|/Δ",
    log=False,
    doc="certified: never above one, at any parameter",
)


class BasisMethod(Method):
    """What the methods that grow a basis share: the bound over the training set after every step."""

    problems: ClassVar[tuple[type, ...]] = (Parametrised,)
    monitors: ClassVar[tuple[str, ...]] = ("bound", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)

    def measures(self, problem):
        return (ERROR, LEAST, MEDIAN, MOST, OVERRUN)

    def init(self, problem: Parametrised) -> ReducedState:
        state = ReducedState(model=problem.empty_model(), picks=[], bounds=np.empty(0), bound=0.0)
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

    def step(self, problem: Parametrised, state: ReducedState) -> ReducedState:
        worst = int(np.argmax(state.bounds))
        state.picks.append(worst)
        state.work.solves += 1
        return self._grown(problem, state, problem.coordinates(problem.solve(problem.training_set[worst])))

    def measures(self, problem):
        return (*super().measures(problem), AT_PICKS)

    def claims(self, problem: Parametrised) -> tuple:
        title = "the reduced model is exact where it was enriched"
        about = dict(source="rozza2008", assumes="Galerkin: the solution lies in the basis", stop=STEPS)
        return (*problem.certified(STEPS), Exact(measure="at_picks", tol=1e-11, always=True, title=title, **about))


def _at_picks(problem, state: ReducedState) -> float:
    if not state.picks:
        return float("nan")
    picked = problem.training_set[state.picks]
    return float(np.max(state.model.solve(picked)[1] / problem.load_norms(picked)))


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

    def init(self, problem: Parametrised) -> ReducedState:
        state = super().init(problem)
        _, state.values, state.modes = np.linalg.svd(problem.training_solutions, full_matrices=False)
        state.work.solves += problem.training
        return state

    def step(self, problem: Parametrised, state: ReducedState) -> ReducedState:
        place = state.model.dimension
        if place >= len(state.values) or state.values[place] <= 1e-14 * state.values[0]:
            state.k, state.status = state.k + 1, EXHAUSTED
            return state
        return self._grown(problem, state, state.modes[place])

    def measures(self, problem):
        return (*super().measures(problem), TAIL, TAIL_GAP)

    def claims(self, problem: Parametrised) -> tuple:
        title = "what the modes miss is the tail of the singular values"
        about = dict(source="kunisch2001", assumes="the norm of the decomposition is that of the error", stop=STEPS)
        exact = Exact(measure="tail_gap", tol=1e-10, always=True, title=title, **about)
        return (*problem.certified(STEPS), exact, *_decay(problem))


def _decay(problem: Parametrised) -> tuple:
    if problem.tail_rate is None:
        return ()
    title = "the tail falls by ρ with each mode, at least: the ellipse of Bernstein without a resonance"
    words = "solutions analytic in the parameter, inside the ellipse; the best N-dimensional space beats interpolation"
    about = dict(source=problem.tail_source, assumes=words, stop=STEPS)
    return (Rate(measure="tail", factor=problem.tail_rate, title=title, **about),)


def _missed(problem, state: ReducedState) -> tuple[float, float]:
    """(misfit of the training solutions, tail of the singular values), relative to all of them."""
    if state.values is None:
        return float("nan"), float("nan")
    everything, basis = problem.training_solutions, state.model.coordinates
    missed = np.linalg.norm(everything - (everything @ basis.conj().T) @ basis)
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
