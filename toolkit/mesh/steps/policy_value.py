"""The value of a linear policy in continuous time: closed form, exact moments on a time mesh, sampled paths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob, seed_knob
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem


@dataclass(frozen=True)
class LinearQuadratic(Problem):
    """The value J(t, x) = −E[∫_t^T q X² ds + g X_T² | X_t = x] of dX = −κ X dt + σ dW, X_0 ~ N(0, s²).

    A linear policy on a linear-quadratic problem gives such a process. With τ = T − t and φ = (1 − e^{−2κτ})/2κ,
    J = −(g + (q − 2κg) φ) x² − σ² q (τ − φ)/2κ − σ² g φ. Sought are the three coefficients θ of
    J^θ = −g x² − θ₁ φ x² − θ₂ (τ − φ)/2κ − θ₃ φ, each of which meets the terminal condition.
    With paths = 0 expectations are exact (Gaussian moments), else means over that many paths, the same ones on all
    time meshes, simulated without error.
    Reference: Y. Jia, X. Y. Zhou, J. Mach. Learn. Res. 23 (2022) 1–55, arXiv:2108.06655.
    """

    title: ClassVar[str] = "linear-quadratic value"
    sources: ClassVar[tuple[str, ...]] = ("jia2022",)
    kappa: float = knob(1.0, 0.1, 5.0, log=True, symbol="κ", doc="pull to the origin")
    sigma: float = knob(1.0, 0.1, 5.0, log=True, symbol="σ", doc="noise")
    q: float = knob(1.0, 0.1, 5.0, symbol="q", doc="running cost of x²")
    g: float = knob(1.0, 0.0, 5.0, symbol="g", doc="final cost of x²")
    spread: float = knob(1.0, 0.1, 5.0, log=True, symbol="s", doc="standard deviation at the start")
    horizon: float = knob(1.0, 0.1, 5.0, log=True, symbol="T", doc="final time")
    paths: int = knob(0, 0, 1000, doc="paths that expectations are means of; 0: exact expectations")
    levels: int = knob(10, 3, 12, doc="the finest time mesh has 2^levels steps")
    seed: int = seed_knob("the paths")

    @property
    def truth(self) -> np.ndarray:
        """θ*, the coefficients of the value function."""
        return np.array([self.q - 2 * self.kappa * self.g, self.sigma**2 * self.q, self.sigma**2 * self.g])

    def decay(self, tau):
        """φ(τ) = (1 − e^{−2κτ})/2κ, which is also Var(X_τ | X_0)/σ²."""
        return -np.expm1(-2 * self.kappa * np.asarray(tau, dtype=float)) / (2 * self.kappa)

    def basis(self, tau) -> tuple[np.ndarray, np.ndarray]:
        """(by x² (n, 3), constants (n, 3)) of ∂J^θ/∂θ at times to go τ (n,)."""
        phi, zero = self.decay(tau), np.zeros(len(tau))
        psi = (tau - phi) / (2 * self.kappa)
        return np.column_stack((-phi, zero, zero)), np.column_stack((zero, -psi, -phi))

    def value(self, theta: np.ndarray, tau: float, x: np.ndarray) -> np.ndarray:
        """J^θ with τ to go, at the points x."""
        square, constant = self.basis(np.array([tau]))
        return (square[0] @ theta - self.g) * x**2 + constant[0] @ theta

    def variance(self, t):
        """E X_t²."""
        return self.spread**2 * np.exp(-2 * self.kappa * np.asarray(t)) + self.sigma**2 * self.decay(t)

    @cached_property
    def squares(self) -> np.ndarray:
        """X² on the finest mesh, (paths, 2^levels + 1); exact Gaussian transitions."""
        rng, count = np.random.default_rng(self.seed), 1 << self.levels
        dt = self.horizon / count
        shrink, kick = np.exp(-self.kappa * dt), self.sigma * np.sqrt(self.decay(dt))
        x = np.empty((count + 1, self.paths))
        x[0] = self.spread * rng.standard_normal(self.paths)
        for i in range(count):
            x[i + 1] = shrink * x[i] + kick * rng.standard_normal(self.paths)
        return (x**2).T.copy()

    def seen(self, n: int) -> np.ndarray:
        """X² at the instants of the mesh of n steps, (paths, n + 1)."""
        return self.squares[:, :: (1 << self.levels) // n]

    def pairs(self, n: int) -> np.ndarray:
        """E[w wᵀ] with w = (X_i², X_{i+1}², 1) for every step of the mesh of n steps, (n, 3, 3)."""
        if self.paths:
            x = self.seen(n)
            w = np.stack((x[:, :-1], x[:, 1:], np.ones((self.paths, n))), axis=-1)
            return np.einsum("pia,pib->iab", w, w) / self.paths
        v = self.variance(np.linspace(0, self.horizon, n + 1))
        here, ahead, one = v[:-1], v[1:], np.ones(n)
        cross = here * ahead + 2 * np.exp(-2 * self.kappa * self.horizon / n) * here**2
        rows = [[3 * here**2, cross, here], [cross, 3 * ahead**2, ahead], [here, ahead, one]]
        return np.moveaxis(np.array(rows), -1, 0)

    def futures(self, n: int) -> np.ndarray:
        """E[(X_i², 1) R_i] with R_i the discretised reward to go, −Σ_{j≥i} q X_j² Δt − g X_n², (n, 2)."""
        dt = self.horizon / n
        if self.paths:
            x = self.seen(n)
            togo = -self.q * dt * np.cumsum(x[:, -2::-1], axis=1)[:, ::-1] - self.g * x[:, -1:]
            return np.column_stack(((x[:, :-1] * togo).mean(axis=0), togo.mean(axis=0)))
        # E[R_i | X_i = x] = a x² + b: with m = n − i steps to go, a geometric sum.
        m, v = np.arange(n, 0, -1), self.variance(np.linspace(0, self.horizon, n + 1))[:-1]
        phi, step = self.decay(m * dt), self.decay(dt)
        a = -self.q * dt * phi / step - self.g * np.exp(-2 * self.kappa * m * dt)
        waiting = (m - phi / step) / (2 * self.kappa)
        b = -(self.sigma**2) * (self.q * dt * waiting + self.g * phi)
        return np.column_stack((3 * a * v**2 + b * v, a * v + b))

    def measures(self) -> tuple[Measure, ...]:
        return (VALUE_ERROR,)


def increments(problem: LinearQuadratic, n: int):
    """(Δφ (n, 3, 3), Δf + rΔt (n, 3), φ (n, 3, 3)) in the basis w = (X_i², X_{i+1}², 1); the first index is of steps.

    The increment of M^θ = J^θ + ∫ r over a step is w · (Δφᵀ θ + Δf + rΔt), rewards taken at the left end.
    """
    dt, tau = problem.horizon / n, problem.horizon * (1 - np.arange(n + 1) / n)
    square, constant = problem.basis(tau)
    ahead = np.stack((-square[:-1], square[1:], constant[1:] - constant[:-1]), axis=-1)
    here = np.stack((square[:-1], 0 * square[:-1], constant[:-1]), axis=-1)
    rest = np.tile([problem.g - problem.q * dt, -problem.g, 0.0], (n, 1))
    return ahead, rest, here


def variation_minimiser(problem: LinearQuadratic) -> np.ndarray:
    """The limit of the mean-square TD error's minimiser.

    θ₁ minimises E⟨M⟩_T = 4σ² ∫ (g + θ₁ φ)² E X² dt; θ₂ and θ₃ do not change ⟨M⟩ and minimise what is left at the next
    order in Δt, E ∫ drift² dt with drift = (θ₁ + 2κg − q) X² + (θ₂ − σ²θ₁) φ + θ₃ (1 − 2κφ) − σ²g.
    """
    nodes, weights = np.polynomial.legendre.leggauss(40)
    t, weights = problem.horizon * (nodes + 1) / 2, weights * problem.horizon / 2
    phi, v = problem.decay(problem.horizon - t), problem.variance(t)
    first = -problem.g * float(weights @ (phi * v)) / float(weights @ (phi**2 * v))
    root = np.sqrt(weights)
    columns = np.column_stack((phi, 1 - 2 * problem.kappa * phi))
    left = (first + 2 * problem.kappa * problem.g - problem.q) * v - problem.sigma**2 * (first * phi + problem.g)
    return np.append(first, np.linalg.lstsq(root[:, None] * columns, -root * left, rcond=None)[0])


def _value_error(problem, state) -> float:
    x = np.linspace(-2, 2, 41) * problem.spread
    exact = problem.value(problem.truth, problem.horizon, x)
    return float(np.abs(problem.value(state.theta, problem.horizon, x) - exact).max() / np.abs(exact).max())


VALUE_ERROR = Measure("value_error", "error of the value", _value_error, "max |J^θ − J| / max |J|, t = 0")
