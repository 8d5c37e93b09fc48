"""Completion by the nuclear norm: singular value thresholding and FISTA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, monotone
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.stop import Stop
from toolkit.rank.recovery.problems import Entries


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

    monitors: ClassVar[tuple[str, ...]] = ("error", "misfit", "nuclear")
    problems: ClassVar[tuple[type, ...]] = (Entries,)

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
        return (monotone("misfit", floor=1e-12, stop=Stop(rtol=0.0, steps=30), **about),)


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
                stop=Stop(rtol=0.0, steps=30),
            ),
        )
