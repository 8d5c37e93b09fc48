"""The frame of all samplers: a step carries every particle from one time of the grid to the next."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Order
from toolkit.core.errors import Breakdown, ToolkitError
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.state import Work
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.measures import ROUNDING, rms
from toolkit.sampler.laws.particles import Particles
from toolkit.sampler.laws.problems import Diffusion
from toolkit.sampler.laws.schedules import GRIDS, small_steps, time_grid

BLOWN_UP = 1e8
TINY = 1e-300  # of the way, left at the end: a zero would meet a tolerance of zero before the cause is told


@dataclass(slots=True, kw_only=True)
class SamplerState(Particles):
    """Particles x (n, d) at times[i]; arrays once stored are never written to again, so copies may share them.

    `history` holds (t, x, x₀ prediction) of the latest model outputs at the start of a step, newest last, as many as
    the sampler's `memory`. `remaining` is the share of steps to come, `noise_level` σ/α, `magnitude` the RMS of x.
    `sampler` is whose state it is, for pictures of its steps; None where a step is not one of `leap`.
    """

    on_its_way: ClassVar[bool] = True
    times: np.ndarray
    i: int = 0
    history: list = field(default_factory=list)
    stochastic: bool = False
    sampler: object = None
    remaining: float = 1.0
    noise_level: float
    magnitude: float

    @property
    def t(self) -> float:
        """The time of the particles."""
        return float(self.times[self.i])

    def widened(self, cls: type, **more):
        """What is in it as a state of a class with more fields; `more` gives these, and what is to be another."""
        return cls(**({one.name: getattr(self, one.name) for one in fields(self)} | more))

    def begun(self, x: np.ndarray):
        """The state as it was at the start, with what was fitted, for other particles x (m, d)."""
        held = {one.name: getattr(self, one.name) for one in fields(self)}
        own = {name: x for name, value in held.items() if isinstance(value, np.ndarray) and value.shape == self.x.shape}
        lists = {name: [] for name, value in held.items() if isinstance(value, list)}
        return replace(self, **own, **lists, i=0, k=0, work=Work())


@dataclass(frozen=True)
class Sampler(Method):
    """From x_T to x at the end on a grid of `steps` + 1 times. A sampler gives `leap`, and asks `predict` for x₀.

    `order` is p of its claim, `stages` evaluations a step once it is under way, `memory` how many outputs it keeps,
    `stochastic` whether it draws noise, `clock` in what it is a rule for dy/dc: "t" (y = x), "ρ" = σ/α or "λ" =
    log(α/σ) (y = x/α), which its stability region is drawn for. `predict` counts one evaluation (of all particles) a
    call; nothing else may evaluate the problem.
    """

    monitors: ClassVar[tuple[str, ...]] = ("remaining", "noise_level", "magnitude")
    linear: ClassVar[tuple[str, ...]] = ("remaining",)
    problems: ClassVar[tuple[type, ...]] = (Diffusion,)
    order: ClassVar[float] = 0.0
    stages: ClassVar[int] = 1
    memory: ClassVar[int] = 1
    clock: ClassVar[str] = "λ"
    stochastic = False
    steps: int = knob(20, 1, 100_000, log=True, symbol="N", doc="steps from noise to data")
    grid: str = knob("log-SNR", choices=GRIDS, doc="how the times are spaced")
    rho: float = knob(7.0, 1.0, 20.0, symbol="ρ", doc="exponent of the Karras grid")
    end: float = knob(None, 1e-9, 10.0, log=True, kind=float, doc="time of the end; None: the schedule's own")

    def times(self, problem: Diffusion) -> np.ndarray:
        """The grid, shape (steps + 1,)."""
        return time_grid(problem.process, self.grid, self.steps, self.end, self.rho)

    def init(self, problem: Diffusion) -> SamplerState:
        try:
            times = self.times(problem)
        except ToolkitError as error:
            raise Breakdown(str(error).rstrip("."), "Change the steps, the grid or the end") from None
        about = dict(noise_level=self.noise_level(problem, times[0]), magnitude=rms(problem.initial))
        return SamplerState(x=problem.initial, times=times, stochastic=bool(self.stochastic), sampler=self, **about)

    def leap(self, problem: Diffusion, state: SamplerState, s: float, t: float) -> np.ndarray:
        """x at t from state.x at s > t, a new array; state.x and the history's arrays are left as they are."""
        raise NotImplementedError

    def step(self, problem: Diffusion, state: SamplerState) -> SamplerState:
        s, t = float(state.times[state.i]), float(state.times[state.i + 1])
        with np.errstate(over="ignore", invalid="ignore"):
            x = self.leap(problem, state, s, t)
            magnitude = rms(x)
        state.k += 1
        if not magnitude <= BLOWN_UP * (1 + state.noise_level):  # NaN too
            cause = f"the particles left all bounds at t = {t:.3g}"
            state.status = Status("diverged", cause, "Take more steps or a sampler of lower order")
            return state
        state.x, state.magnitude, state.i = x, magnitude, state.i + 1
        state.noise_level = self.noise_level(problem, t)
        state.remaining = 1 - state.i / (len(state.times) - 1)
        if state.i == len(state.times) - 1:
            state.remaining, state.status = TINY, Status("converged", "reached the end of the schedule")
        return state

    def predict(self, problem: Diffusion, state: SamplerState, x: np.ndarray, t: float) -> np.ndarray:
        """E[x₀ | x_t = x], counted as one evaluation."""
        state.work.nfe += 1
        return problem.denoise(x, t)

    def predict_start(self, problem: Diffusion, state: SamplerState, s: float) -> np.ndarray:
        """x₀ predicted at the start of a step, noted in the history."""
        denoised = self.predict(problem, state, state.x, s)
        state.history = [*state.history, (s, state.x, denoised)][-self.memory :]
        return denoised

    @staticmethod
    def noise_level(problem: Diffusion, t: float) -> float:
        """σ/α at t."""
        return float(problem.process.sigma(t) / problem.process.alpha(t))

    def claims(self, problem: Diffusion) -> tuple:
        return self.promised_order(problem) if self.order and not self.stochastic else ()

    def promised_order(self, problem: Diffusion, **about) -> tuple:
        """The claim that the error at the end falls like steps^−p, where the law is smooth enough to see it."""
        values = problem.ladder(self.order)
        if not values:
            return ()
        options = dict(
            title=f"error at the end ∝ N^−{self.order:g}",
            source=self.sources[0],
            assumes="a smooth score, no step above 1/2 in log(α/σ), and no rounding",
            stop=THROUGH,
            values=values,
            floor=ROUNDING,
        )
        options |= about
        if not self.small_steps(problem, min(options["values"])):
            return ()
        return (Order(measure="final_error", p=self.order, over="steps", **options),)

    def small_steps(self, problem: Diffusion, steps: int) -> bool:
        """Whether the grid of so many steps, the coarsest that an order is judged on, has no long one."""
        try:
            return small_steps(problem.process, self.turned(steps=steps).times(problem))
        except ToolkitError:
            return False  # a grid that there is not
