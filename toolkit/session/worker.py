"""The race at work: one thread a session, slices in turn, the newest frame wins."""

from __future__ import annotations

import atexit
import functools
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from toolkit.core.knob import labels
from toolkit.core.lab import Experiment, Picture
from toolkit.kernels._jit import leave_a_core
from toolkit.session import compiling, frame
from toolkit.session.frame import Drawing, Frame, Trace
from toolkit.session.hands import Hands
from toolkit.session.lane import Lane
from toolkit.session.story import Teller
from toolkit.session.track import Track

log = logging.getLogger(__name__)

SLICE = 0.01
BEAT = 0.1
APART = {"look", "play", "pause", "put", "drop", "clear", "haunt", "lay", "sweep"}  # verbs that touch no run
OF_ONE = {"turn", "fork", "check"}
FAREWELL = 2.0  # s that the end of the program waits for its workers

_at_work: weakref.WeakSet = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Every worker ends before the interpreter does.

    SciPy keeps track of a sparse factorisation in the thread that made it. Where that thread is still there when the
    interpreter is taken down, an error is left over, and the program ends with exit code 120.
    """
    workers = list(_at_work)
    for one in workers:
        one.close()
    end = time.monotonic() + FAREWELL
    for one in workers:
        one.join(max(0.0, end - time.monotonic()))


class Worker:
    """Runs a race in a thread of its own, where alone its track is touched: others send verbs.

    Slices are done by `hands`: while one compiles for a method, or assembles what it needs, the others go on.
    Frames of a race are published on an even beat, one every `BEAT` seconds at most and only when something changed;
    `frame` is the newest, and `told()` is called when there is a newer one.
    """

    def __init__(self, pictures: tuple[Picture, ...] = (), experiments: tuple[Experiment, ...] = ()):
        self.frame = Frame()
        self._teller = Teller(experiments)
        self.pictures = pictures
        self.told: Callable = _nothing
        self._track = Track()
        self._hands = Hands(self._track.unwanted.is_set)
        self._commands: queue.SimpleQueue = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._changed = False
        self._busy = ""
        self._due = 0.0
        self._drawn = (0.0, 0.0, None)
        self._known: dict[tuple[type, type], dict] = {}

    # -- from any thread ----------------------------------------------------------------------------------------

    def do(self, verb: str, *arguments) -> None:
        """Have a verb of the Track done between two slices."""
        self._post(verb, arguments, None)

    def ask(self, verb: str, *arguments) -> Future:
        """What a verb of the Track gives, asked between two slices."""
        answer: Future = Future()
        self._post(verb, arguments, answer)
        return answer

    def _post(self, verb: str, arguments: tuple, answer: Future | None) -> None:
        getattr(Track, verb)  # a verb that there is not is the sender's mistake
        if self._closed.is_set():
            return
        self._commands.put((verb, arguments, answer))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="race", daemon=True)
            _at_work.add(self)
            self._thread.start()

    @property
    def playing(self) -> bool:
        """Whether the race goes on."""
        return self._track.playing

    def cancel(self) -> None:
        """End every run after the slice at work, and what is being compiled as soon as it may be left."""
        self._track.unwanted.set()
        self.do("cancel")

    def close(self) -> None:
        """Stop within one slice and let go of everything; returns at once."""
        self._closed.set()
        self._track.unwanted.set()
        self._commands.put(("pause", (), None))
        if self._thread is None:
            self._forget()

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended, so long at most."""
        if self._thread is not None:
            self._thread.join(seconds)

    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread is not None and self._thread.is_alive()

    # -- in the worker's thread ---------------------------------------------------------------------------------

    def _work(self) -> None:
        leave_a_core()  # to the page
        compiling.watch(self._compiles, self._track.unwanted.is_set)
        try:
            while not self._closed.is_set():
                self._obey(block=not (self._track.busy or self._hands.left or self._changed))
                self._race()
                self._check()
                if self._changed:
                    self._publish()
                time.sleep(0.0005)
        except Exception:
            log.exception("the worker stopped")
        finally:
            self._hands.close()
            self._forget()

    def _forget(self) -> None:
        self._track, self.frame, self.pictures, self.told = Track(), Frame(), (), _nothing
        self._teller = Teller()
        self._drawn = (0.0, 0.0, None)
        while not self._commands.empty():
            self._commands.get_nowait()

    def _obey(self, block: bool) -> None:
        try:
            command = self._commands.get(block=block)
            while True:
                self._done(*command)
                command = self._commands.get_nowait()
        except queue.Empty:
            pass

    def _done(self, verb: str, arguments: tuple, answer: Future | None) -> None:
        self._changed = True
        if verb not in APART:
            self._hands.wait(self._track.lanes.get(arguments[0]) if verb in OF_ONE else None)
        try:
            found = getattr(self._track, verb)(*arguments)
        except Exception as error:
            if answer is None:
                log.exception("%s failed", verb)
            else:
                answer.set_exception(error)
        else:
            if answer is not None:
                answer.set_result(found)
        if verb == "cancel":
            self._busy = ""

    def _race(self) -> None:
        if self._hands.back():
            self._changed = True
        if not self._track.playing:
            return
        done = False
        for lane in self._track.all():
            if self._closed.is_set() or not self._commands.empty():
                return
            if lane in self._hands.left or lane.held:
                continue
            if lane.run is None:
                self._say(f"Preparing {lane.method.label()} …")
            done = self._hands.do(lane, functools.partial(lane.go, SLICE))
            self._busy, self._changed = "", True
        if self._hands.left and not done:
            self._wait()
        elif self._track.settle():
            self._changed = True

    def _wait(self) -> None:
        """Nothing goes on but what is compiled: that is told."""
        self._changed = self._changed or self.frame.busy != self._hands.words
        time.sleep(BEAT / 10)

    def _check(self) -> None:
        if self._track.checks:
            self._busy = self._track.gather()
            self._changed = True
            return
        sweeping = self._track.sweeping
        if sweeping is not None and not sweeping.done and sweeping not in self._hands.left:
            self._hands.do(sweeping, sweeping.go)
            self._busy, self._changed = sweeping.words, True

    def _say(self, words: str) -> None:
        """Tell at once what takes long."""
        self._busy = words
        self._publish(now=True)

    def _compiles(self, words: str) -> None:
        """Tell what is compiled: amid a step, when nothing else of a frame may be made."""
        self.frame = replace(self.frame, version=self.frame.version + 1, busy=words)
        self.told()

    def _publish(self, now: bool = False) -> None:
        start = time.perf_counter()
        if not now and self._track.busy and start < self._due:
            return
        self._due = max(self._due + BEAT, start + BEAT / 2)  # the beat stays even where a slice made it late
        lanes, stage, view = self._track.all(), self._track.stage, self._track.view
        at = view["at"]
        names = labels([lane.run.method if lane.run is not None else lane.method for lane in lanes])
        show = (view["measure"], view["against"], at, stage)
        traces = tuple(self._trace(lane, name, show) for lane, name in zip(lanes, names))
        last = max((lane.k for lane in lanes), default=0)
        self._changed = False
        self.frame = Frame(
            self.frame.version + 1,
            stage,
            self._busy or self._hands.words,
            traces,
            self._draw(stage),
            self._measures(lanes),
            at,
            last,
            self._teller.outcome(view["experiment"], view["said"], lanes) if stage == "ended" else None,
            tuple(one.seen(view["measure"], view["against"]) for one in self._track.attic.shades),
            self._track.scene,
            self._track.sweeping.seen(view["measure"], view["show"]) if self._track.sweeping is not None else None,
        )
        self.told()

    def _trace(self, lane: Lane, name: str, show: tuple) -> Trace:
        """An entry as it stands; while a hand is left at its run, as it stood."""
        hand = self._hands.left.get(lane)
        if hand is None:
            return lane.trace(name, *show)
        before = next((one for one in self.frame.traces if one.uid == lane.uid), None)
        return replace(before or Trace(lane.uid, name), stage="compiling" if hand.words else "preparing")

    def _measures(self, lanes: list[Lane]) -> tuple:
        """(name, title, unit, whether its axis is logarithmic) of all that can be drawn.

        What a problem and a method measure beside the monitors is known once they have run, and remembered.
        """
        monitors, measures = {}, {}
        for lane in lanes:
            pair = type(lane.problem), type(lane.method)
            if lane.run is not None:
                self._known[pair] = frame.measured(lane.measures.values())
            monitors = frame.monitored(lane.method) | monitors
            measures |= self._known.get(pair, {})
        return tuple((monitors | measures).values())

    def _draw(self, stage: str) -> Drawing:
        """The picture of the entry in focus, drawn so seldom that it takes at most a third of the thread's time."""
        lanes, view = self._track.lanes, self._track.view
        lane = lanes.get(view["focus"]) or next(iter(lanes.values()), None)
        if lane is None or lane.run is None or lane.run.state is None:
            return Drawing(empty="The picture appears with the first step." if lane is not None else "")
        at = view["at"]
        key = (lane.uid, id(lane.run), lane.k if at is None else min(at, lane.k), view["picture"])
        when, cost, last = self._drawn
        fresh = self.frame.drawing
        if (last is not None and last == key) or lane in self._hands.left:
            return fresh
        start = time.perf_counter()
        if stage == "running" and last is not None and last[1] == key[1] and start - when < 3 * cost - BEAT / 2:
            self._changed = True
            return fresh
        found = self._picture(lane, key[2])
        self._drawn = (start, time.perf_counter() - start, key)
        return found

    def _picture(self, lane: Lane, k: int) -> Drawing:
        chosen = self._track.view["picture"]
        try:
            state = lane.run.state if k == lane.k else lane.run.at(k)
            applying = [picture for picture in self.pictures if picture.applies(lane.problem, state)]
            wanted = [picture for picture in applying if chosen in (None, "", picture.name)]
            found = Drawing(empty="Nothing to draw for this method." if self.pictures else "This lab has no pictures.")
            with np.errstate(all="ignore"), compiling.about("the picture", lambda: False):
                for picture in wanted:
                    data = picture.data(lane.problem, state)
                    if data is not None or chosen:
                        found = frame.drawing(picture, data, k, lane.uid)
                        break
                return replace(found, offered=tuple(picture.name for picture in applying))
        except Exception as error:
            log.exception("picture %s", chosen)
            return Drawing(empty=f"The picture could not be made: {error}")


def _nothing() -> None:
    """Nobody listens."""
