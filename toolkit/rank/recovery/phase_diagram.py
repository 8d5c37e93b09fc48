"""Where recovery begins: trial after trial over ranks and numbers of entries, the shares of success filled in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import YES_NO, Pick, whether
from toolkit.core.problem import Problem
from toolkit.core.run import Run
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.core.study import sweep
from toolkit.rank.recovery.alternating import AltMin
from toolkit.rank.recovery.completion import PATTERNS, Completion

DONE = Status("converged", "every trial has been made")
RECOVERED = 1e-3  # distance from the truth, relative, at which a trial is won


@dataclass(frozen=True)
class Recoverability(Problem):
    """Which matrices of side n can be recovered from so many of their entries? Rank against number, trial by trial.

    A cell is a rank r ≤ `ranks` and a number of entries, the latter in equal steps up to all n². A matrix of rank r
    has r (2n − r) degrees of freedom: from fewer entries nobody recovers it.
    Reference: B. Recht, M. Fazel, P. A. Parrilo, SIAM Review 52 (2010) 471–501, doi:10.1137/070697835, figures 1, 2;
    D. L. Pimentel-Alarcón, N. Boston, R. D. Nowak, IEEE J. Sel. Top. Signal Process. 10 (2016) 623–636.
    """

    title: ClassVar[str] = "what can be recovered"
    sources: ClassVar[tuple[str, ...]] = ("recht2010",)
    side: int = knob(20, 10, 40, symbol="n", doc="rows, and columns, of the matrices")
    ranks: int = knob(6, 1, 10, doc="ranks 1, 2, … so far")
    numbers: int = knob(16, 3, 40, doc="numbers of entries tried, in equal steps up to all of them")
    trials: int = knob(3, 1, 20, doc="matrices a cell")
    seed: int = seed_knob("matrices, patterns and order")

    @property
    def shape(self) -> tuple[int, int]:
        """Cells: (ranks, numbers of entries)."""
        return self.ranks, self.numbers

    @cached_property
    def entries(self) -> np.ndarray:
        """Numbers of entries, a column of cells each."""
        return np.round(np.arange(1, self.numbers + 1) / self.numbers * self.side**2).astype(int)

    @cached_property
    def freedom(self) -> np.ndarray:
        """r (2n − r) of every row of cells."""
        rank = np.arange(1, self.ranks + 1)
        return rank * (2 * self.side - rank)

    @cached_property
    def hopeless(self) -> np.ndarray:
        """Cells with fewer entries than degrees of freedom."""
        return self.entries < self.freedom[:, None]

    @cached_property
    def easy(self) -> np.ndarray:
        """Cells with 2 r (2n − r) entries and 2 n ln n more, so that no row or column is left with too few."""
        return self.entries >= 2 * self.freedom[:, None] + 2 * self.side * np.log(self.side)

    def trial(self, row: int, column: int, number: int) -> Completion:
        """One matrix and pattern of a cell."""
        seed = int(np.random.default_rng((self.seed, row, column, number)).integers(2**31))
        return Completion(
            rows=self.side,
            columns=self.side,
            rank=row + 1,
            condition=1.0,
            seed=seed,
            share=float(self.entries[column]) / self.side**2,
            pattern=PATTERNS[1],
        )


@dataclass(slots=True, kw_only=True)
class PhaseState(State):
    """Successes and trials of every cell, (ranks, numbers); what is recorded of them.

    `untried` is the share of trials to come, `recovered` that of successes so far; `impossible` counts successes below
    the counting bound, `missed` failures where there is plenty.
    """

    wins: np.ndarray
    tried: np.ndarray
    order: np.ndarray
    untried: float = 1.0
    cells: float = 0.0
    recovered: float = 0.0
    impossible: float = 0.0
    missed: float = 0.0

    def solution(self) -> np.ndarray:
        return self.wins / np.maximum(self.tried, 1)


def ordered(shape: tuple[int, int], trials: int, order: str, seed: int) -> np.ndarray:
    """(steps, 3): row, column and number of every trial; a cell's trials follow each other unless at random."""
    rows, columns = np.indices(shape)
    if order == "random":
        every = np.stack([index.ravel() for index in np.indices((*shape, trials))], axis=1)
        return every[np.random.default_rng(seed).permutation(len(every))]
    if order == "spiral":  # from the middle outwards: ring by ring, each by angle
        y, x = rows - (shape[0] - 1) / 2, columns - (shape[1] - 1) / 2
        ring = np.maximum(np.ceil(np.abs(y)), np.ceil(np.abs(x)))
        first = np.lexsort((np.arctan2(y, x).ravel(), ring.ravel()))
    else:
        first = np.arange(rows.size)
    cells = np.stack([rows.ravel()[first], columns.ravel()[first]], axis=1)
    return np.column_stack([np.repeat(cells, trials, axis=0), np.tile(np.arange(trials), len(cells))])


@dataclass(frozen=True)
class PhaseDiagram(Method):
    """Share of recovered matrices over rank and number of entries; a step is one trial, by alternating minimisation.

    A trial is won when ‖X − truth‖_F ≤ 10⁻³ ‖truth‖_F within `sweeps` sweeps. Between the counting bound r (2n − r) and
    about twice that lies the edge, for small ranks above: there a row or column with fewer than r entries comes first,
    which 2 n ln n more entries rule out. A step costs up to `sweeps` sweeps; `swept` fills the same table on any
    executor.
    Reference: B. Recht, M. Fazel, P. A. Parrilo, SIAM Review 52 (2010) 471–501, doi:10.1137/070697835, section 5;
    P. Jain, P. Netrapalli, S. Sanghavi, STOC 2013, 665–674, doi:10.1145/2488608.2488693.
    """

    title: ClassVar[str] = "phase diagram, trial by trial"
    sources: ClassVar[tuple[str, ...]] = ("recht2010", "jain2013")
    monitors: ClassVar[tuple[str, ...]] = ("untried", "recovered", "cells", "impossible", "missed")
    linear: ClassVar[tuple[str, ...]] = ("untried", "recovered", "cells", "impossible", "missed")
    problems: ClassVar[tuple[type, ...]] = (Recoverability,)
    order: str = knob("random", choices=("random", "row by row", "spiral"), doc="which cells come first")
    sweeps: int = knob(50, 5, 200, log=True, doc="sweeps a trial may take")

    def init(self, problem: Recoverability) -> PhaseState:
        order = ordered(problem.shape, problem.trials, self.order, problem.seed)
        return PhaseState(wins=np.zeros(problem.shape), tried=np.zeros(problem.shape), order=order)

    def step(self, problem: Recoverability, state: PhaseState) -> PhaseState:
        row, column, number = state.order[state.k].tolist()
        won = self.recovers(problem.trial(row, column, number), state)
        state.k += 1
        state.tried[row, column] += 1
        state.wins[row, column] += won
        state.untried = 1.0 - state.k / len(state.order)
        state.cells = float(np.count_nonzero(state.tried == problem.trials))
        state.recovered = float(state.wins.sum() / state.tried.sum())
        state.impossible += float(won and problem.hopeless[row, column])
        state.missed += float(not won and problem.easy[row, column])
        if state.k == len(state.order):
            state.status = DONE
        return state

    def recovers(self, trial: Completion, state: PhaseState) -> bool:
        """Whether alternating minimisation finds the truth; its work is the step's."""
        method = AltMin()
        sweeps = method.init(trial)
        while sweeps.error > RECOVERED and sweeps.k < self.sweeps:
            sweeps = method.step(trial, sweeps)
        state.work.flops += sweeps.work.flops
        state.work.solves += sweeps.work.solves
        return sweeps.error <= RECOVERED

    def claims(self, problem: Recoverability) -> tuple:
        whole = Stop(rtol=0.0, steps=problem.ranks * problem.numbers * problem.trials)
        found = [
            Exact(
                measure="impossible",
                tol=0.0,
                always=True,
                title="nothing is recovered from fewer entries than r (2n − r)",
                assumes="generic matrices",
                source="recht2010",
                stop=whole,
            )
        ]
        if self.sweeps >= 30 and problem.easy.any():
            found.append(
                Exact(
                    measure="missed",
                    tol=0.0,
                    always=True,
                    title="all are recovered from 2 r (2n − r) + 2 n ln n entries",
                    assumes="incoherent matrices, κ = 1, entries at random",
                    source="jain2013",
                    stop=whole,
                )
            )
        return tuple(found)


def swept(
    problem: Recoverability, executor: Executor, on_trial: Callable | None = None, sweeps: int = 50
) -> np.ndarray:
    """Successes of every cell, (ranks, numbers), by as many trials at a time as any executor has workers.

    `on_trial(row, column, won)` is called in the caller's thread for every trial as it is collected.
    """
    places, wins = ordered(problem.shape, problem.trials, "row by row", problem.seed).tolist(), np.zeros(problem.shape)
    stop = Stop(measure="error", rtol=0.0, atol=RECOVERED, steps=sweeps)

    def done(i: int, history) -> None:
        row, column, _ = places[i]
        won = history.last("error") <= RECOVERED
        wins[row, column] += won
        if on_trial is not None:
            on_trial(row, column, won)

    sweep([Run(problem.trial(*place), AltMin(), stop).spec() for place in places], executor, done)
    return wins


def success(problem, state):
    """Share of successes; x the number of entries, y the rank, 1 at the bottom; −1 where nothing was tried yet."""
    return {"z": np.where(state.tried > 0, state.solution(), -1.0)}


CASES = (Recoverability(side=16, ranks=3, numbers=6, trials=2),)


def against_counting(runs) -> bool:
    """Whether anything was recovered from fewer entries than degrees of freedom."""
    return any(run.history.last("impossible") > 0 for run in runs)


EXPERIMENTS = (
    Experiment(
        "recovery-phase",
        "Where recovery begins",
        "A matrix of rank r has r (2n − r) degrees of freedom: how many entries more does it take to find it, and how"
        " sharp is the edge?",
        Recoverability(),
        (PhaseDiagram(), PhaseDiagram(order="spiral")),
        Stop(rtol=0.0, steps=10_000),
        measure="recovered",
        picture="recovery-shares",
        predict=Pick(
            "Is any matrix found from fewer entries than it has degrees of freedom?",
            truth=whether(against_counting),
            theory=1,
            options=YES_NO,
        ),
        why=r"A matrix of rank $r$ is told by $r(2n - r)$ numbers: from fewer entries a whole family of matrices fits"
        r" them all, and nobody can say which was meant. Just above that number it may still go wrong, most of all for"
        r" small ranks: some row or column then has fewer than $r$ known entries, which no method can mend. With twice"
        r" as many, and $2n \ln n$ more so that no row is left out, every trial is won here: the edge is only as wide"
        r" as that. The two orders of trials fill in the same picture.",
        formula=r"m \ \ge\ r\,(2n - r)",
        level=1,
        minutes=6,
        then="recovery-sweeps",
    ),
)

PICTURES = (
    Picture("recovery-shares", "share recovered", "image", success, "number of entries", "rank", of=PhaseState),
)
