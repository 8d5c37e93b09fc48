"""Bespoke solvers: a Runge–Kutta rule in a time and a scale that are learnt for one law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Exact, Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.prediction import YES_NO, Pick, whether
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.sampler.fitted import training
from toolkit.sampler.fitted.scale_time import Lesson, ScaleTime, stepped
from toolkit.sampler.laws.measures import ROUNDING
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.laws.problems import Diffusion
from toolkit.sampler.laws.schedules import GRIDS
from toolkit.sampler.solvers.sampler import Sampler

RULES = ("RK1", "RK2")
BETAS = 0.9, 0.99  # of Adam
MOST = 40  # steps of a solver that is trained


@dataclass(slots=True, kw_only=True)
class BespokeState(training.LearningState):
    """θ as it is and at its best, and Adam's moments; `bound` belongs to the latest θ."""

    theta: np.ndarray
    moments: np.ndarray
    best: np.ndarray
    bound: float


class _Bespoke:
    """What training and sampling share: the family, the lesson, and one step of Adam; and these knobs."""

    rule: str
    steps: int
    grid: str
    rho: float
    end: float | None
    samples: int
    rate: float
    lipschitz: float

    def family_of(self, problem) -> ScaleTime:
        """The solvers to choose from."""
        end = problem.process.end if self.end is None else self.end
        return ScaleTime(problem.process.start, end, self.steps, int(self.rule[-1]))

    def lesson(self, problem) -> Lesson:
        """What they are fitted to, kept with the problem."""
        family = self.family_of(problem)
        key = "bespoke", family, self.samples, self.lipschitz
        return remembered(problem, key, lambda: Lesson(problem, family, self.samples, self.lipschitz))

    def begun(self, problem) -> BespokeState:
        """The state at the plain rule."""
        lesson = self.lesson(problem)
        family, before = lesson.family, lesson.nfe
        theta = family.plain(problem.process, self.grid, self.rho)
        error, bound = lesson.error(theta), lesson.bound(theta)[0]
        about = dict(x=problem.few.initial, t=family.end, training_error=error, bound=bound)
        state = BespokeState(theta=theta, moments=np.zeros((2, len(theta))), best=theta, **about)
        state.work.nfe = lesson.path.nfe + lesson.nfe - before
        return state

    def bettered(self, problem, state: BespokeState) -> bool:
        """One step of Adam on the bound, in place; whether the training error is the least so far."""
        lesson = self.lesson(problem)
        before = lesson.nfe
        state.bound, gradient = lesson.bound(state.theta)
        state.k += 1
        first = BETAS[0] * state.moments[0] + (1 - BETAS[0]) * gradient
        second = BETAS[1] * state.moments[1] + (1 - BETAS[1]) * gradient**2
        state.moments = np.stack((first, second))
        mean, size = first / (1 - BETAS[0] ** state.k), second / (1 - BETAS[1] ** state.k)
        state.theta = state.theta - self.rate * mean / (np.sqrt(size) + 1e-12)
        with np.errstate(over="ignore", invalid="ignore"):
            error = lesson.error(state.theta)
        state.work.nfe += lesson.nfe - before
        if not error < state.training_error:
            return False
        state.training_error, state.best = error, state.theta
        return True


@dataclass(frozen=True)
class BespokeTraining(_Bespoke, training.Learning):
    """Learn the time t(r) and the scale s(r) of an RK1 or RK2 solver of few steps: Adam on a bound of the error.

    Loss: Σ_i M_i E|x*(t_i) − step(x*(t_{i−1}))|, M_i the growth of an error by the end, with the constant L_τ for that
    of the law. Kept is the θ of the least RMS error on the training particles, so that it never rises above that of
    the plain rule; `final_error` is on others. A step is one iteration, 9n + 1 evaluations (RK1: 3n + 1).
    The bound is one only for L_τ above the Lipschitz constant of the flow; the paper takes 1.
    Reference: N. Shaul et al. (2024), arXiv:2310.19075, Alg. 2, eq. 24–27.
    """

    title: ClassVar[str] = "Bespoke, training"
    slow: ClassVar[bool] = True
    rounds: ClassVar[str] = "iterations"
    sources: ClassVar[tuple[str, ...]] = ("shaul2024bespoke",)
    monitors: ClassVar[tuple[str, ...]] = ("training_error", "final_error", "bound", "gain")
    linear: ClassVar[tuple[str, ...]] = ("gain",)
    problems: ClassVar[tuple[type, ...]] = (Diffusion,)
    rule: str = knob("RK2", choices=RULES, doc="Euler's rule or the midpoint rule")
    steps: int = knob(5, 1, MOST, symbol="n", doc="steps of the solver")
    grid: str = knob("log-SNR", choices=GRIDS, doc="the clock of the plain rule that training starts from")
    rho: float = knob(7.0, 1.0, 20.0, symbol="ρ", doc="exponent of the Karras grid")
    end: float = knob(None, 1e-9, 10.0, log=True, kind=float, doc="time of the end; None: the schedule's own")
    samples: int = knob(32, 4, 1000, log=True, doc="training particles")
    iterations: int = knob(60, 1, 5000, log=True, doc="steps of Adam")
    rate: float = knob(0.03, 1e-4, 0.3, log=True, live=True, doc="learning rate")
    lipschitz: float = knob(1.0, 0.0, 100.0, symbol="L_τ", doc="Lipschitz constant assumed of the flow")

    def sampled(self, problem, state):
        family, x = self.family_of(problem), problem.initial
        for row in family.scalars(state.best):
            x = stepped(lambda y, t: problem.velocity(y, problem.denoise(y, t), t), x, row, family.stages)
        return x

    def claims(self, problem):
        about = dict(source="shaul2024bespoke", stop=THROUGH_GROWTH)
        below = "the error on other particles ends below the plain rule's"
        unlike = "training particles enough to stand for the law"
        if not training.representative(problem, self.samples):
            return ()
        return (Exact(measure="gain", tol=1.0, title=below, assumes=unlike, **about),)


@dataclass(frozen=True)
class BespokeSolver(_Bespoke, Sampler):
    """RK1- or RK2-Bespoke: the rule applied to s(r) x(t(r)), with t and s learnt before the first step.

    x₊ = (s/s₊) x + … in the paper's eq. 17 (RK1) and 19–20 (RK2). `refine` takes as many steps more in the same t(r)
    and s(r), interpolated by cubics: the order is that of the rule, whatever was learnt (Theorem 2.2).
    The evaluations of the training are `training_nfe`; 0 iterations are the plain rule in the clock of the grid.
    Reference: N. Shaul et al. (2024), arXiv:2310.19075, Alg. 2 and 3, eq. 14–20.
    """

    title: ClassVar[str] = "Bespoke"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[str, ...]] = ("shaul2024bespoke",)
    clock: ClassVar[str] = "t"
    monitors: ClassVar[tuple[str, ...]] = (*Sampler.monitors, "fit_ratio", "training_nfe")
    steps: int = knob(5, 1, 100_000, log=True, symbol="n", doc="steps trained for; above 40: the plain rule")
    rule: str = knob("RK2", choices=RULES, doc="Euler's rule or the midpoint rule")
    refine: int = knob(1, 1, 1024, log=True, doc="times as many steps in the time and scale learnt")
    samples: int = knob(32, 4, 1000, log=True, doc="training particles")
    iterations: int = knob(40, 0, 5000, doc="steps of Adam before sampling")
    rate: float = knob(0.03, 1e-4, 0.3, log=True, doc="learning rate")
    lipschitz: float = knob(1.0, 0.0, 100.0, symbol="L_τ", doc="Lipschitz constant assumed of the flow")

    @property
    def stages(self) -> int:
        return int(self.rule[-1])

    def label(self) -> str:
        return f"{self.rule}-Bespoke" if self.iterations else f"{self.rule} in the clock of the grid"

    def trained(self, problem) -> tuple[np.ndarray, float, int]:
        """(θ, its training error relative to the plain rule's, evaluations)."""
        if not self.iterations or self.steps > MOST:
            return self.family_of(problem).plain(problem.process, self.grid, self.rho), 1.0, 0
        state = self.begun(problem)
        plain = state.training_error
        for _ in range(self.iterations):
            self.bettered(problem, state)
        return state.best, training.gain(state.training_error, plain), state.work.nfe

    def init(self, problem):
        plain, family = Sampler.init(self, problem), self.family_of(problem)
        theta, ratio, nfe = remembered(problem, self.turned(refine=1), lambda: self.trained(problem))
        rows = family.scalars(theta) if self.refine == 1 else family.refined(problem.process, theta, self.refine)
        plain.times = np.append(rows[:, 6], rows[-1, 7])
        state = training.fitted(plain, rows, nfe)
        state.fit_ratio = ratio
        return state

    def leap(self, problem, state, s, t):
        def slope(x, u):
            return problem.velocity(x, self.predict(problem, state, x, u), u)

        return stepped(slope, state.x, state.fit[state.i], self.stages)

    def claims(self, problem):
        about = dict(source="shaul2024bespoke", stop=THROUGH)
        unlike = "few steps; training particles enough to stand for the law"
        below = "error at the end below that of the plain rule"
        found = []
        if training.representative(problem, self.samples):
            other = self.turned(iterations=0)
            found.append(Beats(other=other, measure="final_error", title=below, assumes=unlike, **about))
        if problem.ladder(2):
            p = float(self.rule[-1])
            title = f"refined, error ∝ N^−{p:g} whatever was learnt"
            smooth = "a smooth score, steps small enough, and no rounding"
            ladder = dict(over="refine", values=(64, 128, 256, 512), title=title, assumes=smooth, floor=ROUNDING)
            found.append(Order(measure="final_error", p=p, **ladder, **about))
        return tuple(found)


def learnt(problem, state):
    """log(α/σ) at the nodes, and log s, against r: of the best θ."""
    family = ScaleTime(problem.process.start, state.t, len(state.best) // 4, 1)  # nodes only: the rule does not matter
    shares, _, scale, _ = family.split(state.best)
    t = family.start + (family.end - family.start) * shares
    t[-1] = family.end
    return {"x": np.linspace(0, 1, len(t)), "log(α/σ)": problem.process.log_snr(t), "log s": np.log(scale)}


PICTURES = (
    Picture("learnt_clock", "time and scale learnt", "lines", learnt, x="r", y="log(α/σ), log s", of=BespokeState),
)


def carries_over(runs) -> bool:
    """Whether every solver learnt ends, on other particles, below the plain rule that it began with."""
    return all(run.history.last("gain") < 1 for run in runs)


EXPERIMENTS = (
    Experiment(
        "train-bespoke",
        "A solver to measure",
        "Forty numbers are learnt so that five steps of the midpoint rule are enough. Enough on other particles too?",
        PlaneMixture(particles=256),
        (BespokeTraining(), BespokeTraining(rule="RK1", steps=10), BespokeTraining(steps=8)),
        THROUGH_GROWTH,
        measure="final_error",
        picture="learnt_clock",
        predict=Pick(
            "Does the error fall below the plain rule's on particles that the training has not seen?",
            whether(carries_over),
            theory=0,
            options=YES_NO,
        ),
        why=(
            "What is learnt is a clock $t(r)$ and a scale $s(r)$ for one law, a few numbers a step, and with so few "
            "there is little to learn by heart: the error falls on other particles too. The rule stays what it is, and "
            "so does its order, whatever was learnt. Most is gained where a rule of order two has the fewest steps; "
            "Euler's rule gains little here."
        ),
        formula=r"\bar x(r)=s(r)\,x\bigl(t(r)\bigr)",
        level=3,
        minutes=6,
        then="search-schedule",
    ),
)
