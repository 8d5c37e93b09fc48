"""S³: a search among the schedules of the unified framework, and the sampler that takes what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Exact
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.loading import loading
from toolkit.core.memo import remembered
from toolkit.core.prediction import Guess, last
from toolkit.core.probe import Measure
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.sampler.fitted import training
from toolkit.sampler.fitted.unified import FIXED, MOST, PREDICTIONS, Space, UnifiedSolver, predicted, unified_step
from toolkit.sampler.laws.measures import rms
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.laws.problems import Diffusion
from toolkit.sampler.laws.schedules import GRIDS
from toolkit.sampler.solvers.sampler import Sampler, SamplerState

LONGEST = 30  # steps of a schedule that is searched
ELITE = 12  # schedules that have offspring


@dataclass(slots=True, kw_only=True)
class SearchState(training.LearningState):
    """All schedules tried (M, 4N) with their training errors (M,).

    The training began with the fixed schedules, of which the best one in training has `fixed_error` there.
    """

    archive: np.ndarray
    errors: np.ndarray
    fixed_error: float


class _Searching:
    """What search and sampling share: the space, training particles with their ends, a generation; and these knobs."""

    steps: int
    end: float | None
    samples: int
    pool: int
    tried: int
    seed: int

    def space(self, problem) -> Space:
        """The schedules to choose from."""
        return Space(problem.process, problem.process.end if self.end is None else self.end, self.steps)

    def lesson(self, problem) -> tuple[np.ndarray, np.ndarray, int]:
        """(training particles, where the exact flow carries them, evaluations)."""
        end = self.space(problem).end

        def make():
            x = training.noises(problem, self.samples)
            path = training.ExactPath(problem, x, problem.process.start, end)
            return x, path(end), path.nfe

        return remembered(problem, ("search", end, self.samples), make)

    def judged(self, problem, schedules: np.ndarray) -> np.ndarray:
        """RMS errors at the end on the training particles, (M,); infinite where not finite."""
        space, (x, exact, _) = self.space(problem), self.lesson(problem)
        with np.errstate(over="ignore", invalid="ignore"):
            errors = np.array([rms(space.sampled(problem, x, one) - exact) for one in schedules])
        return np.where(np.isfinite(errors), np.minimum(errors, 1e6), 1e6)

    def begun(self, problem) -> SearchState:
        """All fixed schedules tried."""
        space = self.space(problem)
        archive = space.fixed()
        errors = self.judged(problem, archive)
        least = float(errors.min())
        about = dict(x=problem.few.initial, t=space.end, training_error=least, fixed_error=least)
        state = SearchState(archive=archive, errors=errors, **about)
        state.work.nfe = self.lesson(problem)[2] + self.steps * len(archive)
        return state

    def bettered(self, problem, state: SearchState) -> bool:
        """Offspring of the best, those of the least predicted error tried, in place; whether one is the best yet."""
        state.k += 1
        rng = np.random.default_rng((self.seed, training.TRAINING, state.k))
        parents = state.archive[np.argsort(state.errors, kind="stable")[:ELITE]]
        heirs = self.space(problem).offspring(parents, self.pool, rng)
        chosen = heirs[np.argsort(predicted(state.archive, state.errors, heirs), kind="stable")[: self.tried]]
        errors = self.judged(problem, chosen)
        state.archive, state.errors = np.vstack((state.archive, chosen)), np.append(state.errors, errors)
        state.work.nfe += self.steps * len(chosen)
        better = bool(errors.min() < state.training_error)
        state.training_error = float(min(errors.min(), state.training_error))
        return better


@dataclass(frozen=True)
class ScheduleSearch(_Searching, training.Learning):
    """S³: search a solver schedule of few steps by evolution, screened by a predictor of the error.

    It begins with every fixed schedule: the training error is never above the best of them. A step is one generation:
    offspring of the best dozen, of which those with the least predicted error are tried, N evaluations each. The
    predictor is kernel ridge regression on all tried so far, where the paper trains a recurrent network on FID.
    Reference: E. Liu, X. Ning, H. Yang, Y. Wang (2024), arXiv:2312.07243, Alg. 1.
    """

    title: ClassVar[str] = "S³ search"
    slow: ClassVar[bool] = True
    rounds: ClassVar[str] = "generations"
    sources: ClassVar[tuple[str, ...]] = ("liu2024usf",)
    monitors: ClassVar[tuple[str, ...]] = ("training_error", "final_error", "fixed_error", "gain")
    linear: ClassVar[tuple[str, ...]] = ("gain",)
    problems: ClassVar[tuple[type, ...]] = (Diffusion,)
    steps: int = knob(6, 1, LONGEST, symbol="N", doc="steps of the schedule: its evaluations")
    end: float = knob(None, 1e-9, 10.0, log=True, kind=float, doc="time of the end; None: the schedule's own")
    samples: int = knob(64, 4, 1000, log=True, doc="training particles")
    pool: int = knob(96, 4, 2000, log=True, doc="offspring in a generation")
    tried: int = knob(8, 1, 100, log=True, doc="of them tried")
    generations: int = knob(30, 1, 200, doc="generations")
    seed: int = seed_knob("the search")

    def sampled(self, problem, state):
        return self.space(problem).sampled(problem, problem.initial, state.archive[np.argmin(state.errors)])

    def ranking(self, problem, state: SearchState) -> float:
        """1 − Spearman's ρ between training errors and errors on the followed particles, over schedules tried."""
        with loading():
            from scipy.stats import spearmanr

        space, few = self.space(problem), problem.few
        seen = remembered(problem, ("held out", space), dict)
        exact, others = few.flow(space.end), []
        for one in state.archive:
            key = one.tobytes()
            if key not in seen:
                with np.errstate(over="ignore", invalid="ignore"):
                    seen[key] = rms(space.sampled(few, few.initial, one) - exact)
            others.append(min(seen[key], 1e6) if np.isfinite(seen[key]) else 1e6)
        return 1 - float(spearmanr(state.errors, others).statistic)

    def measures(self, problem):
        doc = "1 − Spearman's correlation of errors in training and on other particles, over all schedules tried"
        return (Measure("ranking", "disorder of the ranking", self.ranking, "1 − ρ", doc=doc),)

    def claims(self, problem):
        about = dict(source="liu2024usf", stop=THROUGH_GROWTH)
        held = "training particles enough to stand for the law"
        below = "on other particles the schedule found ends no worse than the best fixed one"
        same = "other particles rank the schedules as the training does: ρ ≥ 0.9"
        if not training.representative(problem, self.samples):
            return ()
        found = (Exact(measure="gain", tol=1.0, title=below, assumes=held, **about),)
        enough = min(self.samples, problem.few.particles) >= 64
        if not enough or not training.connected(problem):  # else, and under guidance, some change places
            return found
        return *found, Exact(measure="ranking", tol=0.1, title=same, assumes=held, **about)


@dataclass(frozen=True)
class SearchedSolver(_Searching, Sampler):
    """The schedule that S³ finds in a few generations, searched before the first step. One evaluation a step.

    The evaluations of the search are `training_nfe`; the grid counts for nothing, times are searched too.
    Reference: E. Liu, X. Ning, H. Yang, Y. Wang (2024), arXiv:2312.07243, Alg. 1.
    """

    title: ClassVar[str] = "S³ schedule"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[str, ...]] = ("liu2024usf",)
    monitors: ClassVar[tuple[str, ...]] = (*Sampler.monitors, "fit_ratio", "training_nfe")
    memory: ClassVar[int] = MOST
    steps: int = knob(6, 1, 100_000, log=True, symbol="N", doc="steps; above 30: a fixed schedule, not searched")
    samples: int = knob(64, 4, 1000, log=True, doc="training particles")
    pool: int = knob(96, 4, 2000, log=True, doc="offspring in a generation")
    tried: int = knob(8, 1, 100, log=True, doc="of them tried")
    generations: int = knob(12, 0, 200, doc="generations before sampling; 0: the best fixed schedule")
    seed: int = seed_knob("the search")

    def found(self, problem) -> tuple[np.ndarray, float, int]:
        """(schedule, its training error relative to the best fixed one's, evaluations)."""
        if self.steps > LONGEST:
            return self.space(problem).even((1, 2, 0)), 1.0, 0
        state = self.begun(problem)
        for _ in range(self.generations):
            self.bettered(problem, state)
        best = state.archive[np.argmin(state.errors)]
        return best, training.gain(state.training_error, state.fixed_error), state.work.nfe

    def init(self, problem):
        plain: SamplerState = Sampler.init(self, problem)
        schedule, ratio, nfe = remembered(problem, self, lambda: self.found(problem))
        space = self.space(problem)
        plain.times = space.times(schedule)
        state = training.fitted(plain, space.choices(schedule), nfe)
        state.fit_ratio = ratio
        return state

    def leap(self, problem, state, s, t):
        self.predict_start(problem, state, s)
        return unified_step(problem.process, state.x, state.history, t, state.fit[state.i])

    def claims(self, problem):
        about = dict(source="liu2024usf", stop=THROUGH)
        if self.steps > 10 or not training.representative(problem, self.samples):
            return ()
        title, other = "error at the end below that of a fixed schedule", UnifiedSolver(steps=self.steps, end=self.end)
        few = "few steps; training particles enough to stand for the law"
        return (Beats(other=other, measure="final_error", title=title, assumes=few, **about),)


def chosen(problem, state):
    """The order of each step of the best schedule against log(α/σ) at its start, by prediction."""
    best = state.archive[np.argmin(state.errors)]
    space = Space(problem.process, state.t, len(best) // 4)
    level, choices = np.asarray(problem.process.log_snr(space.times(best)))[:-1], np.round(space.choices(best))
    return {f"{kind} prediction": (level[choices[:, 0] == i], choices[choices[:, 0] == i, 1]) for i, kind in DRAWN}


def tried(problem, state):
    """Training errors of all schedules in the order they were tried: fixed ones, then those found."""
    count, fixed = np.arange(1.0, len(state.errors) + 1), len(FIXED) * len(GRIDS)
    shown = np.minimum(state.errors, 10 * state.fixed_error)
    return {"fixed": (count[:fixed], shown[:fixed]), "searched": (count[fixed:], shown[fixed:])}


DRAWN = tuple(enumerate(PREDICTIONS))
PICTURES = (
    Picture("schedule_chosen", "what each step is", "points", chosen, x="log(α/σ)", y="order", of=SearchState),
    Picture(
        "schedules_tried", "schedules tried", "points", tried, x="number", y="training error", log=True, of=SearchState
    ),
)
EXPERIMENTS = (
    Experiment(
        "search-schedule",
        "A schedule by evolution",
        "Time, order and prediction of each step are free. How far below the best fixed schedule does a search get?",
        PlaneMixture(particles=256),
        (ScheduleSearch(steps=6), ScheduleSearch(steps=6, seed=1), ScheduleSearch(steps=10)),
        THROUGH_GROWTH,
        measure="final_error",
        picture="schedule_chosen",
        predict=Guess(
            "What share of the best fixed schedule's error does the first search leave, on other particles?",
            *(last("gain"), 0.05, 2.0),
            theory=lambda runs: 1.0,  # it begins with all fixed schedules and keeps the best
            limit=True,
            close=1.5,
        ),
        why=(
            "The search begins with every fixed schedule and keeps the best it has seen, so that in training it never "
            "ends above them; with particles enough to stand for the law that holds for others. Free times, orders and "
            "predictions leave less than half of the error. Another seed finds another schedule that is about as good: "
            "there are many, and none of them was promised."
        ),
        formula=(r"x_t=\frac{\sigma_t}{\sigma_s}\,x_s+\alpha_t\sum_{k<p}h^{k+1}\varphi_{k+1}(-h)\,x_0^{(k)}"),
        level=3,
        minutes=6,
        then="learn-solver",
    ),
)
