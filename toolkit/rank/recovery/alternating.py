"""Completion by alternating minimisation, exact and sketched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.claims import Exact, Order, Rate
from toolkit.core.knob import knob, seed_knob
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.stop import Stop
from toolkit.rank.recovery.completion import Completion
from toolkit.rank.recovery.factor_descent import spectral_factors
from toolkit.rank.recovery.problems import Entries

TINY = 1e-13
NEAR = 0.5  # sine of the largest angle between the spaces of the iterate and of the truth


@dataclass(slots=True, kw_only=True)
class SweepState(State):
    """X = left @ rightᵀ; error, misfit on the known entries (both relative); flops of the last sweep and its passes.

    A pass goes over the known entries once for each factor: one for exact least squares, one an inner iteration else.
    """

    left: np.ndarray
    right: np.ndarray
    error: float = 1.0
    misfit: float = 1.0
    sweep_flops: float = 0.0
    passes: float = 0.0

    def solution(self) -> np.ndarray:
        return self.left @ self.right.T


def _regularised(grams: np.ndarray) -> np.ndarray:
    """Gram matrices (rows, k, k) that can be inverted: a row with fewer known entries than k has many solutions."""
    k = grams.shape[-1]
    return grams + (TINY * np.trace(grams, axis1=1, axis2=2).max() + 1e-300) * np.eye(k)


def exact_rows(seen: np.ndarray, filled: np.ndarray, other: np.ndarray, before: np.ndarray) -> tuple:
    """(rows that fit the known entries best, flops, 1 pass): all i, min Σ_j seen_ij (u_iᵀ v_j − y_ij)².

    By normal equations. seen, filled (m, n), other (n, k). Costs |Ω| k² + m k³/3. Solved for the change, so that
    rounding does not pile up.
    """
    k = other.shape[1]
    pairs = (other[:, :, None] * other[:, None, :]).reshape(len(other), k * k)
    grams = _regularised((seen @ pairs).reshape(-1, k, k))
    slopes = (filled - seen * (before @ other.T)) @ other
    change = np.linalg.solve(grams, slopes[:, :, None])[:, :, 0]
    return before + change, float(seen.sum() * (k * (k + 1) + 4 * k) + len(seen) * (k**3 / 3 + 2 * k**2)), 1.0


def sketched_rows(seen, filled, other, before, tolerance, buckets, rng) -> tuple:
    """(rows, flops, passes): the same least squares inexactly, by conjugate gradients preconditioned with sketches.

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
    entries, passes = float(seen.sum()), 2.0  # the sketch and the slopes
    flops = 8 * entries * k + m * (buckets * k**2 + k**3)
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
        worked = float(seen[active].sum())
        passes += worked / entries
        flops += 4 * worked * k + float(active.sum()) * (4 * k**2 + 10 * k)
    return rows, flops, passes


def spaces(problem: Completion) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal bases of the truth's columns (m, r) and rows (n, r), kept."""

    def made() -> tuple:
        left, _, right = np.linalg.svd(problem.truth, full_matrices=False)
        return frozen(left[:, : problem.planted]), frozen(right[: problem.planted].T)

    return remembered(problem, "spaces of the truth", made)


def least_shown(problem: Completion) -> float:
    """g: the least eigenvalue of Σ_j v_j v_jᵀ/p over the entries j known of a row, over all rows, and of columns too.

    One if all are known; zero where a row has fewer than r. It is what makes the least squares of a sweep well posed:
    near the truth the error falls faster than by 1 − g a sweep, as measured on a thousand random matrices.
    """

    def least(seen: np.ndarray, basis: np.ndarray) -> float:
        pairs = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)
        return float(np.linalg.eigvalsh((seen @ pairs).reshape(-1, *[basis.shape[1]] * 2))[:, 0].min())

    left, right = spaces(problem)
    return min(least(problem.seen, right), least(problem.seen.T, left)) / problem.fraction


def beside(problem: Completion, state: SweepState) -> float:
    """The sine of the largest angle between the truth's spaces and those of the iterate; NaN where it has none."""
    if not problem.planted:
        return float("nan")
    found = (np.linalg.qr(factor)[0] for factor in (state.left, state.right))
    return max(float(np.linalg.norm(one - q @ (q.T @ one), 2)) for one, q in zip(spaces(problem), found))


class Alternating(Method):
    """What both alternating minimisations share: spectral start, a step solves for U and then for V."""

    monitors: ClassVar[tuple[str, ...]] = ("error", "misfit", "sweep_flops", "passes")
    linear: ClassVar[tuple[str, ...]] = ("passes",)
    problems: ClassVar[tuple[type, ...]] = (Entries,)
    no_claim: ClassVar[str] = "its rate is known for incoherent matrices of rank k, enough entries and no noise"
    tolerance: ClassVar[float] = 0.0  # of the least squares of a sweep: solved exactly

    def init(self, problem: Entries) -> SweepState:
        left, right = spectral_factors(problem)
        return self._judged(problem, SweepState(left=left, right=right))

    def step(self, problem: Entries, state: SweepState) -> SweepState:
        state.k += 1
        right = np.linalg.qr(state.right)[0]
        start = state.left @ (state.right.T @ right)
        left, first, once = self.rows(problem.seen, problem.filled, right, start, 2 * state.k)
        state.left, triangle = np.linalg.qr(left)
        start = right @ triangle.T
        state.right, second, again = self.rows(problem.seen.T, problem.filled.T, state.left, start, 2 * state.k + 1)
        state.sweep_flops, state.passes = first + second, (once + again) / 2
        state.work.flops += state.sweep_flops
        state.work.solves += sum(problem.seen.shape)
        return self._judged(problem, state)

    def _judged(self, problem: Entries, state: SweepState) -> SweepState:
        now = state.solution()
        state.error = problem.distance(now)
        state.misfit = float(np.linalg.norm(problem.seen * now - problem.filled) / np.linalg.norm(problem.filled))
        return state

    def measures(self, problem: Entries) -> tuple[Measure, ...]:
        def pass_flops(problem, state):
            return state.sweep_flops / state.passes if state.passes else float("nan")

        def near(problem, state):
            return state.error if beside(problem, state) <= NEAR else float("nan")

        doc = "not asked before both spaces are within 30° of those of the truth"
        return (
            Measure("pass_flops", "flops of a pass over the known entries", pass_flops, "flops"),
            Measure("near_error", "error once near the truth", near, "‖X − M‖/‖M‖", doc=doc),
        )

    def claims(self, problem: Entries) -> tuple:
        plenty = isinstance(problem, Completion) and problem.share >= 0.4 and problem.condition <= 5
        if not plenty or not problem.clean or problem.searched != problem.planted:
            return ()
        shown = least_shown(problem)
        if shown < 0.15:
            return ()
        assumes = "k = r, no noise; every row and column shows a share g of the truth's spaces; judged once near it"
        floor = max(1e-11, 1e3 * self.tolerance)
        if floor > 1e-4 or problem.fraction == 1:  # too few sweeps above what the tolerance, or the start, leaves
            return self.more(problem, assumes)
        return (
            Rate(
                measure="near_error",
                factor=1 - shown,
                floor=floor,
                start=0.2,
                title=f"the error falls by 1 − g = {1 - shown:.2f} in every sweep, or faster",
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
                measure="near_error",
                tol=1e-10,
                title="recovers the matrix",
                assumes=assumes,
                source="jain2013",
                stop=Stop(measure="error", rtol=0.0, atol=1e-11, steps=200),
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
    instead of O(|Ω| k²). Conjugate gradients end after k iterations at the latest, so that passes grow with small k
    before log 1/ε bounds them. The paper iterates by gradient descent on the whitened problem; conjugate gradients need
    no bound on the sketch's distortion.
    Reference: Y. Gu, Z. Song, J. Yin, L. Zhang, arXiv:2302.11068 (ICLR 2024), robust alternating minimisation.
    """

    title: ClassVar[str] = "alternating minimisation, sketched"
    sources: ClassVar[tuple[str, ...]] = ("gu2024", "jain2013")
    tolerance: float = knob(1e-4, 1e-12, 0.1, log=True, symbol="ε", doc="residual slope that ends a solve, relative")
    buckets: int = knob(4, 2, 16, doc="rows of a sketch over k")
    seed: int = seed_knob("the sketches")

    def rows(self, seen, filled, other, before, number):
        """The rows of one factor, and the flops; the sketch of every half sweep is a new one."""
        rng = np.random.default_rng((self.seed, number))
        return sketched_rows(seen, filled, other, before, self.tolerance, self.buckets * other.shape[1], rng)

    def more(self, problem, assumes):
        about = dict(assumes=assumes, source="gu2024")
        first = dict(p=1.0, growing=True, stop=Stop(rtol=0.0, steps=1), **about)
        found = [
            Exact(
                measure="near_error",
                tol=10 * self.tolerance,
                title="follows exact sweeps down to its tolerance",
                stop=Stop(measure="error", rtol=0.0, atol=5 * self.tolerance, steps=200),
                **about,
            ),
            Order(
                measure="sweep_flops",
                over="share",
                values=(0.4, 0.5, 0.65, 0.8),
                tol=0.2,  # factors of the sketches cost the same whatever is known
                title="flops of a sweep in proportion to the known entries",
                **first,
            ),
        ]
        if min(problem.rows, problem.columns) >= 150:  # many known entries a row beside k²
            found.append(
                Order(
                    measure="pass_flops",
                    over="rank",
                    values=(3, 5, 7, 10),
                    tol=0.2,
                    title="flops of a pass in proportion to the columns, not to their square",
                    **first,
                )
            )
        return tuple(found)
