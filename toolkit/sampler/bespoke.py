"""Bespoke solvers: a Runge–Kutta rule in a time and a scale that are learnt for one law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claim import Beats, Exact, Order, monotone
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.sampler import training
from toolkit.sampler.diffusion import Diffusion
from toolkit.sampler.measures import rms
from toolkit.sampler.sampler import THROUGH, Sampler
from toolkit.sampler.schedules import GRIDS, time_grid

RULES = ("RK1", "RK2")
NUDGE = 1e-5  # of difference quotients, relative
BETAS = 0.9, 0.99  # of Adam


@dataclass(frozen=True)
class ScaleTime:
    """The solvers of one number of steps n and one rule: x̄(r) = s(r) x(t(r)), r from 0 to 1, solved by RK1 or RK2.

    θ, (4N,), N = n stages: logarithms of the increments of t, of ṫ and of s at N nodes, and ṡ; t runs in shares of the
    way from the start to the end. All functions of θ take a leading axis and complex numbers.
    Reference: N. Shaul et al. (2024), arXiv:2310.19075, eq. 14–20 and App. F.
    """

    start: float
    end: float
    n: int
    stages: int

    def split(self, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        """(t (…, N+1) in shares, ṫ (…, N), s (…, N+1), ṡ (…, N))."""
        steps, pace, scale, growth = np.split(theta, 4, axis=-1)
        parts = np.exp(steps)
        shares = np.cumsum(parts, axis=-1) / parts.sum(axis=-1, keepdims=True)
        nought = np.zeros_like(theta[..., :1])
        return np.concatenate((nought, shares), -1), np.exp(pace), np.exp(np.concatenate((nought, scale), -1)), growth

    def scalars(self, theta: np.ndarray) -> np.ndarray:
        """(…, n, 8): A, B, C, a, b, t½, t, t₊ of each step x₊ = A x + B u + C u(a x + b u, t½), u = u(x, t)."""
        return self.rule(*self.split(theta))

    def rule(self, shares, pace, scale, growth) -> np.ndarray:
        """`scalars` of t, ṫ, s, ṡ at the nodes."""
        m, span = self.stages, self.end - self.start
        h = m / pace.shape[-1]
        t = self.start + span * shares
        s, after = scale[..., :-1:m], scale[..., m::m]
        if m == 1:
            nought = np.zeros_like(s)
            first = (s + h * growth) / after, h * span * pace * s / after
            return np.stack((*first, nought, nought, nought, t[..., :-1], t[..., :-1], t[..., 1:]), -1)
        half, rise, turn = scale[..., 1::m], h * growth[..., 1::m] / after, h * span / after
        a, b = (s + 0.5 * h * growth[..., ::m]) / half, 0.5 * h * span * s * pace[..., ::m] / half
        weights = s / after + rise * a, rise * b, turn * pace[..., 1::m] * half
        return np.stack((*weights, a, b, t[..., 1::m], t[..., :-1:m], t[..., m::m]), -1)

    def growths(self, theta: np.ndarray, lipschitz: float) -> np.ndarray:
        """M_i = Π_{j>i} L_j, (…, n): how much an error made in step i may grow by the end, eq. 25–27."""
        _, pace, scale, growth = self.split(theta)
        m, h = self.stages, 1 / self.n
        size = growth * np.sign(growth.real) / scale[..., :-1] + lipschitz * pace
        each = h * size if m == 1 else h * size[..., 1::m] * (1 + 0.5 * h * size[..., ::m])
        each = scale[..., :-1:m] / scale[..., m::m] * (1 + each)
        later = np.cumprod(each[..., :0:-1], axis=-1)[..., ::-1]
        return np.concatenate((later, np.ones_like(each[..., :1])), -1)

    def gradient(self, function, theta: np.ndarray) -> np.ndarray:
        """∂function/∂θ, (4N, …), by complex steps: exact to rounding."""
        shifted = theta + 1e-30j * np.eye(len(theta))
        return function(shifted).imag / 1e-30

    def plain(self, process, grid: str, rho: float) -> np.ndarray:
        """θ of the rule itself in the clock of a grid: t(r) is the grid's, ṫ its derivative, s = 1."""
        nodes, span = self.n * self.stages, self.end - self.start
        t = time_grid(process, grid, nodes, self.end, rho)
        pace = clock_rate(process, grid, t, rho)[:-1] / span
        return np.concatenate((np.log(np.diff(t) / span), np.log(pace), np.zeros(2 * nodes)))

    def refined(self, process, theta: np.ndarray, times: int) -> np.ndarray:
        """`scalars` of a solver with `times` as many steps in the same t(r), s(r), (n·times, 8).

        Between the nodes λ(r) and log s(r) are the cubics through values and derivatives learnt.
        """
        shares, pace, scale, growth = self.split(theta)
        nodes, span = self.n * self.stages, self.end - self.start
        t = self.start + span * shares
        turn = log_snr_rate(process, t)
        level = process.log_snr(t), np.append(pace, (shares[-1] - shares[-2]) * nodes) * span * turn
        size = np.log(scale), np.append(growth / scale[:-1], (np.log(scale[-1]) - np.log(scale[-2])) * nodes)
        r = np.arange(nodes * times + 1) / times
        (level, level_rate), (size, size_rate) = hermite(r, *level, 1 / nodes), hermite(r, *size, 1 / nodes)
        t = process.time(level)
        t[0], t[-1], scale = self.start, self.end, np.exp(size)
        pace = level_rate / log_snr_rate(process, t) / span
        return self.rule((t - self.start) / span, pace[:-1], scale, (size_rate * scale)[:-1])


def log_snr_rate(process, t):
    """dλ/dt."""
    fall, rise = process.rates(t)
    return fall / process.alpha(t) - rise / process.sigma(t)


def clock_rate(process, grid: str, t: np.ndarray, rho: float) -> np.ndarray:
    """dt/dr of a grid at its own times t, r its share of the steps."""
    if grid == "uniform":
        return np.full(len(t), t[-1] - t[0])
    if grid == "quadratic":
        return 2 * np.sqrt(t) * (np.sqrt(t[-1]) - np.sqrt(t[0]))
    level = process.log_snr(t)
    if grid == "log-SNR":
        return (level[-1] - level[0]) / log_snr_rate(process, t)
    noise = np.exp(-level / rho)
    return -rho * (noise[-1] - noise[0]) / noise / log_snr_rate(process, t)


def hermite(r: np.ndarray, value: np.ndarray, rate: np.ndarray, h: float) -> tuple[np.ndarray, np.ndarray]:
    """(values, derivatives) at r h of the piecewise cubic with the given values and derivatives at 0, h, 2h, …"""
    k = np.minimum(r.astype(int), len(value) - 2)
    u, rise, left, right = r - k, value[k + 1] - value[k], h * rate[k], h * rate[k + 1]
    bend, twist = 3 * rise - 2 * left - right, left + right - 2 * rise
    return value[k] + u * (left + u * (bend + u * twist)), (left + u * (2 * bend + 3 * u * twist)) / h


class Lesson:
    """What a solver is fitted to: exact paths of training particles, the bound on the error, and its gradient.

    `bound(θ)` is Σ_i M_i E|x*(t_i) − one step from x*(t_{i−1})| (eq. 26), where x* moves with t; `error(θ)` the RMS
    distance at the end of a whole sampling.
    """

    def __init__(self, problem: Diffusion, family: ScaleTime, samples: int, lipschitz: float):
        self.problem, self.family, self.lipschitz, self.nfe = problem, family, lipschitz, 0
        self.x = training.noises(problem, samples)
        self.path = training.ExactPath(problem, self.x, family.start, family.end)
        self.nfe += self.path.nfe

    def slope(self, x: np.ndarray, t: float) -> np.ndarray:
        """u(x, t), one evaluation."""
        self.nfe += 1
        return self.problem.velocity(x, self.problem.denoise(x, t), t)

    def error(self, theta: np.ndarray) -> float:
        """RMS distance from the exact end after a whole sampling of the training particles."""
        x = self.x
        for row in self.family.scalars(theta):
            x = stepped(self.slope, x, row, self.family.stages)
        return rms(x - self.path(self.family.end))

    def bound(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """(the loss, its gradient (4N,))."""
        family = self.family
        rows, growths = family.scalars(theta), family.growths(theta, self.lipschitz)
        times = np.append(rows[:, 6], rows[-1, 7])
        x = [self.path(float(t)) for t in times]
        u = [self.slope(y, float(t)) for y, t in zip(x, times)]
        local = [self._local(row, x[i], u[i], x[i + 1], u[i + 1]) for i, row in enumerate(rows)]
        errors, slopes = np.array([one[0] for one in local]), np.array([one[1] for one in local])
        gradient = np.einsum("pis,is->p", family.gradient(family.scalars, theta), slopes * growths[:, None])
        gradient += family.gradient(lambda one: family.growths(one, self.lipschitz), theta) @ errors
        return float(growths @ errors), gradient

    def _local(self, row, x, u, after, u_after) -> tuple[float, np.ndarray]:
        """(mean distance of one step from the exact path, its derivatives by A, B, C, a, b, t½, t, t₊)."""
        A, B, C, a, b, half, t, _ = row
        delta = NUDGE * t
        turn = (self.slope(x - delta * u, t - delta) - u) / -delta  # du/dt along the path
        changes = [-x, -u, 0 * x, 0 * x, 0 * x, 0 * x, -A * u - B * turn, u_after]
        rest = after - A * x - B * u
        if self.family.stages == 2:
            inner = a * x + b * u
            other = self.slope(inner, half)
            along = [(self.slope(inner + NUDGE * way, half) - other) / NUDGE for way in (x, u, turn)]
            late = (self.slope(inner, half * (1 + NUDGE)) - other) / (NUDGE * half)
            rest = rest - C * other
            changes[2:6] = -other, -C * along[0], -C * along[1], -C * late
            changes[6] = changes[6] - C * (a * along[1] + b * along[2])
        far = np.sqrt(np.einsum("nd,nd->n", rest, rest))
        way = rest / np.maximum(far, 1e-300)[:, None]
        return float(far.mean()), np.array([np.einsum("nd,nd->", way, one) for one in changes]) / len(far)


def stepped(slope, x: np.ndarray, row: np.ndarray, stages: int) -> np.ndarray:
    """One step of a solver given by its eight scalars."""
    A, B, C, a, b, half, t, _ = (float(one) for one in row)
    u = slope(x, t)
    x, inner = A * x + B * u, a * x + b * u
    return x + C * slope(inner, half) if stages == 2 else x


@dataclass(slots=True, kw_only=True)
class BespokeState(State):
    """θ as it is and at its best, Adam's moments, and the followed particles x at the end t under the best θ.

    `training_error` and `final_error` (of particles not trained on) belong to the best θ, `bound` to the latest;
    `gain` is the final error relative to that of the plain rule.
    """

    theta: np.ndarray
    moments: np.ndarray
    best: np.ndarray
    x: np.ndarray
    t: float
    training_error: float
    bound: float
    final_error: float = 0.0
    gain: float = 1.0
    plain_error: float = 0.0

    def solution(self) -> np.ndarray:
        return self.x


class _Bespoke:
    """What training and sampling share: the family, the lesson, and one step of Adam."""

    def family_of(self, problem) -> ScaleTime:
        """The solvers to choose from."""
        end = problem.process.end if self.end is None else self.end
        return ScaleTime(problem.process.start, end, self.steps, int(self.rule[-1]))

    def lesson(self, problem) -> Lesson:
        """What they are fitted to, kept with the problem."""
        family = self.family_of(problem)
        key = "bespoke", family, self.samples, self.lipschitz
        return training.kept(problem, key, lambda: Lesson(problem, family, self.samples, self.lipschitz))

    def begun(self, problem) -> tuple[Lesson, BespokeState]:
        """(lesson, the state at the plain rule)."""
        lesson = self.lesson(problem)
        family, before = lesson.family, lesson.nfe
        theta = family.plain(problem.process, self.grid, self.rho)
        error, bound = lesson.error(theta), lesson.bound(theta)[0]
        about = dict(x=problem.few.initial, t=family.end, training_error=error, bound=bound)
        state = BespokeState(theta=theta, moments=np.zeros((2, len(theta))), best=theta, **about)
        state.work.nfe = lesson.path.nfe + lesson.nfe - before
        return lesson, state

    def improve(self, lesson: Lesson, state: BespokeState) -> bool:
        """One step of Adam on the bound, in place; whether the training error is the least so far."""
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
class BespokeTraining(_Bespoke, Method):
    """Learn the time t(r) and the scale s(r) of an RK1 or RK2 solver of few steps: Adam on a bound of the error.

    Loss: Σ_i M_i E|x*(t_i) − step(x*(t_{i−1}))|, M_i the growth of an error by the end, with the constant L_τ for that
    of the law. Kept is the θ of the least RMS error on the training particles, so that it never rises above that of
    the plain rule; `final_error` is on others. A step is one iteration, about 8 evaluations a step of the solver.
    The bound is one only for L_τ above the Lipschitz constant of the flow; the paper takes 1.
    Reference: N. Shaul et al. (2024), arXiv:2310.19075, Alg. 2, eq. 24–27.
    """

    title: ClassVar[str] = "Bespoke, training"
    family: ClassVar[str] = "training"
    sources: ClassVar[tuple[str, ...]] = ("shaul2024bespoke",)
    monitors: ClassVar[tuple[str, ...]] = ("training_error", "final_error", "bound", "gain")
    problems: ClassVar[tuple[type, ...]] = (Diffusion,)
    rule: str = knob("RK2", choices=RULES, doc="Euler's rule or the midpoint rule")
    steps: int = knob(5, 2, 40, symbol="n", doc="steps of the solver")
    grid: str = knob("log-SNR", choices=GRIDS, doc="the clock of the plain rule that training starts from")
    rho: float = knob(7.0, 1.0, 20.0, symbol="ρ", doc="exponent of the Karras grid")
    end: float = knob(None, 1e-9, 10.0, log=True, kind=float, doc="time of the end; None: the schedule's own")
    samples: int = knob(32, 4, 1000, log=True, doc="training particles")
    iterations: int = knob(60, 1, 5000, log=True, doc="steps of Adam")
    rate: float = knob(0.03, 1e-4, 0.3, log=True, live=True, doc="learning rate")
    lipschitz: float = knob(1.0, 0.0, 100.0, symbol="L_τ", doc="Lipschitz constant assumed of the flow")

    def init(self, problem):
        _, state = self.begun(problem)
        self._judge(problem, state)
        state.plain_error = state.final_error
        return state

    def step(self, problem, state):
        if self.improve(self.lesson(problem), state):
            self._judge(problem, state)
            state.gain = training.gain(state.final_error, state.plain_error)
        if state.k == self.iterations:
            state.status = Status("converged", f"{self.iterations} iterations are done")
        return state

    def _judge(self, problem, state: BespokeState) -> None:
        """Sample the followed particles with the best θ: not counted."""
        family, few = self.family_of(problem), problem.few
        x = few.initial
        for row in family.scalars(state.best):
            x = stepped(lambda y, t: few.velocity(y, few.denoise(y, t), t), x, row, family.stages)
        state.x, state.final_error = x, rms(x - few.flow(family.end))

    def claims(self, problem):
        about = dict(source="shaul2024bespoke", stop=Stop(rtol=0.0, steps=None, divergence=1e300))
        never = "the error on the training particles never rises above the plain rule's"
        below = "the error on other particles ends below the plain rule's"
        unlike = "training particles enough to stand for the law"
        first = monotone("training_error", title=never, assumes="the best θ is kept", **about)
        return first, Exact(measure="gain", tol=1.0, title=below, assumes=unlike, **about)


@dataclass(frozen=True)
class BespokeSolver(_Bespoke, Sampler):
    """RK1- or RK2-Bespoke: the rule applied to s(r) x(t(r)), with t and s learnt before the first step.

    x₊ = (s/s₊) x + … in the paper's eq. 17 (RK1) and 19–20 (RK2). `refine` takes as many steps more in the same t(r)
    and s(r), interpolated by cubics: the order is that of the rule, whatever was learnt (Theorem 2.2).
    The evaluations of the training are `training_nfe`; 0 iterations are the plain rule in the clock of the grid.
    Reference: N. Shaul et al. (2024), arXiv:2310.19075, Alg. 1 and 2, eq. 14–20.
    """

    title: ClassVar[str] = "Bespoke"
    sources: ClassVar[tuple[str, ...]] = ("shaul2024bespoke",)
    monitors: ClassVar[tuple[str, ...]] = (*Sampler.monitors, "fit_ratio", "training_nfe")
    steps: int = knob(5, 2, 40, symbol="n", doc="steps that the solver is trained for")
    rule: str = knob("RK2", choices=RULES, doc="Euler's rule or the midpoint rule")
    refine: int = knob(1, 1, 1024, log=True, doc="times as many steps in the time and scale learnt")
    samples: int = knob(32, 4, 1000, log=True, doc="training particles")
    iterations: int = knob(40, 0, 5000, doc="steps of Adam before sampling")
    rate: float = knob(0.03, 1e-4, 0.3, log=True, doc="learning rate")
    lipschitz: float = knob(1.0, 0.0, 100.0, symbol="L_τ", doc="Lipschitz constant assumed of the flow")

    def label(self) -> str:
        return f"{self.rule}-Bespoke" if self.iterations else f"{self.rule} in the clock of the grid"

    def trained(self, problem) -> tuple[np.ndarray, float, int]:
        """(θ, its training error relative to the plain rule's, evaluations)."""
        lesson, state = self.begun(problem)
        plain = state.training_error
        for _ in range(self.iterations):
            self.improve(lesson, state)
        return state.best, training.gain(state.training_error, plain), state.work.nfe

    def init(self, problem):
        plain, family = Sampler.init(self, problem), self.family_of(problem)
        theta, ratio, nfe = training.kept(problem, self.turned(refine=1), lambda: self.trained(problem))
        rows = family.scalars(theta) if self.refine == 1 else family.refined(problem.process, theta, self.refine)
        plain.times = np.append(rows[:, 6], rows[-1, 7])
        state = training.fitted(plain, rows, nfe)
        state.fit_ratio = ratio
        return state

    def leap(self, problem, state, s, t):
        def slope(x, u):
            return problem.velocity(x, self.predict(problem, state, x, u), u)

        return stepped(slope, state.x, state.fit[state.i], int(self.rule[-1]))

    def claims(self, problem):
        about = dict(source="shaul2024bespoke", stop=THROUGH)
        unlike = "few steps; training particles enough to stand for the law"
        below = "error at the end below that of the plain rule"
        least = "its training error is not above the plain rule's"
        found = [
            Exact(measure="fit_ratio", tol=1.0, always=True, title=least, assumes="the best θ is kept", **about),
            Beats(other=self.turned(iterations=0), measure="final_error", title=below, assumes=unlike, **about),
        ]
        if problem.ladder(2):
            p = float(self.rule[-1])
            title = f"refined, error ∝ N^−{p:g} whatever was learnt"
            smooth = "a smooth score, steps small enough, and no rounding"
            ladder = dict(over="refine", values=(64, 128, 256, 512), title=title, assumes=smooth)
            found.append(Order(measure="final_error", p=p, **ladder, **about))
        return tuple(found)


EXPERIMENTS = ()
