"""Columns and rows instead of vectors: CUR with DEIM or leverage scores, and adaptive cross approximation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, at_most_one
from toolkit.core.knob import knob, seed_knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.status import Status
from toolkit.rank.matrices.lowrank import (
    BELOW,
    STEPS,
    FactorState,
    RankByRank,
    below_one,
    judged,
    most,
    nothing,
    optimality,
    over,
    ranks,
    share,
    spectral,
)
from toolkit.rank.matrices.problems import DenseMatrix
from toolkit.rank.matrices.sketching import recovery

DEPENDENT = 1e12  # amplification beyond which the leading vectors are dependent on the choice to rounding
ENOUGH = Status("converged", "the last cross is small beside all", "Lower `tolerance` to go on")
SPENT = Status("converged", "the row at hand is reproduced to rounding", "The matrix has no higher rank to find")


def deim(basis: np.ndarray) -> np.ndarray:
    """The rows DEIM selects from the columns of a basis (m, k): where each is worst interpolated by those before.

    Reference: D. C. Sorensen, M. Embree, SIAM J. Sci. Comput. 38 (2016), algorithm 1.
    """
    chosen = np.zeros(basis.shape[1], dtype=np.intp)
    for j in range(basis.shape[1]):
        rest = basis[:, j]
        if j:
            rest = rest - basis[:, :j] @ np.linalg.solve(basis[chosen[:j], :j], rest[chosen[:j]])
        chosen[j] = np.argmax(np.abs(rest))
    return chosen


def amplification(basis: np.ndarray, chosen: np.ndarray) -> float:
    """η = |(Sᵀ V)⁺|₂ for the rows S of a basis V; infinite where they do not span."""
    least = np.linalg.svd(basis[chosen], compute_uv=False)
    least = float(least[-1]) if len(least) == basis.shape[1] else 0.0
    return 1 / least if least > 0 else float("inf")


class Skeleton(RankByRank):
    """CUR: A ≈ C U R, C and R columns and rows of A, U = C⁺ A R⁺; which ones is the subclass's choice.

    |A − C U R|₂ ≤ (η_p + η_q) σ_{k+1}, η the amplification of the leading k singular vectors on the chosen rows (p) and
    columns (q): for any choice on which they stay independent.
    """

    recovers: ClassVar[bool] = True

    def chosen(self, problem: DenseMatrix, rank: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns."""
        raise NotImplementedError

    def factors(self, problem, rank):
        rows, columns = self.chosen(problem, rank)
        matrix = problem.matrix
        c, r = matrix[:, columns], matrix[rows]
        span, across = orthonormal(c), orthonormal(r.T)
        core = span.T @ matrix @ across  # C C⁺ A R⁺ R without a pseudoinverse of either
        return span @ core, across.T, {"rows": rows, "columns": columns}

    def measures(self, problem) -> tuple[Measure, ...]:
        def eta(problem, state):
            left, _, right = problem.decomposition
            k = int(state.rank)
            p = amplification(left[:, :k], state.extra["rows"])
            return p + amplification(right[:k].T, state.extra["columns"])

        def bounded(problem, state):
            first, grown = problem.after(0) or 1.0, eta(problem, state)
            rounded = problem.after(int(state.rank)) / first + np.finfo(float).eps  # σ_{k+1} is known to that
            return over(spectral(problem, state), grown * rounded, 1.0) if grown < DEPENDENT else float("nan")

        guarded = Measure(
            "amplification",
            "amplification of the choice",
            lambda problem, state: eta(problem, state) if state.rank else float("nan"),
            "η_p + η_q",
        )
        return (share("cur_share", "spectral error over (η_p + η_q) σ_{k+1}", bounded), guarded, BELOW)

    def claims(self, problem: DenseMatrix) -> tuple:
        about = dict(source="sorensen2016", assumes="leading singular vectors independent on the choice")
        bound = below_one("cur_share", title="spectral error below (η_p + η_q) σ_{k+1}", **about)
        return (bound, *(recovery(self, problem) if self.recovers else ()), optimality())


def orthonormal(columns: np.ndarray) -> np.ndarray:
    """An orthonormal basis of what the columns span, to rounding of the largest."""
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    return u[:, s > 1e-15 * s[0]] if len(s) and s[0] > 0 else u[:, :0]


@dataclass(frozen=True)
class DEIMCUR(Skeleton):
    """CUR whose rows and columns DEIM selects from the leading left and right singular vectors, one a vector.

    |A − C U R|₂ ≤ (η_p + η_q) σ_{k+1}, and η ≤ (m k/3)^½ 2^k at worst, of moderate size in practice. A step costs
    O((m + n) k² + m n k) beside the SVD.
    Reference: D. C. Sorensen, M. Embree, SIAM J. Sci. Comput. 38 (2016) A1454–A1482, doi:10.1137/140978430,
    algorithm 1, theorem 4.1.
    """

    title: ClassVar[str] = "CUR by DEIM"
    name: ClassVar[str] = "deim_cur"
    sources: ClassVar[tuple[str, ...]] = ("sorensen2016",)
    ranks: str = ranks()
    most: int = most()

    def chosen(self, problem, rank):
        left, _, right = problem.decomposition
        return deim(left[:, :rank]), deim(right[:rank].T)


@dataclass(frozen=True)
class LeverageCUR(Skeleton):
    """CUR with rows and columns by their leverage scores ℓ_i = Σ_{j≤k} V_ij²: the largest, or drawn in proportion.

    "drawn" takes k distinct ones at random. Neither keeps the leading vectors independent for sure; the bound with the
    choice's own η holds where they are.
    Reference: M. W. Mahoney, P. Drineas, PNAS 106 (2009) 697–702, doi:10.1073/pnas.0803205106; bound: D. C. Sorensen,
    M. Embree (2016), theorem 4.1.
    """

    title: ClassVar[str] = "CUR by leverage"
    name: ClassVar[str] = "leverage_cur"
    sources: ClassVar[tuple[str, ...]] = ("mahoney2009", "sorensen2016")
    recovers: ClassVar[bool] = False  # the largest scores may well be dependent
    ranks: str = ranks()
    most: int = most()
    rule: str = knob("drawn", choices=("drawn", "largest"), doc="how leverage decides")
    seed: int = seed_knob("the drawing")

    def chosen(self, problem, rank):
        left, _, right = problem.decomposition
        rng = np.random.default_rng([self.seed, rank])
        return tuple(self._pick(rng, np.sum(v**2, axis=1), rank) for v in (left[:, :rank], right[:rank].T))

    def _pick(self, rng, scores: np.ndarray, rank: int) -> np.ndarray:
        if self.rule == "largest":
            return np.argsort(-scores, kind="stable")[:rank]
        noise = rng.exponential(size=len(scores))  # exponential races: drawn without replacement in proportion
        return np.argsort(noise / np.maximum(scores, 1e-300), kind="stable")[:rank]


@dataclass(frozen=True)
class ACA(Method):
    """Adaptive cross approximation, partial pivoting: E ← E − E_:j E_i: /E_ij, only two lines of E computed a step.

    j is where the row at hand is largest, the next row where the new column is, among those not taken; a row that is
    reproduced already is passed over. Chosen rows and columns are reproduced exactly. A step adds one cross u vᵀ, costs
    O((m + n) k) and m + n entries of A; the error is looked at from outside, the algorithm never sees it. It ends where
    |u| |v| ≤ ε |S|_F, S the crosses so far, whose norm is had from inner products: if the error falls by a factor η or
    more with each cross, it is |u| |v|/(1 − η) at most.
    Fails on matrices of blocks: rows of a block it never enters; then it may end long before.
    Reference: M. Bebendorf, Numer. Math. 86 (2000) 565–589, doi:10.1007/PL00005410, section 3; the estimate:
    M. Bebendorf, S. Rjasanow, Computing 70 (2003) 1–24, doi:10.1007/s00607-002-1469-6.
    """

    title: ClassVar[str] = "adaptive cross approximation"
    sources: ClassVar[tuple[str, ...]] = ("bebendorf2000", "bebendorf2003")
    problems: ClassVar[tuple[type, ...]] = (DenseMatrix,)
    monitors: ClassVar[tuple[str, ...]] = ("error", "optimal", "rank")
    linear: ClassVar[tuple[str, ...]] = ("rank",)
    scales: ClassVar[tuple[str, ...]] = ("rank",)
    most: int = most()
    tolerance: float = knob(
        0.0, 0.0, 0.5, symbol="ε", doc="a cross of this size over that of all ends it; 0: none does"
    )

    def init(self, problem: DenseMatrix) -> FactorState:
        return nothing(problem, rows=[], columns=[], next=0, cross=0.0, square=0.0, before=1.0)

    def step(self, problem: DenseMatrix, state: FactorState) -> FactorState:
        state.k += 1
        seen = state.extra
        cross = self._cross(problem.matrix, state)
        if cross is None:
            state.status = SPENT
            return state
        i, j, column, row = cross
        size = float(np.linalg.norm(column) * np.linalg.norm(row))
        seen["square"] += size**2 + 2 * float((column @ state.left) @ (state.right @ row))  # |S|² with this cross
        seen["cross"], seen["before"] = size, state.error
        state.left = np.column_stack((state.left, column))
        state.right = np.vstack((state.right, row))
        seen["rows"], seen["columns"] = [*seen["rows"], i], [*seen["columns"], j]
        waiting = np.abs(column)
        waiting[seen["rows"]] = -1.0
        seen["next"] = int(np.argmax(waiting))
        rank = len(seen["rows"])
        judged(problem, state, rank, min(self.most, *problem.matrix.shape))
        if not state.status.done and estimate(problem, state) <= self.tolerance:
            state.status = ENOUGH
        return state

    def _cross(self, matrix: np.ndarray, state: FactorState):
        """(i, j, column, row/pivot) of the first row from the one at hand on that is not reproduced yet."""
        scale = float(np.max(np.abs(state.right[:1] * np.abs(state.left[:, :1]).max()))) if len(state.right) else 0.0
        taken, i = {*state.extra["rows"], *state.extra.get("passed", ())}, state.extra["next"]
        while len(taken) < len(matrix):
            row = matrix[i] - state.left[i] @ state.right
            state.work.nfe += matrix.shape[1]
            j = int(np.argmax(np.abs(row)))
            if abs(row[j]) > 1e-14 * max(scale, float(np.abs(matrix[i]).max())):
                state.work.nfe += len(matrix)
                return i, j, matrix[:, j] - state.left @ state.right[:, j], row / row[j]
            taken.add(i)
            state.extra["passed"] = [*state.extra.get("passed", ()), i]
            i = next((i for i in range(len(matrix)) if i not in taken), i)
        return None

    def measures(self, problem) -> tuple[Measure, ...]:
        def crosses(problem, state):
            rest = problem.matrix - state.left @ state.right
            rows, columns = state.extra["rows"], state.extra["columns"]
            there = max(np.abs(rest[rows]).max(initial=0.0), np.abs(rest[:, columns]).max(initial=0.0))
            largest = float(np.abs(problem.matrix).max()) or 1.0
            return float(there / max(largest, np.abs(state.left).max(initial=0.0)))

        def taken(problem, state):
            left = state.extra["before"] - state.error - 1e-12
            return left * problem.norm / state.extra["cross"] if state.extra["cross"] else float("nan")

        return (
            Measure("cross_gap", "error on the chosen lines", crosses, "max |E_i:|, |E_:j|"),
            Measure("estimate", "stopping estimate", estimate, "|u| |v|/|S|", doc="size of the last cross over all"),
            Measure("taken_share", "what a cross takes off the error, over its size", taken, log=False),
            BELOW,
        )

    def claims(self, problem: DenseMatrix) -> tuple:
        about = dict(source="bebendorf2000", stop=STEPS, assumes="pivots that are not zero")
        exact = Exact(
            measure="cross_gap", tol=1e-11, always=True, title="chosen rows and columns are reproduced", **about
        )
        title = "no cross takes more off the error than its size: what the stopping estimate stands on"
        about |= {"source": "bebendorf2003", "assumes": "none: the triangle inequality"}
        stopping = at_most_one("taken_share", title=title, **about)
        found = (exact, stopping, optimality())
        if 0 < problem.exact_rank <= self.most:
            title = "a matrix of rank r is found in r crosses"
            found += (Exact(measure="error", tol=1e-12, title=title, source="bebendorf2000", stop=STEPS),)
        return found


def estimate(problem: DenseMatrix, state: FactorState) -> float:
    """|u| |v| of the last cross over |S|_F of all; NaN before the first."""
    square = state.extra["square"]
    return state.extra["cross"] / np.sqrt(square) if square > 0 else float("nan")
