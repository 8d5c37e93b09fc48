"""The residual's dual norm online, five ways: expanded, corrected, by empirical interpolation, orthonormal, direct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, Exact, at_most_one
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.method import Method
from toolkit.core.prediction import Pick
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.stop import Stop
from toolkit.rank.reduced.galerkin_model import Reduced
from toolkit.rank.reduced.greedy_basis import EXHAUSTED, FULL
from toolkit.rank.reduced.residual_expansions import (
    corrected,
    direct,
    directly,
    expanded,
    interpolated,
    orthonormal,
)
from toolkit.rank.reduced.thermal_block import ThermalBlock

ROOT = float(np.sqrt(np.finfo(float).eps))
BELOW = ROOT / 1000  # residuals that the classical estimator cannot see
SEEN = 1e-12  # what is left unseen by the others, times the contrast
BESIDE = 0.1  # and of the largest residual that is interpolated
WIDE = 100.0  # contrast up to which that was measured
STEPS = Stop(rtol=0.0, steps=12)


@dataclass(slots=True, kw_only=True)
class EstimateState(State):
    """A reduced model, estimated and direct residuals at the test parameters, the largest used by them, over |f|."""

    model: Reduced
    estimates: np.ndarray
    truth: np.ndarray
    source: float = 0.0
    estimate: float = 0.0
    unknowns: float = 0.0
    precomputed: float = 0.0

    def solution(self) -> np.ndarray:
        return self.estimates

    def nbytes(self) -> int:
        return self.model.nbytes + self.estimates.nbytes


class ResidualEstimate(Method):
    """What the estimators share: the same greedy basis under all of them, the largest estimate over the test set."""

    problems: ClassVar[tuple[type, ...]] = (ThermalBlock,)
    monitors: ClassVar[tuple[str, ...]] = ("estimate", "unknowns", "precomputed")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    offline: ClassVar[object] = None
    leaves: ClassVar[float] = 0.5  # share of the largest residual that its error may have
    besides: ClassVar[str] = ""  # what else may go unseen, in words

    def suits(self, problem) -> str:
        why = super().suits(problem)
        return why or ("" if problem.blocks <= 3 else "it needs at most three blocks: the monomials are (Q N)²/2")

    def init(self, problem: ThermalBlock) -> EstimateState:
        none = np.empty(0)
        return self._estimated(problem, EstimateState(model=Reduced.empty(problem), estimates=none, truth=none))

    def step(self, problem: ThermalBlock, state: EstimateState) -> EstimateState:
        state.k += 1
        worst = int(np.argmax(state.model.bounds(problem.training_set)[1]))
        model = state.model.enriched(problem, problem.coordinates(problem.solve(problem.training_set[worst])))
        if model is None:
            state.status = EXHAUSTED
            return state
        state.model = model
        if model.dimension >= self.dimension:
            state.status = FULL
        return self._estimated(problem, state)

    def _estimated(self, problem, state: EstimateState) -> EstimateState:
        model, size = state.model, float(np.linalg.norm(problem.whitened_load))
        sigma = (1 + self.dimension * problem.blocks) * (2 + self.dimension * problem.blocks) // 2
        pool = problem.drawn(max(600, sigma), problem.seed + 2**32)
        coefficients = model.solve(problem.test_set)[0]
        estimate, precomputed, source = type(self).offline(problem, model, pool)
        state.estimates = estimate(problem.test_set, coefficients) / size
        state.source = source / size
        state.truth = directly(problem, model, problem.test_set, coefficients) / size
        state.estimate, state.precomputed = float(state.estimates.max()), float(precomputed)
        state.unknowns = float(model.dimension)
        return state

    def measures(self, problem):
        return (RESIDUAL, GAP, BLIND, missed(self.leaves))

    def _sees(self, problem: ThermalBlock, source: str) -> Bound:
        return at_most_one(
            "missed",
            title=f"sees the largest residual to {self.leaves:.0%}, far below √ε: down to 10⁻¹² times the contrast",
            source=source,
            assumes="measured in double precision, not a theorem; relative to |f|" + self.besides,
            stop=STEPS,
        )

    def _tracks(self, level: float, words: str, source: str) -> Bound:
        return Bound(
            measure="gap",
            curve=lambda k, values: np.full(len(k), level),
            title=f"distance from the direct residual at the level of {words}",
            source=source,
            assumes="double precision; both relative to |f|",
            stop=STEPS,
        )


@dataclass(frozen=True)
class ExpandedEstimate(ResidualEstimate):
    """The classical estimator: the squared residual expanded over the Gram matrix of (f, A_q φ_j).

    |r|² = (f, f) − 2 Σ θγ (f, Aφ) + Σ Σ θγ θ'γ' (Aφ, A'φ'): the terms are of size |f|², so it is known to ε |f|²
    and the estimate to √ε |f|, however small the residual. Offline QN representers, online O((QN)²).
    Reference: C. Prud'homme et al., J. Fluids Eng. 124 (2002) 70–80, doi:10.1115/1.1448332; its rounding is analysed
    by F. Casenave, A. Ern, T. Lelièvre, ESAIM: M2AN 48 (2014) 207–229, doi:10.1051/m2an/2013097.
    """

    title: ClassVar[str] = "classical estimator, expanded"
    sources: ClassVar[tuple[str, ...]] = ("prudhomme2002", "casenave2014")
    offline: ClassVar[object] = staticmethod(expanded)
    dimension: int = knob(12, 1, 14, symbol="N", doc="largest dimension of the basis")

    def claims(self, problem: ThermalBlock) -> tuple:
        found = (self._tracks(20 * ROOT, "√ε", "casenave2014"),) if problem.contrast <= WIDE else ()
        if problem.blocks not in (2, 3):
            return found
        return (
            *found,
            Exact(
                measure="blind",
                tol=0.1,
                title="stalls: at the end ten times the direct residual, and more",
                source="casenave2014",
                assumes="a basis so good that the residual is a thousandth of √ε; judged then only",
                stop=STEPS,
            ),
        )


@dataclass(frozen=True)
class CorrectedEstimate(ResidualEstimate):
    """The corrected estimator: squares computed directly at σ parameters, combined with the weights of the monomials.

    X(μ) holds the σ = (1 + QN)(2 + QN)/2 products of two of (1, θ_q γ_j); |r(μ)|² = t · X(μ), so Σ λ_r X(μ_r) = X(μ)
    gives |r(μ)|² = Σ λ_r |r(μ_r)|²: small numbers are combined, and nothing large cancels. σ full residuals offline,
    a system of σ equations online. The matrix (X(μ_r)) is ill-conditioned for large σ; where it is singular the
    weights of least norm are taken.
    Reference: F. Casenave, C. R. Math. Acad. Sci. Paris 350 (2012) 539–542.
    """

    title: ClassVar[str] = "corrected estimator"
    sources: ClassVar[tuple[str, ...]] = ("casenave2012",)
    offline: ClassVar[object] = staticmethod(corrected)
    dimension: int = knob(12, 1, 14, symbol="N", doc="largest dimension of the basis")

    def claims(self, problem: ThermalBlock) -> tuple:
        return (self._sees(problem, "casenave2012"),)


@dataclass(frozen=True)
class InterpolatedEstimate(ResidualEstimate):
    """The estimator by empirical interpolation of the monomials: the rank of X(μ) instead of σ squares.

    X(μ) ≈ Σ_r λ_r(μ) X(μ_r), r ≤ d, with μ_r and components picked greedily; |r(μ)|² ≈ Σ λ_r |r(μ_r)|². d full
    residuals offline, O(d²) online. The paper interpolates what is left of a picked row once more, so that it vanishes
    at the earlier points in spite of rounding; in the form by crosses used here it does so exactly, by itself.
    Reference: F. Casenave, A. Ern, T. Lelièvre, ESAIM: M2AN 48 (2014) 207–229, doi:10.1051/m2an/2013097.
    """

    title: ClassVar[str] = "estimator by EIM"
    chaotic: ClassVar[str] = "where errors are all rounding, rounding decides which points are taken"
    sources: ClassVar[tuple[str, ...]] = ("casenave2014",)
    offline: ClassVar[object] = staticmethod(interpolated)
    leaves: ClassVar[float] = 0.8  # the monomials are interpolated, too, from few parameters
    besides: ClassVar[str] = ", and above a tenth of the largest residual that it interpolates"
    dimension: int = knob(12, 1, 14, symbol="N", doc="largest dimension of the basis")

    def claims(self, problem: ThermalBlock) -> tuple:
        if problem.contrast > WIDE:
            return ()
        return (self._sees(problem, "casenave2014"),)


@dataclass(frozen=True)
class OrthonormalEstimate(ResidualEstimate):
    """The estimator over an orthonormal basis of the span of (f, A_q φ_j): |r| = |R c|, not the root of a sum.

    Known to ε |f|, as the cancellation happens in a vector whose length is taken afterwards. Offline one
    orthonormalisation, online O((QN)²).
    Reference: A. Buhr, C. Engwer, M. Ohlberger, S. Rave, arXiv:1407.8005 (2014), section 3.
    """

    title: ClassVar[str] = "estimator over an orthonormal basis"
    sources: ClassVar[tuple[str, ...]] = ("buhr2014",)
    offline: ClassVar[object] = staticmethod(orthonormal)
    dimension: int = knob(12, 1, 14, symbol="N", doc="largest dimension of the basis")

    def claims(self, problem: ThermalBlock) -> tuple:
        return (self._tracks(1e3 * ROOT**2, "ε", "buhr2014"),)


@dataclass(frozen=True)
class DirectResidual(ResidualEstimate):
    """The residual itself: a product with every A_q, a subtraction, and one solve with X; the yardstick.

    Costs what the full problem costs: O(Q n²) and more a parameter.
    Reference: F. Casenave, A. Ern, T. Lelièvre, ESAIM: M2AN 48 (2014) 207–229, doi:10.1051/m2an/2013097, E₁.
    """

    title: ClassVar[str] = "direct residual"
    sources: ClassVar[tuple[str, ...]] = ("casenave2014",)
    offline: ClassVar[object] = staticmethod(direct)
    dimension: int = knob(12, 1, 14, symbol="N", doc="largest dimension of the basis")

    def claims(self, problem: ThermalBlock) -> tuple:
        return (
            Exact(
                measure="online_gap",
                tol=1e3 * ROOT**2,
                always=True,
                title="dense in the full space and online over an orthonormal basis agree, to ε",
                source="buhr2014",
                assumes="double precision",
                stop=STEPS,
            ),
        )

    def measures(self, problem):
        return (*super().measures(problem), ONLINE_GAP)


def _online_gap(problem, state: EstimateState) -> float:
    size = np.linalg.norm(problem.whitened_load)
    return float(np.max(np.abs(state.model.solve(problem.test_set)[1] / size - state.truth)))


RESIDUAL = Measure(
    "residual", "largest direct residual", lambda problem, state: float(state.truth.max()), "max |r|/|f|"
)
GAP = Measure(
    "gap",
    "distance from the direct residual",
    lambda problem, state: float(np.max(np.abs(state.estimates - state.truth))),
    "max |E − |r||/|f|",
    doc="largest over the test parameters",
)


def missed(share: float) -> Measure:
    """The error of the estimates over a share of the largest residual, and what rounding leaves unseen."""

    def of(problem, state) -> float:
        far = np.max(np.abs(state.estimates - state.truth))
        return float(far / (share * state.truth.max() + BESIDE * state.source + SEEN * problem.contrast))

    doc = "an estimate of zero has more than one, down to residuals of some 10⁻¹² times the contrast"
    title = f"distance from the direct residual, over {share:.0%} of the largest"
    return Measure("missed", title, of, "|E − |r||/|r|", log=False, doc=doc)


BLIND = Measure(
    "blind",
    "direct residual over estimate",
    lambda problem, state: (
        float(state.truth.max() / max(state.estimate, 1e-300)) if state.truth.max() <= BELOW else float("nan")
    ),
    "|r|/E",
    doc="one: honest; small: the estimate has stalled; asked once the residual is a thousandth of √ε",
)
ONLINE_GAP = Measure("online_gap", "direct against orthonormal", _online_gap, "max ||r| − |R c||/|f|")

CASES = (ThermalBlock(columns=3, rows=1, n=12, training=40, tests=6),)


def stalled(runs) -> int | None:
    """The one whose estimate ends a hundred times above the direct residual, the last run's; None where none does."""
    values = np.array([run.history.last("estimate") for run in runs])
    return int(np.argmax(values)) if values.max() > 100 * values[-1] else None


EXPERIMENTS = (
    Experiment(
        "three-estimators",
        "Three estimators",
        "One basis, one residual, and formulas that agree in exact arithmetic. Which of them sees it fall below 10⁻⁸?",
        ThermalBlock(columns=3, rows=1, n=24),
        (ExpandedEstimate(), CorrectedEstimate(), InterpolatedEstimate(), OrthonormalEstimate(), DirectResidual()),
        STEPS,
        measure="estimate",
        against="unknowns",
        predict=Pick(
            "Which of the five stays behind, far above the residual that it is to estimate?", stalled, theory=0
        ),
        why=r"The classical formula adds terms of the size $\|f\|^2$ that cancel, and what is left of them is "
        r"known to $\varepsilon \|f\|^2$ only. The root of that is $\sqrt{\varepsilon} \|f\|$, some "
        "$10^{-8}$: half of the digits are lost before the root is taken. The others combine numbers that "
        "are small already, or let vectors cancel and take the length afterwards; they follow the residual "
        "down to rounding.",
        formula=r"\|r\|^2 = (f, f) - 2 \sum_j c_j (f, g_j) + \sum_{i,j} c_i c_j (g_i, g_j), \qquad \|r\| \text{ "
        r"known to } \sqrt{\varepsilon} \, \|f\|",
        level=2,
        minutes=5,
        then="frequency-response",
    ),
)
