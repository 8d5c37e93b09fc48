"""The sub-gradient method on the ℓ1 misfit: recovery where some measurements are grossly wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Flat, Order, Rate
from toolkit.core.knob import knob
from toolkit.core.stop import Stop
from toolkit.rank.recovery.factor_descent import SymmetricFactors, accurate, size
from toolkit.rank.recovery.problems import GaussianSensing


@dataclass(frozen=True)
class SubgradientDescent(SymmetricFactors):
    """SubGM: X ← X − η_t Q X/‖Q‖₂, Q = A*(sign(A(X Xᵀ) − y)), a sub-gradient of ‖A(X Xᵀ) − y‖₁ over the factor.

    Signs do not see how wrong an outlier is: Q points along X Xᵀ − M for any gross errors in less than half of the
    measurements. Geometric steps η_t = η ρ^t; "misfit": η_t = η times the mean of |r| over that at the start, for data
    without outliers. Starts at α B, B Bᵀ the positive part of rank k of A*(sign y)/‖·‖₂.
    The error falls like ρ^t down to a floor set by α: where k > r, what nobody needs stays small as it began so.
    All lengths together are η/(1 − ρ): fewer than about κ log(1/α) never lead away from a tiny start, so that a smaller
    α wants a ρ nearer to 1.
    Reference: J. Ma, S. Fattahi, arXiv:2202.08788, SubGM.
    """

    title: ClassVar[str] = "sub-gradient method, ℓ1"
    problems: ClassVar[tuple[type, ...]] = (GaussianSensing,)
    no_claim: ClassVar[str] = "its rate is known for geometric lengths that lead away from the start, κ moderate"
    sources: ClassVar[tuple[str, ...]] = ("ma2022subgradient",)
    lengths: str = knob("geometric", choices=("geometric", "misfit"), doc="how step lengths fall")
    alpha: float = size(1e-3)
    eta: float = knob(0.5, 0.01, 1.0, log=True, symbol="η", live=True, doc="first step length")
    decay: float = knob(0.97, 0.8, 0.9999, symbol="ρ", live=True, doc="step length over the one before")

    def first(self, problem):
        signs = super().pulled(problem, np.sign(problem.data))
        values, vectors = np.linalg.eigh(signs)
        values, vectors = values[::-1][: problem.searched], vectors[:, ::-1][:, : problem.searched]
        factor = self.alpha * vectors * np.sqrt(np.maximum(values, 0) / np.abs(values).max() * problem.largest)
        return factor, factor

    def pulled(self, problem, residual):
        slope = super().pulled(problem, np.sign(residual))
        extent = np.linalg.norm(slope, 2)
        if self.lengths == "misfit":
            extent /= np.abs(residual).mean() / np.abs(problem.data).mean()
        return slope / extent if extent > 0 else slope

    def descended(self, problem, state):
        length = self.eta * (self.decay ** (state.k - 1) if self.lengths == "geometric" else 1.0)
        return state.left - length * (state.slope @ state.left)

    def claims(self, problem: GaussianSensing) -> tuple:
        if not self._leads(problem):
            return ()
        about = dict(source="ma2022subgradient", assumes="Gaussian measurements, less than a third of them wrong")
        found = [
            Exact(
                measure="error",
                tol=1e-4 if problem.searched == problem.rank else 0.2 * self.alpha,
                title="recovers the truth, outliers or not",
                stop=Stop(rtol=0.0, steps=500),
                **about,
            ),
        ]
        if self._plenty(problem):
            found.append(
                Flat(
                    over="width",
                    values=(problem.rank, 2 * problem.rank, problem.side),
                    growth=1.3,
                    title="needs no more steps with too many columns",
                    stop=accurate(0.5 * self.alpha, 1000),
                    **about,
                )
            )
        found += self._falls(problem, about)
        return tuple(found)

    def _leads(self, problem: GaussianSensing) -> bool:
        """Whether the lengths are of the size that leads from the start to the truth, and the data are such."""
        lengths = self.lengths == "geometric" and 0.965 <= self.decay <= 0.975 and 0.4 <= self.eta <= 0.6
        data = not problem.noise and problem.outliers <= 0.3 and problem.condition <= 5
        return lengths and data and 1e-3 <= self.alpha <= 1e-2

    def _plenty(self, problem: GaussianSensing) -> bool:
        """Whether there are measurements enough for k = n columns, m ~ n k, and more where some are wrong."""
        return problem.samples * problem.rank >= 5 * problem.side or (problem.isometric and not problem.outliers)

    def _falls(self, problem: GaussianSensing, about: dict) -> list:
        """How fast, and how far: ρ^t where the lengths carry it, to a floor that α sets where k > r."""
        exact = problem.searched == problem.rank
        if not self._plenty(problem) or (self.alpha > 3e-3 and not exact):  # the floor would be seen too soon
            return []
        fall = Rate(
            measure="error",
            factor=self.decay,
            sharp=exact,
            floor=1e-9 if exact else 0.1 * self.alpha,
            tol=0.1,
            title="the error falls like the lengths, by ρ a step",
            stop=Stop(rtol=0.0, steps=600),
            **about,
        )
        floor = Order(
            measure="error",
            p=1.0,
            over="alpha",
            values=(0.1, 0.03, 0.01, 0.003, 0.001),
            growing=True,
            at_least=True,
            tol=0.25,  # the exponent loses what A lacks of an isometry
            title="the floor falls at least like the size of the start",
            stop=Stop(rtol=0.0, steps=400),
            **about,
        )
        return [fall] if exact else [fall, floor]
