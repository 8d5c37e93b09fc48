"""Orthogonalisation and diagonalisation by random pivots: one contraction for Jacobi, Cholesky, SVD and QR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, Exact
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, last
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.matrices.gram_matrix import GramMatrix, departure, of_a_triangle, potentials, second_order

STEPS = Stop(rtol=0.0, steps=2000)
FLOOR = 1e-9  # potential at which a repetition rests: below it rounding in B ∘ B⁻¹ shows
ENUMERATED = 1e-4  # potential from which on all pairs are tried: below it their mean is rounding
ERRORS = 5.0  # standard errors allowed
RARE = 100.0  # over the expected potential: seen in one seed of a hundred at most
DONE = Status("converged", "every repetition is diagonal to rounding", "Ask for a larger matrix or condition")


@dataclass(slots=True, kw_only=True)
class PivotState(State):
    """Repetitions of one algorithm: what they work on (R, n, n), the transformation of the first, their potentials.

    `seen`, `mean`, `spread`: number, sum and sum of squares of Γ'/Γ − (1 − p), a step's contraction against
    the exact one.
    """

    work_on: np.ndarray
    transform: np.ndarray
    gamma: np.ndarray
    potential: float
    rng: np.random.Generator
    seen: int = 0
    mean: float = 0.0
    spread: float = 0.0
    contraction: float = 0.0
    enumerated: float = float("nan")

    def solution(self) -> np.ndarray:
        return self.work_on[0]


@dataclass(frozen=True)
class RandomPivots(Method):
    """What the four share: k uniformly chosen columns are made orthogonal among themselves, by a T of the variant's.

    For any T that makes the block B_SS diagonal, E Γ(TᵀBT) = (1 − k(k − 1)/(n(n − 1))) Γ(B), Γ = tr(B ∘ B⁻¹) − n: only
    the traces over S change, to tr(B_SS (B⁻¹)_SS), whatever T is. A step is one pivot in each of the repetitions.
    """

    problems: ClassVar[tuple[type, ...]] = (GramMatrix,)
    monitors: ClassVar[tuple[str, ...]] = ("potential", "contraction")
    linear: ClassVar[tuple[str, ...]] = ("contraction",)
    one_sided: ClassVar[bool] = False
    what: ClassVar[str] = ""
    block: int = knob(2, 2, 20, symbol="k", doc="columns in a pivot")
    repetitions: int = knob(64, 1, 500, log=True, symbol="R", doc="independent repetitions that are averaged")
    seed: int = seed_knob("the pivots")

    def suits(self, problem) -> str:
        why = super().suits(problem)
        return why or ("" if self.block <= problem.n else f"a block of {self.block} needs as many columns")

    def factor(self, problem: GramMatrix) -> float:
        """1 − k(k − 1)/(n(n − 1))."""
        return 1 - self.block * (self.block - 1) / (problem.n * (problem.n - 1))

    def init(self, problem: GramMatrix) -> PivotState:
        given = problem.columns if self.one_sided else problem.gram
        gamma = potentials(problem.gram[None])[0]
        return PivotState(
            work_on=np.repeat(given[None], self.repetitions, axis=0),
            transform=np.eye(problem.n),
            gamma=np.repeat(gamma, self.repetitions),
            potential=float(gamma[0]),
            contraction=self.factor(problem),
            rng=np.random.default_rng(self.seed),
        )

    def step(self, problem: GramMatrix, state: PivotState) -> PivotState:
        state.k += 1
        awake = np.flatnonzero(state.gamma > FLOOR)
        draws = state.rng.random((self.repetitions, problem.n))
        chosen = np.sort(np.argpartition(draws, self.block - 1, axis=1)[:, : self.block], axis=1)
        self._pivot(state, awake, chosen[awake])
        gamma = np.maximum(potentials(self.grams(state.work_on[awake]))[0], 0.0)
        excess = gamma / state.gamma[awake] - self.factor(problem)
        state.seen += len(awake)
        state.mean += float(np.sum(excess))
        state.spread += float(np.sum(excess**2))
        state.contraction = state.mean / state.seen + self.factor(problem)
        state.gamma[awake] = gamma
        state.potential = float(np.mean(state.gamma))
        state.work.flops += len(awake) * 4.0 * problem.n * self.block**2
        if not np.any(state.gamma > FLOOR):
            state.status = DONE
        return state

    def grams(self, stack: np.ndarray) -> np.ndarray:
        """B of what is worked on."""
        return stack.transpose(0, 2, 1) @ stack if self.one_sided else stack

    def _pivot(self, state: PivotState, awake: np.ndarray, chosen: np.ndarray) -> None:
        """Columns (and rows, of B) of the chosen sets turned by T."""
        stack, every = state.work_on[awake], np.arange(len(awake))[:, None, None]
        rows = np.arange(stack.shape[1])[None, :, None]
        part = stack[every, rows, chosen[:, None, :]]
        if self.one_sided:
            turn = self.turns(part.transpose(0, 2, 1) @ part)
            stack[every, rows, chosen[:, None, :]] = part @ turn
        else:
            turn = self.turns(stack[every, chosen[:, :, None], chosen[:, None, :]])
            stack[every, rows, chosen[:, None, :]] = part @ turn
            across = stack[every, chosen[:, :, None], rows.transpose(0, 2, 1)]
            stack[every, chosen[:, :, None], rows.transpose(0, 2, 1)] = turn.transpose(0, 2, 1) @ across
            stack = (stack + stack.transpose(0, 2, 1)) / 2
        state.work_on[awake] = stack
        if len(awake) and awake[0] == 0:
            state.transform[:, chosen[0]] = state.transform[:, chosen[0]] @ turn[0]

    def turns(self, blocks: np.ndarray) -> np.ndarray:
        """T (R, k, k) with TᵀB_SS T diagonal."""
        raise NotImplementedError

    def answer(self, state: PivotState) -> np.ndarray:
        """What the first repetition has found so far: eigenvalues, singular values or a triangular factor."""
        raise NotImplementedError

    def expected(self, problem: GramMatrix) -> np.ndarray:
        """The same by LAPACK."""
        raise NotImplementedError

    def within(self, problem: GramMatrix, apart: float) -> float:
        """How far the answer is from LAPACK's at most, relative, where B is `apart` from diagonal (`departure`)."""
        raise NotImplementedError

    def measures(self, problem) -> tuple[Measure, ...]:
        def off(problem, state):
            spread = np.sqrt(max(state.spread, 1e-300))
            return abs(state.mean) / spread if state.seen else float("nan")

        def distance(problem, state):
            truth = self.expected(problem)
            return float(np.linalg.norm(self.answer(state) - truth) / np.linalg.norm(truth))

        def share(problem, state):
            rounding = problem.n * problem.condition * np.finfo(float).eps
            most = self.within(problem, departure(state.gamma[0] + rounding))
            return distance(problem, state) / (most + 10 * rounding)

        return (
            Measure("standard_errors", "contraction against theory", off, "standard errors", log=False),
            Measure("enumerated_gap", "mean over all pairs against theory", self._enumerated, "|mean Γ' − (1 − p)Γ|/Γ"),
            Measure("factor_error", self.what, distance, "relative to LAPACK's"),
            Measure("factor_share", f"{self.what}, over what the potential lets it be", share, log=False),
        )

    def _enumerated(self, problem: GramMatrix, state: PivotState) -> float:
        """Every pair pivoted in turn from where the first repetition stands, each tenth step: the mean is (1 − p) Γ."""
        if self.block != 2 or problem.n > 16 or state.k % 10 or state.gamma[0] < ENUMERATED:
            return float("nan")
        pairs = np.array([(i, j) for i in range(problem.n) for j in range(i + 1, problem.n)])
        trial = PivotState(
            work_on=np.repeat(state.work_on[:1], len(pairs), axis=0),
            transform=np.eye(problem.n),
            gamma=np.ones(len(pairs)),
            potential=0.0,
            rng=None,
        )
        self._pivot(trial, np.arange(len(pairs)), pairs)
        after = np.mean(potentials(self.grams(trial.work_on))[0])
        return float(abs(after - self.factor(problem) * state.gamma[0]) / state.gamma[0])

    def claims(self, problem: GramMatrix) -> tuple:
        near = Exact(
            measure="factor_share",
            tol=1.0,
            always=True,
            title="it comes to LAPACK's factor as the potential goes to zero",
            assumes="B positive definite; |DBD − I|² ≤ |DBD| Γ, D for a unit diagonal; judged for Γ ≤ 0.15 where T is "
            "triangular",
            source="detherage2025",
            stop=STEPS,
        )
        if potentials(problem.gram[None])[0][0] <= FLOOR:  # diagonal from the start: nothing to contract
            return ()
        if self.block == problem.n:
            title = "all columns at once: one pivot is the whole factorisation"
            return (near, Exact(measure="potential", tol=FLOOR, title=title, source="detherage2025", stop=STEPS))
        return (*self._contracts(problem), near)

    def _contracts(self, problem: GramMatrix) -> tuple:
        """What is known of the mean, and of all pairs together."""
        about = dict(source="detherage2025", stop=STEPS, assumes="blocks drawn uniformly; B positive definite")
        found = (
            Bound(
                measure="standard_errors",
                curve=lambda k, values: np.full(len(k), ERRORS),
                title="the mean contraction is 1 − k(k − 1)/(n(n − 1)), within five standard errors",
                **about,
            ),
            self._bounded(problem, **about),
        )
        if self.block != 2 or problem.n > 16 or potentials(problem.gram[None])[0][0] < ENUMERATED:
            return found
        exact = "the mean over all pairs is exact to rounding"
        return (*found, Exact(measure="enumerated_gap", tol=1e-8, always=True, title=exact, **about))

    def _bounded(self, problem: GramMatrix, **about) -> Bound:
        """Γ_t/(1 − p)^t is a non-negative martingale: by Ville's inequality it ever exceeds c times its start with
        probability 1/c at most. A slope fitted to the mean would be that of the few slowest repetitions.
        """
        rate = self.factor(problem)
        return Bound(
            measure="potential",
            curve=lambda k, values: RARE * values[0] * rate**k,
            floor=FLOOR,
            title=f"the mean potential stays below {RARE:g} times its mean: not so in 1 % of seeds",
            **about,
        )


@dataclass(frozen=True)
class RandomJacobi(RandomPivots):
    """Eigenvalues of B: T orthogonal, the eigenvectors of the block. Jacobi's method with uniformly random pivots.

    E Γ contracts by 1 − k(k − 1)/(n(n − 1)) a pivot exactly; most runs end faster: late convergence is quadratic.
    Reference: I. Detherage, R. Shah, arXiv:2505.02023 (2025), corollary 4.1; C. G. J. Jacobi, J. reine angew. Math. 30
    (1846) 51–94.
    """

    title: ClassVar[str] = "random Jacobi (eigenvalues)"
    sources: ClassVar[tuple[str, ...]] = ("detherage2025",)
    what: ClassVar[str] = "error of the eigenvalues"

    def turns(self, blocks):
        return np.linalg.eigh(blocks)[1]

    def answer(self, state):
        return np.sort(np.diag(state.work_on[0]))

    def expected(self, problem):
        return np.linalg.eigvalsh(problem.gram)

    def within(self, problem, apart):
        return min(apart, second_order(problem, apart))


@dataclass(frozen=True)
class RandomOneSidedJacobi(RandomPivots):
    """Singular values of A: columns turned by orthogonal T until they are orthogonal; B = AᵀA is never formed whole.

    Reference: I. Detherage, R. Shah, arXiv:2505.02023 (2025), corollary 4.1; M. R. Hestenes, J. SIAM 6 (1958) 51–90.
    """

    title: ClassVar[str] = "random one-sided Jacobi (SVD)"
    sources: ClassVar[tuple[str, ...]] = ("detherage2025",)
    one_sided: ClassVar[bool] = True
    what: ClassVar[str] = "error of the singular values"

    def turns(self, blocks):
        return np.linalg.eigh(blocks)[1]

    def answer(self, state):
        return np.sort(np.linalg.norm(state.work_on[0], axis=0))

    def expected(self, problem):
        return np.sort(np.linalg.svd(problem.columns, compute_uv=False))

    def within(self, problem, apart):
        return min(apart, np.sqrt(problem.condition) * second_order(problem, apart))


def triangular(blocks: np.ndarray) -> np.ndarray:
    """R⁻¹ of Cholesky's B_SS = RᵀR, upper triangular: Gram–Schmidt within the block, in the order of the columns."""
    return np.linalg.inv(np.linalg.cholesky(blocks)).transpose(0, 2, 1)


@dataclass(frozen=True)
class RandomCholesky(RandomPivots):
    """Cholesky's B = RᵀR: T upper triangular, R⁻¹ of the block; the product of all T tends to R⁻¹.

    Reference: I. Detherage, R. Shah, arXiv:2505.02023 (2025), corollary 4.1.
    """

    title: ClassVar[str] = "random elimination (Cholesky)"
    sources: ClassVar[tuple[str, ...]] = ("detherage2025",)
    what: ClassVar[str] = "error of the Cholesky factor"

    def turns(self, blocks):
        return triangular(blocks)

    def answer(self, state):
        length = np.sqrt(np.diag(state.work_on[0]))
        return np.diag(length) @ np.linalg.inv(state.transform)

    def expected(self, problem):
        return np.linalg.cholesky(problem.gram).T

    def within(self, problem, apart):
        return of_a_triangle(apart)


@dataclass(frozen=True)
class RandomGramSchmidt(RandomPivots):
    """A = QR: the chosen columns are made orthonormal among themselves in their order, again and again: A tends to Q.

    Reference: I. Detherage, R. Shah, arXiv:2505.02023 (2025), corollary 4.1.
    """

    title: ClassVar[str] = "random Gram–Schmidt (QR)"
    sources: ClassVar[tuple[str, ...]] = ("detherage2025",)
    one_sided: ClassVar[bool] = True
    what: ClassVar[str] = "error of Q"

    def turns(self, blocks):
        return triangular(blocks)

    def answer(self, state):
        return state.work_on[0] / np.linalg.norm(state.work_on[0], axis=0)

    def expected(self, problem):
        q, r = np.linalg.qr(problem.columns)
        return q * np.where(np.diag(r) < 0, -1.0, 1.0)

    def within(self, problem, apart):
        return of_a_triangle(apart)


def cosines(problem, state):
    """B scaled to a unit diagonal, of the first repetition: cosines between the columns."""
    now = state.work_on[0]
    B = now if np.array_equal(now, now.T) else now.T @ now
    length = np.sqrt(np.diag(B))
    return {"z": (B / length / length[:, None])[::-1]}


CASES = (GramMatrix(n=6, condition=20.0), GramMatrix(n=9, condition=100.0))

PICTURES = (Picture("cosines", "cosines between columns, first repetition", "image", cosines, of=PivotState),)

EXPERIMENTS = (
    Experiment(
        "random-pivots",
        "Random pivots",
        "Four factorisations pivot at random: do their potentials really shrink by one and the same factor on average?",
        GramMatrix(),
        (RandomJacobi(), RandomOneSidedJacobi(), RandomCholesky(), RandomGramSchmidt()),
        STEPS,
        measure="potential",
        picture="cosines",
        predict=Guess(
            "Two of eight columns, drawn at random, are made orthogonal to each other. By which factor does the"
            " potential shrink on average?",
            truth=last("contraction"),
            theory=lambda runs: runs[0].method.factor(runs[0].problem),
            low=0.8,
            high=1.0,
            log=False,
            close=1.05,
        ),
        why=r"The potential $\Gamma = \operatorname{tr}(B \circ B^{-1}) - n$ is zero for diagonal matrices and for no"
        r" others. A pivot makes $k$ of the $n$ columns orthogonal among themselves, and the mean of $\Gamma$ over all"
        r" choices of columns shrinks by one exact factor, whatever transformation $T$ does it: so Jacobi, Cholesky,"
        r" the SVD and Gram–Schmidt share it. A single run is luckier or unluckier, and the few slowest of them make"
        r" the mean: that is why the dashed curve lies a hundred times above what is expected, where one seed in a"
        r" hundred at most reaches it.",
        formula=r"\mathbb{E}\, \Gamma(T^{T} B T) = \Big(1 - \frac{k(k-1)}{n(n-1)}\Big)\, \Gamma(B)",
        level=3,
        minutes=8,
        then="recovery-photograph",
    ),
)
