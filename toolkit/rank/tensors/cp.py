"""Canonical polyadic decomposition by alternating least squares, a sweep from two products with the whole tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, monotone
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment
from toolkit.core.method import Method
from toolkit.core.prediction import YES_NO, Pick, whether
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.kernels.dense import tensor as kernels
from toolkit.rank.tensors.multilinear import cp_full, kruskal_limit
from toolkit.rank.tensors.problems import PlantedTensor, TensorProblem

SWEEPS = Stop(rtol=0.0, steps=60)
FITTED = Status("converged", "the tensor is fitted to rounding", "Nothing is left; fewer components may do")
PARALLEL = Status(
    "stagnated",
    "rounding outweighs what a sweep gains: some components are parallel",
    "Fewer components fit as well, or try another seed",
)
ROUNDING = 1e-14
RISE = 1e-10  # of the error in a sweep: none in exact arithmetic
CANCELS = 1e-5  # below this relative error the inner products of the cheap formula leave too few digits


@dataclass(slots=True, kw_only=True)
class CpState(State):
    """Weights (R,), factors with unit columns (n_k, R), their Gram matrices, the relative error."""

    weights: np.ndarray
    factors: list
    error: float

    def solution(self) -> np.ndarray:
        return cp_full(self.weights, self.factors)


def from_block(block: np.ndarray, factors, mode: int) -> np.ndarray:
    """Σ over all modes but one of block[…, r] ∏ factor[·, r]: block (n₁, …, n_q, R), result (n_mode, R)."""
    rank = block.shape[-1]
    for later in range(block.ndim - 2, mode, -1):
        block = kernels.contract_last(block.reshape(-1, len(factors[later]), rank), factors[later])
    for earlier in range(mode):
        block = kernels.contract_first(block.reshape(len(factors[earlier]), -1, rank), factors[earlier])
    return block.reshape(-1, rank)


def joined(factors) -> np.ndarray:
    """The Khatri–Rao product of some factors, first index slowest."""
    found = factors[0]
    for factor in factors[1:]:
        found = kernels.khatri_rao(found, factor)
    return np.ascontiguousarray(found)


def updated(product: np.ndarray, grams: list, mode: int) -> np.ndarray:
    """The least-squares factor: product (∏_{j≠mode} G_j)⁺."""
    others = np.prod([gram for j, gram in enumerate(grams) if j != mode], axis=0)
    return product @ np.linalg.pinv(others, hermitian=True, rcond=1e-14)


def sweep(tensor: np.ndarray, factors: list, grams: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All factors once, in order, in place: (weights, last product, last factor before it was scaled).

    A dimension tree of two leaves: the modes are split in a first and a second half. The tensor meets the second half's
    factors once, which serves all updates of the first half, and then the first half's new ones: two products with the
    whole tensor for any number of modes, where one for every mode is usual. The updates are those of plain ALS.
    """
    half, shape = tensor.ndim // 2, tensor.shape
    matrix = tensor.reshape(math.prod(shape[:half]), -1)
    for first, last in ((0, half), (half, tensor.ndim)):
        others = joined(factors[half:] if first == 0 else factors[:half])
        block = (matrix if first == 0 else matrix.T) @ others
        block = block.reshape(*shape[first:last], -1)
        for mode in range(first, last):
            product = from_block(block, factors[first:last], mode - first)
            fresh = updated(product, grams, mode)
            weights = np.linalg.norm(fresh, axis=0)
            factors[mode] = fresh / np.where(weights > 0, weights, 1.0)
            grams[mode] = factors[mode].T @ factors[mode]
    return weights, product, fresh


def misfit(problem: TensorProblem, weights, factors, grams, product, fresh) -> float:
    """Relative error from what a sweep has left; directly where ‖T‖² − 2⟨T, X⟩ + ‖X‖² would cancel."""
    square = weights @ np.prod(grams, axis=0) @ weights
    left = (problem.norm**2 - 2 * np.sum(product * fresh) + square) / problem.norm**2
    return math.sqrt(left) if left > CANCELS**2 else problem.distance(cp_full(weights, factors))


@dataclass(frozen=True)
class CpAls(Method):
    """CP decomposition T ≈ Σ_r w_r a_r ∘ b_r ∘ c_r by alternating least squares; a step is a sweep over all modes.

    A_k ← T_(k) (⊙_{j≠k} A_j) (∗_{j≠k} A_jᵀA_j)⁺. The error never grows; it may stand still for long where components
    are nearly parallel, or end in a local minimum: another seed helps. Where there are components to spare they become
    parallel to rounding: the run ends before a sweep would raise the error. Two products with the tensor a sweep
    (dimension tree), O(R N). From the R leading singular vectors of each mode or at random.
    Reference: T. G. Kolda, B. W. Bader, SIAM Rev. 51 (2009) 455–500, doi:10.1137/07070111X, Figure 3.3; A.-H. Phan,
    P. Tichavský, A. Cichocki, IEEE Trans. Signal Process. 61 (2013) 4834–4846, doi:10.1109/TSP.2013.2269903, Sec. III.
    """

    title: ClassVar[str] = "CP-ALS"
    sources: ClassVar[tuple[str, ...]] = ("kolda2009", "phan2013")
    monitors: ClassVar[tuple[str, ...]] = ("error",)
    problems: ClassVar[tuple[type, ...]] = (TensorProblem,)
    rank: int = knob(4, 1, 60, symbol="R", doc="number of components")
    start: str = knob("random", choices=("random", "singular vectors"), doc="the factors to begin with")
    seed: int = seed_knob("random factors")

    def suits(self, problem) -> str:
        refused = super().suits(problem)
        if not refused and self.rank > problem.data.size // max(problem.shape):
            return f"its rank {self.rank} is above that of any tensor of shape {problem.shape}"
        return refused

    def init(self, problem: TensorProblem) -> CpState:
        rng = np.random.default_rng(self.seed)
        factors = [rng.standard_normal((n, self.rank)) for n in problem.shape]
        if self.start == "singular vectors":
            for factor, (left, _) in zip(factors, problem.modes):
                some = min(self.rank, left.shape[1])
                factor[:, :some] = left[:, :some]
        factors = [factor / np.linalg.norm(factor, axis=0) for factor in factors]
        return CpState(weights=np.zeros(self.rank), factors=factors, error=problem.distance(0.0))

    def step(self, problem: TensorProblem, state: CpState) -> CpState:
        state.k += 1
        before = state.weights, state.factors, state.error
        state.factors = list(state.factors)
        grams = [factor.T @ factor for factor in state.factors]
        state.weights, product, fresh = sweep(problem.data, state.factors, grams)
        state.error = misfit(problem, state.weights, state.factors, grams, product, fresh)
        state.work.flops += 4.0 * problem.data.size * self.rank
        if not state.error <= before[2] + RISE:
            state.weights, state.factors, state.error = before
            state.status = PARALLEL
        elif state.error <= ROUNDING:
            state.status = FITTED
        return state

    def claims(self, problem: TensorProblem) -> tuple:
        about = dict(source="kolda2009", assumes="any tensor", stop=SWEEPS)
        return (
            monotone("error", floor=1e-9, title="no sweep raises the error", **about),
            Exact(
                measure="error_gap",
                tol=1e-9,
                always=True,
                title="the error from inner products is the error",
                **about,
            ),
        )

    def measures(self, problem) -> tuple[Measure, ...]:
        own = (ERROR_GAP, CONGRUENCE)
        unique = problem.rank_one_terms and self.rank <= kruskal_limit(problem.shape)
        return (*own, COMPONENTS) if unique else own


def _congruence(problem, state) -> float:
    """The largest cosine of two components."""
    if len(state.weights) < 2:
        return 0.0
    cosines = np.prod([factor.T @ factor for factor in state.factors], axis=0)
    return float(np.max(np.abs(cosines - np.diag(np.diag(cosines)))))


def _component_error(problem, state) -> float:
    found = problem.component_error(state.factors)
    return found if math.isfinite(found) else math.nan


ERROR_GAP = Measure(
    "error_gap",
    "error as monitored against error computed",
    lambda problem, state: abs(state.error - problem.distance(state.solution())),
    "| e − ‖T − X‖/‖T‖ |",
    doc="zero but for rounding: the monitored error is that of the whole tensor",
)
CONGRUENCE = Measure(
    "congruence",
    "largest cosine of two components",
    _congruence,
    "max |cos(x_r, x_s)|",
    log=False,
    doc="near one: components are nearly parallel, the sweep crawls",
)
COMPONENTS = Measure(
    "component_error",
    "distance of the planted components",
    _component_error,
    "max_r min_± ‖a_r ∓ â_r‖",
    doc="in the best matching; not defined while fewer components are there than were planted",
)


def all_there(runs) -> bool:
    """Whether every run converged."""
    return all(run.status.kind == "converged" for run in runs)


EXPERIMENTS = (
    Experiment(
        "als-sweeps",
        "ALS sweeps",
        "Three random starts and one from singular vectors: does the start decide where the sweeps end, or how soon"
        " only?",
        PlantedTensor(rank=5, n=20),
        (*(CpAls(rank=5, seed=one) for one in (1, 2, 15)), CpAls(rank=5, start="singular vectors")),
        Stop(rtol=1e-13, steps=300),
        measure="error",
        picture="component-match",
        predict=Pick(
            "Do all four starts come to the planted tensor, to rounding?",
            truth=whether(all_there),
            options=YES_NO,
        ),
        why=r"A sweep solves a linear least-squares problem for one mode after another, so the error never grows; that"
        r" it goes to zero nobody promises. At first several components compete for one direction and the curves are"
        r" nearly flat; once each has its own, the error falls by about one factor a sweep. The planted components are"
        r" unique by Kruskal's condition, so a start that comes to rounding has found them: the picture then has one"
        r" bright place in every row.",
        formula=r"A_k \leftarrow T_{(k)} \Big(\bigodot_{j \ne k} A_j\Big) \Big(\mathop{\ast}_{j \ne k} A_j^{T}"
        r" A_j\Big)^{+}",
        level=2,
        minutes=6,
        then="thirty-directions",
    ),
)
