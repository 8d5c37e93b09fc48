"""Basis update and Galerkin integrators: fixed rank, rank-adaptive, and parallel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob
from toolkit.core.probe import Measure
from toolkit.core.stop import THROUGH
from toolkit.rank.dynamics.integrator import (
    LowRankIntegrator,
    Substeps,
    orthogonal,
    planted,
    rank_knob,
    steps_knob,
    truncation,
)
from toolkit.rank.dynamics.problems import HeatFlow, SchroedingerFlow


def tolerance_knob():
    """The knob for what truncation may leave out."""
    return knob(1e-6, 1e-14, 1.0, log=True, symbol="ϑ", doc="most that truncation leaves out in a step (Frobenius)")


def most_knob():
    """The knob for the largest rank."""
    return knob(30, 1, 60, symbol="r_max", doc="largest rank")


@dataclass(frozen=True)
class Bug(LowRankIntegrator):
    """Basis update and Galerkin, of fixed rank (the unconventional integrator): bases side by side, then the core.

    K′ = F(K V₀ᴴ) V₀ and L′ = F(U₀ Lᴴ)ᴴ U₀ give U₁ = orth K₁, V₁ = orth L₁; S′ = U₁ᴴ F(U₁ S V₁ᴴ) V₁ from
    (U₁ᴴ U₀) S₀ (V₀ᴴ V₁). Nothing is inverted and nothing runs backwards: the error, c₁ h + c₂ ε, does not know the
    singular values. A given A(t) of rank r is reproduced exactly. Three sub-problems of sizes m r, n r, r² a step.
    Reference: G. Ceruti, C. Lubich, BIT 62 (2022) 23–44, doi:10.1007/s10543-021-00873-0, section 3.
    """

    title: ClassVar[str] = "BUG, fixed rank"
    name: ClassVar[str] = "bug_fixed"
    sources: ClassVar[tuple[str, ...]] = ("ceruti2022",)
    steps: int = steps_knob()
    rank: int = rank_knob()

    def leap(self, problem, state, t, h):
        sub = Substeps(problem, state.work, t, h)
        u0, s0, v0 = state.u, state.s, state.v
        u1 = orthogonal(sub.left(u0 @ s0, v0))
        v1 = orthogonal(sub.right(u0, v0 @ s0.conj().T))
        start = (u1.conj().T @ u0) @ s0 @ (v0.conj().T @ v1)
        return u1, sub.core(u1, start, v1), v1

    def claims(self, problem):
        if planted(problem, "given", 0.0, self.rank):
            return (self.promised_exact("ceruti2022"),)
        if planted(problem, "equation", 1e-5, self.rank):
            return self.promised_order(1, "ceruti2022"), self.promised_robust("ceruti2022")
        return ()


def truncated(u: np.ndarray, s: np.ndarray, v: np.ndarray, tolerance: float, most: int) -> tuple:
    """U S Vᴴ cut to the least rank that leaves out at most the tolerance."""
    p, values, qh = np.linalg.svd(s)
    r = truncation(values, tolerance, most)
    return u @ p[:, :r], np.diag(values[:r]).astype(s.dtype), v @ qh[:r].conj().T


class RankAdaptive(LowRankIntegrator):
    """What the rank-adaptive integrators share: the start is truncated by the tolerance too."""

    tolerance: float
    most: int

    def starting_rank(self, problem):
        return truncation(problem.factors[1], self.tolerance, min(self.most, *problem.initial.shape))

    def measures(self, problem):
        def lag(problem, state) -> float:
            needed = truncation(problem.known(state.t)[1], self.tolerance, len(problem.initial))
            return state.rank - needed if needed <= self.most else float("nan")

        about = "r_ϑ: singular values of the solution that a tail of ϑ leaves"
        return (Measure("rank_lag", "rank beyond need", lag, "r − r_ϑ(X)", log=False, doc=about),)

    def claims(self, problem):
        source, roomy = self.sources[0], self.most >= 2 * problem.factors[1].size
        if isinstance(problem, HeatFlow) and 1e-10 <= self.tolerance <= 1e-2:
            title = "rank follows the tolerance: as many singular values as the solution has above it"
            assumes = "no more of them than the largest rank allows"
            return (Exact(measure="rank_lag", tol=1.0, title=title, assumes=assumes, source=source, stop=THROUGH),)
        if isinstance(problem, SchroedingerFlow) and self.tolerance <= 1e-6:
            return (self.promised_order(1, source),) if roomy or problem.n <= self.most else ()
        if planted(problem, "equation", 1e-5, self.most // 2) and self.tolerance <= 1e-6:
            return self.promised_order(1, source, (40, 80, 160)), self.promised_robust(source)
        return ()


@dataclass(frozen=True)
class AugmentedBug(RankAdaptive):
    """Rank-adaptive BUG: bases of old and new together, the Galerkin core in them, then truncation by a tolerance.

    Û = orth(K₁, U₀), V̂ = orth(L₁, V₀), Ŝ′ = Ûᴴ F(Û Ŝ V̂ᴴ) V̂ from Ûᴴ Y₀ V̂; the singular values of Ŝ₁ whose tail is at
    most ϑ go. As Y₀ lies in the bases, norm and energy are kept up to ϑ. The core has up to 2r × 2r entries.
    Reference: G. Ceruti, J. Kusch, C. Lubich, BIT 62 (2022) 1149–1174, doi:10.1007/s10543-021-00907-7, section 3.
    """

    title: ClassVar[str] = "BUG, rank-adaptive"
    name: ClassVar[str] = "bug_augmented"
    sources: ClassVar[tuple[str, ...]] = ("ceruti2022adaptive", "ceruti2022")
    steps: int = steps_knob()
    tolerance: float = tolerance_knob()
    most: int = most_knob()

    def leap(self, problem, state, t, h):
        sub = Substeps(problem, state.work, t, h)
        u0, s0, v0 = state.u, state.s, state.v
        u = orthogonal(u0, sub.left(u0 @ s0, v0))
        v = orthogonal(v0, sub.right(u0, v0 @ s0.conj().T))
        start = (u.conj().T @ u0) @ s0 @ (v0.conj().T @ v)
        return truncated(u, sub.core(u, start, v), v, self.tolerance, self.most)


def sideways(sub: Substeps, u0: np.ndarray, s0: np.ndarray, v0: np.ndarray) -> tuple:
    """(K₁, L₁, S̄₁): three sub-problems that know the old factors only, and so may run at the same time."""
    return sub.left(u0 @ s0, v0), sub.right(u0, v0 @ s0.conj().T), sub.core(u0, s0, v0)


@dataclass(frozen=True)
class ParallelBug(RankAdaptive):
    """Parallel BUG: K, L and S move at the same time, from the old factors only; then bases widen and are truncated.

    K′ = F(K V₀ᴴ) V₀, L′ = F(U₀ Lᴴ)ᴴ U₀, S̄′ = U₀ᴴ F(U₀ S̄ V₀ᴴ) V₀; Û = (U₀, Ũ), V̂ = (V₀, Ṽ),
    Ŝ = [[S̄₁, L₁ᴴ Ṽ], [Ũᴴ K₁, 0]]. Robust of order one. The zero is what the step does not know (η = |Ũᴴ F(Y₀) Ṽ| of it,
    to first order), so that a given A(t) is not reproduced exactly, as it is by BUG in sequence.
    Reference: G. Ceruti, J. Kusch, C. Lubich, SIAM J. Sci. Comput. 46 (2024) B205–B228, doi:10.1137/23M1565103,
    arXiv:2304.05660, section 3; for tensors arXiv:2412.00858.
    """

    title: ClassVar[str] = "BUG, parallel"
    name: ClassVar[str] = "bug_parallel"
    sources: ClassVar[tuple[str, ...]] = ("ceruti2024parallel", "ceruti2024trees")
    steps: int = steps_knob()
    tolerance: float = tolerance_knob()
    most: int = most_knob()

    def leap(self, problem, state, t, h):
        sub = Substeps(problem, state.work, t, h)
        u0, v0, r = state.u, state.v, len(state.s)
        k1, l1, s1 = sideways(sub, u0, state.s, v0)
        u, v = (widened(old, new) for old, new in ((u0, k1), (v0, l1)))
        core = np.zeros((u.shape[1], v.shape[1]), s1.dtype)
        core[:r, :r] = s1
        core[:r, r:] = l1.conj().T @ v[:, r:]
        core[r:, :r] = u[:, r:].conj().T @ k1
        return truncated(u, core, v, self.tolerance, self.most)


def widened(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """(old, Ũ): orthonormal `old` as it is, and what it takes to hold the columns of `new`, as far as there is room."""
    room = min(new.shape[1], len(old) - old.shape[1])
    return np.hstack((old, orthogonal(old, new)[:, old.shape[1] : old.shape[1] + room]))
