"""Hands: threads that do the slices of a race, one at a time, and another while one is held up by a compiler."""

from __future__ import annotations

import functools
import logging
import queue
import threading
from collections.abc import Callable, Hashable

from toolkit.kernels import _clock
from toolkit.kernels._jit import leave_a_core
from toolkit.session import compiling

log = logging.getLogger(__name__)

PATIENCE = 0.01  # s of what is not the method's work, after which the others go on


class _Hand(threading.Thread):
    """One thread; `words` say what it compiles, `within` what it does aside of a method's work."""

    def __init__(self, unwanted: Callable[[], bool]):
        super().__init__(name="race hand", daemon=True)
        self.words, self.within = "", []
        self.idle = threading.Event()
        self._unwanted = unwanted
        self._given: queue.SimpleQueue = queue.SimpleQueue()
        self.start()

    def give(self, work: Callable | None) -> None:
        """Have this done; None: no more."""
        self.idle.clear()
        self._given.put(work)

    def run(self) -> None:
        """Do what is given, one after another."""
        leave_a_core()  # to the page
        compiling.watch(functools.partial(setattr, self, "words"), self._unwanted)
        self.within = _clock.within()
        while (work := self._given.get()) is not None:
            try:
                work()
            except Exception:
                log.exception("a slice failed")
            self.words = ""
            self.idle.set()
        self.idle.set()


class Hands:
    """What one thread has done by others. Used from that thread alone.

    `left` are those at work on something aside (compiling, loading, assembling), by what they are at: nobody else may
    touch it until they are `back`.
    """

    def __init__(self, unwanted: Callable[[], bool]):
        self.left: dict[Hashable, _Hand] = {}
        self._unwanted, self._spare = unwanted, None

    def do(self, at: Hashable, work: Callable) -> bool:
        """Have `work()` done at something; False where it is left at that, as it is not the method's work."""
        hand, self._spare = self._spare or _Hand(self._unwanted), None
        hand.give(work)
        while not hand.idle.wait(PATIENCE):
            if hand.within:
                self.left[at] = hand
                return False
        self._spare = hand
        return True

    @property
    def words(self) -> str:
        """What is compiled meanwhile; empty where nothing is."""
        return next(filter(None, (hand.words for hand in self.left.values())), "")

    def back(self) -> bool:
        """Take back those that are done; whether there were any."""
        done = [at for at, hand in self.left.items() if hand.idle.is_set()]
        for at in done:
            hand = self.left.pop(at)
            if self._spare is None:
                self._spare = hand
            else:
                hand.give(None)
        return bool(done)

    def wait(self, at: Hashable | None = None) -> None:
        """Wait for the one that is left at something, or for all."""
        for one, hand in self.left.items():
            if at is None or one is at:
                hand.idle.wait()
        self.back()

    def close(self) -> None:
        """No more: those at work end first."""
        self.wait()
        if self._spare is not None:
            self._spare.give(None)
            self._spare.join()
            self._spare = None
