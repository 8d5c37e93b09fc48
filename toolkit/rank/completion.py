"""Completion: alternating minimisation, exact and sketched; nuclear-norm baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claim import Bound, Exact, Order, Rate, monotone
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.stop import Stop
from toolkit.rank.recovery import Completion, Entries, PhotographHoles
from toolkit.rank.sensing import spectral_factors

TINY = 1e-13


@dataclass(slots=True, kw_only=True)
class SweepState(State):
    """X = left @ rightᵀ; error, misfit on the known entries (both relative) and flops of the last sweep."""

    left: np.ndarray
    right: np.ndarray
    error: float = 1.0
    misfit: float = 1.0
    sweep_flops: float = 0.0

    def solution(self) -> np.ndarray:
        return self.left @ self.right.T


def _regularised(grams: np.ndarray) -> np.ndarray:
    """Gram matrices (rows, k, k) that can be inverted: a row with fewer known entries than k has many solutions."""
    k = grams.shape[-1]
    return grams + (TINY * np.trace(grams, axis1=1, axis2=2).max() + 1e-300) * np.eye(k)


def exact_rows(seen: np.ndarray, filled: np.ndarray, other: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, float]:
    """(rows that fit the known entries best, flops): min Σ_j seen_ij (u_iᵀ v_j − y_ij)², all i, by normal equations.

    seen, filled (m, n), other (n, k). Costs |Ω| k² + m k³/3. Solved for the change, so that rounding does not pile up.
    """
    k = other.shape[1]
    pairs = (other[:, :, None] * other[:, None, :]).reshape(len(other), k * k)
    grams = _regularised((seen @ pairs).reshape(-1, k, k))
    slopes = (filled - seen * (before @ other.T)) @ other
    change = np.linalg.solve(grams, slopes[:, :, None])[:, :, 0]
    return before + change, float(seen.sum() * (k * (k + 1) + 4 * k) + len(seen) * (k**3 / 3 + 2 * k**2))


def sketched_rows(seen, filled, other, before, tolerance, buckets, rng) -> tuple[np.ndarray, float]:
    """(rows, flops): the same least squares inexactly, by conjugate gradients preconditioned with sketches.

    Rows of V are summed with random signs into `buckets` (a CountSketch), for every i over its known entries only; the
    Cholesky factor of each sketch's Gram matrix whitens the problem of row i. Ended when all residual slopes are below
    `tolerance` of the data's. Costs O(|Ω| k) an iteration and m k³ for the factorisations.
    """
    k, (m, n) = other.shape[1], seen.shape
    place, sign = rng.integers(0, buckets, n), rng.choice([-1.0, 1.0], n)
    sketch = np.stack([(seen * (sign * (place == b))) @ other for b in range(buckets)], axis=1)
    gauge = np.linalg.cholesky(_regularised(np.swapaxes(sketch, 1, 2) @ sketch))
    white = np.linalg.inv(gauge)

    def whitened(slopes):
        return np.einsum("iba,ib->ia", white, np.einsum("iab,ib->ia", white, slopes))

    rows = before.copy()
    slopes = (filled - seen * (rows @ other.T)) @ other
    goal = tolerance * np.linalg.norm(filled @ other, axis=1)
    direction = whitened(slopes)
    energy = np.einsum("ia,ia->i", slopes, direction)
    flops = float(2 * seen.sum() * k + m * (buckets * k**2 + k**3) + 6 * seen.sum() * k)
    for _ in range(4 * k + 8):
        active = np.linalg.norm(slopes, axis=1) > goal
        if not active.any():
            break
        pulled = (seen * (direction @ other.T)) @ other
        curvature = np.einsum("ia,ia->i", direction, pulled)
        length = np.where(active & (curvature > 0), energy / np.where(curvature > 0, curvature, 1.0), 0.0)
        rows += length[:, None] * direction
        slopes -= length[:, None] * pulled
        turned = whitened(slopes)
        fresh = np.einsum("ia,ia->i", slopes, turned)
        direction = turned + np.where(energy > 0, fresh / np.where(energy > 0, energy, 1.0), 0.0)[:, None] * direction
        energy = fresh
        flops += float(4 * seen[active].sum() * k + active.sum() * (4 * k**2 + 10 * k))
    return rows, flops


class Alternating(Method):
    """What both alternating minimisations share: spectral start, a step solves for U and then for V."""

    family: ClassVar[str] = "alternating minimisation"
    monitors: ClassVar[tuple[str, ...]] = ("error", "misfit", "sweep_flops")
    problems: ClassVar[tuple[type, ...]] = (Completion, PhotographHoles)
    no_claim: ClassVar[str] = "its rate is known for incoherent matrices of rank k, enough entries and no noise"

    def init(self, problem: Entries) -> SweepState:
        left, right = spectral_factors(problem)
        return self._judged(problem, SweepState(left=left, right=right))

    def step(self, problem: Entries, state: SweepState) -> SweepState:
        state.k += 1
        right = np.linalg.qr(state.right)[0]
        start = state.left @ (state.right.T @ right)
        left, first = self.rows(problem.seen, problem.filled, right, start, 2 * state.k)
        state.left, triangle = np.linalg.qr(left)
        start = right @ triangle.T
        state.right, second = self.rows(problem.seen.T, problem.filled.T, state.left, start, 2 * state.k + 1)
        state.sweep_flops = first + second
        state.work.flops += state.sweep_flops
        state.work.solves += sum(problem.seen.shape)
        return self._judged(problem, state)

    def _judged(self, problem: Entries, state: SweepState) -> SweepState:
        now = state.solution()
        state.error = problem.distance(now)
        state.misfit = float(np.linalg.norm(problem.seen * now - problem.filled) / np.linalg.norm(problem.filled))
        return state

    def claims(self, problem: Entries) -> tuple:
        plenty = isinstance(problem, Completion) and problem.share >= 0.4 and problem.condition <= 5
        if not plenty or not problem.clean or problem.searched != problem.planted:
            return ()
        assumes = "incoherent truth, k = r, enough entries, no noise"
        floor = max(1e-8, 1e3 * getattr(self, "tolerance", 0.0))
        if floor > 1e-4:  # too few sweeps above what the tolerance leaves
            return self.more(problem, assumes)
        return (
            Rate(
                measure="error",
                factor=0.5,
                floor=floor,
                title="the error at least halves in every sweep",
                assumes=assumes,
                source="jain2013",
                stop=Stop(rtol=0.0, steps=25),
            ),
            *self.more(problem, assumes),
        )

    def more(self, problem: Completion, assumes: str) -> tuple:
        """What one of the two claims beyond."""
        return ()


@dataclass(frozen=True)
class AltMin(Alternating):
    """min ‖P_Ω(U Vᵀ − M)‖_F over U, then over V, each by exact least squares row by row.

    From the spectral start the error falls linearly given O(k^4.5 n log n) random entries of an incoherent matrix. A
    sweep costs O(|Ω| k² + (m + n) k³).
    Reference: P. Jain, P. Netrapalli, S. Sanghavi, STOC 2013, 665–674, doi:10.1145/2488608.2488693, algorithm 1.
    """

    title: ClassVar[str] = "alternating minimisation"
    sources: ClassVar[tuple[str, ...]] = ("jain2013",)

    def rows(self, seen, filled, other, before, number):
        """The rows of one factor, and the flops."""
        return exact_rows(seen, filled, other, before)

    def more(self, problem, assumes):
        return (
            Exact(
                measure="error",
                tol=1e-10,
                title="recovers the matrix",
                assumes=assumes,
                source="jain2013",
                stop=Stop(rtol=0.0, steps=40),
            ),
            Order(
                measure="sweep_flops",
                p=1.0,
                over="share",
                values=(0.4, 0.55, 0.75, 1.0),
                growing=True,
                tol=0.1,
                title="flops of a sweep in proportion to the known entries",
                stop=Stop(rtol=0.0, steps=3),
                assumes=assumes,
                source="jain2013",
            ),
        )


@dataclass(frozen=True)
class SketchedAltMin(Alternating):
    """The same sweeps, least squares solved roughly: conjugate gradients, whitened by a random sketch of each problem.

    Errors of relative size ε in the solves leave an error of that order; a sweep costs O(|Ω| k log 1/ε + (m + n) k³)
    instead of O(|Ω| k²). The paper iterates by gradient descent on the whitened problem; conjugate gradients need no
    bound on the sketch's distortion.
    Reference: Y. Gu, Z. Song, J. Yin, L. Zhang, arXiv:2302.11068 (ICLR 2024), robust alternating minimisation.
    """

    title: ClassVar[str] = "alternating minimisation, sketched"
    sources: ClassVar[tuple[str, ...]] = ("gu2024", "jain2013")
    tolerance: float = knob(1e-4, 1e-12, 0.1, log=True, symbol="ε", doc="residual slope that ends a solve, relative")
    buckets: int = knob(4, 2, 16, doc="rows of a sketch over k")
    seed: int = knob(0, 0, 2**31 - 1, doc="seed of the sketches")

    def rows(self, seen, filled, other, before, number):
        """The rows of one factor, and the flops; the sketch of every half sweep is a new one."""
        rng = np.random.default_rng((self.seed, number))
        return sketched_rows(seen, filled, other, before, self.tolerance, self.buckets * other.shape[1], rng)

    def more(self, problem, assumes):
        about = dict(assumes=assumes, source="gu2024")
        return (
            Exact(
                measure="error",
                tol=10 * self.tolerance,
                title="follows exact sweeps down to its tolerance",
                stop=Stop(rtol=0.0, steps=25),
                **about,
            ),
        )


def shrunk(matrix: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """(D_τ(matrix), its singular values): every singular value less τ, at least 0; the proximal map of τ ‖·‖_*."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    values = np.maximum(values - threshold, 0.0)
    keep = max(1, int(np.count_nonzero(values)))
    return (left[:, :keep] * values[:keep]) @ right[:keep], values


@dataclass(slots=True, kw_only=True)
class NuclearState(State):
    """The iterate, the one that carries the dual or the momentum, and what is recorded."""

    iterate: np.ndarray
    carrier: np.ndarray
    momentum: float = 1.0
    error: float = 1.0
    misfit: float = 1.0
    nuclear: float = 0.0

    def solution(self) -> np.ndarray:
        return self.iterate


class NuclearNorm(Method):
    """What the nuclear-norm methods share: one SVD of the whole matrix a step."""

    family: ClassVar[str] = "nuclear norm"
    monitors: ClassVar[tuple[str, ...]] = ("error", "misfit", "nuclear")
    problems: ClassVar[tuple[type, ...]] = (Completion, PhotographHoles)

    def init(self, problem: Entries) -> NuclearState:
        zero = np.zeros(problem.truth.shape)
        return NuclearState(iterate=zero, carrier=zero.copy(), misfit=1.0, error=problem.distance(zero))

    def judged(self, problem: Entries, state: NuclearState, values: np.ndarray) -> NuclearState:
        """The step's error, misfit and nuclear norm."""
        state.k += 1
        state.error = problem.distance(state.iterate)
        misfit = problem.seen * state.iterate - problem.filled
        state.misfit = float(np.linalg.norm(misfit) / np.linalg.norm(problem.filled))
        state.nuclear = float(values.sum())
        m, n = problem.truth.shape
        state.work.flops += 14.0 * m * n * min(m, n)
        state.work.solves += 1
        return state


@dataclass(frozen=True)
class SvtCompletion(NuclearNorm):
    """X = D_τ(Y), Y ← Y + δ P_Ω(M − X): Uzawa's method for min τ ‖X‖_* + ½ ‖X‖_F² with the known entries fixed.

    The dual's gradient is P_Ω(M − X), with Lipschitz constant 1: for δ ≤ 2 its norm never grows. τ large comes near
    the least nuclear norm. A step costs an SVD.
    Reference: J.-F. Cai, E. J. Candès, Z. Shen, SIAM J. Optim. 20 (2010) 1956–1982, doi:10.1137/080738970, (2.7).
    """

    title: ClassVar[str] = "singular value thresholding"
    sources: ClassVar[tuple[str, ...]] = ("cai2010",)
    threshold: float = knob(5.0, 0.1, 100.0, log=True, symbol="τ", doc="threshold, over σ_1 of the filled matrix")
    delta: float = knob(1.5, 0.1, 2.0, symbol="δ", live=True, doc="step of the dual ascent")

    def init(self, problem: Entries) -> NuclearState:
        state = super().init(problem)
        tau = self._tau(problem)
        first = np.ceil(tau / (self.delta * np.linalg.norm(problem.filled, 2)))  # before, D_τ(Y) = 0: section 5.1.2
        state.carrier = first * self.delta * problem.filled
        return state

    def step(self, problem: Entries, state: NuclearState) -> NuclearState:
        state.iterate, values = shrunk(state.carrier, self._tau(problem))
        state.carrier = state.carrier + self.delta * (problem.filled - problem.seen * state.iterate)
        return self.judged(problem, state, values)

    def _tau(self, problem: Entries) -> float:
        return self.threshold * float(np.linalg.norm(problem.filled, 2))

    def claims(self, problem: Entries) -> tuple:
        about = dict(title="the misfit of the known entries never grows", assumes="δ ≤ 2", source="cai2010")
        return (monotone("misfit", floor=1e-12, stop=Stop(rtol=0.0, steps=60), **about),)


@dataclass(frozen=True)
class FistaCompletion(NuclearNorm):
    """min F(X) = ½ ‖P_Ω(X − M)‖_F² + λ ‖X‖_*: proximal gradient steps with momentum t_{k+1} = (1 + √(1 + 4 t_k²))/2.

    F(X_k) − F(Z) ≤ 2 ‖Z‖_F²/(k + 1)² for every Z, the truth among them, as X_0 = 0. A step costs an SVD.
    Reference: A. Beck, M. Teboulle, SIAM J. Imaging Sci. 2 (2009) 183–202, doi:10.1137/080716542, theorem 4.4;
    K.-C. Toh, S. Yun, Pac. J. Optim. 6 (2010) 615–640.
    """

    title: ClassVar[str] = "FISTA on the nuclear norm"
    sources: ClassVar[tuple[str, ...]] = ("beck2009", "toh2010")
    penalty: float = knob(0.01, 1e-5, 0.5, log=True, symbol="λ", doc="weight of ‖X‖_*, over σ_1 of the filled matrix")

    def step(self, problem: Entries, state: NuclearState) -> NuclearState:
        before, t = state.iterate, state.momentum
        at = state.carrier
        state.iterate, values = shrunk(at + problem.filled - problem.seen * at, self._weight(problem))
        state.momentum = (1 + np.sqrt(1 + 4 * t * t)) / 2
        state.carrier = state.iterate + (t - 1) / state.momentum * (state.iterate - before)
        return self.judged(problem, state, values)

    def _weight(self, problem: Entries) -> float:
        return self.penalty * float(np.linalg.norm(problem.filled, 2))

    def objective(self, problem: Entries, matrix: np.ndarray) -> float:
        """F(X)."""
        misfit = problem.seen * matrix - problem.filled
        return 0.5 * float(np.sum(misfit**2)) + self._weight(problem) * float(np.linalg.norm(matrix, "nuc"))

    def measures(self, problem: Entries) -> tuple[Measure, ...]:
        def excess(problem, state):
            return self.objective(problem, state.iterate) - self.objective(problem, problem.truth)

        return (Measure("excess", "objective less that of the truth", excess, "F(X) − F(truth)", log=False),)

    def claims(self, problem: Entries) -> tuple:
        squared = problem.norm**2
        return (
            Bound(
                measure="excess",
                curve=lambda k, values: np.where(k > 0, 2 * squared / (k + 1) ** 2, np.inf),
                floor=1e-12 * squared,
                title="F(X_k) − F(truth) ≤ 2 ‖truth‖²/(k + 1)²",
                assumes="steps of length 1, momentum as stated",
                source="beck2009",
                stop=Stop(rtol=0.0, steps=60),
            ),
        )
