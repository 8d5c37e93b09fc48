"""Sketches on both sides: Nyström, generalised Nyström, and factorisations as solutions of linear equations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import qr

from toolkit.core.claims import Exact
from toolkit.core.knob import knob, seed_knob
from toolkit.core.probe import Measure
from toolkit.rank.matrices.lowrank import (
    BELOW,
    STEPS,
    RankByRank,
    below_one,
    deviations,
    gaussian,
    most,
    optimality,
    over,
    range_bound,
    ranks,
    share,
)
from toolkit.rank.matrices.problems import DenseMatrix, KernelMatrix, SpectrumMatrix

LEAST_SPARE = 4


def best_range_bound(values: np.ndarray, width: int) -> float:
    """The range bound of a sketch of `width` columns, at the split width = k + p that makes it least; p ≥ 4."""
    if width < LEAST_SPARE:
        return float("inf")
    return min(range_bound(values, k, width - k) for k in range(width - LEAST_SPARE + 1))


@dataclass(frozen=True)
class Nystrom(RankByRank):
    """A ≈ (A X)(Xᵀ A X)⁺(A X)ᵀ for semidefinite A: one pass, semidefinite again, never larger than A.

    X Gaussian, or columns of the identity drawn uniformly ("columns"). As A ≈ A^½ P A^½ with P the projection on the
    range of A^½ X, trace(A − Â) is the squared range error of A^½. A is shifted by ν = √n ε |A X| for a Cholesky factor
    of the core, and the shift taken off again. A step costs a product of A with k vectors.
    Reference: Z. Frangella, J. A. Tropp, M. Udell, SIAM J. Matrix Anal. Appl. 44 (2023) 718–752,
    doi:10.1137/21M1466244, algorithm 2.1; bound: Halko et al. (2011), theorem 10.7, applied to A^½.
    """

    title: ClassVar[str] = "Nyström"
    sources: ClassVar[tuple[str, ...]] = ("frangella2023", "halko2011")
    ranks: str = ranks()
    most: int = most()
    sketch: str = knob("Gaussian", choices=("Gaussian", "columns"), doc="what the matrix is multiplied with")
    seed: int = seed_knob("the sketch")

    def suits(self, problem) -> str:
        return super().suits(problem) or ("" if problem.definite else "it needs a semidefinite matrix")

    def factors(self, problem, rank):
        matrix = problem.matrix
        if self.sketch == "Gaussian":
            omega = np.linalg.qr(gaussian(self.seed, self.most, len(matrix))[:rank].T)[0]
        else:
            omega = np.eye(len(matrix))[:, np.random.default_rng(self.seed).permutation(len(matrix))[:rank]]
        sketched = matrix @ omega
        shift = np.sqrt(len(matrix)) * np.finfo(float).eps * np.linalg.norm(sketched, 2) or np.finfo(float).tiny
        shifted = sketched + shift * omega
        core = omega.T @ shifted
        lower = np.linalg.cholesky((core + core.T) / 2)
        u, s, _ = np.linalg.svd(np.linalg.solve(lower, shifted.T).T, full_matrices=False)
        values = np.maximum(s**2 - shift, 0.0)
        return u * values, u.T, {}

    def measures(self, problem) -> tuple[Measure, ...]:
        def trace(problem, state):
            rest = float(np.trace(problem.matrix - state.left @ state.right))
            return rest / (float(np.trace(problem.matrix)) or 1.0)

        def least(problem, state):
            values = np.linalg.eigvalsh(problem.matrix - state.left @ state.right)
            return max(0.0, -float(values[0])) / (problem.after(0) or 1.0)

        def bounded(problem, state):
            bound = best_range_bound(np.sqrt(problem.singular), int(state.rank)) ** 2
            scale = float(np.trace(problem.matrix))
            return over(trace(problem, state) * scale, bound, scale)

        return (
            Measure("trace_error", "trace error", trace, "tr(A − Â)/tr A"),
            Measure("indefinite", "most negative eigenvalue of A − Â", least, "−λ_min/λ_1"),
            share("trace_share", "trace error over its bound", bounded),
            BELOW,
        )

    def claims(self, problem: DenseMatrix) -> tuple:
        about = dict(source="frangella2023", stop=STEPS, assumes="semidefinite A")
        exact = Exact(measure="indefinite", tol=1e-12, always=True, title="A − Â is semidefinite", **about)
        if self.sketch != "Gaussian":
            return (exact, optimality())
        gauss = dict(source="halko2011", assumes="a Gaussian sketch; broken by one seed in 10⁶")
        bound = below_one("trace_share", title="the trace error stays below its probabilistic bound", **gauss)
        return (exact, bound, optimality())


@dataclass(frozen=True)
class GeneralisedNystrom(RankByRank):
    """A ≈ A X (Yᵀ A X)⁺ Yᵀ A, X and Y Gaussian with k and k + ℓ columns: one pass, any matrix, no orthogonalisation.

    E_Y ‖A − Â‖_F² = (1 + k/(ℓ − 1)) ‖A − QQᵀA‖_F², Q spanning A X. The core is applied by its QR factors, one after the
    other (never formed): stable however ill-conditioned. A step costs 2k + ℓ products.
    Reference: Y. Nakatsukasa, arXiv:2009.11392 (2020), sections 2 and 4; deviation: Halko et al. (2011), theorem 10.7,
    twice, as A − Â = (I − QQᵀ)A − Q (YᵀQ)⁺ Yᵀ (I − QQᵀ)A.
    """

    title: ClassVar[str] = "generalised Nyström"
    sources: ClassVar[tuple[str, ...]] = ("nakatsukasa2020", "halko2011")
    spare: ClassVar[int] = LEAST_SPARE
    ranks: str = ranks()
    most: int = most()
    oversampling: float = knob(0.5, 0.1, 2.0, symbol="ℓ/k", doc="columns of Y beyond k, as a share of k; at least 4")
    seed: int = seed_knob("both sketches")

    def widths(self, problem: DenseMatrix, rank: int) -> int:
        """ℓ: how many columns Y has more than X."""
        return min(max(LEAST_SPARE, int(np.ceil(self.oversampling * rank))), min(problem.matrix.shape) - rank)

    def factors(self, problem, rank):
        m, n = problem.matrix.shape
        right = gaussian(self.seed, self.most, n)[:rank].T
        left = gaussian(self.seed + 2**31, 3 * self.most + LEAST_SPARE, m)[: rank + self.widths(problem, rank)].T
        return (*two_sided(problem.matrix, right, left)[:2], {})

    def left_by_range(self, problem: DenseMatrix, rank: int) -> float:
        """‖A − QQᵀA‖_F, Q an orthonormal basis of the range of A X."""
        q = np.linalg.qr(problem.matrix @ gaussian(self.seed, self.most, problem.matrix.shape[1])[:rank].T)[0]
        return float(np.linalg.norm(problem.matrix - q @ (q.T @ problem.matrix)))

    def measures(self, problem) -> tuple[Measure, ...]:
        def bounded(problem, state):
            rank = int(state.rank)
            a, b = deviations(rank, self.widths(problem, rank))
            found = np.hypot(1, a + b) * self.left_by_range(problem, rank)  # the two terms of A − Â are orthogonal
            bound = min(found, (1 + a + b) * best_range_bound(problem.singular, rank))
            return over(state.error * problem.norm, bound, 100 * problem.norm)

        return (share("error_share", "error over its bound", bounded), BELOW)

    def claims(self, problem: DenseMatrix) -> tuple:
        about = dict(source="nakatsukasa2020", assumes="Gaussian sketches; broken by one seed in 500 000")
        bound = below_one("error_share", title="the error stays below its probabilistic bound", **about)
        return (bound, *recovery(self, problem), optimality())


def recovery(method: RankByRank, problem: DenseMatrix) -> tuple:
    """Exact recovery when the sketch reaches the rank of the matrix."""
    if not 0 < problem.exact_rank <= min(method.most, min(problem.matrix.shape) - method.spare):
        return ()
    return (
        Exact(
            measure="error",
            tol=1e-12,
            title="exact when the sketch has the rank of the matrix",
            source="karpowicz2021",
            assumes="rank A ≤ k, sketches in general position",
            stop=STEPS,
        ),
    )


def two_sided(matrix: np.ndarray, right: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, ...]:
    """(A X R⁻¹, WᵀYᵀA, AX, WᵀYᵀ) with WR = YᵀAX: A X (YᵀAX)⁺ YᵀA in two factors, and its projector, first times last.

    Singular values of the core below rounding are left out, as a sketch beyond the rank of A has only noise there.
    """
    columns, rows = matrix @ right, left.T @ matrix
    u, s, vt = np.linalg.svd(rows @ right, full_matrices=False)
    keep = s > 10 * np.finfo(float).eps * (s[0] if len(s) else 0.0)
    return columns @ vt[keep].T / s[keep], u[:, keep].T @ rows, columns, u[:, keep].T @ left.T


def condition(core: np.ndarray, tested: np.ndarray) -> float:
    """|G| |YᵀAX|, at least one: what rounding is multiplied by."""
    return max(1.0, float(np.linalg.norm(core, 2) * np.linalg.norm(tested, 2)))


VIEWS = ("SVD", "QR", "UTV", "CUR", "generalised Nyström", "pseudoinverse")


@dataclass(frozen=True)
class MetaFactorisation(RankByRank):
    """Every factorisation A = F G H solves two linear equations; choose what spans and what tests.

    F = A X spans, H = Yᵀ A tests, G = (Yᵀ A X)⁺. Then P = F G Yᵀ is a projector (P² = P, P F = F: the projector
    equation) and Â = P A reconstructs: Yᵀ (A − Â) = 0, (A − Â) X = 0.
    "SVD": X = V_k, Y = U_k; "QR": X the pivot columns, Y = Q_k; "UTV": the first columns of orthogonal V and U by a QR
    sweep on each side; "CUR": X and Y columns of the identity, by pivoted QR of A, then of the chosen columns; a cross
    approximation; "generalised Nyström": X, Y Gaussian of equal width; "pseudoinverse": X Gaussian, Y spanning A X.
    Reference: M. P. Karpowicz, arXiv:2111.14385 (2021).
    """

    title: ClassVar[str] = "meta-factorisation"
    sources: ClassVar[tuple[str, ...]] = ("karpowicz2021",)
    ranks: str = ranks()
    most: int = most()
    view: str = knob("UTV", choices=VIEWS, doc="what spans and what tests")
    seed: int = seed_knob("the Gaussian sketches")

    def label(self) -> str:
        return f"meta-factorisation: {self.view}"

    def sketches(self, problem: DenseMatrix, rank: int) -> tuple[np.ndarray, np.ndarray]:
        """X (n, k) and Y (m, k) of a view."""
        matrix = problem.matrix
        m, n = matrix.shape
        if self.view == "SVD":
            u, _, vt = problem.decomposition
            return vt[:rank].T, u[:, :rank]
        if self.view in ("QR", "CUR", "UTV"):
            return self._pivoted(matrix, rank)
        right = gaussian(self.seed, self.most, n)[:rank].T
        if self.view == "pseudoinverse":
            return right, np.linalg.qr(matrix @ right)[0]
        return right, gaussian(self.seed + 2**31, self.most, m)[:rank].T

    def _pivoted(self, matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
        q, r, pivots = qr(matrix, mode="economic", pivoting=True)
        if self.view == "QR":
            return np.eye(matrix.shape[1])[:, pivots[:rank]], q[:, :rank]
        if self.view == "CUR":
            rows = qr(matrix[:, pivots[:rank]].T, mode="r", pivoting=True)[1][:rank]
            return np.eye(matrix.shape[1])[:, pivots[:rank]], np.eye(len(matrix))[:, rows]
        # UTV: A Π = Q R, then Rᵀ = V L' so that A = Q L'ᵀ (ΠV)ᵀ with a lower triangular middle (a QLP factorisation)
        v = qr(r.T, mode="economic")[0]
        turned = np.empty_like(v)
        turned[pivots] = v
        return turned[:, :rank], q[:, :rank]

    def factors(self, problem, rank):
        right, left = self.sketches(problem, rank)
        one, other, columns, across = two_sided(problem.matrix, right, left)
        return one, other, {"X": right, "Y": left, "F": columns, "across": across}

    def measures(self, problem) -> tuple[Measure, ...]:
        def projector(problem, state):
            if not state.rank:
                return float("nan")
            tested = state.extra["Y"].T @ state.extra["F"]
            core = np.linalg.pinv(tested, rcond=10 * np.finfo(float).eps)
            small = state.extra["across"] @ state.left  # P = (F R⁻¹)(WᵀYᵀ): P² = P when the factors' product here is I
            return float(np.linalg.norm(small - np.eye(len(small)), 2) / condition(core, tested))

        def reconstructs(problem, state):
            if not state.rank:
                return float("nan")
            x, y, rest = state.extra["X"], state.extra["Y"], problem.matrix - state.left @ state.right
            scale = np.linalg.norm(state.left, 2) * np.linalg.norm(state.right, 2) + problem.norm
            there = np.linalg.norm(y.T @ rest) / np.linalg.norm(y, 2), np.linalg.norm(rest @ x) / np.linalg.norm(x, 2)
            return float(max(there) / scale)

        return (
            Measure("projector_gap", "projector equation", projector, "|P² − P|/cond"),
            Measure("reconstruction_gap", "reconstruction equation", reconstructs, "|Yᵀ(A − Â)|, |(A − Â)X|"),
            BELOW,
        )

    def claims(self, problem: DenseMatrix) -> tuple:
        about = dict(source="karpowicz2021", always=True, assumes="a core whose noise is left out", stop=STEPS)
        return (
            Exact(measure="projector_gap", tol=1e-13, title="the projector equation holds", **about),
            Exact(measure="reconstruction_gap", tol=1e-12, title="the reconstruction equation holds", **about),
            *recovery(self, problem),
            optimality(),
        )


CASES = (KernelMatrix(kernel="gaussian", n=40), SpectrumMatrix(kind="exponential", m=40, n=60, decay=3.0))
