"""Matrix estimation by one thresholded SVD, as a first step for a predictor that must treat like rows alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Order, at_most_one
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.recovery.completion import Completion
from toolkit.rank.recovery.problems import Entries

KEPT = Status("converged", "all singular values above the threshold are kept", "Lower the threshold to keep more")
WHOLE = Stop(rtol=0.0, steps=60)


@dataclass(slots=True, kw_only=True)
class ThresholdState(State):
    """The SVD of the filled matrix, how many of its terms are kept, and what is recorded of the estimate.

    `error` is relative; `mse` is the mean square over all entries, over that of the truth; `raw_error` belongs to the
    filled matrix over p, what stands there without estimation.
    """

    left: np.ndarray
    values: np.ndarray
    right: np.ndarray
    share: float
    raw_error: float
    error: float = 1.0
    mse: float = 1.0

    def solution(self) -> np.ndarray:
        k = self.k
        return (self.left[:, :k] * self.values[:k]) @ self.right[:k] / self.share


def distances(rows: np.ndarray) -> np.ndarray:
    """‖row_i − row_j‖ of all pairs i < j."""
    squares = np.einsum("ij,ij->i", rows, rows)
    table = squares[:, None] + squares - 2 * rows @ rows.T
    return np.sqrt(np.maximum(table[np.triu_indices(len(rows), 1)], 0.0))


def predictions(problem: Entries, features: np.ndarray) -> np.ndarray:
    """A number a row: least squares of least norm on these features, learnt from labels of the first half of the rows.

    Labels are ⟨row of the truth, θ⟩ for a Gaussian θ, with noise a tenth as large. (m, n) to (m,); costs m n²/2.
    """
    labels, noise = labelled(problem)
    half = len(labels) // 2
    return features @ np.linalg.lstsq(features[:half], (labels + noise)[:half], rcond=None)[0]


def labelled(problem: Entries) -> tuple[np.ndarray, np.ndarray]:
    """(labels of all rows, the noise on them)."""
    rng = np.random.default_rng((problem.seed, 4))
    labels = problem.truth @ rng.standard_normal(problem.truth.shape[1])
    return labels, 0.1 * labels.std() * rng.standard_normal(len(labels))


def unfairness(predicted: np.ndarray, apart: np.ndarray) -> float:
    """95th percentile, over pairs of rows, of |f(a) − f(b)| over the distance `apart` of the raw rows."""
    i, j = np.triu_indices(len(predicted), 1)
    pairs = apart > 0
    return float(np.quantile(np.abs(predicted[i] - predicted[j])[pairs] / apart[pairs], 0.95))


def ratio(problem: Entries, state: ThresholdState) -> float:
    """The unfairness of the predictor on the estimate over that on the raw data."""
    raw = problem.filled / state.share
    apart = distances(raw)
    fair, before = (unfairness(predictions(problem, x), apart) for x in (state.solution(), raw))
    return fair / before


def prediction(problem: Entries, state: ThresholdState) -> float:
    """The predictor's error on rows it has not seen, on the estimate over that on the raw data."""
    labels = labelled(problem)[0]
    later = slice(len(labels) // 2, None)
    now, raw = (predictions(problem, x) - labels for x in (state.solution(), problem.filled / state.share))
    return float(np.linalg.norm(now[later]) / np.linalg.norm(raw[later]))


@dataclass(frozen=True)
class ThresholdedSvd(Method):
    """M̂ = Σ_{σ_j ≥ τ} σ_j u_j v_jᵀ/p of the known entries with 0 elsewhere; a step keeps one term more.

    τ = c s (√m + √n), s² the mean square of the filled matrix: what noise of its size alone would show at c = 1.
    The mean square error of a matrix of rank r falls like r/(n p) as the sides grow. Rows that are
    alike are nearer to each other in M̂ than in the raw data over p: a Lipschitz predictor on M̂ treats them alike.
    Watched with least squares as the predictor: what it says of two rows, over their distance in the raw data, and its
    error on rows it has not seen, both over those of the same predictor on raw data. Costs one SVD.
    Reference: C. Y. Zhang, S. H. Cen, D. Shah, arXiv:2302.02096 (ICML 2023); S. Chatterjee, Ann. Statist. 43 (2015)
    177–214, doi:10.1214/14-AOS1272.
    """

    title: ClassVar[str] = "thresholded SVD, once"
    sources: ClassVar[tuple[str, ...]] = ("zhang2023fairness", "chatterjee2015")
    monitors: ClassVar[tuple[str, ...]] = ("error", "mse")
    problems: ClassVar[tuple[type, ...]] = (Entries,)
    no_claim: ClassVar[str] = "what it keeps of a matrix is known where that is planted, and three entries of ten seen"
    factor: float = knob(1.1, 0.1, 10.0, log=True, symbol="c", doc="threshold over the norm that noise would have")

    def init(self, problem: Entries) -> ThresholdState:
        left, values, right = np.linalg.svd(problem.filled, full_matrices=False)
        raw = problem.distance(problem.filled / problem.fraction)
        state = ThresholdState(left=left, values=values, right=right, share=problem.fraction, raw_error=raw)
        state.work.solves = 1
        return self._judged(problem, state)

    def step(self, problem: Entries, state: ThresholdState) -> ThresholdState:
        state.k += 1
        return self._judged(problem, state)

    def threshold(self, problem: Entries, values: np.ndarray) -> float:
        """c s (√m + √n), s² the mean square of a matrix with these singular values."""
        m, n = problem.filled.shape
        return self.factor * float(np.sqrt(np.sum(values**2) / (m * n))) * (np.sqrt(m) + np.sqrt(n))

    def _judged(self, problem: Entries, state: ThresholdState) -> ThresholdState:
        state.error = problem.distance(state.solution())
        state.mse = state.error**2
        state.work.flops += 2.0 * problem.filled.size
        after = state.values[state.k :]
        if not len(after) or after[0] <= self.threshold(problem, state.values):
            state.status = KEPT
        return state

    def measures(self, problem: Entries) -> tuple[Measure, ...]:
        def against_raw(problem, state):
            return state.error / state.raw_error if state.raw_error > 0 else 1.0

        def spread(problem, state):
            estimated = distances(state.solution())
            raw = distances(problem.filled / state.share)
            apart = raw > 0
            return float(np.median(estimated[apart] / raw[apart])) if apart.any() else float("nan")

        return (
            Measure("error_share", "error over that of the raw data", against_raw, "‖M̂ − M‖/‖Z/p − M‖", log=False),
            Measure(
                "distance_share",
                "distances of rows over those of the raw data",
                spread,
                "‖M̂_i − M̂_j‖/‖Z_i/p − Z_j/p‖",
                log=False,
                doc="median over pairs of rows: how much nearer the estimate brings them",
            ),
            Measure(
                "ratio_share",
                "output-to-input distance of a predictor over that on raw data",
                ratio,
                "|f(a) − f(b)|/d(a, b)",
                log=False,
                doc="95th percentile over pairs of rows; least squares on half of the rows predicts",
            ),
            Measure(
                "prediction_share",
                "prediction error over that on raw data",
                prediction,
                log=False,
                doc="root mean square over the half of the rows whose labels were not seen",
            ),
        )

    def claims(self, problem: Entries) -> tuple:
        if not isinstance(problem, Completion) or problem.share < 0.3 or problem.condition > 5 or problem.noise > 1:
            return ()
        about = dict(assumes="low rank, entries missing at random", source="zhang2023fairness", stop=WHOLE)
        square = problem.rows == problem.columns == 60
        found = [
            Order(
                measure="mse",
                p=float(np.log(2 / (1 + 60 / 200)) / np.log(200 / 60)),
                over="columns",
                values=(60, 90, 135, 200),
                at_least=True,
                tol=0.1,
                title="the mean square error falls as rows get longer: r (m + n) unknowns, p m n entries",
                **about,
            )
        ]
        if not square:
            found = []
        if problem.share < 0.9 or problem.noise:
            found += [
                at_most_one(
                    "distance_share",
                    title="rows come nearer to each other than in the raw data",
                    **about,
                ),
                Exact(measure="error_share", tol=1.0, title="the estimate is no worse than the raw data", **about),
            ]
            found += self._fair(problem, about)
        return tuple(found)

    def _fair(self, problem: Completion, about: dict) -> list:
        """Fairer, and no worse: where the rank is kept, and rows are many enough for least squares on raw data."""
        if problem.condition > 1.5 or problem.rows < 3 * problem.columns or problem.share > 0.7:
            return []
        words = {
            "ratio_share": ("predictions of two rows are nearer, for their distance, than from raw data", 1.0),
            "prediction_share": ("predictions are no worse than from raw data, to 5 %", 1.05),
        }
        return [Exact(measure=name, title=title, tol=most, **about) for name, (title, most) in words.items()]
