"""Sampling in parallel rounds: Picard's iteration on a sliding window of the trajectory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Bound, Exact
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.prediction import Guess, needed
from toolkit.core.probe import Measure
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.sampler.laws.measures import NAN, rms
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.ddim import DDIM, ddim
from toolkit.sampler.solvers.sampler import TINY, Sampler, SamplerState

FORMS = ("generalised", "drift", "Jacobi")
ROUNDING = 1e-10
LEAST, FEWEST = 1e-6, 16  # the tolerance and the steps from which on fewer rounds are promised


@dataclass(slots=True, kw_only=True)
class PicardState(SamplerState):
    """`path` (N + 1, m, d): the guess of the trajectory; its first i + 1 points are settled, x is the last of them.

    `change`: the largest relative change of a point in the latest round.
    """

    path: np.ndarray
    change: float = 1.0


@dataclass(frozen=True)
class PicardSampler(Sampler):
    """DDIM's steps x_{j+1} = r_j x_j + c_j x₀(x_j) for a whole window at once; a step of the run is one such round.

    Every point of the window is denoised in parallel, then the cheap part is run through. "generalised": x_{j+1}^{new}
    = r_j x_j^{new} + c_j x₀(x_j^{old}), the solver's own update with old evaluations; "drift": x_{j+1}^{new} =
    x_j^{new} + (step(x_j^{old}) − x_j^{old}); "Jacobi": x_{j+1}^{new} = step(x_j^{old}). The window slides past all
    points up to the first that changed by more than `tolerance` (RMS, of √d √(α² + σ²)), one at least: N rounds at
    most. A round counts as many evaluations as it has points. The 256 followed particles only: trajectories are kept.
    Reference: L. Zhou, A. Shih, C. Meng, S. Ermon (2024), arXiv:2311.17082, Sec. 4 (generalised Picard iteration);
    A. Shih et al. (2023), arXiv:2305.16317, Alg. 1 (window, drift); Y. Song et al. (2021), arXiv:2002.03681 (Jacobi).
    """

    title: ClassVar[str] = "DDIM in Picard rounds"
    sources: ClassVar[tuple[str, ...]] = ("zhou2024dreampropeller", "shih2023paradigms", "song2021feedforward")
    monitors: ClassVar[tuple[str, ...]] = ("remaining", "noise_level", "magnitude", "change")
    linear: ClassVar[tuple[str, ...]] = ("remaining",)
    steps: int = knob(64, 1, 512, log=True, symbol="N", doc="steps of the trajectory")
    form: str = knob("generalised", choices=FORMS, doc="what a round takes from the round before")
    window: int = knob(32, 1, 512, log=True, symbol="p", doc="points denoised in parallel")
    tolerance: float = knob(1e-3, 0.0, 1.0, doc="change at which a point is settled; 0: only when nothing moves")

    def label(self) -> str:
        return f"Picard, {self.form}, window {self.window}"

    def init(self, problem):
        begun = Sampler.init(self, problem)
        x = problem.few.initial
        path = np.repeat(x[None], self.steps + 1, axis=0)
        return begun.widened(PicardState, x=x, path=path, sampler=None)

    def step(self, problem, state):
        first, last = state.i, min(state.i + self.window, self.steps)
        with np.errstate(over="ignore", invalid="ignore"):
            new = self.swept(problem, state, first, last)
            moved = [self.moved(problem, state, first + 1 + j, one) for j, one in enumerate(new)]
        state.k += 1
        if not np.all(np.isfinite(moved)):
            cause = "a guess of the trajectory left all bounds"
            state.status = Status("diverged", cause, "Take a smaller window, or the generalised form")
            return state
        unsettled = np.flatnonzero(np.array(moved) > self.tolerance)
        settled = first + 1 + (int(unsettled[0]) if len(unsettled) else last - first - 1)
        path = state.path.copy()
        path[first + 1 : last + 1] = new
        path[last + 1 :] = new[-1]  # what has not been reached begins where the window ends
        state.path, state.i, state.change = path, settled, float(max(moved))
        state.x, state.magnitude = path[settled], rms(path[settled])
        state.noise_level, state.remaining = self.noise_level(problem, state.t), 1 - settled / self.steps
        if settled == self.steps:
            state.remaining, state.status = TINY, Status("converged", "the whole trajectory is settled")
        return state

    def swept(self, problem, state, first: int, last: int) -> list:
        """The new points first + 1, …, last."""
        process, y, found = problem.process, state.path[first], []
        for s, t, old in zip(state.times[first:last], state.times[first + 1 :], state.path[first:]):
            denoised = self.predict(problem, state, old, float(s))
            if self.form == "generalised":
                y = ddim(process, y, denoised, s, t)
            elif self.form == "drift":
                y = y + (ddim(process, old, denoised, s, t) - old)
            else:
                y = ddim(process, old, denoised, s, t)
            found.append(y)
        return found

    def moved(self, problem, state, j: int, new: np.ndarray) -> float:
        """The change of point j relative to what a particle measures there."""
        t = float(state.times[j])
        size = np.hypot(problem.process.alpha(t), problem.process.sigma(t)) * np.sqrt(problem.dim)
        return rms(new - state.path[j]) / float(size)

    def sequential_gap(self, problem, state) -> float:
        """Largest distance from the trajectory stepped one by one, of the largest entry; NaN before the end."""
        return float(self.gaps(problem, state).max()) if state.i == self.steps else NAN

    def inexact(self, problem, state) -> float:
        """The share of points after the first that are off the trajectory stepped one by one."""
        return float(np.mean(self.gaps(problem, state)[1:] > ROUNDING))

    def gaps(self, problem, state) -> np.ndarray:
        """Largest distance of every point from the trajectory stepped one by one, of the largest entry, (N + 1,)."""
        key = "sequential", state.times.tobytes()
        path = remembered(problem, key, lambda: stepped_through(problem, state.path[0], state.times))
        return np.abs(state.path - path).max(axis=(1, 2)) / float(np.abs(path).max())

    def measures(self, problem):
        about = dict(symbol="‖x − x_DDIM‖/‖x‖", doc="whole trajectory, at the end")
        gap = Measure("sequential_gap", "distance from step-by-step sampling", self.sequential_gap, **about)
        doc = "share of points off the trajectory stepped one by one"
        return gap, Measure("inexact", "points not yet exact", self.inexact, log=False, doc=doc)

    def claims(self, problem):
        about = dict(source="shih2023paradigms", stop=THROUGH)
        steps = self.steps
        exact = self.tolerance == 0
        title = "one more point is exact after every round" if exact else "one more point is settled after every round"
        measure = "inexact" if exact else "remaining"
        claims = [Bound(measure=measure, curve=lambda k, v: 1 - k / steps, floor=1e-12, title=title, **about)]
        if exact:
            about |= dict(assumes="exact arithmetic")
            claims.append(Exact(measure="sequential_gap", tol=ROUNDING, title="ends at DDIM's own trajectory", **about))
        elif self.form != "Jacobi" and self.window > 1 and self.steps >= FEWEST and self.tolerance >= LEAST:
            title = f"fewer rounds than the {steps} steps, to {self.tolerance:g}"
            about |= dict(other=DDIM(steps=steps, grid=self.grid, rho=self.rho, end=self.end), assumes="a smooth score")
            claims.append(Beats(measure="k", factor=1 - 1 / steps, title=title, **about))
        return tuple(claims)


def trajectory(problem, state):
    """The first coordinate of a few particles along the guessed trajectory, against the step."""
    count = np.arange(len(state.path))
    return {"x": count} | {f"particle {j + 1}": state.path[:, j, 0] for j in range(min(6, state.path.shape[1]))}


def stepped_through(problem, x: np.ndarray, times: np.ndarray) -> np.ndarray:
    """DDIM's trajectory from x (m, d), one step after another, (N + 1, m, d)."""
    path = [x]
    for s, t in pairwise(times):
        path.append(ddim(problem.process, path[-1], problem.denoise(path[-1], float(s)), s, t))
    return np.array(path)


PICTURES = (
    Picture("guessed", "the guessed trajectory", "lines", trajectory, x="step", y="first coordinate", of=PicardState),
)

EXPERIMENTS = (
    Experiment(
        "parallel-rounds",
        "A trajectory all at once",
        "Sixty-four steps, all denoised at the same time, again and again. How many rounds, and in which form?",
        PlaneMixture(particles=256, schedule="VP cosine"),
        tuple(
            PicardSampler(form=form, window=window)
            for form, window in (("generalised", 64), ("generalised", 16), ("drift", 16))
        ),
        THROUGH,
        measure="remaining",
        picture="guessed",
        predict=Guess(
            "After how many rounds is the first one's whole trajectory settled?",
            *(needed(), 1, 64),
            theory=lambda runs: float(runs[0].method.steps),  # one more point is settled after every round
            limit=True,
            unit="rounds",
            whole=True,
        ),
        why=(
            "A round takes the predictions of the round before, all made at once, and runs the cheap part of the steps "
            "through. The first point that is not settled yet starts from one that is, so that every round settles one "
            "more at least: never more rounds than steps. Where the score is smooth the predictions hardly change "
            "between rounds, and many points settle together. A smaller window wastes fewer evaluations."
        ),
        formula=r"x_{j+1}^{\mathrm{new}}=r_j\,x_j^{\mathrm{new}}+c_j\,x_0\bigl(x_j^{\mathrm{old}}\bigr)",
        level=1,
        then="chain-in-parallel",
    ),
)
