"""Low-rank approximations of a matrix, rank by rank: what they share; the truncated and the randomised SVD."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, Exact, at_most_one
from toolkit.core.knob import knob, seed_knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.matrices.problems import DenseMatrix

STEPS = Stop(rtol=0.0, steps=40)
DONE = Status("converged", "the largest rank is reached", "Raise `most` to go on")
FAILURE = 1e-6  # probability that a randomised bound is broken, over seeds
ROUNDING = 1e-12  # of the norm of the matrix: what a bound need not explain
MOST = 64


@dataclass(slots=True, kw_only=True)
class FactorState(State):
    """A ≈ left @ right (m × k, k × n), its error and the least possible one, relative in the Frobenius norm."""

    left: np.ndarray
    right: np.ndarray
    error: float = 1.0
    optimal: float = 1.0
    rank: float = 0.0
    extra: dict = field(default_factory=dict)

    def solution(self) -> np.ndarray:
        return self.left @ self.right

    @property
    def lines(self) -> tuple[list, list] | None:
        """The rows and columns of the matrix that it is made of; None where it is not made of such."""
        return (list(self.extra["rows"]), list(self.extra["columns"])) if "rows" in self.extra else None


def schedule(k: int, most: int, doubling: bool) -> int:
    """The rank after step k: 1, 2, 3, … or 1, 2, 4, …, at most `most`."""
    return min(most, 1 << (k - 1) if doubling else k)


class RankByRank(Method):
    """What the approximations share: a step approximates anew with the next rank, up to `most`."""

    problems: ClassVar[tuple[type, ...]] = (DenseMatrix,)
    monitors: ClassVar[tuple[str, ...]] = ("error", "optimal", "rank")
    linear: ClassVar[tuple[str, ...]] = ("rank",)
    scales: ClassVar[tuple[str, ...]] = ("rank",)
    spare: ClassVar[int] = 0  # sides of the matrix a rank of k needs beyond k

    def init(self, problem: DenseMatrix) -> FactorState:
        return nothing(problem)

    def step(self, problem: DenseMatrix, state: FactorState) -> FactorState:
        state.k += 1
        largest = min(self.most, min(problem.matrix.shape) - self.spare)
        rank = self.rank_at(problem, state.k)
        state.left, state.right, state.extra = self.factors(problem, rank)
        state.work.nfe += 1
        return judged(problem, state, rank, largest)

    def factors(self, problem: DenseMatrix, rank: int) -> tuple[np.ndarray, np.ndarray, dict]:
        """(left, right, what the measures need) of one rank."""
        raise NotImplementedError

    def rank_at(self, problem: DenseMatrix, k: int) -> int:
        """The rank after step k; none before the first."""
        largest = min(self.most, min(problem.matrix.shape) - self.spare)
        return schedule(k, largest, self.ranks == "1, 2, 4, …") if k else 0

    def suits(self, problem) -> str:
        why = super().suits(problem)
        small = not why and min(problem.matrix.shape) <= self.spare
        return f"it needs more than {self.spare} rows and columns" if small else why


def nothing(problem: DenseMatrix, **extra) -> FactorState:
    """The approximation of rank zero: its error is one, but for the zero matrix."""
    m, n = problem.matrix.shape
    error = float(problem.matrix.any())
    return FactorState(left=np.zeros((m, 0)), right=np.zeros((0, n)), error=error, optimal=error, extra=extra)


def judged(problem: DenseMatrix, state: FactorState, rank: int, largest: int) -> FactorState:
    """Error and least error at this rank, relative to the norm of A; ended at the largest rank."""
    state.error = float(np.linalg.norm(problem.matrix - state.left @ state.right)) / problem.norm
    state.optimal = problem.tail(rank) / problem.norm
    state.rank = float(rank)
    if rank >= largest:
        state.status = DONE
    return state


def ranks():
    """The knob for which ranks are visited."""
    return knob("1, 2, 4, …", choices=("1, 2, 4, …", "1, 2, 3, …"), doc="the ranks of the steps")


def most(default: int = MOST):
    """The knob for the largest rank."""
    return knob(default, 1, 400, log=True, symbol="k", doc="largest rank; at most what the matrix allows")


def spectral(problem: DenseMatrix, state: FactorState) -> float:
    """‖A − A_k‖₂ over ‖A‖₂."""
    size = problem.after(0) or 1.0
    return float(np.linalg.norm(problem.matrix - state.left @ state.right, 2)) / size


SPECTRAL = Measure("spectral_error", "spectral error", spectral, "‖A − A_k‖₂/‖A‖₂")


def optimality() -> Bound:
    """No approximation of rank k has less error than the tail of the singular values."""
    return Bound(
        measure="below_optimum",
        curve=lambda k, values: np.zeros(len(k)),
        floor=ROUNDING,
        title="no rank-k matrix is nearer than the tail of the singular values",
        source="eckart1936",
        assumes="exact singular values",
        stop=STEPS,
    )


BELOW = Measure(
    "below_optimum",
    "error below the optimum",
    lambda problem, state: state.optimal - state.error,
    "tail − error",
    log=False,
    doc="how far the error is below the least possible one: never, but for rounding",
)


@dataclass(frozen=True)
class TruncatedSVD(RankByRank):
    """A_k = Σ_{j≤k} σ_j u_j v_jᵀ: the best approximation of rank k in every unitarily invariant norm.

    ‖A − A_k‖_F = (Σ_{j>k} σ_j²)^½ and ‖A − A_k‖₂ = σ_{k+1}. The decomposition costs O(m n min(m, n)), once; a step
    costs O(m n k).
    Reference: C. Eckart, G. Young, Psychometrika 1 (1936) 211–218, doi:10.1007/BF02288367; L. Mirsky, Quart. J. Math.
    11 (1960) 50–59.
    """

    title: ClassVar[str] = "truncated SVD"
    sources: ClassVar[tuple[str, ...]] = ("eckart1936",)
    ranks: str = ranks()
    most: int = most()

    def factors(self, problem, rank):
        left, values, right = problem.decomposition
        return left[:, :rank] * values[:rank], right[:rank], {}

    def measures(self, problem) -> tuple[Measure, ...]:
        def gap(problem, state):
            return abs(state.error - state.optimal)

        def spectral_gap(problem, state):
            return abs(spectral(problem, state) - problem.after(int(state.rank)) / (problem.after(0) or 1.0))

        return (
            Measure("frobenius_gap", "error minus tail", gap, "|‖A − A_k‖_F − tail|/‖A‖_F"),
            Measure("spectral_gap", "spectral error minus σ_{k+1}", spectral_gap, "|‖A − A_k‖₂ − σ_{k+1}|/σ_1"),
        )

    def claims(self, problem: DenseMatrix) -> tuple:
        about = dict(tol=1e-10, always=True, source="eckart1936", assumes="the exact SVD", stop=STEPS)
        return (
            self.least(problem),
            Exact(measure="frobenius_gap", title="the error is the tail of the singular values", **about),
            Exact(measure="spectral_gap", title="the spectral error is the next singular value", **about),
        )

    def least(self, problem: DenseMatrix) -> Bound:
        """The tail of the singular values as a curve, with what rounding may add to it: no error of that rank is less.

        Reference: C. Eckart, G. Young, Psychometrika 1 (1936) 211–218, doi:10.1007/BF02288367.
        """

        def tails(k, values):
            return np.array([problem.tail(self.rank_at(problem, int(one))) for one in k]) / problem.norm + ROUNDING

        return Bound(
            measure="error",
            curve=tails,
            title="the error is no more than the least that is possible, the tail of the singular values",
            formula=r"\|A - A_k\|_F \le \Big(\sum_{j>k} \sigma_j^2\Big)^{1/2}",
            source="eckart1936",
            assumes="the exact SVD",
            stop=STEPS,
        )


def deviations(rank: int, spare: int) -> tuple[float, float]:
    """(a, b): ‖Σ₂ Ω₂ Ω₁⁺‖_F ≤ a ‖Σ₂‖_F + b ‖Σ₂‖₂, Gaussian Ω with rank + spare columns, but with probability 10⁻⁶.

    a = t (12 k/p)^½, b = u t e (k + p)^½/(p + 1) with 5 t^(−p) + 2 e^(−u²/2) = 10⁻⁶ halved between the terms; p ≥ 4.
    Reference: N. Halko, P.-G. Martinsson, J. A. Tropp, arXiv:0909.4061, theorem 10.7.
    """
    t = (10 / FAILURE) ** (1 / spare)
    u = np.sqrt(2 * np.log(4 / FAILURE))
    return t * np.sqrt(12 * rank / spare), u * t * np.e * np.sqrt(rank + spare) / (spare + 1)


def range_bound(values: np.ndarray, rank: int, spare: int) -> float:
    """What ‖A − QQᵀA‖_F exceeds with probability 10⁻⁶ only, Q spanning A Ω of rank + spare columns."""
    a, b = deviations(rank, spare)
    rest = values[rank:]
    return (1 + a) * float(np.linalg.norm(rest)) + b * float(rest[0] if len(rest) else 0.0)


def spectral_range_bound(values: np.ndarray, rank: int, spare: int) -> float:
    """The same for ‖A − QQᵀA‖₂: (1 + a + b) σ_{k+1} + (b/u) tail.

    Reference: N. Halko, P.-G. Martinsson, J. A. Tropp, arXiv:0909.4061, theorem 10.8.
    """
    a, b = deviations(rank, spare)
    rest = values[rank:]
    tail = float(np.linalg.norm(rest))
    return (1 + a + b) * float(rest[0] if len(rest) else 0.0) + b / np.sqrt(2 * np.log(4 / FAILURE)) * tail


def share(name: str, title: str, function) -> Measure:
    """An error over its bound, NaN before the first step."""

    def guarded(problem, state):
        return function(problem, state) if state.rank else float("nan")

    return Measure(name, title, guarded, "error/bound", log=False, doc="at most one where the bound holds")


def over(error: float, bound: float, scale: float) -> float:
    """error over bound; what rounding does to a matrix of this size is not counted."""
    return max(0.0, error - 10 * ROUNDING * scale) / max(bound, ROUNDING * scale)


def below_one(measure: str, **about) -> Bound:
    """A share that is at most one."""
    return at_most_one(measure, stop=STEPS, **about)


@dataclass(frozen=True)
class RandomisedSVD(RankByRank):
    """A ≈ Q (QᵀA)_k, Q an orthonormal basis of (A Aᵀ)^q A Ω, Ω Gaussian of k + p columns; k leading terms are kept.

    E ‖A − QQᵀA‖_F ≤ (1 + k/(p − 1))^½ tail_k for q = 0; the bounds claimed here hold for all but one seed in a million.
    A step costs (2q + 2) products of A with k + p vectors. The Ω of a smaller rank is part of that of a larger one.
    Reference: N. Halko, P.-G. Martinsson, J. A. Tropp, SIAM Review 53 (2011) 217–288, doi:10.1137/090771806,
    algorithms 4.4 and 5.1, theorems 9.2, 9.3, 10.7 and 10.8.
    """

    title: ClassVar[str] = "randomised SVD"
    sources: ClassVar[tuple[str, ...]] = ("halko2011",)
    ranks: str = ranks()
    most: int = most()
    oversampling: int = knob(8, 4, 50, symbol="p", doc="columns sketched beyond the rank")
    power: int = knob(0, 0, 4, symbol="q", doc="power iterations, each two more passes over the matrix")
    seed: int = seed_knob("the test matrix")

    def factors(self, problem, rank):
        matrix = problem.matrix
        width = min(rank + self.oversampling, min(matrix.shape))
        omega = gaussian(self.seed, self.most + self.oversampling, matrix.shape[1])[:width]
        basis = np.linalg.qr(matrix @ omega.T)[0]
        for _ in range(self.power):  # orthonormal in between (algorithm 4.4): powers alone would lose small values
            basis = np.linalg.qr(matrix @ np.linalg.qr(matrix.T @ basis)[0])[0]
        small = basis.T @ matrix
        u, s, vt = np.linalg.svd(small, full_matrices=False)
        return basis @ (u[:, :rank] * s[:rank]), vt[:rank], {"basis": basis}

    def measures(self, problem) -> tuple[Measure, ...]:
        def frobenius(problem, state):
            rank = int(state.rank)
            tail = problem.tail(rank)
            bound = np.hypot(range_bound(problem.singular, rank, self._spare(problem, rank)), tail)
            return over(state.error * problem.norm, bound, problem.norm)

        def largest(problem, state):
            rank, odd = int(state.rank), 2 * self.power + 1
            powers = (problem.singular / (problem.after(0) or 1.0)) ** odd
            bound = spectral_range_bound(powers, rank, self._spare(problem, rank)) ** (1 / odd)
            bound += problem.after(rank) / (problem.after(0) or 1.0)
            return over(spectral(problem, state), bound, 1.0)

        found = (SPECTRAL, share("spectral_share", "spectral error over its bound", largest))
        mine = (share("error_share", "error over its bound", frobenius),) if self.power == 0 else ()
        return (*mine, *found, BELOW)

    def _spare(self, problem, rank: int) -> int:
        return max(4, min(self.oversampling, min(problem.matrix.shape) - rank))

    def claims(self, problem: DenseMatrix) -> tuple:
        about = dict(source="halko2011", assumes="a Gaussian test matrix; broken by one seed in 10⁶")
        found = [below_one("spectral_share", title="spectral error below its probabilistic bound", **about)]
        if self.power == 0:
            found.append(below_one("error_share", title="Frobenius error below its probabilistic bound", **about))
        return (*found, optimality())


def gaussian(seed: int, count: int, length: int) -> np.ndarray:
    """`count` Gaussian vectors, one a row: the first ones are the same for any larger count."""
    return np.random.default_rng(seed).standard_normal((count, length))
