"""A sampler climbed: every step of the run is one whole sampling with more steps than the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.claims import Order
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob, part
from toolkit.core.method import Method
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH_GROWTH
from toolkit.sampler.laws.measures import rms
from toolkit.sampler.laws.particles import Particles
from toolkit.sampler.laws.problems import Diffusion
from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M
from toolkit.sampler.solvers.sampler import Sampler

FLOOR = 1e-10  # below it rounding, not the sampler, is measured


@dataclass(slots=True, kw_only=True)
class LadderState(Particles):
    """The end of the latest sampling: particles x (m, d) at t, its number of steps and evaluations, and its error.

    `rung` is the number of the sampling, from 0; x is the followed particles only, 256 at most.
    """

    t: float
    rung: int = 0
    final_error: float
    steps_used: float
    evaluations: float


@dataclass(frozen=True)
class StepLadder(Method):
    """Sample with first, first · factor, first · factor², … steps: the error against the exact flow falls like N^−p.

    A step is one whole sampling of the 256 followed particles; the work adds up, `evaluations` are of the latest one.
    The claim is that of the sampler, judged on the run. Not for samplers that draw noise.
    Reference: E. Hairer, S. P. Nørsett, G. Wanner (1993), doi:10.1007/978-3-540-78862-1, Sec. II.3 (order by halving).
    """

    title: ClassVar[str] = "steps doubled"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[str, ...]] = ("hairer1993",)
    monitors: ClassVar[tuple[str, ...]] = ("final_error", "steps_used", "evaluations")
    scales: ClassVar[tuple[str, ...]] = ("steps_used", "evaluations")
    problems: ClassVar[tuple[type, ...]] = (Diffusion,)
    sampler: Sampler = part(Sampler, DPMSolverPP2M(), doc="the sampler whose steps are raised")
    first: int = knob(4, 1, 1000, log=True, symbol="N₀", doc="steps of the first sampling")
    factor: float = knob(2.0, 1.1, 4.0, doc="growth from one sampling to the next")
    rungs: int = knob(8, 2, 24, doc="samplings")
    most: int = knob(1024, 8, 4096, log=True, doc="steps of a sampling at most")

    def label(self) -> str:
        return self.sampler.label()

    def suits(self, problem) -> str:
        if not (trouble := Method.suits(self, problem) or self.sampler.suits(problem)) and self.sampler.stochastic:
            return f"{self.sampler.title} draws noise: its end is not that of the exact flow"
        return trouble

    def counts(self) -> tuple[int, ...]:
        """The numbers of steps, rising."""
        found = dict.fromkeys(round(self.first * self.factor**i) for i in range(self.rungs))
        return tuple(n for n in found if n <= self.most) or (self.first,)

    def init(self, problem: Diffusion) -> LadderState:
        state = LadderState(
            x=problem.few.initial, t=problem.process.start, final_error=0.0, steps_used=0.0, evaluations=0.0
        )
        self._sample(problem, state, self.counts()[0])
        if state.status.done:
            raise Breakdown(state.status.cause, state.status.advice)
        return state

    def step(self, problem: Diffusion, state: LadderState) -> LadderState:
        counts = self.counts()
        state.k += 1
        state.rung += 1
        self._sample(problem, state, counts[state.rung])
        if not state.status.done and state.rung == len(counts) - 1:
            state.status = Status("converged", f"sampled with {counts[-1]} steps, the most asked for")
        return state

    def _sample(self, problem: Diffusion, state: LadderState, steps: int) -> None:
        few, sampler = problem.few, self.sampler.turned(steps=steps)
        inner = sampler.init(few)
        while not inner.status.done:
            inner = sampler.step(few, inner)
        state.work.nfe += inner.work.nfe
        if inner.status.kind != "converged":
            state.status = inner.status
            return
        exact = few.flow(float(inner.times[-1]))
        state.x, state.t, state.final_error = inner.x, inner.t, rms(inner.x[: len(exact)] - exact)
        state.steps_used, state.evaluations = float(steps), float(inner.work.nfe)

    def claims(self, problem: Diffusion) -> tuple:
        counts, found = self.counts(), []
        for one in self.sampler.claims(problem):
            if not isinstance(one, Order) or one.measure != "final_error" or one.over != "steps":
                continue
            skip = sum(n < min(one.values) for n in counts)
            if len(counts) - skip >= 3:
                told = {name: getattr(one, name) for name in ("title", "source", "assumes", "at_least", "tol", "p")}
                about = dict(over="steps_used", skip=skip, floor=FLOOR, stop=THROUGH_GROWTH)
                found.append(Order(measure="final_error", **told, **about))
        return tuple(found)
