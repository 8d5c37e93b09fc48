"""Bayesian linear regression in mini-batches: the law at rest is Gaussian, its moments are exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem


@dataclass(frozen=True)
class MinibatchRegression(Problem):
    """Bayesian linear regression sampled by dθ = M⁻¹ r dt, dr = −∇U dt − γ r dt + √(2γM) dW, in K mini-batches.

    U(θ) = |y − Xθ|²/2 + |θ|²/2 = mean of U_i, U_i = K |y_i − X_iθ|²/2 + |θ|²/2. At rest θ ~ N(H⁻¹Xᵀy, H⁻¹) with
    H = XᵀX + I, and r ~ N(0, M) with M = N I, so that time is in units of the slowest oscillation, about.
    Reference: G. Franzese, D. Milios, M. Filippone, P. Michiardi (2021), arXiv:2106.16200, eq. 2 and Sec. 4.
    """

    title: ClassVar[str] = "linear regression in mini-batches"
    sources: ClassVar[tuple[str, ...]] = ("franzese2021",)
    rows: int = knob(48, 12, 10_000, log=True, symbol="N", doc="observations")
    features: int = knob(2, 1, 3, symbol="d", doc="unknowns")
    batches: int = knob(4, 2, 6, symbol="K", doc="mini-batches")
    friction: float = knob(1.0, 0.05, 20.0, log=True, symbol="γ", doc="friction")
    seed: int = seed_knob("the data")

    @cached_property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """(X (N, d), y (N,))."""
        generator = np.random.default_rng(self.seed)
        x = generator.standard_normal((self.rows, self.features))
        return x, x @ np.ones(self.features) + generator.standard_normal(self.rows)

    @cached_property
    def forces(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """[(H_i, g_i), …] with ∇U_i = H_i θ − g_i, the mean over all batches last."""
        x, y = self.data
        parts = [(x[i :: self.batches], y[i :: self.batches]) for i in range(self.batches)]
        found = [(self.batches * a.T @ a + np.eye(self.features), self.batches * a.T @ b) for a, b in parts]
        return [*found, (x.T @ x + np.eye(self.features), x.T @ y)]

    @cached_property
    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """(mean (2d,), covariance (2d, 2d)) of (θ, r) at rest."""
        curvature, pull = self.forces[-1]
        d, covariance = self.features, np.linalg.inv(curvature)
        whole = np.zeros((2 * d, 2 * d))
        whole[:d, :d], whole[d:, d:] = covariance, self.rows * np.eye(d)
        return np.concatenate([covariance @ pull, np.zeros(d)]), whole

    def distance(self, moments: np.ndarray) -> float:
        """√(|m|² + |C − I|²) in the coordinates where the law at rest is N(0, I); moments = (1, m, vec E[zzᵀ])."""
        n = 2 * self.features
        mean, second = moments[1 : n + 1], moments[n + 1 :].reshape(n, n)
        wanted, covariance = self.posterior
        white = np.linalg.inv(np.linalg.cholesky(covariance))
        apart = white @ (second - np.outer(mean, mean) - covariance) @ white.T
        return float(np.hypot(np.linalg.norm(white @ (mean - wanted)), np.linalg.norm(apart)))


CASES = (MinibatchRegression(), MinibatchRegression(features=1, batches=3, friction=2.0))
