"""Scaled descent on the factors of a low-rank matrix: steps that do not know how ill-conditioned it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Flat
from toolkit.core.knob import knob
from toolkit.rank.recovery.factor_descent import (
    FactorDescent,
    SymmetricDescent,
    SymmetricFactors,
    accurate,
    seed,
    size,
    spectral_factors,
)
from toolkit.rank.recovery.problems import PlentifulSensing, Recovery, Sensing


@dataclass(frozen=True)
class ScaledDescent(SymmetricFactors):
    """ScaledGD(λ): X ← X − η A*(A(X Xᵀ) − y) X (XᵀX + λ I)⁻¹, from a tiny random start.

    The damping λ is a fixed share of σ_r, known here as the truth is planted. All directions of the truth grow at once
    and then converge by about 1 − η a step, whatever κ; columns nobody needs stay as small as the start, if A is an
    isometry well enough: in theory m of order n r² times a power of κ, as A*A − I times σ_1 must not outgrow σ_r. With
    m = 40 n r that holds to κ ~ 10, with 10⁴ n r to 100; with fewer, k > r ends in slow steps. A step costs O(k³) more
    than one of gradient descent.
    Reference: X. Xu, Y. Shen, Y. Chi, C. Ma, arXiv:2302.01186 (ICML 2023), equation (3) and theorem 2.
    """

    title: ClassVar[str] = "ScaledGD(λ)"
    sources: ClassVar[tuple[str, ...]] = ("xu2023scaled",)
    alpha: float = size(1e-7)
    damping: float = knob(0.1, 1e-4, 10.0, log=True, symbol="λ", doc="damping, over σ_r")
    eta: float = knob(0.3, 0.01, 1.0, log=True, symbol="η", live=True, doc="step length")
    seed: int = seed()

    def descended(self, problem, state):
        left = state.left
        gram = left.T @ left + self.damping * problem.smallest * np.eye(left.shape[1])
        return left - self.eta * np.linalg.solve(gram, (state.slope @ left).T).T

    def claims(self, problem: Sensing) -> tuple:
        plenty = isinstance(problem, PlentifulSensing) and problem.samples >= 1e4 and problem.side <= 12
        enough = problem.isometric or problem.searched == problem.planted or plenty
        if not problem.clean or not enough or self.alpha > 1e-6 or not 0.05 <= self.damping <= 0.5 or self.eta > 0.4:
            return ()
        flat = Flat(
            over="condition",
            values=(1.0, 10.0, 100.0),
            growth=2.0 if plenty else 1.5,
            title="steps hardly grow with the condition number, from 1 to 100",
            assumes="enough measurements, a tiny start, λ ~ 0.1 σ_r",
            source="xu2023scaled",
            stop=accurate(1e-5, 1000),
        )
        if isinstance(problem, PlentifulSensing) and not plenty:  # too few for more columns than the rank
            return (flat,)
        return (
            flat,
            Beats(
                other=SymmetricDescent(alpha=self.alpha),
                measure="k",
                factor=0.2 if plenty else 0.5,
                on=(problem if plenty else problem.turned(samples=40.0)).turned(condition=30.0, width=2 * problem.rank),
                title=f"{'a fifth' if plenty else 'half'} of gradient descent's steps at κ = 30, or fewer",
                assumes="k > r, the same tiny start",
                source="xu2023scaled",
                stop=accurate(1e-4, 3000),
            ),
        )


def _guarded(gram: np.ndarray) -> np.ndarray:
    """A Gram matrix that can be solved with where columns have died: its rounding added to the diagonal."""
    return gram + (1e-14 * np.trace(gram) + 1e-300) * np.eye(len(gram))


@dataclass(frozen=True)
class ScaledPair(FactorDescent):
    """ScaledGD: F ← F − η A*(r) G (GᵀG)⁻¹, G ← G − η A*(r)ᵀ F (FᵀF)⁻¹, from the spectral start.

    Converges by 1 − 0.6 η a step whatever κ, given k = r and enough measurements; for entries the factors must stay
    incoherent, which the paper enforces by a projection that is idle on the matrices planted here and left out.
    Reference: T. Tong, C. Ma, Y. Chi, J. Mach. Learn. Res. 22 (2021) 150, arXiv:2005.08898, equation (3), theorem 7.
    """

    title: ClassVar[str] = "ScaledGD on F Gᵀ"
    sources: ClassVar[tuple[str, ...]] = ("tong2021",)
    eta: float = knob(0.5, 0.01, 1.0, log=True, symbol="η", live=True, doc="step length")

    def first(self, problem):
        return spectral_factors(problem)

    def moved(self, problem, state):
        left, right, slope = state.left, state.right, state.slope
        across = np.linalg.solve(_guarded(right.T @ right), (slope @ right).T).T
        along = np.linalg.solve(_guarded(left.T @ left), (slope.T @ left).T).T
        return left - self.eta * across, right - self.eta * along

    def claims(self, problem: Recovery) -> tuple:
        sampled = isinstance(problem, Sensing) and not problem.isometric
        if not problem.clean or not sampled or problem.searched != problem.planted or self.eta > 2 / 3:
            return ()
        return (
            Flat(
                over="condition",
                values=(1.0, 3.0, 10.0),
                growth=1.5,
                title="steps hardly grow with the condition number",
                assumes="k = r, a spectral start near enough, no noise",
                source="tong2021",
                stop=accurate(1e-6, 1000),
            ),
        )
