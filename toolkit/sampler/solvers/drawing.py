"""Samplers whose step is a formula in x and a few normal draws, and the law they sample, known where it is Gaussian."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Order
from toolkit.core.probe import Measure
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.measures import NAN, ROUNDING
from toolkit.sampler.solvers.sampler import Sampler

LADDER = 64, 128, 256, 512  # steps


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
        if not problem.gaussian or not self.small_steps(problem, LADDER[0]):
            return ()
        assumes = "a Gaussian, the exact score, no step above 1/2 in log(α/σ)"
        options = dict(title=f"error of the law ∝ N^−{p:g}", assumes=assumes, stop=THROUGH, tol=0.15)
        options |= dict(source=self.sources[0], values=LADDER, floor=ROUNDING)
        return (Order(measure="law_error", p=p, over="steps", **(options | about)),)


def root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root of a positive semidefinite matrix."""
    values, frame = np.linalg.eigh(matrix)
    return (frame * np.sqrt(np.maximum(values, 0))) @ frame.T
