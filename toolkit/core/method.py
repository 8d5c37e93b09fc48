"""Method: knobs only, with `init` and `step`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from toolkit.core.knob import Knobbed
from toolkit.core.probe import Measure
from toolkit.core.registry import classes, register
from toolkit.core.rooms import lab_of
from toolkit.core.state import State

FEW = 4  # kinds of problem that a refusal names one by one


class Method(Knobbed):
    """Base of every method: subclasses are frozen dataclasses of knobs.

    A class writes `init` and either `step` or a compiled `advance`:
    `advance(problem, state, n, rows)` does up to n steps, writes the monitored values after step i to `rows[i]`,
    spends the same work in every step, updates `state.k`, the monitors and `state.work`, and returns the state
    (short of n only with `state.status` set). n steps of it equal n times `step`, bit for bit.

    `monitors` names the float attributes of the state that are recorded after every step at no cost; the first one is
    what the default stopping rule looks at. `scales` are those of them that grow along a run and may stand on the
    abscissa (unknowns), `linear` those that are shares or counts: drawn on a linear axis, all others on a logarithmic
    one. `problems` are the kinds of problem it solves; empty: any of its lab.
    `no_claim` says in words that no claim is known, where `claims` has none.
    `slow`: its small cases take many seconds in plain Python.
    """

    title: ClassVar[str] = ""
    sources: ClassVar[tuple[str, ...]] = ()
    monitors: ClassVar[tuple[str, ...]] = ()
    scales: ClassVar[tuple[str, ...]] = ()
    linear: ClassVar[tuple[str, ...]] = ()
    problems: ClassVar[tuple[type, ...]] = ()
    no_claim: ClassVar[str] = ""
    slow: ClassVar[bool] = False
    advance = None

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        register("method", cls)

    def init(self, problem) -> State:
        """The state before the first step. Raises `Breakdown` when the method cannot be set up on this problem."""
        raise NotImplementedError

    def step(self, problem, state: State) -> State:
        """One step; only the returned state is valid afterwards."""
        return self.advance(problem, state, 1, np.empty((1, len(self.monitors))))

    def suits(self, problem) -> str:
        """Why this method cannot be applied to this problem, in words; empty when it can."""
        if not self.problems or isinstance(problem, self.problems):
            return ""
        names = " or ".join(repr(name) for cls in self.problems for name in _titles(cls))
        return f"it solves problems of the kind {names}"

    def claims(self, problem) -> tuple:
        """What theory promises of this method on this problem; empty where its assumptions fail."""
        return ()

    def measures(self, problem) -> tuple[Measure, ...]:
        """Measures only this method's state can answer (Ritz values, regret, …)."""
        return ()

    def replicates(self, problem, seeds: int) -> tuple | None:
        """(problem, method) of one run that carries the seeds 0 … seeds − 1 side by side, or None: one run a seed.

        Where its state has an axis of seeds, the measures of that run return an array, one number a seed, each the one
        that a run of that seed alone would give at that step. Only a statement over seeds looks at them so.
        """
        return None

    def enough(self, history) -> int | None:
        """The step from which on more of them are in vain, as a run's history shows it; a plot marks it "stop here"."""
        return None

    def label(self) -> str:
        """A short name for legends and tables."""
        return self.title


def _titles(problems: type) -> list[str]:
    """What to call a kind of problem: by its title, a base without one by those of the few that are of it."""
    found = [cls.title for cls in classes("problem", lab_of(problems), problems).values()]
    return [problems.title] if problems.title else found if len(found) <= FEW else [problems.__name__]
