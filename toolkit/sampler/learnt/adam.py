"""Adam, its rate falling along a cosine; what it leaves is a running mean of the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.state import State, scratch
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.kernels.dense.adam import adam_step
from toolkit.networks.loss import Loss

TINY = 1e-8
DONE = Status("converged", "all steps are made", "Raise `steps` for a longer training")


@dataclass(slots=True, kw_only=True)
class AdamState(State):
    """Parameters, running means of the slope, of its square and of the parameters; the generator of the batches.

    `loss` and `slope` are those on the next batch, `stride` is the furthest that a parameter moved in the last step.
    """

    parameters: np.ndarray
    first: np.ndarray
    second: np.ndarray
    mean: np.ndarray
    move: np.ndarray = scratch()
    slope: np.ndarray
    generator: np.random.Generator
    keep: float
    loss: float = 0.0
    stride: float = 0.0

    def solution(self) -> np.ndarray:
        """The running mean without its bias towards zero."""
        return self.mean / (1 - self.keep**self.k) if self.k else self.parameters.copy()


@dataclass(frozen=True)
class Adam(Method):
    """θ −= η_k m̂/(√v̂ + ε), m and v the running means of the slope and of its square, hats for their bias taken off.

    η_k = η ½(1 + cos(πk/steps)) min(1, k/`warm`). The solution is the running mean of θ. One gradient on a batch and a
    pass over five vectors a step. No parameter moves further in a step than η_k √(Σ_j w_j²/u_j), w and u the shares
    that old slopes have in m̂ and v̂ (Cauchy–Schwarz; the paper's "approximately η").
    Reference: D. Kingma, J. Ba (2015), arXiv:1412.6980, Algorithm 1 and section 2.1.
    """

    title: ClassVar[str] = "Adam with a running mean"
    sources: ClassVar[tuple[str, ...]] = ("kingma2015adam",)
    problems: ClassVar[tuple[type, ...]] = (Loss,)
    monitors: ClassVar[tuple[str, ...]] = ("loss", "stride")
    rate: float = knob(2e-3, 1e-6, 1.0, log=True, symbol="η", doc="largest step of a parameter, about")
    steps: int = knob(1000, 1, 1_000_000, log=True, symbol="k", doc="steps in all: the rate falls to zero at the last")
    warm: int = knob(200, 1, 100_000, log=True, doc="steps over which the rate rises at the start")
    beta1: float = knob(0.9, 0.0, 0.999, symbol="β₁", doc="memory of the slope's running mean")
    beta2: float = knob(0.99, 0.5, 0.9999, symbol="β₂", doc="memory of the squared slope's running mean")
    keep: float = knob(0.99, 0.0, 0.9999, doc="memory of the running mean of the parameters, which is the solution")

    def rate_at(self, k):
        """η_k of step k, from 1 on; an array of them for an array."""
        return self.rate * 0.5 * (1 + np.cos(np.pi * k / self.steps)) * np.minimum(1.0, k / self.warm)

    def reach(self, k):
        """√(Σ_j w_j²/u_j) after k slopes, w_j = (1 − β₁)β₁ʲ/(1 − β₁ᵏ) and u_j likewise, j = 0 … k − 1."""
        ratio = self.beta1**2 / self.beta2
        total = k if ratio == 1 else (1 - ratio**k) / (1 - ratio)
        share = (1 - self.beta1) ** 2 / (1 - self.beta2) * (1 - self.beta2**k) / (1 - self.beta1**k) ** 2
        return np.sqrt(share * total)

    def init(self, problem: Loss) -> AdamState:
        generator = problem.generator()
        start = problem.start(generator)
        rest = {name: np.zeros_like(start) for name in ("first", "second", "mean", "move", "slope")}
        state = AdamState(parameters=start, **rest, generator=generator, keep=self.keep)
        return self._noted(problem, state)

    def step(self, problem: Loss, state: AdamState) -> AdamState:
        state.k = k = state.k + 1
        rate, scale = float(self.rate_at(k)) / (1 - self.beta1**k), 1 / math.sqrt(1 - self.beta2**k)
        vectors = state.parameters, state.first, state.second, state.mean, state.slope, state.move
        adam_step(*vectors, rate, self.beta1, self.beta2, scale, self.keep, TINY)
        state.stride = float(max(state.move.max(), -state.move.min()))
        if k >= self.steps:
            state.status = DONE
        return self._noted(problem, state)

    def _noted(self, problem: Loss, state: AdamState) -> AdamState:
        """The loss and the slope on the next batch."""
        found = problem.gradient(state.parameters, problem.batch(state.generator))
        state.loss, state.slope = found.value, found.slope
        state.work.nfe += 1
        if not np.isfinite(state.loss):
            state.status = Status("non-finite", "the loss is no longer finite", "Take a smaller rate")
        return state

    def claims(self, problem: Loss) -> tuple:
        def furthest(k, _):
            return np.where(k > 0, self.rate_at(k) * self.reach(np.maximum(k, 1)), 0.0)

        about = dict(source="kingma2015adam", assumes="nothing of the loss: Cauchy–Schwarz", stop=THROUGH)
        return (Bound(measure="stride", curve=furthest, title="no weight moves further than the rate allows", **about),)
