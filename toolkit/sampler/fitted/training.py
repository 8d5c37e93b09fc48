"""What samplers with fitted or searched coefficients share: particles to train on, their exact paths, fits kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse.csgraph import connected_components

from toolkit.core.errors import Breakdown, KnobError
from toolkit.core.loading import loading
from toolkit.core.method import Method
from toolkit.core.status import Status
from toolkit.sampler.laws.following import Followed
from toolkit.sampler.laws.measures import NAN, rms
from toolkit.sampler.laws.particles import Particles
from toolkit.sampler.solvers.sampler import SamplerState

TRAINING = 11  # the stream of the training particles: none of them is among those that are sampled
RTOL, ATOL = 1e-9, 1e-10
GAP = 4.0


def draws(problem, n: int, key: int = TRAINING) -> tuple[np.ndarray, np.ndarray]:
    """n data and as much standard normal noise, each (n, d), independent of the problem's particles."""
    return problem.draw(problem.stream(key), n), problem.stream(key, 1).standard_normal((n, problem.dim))


def noises(problem, n: int) -> np.ndarray:
    """n training particles at the start, exact draws of p_T, shape (n, d)."""
    data, noise = draws(problem, n)
    start = problem.process.start
    return problem.process.alpha(start) * data + problem.process.sigma(start) * noise


def connected(problem) -> bool:
    """Whether the law is one in closed form whose components hang together, by links of at most 4 breadths.

    Across wider gaps a few particles carry the error, and those of the training are not those that are sampled.
    """
    if not problem.closed_form or problem.gaussian:
        return problem.closed_form
    _, means, widths = problem.parts
    square = (means**2).sum(axis=1)
    apart = square[:, None] + square - 2 * means @ means.T
    return connected_components(apart <= (GAP * np.minimum(widths, widths[:, None])) ** 2)[0] == 1


def representative(problem, samples: int) -> bool:
    """Whether particles in training and of the problem, 32 of each at least, are enough to speak of one another.

    Not where the score is learnt, whose rough places no theory knows.
    """
    return not problem.learnt and min(samples, problem.few.particles) >= 32


class ExactPath:
    """The probability flow of particles x from s down to t, to about 1e-8: `path(u)` is (n, d) at any time between.

    DOP853 for y = x/σ in λ = log(α/σ), with its own interpolant of order 7; `nfe` counts evaluations.
    Reference: E. Hairer, S. P. Nørsett, G. Wanner (1993), doi:10.1007/978-3-540-78862-1, Sec. II.6.
    """

    def __init__(self, problem, x: np.ndarray, s: float, t: float):
        with loading():
            from scipy.integrate import solve_ivp

        process, self.shape, self.process = problem.process, x.shape, problem.process

        def slope(level, y):
            time = float(process.time(level))
            sigma = process.sigma(time)
            return (process.alpha(time) / sigma * problem.denoise(sigma * y.reshape(x.shape), time)).ravel()

        ends = float(process.log_snr(s)), float(process.log_snr(t))
        first = (x / process.sigma(s)).ravel()
        told = Followed(slope, ends, "Following the exact paths to train on")
        found = solve_ivp(told, ends, first, "DOP853", rtol=RTOL, atol=ATOL, dense_output=True)
        if not found.success:
            raise Breakdown(f"the exact paths to train on could not be computed: {found.message}", "Take a later end")
        self.solution, self.nfe = found.sol, int(found.nfev)

    def __call__(self, u: float) -> np.ndarray:
        return self.process.sigma(u) * self.solution(float(self.process.log_snr(u))).reshape(self.shape)


@dataclass(slots=True, kw_only=True)
class FittedState(SamplerState):
    """Particles under fitted coefficients: `fit` is what was fitted.

    `fit_ratio` is its training error at the last step relative to that of the coefficients it started from,
    `training_nfe` the evaluations (of all training particles) spent.
    """

    fit: object
    fit_ratio: float = 1.0
    training_nfe: float = 0.0


def fitted(state: SamplerState, fit, training_nfe: int) -> FittedState:
    """A fresh sampler's state with a fit."""
    return state.widened(FittedState, fit=fit, training_nfe=float(training_nfe))


def gain(value: float, start: float) -> float:
    """value/start, 1 where both vanish."""
    return value / start if start > 0 else (1.0 if value == 0 else NAN)


# -- training as a run of its own ------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class LearningState(Particles):
    """The followed particles x at the end t under the best found yet, none of them trained on.

    `training_error` and `final_error` belong to the best; `gain` is the final error relative to `plain_error`, that of
    what the training began with.
    """

    t: float
    training_error: float
    final_error: float = 0.0
    plain_error: float = 0.0
    gain: float = 1.0


class Learning(Method):
    """Training whose progress is watched: `begun` gives the first state, `bettered` is one step.

    `sampled` carries the followed particles to the end under the best; these evaluations are not counted. `rounds`
    names the knob with the number of steps.
    """

    rounds: ClassVar[str] = ""

    def begun(self, problem) -> LearningState:
        """The state at what the training begins with."""
        raise NotImplementedError

    def bettered(self, problem, state: LearningState) -> bool:
        """One step, in place; whether the training error is the least so far."""
        raise NotImplementedError

    def sampled(self, problem, state: LearningState) -> np.ndarray:
        """Where the best carries the particles of the problem."""
        raise NotImplementedError

    def init(self, problem):
        try:
            state = self.begun(problem)
        except KnobError as error:
            raise Breakdown(str(error).rstrip("."), "Change the steps, the grid or the end") from None
        self._judge(problem, state)
        state.plain_error = state.final_error
        return state

    def step(self, problem, state):
        if self.bettered(problem, state):
            self._judge(problem, state)
            state.gain = gain(state.final_error, state.plain_error)
        if state.k == getattr(self, self.rounds):
            state.status = Status("converged", f"{state.k} {self.rounds} are done")
        return state

    def _judge(self, problem, state: LearningState) -> None:
        state.x = self.sampled(problem.few, state)
        state.final_error = rms(state.x - problem.few.flow(state.t))
