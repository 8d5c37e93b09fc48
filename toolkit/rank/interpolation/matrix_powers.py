"""Limits of matrix powers, inverses and log-determinants, at any parameter from a few: nonintrusive, with a bound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import factorial
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.claims import Beats, Exact, at_most_one
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment
from toolkit.core.method import Method
from toolkit.core.prediction import Pick, lowest
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.interpolation.crosses import Crosses

STEPS = Stop(rtol=0.0, steps=24)
DONE = Status("converged", "the largest number of terms is reached", "Raise `terms` to go on")
SPENT = Status("converged", "the monomials are interpolated to rounding", "Raise the power to go on")


@dataclass(frozen=True)
class AffineMatrices(Problem):
    """A(θ) = θ₁ A₁ + θ₂ A₂ + θ₃ A₃, the A_q semidefinite and of sum I, 1/contrast ≤ θ_q ≤ 1.

    With t = 1 − θ, B(t) = I − A = Σ t_q A_q has norm max t < 1, and A⁻¹ = Σ_j B^j, log det A = −Σ_j tr(B^j)/j: limits
    of polynomials in powers of B. The A_q are M_q = G_q G_qᵀ, G_q Gaussian, preconditioned by their sum; parameters are
    drawn uniformly, all with the seed.
    Reference: F. Casenave, N. Akkari, A. Charles, C. Rey, arXiv:1710.02488 (2017).
    """

    title: ClassVar[str] = "affine matrices"
    sources: ClassVar[tuple[str, ...]] = ("casenave2017",)
    size: int = knob(20, 3, 80, symbol="n", doc="rows of the matrices")
    contrast: float = knob(1.5, 1.1, 5.0, doc="largest parameter over the smallest")
    training: int = knob(250, 50, 1000, log=True, doc="parameters to choose from")
    tests: int = knob(12, 3, 100, log=True, doc="parameters the errors are measured at")
    seed: int = seed_knob("the matrices and parameters")

    @cached_property
    def parts(self) -> np.ndarray:
        """A₁, A₂, A₃: (3, n, n)."""
        g = np.random.default_rng(self.seed).standard_normal((3, self.size, self.size))
        moments = g @ g.transpose(0, 2, 1)
        values, vectors = np.linalg.eigh(moments.sum(axis=0))
        root = vectors / np.sqrt(values) @ vectors.T
        return frozen(root @ moments @ root)

    def matrix(self, theta: np.ndarray) -> np.ndarray:
        """A at parameters (m, 3): (m, n, n)."""
        return np.tensordot(theta, self.parts, 1)

    def drawn(self, count: int, seed: int) -> np.ndarray:
        """Parameters (count, 3)."""
        return frozen(1 - (1 - 1 / self.contrast) * np.random.default_rng(seed).random((count, 3)))

    @cached_property
    def training_set(self) -> np.ndarray:
        """Parameters (training, 3) to choose from."""
        return self.drawn(self.training, self.seed + 2**31)

    @cached_property
    def test_set(self) -> np.ndarray:
        """Parameters (tests, 3) the errors are measured at."""
        return self.drawn(self.tests, self.seed + 2**32)

    @cached_property
    def inverses(self) -> np.ndarray:
        """A⁻¹ at the test parameters."""
        return frozen(np.linalg.inv(self.matrix(self.test_set)))

    @cached_property
    def logdets(self) -> np.ndarray:
        """log det A at the test parameters."""
        return frozen(np.linalg.slogdet(self.matrix(self.test_set))[1])


@lru_cache(maxsize=8)
def exponents(power: int) -> tuple[np.ndarray, np.ndarray]:
    """Multi-indices m of degree up to `power` in three variables, (σ, 3), and the multinomials |m|!/m!."""
    found = [(a, b, j - a - b) for j in range(power + 1) for a in range(j + 1) for b in range(j + 1 - a)]
    weights = [factorial(sum(m)) / np.prod([factorial(i) for i in m]) for m in found]
    return frozen(np.array(found)), frozen(np.array(weights))


def monomials(theta: np.ndarray, power: int) -> np.ndarray:
    """t^m |m|!/m! with t = 1 − θ, for every m of degree up to `power`: (M, σ)."""
    indices, weights = exponents(power)
    t = (1 - theta)[:, :, None] ** np.arange(power + 1)
    return t[:, 0, indices[:, 0]] * t[:, 1, indices[:, 1]] * t[:, 2, indices[:, 2]] * weights


@dataclass(slots=True, kw_only=True)
class PowersState(State):
    """Parameters chosen, weights λ at the test parameters, errors of A⁻¹ and of log det A."""

    crosses: Crosses | None = None
    chosen: np.ndarray
    weights: np.ndarray
    inverse_error: float = 1.0
    logdet_error: float = 1.0
    unknowns: float = 0.0

    def solution(self) -> np.ndarray:
        return self.weights


class LimitMethod(Method):
    """What the approximations Σ λ_i(θ) g(A(θ_i)) of a limit g share: only the weights differ."""

    problems: ClassVar[tuple[type, ...]] = (AffineMatrices,)
    monitors: ClassVar[tuple[str, ...]] = ("inverse_error", "logdet_error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)

    def init(self, problem: AffineMatrices) -> PowersState:
        return PowersState(chosen=np.empty((0, 3)), weights=np.zeros((problem.tests, 0)))

    def _judged(self, problem, state: PowersState) -> PowersState:
        """Errors at the test parameters, relative in the spectral norm and to the largest |log det|."""
        matrices = problem.matrix(state.chosen)
        guess = np.tensordot(state.weights, np.linalg.inv(matrices), 1)
        far = np.linalg.norm(guess - problem.inverses, 2, axis=(1, 2))
        state.inverse_error = float(np.max(far / np.linalg.norm(problem.inverses, 2, axis=(1, 2))))
        logs = state.weights @ np.linalg.slogdet(matrices)[1]
        state.logdet_error = float(np.abs(logs - problem.logdets).max() / np.abs(problem.logdets).max())
        state.unknowns = float(len(state.chosen))
        state.work.nfe += 1
        if state.k >= min(self.terms, problem.training):
            state.status = DONE
        return state


@dataclass(frozen=True)
class PowersByInterpolation(LimitMethod):
    """g(A(θ)) ≈ Σ λ_i(θ) g(A(θ_i)) for g the inverse or the log-determinant, λ by EIM of the monomials of powers.

    B(t)^j = Σ_(|m| = j) t^m C_m with |C_m| ≤ j!/m!: weights that interpolate all monomials t^m of degree up to k
    reproduce all powers of B up to k, whatever the C_m are, and so the truncated series; nothing but g at chosen
    parameters is asked for. Error of A⁻¹: at most Σ_m |x_m(θ) − Σ λ_i x_m(θ_i)| + τ(θ) + Σ |λ_i| τ(θ_i), where
    x_m = t^m |m|!/m! and τ = r^(k+1)/(1 − r), r = max t; of log det A: n times the same with x_m/|m| and τ/(k + 1).
    A step adds a parameter and a monomial.
    Reference: F. Casenave, N. Akkari, A. Charles, C. Rey, arXiv:1710.02488 (2017), sections 2 and 3.
    """

    title: ClassVar[str] = "EIM of matrix powers"
    sources: ClassVar[tuple[str, ...]] = ("casenave2017",)
    power: int = knob(12, 1, 20, symbol="k", doc="degree up to which powers are interpolated")
    terms: int = knob(40, 1, 150, symbol="d", doc="largest number of terms")

    def init(self, problem: AffineMatrices) -> PowersState:
        state = super().init(problem)
        state.crosses = Crosses.of(monomials(problem.training_set, self.power))
        return state

    def step(self, problem: AffineMatrices, state: PowersState) -> PowersState:
        state.k += 1
        before = len(state.crosses.rows)
        state.crosses = state.crosses.extended()
        if len(state.crosses.rows) == before or state.crosses.largest <= 1e-15 * state.crosses.scale:
            state.status = SPENT
        state.chosen = problem.training_set[state.crosses.rows]
        state.weights = self.interpolated(state, problem.test_set)
        return self._judged(problem, state)

    def interpolated(self, state: PowersState, theta: np.ndarray) -> np.ndarray:
        """λ (m, d) at parameters (m, 3)."""
        columns = state.crosses.columns
        corner = monomials(state.chosen, self.power)[:, columns]
        return np.linalg.solve(corner.T, monomials(theta, self.power)[:, columns].T).T

    def limits(self, problem, state: PowersState) -> np.ndarray:
        """The bound of |A⁻¹ − Σ λ_i A_i⁻¹| at the test parameters."""
        left, tails = self._missed(problem, state)
        return left.sum(axis=1) + tails

    def logdet_limits(self, problem, state: PowersState) -> np.ndarray:
        """The bound of |log det A − Σ λ_i log det A_i| there: traces are n times norms at most, powers come over j."""
        left, tails = self._missed(problem, state)
        degree = exponents(self.power)[0].sum(axis=1)
        return problem.size * (left[:, degree > 0] @ (1 / degree[degree > 0]) + tails / (self.power + 1))

    def _missed(self, problem, state: PowersState) -> tuple[np.ndarray, np.ndarray]:
        """|x_m(θ) − Σ λ_i x_m(θ_i)| at the test parameters, and what lies beyond the largest power."""
        left = monomials(problem.test_set, self.power) - state.weights @ monomials(state.chosen, self.power)
        tails = [np.max(1 - theta, axis=1) for theta in (problem.test_set, state.chosen)]
        tails = [r ** (self.power + 1) / (1 - r) for r in tails]
        return np.abs(left), tails[0] + np.abs(state.weights) @ tails[1]

    def measures(self, problem):
        at = Measure("at_chosen", "error at the chosen parameters", self._at_chosen, "max |A_i⁻¹ − Σ λA⁻¹|")
        return (at, Measure("bound", "bound of the error", self._limit, "Δ"), self._share, self._logdet_share)

    def _at_chosen(self, problem, state) -> float:
        if not state.k:
            return float("nan")
        inverses = np.linalg.inv(problem.matrix(state.chosen))
        return float(np.abs(np.tensordot(self.interpolated(state, state.chosen), inverses, 1) - inverses).max())

    def _limit(self, problem, state) -> float:
        return float(self.limits(problem, state).max()) if state.k else float("nan")

    @property
    def _share(self) -> Measure:
        def share(problem, state):
            if not state.k:
                return float("nan")
            guess = np.tensordot(state.weights, np.linalg.inv(problem.matrix(state.chosen)), 1)
            far = np.linalg.norm(guess - problem.inverses, 2, axis=(1, 2)) - 1e-12
            return float(np.max(far / self.limits(problem, state)))

        return Measure("share", "error over its bound", share, "|A⁻¹ − Σ λA⁻¹|/Δ", log=False)

    @property
    def _logdet_share(self) -> Measure:
        def share(problem, state):
            if not state.k:
                return float("nan")
            far = np.abs(state.weights @ np.linalg.slogdet(problem.matrix(state.chosen))[1] - problem.logdets) - 1e-12
            return float(np.max(far / self.logdet_limits(problem, state)))

        return Measure(
            "logdet_share", "log-determinant's error over its bound", share, "|log det A − Σ λ log det|/Δ", log=False
        )

    def claims(self, problem: AffineMatrices) -> tuple:
        about = dict(source="casenave2017", stop=STEPS)
        found = [
            Exact(
                measure="at_chosen",
                tol=1e-8,
                always=True,
                title="exact at the chosen parameters",
                assumes="a corner whose condition leaves eight digits",
                **about,
            ),
            at_most_one(
                "share",
                slack=1e-6,
                title="the error of the inverse stays below its computed bound",
                assumes="affine, |I − A| < 1",
                **about,
            ),
            at_most_one(
                "logdet_share",
                slack=1e-6,
                title="that of the log-determinant stays below its own",
                assumes="affine, |I − A| < 1",
                **about,
            ),
        ]
        if self.power >= 8 and self.terms >= 20 and 1.3 <= problem.contrast <= 1.6:
            found.append(
                Beats(
                    other=InverseDistance(terms=250),
                    measure="k",
                    factor=0.2,
                    title="a twentieth of the first error in a fifth of the terms of inverse-distance weights",
                    source="casenave2017",
                    assumes="measured, not a theorem",
                    stop=Stop(measure="inverse_error", rtol=0.05, steps=250),
                )
            )
        return tuple(found)


@dataclass(frozen=True)
class InverseDistance(LimitMethod):
    """Shepard's weights λ_i ∝ |θ − θ_i|^(−p) at the first training parameters: nonintrusive too, and blind to powers.

    Exact at its parameters, between them a mean of the values around: no order better than one. A step adds one.
    Reference: D. Shepard, Proc. 23rd ACM National Conference (1968) 517–524, doi:10.1145/800186.810616.
    """

    title: ClassVar[str] = "inverse-distance weights"
    sources: ClassVar[tuple[str, ...]] = ("shepard1968",)
    no_claim: ClassVar[str] = "a yardstick: no rate is known for scattered parameters"
    exponent: float = knob(4.0, 1.0, 10.0, symbol="p", doc="power of the distance")
    terms: int = knob(60, 1, 250, symbol="d", doc="largest number of terms")

    def step(self, problem: AffineMatrices, state: PowersState) -> PowersState:
        state.k += 1
        state.chosen = problem.training_set[: state.k]
        far = np.linalg.norm(problem.test_set[:, None] - state.chosen, axis=2) + 1e-300
        near = (far.min(axis=1, keepdims=True) / far) ** self.exponent
        state.weights = near / near.sum(axis=1, keepdims=True)
        return self._judged(problem, state)


CASES = (AffineMatrices(size=8, training=80, tests=5),)

EXPERIMENTS = (
    Experiment(
        "inverses-from-few",
        "Inverses from a few inverses",
        "Inverses at d parameters, weights from the powers alone: when is the truncated series the limit?",
        AffineMatrices(),
        (PowersByInterpolation(), PowersByInterpolation(power=5), InverseDistance()),
        STEPS,
        measure="inverse_error",
        against="unknowns",
        predict=Pick(
            "Inverses at 24 parameters, three rules for their weights. Which has the least error in the end?",
            truth=lowest("inverse_error"),
            options=("weights from powers up to 12", "weights from powers up to 5", "weights by distance"),
        ),
        why=r"The inverse is a series of powers of $B = I - A$, and every power is a sum of fixed matrices times"
        r" monomials of the parameters: weights that interpolate the monomials reproduce the series without knowing"
        r" those matrices. Weights by distance know nothing of this, and their error hardly falls. With 24 terms the"
        r" power up to which one interpolates matters little, as there are more monomials than terms in any case; once"
        r" all of them are reproduced, only the cut-off of the series is left, $r^{k+1}/(1 - r)$.",
        formula=r"A^{-1} = \sum_{j \ge 0} B^{j} \approx \sum_i \lambda_i(\theta)\, A(\theta_i)^{-1}",
        level=3,
        minutes=8,
        then="core-width",
    ),
)
