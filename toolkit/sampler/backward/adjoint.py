"""The gradient of a loss at the data with respect to the noise, by adjoint equations that go from data to noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Flat, Order
from toolkit.core.errors import Breakdown, ToolkitError
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.method import Method
from toolkit.core.prediction import Pick
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.sampler.backward.problems import LatentGradient, gradient_error
from toolkit.sampler.laws.measures import ROUNDING, rms
from toolkit.sampler.laws.schedules import GRIDS, small_steps, time_grid


@dataclass(slots=True, kw_only=True)
class AdjointState(State):
    """State x and adjoint a, (n, d), at times[k]; `before` the (λ, ε, α²(∂ε/∂x)ᵀa) of the step before.

    `gradient_size` is the RMS of a, `remaining` the share of steps to come, `kept_bytes` what of the way is kept.
    """

    x: np.ndarray
    adjoint: np.ndarray
    times: np.ndarray
    before: tuple = ()
    gradient_size: float
    remaining: float = 1.0
    kept_bytes: float

    def solution(self) -> np.ndarray:
        return self.adjoint


def held(state: AdjointState) -> float:
    """Bytes of all arrays that the state holds, but the grid of times."""
    return float(state.nbytes() - state.times.nbytes)


class _Adjoint(Method):
    """x and a carried from data to noise together: y = x/α has y' = −e^{−λ} ε, z = αa has z' = e^{−λ} α²(∂ε/∂x)ᵀ a."""

    sources: ClassVar[tuple[str, ...]] = ("blasingame2024",)
    monitors: ClassVar[tuple[str, ...]] = ("gradient_size", "remaining", "kept_bytes")
    linear: ClassVar[tuple[str, ...]] = ("remaining",)
    problems: ClassVar[tuple[type, ...]] = (LatentGradient,)
    order: ClassVar[int] = 1
    steps: int  # knobs of each
    grid: str

    def times(self, problem: LatentGradient, steps: int) -> np.ndarray:
        """The grid from data to noise, shape (steps + 1,)."""
        process = problem.diffusion.process
        return time_grid(process, self.grid, steps, problem.end * process.start)[::-1]

    def init(self, problem: LatentGradient) -> AdjointState:
        x = problem.given
        try:
            times = self.times(problem, self.steps)
        except ToolkitError as error:
            raise Breakdown(str(error), "Take fewer steps or another grid") from None
        state = AdjointState(x=x, adjoint=x.copy(), times=times.copy(), gradient_size=rms(x), kept_bytes=0.0)
        state.kept_bytes = held(state)
        return state

    def step(self, problem: LatentGradient, state: AdjointState) -> AdjointState:
        law, (s, t) = problem.diffusion, map(float, state.times[state.k : state.k + 2])
        process = law.process
        eps, pushed = law.noise_along(state.x, state.adjoint, s)
        state.work.nfe += 2  # a network's output, and its product with the adjoint
        now = float(process.log_snr(s)), eps, process.alpha(s) ** 2 * pushed
        h = float(process.log_snr(t)) - now[0]
        along, across = self.means(state.before, now, h)
        ratio, decay = process.alpha(t) / process.alpha(s), process.sigma(t) / process.alpha(t) * np.expm1(h)
        state.x = ratio * state.x - process.alpha(t) * decay * along
        state.adjoint = state.adjoint / ratio + decay / process.alpha(t) * across
        state.before = now if self.order > 1 else ()
        state.k += 1
        state.gradient_size, state.remaining = rms(state.adjoint), 1 - state.k / (len(state.times) - 1)
        state.kept_bytes = held(state)
        if state.k == len(state.times) - 1:
            state.remaining, state.status = 1e-300, Status("converged", "reached the noise")
        return state

    def means(self, before: tuple, now: tuple, h: float) -> tuple:
        """What stands for ε and for α²(∂ε/∂x)ᵀa over a step h in λ."""
        return now[1:]

    def claims(self, problem):
        about = dict(source="blasingame2024", stop=THROUGH, over="steps")
        flat = dict(assumes="states are solved again", title="memory does not grow with the steps")
        kept = Flat(measure="kept_bytes", values=(10, 40, 160), growth=1.0, slack=0.0, **flat, **about)
        values = (128, 256, 512, 1024) if self.order == 1 else (64, 128, 256, 512)
        if not small_steps(problem.diffusion.process, self.times(problem, values[0])[::-1]):
            return (kept,)
        assumes = "a smooth score, states solved again, no step above 1/2 in log(α/σ)"
        about |= dict(assumes=assumes, values=values, title=f"error of the gradient ∝ N^−{self.order}")
        return Order(measure="gradient_error", p=self.order, floor=ROUNDING, **about), kept


@dataclass(frozen=True)
class AdjointDEIS1(_Adjoint):
    """a_t = (α_s/α_t) a_s + σ_t (e^h − 1)(α_s²/α_t²)(∂ε/∂x)ᵀ a_s, h = λ_t − λ_s; x by DDIM the same way: order 1.

    Two evaluations' work a step; states are solved again, so that nothing of the way to the data is kept.
    Reference: Z. Blasingame, C. Liu (2024), arXiv:2405.15020, eq. 2.14, Theorem 2.1.
    """

    title: ClassVar[str] = "AdjointDEIS-1"
    steps: int = knob(40, 1, 100_000, log=True, symbol="N", doc="steps from data to noise")
    grid: str = knob("log-SNR", choices=GRIDS, doc="how the times are spaced")


@dataclass(frozen=True)
class AdjointDEIS2M(_Adjoint):
    """AdjointDEIS-1, its V = α²(∂ε/∂x)ᵀa and ε extrapolated: (1 + h/2h') V_s − (h/2h') V_r, h' the last h; order 2.

    Two evaluations' work a step, the same as of order 1; the first step is of order 1.
    Reference: Z. Blasingame, C. Liu (2024), arXiv:2405.15020, eq. 2.15, Theorem 2.1.
    """

    title: ClassVar[str] = "AdjointDEIS-2M"
    order: ClassVar[int] = 2
    steps: int = knob(40, 1, 100_000, log=True, symbol="N", doc="steps from data to noise")
    grid: str = knob("log-SNR", choices=GRIDS, doc="how the times are spaced")

    def means(self, before, now, h):
        if not before:
            return now[1:]
        share = 0.5 * h / (now[0] - before[0])
        return tuple(new + share * (new - old) for new, old in zip(now[1:], before[1:]))


def nearest(runs) -> int | None:
    """The method whose gradient at the noise is nearest to the exact one."""
    errors = [gradient_error(run.problem, run.state) for run in runs]
    return int(np.argmin(errors)) if np.all(np.isfinite(errors)) else None


EXPERIMENTS = (
    Experiment(
        "gradient-to-the-noise",
        "A gradient through the sampler",
        "Which noise would have given better data? The adjoint walks back; how large is it there, and is it right?",
        LatentGradient(),
        (AdjointDEIS1(), AdjointDEIS2M()),
        THROUGH,
        measure="gradient_size",
        against="nfe",
        predict=Pick("Whose gradient is nearer to the exact one?", nearest, theory=1),
        why=(
            r"The adjoint $a=\partial L/\partial x_t$ obeys an equation of its own, solved from the data back to the "
            "noise together with the flow, so that nothing of the way has to be kept. With forty steps the two rules "
            "end with gradients of quite different sizes, and neither is exact; that of order 2 is the nearer. Check "
            "their orders: the error falls like $1/N$ and like $1/N^2$."
        ),
        formula=(
            r"a_t=\frac{\alpha_s}{\alpha_t}\,a_s+\sigma_t\,(e^h-1)\,\frac{\alpha_s^2}{\alpha_t^2}"
            r"\Bigl(\frac{\partial\varepsilon}{\partial x}\Bigr)^{\!\top}a_s"
        ),
        level=3,
        minutes=6,
        then="gradient-along-a-path",
    ),
)
