"""Course: how a run has gone so far and what is planned for it, in one piece; and live knobs that turn on the way."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from toolkit.core.errors import KnobError
from toolkit.core.history import History, Snapshots
from toolkit.core.knob import knobs
from toolkit.core.state import State
from toolkit.core.status import RUNNING, Status


@dataclass(slots=True)
class Course:
    """What moves in a run; a fork goes on from a copy.

    `first` is the method as it was started, `method` as its live knobs stand. `changes` are the (step, values) of live
    knobs turned so far, `plan` those to come, in the order of their steps. `pace` is how many steps a compiled call
    does, `seconds` what the method's work took, `aside` what took time besides.
    """

    first: object
    method: object
    history: History
    snapshots: Snapshots
    plan: list[tuple[int, dict]]
    changes: list[tuple[int, dict]] = field(default_factory=list)
    state: State | None = None
    seconds: float = 0.0
    aside: float = 0.0
    pace: int = 1
    ended: Status = RUNNING

    @property
    def k(self) -> int:
        """Steps done."""
        return self.state.k if self.state is not None else 0

    def copy(self) -> Course:
        """An independent one that stands at the same step."""
        return replace(
            self,
            history=self.history.copy(),
            snapshots=self.snapshots.copy(),
            plan=list(self.plan),
            changes=list(self.changes),
            state=self.state.copy() if self.state is not None else None,
        )

    def turn(self, values: dict) -> None:
        """Turn live knobs at the step where the run stands; KnobError for a knob that is not live."""
        now = turned(self.method, values)
        self.changes.append((self.k, {name: getattr(now, name) for name in values}))
        self.method = now

    def method_at(self, k: int) -> tuple[object, int]:
        """(the method in force at step k, the step of the next change or the newest)."""
        method = self.first
        for at, values in self.changes:
            if at > k:
                return method, at
            method = method.turned(**values)
        return method, self.k


def turned(method, values: dict):
    """The method with some live knobs turned; KnobError for a knob that is not live."""
    known, now = knobs(method), method.turned(**values)
    for name in values:
        if name not in known or not known[name].live:  # a part's knob is none of those that may turn
            raise KnobError(f"{type(method).__name__}.{name} is not live: start a new run to change it.")
    return now


def planned(method, changes: Iterable) -> list[tuple[int, dict]]:
    """(step, values) of live knobs to turn in mid-run, in the order of their steps; KnobError for what is none."""
    try:
        plan = [(operator.index(k), dict(values)) for k, values in changes]
    except (TypeError, ValueError) as error:
        raise KnobError(f"Planned changes are pairs of a step and the knobs to turn there ({error}).") from None
    plan.sort(key=lambda change: change[0])
    for _, values in plan:
        method = turned(method, values)
    return plan
