"""Compiled code is made when it is first wanted: a person is told so meanwhile, and may call it off between passes."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event

from toolkit.core import patience
from toolkit.core.patience import CalledOff

SAID = 0.2  # s between two sentences on long work
RESTED = 3.0  # s without compiling, after which its time is counted anew
USUAL = "once on this machine, usually 5 to 20 s"

_here = threading.local()


class _Passes(event.Listener):
    """Hears every pass of the compiler over a kernel: where it may be left."""

    def on_start(self, found) -> None:
        watch = getattr(_here, "watch", None)
        if watch is not None:
            watch.leave()

    def on_end(self, found) -> None:
        """Nothing to do."""


class _Ear(event.Listener):
    """Hears every kernel that Numba compiles (not those it finds in its cache), in the thread that wants it."""

    def on_start(self, found) -> None:
        watch = getattr(_here, "watch", None)
        if watch is not None:
            watch.begins()

    def on_end(self, found) -> None:
        watch = getattr(_here, "watch", None)
        if watch is not None:
            watch.ends()


@functools.cache
def _listen() -> None:
    event.register("numba:compile", _Ear())
    event.register("numba:run_pass", _Passes())


class _Watch:
    def __init__(self, told: Callable[[str], None], unwanted: Callable[[], bool]):
        self.told, self.unwanted = told, unwanted
        self.what, self.may_stop = "", _never
        self.spent, self._depth, self._since = 0.0, 0, 0.0
        self._said = 0.0

    def begins(self) -> None:
        """A kernel, or one that it calls."""
        self.leave()
        self._depth += 1
        if self._depth > 1:
            return
        now = time.perf_counter()
        if now - self._since > RESTED:
            self.spent = 0.0
        self._since = now
        so_far = f", {self.spent:.0f} s so far" if self.spent >= 1 else ""
        self.told(f"Compiling {self.what or 'what this needs'} ({USUAL}{so_far})")

    def long(self, words: str) -> None:
        """Work that takes long goes on: told a few times a second."""
        now = time.perf_counter()
        if now - self._said >= SAID:
            self._said = now
            self.told(words)

    def leave(self) -> None:
        """Go no further where nobody wants it."""
        if self.may_stop() and self.unwanted():
            raise CalledOff

    def ends(self) -> None:
        self._depth = max(0, self._depth - 1)
        if not self._depth:
            now = time.perf_counter()
            self.spent, self._since = self.spent + now - self._since, now


def _never() -> bool:
    return False


def watch(told: Callable[[str], None], unwanted: Callable[[], bool]) -> None:
    """Have `told(words)` called in this thread whenever it compiles, and nothing compiled that is `unwanted()`.

    The same of other long work that says what it does (`core.patience`).
    """
    _listen()
    _here.watch = _Watch(told, unwanted)
    patience.listen(_here.watch.long, unwanted)


@contextmanager
def about(what: str, may_stop: Callable[[], bool]) -> Iterator[None]:
    """What is compiled from here on is for `what`; CalledOff where it is unwanted and nothing is lost by stopping."""
    mine = getattr(_here, "watch", None)
    if mine is None:
        yield
        return
    before = mine.what, mine.may_stop
    mine.what, mine.may_stop = what, may_stop
    try:
        yield
    finally:
        mine.what, mine.may_stop = before
