"""The unified framework: at every step a time, a prediction, an order and a way to estimate derivatives; its space."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.sampler.fitted.empirical import derivatives
from toolkit.sampler.laws.schedules import GRIDS, time_grid
from toolkit.sampler.solvers.deis import STARTS, fine, runge_kutta
from toolkit.sampler.solvers.sampler import Sampler
from toolkit.sampler.solvers.unipc import phi

MOST = 3  # order of a step at most
FIXED = tuple((kind, order, low) for kind in (0, 1) for order, low in ((1, 0), (2, 0), (3, 0), (3, 1)))
PREDICTIONS = ("data", "noise")


def unified_step(process, x, history: list, t: float, choice) -> np.ndarray:
    """x at t by the exponential integrator of the last `order` outputs, choice = (prediction, order, low).

    prediction 0 (data): (σ_t/σ_s) x + α_t Σ_k h^{k+1} φ_{k+1}(−h) m^{(k)}; 1 (noise): (α_t/α_s) x −
    σ_t Σ_k h^{k+1} φ_{k+1}(h) ε^{(k)}; derivatives in λ of the polynomial through the last outputs, or if `low` each
    from the fewest. history: (t, x, x₀), newest last.
    Reference: E. Liu et al. (2024), arXiv:2312.07243, eq. 4–8 and Sec. 3.2.
    """
    noise, order, low = (round(float(one)) for one in choice)
    known = history[: -min(order, len(history)) - 1 : -1]
    nodes = [float(process.log_snr(u)) for u, _, _ in known]
    s, h = known[0][0], float(process.log_snr(t)) - nodes[0]
    outputs = [(y - process.alpha(u) * x0) / process.sigma(u) if noise else x0 for u, y, x0 in known]
    front, rest = (process.alpha, -process.sigma(t)) if noise else (process.sigma, process.alpha(t))
    out = front(t) / front(s) * x
    for k, slope in enumerate(derivatives(nodes, outputs, bool(low))):
        out = out + rest * h ** (k + 1) * phi(k + 1, h if noise else -h) * slope
    return out


@dataclass(frozen=True)
class Space:
    """The schedules of N steps between two times. One is a vector (4N,): log increments of λ, and the choices.

    Reference: E. Liu et al. (2024), arXiv:2312.07243, Sec. 3 (of its components: time, prediction, order of Taylor's
    formula and low-order derivatives; scalings of the derivatives and correctors are left out).
    """

    process: object
    end: float
    steps: int

    def times(self, schedule: np.ndarray) -> np.ndarray:
        """The times, shape (N + 1,), falling."""
        parts = np.exp(schedule[: self.steps] - schedule[: self.steps].max())
        first, last = self.process.log_snr(self.process.start), self.process.log_snr(self.end)
        level = first + (last - first) * np.cumsum(parts)[:-1] / parts.sum()
        return np.array([self.process.start, *self.process.time(level), self.end])

    def choices(self, schedule: np.ndarray) -> np.ndarray:
        """(prediction, order, low) of each step, shape (N, 3)."""
        return schedule[self.steps :].reshape(3, self.steps).T

    def fixed(self) -> np.ndarray:
        """Every schedule with one choice for all steps on one of the grids, (32, 4N)."""
        rows = []
        for grid in GRIDS:
            level = self.process.log_snr(time_grid(self.process, grid, self.steps, self.end))
            increments = np.log(np.diff(level))
            rows += [np.concatenate((increments, np.repeat(np.array(one, float), self.steps))) for one in FIXED]
        return np.array(rows)

    def even(self, choice) -> np.ndarray:
        """One choice for all steps, even in λ."""
        return np.concatenate((np.zeros(self.steps), np.repeat(np.array(choice, float), self.steps)))

    def offspring(self, parents: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """n schedules, (n, 4N): two parents crossed at every step, then some steps changed."""
        steps = self.steps
        mothers, fathers = parents[rng.integers(len(parents), size=(2, n))]
        heirs = np.where(np.tile(rng.random((n, steps)) < 0.5, 4), mothers, fathers)
        change = rng.random((n, 4, steps)) < np.array([0.4, 0.1, 0.1, 0.1])[:, None]
        heirs[:, :steps] += np.where(change[:, 0], 0.3 * rng.standard_normal((n, steps)), 0)
        for place, (low, high) in enumerate(((0, 2), (1, MOST + 1), (0, 2)), 1):
            drawn = rng.integers(low, high, size=(n, steps))
            part = slice(place * steps, (place + 1) * steps)
            heirs[:, part] = np.where(change[:, place], drawn, heirs[:, part])
        return heirs

    def sampled(self, problem, x: np.ndarray, schedule: np.ndarray) -> np.ndarray:
        """x at the end, from x at the start: N evaluations."""
        history, choices = [], self.choices(schedule)
        for (s, t), choice in zip(pairwise(self.times(schedule)), choices):
            history = [*history, (s, x, problem.denoise(x, s))][-MOST:]
            x = unified_step(self.process, x, history, t, choice)
        return x


def predicted(known: np.ndarray, errors: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """log errors at `asked` by kernel ridge regression on those known; Gaussian kernel, width the median distance."""
    scale = np.maximum(known.std(axis=0), 1e-3)
    known, asked = known / scale, asked / scale
    apart = squares(known, known)
    width = np.median(apart) + 1e-12
    kernel = np.exp(-apart / width) + 1e-3 * np.eye(len(known))
    value = np.log(np.maximum(errors, 1e-300))
    weights = np.linalg.solve(kernel, value - value.mean())
    return np.exp(-squares(asked, known) / width) @ weights + value.mean()


def squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|a_i − b_j|², (len(a), len(b))."""
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0)


@dataclass(frozen=True)
class UnifiedSolver(Sampler):
    """The unified framework's step with one choice for all: prediction, order, how derivatives are estimated.

    The exponential integrator through the last `degree` outputs, with exact weights φ_k: order `degree`. One evaluation
    a step. The first steps are of lower orders, which leaves order 2 in the end (late: noise is large there, and errors
    weigh little); or ρRK's of order four (four evaluations each).
    Reference: E. Liu, X. Ning, H. Yang, Y. Wang (2024), arXiv:2312.07243, Sec. 3.1.
    """

    title: ClassVar[str] = "unified solver"
    sources: ClassVar[tuple[str, ...]] = ("liu2024usf",)
    memory: ClassVar[int] = MOST
    prediction: str = knob("noise", choices=PREDICTIONS, doc="what is extrapolated")
    degree: int = knob(2, 1, MOST, symbol="p", doc="order")
    low: bool = knob(False, doc="each derivative from the fewest outputs")
    start: str = knob("lower orders", choices=STARTS, doc="the first steps")

    @property
    def order(self) -> float:
        return float(min(self.degree, 2) if self.low or self.start != "Runge–Kutta" else self.degree)

    def label(self) -> str:
        return f"{self.title}, {self.prediction}, order {self.degree}"

    def leap(self, problem, state, s, t):
        denoised = self.predict_start(problem, state, s)
        if self.start == "Runge–Kutta" and state.i < self.degree - 1:
            return runge_kutta(self, problem, state, problem.implied_noise(state.x, denoised, s), s, t, "RK4")
        choice = PREDICTIONS.index(self.prediction), self.degree, self.low
        return unified_step(problem.process, state.x, state.history, t, choice)

    def claims(self, problem):
        more = self.degree > self.order or (self.degree == 3 and problem.gaussian)  # as UniP-3 there
        return self.promised_order(problem, at_least=more, **fine(problem, self.order))
