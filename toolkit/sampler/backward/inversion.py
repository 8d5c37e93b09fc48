"""From noise to data and back: BDIA, whose steps can be undone exactly, and DDIM's inversion, which is not exact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Rate
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment
from toolkit.core.prediction import Guess, Pick, Sketch, lowest
from toolkit.core.probe import Measure
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.sampler.laws.measures import NAN, rms
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.laws.problems import FEW
from toolkit.sampler.solvers.ddim import DDIM, ddim
from toolkit.sampler.solvers.sampler import Sampler, SamplerState
from toolkit.sampler.solvers.step_ladder import StepLadder

PLAIN = 0.75  # up to this γ the order is seen to be 1 in a thousand steps
HEADROOM = 1e-3  # rounding may grow up to this before the way back is lost


class _Bidirectional(Sampler):
    """BDIA's step down, which needs the state before."""

    memory: ClassVar[int] = 2
    gamma: float  # a knob of each

    def descend(self, problem, state, s: float, t: float) -> np.ndarray:
        """x at t below s: γ (x₊ − DDIM's step back up) + DDIM's step down; the very first step is DDIM's."""
        denoised = self.predict_start(problem, state, s)
        down = ddim(problem.process, state.x, denoised, s, t)
        if len(state.history) < 2:
            return down
        above, x, _ = state.history[-2]
        return self.gamma * (x - ddim(problem.process, state.x, denoised, s, above)) + down


@dataclass(frozen=True)
class BDIA(_Bidirectional):
    """z_{i−1} = z_{i+1} − (1 − γ)(z_{i+1} − z_i) − γ Δ(t_i → t_{i+1}|z_i) + Δ(t_i → t_{i−1}|z_i), Δ of DDIM.

    One evaluation a step; the past step is integrated anew from this side, which cancels DDIM's leading error for
    γ = 1 (order 2, a midpoint rule), for γ < 1 a part of it (order 1). γ = 0 is DDIM. With γ = 1 the parasitic solution
    (−1)^i of a two-step rule is not damped, so few steps may be rough.
    Reference: G. Zhang, J. P. Lewis, W. B. Kleijn (2023), arXiv:2307.10829 (BDIA-DDIM).
    """

    title: ClassVar[str] = "BDIA"
    sources: ClassVar[tuple[str, ...]] = ("zhang2023bdia",)
    clock: ClassVar[str] = "ρ"
    gamma: float = knob(1.0, 0.0, 1.0, symbol="γ", doc="share of the step behind that is integrated anew; 0: DDIM")

    @property
    def order(self) -> float:
        return 2.0 if self.gamma == 1 else 1.0

    def label(self) -> str:
        return f"{self.title}, γ = {self.gamma:g}"

    def leap(self, problem, state, s, t):
        return self.descend(problem, state, s, t)

    def promised_order(self, problem, **about):
        if PLAIN < self.gamma < 1:  # the cancelled part of the error hides the rest until steps are very many
            return ()
        values = problem.ladder(self.order)
        if values and self.order == 2:
            values = tuple(n * (128 // values[0]) for n in values)
        return Sampler.promised_order(self, problem, **(dict(values=values) | about if values else about))


@dataclass(slots=True, kw_only=True)
class RoundTripState(SamplerState):
    """`trail`: where the followed particles were at each time of the way down, arrays (m, d)."""

    trail: list = field(default_factory=list)


def retrace(problem, state) -> float:
    """RMS distance of the followed particles from where they were at this time on the way down; NaN on that way."""
    last = (len(state.times) - 1) // 2
    return rms(state.x[:FEW] - state.trail[2 * last - state.i]) if state.i > last + 1 else NAN


RETRACE = Measure("retrace", "distance from the way down", retrace, "‖z − z↓‖", doc="RMS at the same time, way back")


class _RoundTrip(Sampler):
    """Down the grid and up again: `final_error` is then the distance from the noise begun with."""

    def times(self, problem):
        down = Sampler.times(self, problem)
        return np.concatenate((down, down[-2::-1]))

    def init(self, problem):
        begun = Sampler.init(self, problem)
        return begun.widened(RoundTripState, trail=[begun.x[:FEW]], sampler=None)

    def step(self, problem, state):
        before = state.i
        state = Sampler.step(self, problem, state)
        if before < state.i <= (len(state.times) - 1) // 2:
            state.trail = [*state.trail, state.x[:FEW]]
        return state

    def measures(self, problem):
        return (RETRACE,)


@dataclass(frozen=True)
class DDIMRoundTrip(_RoundTrip):
    """DDIM to the data, then DDIM's inversion: the same formula upwards, with the noise predicted at the lower end.

    z_{i+1} takes ε(z_i, t_i) where the step down took ε(z_{i+1}, t_{i+1}): the way back misses the way down by O(1/N).
    Reference: J. Song, C. Meng, S. Ermon (2021), arXiv:2010.02502, Sec. 4.3; P. Dhariwal, A. Nichol (2021),
    arXiv:2105.05233 (encoding by DDIM run backwards).
    """

    title: ClassVar[str] = "DDIM there and back"
    sources: ClassVar[tuple[str, ...]] = ("song2021ddim", "zhang2023bdia")
    order: ClassVar[float] = 1.0

    def leap(self, problem, state, s, t):
        return ddim(problem.process, state.x, self.predict_start(problem, state, s), s, t)

    def claims(self, problem):
        return self.promised_order(problem, title="round trip misses the noise by ∝ 1/N")


@dataclass(frozen=True)
class BDIARoundTrip(_RoundTrip, _Bidirectional):
    """BDIA to the data and its exact inversion: z_{i+1} = (z_{i−1} − DDIM down)/γ + DDIM up, both from z_i.

    The way back starts from the last two states, and takes one evaluation a step. Exact in exact arithmetic; rounding
    is divided by γ at each step and so grows like γ^{−N}. γ = 0 is not invertible.
    Reference: G. Zhang, J. P. Lewis, W. B. Kleijn (2023), arXiv:2307.10829 (BDIA-DDIM inversion).
    """

    title: ClassVar[str] = "BDIA there and back"
    chaotic: ClassVar[str] = "what is rounded off is all its error, and grows on the way back"
    sources: ClassVar[tuple[str, ...]] = ("zhang2023bdia",)
    gamma: float = knob(1.0, 0.01, 1.0, symbol="γ", doc="share of the step behind that is integrated anew")

    def label(self) -> str:
        return f"{self.title}, γ = {self.gamma:g}"

    def leap(self, problem, state, s, t):
        bottom = (len(state.times) - 1) // 2
        if state.i < bottom:
            return self.descend(problem, state, s, t)
        if state.i == bottom:  # the other of the two states that the inversion is given
            before = state.history[-1][1]
            state.history = [(s, state.x, None)]
            return before
        denoised = self.predict_start(problem, state, s)
        below, x, _ = state.history[-2]
        down = ddim(problem.process, state.x, denoised, s, below)
        return (x - down) / self.gamma + ddim(problem.process, state.x, denoised, s, t)

    def claims(self, problem):
        growth = self.steps * -np.log(self.gamma)
        about = dict(source="zhang2023bdia", stop=THROUGH)
        if self.gamma == 1:
            about |= dict(title="back at the noise", assumes="γ = 1, double precision")
            return (Exact(measure="final_error", tol=1e-10, **about),)
        if not 10 < growth < np.log(HEADROOM / np.finfo(float).eps):
            return ()
        about |= dict(title="rounding grows like γ^−i on the way back", assumes="rounding is small still")
        return (Rate(measure="retrace", factor=1 / self.gamma, sharp=True, tol=0.15, floor=0.0, **about),)


def overtakes(runs) -> float | None:
    """Evaluations from which on the last method's error stays below the first's, on equal ladders."""
    ahead = runs[2].history["final_error"] < runs[0].history["final_error"]
    behind = np.flatnonzero(~ahead)
    first = int(behind[-1]) + 1 if len(behind) else 0
    return float(runs[2].history["evaluations"][first]) if first < len(ahead) else None


EXPERIMENTS = (
    Experiment(
        "there-and-back",
        "There and back again",
        "From noise to data and back by the same steps: which sampler finds the noise again, and what does γ cost?",
        PlaneMixture(particles=256),
        (
            StepLadder(sampler=DDIMRoundTrip(), most=256),
            StepLadder(sampler=BDIARoundTrip(), most=256),
            StepLadder(sampler=BDIARoundTrip(gamma=0.9), most=256),
        ),
        THROUGH_GROWTH,
        measure="final_error",
        against="steps_used",
        predict=Pick(
            "Which finds the noise again most exactly, with 256 steps each way?",
            lowest("final_error"),
            theory=1,  # exactly invertible, and rounding is not magnified
        ),
        why=(
            "DDIM's step down uses the noise predicted at its upper end, the step up that at its lower one: the way "
            "back misses by about $1/N$. BDIA's step can be solved for where it came from, so that its way back is "
            r"exact but for rounding. Solving divides by $\gamma$, and with it the rounding, at each step: for "
            r"$\gamma<1$ it grows like $\gamma^{-N}$, and many steps lose what few keep."
        ),
        formula=(r"z_{i+1}=\frac{z_{i-1}-D_{\downarrow}(z_i)}{\gamma}+D_{\uparrow}(z_i)"),
        level=2,
        minutes=6,
        then="retraced",
    ),
    Experiment(
        "retraced",
        "Rounding on the way back",
        "Every way back starts at rounding. Why does it stay there for γ = 1, and grow for any smaller γ?",
        PlaneMixture(particles=2000),
        tuple(BDIARoundTrip(steps=80, gamma=gamma) for gamma in (1.0, 0.9, 0.75)),
        THROUGH,
        measure="retrace",
        picture="cloud",
        predict=Sketch("By what factor a step does rounding grow for $\\gamma=0.75$?", "retrace", of=2),
        why=(
            r"Undoing a step divides by $\gamma$ whatever has been rounded off so far. With $\gamma=1$ nothing is "
            "magnified, and the way back stays at the level of rounding. With a smaller one the error is a straight "
            r"line on a logarithmic axis, of factor $1/\gamma$ a step: exact in exact arithmetic, and lost in a "
            "computer's after enough steps."
        ),
        formula=r"\|z_i-z_i^{\downarrow}\|\approx u\,\gamma^{-(i-i_0)}",
        level=2,
        then="behind-and-ahead",
    ),
    Experiment(
        "behind-and-ahead",
        "Looking back to step ahead",
        "BDIA costs what DDIM costs. From how many evaluations on is it better, and why is it rough before?",
        PlaneMixture(particles=256),
        tuple(StepLadder(sampler=one) for one in (DDIM(), BDIA(gamma=0.5), BDIA())),
        THROUGH_GROWTH,
        measure="final_error",
        against="evaluations",
        predict=Guess(
            r"From how many evaluations on is BDIA with $\gamma=1$ better than DDIM?",
            *(overtakes, 4, 512),
            unit="evaluations",
            whole=True,
            close=2.0,
        ),
        why=(
            r"BDIA integrates the step behind once more, from this side. With $\gamma=1$ that cancels DDIM's leading "
            r"error, and what is left is a midpoint rule of order 2; with $\gamma<1$ a part is cancelled, and the "
            "order stays 1. A midpoint rule has a second solution that changes its sign at each step. Nothing damps "
            "it, and in a few long steps it is large: that is the rough start."
        ),
        formula=(r"z_{i-1}=\gamma\,\bigl(z_{i+1}-D_{\uparrow}(z_i)\bigr)+D_{\downarrow}(z_i)"),
        level=2,
        minutes=6,
        then="noise-with-memory",
    ),
)
