"""The gradient through a sampling with noise: on one Brownian path the adjoint equation is an ordinary one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Order
from toolkit.core.errors import Breakdown, ToolkitError
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.method import Method
from toolkit.core.prediction import Guess
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.sampler.backward.adjoint import AdjointState
from toolkit.sampler.backward.problems import PathGradient
from toolkit.sampler.laws.measures import rms
from toolkit.sampler.laws.schedules import GRIDS, small_steps
from toolkit.sampler.solvers.sampler import TINY

MOST = 4096  # steps: every state on the way is kept
SMOOTH = 0.05  # the data's time from which on the score of a mixture is smooth on a few hundred steps


@dataclass(slots=True, kw_only=True)
class PathState(AdjointState):
    """Down to the data, then the adjoint back: `times` are those of both ways, `trail` the states on the way down.

    `slope` (n, d) is ∂L/∂x at the data, `place` the Brownian path at the latest time of the way down.
    """

    trail: list = field(default_factory=list)
    slope: np.ndarray
    place: np.ndarray


class _PathAdjoint(Method):
    """x down by eq. 3.6 on the path, then a_s = (α_t/α_s) a + 2 σ_s (e^h − 1)/α_s² V back, V = α_t² (∂ε/∂x)ᵀ a.

    The state cannot be solved again on the way back, where the reverse equation drives paths apart (by V_T/V_end on a
    Gaussian): the states, not what computed them, are kept, and with them the path's noise.
    """

    sources: ClassVar[tuple[str, ...]] = ("blasingame2024", "lu2022pp")
    monitors: ClassVar[tuple[str, ...]] = ("gradient_size", "remaining", "kept_bytes")
    linear: ClassVar[tuple[str, ...]] = ("remaining",)
    problems: ClassVar[tuple[type, ...]] = (PathGradient,)
    order: ClassVar[int] = 1
    steps: int  # knobs of each
    grid: str

    def init(self, problem: PathGradient) -> PathState:
        try:
            down = problem.times(self.steps, self.grid)
        except ToolkitError as error:
            raise Breakdown(str(error), "Take fewer steps or another grid") from None
        x = problem.diffusion.initial
        about = dict(gradient_size=rms(x), kept_bytes=float(x.nbytes), trail=[x], slope=x, place=np.zeros_like(x))
        return PathState(x=x, adjoint=x, times=np.concatenate((down, down[-2::-1])), **about)

    def step(self, problem: PathGradient, state: PathState) -> PathState:
        last, (s, t) = (len(state.times) - 1) // 2, map(float, state.times[state.k : state.k + 2])
        if state.k < last:
            self._descend(problem, state, s, t)
            if state.k == last - 1:
                state.slope = state.x
        else:
            self._climb(problem, state, state.trail[2 * last - state.k], s, t)
        state.k += 1
        state.gradient_size, state.remaining = rms(state.adjoint), 1 - state.k / (2 * last)
        if state.k == 2 * last:
            state.remaining, state.status = TINY, Status("converged", "reached the noise again")
        return state

    def _descend(self, problem, state, s: float, t: float) -> None:
        place = problem.diffusion.brownian(t)
        state.x = problem.moved(state.x, s, t, place - state.place)
        state.place, state.adjoint, state.trail = place, state.x, [*state.trail, state.x]
        state.kept_bytes += float(state.x.nbytes)
        state.work.nfe += 1

    def _climb(self, problem, state, x, t: float, s: float) -> None:
        """The adjoint from t up to s."""
        law, process = problem.diffusion, problem.diffusion.process
        level = float(process.log_snr(t))
        now = process.alpha(t) ** 2 * law.noise_along(x, state.adjoint, t)[1]
        state.work.nfe += 2  # a network's output, and its product with the adjoint
        h = float(process.log_snr(s)) - level
        mean = self.mean(state.before, (level, now), h)
        weight = 2 * process.sigma(s) * np.expm1(h) / process.alpha(s) ** 2
        state.adjoint = process.alpha(t) / process.alpha(s) * state.adjoint + weight * mean
        state.before = (level, now) if self.order > 1 else ()

    def mean(self, before: tuple, now: tuple, h: float) -> np.ndarray:
        """What stands for V over a step h in λ."""
        return now[1]

    def claims(self, problem):
        """Order 1 along the path, of a law whose score is smooth; of a Gaussian the adjoint's own order too.

        Of the second order's gradient nothing is promised elsewhere: the path decides, and one differs from another.
        """
        about = dict(source="blasingame2024", stop=THROUGH, over="steps", values=(256, 512, 1024))
        smooth = problem.response is not None
        if not small_steps(problem.diffusion.process, problem.times(256, self.grid)):
            return ()
        if not smooth and (self.order > 1 or problem.end < SMOOTH):
            return ()
        title = "error of the gradient ∝ N^−1 along the path"
        late = dict(at_least=self.order > 1)  # the path is felt late: before, the error falls like N^−2
        along = Order(measure="gradient_error", p=1.0, title=title, assumes="a smooth score", **about, **late)
        if not smooth:
            return (along,)
        title = f"error of the adjoint alone ∝ N^−{self.order}"
        about |= dict(assumes="a Gaussian: the adjoint does not see the path", p=float(self.order), title=title)
        return (along, Order(measure="response_error", **about))


@dataclass(frozen=True)
class AdjointDEIS1SDE(_PathAdjoint):
    """AdjointDEIS-1 for the reverse equation with noise: order 1 along the path.

    One evaluation a step down the path and two back; the adjoint takes the Jacobian at the states of the way down.
    Reference: Z. Blasingame, C. Liu (2024), arXiv:2405.15020, eq. 2.14 with the factor 2 of eq. 3.3; eq. 3.6 and 3.7.
    """

    name: ClassVar[str] = "adjoint_deis1_sde"
    title: ClassVar[str] = "AdjointDEIS-1, with noise"
    steps: int = knob(40, 1, MOST, log=True, symbol="N", doc="steps each way")
    grid: str = knob("log-SNR", choices=GRIDS, doc="how the times are spaced")


@dataclass(frozen=True)
class AdjointDEIS2MSDE(_PathAdjoint):
    """AdjointDEIS-2M for the reverse equation with noise: V extrapolated as in the flow's, the first step of order 1.

    Of order 2 where V does not depend on the path (a Gaussian). Else V is as rough along the path as the path, and no
    extrapolation helps: order 1. The paper's theorem is on the flow only.
    Reference: Z. Blasingame, C. Liu (2024), arXiv:2405.15020, eq. 2.15 with the factor 2 of eq. 3.3; eq. 3.6 and 3.7.
    """

    name: ClassVar[str] = "adjoint_deis2m_sde"
    title: ClassVar[str] = "AdjointDEIS-2M, with noise"
    order: ClassVar[int] = 2
    steps: int = knob(40, 1, MOST, log=True, symbol="N", doc="steps each way")
    grid: str = knob("log-SNR", choices=GRIDS, doc="how the times are spaced")

    def mean(self, before, now, h):
        if not before:
            return now[1]
        return now[1] + 0.5 * h / (now[0] - before[0]) * (now[1] - before[1])


EXPERIMENTS = (
    Experiment(
        "gradient-along-a-path",
        "A gradient through noise",
        "Noise was added at every step. Is the gradient noisy too, and what must be kept to walk back?",
        PathGradient(),
        (AdjointDEIS1SDE(), AdjointDEIS2MSDE()),
        THROUGH,
        measure="gradient_size",
        against="nfe",
        predict=Guess(
            "Forty steps down: how many states have to be kept for the way back?",
            *(lambda runs: float(len(runs[0].state.trail)), 1, 200),
            theory=lambda runs: runs[0].method.steps + 1.0,
            unit="states",
            whole=True,
        ),
        why=(
            "The noise of a step does not depend on $x$, so that it drops out where one differentiates: along one path "
            "the adjoint obeys an ordinary equation. But the path itself cannot be solved again from its end, as the "
            "equation backwards drives paths apart; all its states are kept, the first and one a step. The gradient at "
            "the noise is small: with fresh noise at every step the data hardly remember where they came from."
        ),
        formula=(r"\frac{da}{dt}=-\Bigl(f+\frac{g^2}{\sigma}\,\frac{\partial\varepsilon}{\partial x}\Bigr)^{\!\top}a"),
        level=3,
        minutes=6,
        then="twice-the-steps",
    ),
)
