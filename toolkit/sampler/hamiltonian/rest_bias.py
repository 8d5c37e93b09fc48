"""The bias at rest of Hamiltonian sampling in mini-batches, as the time step is halved: exact moments, no samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Order
from toolkit.core.knob import knob, part
from toolkit.core.lab import Experiment
from toolkit.core.method import Method
from toolkit.core.prediction import Pick, order_seen
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH_GROWTH
from toolkit.sampler.hamiltonian.problems import MinibatchRegression
from toolkit.sampler.hamiltonian.sghmc import SGHMC

FLOOR = 1e-10


@dataclass(slots=True, kw_only=True)
class BiasState(State):
    """The moments at rest (1, m, vec E zzᵀ), their distance `bias` from the exact ones, and 1/η."""

    moments: np.ndarray
    bias: float
    steps_per_time: float

    def solution(self) -> np.ndarray:
        return self.moments


@dataclass(frozen=True)
class StepHalved(Method):
    """The bias at rest of a Hamiltonian sampler, with its time step halved at each step of the run; exact, no samples.

    It falls like η^p, p the lower of the integrator's order and the batching's: 2 in random order, 1 if i.i.d.
    Reference: G. Franzese, D. Milios, M. Filippone, P. Michiardi (2021), arXiv:2106.16200, Theorem 3 and Sec. 4.
    """

    title: ClassVar[str] = "time step halved"
    sources: ClassVar[tuple[str, ...]] = ("franzese2021",)
    monitors: ClassVar[tuple[str, ...]] = ("bias", "steps_per_time")
    scales: ClassVar[tuple[str, ...]] = ("steps_per_time",)
    problems: ClassVar[tuple[type, ...]] = (MinibatchRegression,)
    sampler: SGHMC = part(SGHMC, SGHMC(), doc="the sampler whose step is halved")
    halvings: int = knob(7, 3, 9, doc="how often")

    def label(self) -> str:
        return self.sampler.label()

    def init(self, problem) -> BiasState:
        return BiasState(**self.measured(problem, 0))

    def measured(self, problem, k: int) -> dict:
        """What is known of the law at rest for the step η/2^k."""
        size = self.sampler.step_size / 2**k
        moments = self.sampler.turned(step_size=max(size, 1e-4)).resting(problem)
        return dict(moments=moments, bias=problem.distance(moments), steps_per_time=1 / max(size, 1e-4))

    def step(self, problem, state: BiasState) -> BiasState:
        state.k += 1
        for name, value in self.measured(problem, state.k).items():
            setattr(state, name, value)
        if state.k == self.halvings:
            state.status = Status("converged", f"the time step was halved {self.halvings} times")
        return state

    def claims(self, problem):
        p = self.sampler.order
        if p == 99 or self.sampler.step_size > 0.1:
            return ()
        about = dict(source="franzese2021", assumes="small steps, moments that come to rest", stop=THROUGH_GROWTH)
        title = f"bias at rest ∝ η^{p}"
        return (Order(measure="bias", p=p, over="steps_per_time", skip=2, floor=FLOOR, title=title, **about),)


def steepest(runs) -> int | None:
    """The way of choosing batches, of the first three methods, whose bias shows the highest order."""
    orders = [order_seen("bias", "steps_per_time", of)(runs) for of in range(3)]
    return None if None in orders else int(np.argmax(orders))


WAYS = ("drawn anew each time", "always in the same order", "each once a round, in random order")
EXPERIMENTS = (
    Experiment(
        "batches-in-random-order",
        "Does the order of the batches matter?",
        "Steps are exact, yet the law at rest is biased. Halve the step: which choice of batches quarters the bias?",
        MinibatchRegression(),
        tuple(StepHalved(sampler=SGHMC(batching=one)) for one in ("i.i.d.", "fixed order", "random order"))
        + tuple(StepHalved(sampler=SGHMC(batching="full", integrator=one)) for one in ("Euler", "OBABO")),
        THROUGH_GROWTH,
        measure="bias",
        against="steps_per_time",
        predict=Pick("Which way has the steepest line?", steepest, theory=2, options=WAYS),
        why=(
            r"The operators of two batches do not commute: $e^{\eta L_1}e^{\eta L_2}$ differs from "
            r"$e^{\eta L_2}e^{\eta L_1}$ by a term in $\eta^2$. Over random orders these terms cancel on average, and "
            r"the bias falls like $\eta^2$; in a fixed order, or drawn anew, they stay, and it falls like $\eta$. "
            "The two with the full gradient show the same of the integrator: Euler's rule is of order one, OBABO's "
            "symmetric one of order two."
        ),
        formula=(
            r"\mathbb E_\pi\bigl[e^{\eta L_{\pi(K)}}\cdots e^{\eta L_{\pi(1)}}\bigr]=e^{K\eta L}+\mathcal O(\eta^3)"
        ),
        level=3,
        minutes=6,
        then="provably-faster",
    ),
)
