"""DC-Solver: a predictor–corrector whose latest output is taken at a place fitted on a few trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.loading import loading
from toolkit.core.memo import remembered
from toolkit.core.prediction import Pick, lowest
from toolkit.core.stop import THROUGH
from toolkit.sampler.fitted import training
from toolkit.sampler.laws.guidance import GuidedMixture
from toolkit.sampler.laws.measures import rms
from toolkit.sampler.solvers.sampler import Sampler
from toolkit.sampler.solvers.unipc import STARTS, CorrectedState, UniPC

PLACES = 3  # outputs that a compensated one is interpolated through: the paper's K = 2
WINDOW = 0.0, 2.0  # of the ratios
TRIED = (5, 6, 8, 10)  # numbers of steps that the regression is fitted to
MOST = 100  # steps: with more all ratios are one
GUIDANCE = (1.5, 3.0, 6.0)  # and scales, where the law is guided
PUBLISHED = ("VP linear", "VP cosine")  # schedules of which less error is claimed
SOURCES = ("fitted", "regression", "one")


@dataclass(slots=True, kw_only=True)
class CompensatedState(CorrectedState):
    """Particles and the ratios ρ (N,); `fit_ratio` is the training error at the end relative to that with ρ = 1."""

    ratios: np.ndarray
    fit_ratio: float = 1.0
    training_nfe: float = 0.0


@dataclass(frozen=True)
class Ratios:
    """ρ of every step (N,), the RMS errors on the training particles without and with them, evaluations."""

    ratios: np.ndarray
    plain_error: float
    error: float
    nfe: int


@dataclass(frozen=True)
class DCSolver(UniPC):
    """UniPC whose output at the start of a step is replaced by the polynomial through the last three at another time.

    At t̂ = ρ t + (1 − ρ) t', t' the time before: ρ = 1 changes nothing. ρ of a step minimises the distance of its
    corrected particles from exact trajectories, step after step; ratios that do not help at the end are given up.
    Ten trajectories are few: others may end worse than with UniPC, on the eight Gaussians after 9 or 10 steps, where
    160 are enough, and with p = 2 after 7 under strong guidance.
    "regression": ρ is a cubic in i/N, its coefficients quadratics in the guidance scale where there is one, theirs
    quadratics in N, fitted at 5 to 10 steps and scales 1.5 to 6. Above 100 steps ρ = 1. One evaluation a step.
    Reference: W. Zhao et al. (2024), arXiv:2409.03755, Alg. 1, eq. 9–14.
    """

    title: ClassVar[str] = "DC-Solver"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[str, ...]] = ("zhao2024dc", "zhao2023unipc")
    monitors: ClassVar[tuple[str, ...]] = (*Sampler.monitors, "fit_ratio", "training_nfe")
    steps: int = knob(8, 1, 100_000, log=True, symbol="N", doc="steps from noise to data")
    start: str = knob("lower orders", choices=STARTS, doc="the first p − 1 steps")
    ratios: str = knob("fitted", choices=SOURCES, doc="where the compensation ratios are from")
    trajectories: int = knob(10, 1, 500, log=True, doc="exact trajectories that the ratios are fitted to")

    def label(self) -> str:
        if self.ratios == "one":
            return f"UniPC-{self.p}"
        return f"DC-Solver-{self.p}" + (", regression" if self.ratios == "regression" else "")

    @property
    def memory(self) -> int:
        return max(self.p + 1, PLACES)

    def init(self, problem):
        plain = super().init(problem)
        found = Ratios(np.ones(self.steps), 0.0, 0.0, 0)
        if self.ratios != "one" and self.steps <= MOST:
            make = self.fit if self.ratios == "fitted" else self.regression
            found = remembered(problem, self, lambda: make(problem, plain.times))
        ratio = training.gain(found.error, found.plain_error)
        return plain.widened(CompensatedState, ratios=found.ratios, fit_ratio=ratio, training_nfe=float(found.nfe))

    def leap(self, problem, state, s, t):
        if self.climbing(state.i):
            return super().leap(problem, state, s, t)
        self.corrected(problem, state, s)
        state.history[-1] = self.compensated(problem, state.history, state.ratios[state.i])
        return self.predicted(problem, state, t)

    def corrected(self, problem, state, s: float) -> None:
        """Evaluate at the start of the step and move `base` there by UniC, as UniPC does."""
        self.predict_start(problem, state, s)
        if state.i == 0 or self.climbing(state.i - 1):
            state.base = state.x
        else:
            known = state.history[-2 : -2 - self.p : -1]
            state.base = self.moved(problem, state.base, known, s, at_end=state.history[-1])

    def predicted(self, problem, state, t: float) -> np.ndarray:
        """UniP's step from `base`."""
        return self.moved(problem, state.base, state.history[-1 : -1 - self.p : -1], t)

    def compensated(self, problem, history: list, ratio: float) -> tuple:
        """The latest of the history, (t, x, x₀), with the output of the polynomial through three at t̂."""
        if ratio == 1 or len(history) < PLACES:
            return history[-1]
        process, known = problem.process, history[-PLACES:]
        places = [u for u, _, _ in known]
        t, x, _ = known[-1]
        place, mixed = ratio * t + (1 - ratio) * places[-2], 0.0
        for j, (u, y, denoised) in enumerate(known):
            output = denoised if self.prediction == "data" else problem.implied_noise(y, denoised, u)
            others = [v for k, v in enumerate(places) if k != j]
            mixed = mixed + np.prod([(place - v) / (u - v) for v in others]) * output
        return t, x, mixed if self.prediction == "data" else (x - process.sigma(t) * mixed) / process.alpha(t)

    def begun(self, problem, times: np.ndarray, ratios: np.ndarray) -> CompensatedState:
        """Training particles at the start."""
        x = training.noises(problem, self.trajectories)
        return CompensatedState(x=x, base=x, times=times, ratios=ratios, noise_level=1.0, magnitude=1.0)

    def error(self, problem, times: np.ndarray, ratios: np.ndarray, exact) -> tuple[float, int]:
        """(RMS distance of the training particles from their exact ends, evaluations)."""
        state = self.begun(problem, times, ratios)
        for state.i in range(len(times) - 1):
            state.x = self.leap(problem, state, float(times[state.i]), float(times[state.i + 1]))
        return rms(state.x - exact), state.work.nfe

    def paths(self, problem, end: float) -> training.ExactPath:
        """The trajectories to fit to, kept with the problem."""

        def make():
            return training.ExactPath(problem, training.noises(problem, self.trajectories), problem.process.start, end)

        return remembered(problem, ("trajectories", end, self.trajectories), make)

    def fit(self, problem, times: np.ndarray) -> Ratios:
        """The ratios, one after another (Alg. 1)."""
        path = self.paths(problem, float(times[-1]))
        state = self.begun(problem, times, np.ones(len(times) - 1))
        for i, (s, t) in enumerate(pairwise(times)):
            state.i = i
            if self.climbing(i):
                state.x = super().leap(problem, state, float(s), float(t))
                continue
            self.corrected(problem, state, float(s))
            state.ratios[i] = self._best(problem, state, float(t), path(float(t)))
            state.history[-1] = self.compensated(problem, state.history, state.ratios[i])
            state.x = self.predicted(problem, state, float(t))
        exact = path(float(times[-1]))
        plain, spent = self.error(problem, times, np.ones(len(times) - 1), exact)
        error, _ = self.error(problem, times, state.ratios, exact)
        ratios = state.ratios if error < plain else np.ones(len(times) - 1)
        return Ratios(ratios, plain, min(error, plain), path.nfe + state.work.nfe + 2 * spent)

    def _best(self, problem, state, t: float, exact: np.ndarray) -> float:
        """ρ in the window with the least distance after the step's correction, 1 where none is better."""
        with loading():
            from scipy.optimize import minimize_scalar

        latest, last = state.history[-1], state.i == len(state.times) - 2
        if len(state.history) < PLACES:
            return 1.0

        def distance(ratio):
            state.history[-1] = latest
            state.history[-1] = self.compensated(problem, state.history, ratio)
            x = self.predicted(problem, state, t)
            if not last:
                ahead = t, x, self.predict(problem, state, x, t)
                x = self.moved(problem, state.base, state.history[-1 : -1 - self.p : -1], t, at_end=ahead)
            return rms(x - exact)

        found = minimize_scalar(distance, bounds=WINDOW, method="bounded", options={"xatol": 1e-4})
        best = float(found.x) if found.fun < distance(1.0) else 1.0
        state.history[-1] = latest
        return best

    def regression(self, problem, times: np.ndarray) -> Ratios:
        """The ratios that the cascade predicts, from those fitted at other numbers of steps."""
        rows, right, nfe = [], [], 0
        scale = problem.guidance
        laws = [(problem, 0.0)] if scale is None else [(problem.turned(scale=w, particles=1), w) for w in GUIDANCE]
        for (law, w), n in product(laws, TRIED):
            other = self.turned(steps=n, ratios="fitted")
            found = other.fit(law, other.times(law))
            shared = 0 if n == TRIED[0] else other.paths(law, float(times[-1])).nfe  # one set of paths for all n
            nfe += found.nfe - shared
            later = range(PLACES - 1, n)
            rows += [cascade(i, n, w) for i in later]
            right += [found.ratios[i] for i in later]
        coefficients = np.linalg.lstsq(np.array(rows), np.array(right), rcond=1e-10)[0]
        n = len(times) - 1
        ratios = np.array([1.0 if i < PLACES - 1 else cascade(i, n, scale or 0.0) @ coefficients for i in range(n)])
        return Ratios(np.clip(ratios, *WINDOW), 0.0, 0.0, nfe)

    def claims(self, problem):
        if self.ratios == "one":
            return super().claims(problem)
        about = dict(source="zhao2024dc", stop=THROUGH)
        held_out = training.connected(problem) and training.representative(problem, 32) and self.trajectories >= 10
        if not 5 <= self.steps <= 8 or self.ratios != "fitted" or problem.schedule not in PUBLISHED or not held_out:
            return ()
        title = "error at the end not above that of UniPC"
        other, few = self.turned(ratios="one"), "5 to 8 steps, variance preserved, no wide gaps in the law"
        return (Beats(other=other, measure="final_error", title=title, assumes=few, **about),)


def cascade(i: int, n: int, scale: float = 0.0) -> np.ndarray:
    """(i/N)^j (w/10)^k (N/10)^l for j ≤ 3, k, l ≤ 2, w the guidance scale, shape (36,)."""
    powers = (i / n) ** np.arange(4.0), (scale / 10) ** np.arange(3.0), (n / 10) ** np.arange(3.0)
    return np.einsum("j,k,l->jkl", *powers).ravel()


def ratios_of(problem, state):
    """ρ of each step."""
    return {"ratio": (np.arange(1.0, len(state.ratios) + 1), state.ratios)}


PICTURES = (Picture("ratios", "compensation ratios", "points", ratios_of, x="step", y="ρ", of=CompensatedState),)
EXPERIMENTS = (
    Experiment(
        "compensate",
        "A predictor–corrector put right",
        "The output belongs to where the prediction was, not the correction. Do ten trajectories tell where to look?",
        GuidedMixture(particles=256, scale=3.0),
        (DCSolver(p=3, steps=6), DCSolver(p=3, steps=6, ratios="one"), DCSolver(p=3, steps=6, ratios="regression")),
        THROUGH,
        measure="trajectory_error",
        against="nfe",
        picture="ratios",
        predict=Pick("Which ends nearest to the exact flow?", lowest("trajectory_error")),
        why=(
            "UniPC corrects where the particles are, but keeps the output that belongs to where they had been "
            "predicted; under guidance and in six steps the two lie far apart. DC-Solver takes the output of another "
            r"time $\hat t$ from the polynomial through the last three, and fits $\rho$ on ten exact trajectories. "
            r"That carries over to other particles, and a regression through the $\rho$ of several numbers of steps "
            "and scales keeps most of it."
        ),
        formula=r"\hat t_i=\rho_i\,t_i+(1-\rho_i)\,t_{i-1}",
        level=3,
        minutes=6,
        then="statistics-of-the-law",
    ),
)
