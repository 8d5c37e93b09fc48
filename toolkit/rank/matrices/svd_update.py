"""Updating a truncated SVD as rows and columns arrive: Zha–Simon, its sparse form in extended factors, recomputing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Bound, Exact
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.prediction import Guess
from toolkit.core.probe import Measure
from toolkit.core.run import Run
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH, Stop
from toolkit.kernels.sparse.update import gathered, gram, scattered
from toolkit.rank.matrices.extended_factors import Extended, formed
from toolkit.rank.matrices.growing_matrix import GrowingMatrix

STEPS = Stop(rtol=0.0, steps=400)
DONE = Status("converged", "everything has arrived", "Start earlier, or let more rows arrive")
FAINT = 1e-5  # squared length of what is new in rows, over their own, below which a Gram matrix tells it too roughly
DEPENDENT = 1e-14  # length of what is new in rows, over their own, that is rounding
TIED = 1e-6  # distance of the last singular value kept and the first cut off, over the kept one, that rounding decides


@dataclass(slots=True, kw_only=True)
class GrowingState(State):
    """The k leading singular values, the vectors on both sides, how many rows have arrived, the energy not held.

    `apart` is the least distance so far of the k-th singular value of an update and the first cut off, over the k-th.
    """

    values: np.ndarray
    left: Extended
    right: Extended
    arrived: float = 0.0
    missing: float = 0.0
    apart: float = 1.0

    def cut(self, theta: np.ndarray) -> None:
        """The leading singular values of an update are kept; how far the first of the others is, is noted."""
        k = len(self.values)
        self.values = theta[:k]
        if len(theta) > k and theta[k - 1] > DEPENDENT * theta[0]:
            self.apart = min(self.apart, float(1 - theta[k] / theta[k - 1]))

    def solution(self) -> np.ndarray:
        return self.values


def middle(values: np.ndarray, along: np.ndarray, beyond: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """SVD of [[Σ, 0], [C, Rᵀ]], k leading pairs of vectors, all values: F (k + s, k), Θ, G (k + r, k)."""
    k, s, r = len(values), len(along), beyond.shape[1]
    core = np.zeros((k + s, k + r))
    core[:k, :k] = np.diag(values)
    core[k:, :k], core[k:, k:] = along, beyond
    f, theta, gt = np.linalg.svd(core, full_matrices=False)
    return f[:, :k], theta, gt[:k].T


class GrowingSVD(Method):
    """What the updates share: a step is the arrival of a block, first its rows, then (graph) its columns."""

    problems: ClassVar[tuple[type, ...]] = (GrowingMatrix,)
    monitors: ClassVar[tuple[str, ...]] = ("arrived", "missing")  # what is missing may begin at zero and grow
    linear: ClassVar[tuple[str, ...]] = ("arrived",)
    scales: ClassVar[tuple[str, ...]] = ("arrived",)

    def suits(self, problem) -> str:
        why = super().suits(problem)
        few = not why and min(problem.extent(0)) < self.rank
        return f"rank {self.rank} needs as many rows and columns at first" if few else why

    def init(self, problem: GrowingMatrix) -> GrowingState:
        m, n = problem.shape
        u, s, v = problem.initial(self.rank)
        state = GrowingState(values=s.copy(), left=Extended.of(u, m), right=Extended.of(v, n))
        return counted(problem, state)

    def step(self, problem: GrowingMatrix, state: GrowingState) -> GrowingState:
        state.k += 1
        rows, columns = problem.arriving(state.k)
        self.arrive(state, rows, state.left, state.right, problem.extent(state.k - 1)[0])
        if columns is not None:
            self.arrive(state, columns, state.right, state.left, problem.extent(state.k - 1)[1])
        counted(problem, state)
        if state.k >= problem.steps:
            state.status = DONE
        return state

    def arrive(self, state: GrowingState, block, mine: Extended, other: Extended, first: int) -> None:
        """A block of new rows from row `first` on of `mine`'s side; of columns with the sides exchanged."""
        raise NotImplementedError

    def measures(self, problem) -> tuple[Measure, ...]:
        def inaccuracy(problem, state):
            exact = problem.exact(state.k, self.rank)
            return float(np.abs(exact - state.values).max() / (exact[0] or 1.0))

        def above(problem, state):
            exact = problem.exact(state.k, self.rank)
            return max(0.0, float((state.values - exact).max() / (exact[0] or 1.0)))

        def departure(problem, state):
            sides = (side.vectors() for side in (state.left, state.right))
            return max(float(np.abs(side.T @ side - np.eye(side.shape[1])).max()) for side in sides)

        return (
            Measure("sigma_error", "error of the singular values", inaccuracy, "max |σ̃_j − σ_j|/σ_1"),
            Measure("above_exact", "singular values above the exact ones", above, "max (σ̃_j − σ_j)/σ_1"),
            Measure("orthogonality", "departure from orthonormality", departure, "|UᵀU − I|, |VᵀV − I|"),
        )

    def claims(self, problem: GrowingMatrix) -> tuple:
        about = dict(source="zha1999", always=True, stop=STEPS)
        found = (Exact(measure="orthogonality", tol=1e-9, title="the vectors stay orthonormal", **about),)
        if problem.kind == "text":  # columns after a truncation break it: P A Aᵀ P need not be below A Aᵀ
            ritz = "only rows arrive: what is held is then a projection of the matrix, interlacing"
            title = "no singular value above the exact"
            found += (Exact(measure="above_exact", tol=1e-10, title=title, assumes=ritz, **about),)
        return found


def counted(problem: GrowingMatrix, state: GrowingState) -> GrowingState:
    """Rows there, and the share of the energy that the k singular values do not hold."""
    rows, _ = problem.extent(state.k)
    state.arrived = float(rows)
    whole = float(problem.energies[rows])
    state.missing = float(max(0.0, 1 - np.sum(state.values**2) / whole)) if whole else 0.0
    return state


@dataclass(frozen=True)
class ZhaSimon(GrowingSVD):
    """Rayleigh–Ritz in [V, Q], QR = (I − VVᵀ)Eᵀ: [[Σ, 0], [EV, Rᵀ]] = F Θ Gᵀ, U ← [U F₁; F₂], V ← [V, Q] G.

    Exact for A_k with the rows appended; what was cut off before is lost. A step costs
    O(n s (k + s) + (m + n)(k + s) k): dense whatever the sparsity of the block.
    Reference: H. Zha, H. D. Simon, SIAM J. Sci. Comput. 21 (1999) 782–791, doi:10.1137/S1064827597329266, section 3.
    """

    title: ClassVar[str] = "Zha–Simon update"
    sources: ClassVar[tuple[str, ...]] = ("zha1999",)
    rank: int = knob(12, 1, 200, log=True, symbol="k", doc="singular triplets kept")

    def arrive(self, state, block, mine, other, first):
        v, s = other.tall, block.shape[0]
        wide, k = block.shape[1], v.shape[1]
        along = np.asarray(block @ v[:wide])
        fresh = block.toarray().T - v[:wide] @ along.T
        fresh -= v[:wide] @ (v[:wide].T @ fresh)  # twice is enough
        q, r = np.linalg.qr(fresh)
        f, theta, g = middle(state.values, along, r.T)
        state.cut(theta)
        v[:wide] = v[:wide] @ g[:k] + q @ g[k:]
        mine.tall[:first] = mine.tall[:first] @ f[:k]
        mine.tall[first : first + s] = f[k:]
        state.work.flops += 8.0 * wide * s * k + 4.0 * wide * s * s + 2.0 * (wide * (k + s) + first * k) * k
        state.work.flops += 20.0 * (k + s) ** 3


@dataclass(frozen=True)
class SparseUpdate(GrowingSVD):
    """The same projection in the sparsity of the block: what is new in a row e is a pair (e, c), e − V c with c = Vᵀe.

    ⟨(e, c), (e', c')⟩ = eᵀe' − cᵀc' makes the rows orthonormal at the cost of their nonzeros: Q = (Eᵀ − V Cᵀ) T. With
    V = V̂ K, K small, V ← V (G₁ − Cᵀ T G₂) + Eᵀ T G₂ turns K and touches those rows of V̂ only that E has entries in;
    U = Û K' gets s rows. A step costs O(nnz(E)(k + s) + (k + s)³). The pairs are made orthonormal all at once, by the
    eigenvectors of their Gram matrix, not one after another. It holds squares: of rows that bring nearly nothing new
    it tells no direction to more than half the digits. Those few are formed in full, O(n k) each, and orthogonalised
    twice; what is left at the level of rounding drops out. K is multiplied out when its condition exceeds 10⁵.
    Reference: H. Deng, Y. Yang, J. Li, C. Chen, W. Jiang, S. Pu, ICLR 2024, arXiv:2401.09703, sections 3.1 to 3.3.
    """

    title: ClassVar[str] = "sparse SVD update"
    sources: ClassVar[tuple[str, ...]] = ("deng2024", "zha1999")
    rank: int = knob(12, 1, 200, log=True, symbol="k", doc="singular triplets kept")

    def arrive(self, state, block, mine, other, first):
        k, s = len(state.values), block.shape[0]
        sparse = block.indptr, block.indices, block.data
        along = gathered(*sparse, other.tall) @ other.small
        own = gram(*sparse, block.shape[1])
        size, turn = np.linalg.eigh(own - along @ along.T)
        length = max(float(np.trace(own)), np.finfo(float).tiny)
        clear = size > FAINT * length
        root = np.sqrt(size[clear])
        found = turn[:, clear] / root  # T
        rest = formed(block, other, along, found, turn[:, ~clear], DEPENDENT * np.sqrt(length))
        beyond = turn[:, clear] * root
        f, theta, g = middle(state.values, along, np.hstack((beyond, block @ rest[: block.shape[1]])))
        state.cut(theta)
        weights = found @ g[k : k + len(root)]
        other.turned(g[:k] - along.T @ weights)
        scattered(*sparse, weights @ other.inverse, other.tall)
        if rest.shape[1]:
            other.tall += rest @ (g[k + len(root) :] @ other.inverse)
        mine.turned(f[:k])
        mine.tall[first : first + s] = f[k:] @ mine.inverse
        state.work.flops += 4.0 * block.nnz * k + 2.0 * block.nnz * s + 50.0 * k**3 + 20.0 * (k + s) ** 3
        state.work.flops += 12.0 * block.shape[1] * k * np.sum(~clear)

    def measures(self, problem) -> tuple[Measure, ...]:
        def gap(problem, state):
            other, apart = reference(problem, self.rank, state.k)
            if apart < TIED:
                return float("nan")
            return float(np.abs(other - state.values).max() / (other[0] or 1.0))

        doc = "not asked once σ_k and σ_(k+1) of an update have been alike to six digits"
        symbol = "max |σ̃_j − σ_j^ZS|/σ_1^ZS"
        peer = Measure("zha_simon_gap", "distance from Zha–Simon's values", gap, symbol, doc=doc)
        return (*GrowingSVD.measures(self, problem), peer)

    def claims(self, problem: GrowingMatrix) -> tuple:
        same = Exact(
            measure="zha_simon_gap",
            tol=1e-8,
            always=True,
            title="the singular values are Zha–Simon's",
            source="deng2024",
            assumes="both begin with the same decomposition; judged while no cut parts singular values that are alike: "
            "of such, which are kept is for rounding to say",
            stop=STEPS,
        )
        found = (same, *GrowingSVD.claims(self, problem))
        if self._saves(problem):
            wins = Beats(
                other=ZhaSimon(rank=self.rank),
                measure="flops",
                factor=0.5,
                title="half of Zha–Simon's operations at most",
                source="deng2024",
                assumes="few nonzeros a row, and blocks small beside the matrix: (k + s)³ is paid by both",
                stop=STEPS,
            )
            found += (wins,)
        return found

    def _saves(self, problem: GrowingMatrix) -> bool:
        """Whether the matrix is sparse and large enough for a block to cost two fifths of Zha–Simon's, at the start."""
        (first, wide), k, s = problem.extent(0), self.rank, problem.block
        entries = problem.matrix.nnz / np.prod(problem.shape) * s * wide
        both, mine = 20.0 * (k + s) ** 3, 4.0 * entries * k + 2.0 * entries * s + 50.0 * k**3
        return mine + both <= 0.4 * (
            8.0 * wide * s * k + 4.0 * wide * s * s + 2.0 * (wide * (k + s) + first * k) * k + both
        )


def reference(problem: GrowingMatrix, rank: int, step: int) -> tuple[np.ndarray, float]:
    """(Zha–Simon's singular values after so many blocks, the least distance at a cut by then), kept."""
    method = ZhaSimon(rank=rank)

    def made() -> list:
        run = Run(problem, method, THROUGH)
        return [(run.solution().copy(), 1.0), *((state.values.copy(), state.apart) for state in run)]

    return remembered(problem, ("singular values", method), made)[step]


@dataclass(frozen=True)
class Recomputed(GrowingSVD):
    """The truncated SVD of all that has arrived, from scratch at every block: nothing is lost, all is paid again.

    Small matrices densely, others by ARPACK on AᵀA: O(iterations · nnz(A)) a step.
    Reference: R. B. Lehoucq, D. C. Sorensen, C. Yang, ARPACK Users' Guide (1998), doi:10.1137/1.9780898719628.
    """

    title: ClassVar[str] = "recomputed"
    sources: ClassVar[tuple[str, ...]] = ("lehoucq1998",)
    rank: int = knob(12, 1, 200, log=True, symbol="k", doc="singular triplets kept")

    def step(self, problem, state):
        state.k += 1
        u, state.values, v = problem.leading(state.k, self.rank)
        state.left, state.right = (Extended.of(w, size) for w, size in zip((u, v), problem.shape))
        m, n = problem.extent(state.k)
        state.work.flops += 14.0 * m * n * min(m, n)
        counted(problem, state)
        if state.k >= problem.steps:
            state.status = DONE
        return state

    def claims(self, problem: GrowingMatrix) -> tuple:
        exact = Bound(
            measure="sigma_error",
            curve=lambda k, values: np.full(len(k), 1e-10),
            title="the exact truncated decomposition",
            source="lehoucq1998",
            stop=STEPS,
        )
        return (exact, *GrowingSVD.claims(self, problem))


def spectra(problem, state):
    """The singular values held beside the exact ones, where those have been computed to measure an error."""
    found = {"x": np.arange(1.0, len(state.values) + 1), "held": state.values}
    kept = problem.exact_so_far(state.k, len(state.values))
    return found if kept is None else {**found, "exact": kept}


def places(problem, state):
    """Texts, or nodes, by their second and third left singular vectors."""
    vectors = state.left.tall[: int(state.arrived)][-2000:] @ state.left.small[:, 1:3]
    newest = max(1, min(problem.block, len(vectors)))
    return {
        "there": (vectors[:-newest, 0], vectors[:-newest, 1]),
        "newest": (vectors[-newest:, 0], vectors[-newest:, 1]),
    }


PICTURES = (
    Picture("held-spectrum", "singular values held", "lines", spectra, "j", "σ_j", of=GrowingState),
    Picture(
        "embedding",
        "rows by two singular vectors",
        "points",
        places,
        "u₂",
        "u₃",
        of=GrowingState,
        when=lambda problem, state: len(state.values) >= 3,
    ),
)


def flops_share(runs) -> float:
    """Operations of the first method over those of the second, in per cent."""
    return 100 * runs[0].history.last("flops") / runs[1].history.last("flops")


def flops_promised(runs) -> float | None:
    """The share of operations that is promised of the first method at most, in per cent."""
    claims = runs[0].method.claims(runs[0].problem)
    return next((100 * one.factor for one in claims if isinstance(one, Beats)), None)


EXPERIMENTS = (
    Experiment(
        "matrix-that-grows",
        "A matrix that grows",
        "Texts arrive, a block at a time: what does an update lose against starting over, and what does it save?",
        GrowingMatrix(),
        (SparseUpdate(), ZhaSimon(), Recomputed()),
        STEPS,
        measure="sigma_error",
        against="arrived",
        picture="embedding",
        predict=Guess(
            "The sparse update does what Zha and Simon's does, but touches only entries that are not zero. How many per"
            " cent of the operations does it need?",
            truth=flops_share,
            theory=flops_promised,
            limit=True,
            low=1.0,
            high=100.0,
            unit="%",
        ),
        why=r"New rows $E$ lie partly in what is held, $EV$, and partly beyond it, $R^T$: the SVD of the small matrix"
        r" in the formula turns old and new together, and all but the $k$ leading values are cut off. What was cut off"
        r" before is lost: what is held is a projection of the true matrix, so its singular values sink below the"
        r" exact ones and never rise above them. The sparse update makes the same projection without forming the new"
        r" directions, and holds the same values for a fraction of the operations; starting over loses nothing, and"
        r" pays for all again at every block.",
        formula=r"\begin{pmatrix} \Sigma & 0 \\ E V & R^{T} \end{pmatrix} = F\, \Theta\, G^{T}",
        level=2,
        minutes=6,
        then="fewer-operations",
    ),
)
