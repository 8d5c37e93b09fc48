"""What a session keeps of runs that a person has left: ghosts of the last curves, and runs for the back button."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from toolkit.core.history import History
from toolkit.core.knob import Knobbed, knobs
from toolkit.session import frame
from toolkit.session.lane import Lane

GHOSTS = 2
KEPT, BYTES = 24, 96 << 20  # runs for the back button: how many at most, and how large all together


@dataclass(frozen=True, slots=True)
class Shade:
    """One ghost: what it was in words, and the history of each run of it by line style."""

    number: int
    label: str
    runs: tuple[tuple[int, tuple, History], ...]

    def seen(self, measure: str, against: str) -> frame.Ghost:
        """Its curves of a measure, as immutable data."""
        found = [(look, *frame.curve(history, measure, against)) for look, _, history in self.runs]
        picked = [(look, x, y, k, frame.thin(y)) for look, x, y, k in found if len(x)]
        return frame.Ghost(self.number, self.label, tuple((look, x[i], y[i], k[i]) for look, x, y, k, i in picked))


class Attic:
    """The ghosts of a session, at most two, and its last finished runs. Lives in the worker's thread."""

    def __init__(self):
        self.shades: tuple[Shade, ...] = ()
        self._numbers = itertools.count(1)
        self._lanes: list[Lane] = []

    def haunt(self, label: str, lanes: dict[int, Lane]) -> None:
        """Keep the curves of lanes (by line style) as a ghost, where they have any; the oldest gives way."""
        runs = [(look, lane.about, lane.run.history.copy()) for look, lane in lanes.items() if lane.k > 0]
        if not runs:
            return
        same = [about for _, about, _ in runs]
        others = [one for one in self.shades if [about for _, about, _ in one.runs] != same]
        self.shades = (*others, Shade(next(self._numbers), label, tuple(runs)))[-GHOSTS:]

    def lay(self, number: int | None = None) -> None:
        """Let a ghost go; all of them without a number."""
        self.shades = tuple(one for one in self.shades if number is not None and one.number != number)

    def settle(self, lanes: list[Lane]) -> None:
        """Let those ghosts go that show only what stands in the race itself."""
        there = [lane.about for lane in lanes]
        self.shades = tuple(one for one in self.shades if any(about not in there for _, about, _ in one.runs))

    def keep(self, lanes: list[Lane]) -> None:
        """Keep finished runs for the back button, as many as there is room for."""
        lanes = [lane for lane in lanes if lane.status.done]
        done = [lane for lane in lanes if lane.k > 0 and lane.run.state is not None and lane.status.kind != "cancelled"]
        abouts = [lane.about for lane in done]
        self._lanes = [*(one for one in self._lanes if one.about not in abouts), *done][-KEPT:]
        sizes = np.cumsum([_size(one) for one in reversed(self._lanes)])
        room = int(np.searchsorted(sizes, BYTES, side="right"))
        self._lanes = self._lanes[len(self._lanes) - room :]

    def found(self, about: tuple, uid: int) -> Lane | None:
        """The finished run of what is asked, if it is still here; it bears the entry's number from now on."""
        lane = next((one for one in self._lanes if one.about == about), None)
        if lane is not None:
            self._lanes.remove(lane)
            lane.uid = uid
        return lane


def _size(lane: Lane) -> int:
    """Bytes of a run: its history, its state, and the snapshots under their cap."""
    history = sum(lane.run.history[name].nbytes for name in lane.run.history.names)
    state = lane.run.state.nbytes()
    return history + state + min(lane.snapshots, state * (lane.k + 1))


def changed(before: Knobbed, now: Knobbed) -> str:
    """What an object was before some of its knobs were turned, in words; its name where it is of another kind."""
    if type(before) is not type(now):
        return getattr(before, "title", type(before).__name__)
    told = []
    for name, one in knobs(before).items():
        old, new = getattr(before, name), getattr(now, name)
        if old == new:
            continue
        if isinstance(old, Knobbed):
            told.append(changed(old, new))
            continue
        told.append(f"{one.symbol or name.replace('_', ' ')} = {_value(old)}")
    return ", ".join(filter(None, told))


def comparable(before: Knobbed | None, now: Knobbed) -> bool:
    """Whether curves on two problems may stand on the same axes: one kind of problem, not two files."""
    if type(before) is not type(now):
        return False
    return all(getattr(before, name) == getattr(now, name) for name, one in knobs(now).items() if one.file)


def _value(value) -> str:
    if value is None:
        return "automatic"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
