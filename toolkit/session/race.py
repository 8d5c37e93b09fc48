"""A race: its entries and their runs, and what a person does with them; no lab and no screen in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from toolkit.core.errors import KnobError, ToolkitError
from toolkit.core.knob import Knobbed, knobs, labels
from toolkit.core.lab import Experiment, Picture
from toolkit.core.stop import Stop
from toolkit.session.attic import changed
from toolkit.session.frame import Frame, Trace
from toolkit.session.palette import MOST, STYLES, Style
from toolkit.session.track import Entrant
from toolkit.session.worker import Worker


@dataclass(frozen=True)
class Entry:
    """One line of the race list: a method as it was started (`first`) and as its live knobs stand (`method`)."""

    uid: int
    first: Knobbed
    method: Knobbed
    look: int

    @property
    def style(self) -> Style:
        """Its colour and marker."""
        return STYLES[self.look]


class Race:
    """Up to six entries on one problem under one stopping rule, at work in a thread of their own.

    Call it from one thread; `frame` is the newest thing to draw. A caller's mistake raises ToolkitError and changes
    nothing.
    """

    def __init__(self, pictures: tuple[Picture, ...] = (), experiments: tuple[Experiment, ...] = ()):
        self._uids = itertools.count(1)
        self._worker = Worker(pictures, experiments)
        self.entries: list[Entry] = []
        self.problem: Knobbed | None = None
        self.stop = Stop()
        self.focus: int = 0
        self.at: int | None = None
        self.hidden: frozenset[int] = frozenset()

    def listen(self, told: Callable) -> None:
        """Have `told()` called, in the worker's thread, whenever there is a newer frame."""
        self._worker.told = told

    # -- what stands --------------------------------------------------------------------------------------------

    @property
    def frame(self) -> Frame:
        """The newest thing to draw."""
        return self._worker.frame

    @property
    def playing(self) -> bool:
        """Whether the race goes on (also past its end: a turned knob then starts again by itself)."""
        return self._worker.playing

    @property
    def active(self) -> bool:
        """Whether there is a run at work."""
        return self.playing and self.frame.stage in ("running", "ready")

    def trace(self, uid: int) -> Trace | None:
        """How an entry stands in the newest frame; None where it is not in it yet."""
        return next((one for one in self.frame.traces if one.uid == uid), None)

    def labels(self) -> dict[int, str]:
        """What the entries are called, each differently where their knobs differ."""
        return dict(zip((one.uid for one in self.entries), labels([one.method for one in self.entries])))

    def entry(self, uid: int) -> Entry:
        """One entry; ToolkitError where there is none."""
        for one in self.entries:
            if one.uid == uid:
                return one
        raise ToolkitError(f"There is no entry {uid} in the race.")

    # -- the race list ------------------------------------------------------------------------------------------

    def add(
        self, method: Knobbed, look: int | None = None, changes=(), goal: int | None = None, seen=None, again=False
    ) -> Entry:
        """Enter a method into the race; `seen`: what somebody else saw of its run, which is compared; `again`: with
        the finished run of the same where the session keeps it."""
        self._room()
        now = method
        for _, values in changes:
            now = now.turned(**values)
        entry = Entry(next(self._uids), method, now, self._free() if look is None else look)
        self.entries.append(entry)
        self._restart([entry], changes, goal, seen, again)
        if self.focus not in [one.uid for one in self.entries]:
            self.set_focus(entry.uid)
        return entry

    def duplicate(self, uid: int) -> Entry:
        """Enter the same method once more, to start anew."""
        return self.add(self.entry(uid).method)

    def remove(self, uid: int) -> None:
        """Take an entry out of the race."""
        self.entry(uid)
        self.entries = [one for one in self.entries if one.uid != uid]
        self.hidden -= {uid}
        self._worker.do("drop", uid)
        if self.focus == uid and self.entries:
            self.set_focus(self.entries[0].uid)

    def hide(self, uid: int) -> None:
        """Leave an entry's curves out of the plot, or show them again; it goes on in either case."""
        self.hidden ^= {self.entry(uid).uid}

    def solo(self, uid: int) -> None:
        """Show an entry's curves alone; all of them where it is alone."""
        others = frozenset(one.uid for one in self.entries if one.uid != self.entry(uid).uid)
        self.hidden = frozenset() if self.hidden == others else others

    def shown(self) -> dict[int, int]:
        """The line style of every entry that is not hidden."""
        return {one.uid: one.look for one in self.entries if one.uid not in self.hidden}

    def recolour(self, uid: int, look: int) -> None:
        """Give an entry another style; the entry that had it takes this one's."""
        mine = self.entry(uid).look
        looks = {one.uid: look if one.uid == uid else mine if one.look == look else one.look for one in self.entries}
        self.entries = [replace(one, look=looks[one.uid]) for one in self.entries]

    def set_method(self, uid: int, method: Knobbed) -> None:
        """Another method, or other knobs, for an entry: its run starts anew, the last one stays as a ghost."""
        before = self.entry(uid)
        if before.method != method:
            self._haunt([before], changed(before.method, method))
        self.entries = [replace(one, first=method, method=method) if one.uid == uid else one for one in self.entries]
        self._restart([self.entry(uid)])

    def turn_method(self, uid: int, **values) -> bool:
        """Turn knobs of an entry's method; True when they are live and its run goes on with them.

        Otherwise its run starts anew, and plays at once where the race had been played to its end: one drags and sees.
        """
        entry = self.entry(uid)
        turned, known = entry.method.turned(**values), knobs(entry.method)
        trace, played = self.trace(uid), self._played()
        if trace is None or not trace.k or trace.status.done or not all(known[name].live for name in values):
            self.set_method(uid, turned)
            if played:
                self._play()
            return False
        self.entries = [replace(one, method=turned) if one.uid == uid else one for one in self.entries]
        self._worker.do("turn", uid, values)
        return True

    def _played(self) -> bool:
        """Whether every run has ended by itself."""
        frame = self.frame
        return frame.stage == "ended" and all(one.status.kind != "cancelled" for one in frame.traces)

    def fork(self, uid: int) -> Entry:
        """A second entry that goes on from where this one stands, or stood at the scrubbed step."""
        self._room()
        source, trace = self.entry(uid), self.trace(uid)
        if trace is None or trace.changes is None:
            raise ToolkitError(f"{source.method.label()} has not started yet: press Start, then fork it.")
        k = trace.k if self.at is None else min(self.at, trace.k)
        if k < trace.k:
            changes = [(at, values) for at, values in trace.changes if at <= k]
            self.pause()
            twin = self.add(source.first, changes=changes, goal=k)
            self.scrub(None)
            self._play(keep=True)
            return twin
        twin = Entry(next(self._uids), source.first, source.method, self._free())
        self.entries.append(twin)
        self._worker.do("fork", uid, twin.uid)
        return twin

    # -- the race -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Go on; begin anew where everything has ended."""
        if not self.entries:
            raise ToolkitError("The race list is empty: add a method first.")
        if self.frame.stage == "ended":
            self._restart(self.entries)
        self._play()

    def _play(self, keep: bool = False) -> None:
        self.at = None
        self._look()
        self._worker.do("play", keep)

    def pause(self) -> None:
        """Stand still after the slice at work."""
        self._worker.do("pause")

    def step(self) -> None:
        """One step of every run that has not ended."""
        self.at = None
        self._look()
        self._worker.do("step")

    def reset(self) -> None:
        """Forget every run."""
        self._worker.do("pause")
        self._restart(self.entries)

    def cancel(self) -> None:
        """End every run within one slice."""
        self._worker.cancel()

    def check(self, uid: int, index: int) -> None:
        """Gather the evidence for a claim that one run cannot decide."""
        self._worker.do("check", uid, index)

    def close(self) -> None:
        """The session is over: stop the work and free its memory."""
        self._worker.close()

    def alive(self) -> bool:
        """Whether the worker's thread still runs."""
        return self._worker.alive()

    # -- how it is looked at ------------------------------------------------------------------------------------

    def scrub(self, k: int | None) -> None:
        """Look at step k of every run (the race pauses); None looks at the newest step again."""
        if k is not None and not 0 <= k <= self.frame.last:
            raise KnobError(f"step {k} is not in this race: expected a whole number from 0 to {self.frame.last}.")
        self.at = k
        if k is not None:
            self.pause()
        self._look()

    def set_focus(self, uid: int) -> None:
        """The entry whose picture is shown."""
        self.focus = self.entry(uid).uid
        self._look()

    def _looked(self) -> dict:
        """What the worker shall show."""
        return dict(focus=self.focus, at=self.at)

    def _look(self) -> None:
        self._worker.do("look", self._looked())

    # -- ghosts -------------------------------------------------------------------------------------------------

    def _haunt(self, entries: list[Entry], label: str) -> None:
        """Keep the curves of entries as a ghost, named by what they were."""
        alone = len(entries) == 1 < len(self.entries) and entries[0].method.title not in label
        name = f"{entries[0].method.label()}, {label}" if alone else label
        self._worker.do("haunt", name, {one.uid: one.look for one in entries})

    def lay(self, number: int | None = None) -> None:
        """Let a ghost go; all of them without a number."""
        self._worker.do("lay", number)

    # -- inside -------------------------------------------------------------------------------------------------

    def _clear(self) -> None:
        self.entries, self.focus, self.at, self.hidden = [], 0, None, frozenset()
        self._worker.do("clear")

    def _room(self) -> None:
        if len(self.entries) >= MOST:
            raise ToolkitError(f"The race is full: it holds {MOST} entries. Remove one first.")

    def _free(self) -> int:
        taken = {one.look for one in self.entries}
        return next(i for i in range(MOST) if i not in taken)

    def _restart(self, entries: list[Entry], changes=(), goal: int | None = None, seen=None, again=False) -> None:
        """Give entries fresh lanes (`again`: finished runs of the same); a changed method forgets what was turned."""
        self.entries = [
            replace(one, first=one.method) if one in entries and not changes else one for one in self.entries
        ]
        chosen = {one.uid for one in entries}
        fresh = tuple(
            Entrant(one.uid, self.problem, one.first, self.stop, tuple(changes), goal, seen)
            for one in self.entries
            if one.uid in chosen
        )
        self._worker.do("put", fresh, [one.uid for one in self.entries], again)
        self._look()
