"""Tensor trains: by singular value decompositions of the whole tensor, and by crosses of few of its entries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, Exact
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Guess
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.tensors.multilinear import maxvol, mode_svd, tt_full
from toolkit.rank.tensors.problems import GridFunction, TensorProblem

LAST_RANK = Status("converged", "the last rank is done", "Raise `rank` to go on")
SETTLED = Status("converged", "two half sweeps have chosen the same fibres", "Raise `rank` for a smaller error")
RANKS = Stop(rtol=0.0, steps=60)
RESOLVED = 1e-11


@dataclass(slots=True, kw_only=True)
class TrainState(State):
    """Cores (r, n, r'), the relative error, numbers kept, entries of the tensor that were looked at, norms cut off.

    left, right: the crosses' rows and columns, multi-indices (r, k) for every cut; empty for decompositions by SVD.
    """

    cores: list
    left: list
    right: list
    error: float = 0.0
    unknowns: float = 0.0
    entries: float = 0.0
    discarded: float = math.nan

    @property
    def ranks(self) -> tuple[int, ...]:
        """Ranks of the cuts."""
        return tuple(core.shape[2] for core in self.cores[:-1])

    def solution(self) -> np.ndarray:
        return tt_full(self.cores)


class TrainMethod(Method):
    """Base: trains of any tensor."""

    monitors: ClassVar[tuple[str, ...]] = ("error", "unknowns", "entries")
    scales: ClassVar[tuple[str, ...]] = ("unknowns", "entries")
    problems: ClassVar[tuple[type, ...]] = (TensorProblem,)

    def suits(self, problem) -> str:
        refused = super().suits(problem)
        half = problem.data.ndim // 2 if not refused else 0
        if not refused and self.rank > min(math.prod(problem.shape[:half]), math.prod(problem.shape[half:])):
            return f"its rank {self.rank} is above that of every cut of {problem.shape}"
        return refused

    def measures(self, problem) -> tuple[Measure, ...]:
        return CUT_TAIL, TRAIN_QUASI


def cut_ranks(shape, rank: int) -> tuple[int, ...]:
    """The ranks of the cuts, `rank` at most and no larger than the unfoldings allow."""
    cuts = range(1, len(shape))
    return tuple(min(rank, math.prod(shape[:k]), math.prod(shape[k:])) for k in cuts)


def best_cuts(problem: TensorProblem, ranks) -> np.ndarray:
    """Relative errors of the best approximations of every unfolding at these ranks."""
    return np.array([gap[min(rank, len(gap) - 1)] for gap, rank in zip(problem.gaps, ranks)])


@dataclass(frozen=True)
class TrainSvd(TrainMethod):
    """TT-SVD: T(i₁ … i_d) ≈ G₁(i₁) ⋯ G_d(i_d); a step raises the largest rank by one.

    Cut by cut the matrix (r_{k−1} n_k) × rest is decomposed and its leading singular vectors kept. ‖T − X‖² is the sum
    of what the cuts lose, at most Σ_k ε_k² with ε_k the tail of the k-th unfolding of T, so at most d − 1 times that of
    the best train. A step costs d − 1 decompositions, O(N n r) for N entries: the tensor must be there as a whole.
    Reference: I. V. Oseledets, SIAM J. Sci. Comput. 33 (2011) 2295–2317, doi:10.1137/090752286, Algorithm 1,
    Theorem 2.2 and Corollary 2.4.
    """

    title: ClassVar[str] = "TT-SVD"
    sources: ClassVar[tuple[str, ...]] = ("oseledets2011",)
    rank: int = knob(6, 1, 40, symbol="r", doc="largest rank of a cut")

    def init(self, problem: TensorProblem) -> TrainState:
        return self._cut(problem, TrainState(cores=[], left=[], right=[]))

    def step(self, problem: TensorProblem, state: TrainState) -> TrainState:
        state.k += 1
        return self._cut(problem, state)

    def _cut(self, problem, state):
        shape, rest, lost, before = problem.shape, problem.data, 0.0, 1
        state.cores = []
        for n, most in zip(shape, cut_ranks(shape, min(state.k + 1, self.rank))):
            rest = rest.reshape(before * n, -1)
            vectors, values = mode_svd(rest, 0)
            kept = min(most, vectors.shape[1])
            vectors = np.ascontiguousarray(vectors[:, :kept])
            lost += float(np.sum(values[kept:] ** 2))
            state.cores.append(vectors.reshape(before, n, kept))
            rest, before = vectors.T @ rest, kept
        state.cores.append(rest.reshape(before, shape[-1], 1))
        state.discarded = math.sqrt(lost) / problem.norm
        state.entries = float(problem.data.size)
        state.work.flops += 2.0 * problem.data.size * shape[0]
        if state.k and state.k + 1 >= self.rank:
            state.status = LAST_RANK
        return _looked(problem, state)

    def claims(self, problem: TensorProblem) -> tuple:
        shape, factor = problem.shape, math.sqrt(problem.data.ndim - 1)
        about = dict(source="oseledets2011", assumes="any tensor", stop=RANKS)

        def cuts(k, v):
            ranks = [cut_ranks(shape, min(int(one) + 1, self.rank)) for one in k]
            return np.array([np.linalg.norm(best_cuts(problem, one)) for one in ranks])

        return (
            Bound(
                measure="error",
                curve=cuts,
                floor=1e-13,
                title="√Σ ε_k², the tails of all cuts together",
                **about,
            ),
            Exact(
                measure="train_identity",
                tol=1e-12,
                always=True,
                title="the error is what the cuts have lost",
                **about,
            ),
            *self._quasi_optimal(problem, factor, about),
        )

    def _quasi_optimal(self, problem: TensorProblem, factor: float, about: dict) -> tuple:
        """Nothing where the best trains of all ranks but one are rounding."""
        tails = [best_cuts(problem, cut_ranks(problem.shape, r)).max() for r in range(1, self.rank + 1)]
        if sum(one > RESOLVED for one in tails) < 2:
            return ()
        title = "at most √(d − 1) times the best train of its ranks"
        return (Bound(measure="train_quasi", curve=lambda k, v: np.full(len(k), factor), title=title, **about),)

    def measures(self, problem) -> tuple[Measure, ...]:
        return (*super().measures(problem), TRAIN_IDENTITY)


@dataclass(frozen=True)
class TrainCross(TrainMethod):
    """TT-cross: a train from few entries; a step is a half sweep over the cuts, forth or back.

    At each cut the fibres through the rows and columns chosen so far are evaluated, O(d n r²) entries a half sweep, and
    r rows of nearly largest volume are kept (`maxvol`). A tensor whose cuts have rank r at most is found exactly unless
    the first columns, drawn at random, miss something. Otherwise no bound is known for what the sweeps choose.
    Reference: I. Oseledets, E. Tyrtyshnikov, Linear Algebra Appl. 432 (2010) 70–88, doi:10.1016/j.laa.2009.07.024,
    Algorithm 2; S. A. Goreinov et al., in: Matrix Methods, World Scientific (2010) 247–256, for maxvol.
    """

    title: ClassVar[str] = "TT-cross"
    chaotic: ClassVar[str] = "between pivots of one size rounding decides, and whether it ends"
    sources: ClassVar[tuple[str, ...]] = ("oseledets2010", "goreinov2010")
    no_claim: ClassVar[str] = "no bound is known unless the ranks of the cuts are at most r"
    rank: int = knob(4, 1, 40, symbol="r", doc="rank of the cuts")
    seed: int = seed_knob("the first columns")

    def init(self, problem: TensorProblem) -> TrainState:
        rng, shape = np.random.default_rng(self.seed), problem.shape
        ranks = cut_ranks(shape, self.rank)
        right = []
        for cut, rank in enumerate(ranks, start=1):
            flat = rng.choice(math.prod(shape[cut:]), rank, replace=False)
            right.append(np.stack(np.unravel_index(flat, shape[cut:]), axis=1))
        left = [np.zeros((rank, cut), dtype=np.int64) for cut, rank in enumerate(ranks, start=1)]
        zeros = [np.zeros((a, n, b)) for a, n, b in zip((1, *ranks), shape, (*ranks, 1))]
        return _looked(problem, TrainState(cores=zeros, left=left, right=right))

    def step(self, problem: TensorProblem, state: TrainState) -> TrainState:
        state.k += 1
        before = _chosen(state)
        state.cores, state.left, state.right = list(state.cores), list(state.left), list(state.right)
        (_forth if state.k % 2 else _back)(problem, state)
        if state.k > 2 and before == _chosen(state):
            state.status = SETTLED
        return _looked(problem, state)

    def claims(self, problem: TensorProblem) -> tuple:
        if max(best_cuts(problem, cut_ranks(problem.shape, self.rank))) > 1e-13:
            return ()
        return (
            Exact(
                measure="error",
                tol=1e-9,
                title="a tensor of these ranks is found from few of its entries",
                assumes="cuts of rank r at most; the first columns span them",
                source="oseledets2010",
                stop=RANKS,
            ),
        )


def _chosen(state):
    return [sorted(map(tuple, rows.tolist())) for rows in (*state.left, *state.right)]


def _block(problem, state, k: int) -> np.ndarray:
    """Entries of T on left rows × mode k × right columns: (r_{k−1}, n_k, r_k)."""
    nothing, last = np.zeros((1, 0), dtype=np.int64), problem.data.ndim - 1
    left = state.left[k - 1] if k else nothing
    right = state.right[k] if k < last else nothing
    n = problem.shape[k]
    state.entries += float(len(left) * n * len(right))
    state.work.nfe += len(left) * n * len(right)
    before = [left[:, i][:, None, None] for i in range(k)]
    after = [right[:, i][None, None, :] for i in range(last - k)]
    found = problem.data[(*before, np.arange(n)[None, :, None], *after)]
    return np.ascontiguousarray(np.broadcast_to(found, (len(left), n, len(right))))


def _forth(problem, state):
    """Cuts from left to right: rows are chosen anew."""
    for k in range(problem.data.ndim - 1):
        block = _block(problem, state, k)
        a, n, b = block.shape
        basis = np.linalg.qr(block.reshape(a * n, b))[0]
        rows = maxvol(basis)
        state.cores[k] = np.linalg.solve(basis[rows].T, basis.T).T.reshape(a, n, b)
        own = (rows % n)[:, None]
        state.left[k] = own if k == 0 else np.hstack((state.left[k - 1][rows // n], own))
    state.cores[-1] = _block(problem, state, problem.data.ndim - 1)


def _back(problem, state):
    """Cuts from right to left: columns are chosen anew."""
    last = problem.data.ndim - 1
    for k in range(last, 0, -1):
        block = _block(problem, state, k)
        a, n, b = block.shape
        basis = np.linalg.qr(block.reshape(a, n * b).T)[0]
        columns = maxvol(basis)
        state.cores[k] = np.linalg.solve(basis[columns].T, basis.T).reshape(a, n, b)
        own = (columns // b)[:, None]
        state.right[k - 1] = own if k == last else np.hstack((own, state.right[k][columns % b]))
    state.cores[0] = _block(problem, state, 0)


def _looked(problem, state):
    state.error = problem.distance(state.solution())
    state.unknowns = float(sum(core.size for core in state.cores))
    return state


def _cut_tail(problem, state) -> float:
    return float(max(best_cuts(problem, state.ranks)))


def _train_quasi(problem, state) -> float:
    least = _cut_tail(problem, state)
    return state.error / least if least > RESOLVED else math.nan


CUT_TAIL = Measure(
    "cut_tail",
    "no train is better",
    _cut_tail,
    "max_k ε_k",
    doc="the largest relative tail of an unfolding: a lower bound of the error of any train of these ranks",
)
TRAIN_QUASI = Measure(
    "train_quasi",
    "error over the lower bound of the best",
    _train_quasi,
    "‖T − X‖ / max_k ε_k",
    log=False,
    doc="one: the best train of its ranks; at most √(d − 1) for TT-SVD by theory",
)
TRAIN_IDENTITY = Measure(
    "train_identity",
    "error against what the cuts have lost",
    lambda problem, state: abs(state.error - state.discarded),
    "| ‖T − X‖ − √Σ_k δ_k² | / ‖T‖",
    doc="Pythagoras: the two are the same number",
)


def cut_spectra(problem, state):
    """Relative tails of every unfolding against the rank."""
    count = max(len(gap) for gap in problem.gaps)
    lines = {
        f"cut {k + 1}": np.append(gap, [np.nan] * (count - len(gap))) + 1e-17 for k, gap in enumerate(problem.gaps)
    }
    return {"x": np.arange(count), **lines}


def cross_over_svd(runs) -> float:
    """The error of the last train, by crosses, over that of the one before, by SVD at the same rank."""
    return runs[2].history.last("error") / runs[1].history.last("error")


EXPERIMENTS = (
    Experiment(
        "train-cross",
        "A train from a few entries",
        "Four sweeps of crosses look at a few of the entries, the SVD at all: how close do they come at equal rank?",
        GridFunction(order=5, n=9),
        (TrainCross(rank=4), TrainSvd(rank=8), TrainCross(rank=8)),
        Stop(rtol=0.0, steps=12),
        measure="error",
        picture="cut-tails",
        predict=Guess(
            "At rank 8 the SVD has seen every entry, the crosses only some. How many times the error of the SVD do the"
            " crosses make?",
            truth=cross_over_svd,
            low=0.5,
            high=1e4,
            close=3.0,
            unit="times",
        ),
        why=r"A train is a chain of small cores; its error is governed by the cuts, the matrices that have the first"
        r" $k$ indices as rows and the others as columns, and here their singular values fall very fast. TT-SVD keeps"
        r" the leading singular vectors at every cut: at most $\sqrt{d - 1}$ times the best train of its ranks, but"
        r" the tensor must be there as a whole. TT-cross evaluates fibres only, and keeps rows of nearly largest"
        r" volume; it comes within a small factor after a few half sweeps, and no general bound is known for that.",
        formula=r"T(i_1, \dots, i_d) \approx G_1(i_1)\, G_2(i_2) \cdots G_d(i_d), \qquad \|T - X\|^2 \le"
        r" \sum_{k=1}^{d-1} \varepsilon_k^2",
        level=2,
        minutes=7,
        then="long-range-potential",
    ),
)

PICTURES = (Picture("cut-tails", "tails of the cuts", "lines", cut_spectra, x="rank", log=True, of=TrainState),)
