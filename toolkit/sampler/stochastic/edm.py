"""Samplers whose step is a formula in x and a few normal draws, and the law they sample; the stochastic one of EDM."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.probe import Measure
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.sampler.laws.measures import NAN, ROUNDING
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.laws.schedules import GRIDS
from toolkit.sampler.solvers.sampler import Sampler
from toolkit.sampler.solvers.step_ladder import StepLadder

MOST_CHURN = np.sqrt(2) - 1  # a step never adds more noise than there is
CROWDED = 3.0  # the least ρ for which some hundred steps show the order


class Drawing(Sampler):
    """A sampler that gives `moved`: x at t as a formula in x at s and `draws` standard normal arrays.

    On a Gaussian problem that formula is affine, and so the law it samples is known exactly: see `law`.
    """

    draws: ClassVar[int] = 1

    def moved(self, problem, predict, x: np.ndarray, s: float, t: float, draws: list) -> np.ndarray:
        """x at t, shape (n, d); `predict(x, t)` is E[x₀|x], one evaluation a call."""
        raise NotImplementedError

    def leap(self, problem, state, s, t):
        count = self.draws if self.stochastic else 0
        draws = [problem.fresh_noise(state.i * count + j) for j in range(count)]
        return self.moved(problem, lambda x, u: self.predict(problem, state, x, u), state.x, s, t, draws)

    def law(self, problem, times) -> tuple[np.ndarray, np.ndarray]:
        """(mean (d,), covariance (d, d)) of what is sampled over the times, on a problem whose denoiser is affine.

        A step moves m to f(m, 0) and C to A C Aᵀ + Σ_j B_j B_jᵀ; the columns of A and B_j are differences of f.
        """
        mean, covariance = problem.moments(float(times[0]))
        d, count = problem.dim, self.draws if self.stochastic else 0
        unit = np.eye(d)
        pushed = np.vstack([np.zeros((1, d)), unit, np.zeros((count * d, d))])
        draws = [np.zeros_like(pushed) for _ in range(count)]
        for j, draw in enumerate(draws):
            draw[1 + (j + 1) * d : 1 + (j + 2) * d] = unit
        for s, t in pairwise(map(float, times)):
            moved = self.moved(problem, problem.denoise, mean + pushed, s, t, draws)
            mean, rows = moved[0], moved[1:] - moved[0]
            covariance = rows[:d].T @ covariance @ rows[:d] + rows[d:].T @ rows[d:]
        return mean, covariance

    def law_error(self, problem, state) -> float:
        """√(|m − m*|² + |C^{1/2} − C*^{1/2}|²) ≥ W₂ from the sampled law to p at the end; NaN before the end."""
        if state.i < len(state.times) - 1:
            return NAN
        mean, covariance = self.law(problem, state.times)
        wanted, exact = problem.moments(state.t)
        return float(np.hypot(np.linalg.norm(mean - wanted), np.linalg.norm(root(covariance) - root(exact))))

    def measures(self, problem):
        if not problem.gaussian:
            return ()
        about = dict(symbol="W₂", doc="bound on W₂ from the sampled Gaussian to the exact one, without particles")
        return (Measure("law_error", "error of the law", self.law_error, **about),)

    def promised_law(self, problem, p: float, **about) -> tuple:
        """The claim that on a Gaussian the error of the law falls like steps^−p."""
        if not problem.gaussian:
            return ()
        options = dict(
            title=f"error of the law ∝ N^−{p:g}", assumes="a Gaussian, the exact score", stop=THROUGH, tol=0.15
        )
        options |= dict(source=self.sources[0], values=(64, 128, 256, 512), floor=ROUNDING)
        return (Order(measure="law_error", p=p, over="steps", **(options | about)),)


def root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root of a positive semidefinite matrix."""
    values, frame = np.linalg.eigh(matrix)
    return (frame * np.sqrt(np.maximum(values, 0))) @ frame.T


@dataclass(frozen=True)
class EDMStochastic(Drawing):
    """Heun's rule for dy/dr = (y − x₀)/r, y = x/α, r = σ/α, after noise is added: r̂ = (1 + γ) r at each step.

    γ = min(S_churn/N, √2 − 1) where S_tmin ≤ r ≤ S_tmax, else 0; y gets √(r̂² − r²) S_noise z. Noise added and removed
    forgets earlier errors. Two evaluations a step (one without the correction). No churn: order 2 against the flow;
    with churn the law is met, to the same order, if S_noise = 1.
    Reference: T. Karras, M. Aittala, T. Aila, S. Laine (2022), arXiv:2206.00364, Alg. 2, in y = x/α for any α.
    """

    title: ClassVar[str] = "EDM, stochastic"
    sources: ClassVar[tuple[str, ...]] = ("karras2022",)
    clock: ClassVar[str] = "ρ"
    grid: str = knob("Karras", choices=GRIDS, doc="how the times are spaced")
    churn: float = knob(20.0, 0.0, 1000.0, symbol="S_churn", doc="noise added over the whole run; 0: none")
    churn_from: float = knob(0.05, 0.0, 1e3, symbol="S_tmin", doc="least σ/α at which noise is added")
    churn_to: float = knob(50.0, 0.0, 1e9, log=True, symbol="S_tmax", doc="largest σ/α at which noise is added")
    churn_noise: float = knob(1.0, 0.9, 1.1, symbol="S_noise", doc="standard deviation of the added noise")
    heun: bool = knob(True, doc="correct each step by Heun's rule; else Euler's")

    @property
    def stochastic(self) -> bool:
        return self.churn > 0

    @property
    def order(self) -> float:
        return 2.0 if self.heun else 1.0

    @property
    def stages(self) -> int:
        return 2 if self.heun else 1

    def moved(self, problem, predict, x, s, t, draws):
        process = problem.process
        alpha, r, lower = process.alpha(s), self.noise_level(problem, s), self.noise_level(problem, t)
        y = x / alpha
        if self.churn and self.churn_from <= r <= self.churn_to:  # lines 4 to 6
            higher = r * (1 + min(self.churn / self.steps, MOST_CHURN))
            y = y + np.sqrt(higher**2 - r**2) * self.churn_noise * draws[0]
            r, s = higher, float(process.time(-np.log(higher)))
            x = process.alpha(s) * y
        slope = (y - predict(x, s)) / r
        ahead = y + (lower - r) * slope
        if self.heun:  # lines 9 to 11
            other = (ahead - predict(process.alpha(t) * ahead, t)) / lower
            ahead = y + 0.5 * (lower - r) * (slope + other)
        return process.alpha(t) * ahead

    def label(self) -> str:
        if self.stochastic:
            return self.title
        return f"EDM, {'Heun' if self.heun else 'Euler'}" + (f", ρ = {self.rho:g}" if self.grid == "Karras" else "")

    def claims(self, problem):
        if not self.stochastic:  # with ρ near 1, or none, the last steps are too long to see an order
            seen = self.grid == "log-SNR" or (self.grid == "Karras" and self.rho >= CROWDED)
            return self.promised_order(problem) if seen else ()
        return self.promised_law(problem, self.order) if self.churn_noise == 1 else ()


EXPERIMENTS = (
    Experiment(
        "churn",
        "Does noise heal?",
        "Errors made early are forgotten when noise is added and removed again. How much churn is best for few steps?",
        PlaneMixture(particles=20_000),
        (EDMStochastic(steps=24, churn=0.0), EDMStochastic(steps=24, churn=10.0), EDMStochastic(steps=24, churn=80.0)),
        THROUGH,
        measure="sliced_wasserstein",
        against="nfe",
        picture="cloud",
    ),
    Experiment(
        "karras-rho",
        "Where should the steps be?",
        "Heun's rule each time; ρ = 1 spaces the noise evenly, ρ = 7 crowds the steps at its end. What is it worth?",
        PlaneMixture(particles=256, schedule="EDM"),
        tuple(StepLadder(sampler=EDMStochastic(churn=0.0, rho=rho)) for rho in (1.0, 3.0, 7.0)),
        THROUGH_GROWTH,
        measure="final_error",
        against="evaluations",
    ),
)
