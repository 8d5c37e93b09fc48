"""SciPy's adaptive solvers on the probability flow, as baselines: a step of the run is one step of theirs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.loading import loading
from toolkit.core.method import Method
from toolkit.core.prediction import Pick
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.measures import ROUNDING, rms
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.laws.problems import FEW
from toolkit.sampler.laws.schedules import checked_times
from toolkit.sampler.solvers.dpmsolver import DPMSolver3S, DPMSolverPP2M
from toolkit.sampler.solvers.sampler import TINY, Sampler, SamplerState

EXPLICIT = ("RK23", "RK45", "DOP853")
IMPLICIT = ("Radau", "BDF", "LSODA")
MOST = 320  # numbers of a Jacobian's side for the implicit ones
LONG = 5.0  # in log(α/σ): a shorter way takes a few steps only, whatever the tolerance
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)


class Walk:
    """A SciPy solver and how many steps it has done; states that share it and fall behind walk anew from the start."""

    def __init__(self, begin):
        self.begin, self.solver, self.done, self.lock = begin, begin(), 0, threading.Lock()

    def after(self, done: int) -> tuple:
        """(this walk, or a new one, its `Place` after step number `done` + 1)."""
        with self.lock:
            if self.done == done:
                self.done += 1
                message = self.solver.step()
                trouble = (message or "it failed") if self.solver.status == "failed" else ""
                one = self.solver
                return self, Place(one.t, one.y.copy(), one.step_size, one.nfev, one.status == "finished", trouble)
        other = Walk(self.begin)
        for i in range(done):
            other.after(i)
        return other.after(done)


@dataclass(frozen=True)
class Place:
    """Where a solver stands: λ, y, its latest step, evaluations, whether it has arrived, and what went wrong."""

    level: float
    y: np.ndarray
    stride: float
    nfe: int
    finished: bool
    trouble: str


@dataclass(slots=True, kw_only=True)
class WalkState(SamplerState):
    """`walk`, shared by copies, is what they step next; `stride` is the latest step in λ."""

    walk: object
    stride: float = 0.0


@dataclass(frozen=True)
class AdaptiveSolver(Method):
    """y' = (α/σ) x₀(σ y) in λ = log(α/σ), y = x/σ, by a solver of SciPy that picks its steps to a tolerance.

    All particles, the 256 that are followed at most, are one system: its steps are those that the hardest of them
    needs. The implicit solvers' Jacobian (LSODA's, once it has gone from Adams to BDF) is dense and costs an evaluation
    a number: for few particles only. An evaluation is of all particles, SciPy's own count. The error of a step is held
    at the tolerance, and with an explicit pair with local extrapolation that of the end falls in proportion, or sooner
    while steps are few.
    Reference: J. Dormand, P. Prince (1980), doi:10.1016/0771-050X(80)90013-3; E. Hairer, S. P. Nørsett, G. Wanner
    (1993), doi:10.1007/978-3-540-78862-1, Sec. II.4 (step size control) and II.5 (DOP853).
    """

    title: ClassVar[str] = "SciPy, adaptive"
    sources: ClassVar[tuple[str, ...]] = ("hairer1993",)
    monitors: ClassVar[tuple[str, ...]] = ("remaining", "noise_level", "magnitude", "stride")
    linear: ClassVar[tuple[str, ...]] = ("remaining", "stride")
    problems: ClassVar[tuple[type, ...]] = Sampler.problems
    solver: str = knob("RK45", choices=(*EXPLICIT, *IMPLICIT), doc="SciPy's name")
    tolerance: float = knob(1e-5, 1e-10, 1e-1, log=True, symbol="tol", doc="error a step may make, relative")
    end: float = knob(None, 1e-9, 10.0, log=True, kind=float, doc="time of the end; None: the schedule's own")

    def label(self) -> str:
        return f"SciPy {self.solver}, {self.tolerance:g}"

    def suits(self, problem):
        if trouble := Method.suits(self, problem):
            return trouble
        numbers = min(problem.particles, FEW) * problem.dim
        if self.solver in IMPLICIT and numbers > MOST:
            return f"{self.solver} forms a Jacobian of {numbers} numbers: take fewer particles, {MOST} numbers at most"
        return ""

    def init(self, problem):
        process = problem.process
        times = checked_times([process.start, process.end if self.end is None else self.end])
        x = problem.few.initial
        walk = Walk(lambda: self.begun(problem, x, times))
        state = WalkState(
            x=x, times=times, walk=walk, noise_level=Sampler.noise_level(problem, times[0]), magnitude=rms(x)
        )
        state.work.nfe = walk.solver.nfev
        return state

    def begun(self, problem, x, times):
        """A solver of SciPy's at the start."""
        with loading():
            from scipy import integrate

        process = problem.process

        def slope(level, y):
            t = float(process.time(level))
            sigma = process.sigma(t)
            return (process.alpha(t) / sigma * problem.denoise(sigma * y.reshape(x.shape), t)).ravel()

        first, last = (float(process.log_snr(t)) for t in times)
        y = (x / process.sigma(times[0])).ravel()
        return getattr(integrate, self.solver)(slope, first, y, last, rtol=self.tolerance, atol=self.tolerance)

    def step(self, problem, state):
        state.walk, place = state.walk.after(state.k)
        process = problem.process
        state.k += 1
        if place.trouble:
            state.status = Status("breakdown", f"{self.solver}: {place.trouble}", "Take a larger tolerance")
            return state
        t = float(state.times[-1]) if place.finished else float(process.time(place.level))
        state.x = process.sigma(t) * place.y.reshape(state.x.shape)
        state.times = np.array([*state.times[: state.i + 1], t, *([] if place.finished else state.times[-1:])])
        state.i, state.stride, state.work.nfe = state.i + 1, float(place.stride), int(place.nfe)
        first, last = process.log_snr(state.times[0]), process.log_snr(state.times[-1])
        state.noise_level, state.magnitude = Sampler.noise_level(problem, t), rms(state.x)
        state.remaining = float((last - process.log_snr(t)) / (last - first))
        if place.finished:
            state.remaining, state.status = TINY, Status("converged", "reached the end of the schedule")
        return state

    def way(self, problem) -> float:
        """How far it goes in log(α/σ)."""
        process = problem.process
        return float(process.log_snr(process.end if self.end is None else self.end) - process.log_snr(process.start))

    def claims(self, problem):
        if self.solver in IMPLICIT or not problem.ladder(1.0) or self.way(problem) < LONG:
            return ()
        assumes = "a smooth score, a way so long that each tolerance takes more steps than the one before"
        about = dict(source="hairer1993", stop=THROUGH, assumes=assumes, tol=0.2)
        about |= dict(title="error at the end falls at least like the tolerance", over="tolerance")
        about |= dict(values=TOLERANCES, growing=True, at_least=True, floor=ROUNDING)
        return (Order(measure="final_error", p=1.0, **about),)


def longest(runs) -> int:
    """The half of the way in log(α/σ) in which the middle of the first method's longest step lies: 0 or 1."""
    level = np.asarray(runs[0].problem.process.log_snr(runs[0].state.times))
    i = int(np.argmax(np.diff(level)))
    share = (0.5 * (level[i] + level[i + 1]) - level[0]) / (level[-1] - level[0])
    return int(share > 0.5)


EXPERIMENTS = (
    Experiment(
        "adaptive-or-fixed",
        "Does choosing the steps pay?",
        "SciPy's solvers choose every step; samplers take a grid given before. Where are the adaptive steps long?",
        PlaneMixture(particles=64),
        (
            AdaptiveSolver(tolerance=1e-3),
            AdaptiveSolver(solver="DOP853", tolerance=1e-3),
            DPMSolverPP2M(steps=80),
            DPMSolver3S(steps=27),
        ),
        THROUGH,
        measure="final_error",
        against="nfe",
        picture="placement",
        predict=Pick(
            "Where on its way will the first solver take its longest step?",
            longest,
            options=("in the first half, in the noise", "in the second half, near the data"),
        ),
        why=(
            "In the noise nothing is decided yet: the slope of $y=x/\\sigma$ is tiny, and after a short first step, "
            "by which it feels its way, the solver strides. Where the groups part its steps become half as long, and "
            "they stay so. The price is that a step which is refused, and the stages of a good rule, are evaluations "
            "too: a fixed grid in $\\log(\\alpha/\\sigma)$, made for this problem, is hard to beat."
        ),
        formula=(
            r"\frac{dy}{d\lambda}=\frac{\alpha}{\sigma}\,\mathbb E[x_0\mid x],\qquad "
            r"y=\frac{x}{\sigma},\quad \lambda=\log\frac{\alpha}{\sigma}"
        ),
        level=2,
        then="stands-guidance",
    ),
)
