"""A dictionary of reduced models: each draw of the uncertain parameters is solved with the basis of its group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import YES_NO, Pick, whether
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.bases.local_bases import LocalBases, features, finished
from toolkit.rank.bases.problems import KINDS, SolutionFamily

STEPS = Stop(rtol=0.0, steps=200)
DRAWN = Status("converged", "all draws are done", "Raise `draws` of the problem")
RULES = ("nearest solution", "nearest medoid")


@dataclass(slots=True, kw_only=True)
class DictionaryState(State):
    """Bases and reduced operators of the groups, and what was found of the draws so far: peaks, errors, groups."""

    bases: list
    operators: list
    peaks: np.ndarray
    errors: np.ndarray
    groups: np.ndarray
    field_error: float = 1.0
    mean_gap: float = 1.0
    draws: float = 0.0

    def solution(self) -> np.ndarray:
        return self.peaks


@dataclass(frozen=True)
class DictionaryModels(Method):
    """Monte Carlo with a dictionary: a classifier names the group of (μ, A, c), whose Galerkin equations are solved.

    Offline: K groups by the angle between solutions, a POD and V_kᵀ A V_k of each. Online a draw costs the classifier,
    V_kᵀ f and N³; a step is a batch of draws, after which stand the mean peak max_x u and the mean error of the
    fields against full solves of the same draws. One group is one global POD.
    Reference: T. Daniel, F. Casenave, N. Akkari, D. Ryckelynck, C. Rey, arXiv:2108.04012 (2021), section 2; their
    classifier is a network on temperature fields, here the parameters are three numbers and the nearest one decides.
    """

    title: ClassVar[str] = "dictionary of reduced models"
    sources: ClassVar[tuple[str, ...]] = ("daniel2021dictionary", "daniel2021")
    problems: ClassVar[tuple[type, ...]] = (SolutionFamily,)
    monitors: ClassVar[tuple[str, ...]] = ("field_error", "mean_gap", "draws")
    scales: ClassVar[tuple[str, ...]] = ("draws",)
    clusters: int = knob(6, 1, 30, symbol="K", doc="groups")
    modes: int = knob(6, 1, 40, symbol="N", doc="modes of every basis")
    classifier: str = knob(RULES[0], choices=RULES, doc="what a draw's parameters are compared with")
    batch: int = knob(20, 1, 200, log=True, doc="draws in a step")

    def suits(self, problem) -> str:
        words = super().suits(problem)
        return words or ("the front is no solution of an equation to reduce" if problem.kind == KINDS[1] else "")

    def offline(self, problem: SolutionFamily):
        """The groups with their bases, made once a problem."""
        return finished(problem, LocalBases(clusters=min(self.clusters, problem.fields), modes=self.modes))

    def init(self, problem: SolutionFamily) -> DictionaryState:
        bases = [basis[: self.modes] for basis in self.offline(problem).bases]
        operators = [problem.applied(v) @ v.T for v in bases]
        none = np.empty(0)
        return DictionaryState(bases=bases, operators=operators, peaks=none, errors=none, groups=np.empty(0, dtype=int))

    def classified(self, problem: SolutionFamily, parameters: np.ndarray) -> np.ndarray:
        """The groups of parameters (m, 3): that of the nearest solution, or medoid, in the parameters' own ranges."""
        local = self.offline(problem)
        known = np.arange(problem.fields) if self.classifier == RULES[0] else local.medoids
        weights = np.array([1.0, 0.0, 0.3])  # solutions are linear in the amplitude; places tell them apart most
        apart = (features(parameters)[:, None] - features(problem.parameters[known])) * weights
        return local.owner[known[np.argmin(np.sum(apart**2, axis=2), axis=1)]]

    def step(self, problem: SolutionFamily, state: DictionaryState) -> DictionaryState:
        state.k += 1
        first = len(state.peaks)
        which = slice(first, min(first + self.batch, problem.draws))
        parameters = problem.draw_parameters[which]
        groups = self.classified(problem, parameters)
        fields = self._solved(problem, state, parameters, groups)
        truth = problem.truth[which]
        errors = np.linalg.norm(fields - truth, axis=1) / np.linalg.norm(truth, axis=1)
        state.peaks = np.concatenate((state.peaks, fields.max(axis=1)))
        state.errors = np.concatenate((state.errors, errors))
        state.groups = np.concatenate((state.groups, groups))
        state.work.solves += len(parameters)
        state.draws, state.field_error = float(len(state.peaks)), float(state.errors.mean())
        full = problem.truth[: len(state.peaks)].max(axis=1).mean()
        state.mean_gap = abs(float(state.peaks.mean() / full) - 1)
        if len(state.peaks) >= problem.draws:
            state.status = DRAWN
        return state

    def _solved(self, problem, state, parameters, groups) -> np.ndarray:
        """Reduced solutions, one batch of N × N equations a group."""
        loads, found = problem.load(parameters), np.empty((len(parameters), problem.n))
        for i in np.unique(groups):
            mine, v = groups == i, state.bases[i]
            systems = state.operators[i].T + parameters[mine, 2][:, None, None] * np.eye(len(v))
            found[mine] = np.linalg.solve(systems, (loads[mine] @ v.T)[..., None])[..., 0] @ v
        return found

    def measures(self, problem):
        return (against_global(self),)

    def claims(self, problem: SolutionFamily) -> tuple:
        if not problem.tells(self.clusters, self.modes):
            return ()
        about = dict(source="daniel2021dictionary", stop=STEPS)
        one, two = (
            "the mean peak within two per cent of that of full solves",
            "half the error of one global basis, or less",
        )
        words = "solutions like those of the draws were seen; modes enough for a group, and too few for all"
        return (
            Exact(measure="mean_gap", tol=0.02, title=one, assumes=words, **about),
            Exact(measure="against_global", tol=0.5, title=two, assumes=f"{words}; equal numbers of modes", **about),
        )


def against_global(method: DictionaryModels) -> Measure:
    """The mean error of the fields over what one global basis of as many modes leaves on the same draws."""
    rival = method.turned(clusters=1)

    def of(problem, state) -> float:
        if not len(state.errors):
            return float("nan")
        other = rival.init(problem)
        parameters = problem.draw_parameters[: len(state.errors)]
        fields = rival._solved(problem, other, parameters, np.zeros(len(parameters), dtype=int))
        truth = problem.truth[: len(parameters)]
        theirs = np.mean(np.linalg.norm(fields - truth, axis=1) / np.linalg.norm(truth, axis=1))
        return state.field_error / float(theirs)

    title = "error over that of one global basis"
    return Measure("against_global", title, of, doc="of the fields, the same draws and number of modes")


def _draws(problem, state):
    """The draws so far in the plane of place and peak, by group; None before the first."""
    if not len(state.peaks):
        return None
    place = problem.draw_parameters[: len(state.peaks), 0]
    return {
        f"group {i + 1}": (place[state.groups == i], state.peaks[state.groups == i]) for i in np.unique(state.groups)
    }


PICTURES = (Picture("draws-by-group", "draws by group", "points", _draws, x="place μ", y="peak", of=DictionaryState),)

EXPERIMENTS = (
    Experiment(
        "dictionary-draws",
        "A dictionary of small models",
        "Six hundred draws, six unknowns a draw: one basis for all, or one basis for each group?",
        SolutionFamily(),
        (DictionaryModels(), DictionaryModels(clusters=1), DictionaryModels(classifier=RULES[1])),
        STEPS,
        measure="field_error",
        against="draws",
        picture="draws-by-group",
        predict=Pick(
            "Is the mean error of the dictionary at most half of that of one basis for all?",
            whether(lambda runs: bool(runs[0].history.last("field_error") <= runs[1].history.last("field_error") / 2)),
            theory=0,
            options=YES_NO,
        ),
        why="Both solve six equations a draw. One global basis spends its six modes on all places of the "
        "source at once; the dictionary looks up the nearest known solution and takes the basis of its "
        "group, which was made for such places. So the fields are better, and the mean peak over all draws "
        "is nearer to that of full solves.",
        formula=r"(V_k^{\mathsf T} A V_k) \, a = V_k^{\mathsf T} f, \qquad u \approx V_k a, \qquad k = k(\mu)",
        level=2,
        minutes=5,
        then="flow-given-matrix",
    ),
)
