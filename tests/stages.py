"""A run as it stood at a step, for what judges it on the way."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.core.history import History
from toolkit.core.status import RUNNING, Status


@dataclass(frozen=True)
class Seen:
    """What a claim looks at of a run: its history so far and how it stands."""

    history: History
    status: Status = RUNNING
    state: object = None
    changes: tuple = ()


def on_the_way(run, most: int = 150):
    """A finished run as it stood after each of its steps, of `most` of them if there are more, and at its end."""
    length = len(run.history)
    picked = range(1, length) if length <= most else sorted({1 + i * (length - 1) // most for i in range(most)})
    for n in picked:
        history = run.history.copy()
        history.truncate(n)
        yield Seen(history)
    yield run
