"""Tucker decompositions: the HOSVD, sequentially truncated, and refined by orthogonal iteration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, Exact, monotone
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, last
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.tensors.multilinear import leading, projected, st_hosvd, times, tucker_full
from toolkit.rank.tensors.problems import Potential, TensorProblem

LAST_RANK = Status("converged", "the last multilinear rank is done", "Raise `rank` to go on")
SETTLED = Status("converged", "a sweep changes the error by less than rounding", "")
RANKS = Stop(rtol=0.0, steps=40)
RESOLVED = 1e-11
SQUARED = 1e-6  # tails that Gram matrices tell: they hold squares


@dataclass(slots=True, kw_only=True)
class TuckerState(State):
    """Core and orthonormal factors, the relative error, the numbers kept, the norms cut off (where known)."""

    core: np.ndarray
    factors: list
    error: float = 0.0
    unknowns: float = 0.0
    discarded: float = math.nan

    @property
    def ranks(self) -> tuple[int, ...]:
        """The multilinear rank."""
        return self.core.shape

    def solution(self) -> np.ndarray:
        return tucker_full(self.core, self.factors)


def parameters(shape, ranks) -> float:
    """Numbers in a Tucker decomposition: ∏ r_k + Σ n_k r_k."""
    return float(math.prod(ranks) + sum(n * r for n, r in zip(shape, ranks)))


class TuckerMethod(Method):
    """Base of the three: what they have in common."""

    monitors: ClassVar[tuple[str, ...]] = ("error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    problems: ClassVar[tuple[type, ...]] = (TensorProblem,)

    def suits(self, problem) -> str:
        refused = super().suits(problem)
        if not refused and self.rank > max(problem.shape):
            return f"its rank {self.rank} is above every dimension of {problem.shape}"
        return refused

    def measures(self, problem) -> tuple[Measure, ...]:
        return (QUASI, TAIL)

    def quasi_optimal(self, problem, source: str, resolved: float = RESOLVED, ranks=None) -> tuple:
        """Error ≤ √d times the best one, which is no smaller than any mode's tail; nothing where that is rounding."""
        factor = math.sqrt(problem.data.ndim)
        visited = range(1, self.rank + 1) if ranks is None else ranks
        if sum(bool(problem.tails(problem.clipped(r)).max() > resolved) for r in visited) < 2:
            return ()
        bound = Bound(
            measure="quasi",
            curve=lambda k, v: np.full(len(k), factor),
            title=f"at most √{problem.data.ndim} times the best of its multilinear rank",
            assumes="any tensor; judged where the tails are above rounding",
            source=source,
            stop=RANKS,
        )
        return (bound,)


@dataclass(frozen=True)
class Hosvd(TuckerMethod):
    """The truncated higher-order SVD; a step raises the multilinear rank by one.

    Factors are the leading left singular vectors of the unfoldings, the core the tensor projected on them. The error is
    the norm of the entries of the whole core that are left out, at most √Σ_k Σ_{i>r_k} σ_i^{(k)2} ≤ √d · best. A step
    costs a pass over the core. Not the best: a mode does not know what others have cut.
    Reference: L. De Lathauwer, B. De Moor, J. Vandewalle, SIAM J. Matrix Anal. Appl. 21 (2000) 1253–1278,
    doi:10.1137/S0895479896305696, Property 10 and eq. (24).
    """

    title: ClassVar[str] = "HOSVD"
    sources: ClassVar[tuple[str, ...]] = ("delathauwer2000",)
    rank: int = knob(6, 1, 64, symbol="r", doc="largest multilinear rank, the same in all modes")

    def init(self, problem: TensorProblem) -> TuckerState:
        return self._cut(problem, TuckerState(core=np.empty(0), factors=[]))

    def step(self, problem: TensorProblem, state: TuckerState) -> TuckerState:
        state.k += 1
        return self._cut(problem, state)

    def _cut(self, problem, state):
        ranks = problem.clipped(min(state.k + 1, self.rank))
        state.factors = [np.ascontiguousarray(left[:, :r]) for (left, _), r in zip(problem.modes, ranks)]
        rest = problem.whole_core.copy()
        kept = tuple(slice(0, r) for r in ranks)
        state.core = rest[kept].copy()
        rest[kept] = 0.0
        state.error = float(np.linalg.norm(rest)) / problem.norm
        return _counted(problem, state, self.rank)

    def claims(self, problem: TensorProblem) -> tuple:
        most = max(problem.shape)

        def tails(k, v):
            ranks = [problem.clipped(min(int(one) + 1, self.rank, most)) for one in k]
            return np.array([np.linalg.norm(problem.tails(one)) for one in ranks])

        return (
            Bound(
                measure="error",
                curve=tails,
                floor=1e-13,
                title="no more than the singular tails of all modes together",
                assumes="any tensor",
                source="delathauwer2000",
                stop=RANKS,
            ),
            *self.quasi_optimal(problem, "delathauwer2000"),
        )


@dataclass(frozen=True)
class SequentialHosvd(TuckerMethod):
    """The sequentially truncated HOSVD; a step raises the multilinear rank by one.

    Each mode is cut before the next unfolding is decomposed: cheaper, and ‖T − X‖² = Σ_k (norm cut off at mode k)²
    exactly, each at most that mode's tail. A step costs d singular value decompositions, the first of the whole tensor.
    `by` gram finds the vectors from T_(k) T_(k)ᵀ: about ten times faster, blind below √ε of the largest value.
    Reference: N. Vannieuwenhoven, R. Vandebril, K. Meerbergen, SIAM J. Sci. Comput. 34 (2012) A1027–A1052,
    doi:10.1137/110836067, Algorithm 1, Theorem 5.1.
    """

    title: ClassVar[str] = "ST-HOSVD"
    sources: ClassVar[tuple[str, ...]] = ("vannieuwenhoven2012",)
    rank: int = knob(6, 1, 64, symbol="r", doc="largest multilinear rank, the same in all modes")
    by: str = knob("svd", choices=("svd", "gram"), doc="how singular vectors are found")

    def init(self, problem: TensorProblem) -> TuckerState:
        return self._cut(problem, TuckerState(core=np.empty(0), factors=[]))

    def step(self, problem: TensorProblem, state: TuckerState) -> TuckerState:
        state.k += 1
        return self._cut(problem, state)

    def _cut(self, problem, state):
        ranks = problem.clipped(min(state.k + 1, self.rank))
        state.core, state.factors, discarded = st_hosvd(problem.data, ranks, self.by)
        state.discarded = float(np.linalg.norm(discarded)) / problem.norm
        state.error = problem.distance(state.solution())
        return _counted(problem, state, self.rank)

    def claims(self, problem: TensorProblem) -> tuple:
        if self.by == "gram":
            return self.quasi_optimal(problem, "vannieuwenhoven2012", SQUARED)
        return (
            Exact(
                measure="identity_gap",
                tol=1e-12,
                always=True,
                title="the error is what was cut off, by Pythagoras",
                assumes="any tensor",
                source="vannieuwenhoven2012",
                stop=RANKS,
            ),
            *self.quasi_optimal(problem, "vannieuwenhoven2012"),
        )

    def measures(self, problem) -> tuple[Measure, ...]:
        quasi = QUASI if self.by == "svd" else quasi_measure(SQUARED)
        return quasi, TAIL, IDENTITY


@dataclass(frozen=True)
class Hooi(TuckerMethod):
    """Higher-order orthogonal iteration (Tucker-ALS): a sweep improves each factor given the others.

    U_k ← leading left singular vectors of the k-th unfolding of T ×_{j≠k} U_jᵀ. Starts from the ST-HOSVD, or at random;
    the error never grows; the limit is stationary, not always the best. A sweep costs d projections, O(d r N).
    Reference: L. De Lathauwer, B. De Moor, J. Vandewalle, SIAM J. Matrix Anal. Appl. 21 (2000) 1324–1342,
    doi:10.1137/S0895479898346995, Algorithm 4.2; P. Kroonenberg, J. De Leeuw, Psychometrika 45 (1980) 69–97.
    """

    title: ClassVar[str] = "HOOI"
    sources: ClassVar[tuple[str, ...]] = ("delathauwer2000best", "vannieuwenhoven2012")
    scales: ClassVar[tuple[str, ...]] = ()
    rank: int = knob(4, 1, 64, symbol="r", doc="multilinear rank, the same in all modes")
    start: str = knob("ST-HOSVD", choices=("ST-HOSVD", "random"), doc="the factors to begin with")
    seed: int = seed_knob("the random start")

    def init(self, problem: TensorProblem) -> TuckerState:
        ranks = problem.clipped(self.rank)
        if self.start == "random":
            rng = np.random.default_rng(self.seed)
            drawn = [np.linalg.qr(rng.standard_normal((n, r)))[0] for n, r in zip(problem.shape, ranks)]
            core, factors = projected(problem.data, drawn), drawn
        else:
            core, factors, _ = st_hosvd(problem.data, ranks)
        state = TuckerState(core=core, factors=factors)
        state.error = problem.distance(state.solution())
        return _counted(problem, state, math.inf)

    def step(self, problem: TensorProblem, state: TuckerState) -> TuckerState:
        state.k += 1
        ranks = problem.clipped(self.rank)
        state.factors = list(state.factors)
        for mode, rank in enumerate(ranks):
            part = projected(problem.data, state.factors, skip=mode)
            state.factors[mode] = leading(part, mode, rank)[0]
        state.core = times(part, state.factors[-1].T, len(ranks) - 1)
        before, state.error = state.error, problem.distance(state.solution())
        if abs(before - state.error) <= 1e-14:
            state.status = SETTLED
        return _counted(problem, state, math.inf)

    def claims(self, problem: TensorProblem) -> tuple:
        about = dict(source="delathauwer2000best", assumes="any tensor", title="the error never grows", stop=RANKS)
        if self.start == "random" or max(problem.tails(problem.clipped(self.rank))) <= RESOLVED:
            return (monotone("error", floor=1e-13, **about),)
        same = [self.rank] * 2  # at every sweep
        return monotone("error", floor=1e-13, **about), *self.quasi_optimal(problem, "vannieuwenhoven2012", ranks=same)


def _counted(problem, state, last):
    state.unknowns = parameters(problem.shape, state.ranks)
    state.work.flops += 2.0 * problem.data.size * sum(state.ranks)
    if state.k + 1 >= last and state.k:
        state.status = LAST_RANK
    return state


def _tail(problem, state) -> float:
    return float(np.max(problem.tails(state.ranks)))


TAIL = Measure(
    "mode_tail",
    "no approximation is better",
    _tail,
    "max_k ‖σ^{(k)}_{>r}‖ / ‖T‖",
    doc="the largest singular tail of a mode: a lower bound of the error of any tensor of this multilinear rank",
)


def quasi_measure(resolved: float) -> Measure:
    """Error over the largest tail of a mode, where that is above `resolved`."""

    def of(problem, state) -> float:
        least = _tail(problem, state)
        return state.error / least if least > resolved else math.nan

    doc = "one: the best of its multilinear rank; at most √d by theory"
    symbol = "‖T − X‖ / max_k ‖σ^{(k)}_{>r}‖"
    return Measure("quasi", "error over the lower bound of the best", of, symbol, log=False, doc=doc)


QUASI = quasi_measure(RESOLVED)
IDENTITY = Measure(
    "identity_gap",
    "error against what was cut off",
    lambda problem, state: abs(state.error - state.discarded),
    "| ‖T − X‖ − √Σ_k δ_k² | / ‖T‖",
    doc="Pythagoras: the two are the same number",
)


def core_block(problem, state):
    """log₁₀ |core| of the first slices, side by side."""
    slices = state.core.reshape(state.core.shape[0], state.core.shape[1], -1)
    top = np.abs(slices).max() or 1.0
    count = min(3, slices.shape[2])
    return {f"slice {j + 1}": np.log10(np.abs(slices[:, :, j]) / top + 1e-12) for j in range(count)}


def _two_tails(problem, state) -> bool:
    """Whether every unfolding has three singular values or more, which is two tails at least."""
    return min(min(n, problem.data.size // n) for n in problem.shape) > 2


def singular_tails(problem, state):
    """Relative tails of every mode against the rank."""
    count = min(len(values) for _, values in problem.modes)
    lines = {
        f"mode {k + 1}": np.array([problem.tails((r,) * 9)[k] for r in range(1, count)]) + 1e-17
        for k in range(problem.data.ndim)
    }
    return {"x": np.arange(1, count), **lines}


EXPERIMENTS = (
    Experiment(
        "core-width",
        "How wide must the core be?",
        "Raise the multilinear rank: is the error within √3 of the best, and are the cheaper cuts any worse?",
        Potential(),
        (Hosvd(rank=16), SequentialHosvd(rank=16)),
        RANKS,
        measure="error",
        against="unknowns",
        picture="tensor-slice",
        predict=Guess(
            "How far above the least possible error is the HOSVD in the end, at most? Its error is compared with a"
            " number that no Tucker tensor of its ranks can go below.",
            truth=last("quasi"),
            theory=lambda runs: float(np.sqrt(runs[0].problem.data.ndim)),
            limit=True,
            unit="times",
            low=1.0,
            high=3.0,
            log=False,
            close=1.1,
        ),
        why=r"Each mode is cut to the $r$ leading singular vectors of its unfolding, without regard to the other"
        r" modes; what all the cuts lose together is, in squares, at most the sum of their tails. None of these tails"
        r" can be larger than the error of the best tensor of that rank, and there are $d = 3$ of them: hence $\sqrt"
        r" 3$. The sequential HOSVD cuts each mode before it looks at the next, which is cheaper; it has the same"
        r" bound, and its curve lies on the other.",
        formula=r"\|T - X\| \le \Big(\sum_{k=1}^{d} \sum_{i>r_k} \big(\sigma_i^{(k)}\big)^2\Big)^{1/2} \le \sqrt d\;"
        r" \|T - X_{\text{best}}\|",
        level=2,
        minutes=6,
        then="core-budget",
    ),
)

PICTURES = (
    Picture(
        "core-block",
        "log₁₀ |core|, first slices",
        "images",
        core_block,
        of=TuckerState,
        when=lambda problem, state: state.core.ndim >= 3,
    ),
    Picture(
        "mode-tails",
        "singular tails of the modes",
        "lines",
        singular_tails,
        x="multilinear rank",
        log=True,
        of=TuckerState,
        when=_two_tails,
    ),
)
