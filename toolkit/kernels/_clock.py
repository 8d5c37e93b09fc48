"""The clock of a method's work: it stands still while its thread does what is not that work.

`now()` is the time without what was `aside`: compiling a kernel or finding it in the cache (told by `_jit`), importing
a library, assembling the data of a problem. Every thread has a clock of its own; what is aside within something aside
counts once, for the innermost.

Used by toolkit/kernels/_jit; by toolkit/core: the clock of a run; by toolkit/session: who is held up.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

COMPILING, LOADING, ASSEMBLING = "compiling", "loading", "assembling"


class _Clock(threading.local):
    def __init__(self):
        self.still = 0.0  # s so far
        self.within: list[str] = []
        self.since = 0.0
        self.kinds: dict[str, float] = {}

    def passed(self) -> float:
        """The time now, with what is aside counted up to it."""
        time_now = time.perf_counter()
        if self.within:
            spent, kind = time_now - self.since, self.within[-1]
            self.still += spent
            self.kinds[kind] = self.kinds.get(kind, 0.0) + spent
            self.since = time_now
        return time_now


_here = _Clock()
_owed: deque[Callable] = deque()


def now() -> float:
    """Seconds on this thread's clock, from an arbitrary start."""
    return _here.passed() - _here.still


def stood(kind: str = "") -> float:
    """The seconds for which this thread's clock has stood still, in all or while something was done."""
    _here.passed()
    return _here.kinds.get(kind, 0.0) if kind else _here.still


def within() -> list[str]:
    """What this thread is at aside of a method's work, outermost first, as it changes: another may look."""
    return _here.within


def begin(kind: str) -> None:
    """What follows is aside, until `end`."""
    _here.since = _here.passed()
    _here.within.append(kind)


def end() -> None:
    """What began last is over; nothing where its beginning was not told."""
    _here.passed()
    if _here.within:
        _here.within.pop()


@contextlib.contextmanager
def aside(kind: str) -> Iterator[None]:
    """What is done within is not the method's work."""
    begin(kind)
    try:
        yield
    finally:
        end()


def owe(once: Callable) -> None:
    """What whoever comes first would have to do on its clock: `touch` does it before."""
    _owed.append(once)


def touch() -> None:
    """Do what is owed, once a process, aside."""
    while _owed:
        try:
            once = _owed.popleft()
        except IndexError:  # another thread has it
            return
        with aside(LOADING):
            once()
