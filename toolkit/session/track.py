"""Where a race is run: its lanes, how it is looked at, and all that may be done to them, by name."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from toolkit.core.stop import Stop
from toolkit.session import export
from toolkit.session.attic import Attic
from toolkit.session.checks import Check
from toolkit.session.lane import Lane
from toolkit.session.palette import MOST
from toolkit.session.sweep import Plan, Sweeping, table

SNAPSHOT_BYTES = 192 << 20  # of all lanes together


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who takes a lane: a method on a problem, live knobs to turn on the way, where to wait, and what was seen."""

    uid: int
    problem: object
    method: object
    stop: Stop
    changes: tuple[tuple[int, dict], ...] = ()
    goal: int | None = None
    seen: dict | None = None


class Track:
    """The lanes of a race. Lives in the worker's thread; only `unwanted` and `playing` are seen from others.

    `view` says what is looked at: measure, abscissa, entry in focus, picture, step. `unwanted` is set while what is
    being compiled shall be called off.
    """

    def __init__(self):
        self.lanes: dict[int, Lane] = {}
        self.playing = False
        self.view = dict(measure="", against="k", focus=0, picture=None, show="k", at=None, experiment="", said=None)
        self.checks: list[tuple[int, int, Check]] = []
        self.unwanted = threading.Event()
        self.attic, self.scene = Attic(), 0
        self.sweeping: Sweeping | None = None

    # -- how it stands ------------------------------------------------------------------------------------------

    def all(self) -> list[Lane]:
        """The lanes in the order of the race list."""
        return list(self.lanes.values())

    @property
    def busy(self) -> bool:
        """Whether another round has something to do."""
        sweeps = self.sweeping is not None and not self.sweeping.done
        return sweeps or bool(self.checks) or (self.playing and any(not one.held for one in self.all()))

    @property
    def stage(self) -> str:
        """How the race stands: empty, ready, running, paused or ended."""
        if not self.lanes:
            return "empty"
        if all(lane.status.done for lane in self.all()):
            return "ended"
        if self.playing:
            return "running"
        return "ready" if all(lane.run is None for lane in self.all()) else "paused"

    # -- who is in it -------------------------------------------------------------------------------------------

    def put(self, entrants: tuple[Entrant, ...], order: list[int], again: bool = False) -> None:
        """Give entrants fresh lanes, and all lanes this order; `again`: finished runs of the same where kept."""
        left = [self.lanes[one.uid] for one in entrants if one.uid in self.lanes]
        self.attic.keep(left)
        self.scene += any(lane.problem != one.problem for lane in left for one in entrants if one.uid == lane.uid)
        lanes = self.lanes | {one.uid: self._lane(one, again) for one in entrants}
        self.lanes = {uid: lanes[uid] for uid in order if uid in lanes}

    def _lane(self, one: Entrant, again: bool) -> Lane:
        cap = SNAPSHOT_BYTES // MOST
        fresh = Lane(one.uid, one.problem, one.method, one.stop, cap, one.changes, one.goal, one.seen)
        return (self.attic.found(fresh.about, one.uid) if again else None) or fresh

    def drop(self, uid: int) -> None:
        """Take a lane away."""
        self.lanes.pop(uid, None)

    def clear(self) -> None:
        """Take every lane away."""
        self.playing = False
        self.attic.keep(self.all())
        self.lanes.clear()
        self.scene += 1

    def haunt(self, label: str, looks: dict[int, int]) -> None:
        """Keep the curves of lanes, each with its line style, as a ghost."""
        self.attic.haunt(label, {look: self.lanes[uid] for uid, look in looks.items() if uid in self.lanes})

    def lay(self, number: int | None = None) -> None:
        """Let a ghost go, or all of them."""
        self.attic.lay(number)

    def settle_ghosts(self) -> None:
        """Let those ghosts go whose runs are in the race again."""
        self.attic.settle(self.all())

    def fork(self, uid: int, twin: int) -> None:
        """A second lane that goes on from where one stands."""
        self.lanes[twin] = self.lanes[uid].fork(twin)

    # -- the race -----------------------------------------------------------------------------------------------

    def play(self, keep: bool) -> None:
        """Go on; `keep`: only those that have not come to where they wait, the others stay."""
        for lane in self.all():
            if not keep:
                lane.goal = None
            elif lane.goal is None:
                lane.goal = lane.k
        self.playing = True

    def pause(self) -> None:
        """Stand still."""
        self.playing = False

    def step(self) -> None:
        """One step of every run that has not ended."""
        self.playing = False
        for lane in self.all():
            lane.goal = None
            if not lane.status.done:
                lane.step()

    def settle(self) -> bool:
        """Whether no lane has anything to do; where one waits at a step, the race pauses."""
        held = all(lane.held for lane in self.all())
        if held:
            self.playing = not any(lane.goal is not None and not lane.status.done for lane in self.all())
        return held

    def cancel(self) -> None:
        """End every run, and let checks be."""
        self.unwanted.clear()
        self.playing, self.checks = False, []
        if self.sweeping is not None:
            self.sweeping.done = True
        for lane in self.all():
            if not lane.status.done:
                lane.cancel()

    def turn(self, uid: int, values: dict) -> None:
        """Turn live knobs of a run."""
        if uid in self.lanes:
            self.lanes[uid].turn(values)

    def extend(self, stop: Stop) -> None:
        """Go on under another stopping rule."""
        for lane in self.all():
            lane.extend(stop)

    def sweep(self, plan: Plan | None) -> None:
        """Run a ladder along a knob beside the race; None: no more of it."""
        self.sweeping = Sweeping(plan) if plan is not None else None

    # -- what is asked of it ------------------------------------------------------------------------------------

    def look(self, view: dict) -> None:
        """Look at something else."""
        self.view.update(view)

    def check(self, uid: int, index: int) -> None:
        """Gather the evidence for one claim of a lane."""
        lane = self.lanes.get(uid)
        if lane is None or any(one[:2] == (uid, index) for one in self.checks):
            return
        if lane.run is None:
            lane.prepare()
        if index < len(lane.claims) and not lane.claims[index].while_running:
            self.checks.append((uid, index, Check(lane.claims[index], lane.problem, lane.method)))

    def gather(self) -> str:
        """Work on the first check for a slice; what is being done, nothing where it is done."""
        uid, index, check = self.checks[0]
        lane = self.lanes.get(uid)
        verdict = check.go() if lane is not None else None
        if verdict is not None:
            lane.verdicts[index] = verdict
        if verdict is None and lane is not None:
            return check.words
        self.checks.pop(0)
        return ""

    def records(self, entries: tuple, problem, stop: Stop) -> export.Race:
        """What exports are made of."""
        race = export.records(entries, self.lanes, problem, stop)
        if self.sweeping is None:
            return race
        rungs = tuple(map(tuple, table(self.sweeping, self.view["measure"])))
        return replace(race, sweep=self.sweeping.plan, rungs=rungs)
