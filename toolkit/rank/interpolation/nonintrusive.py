"""Nonlinear parameters without touching the assembly: from matrices at chosen parameters to all, and to bases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import at_most_one
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Pick, lowest
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.interpolation.crosses import Crosses
from toolkit.rank.interpolation.inclusion import MovingInclusion, Separated, product

STEPS = Stop(rtol=0.0, steps=16)
SMALLEST = 1e-13
EXACT_NOW = Status("converged", "the coefficient is interpolated to rounding", "Nothing is left to pick")
SPANNED = Status("converged", "the next solution lies in the basis to rounding", "Nothing is left to add")
DONE = Status("converged", "the last step of the programme is done", "Raise the number of terms or functions")


@dataclass(slots=True, kw_only=True)
class SeparatedState(State):
    """Crosses of the coefficient's table, and the errors of matrices and solutions at the test parameters."""

    crosses: Crosses
    matrix_error: float = 1.0
    unknowns: float = 0.0
    solution_errors: np.ndarray
    promised: np.ndarray
    basis: np.ndarray | None = None

    def solution(self) -> np.ndarray:
        return self.solution_errors


@dataclass(frozen=True)
class NonintrusiveMatrices(Method):
    """A_μ ≈ Σ β_m(μ) A_(μ_m): empirical interpolation of the coefficient in terms of the coefficient at chosen μ_m.

    As κ(·, μ) ≈ Σ β_m(μ) κ(·, μ_m) and the assembly, whatever it does, is linear in κ, the same weights combine
    assembled matrices. A step picks one parameter and one point, and asks for one matrix more. Exact at the chosen
    parameters. With δ = max |κ − Σ βκ_m| < α = min κ, |u′ − û′| ≤ δ/(α − δ) |u′|.
    Reference: F. Casenave, A. Ern, T. Lelièvre, G. Sylvand, arXiv:1307.4330 (2013).
    """

    title: ClassVar[str] = "nonintrusive EIM for matrices"
    sources: ClassVar[tuple[str, ...]] = ("casenave2014b", "casenave2015")
    problems: ClassVar[tuple[type, ...]] = (MovingInclusion,)
    monitors: ClassVar[tuple[str, ...]] = ("matrix_error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    terms: int = knob(24, 1, 80, symbol="d", doc="largest number of matrices")

    def init(self, problem: MovingInclusion) -> SeparatedState:
        crosses = Crosses.of(problem.coefficient(problem.training_set))
        size = problem.norms(problem.truth)
        return SeparatedState(crosses=crosses, solution_errors=size / size, promised=np.full(len(size), np.inf))

    def step(self, problem: MovingInclusion, state: SeparatedState) -> SeparatedState:
        state.k += 1
        state.crosses = state.crosses.extended()
        state.work.nfe += 1
        separated = Separated(problem, state.crosses)
        weights = separated.weights(problem.test_set)
        matrices = np.tensordot(weights, separated.matrices, 1)
        exact = np.stack([problem.matrix(mu) for mu in problem.test_set])
        far = [
            np.linalg.norm(one[[0, 1, 1]]) / np.linalg.norm(two[[0, 1, 1]]) for one, two in zip(matrices - exact, exact)
        ]
        state.matrix_error, state.unknowns = float(max(far)), float(len(state.crosses.rows))
        state.solution_errors, state.promised = self._solved(problem, separated, weights, matrices)
        if state.crosses.largest <= SMALLEST * state.crosses.scale:
            state.status = EXACT_NOW
        elif state.k >= min(self.terms, problem.training, problem.n):
            state.status = DONE
        return state

    def _solved(self, problem, separated, weights, matrices) -> tuple[np.ndarray, np.ndarray]:
        """Relative errors of solutions, and what is promised of them where the combination is certainly definite.

        Beside the bound stands what rounding leaves of a sum with these weights: ε Σ|λ| times a condition of n².
        """
        misfit = separated.misfit(problem.test_set)
        least = problem.coefficient(problem.test_set).min(axis=1)
        safe, size = misfit < least, problem.norms(problem.truth)
        errors, promised = np.ones(len(size)), np.full(len(size), np.inf)
        for i in np.flatnonzero(safe):
            guess = problem.solve(matrices[i])
            errors[i] = problem.norms((guess - problem.truth[i])[None])[0] / size[i]
            rounding = np.finfo(float).eps * np.abs(weights[i]).sum() * problem.n**2
            promised[i] = misfit[i] / (least[i] - misfit[i]) + rounding
        return errors, promised

    def measures(self, problem):
        return (SOLUTION, SHARE, MATRIX_SHARE, AT_CHOSEN)

    def claims(self, problem: MovingInclusion) -> tuple:
        about = dict(source="casenave2014b", stop=STEPS)
        return (
            at_most_one(
                "matrix_share",
                slack=1e-6,
                title="the combination misses the matrix by no more than the coefficient does, δ/α",
                assumes="entries of the matrix are sums of the coefficient in cells",
                **about,
            ),
            at_most_one(
                "share",
                slack=1e-6,
                title="solution error at most δ/(α − δ)",
                assumes="the coefficient's misfit δ is below its least value α",
                **about,
            ),
        )


def _at_chosen(problem, state) -> float:
    if not state.crosses.rows:
        return float("nan")
    separated = Separated(problem, state.crosses)
    guess = np.tensordot(separated.weights(separated.chosen), separated.matrices, 1)
    return float(np.abs(guess - separated.matrices).max() / np.abs(separated.matrices).max())


SOLUTION = Measure(
    "solution_error",
    "largest solution error",
    lambda problem, state: float(state.solution_errors.max()),
    "max |u′ − û′|/|u′|",
    doc="over the test parameters",
)
SHARE = Measure(
    "share",
    "solution error over its bound",
    lambda problem, state: float(np.max((state.solution_errors - 1e-12) / state.promised)),
    "|u′ − û′|/Δ",
    log=False,
)


def _matrix_share(problem, state) -> float:
    if not state.crosses.rows:
        return float("nan")
    misfit = Separated(problem, state.crosses).misfit(problem.test_set)
    most = float(np.max(misfit / problem.coefficient(problem.test_set).min(axis=1)))
    return (state.matrix_error - 1e-12) / max(most, 1e-300)


MATRIX_SHARE = Measure("matrix_share", "error of the matrices over δ/α", _matrix_share, log=False)
AT_CHOSEN = Measure("at_chosen", "error at the chosen parameters", _at_chosen, "max |A_μ − Σ βA|/|A|")


@dataclass(frozen=True)
class NonintrusiveBasis(NonintrusiveMatrices):
    """A reduced basis on matrices that were only asked for: reduce A_(μ_m), combine with β_m(μ), solve N equations.

    d matrices are chosen by empirical interpolation at the first step; then a step solves in full at the training
    parameter whose estimate is worst and adds the solution. Error of the reduced solution: at most
    δ/(α − δ) |u′| + |r̂|/(α − δ) with r̂ the residual of the combined equation: it falls with N down to the floor the
    interpolation leaves. Residuals by full products, as the problem is small.
    Reference: F. Casenave, A. Ern, T. Lelièvre, arXiv:1401.3684 (2014).
    """

    title: ClassVar[str] = "nonintrusive reduced basis"
    sources: ClassVar[tuple[str, ...]] = ("casenave2014c", "casenave2014b")
    monitors: ClassVar[tuple[str, ...]] = ("estimate", "unknowns")
    terms: int = knob(16, 2, 60, symbol="d", doc="number of matrices that are combined")
    dimension: int = knob(16, 1, 60, symbol="N", doc="largest dimension of the basis")

    def init(self, problem: MovingInclusion) -> BasisState:
        crosses = Crosses.of(problem.coefficient(problem.training_set))
        for _ in range(min(self.terms, problem.training, problem.n)):
            if crosses.largest > SMALLEST * crosses.scale:
                crosses = crosses.extended()
        ones, none = np.ones(problem.tests), np.empty((0, problem.n - 1))
        state = BasisState(crosses=crosses, solution_errors=ones, promised=np.inf * ones, basis=none)
        return self._judged(problem, state)

    def step(self, problem: MovingInclusion, state: BasisState) -> BasisState:
        state.k += 1
        mu = problem.training_set[state.worst]
        rest = problem.solve(problem.matrix(mu))
        size = np.linalg.norm(rest)
        for _ in range(2):
            rest = rest - (rest @ state.basis.T) @ state.basis
        state.work.solves += 1
        if np.linalg.norm(rest) <= 1e-13 * size:
            state.status = SPANNED
            return state
        state.basis = np.vstack((state.basis, rest / np.linalg.norm(rest)))
        if state.k >= min(self.dimension, problem.training):
            state.status = DONE
        return self._judged(problem, state)

    def _judged(self, problem, state: BasisState) -> BasisState:
        """Estimates over the training set, errors and promises at the test parameters."""
        separated = Separated(problem, state.crosses)
        images = np.stack([product(matrix, state.basis) for matrix in separated.matrices])
        estimates, _, _ = self._reduced(problem, separated, images, state.basis, problem.training_set)
        state.worst, state.estimate = int(np.argmax(estimates)), float(estimates.max())
        estimates, guess, misfit = self._reduced(problem, separated, images, state.basis, problem.test_set)
        size, least = problem.norms(problem.truth), problem.coefficient(problem.test_set).min(axis=1)
        state.solution_errors = problem.norms(problem.truth - guess) / size
        with np.errstate(divide="ignore"):
            limit = (misfit + estimates / size) / (least - misfit)
        state.promised = np.where(misfit < least, limit, np.inf)
        state.unknowns, state.floor = float(len(state.basis)), float(np.max(misfit / least))
        return state

    def _reduced(self, problem, separated, images, basis, mus):
        """(dual norms of the residuals, reduced solutions, misfits) at parameters, all N equations in one batch."""
        weights = separated.weights(mus)
        combined = np.tensordot(weights, images, 1)
        systems, load = combined @ basis.T, basis @ problem.load
        coefficients = np.linalg.solve(systems, np.broadcast_to(load, (len(mus), len(load)))[..., None])[..., 0]
        rest = problem.load - np.einsum("mi,min->mn", coefficients, combined)
        laplace = np.stack((np.full(problem.n - 1, 2.0 * problem.n), np.full(problem.n - 1, -1.0 * problem.n)))
        riesz = problem.solve(laplace, rest.T).T
        return np.sqrt(np.maximum(np.sum(rest * riesz, axis=1), 0)), coefficients @ basis, separated.misfit(mus)

    def measures(self, problem):
        return (SOLUTION, SHARE, FLOOR)

    def claims(self, problem: MovingInclusion) -> tuple:
        about = dict(source="casenave2014c", stop=STEPS, slack=1e-6)
        title = "the error stays below residual and interpolation floor together"
        words = "the coefficient's misfit δ is below its least value α"
        ones = at_most_one("share", title=title, assumes=words, **about)
        return (ones,)


@dataclass(slots=True, kw_only=True)
class BasisState(SeparatedState):
    """The basis (N, n−1), the worst estimate and where, and the floor that the interpolation leaves."""

    estimate: float = 0.0
    worst: int = 0
    floor: float = 0.0


FLOOR = Measure("floor", "floor of the interpolation", lambda problem, state: state.floor, "max δ/α")


def _bumps(problem, state):
    """The coefficient at the chosen parameters; None while there are none."""
    if not state.crosses.rows:
        return None
    chosen = problem.training_set[state.crosses.rows[-6:]]
    return {
        "x": problem.midpoints,
        **{f"μ = ({a:.2f}, {b:.2f})": problem.coefficient(np.array([[a, b]]))[0] for a, b in chosen},
    }


CASES = (MovingInclusion(n=60, training=60, tests=6),)

PICTURES = (
    Picture(
        "chosen-coefficients",
        "coefficient at the chosen parameters",
        "lines",
        _bumps,
        x="x",
        y="κ",
        of=SeparatedState,
    ),
)

EXPERIMENTS = (
    Experiment(
        "black-box-matrices",
        "Only matrices, no assembly",
        "A bump moves through a bar. How many matrices, taken as they come, stand in for all of them?",
        MovingInclusion(),
        (NonintrusiveMatrices(), NonintrusiveBasis(terms=8), NonintrusiveBasis(terms=24)),
        STEPS,
        measure="solution_error",
        against="unknowns",
        picture="chosen-coefficients",
        predict=Pick(
            "Sixteen matrices combined, or bases of sixteen functions on 8 or 24 combined matrices: which has the least"
            " error in the end?",
            truth=lowest("solution_error"),
            options=("matrices combined, full solves", "a basis on 8 matrices", "a basis on 24 matrices"),
        ),
        why=r"The assembly is linear in the coefficient $\kappa$, whatever else it does: weights that combine the"
        r" coefficient at chosen parameters combine the assembled matrices too, and nobody has to look inside. What"
        r" the coefficient is missed by, $\delta$, bounds the error of the solution, and $\delta$ falls fast with the"
        r" number of matrices. A reduced basis on top adds its own error, which falls with each function, and can go"
        r" no lower than the floor that its matrices leave: with 8 of them the curve bends and stays.",
        formula=r"\|u' - \hat u'\| \le \frac{\delta}{\alpha - \delta}\, \|u'\|, \qquad \delta = \max_x \Big|\kappa -"
        r" \sum_m \beta_m \kappa_m\Big|",
        level=2,
        minutes=7,
        then="inverses-from-few",
    ),
)
