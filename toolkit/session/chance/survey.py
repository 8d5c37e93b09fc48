"""A survey: many draws of a lab, and what they have shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from toolkit.session.chance.deadlines import worked
from toolkit.session.chance.trials import Found, Trial


@dataclass
class Survey:
    """What `drawn` draws of a lab have shown: how many promises `held`, how many are `open`, and what was found."""

    lab: str
    seed: int
    drawn: int = 0
    held: int = 0
    open: int = 0
    found: list[Found] = field(default_factory=list)

    def hear(self, index: int, said: tuple, at: dict) -> None:
        """Keep what a trial told; `at` remembers by index where each is."""
        kind, *rest = said
        if kind == "at":
            at[index] = rest
        elif kind == "held":
            self.held += rest[0] is True
            self.open += rest[0] is None
        elif kind == "found":
            self.found.append(rest[0])
        else:
            spec, doing = at.get(index, ("", "drawing"))
            late = kind == "late"
            why = "one step that does not end: its process was stopped" if late else rest[0]
            self.found.append(Found("outlasted" if late else "died", index, spec, doing, why))


def survey(
    trial: Trial,
    indices,
    processes: int = 2,
    within: float | None = None,
    show: Callable = lambda done: None,
) -> Survey:
    """Draw, run and judge what belongs to `indices`, none begun after `within` seconds; `show(done)` tells how far."""
    found, at = Survey(trial.lab, trial.seed), {}
    for index, said in worked(trial, _until(indices, within), trial.seconds, processes):
        if said is None:
            found.drawn += 1
            show(found.drawn)
        else:
            found.hear(index, said, at)
    found.found.sort(key=lambda one: (one.kind, one.index))
    return found


def _until(indices, within: float | None) -> Iterator[int]:
    end = time.monotonic() + within if within is not None else float("inf")
    for index in indices:
        if time.monotonic() > end:
            return
        yield index
