"""Tasks in processes that end on time: a compiled loop cannot be interrupted, but the process around it can."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait

from numba.core import event

try:
    import resource
except ImportError:  # not on every system
    resource = None

GRACE = 1.0  # seconds beyond its time that a task is given to end by itself
PATIENCE = 20.0  # times its own time that a process may wait for a processor or stand still
RECYCLED = 100  # tasks after which a process makes room for a fresh one
MEMORY = 4 << 30  # bytes that a process may hold


class _Compiling(event.Listener):
    """The clock of a task stands still while its process compiles a kernel, which is done once on a machine."""

    def __init__(self):
        self.spent, self._depth, self._since, self._left = 0.0, 0, 0.0, 0.0

    def on_start(self, found) -> None:
        self._depth += 1
        if self._depth == 1:
            self._since, self._left = time.process_time(), _alarm(0.0)

    def on_end(self, found) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.spent += time.process_time() - self._since
            _alarm(self._left)


_compiling = _Compiling()


def own_time() -> float:
    """Seconds that this process has worked, without compiling."""
    return time.process_time() - _compiling.spent


def worked(task: Callable, indices: Iterator[int], seconds: float, processes: int = 2) -> Iterator[tuple]:
    """What `task(index, tell)` tells for each index, as (index, said); at last of each (index, None).

    Processes work through the indices; each calls `task.prepare()` first. A task that outlasts `seconds` of its
    process's own time by a second, but for what is compiled, is ended with its process: ("late",) is said of it then,
    and ("died", cause) where its process ended by itself. Who stops asking ends all processes.
    """
    indices, workers = iter(indices), []
    try:
        while True:
            while len(workers) < processes and (index := next(indices, None)) is not None:
                workers.append(_Worker(task, seconds).give(index))
            if not workers:
                return
            wait([one.pipe for one in workers], timeout=0.2)
            for one in list(workers):
                yield from one.heard()
                if one.index is None and (one.spent or (index := next(indices, None)) is None):
                    workers.remove(one.close())
                elif one.index is None:
                    one.give(index)
    finally:
        for one in workers:
            one.close()


class _Worker:
    """A process at work on one index after another."""

    def __init__(self, task: Callable, seconds: float):
        context = multiprocessing.get_context("spawn")
        self.pipe, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(task, seconds, far), daemon=True)
        self._process.start()
        far.close()
        self.index: int | None = None
        self.spent, self._tasks, self._seconds, self._since = False, 0, seconds, time.monotonic()
        self._begun = False

    def give(self, index: int) -> _Worker:
        """Set it to work on an index."""
        self.index, self._since, self._tasks = index, time.monotonic(), self._tasks + 1
        with contextlib.suppress(OSError):  # it has died: that is heard next
            self.pipe.send(index)
        return self

    def heard(self) -> Iterator[tuple]:
        """What it has said since."""
        index = self.index
        try:
            while self.pipe.poll():
                said = self.pipe.recv()
                if said is None:
                    self.index, self.spent = None, self._tasks >= RECYCLED
                elif said != "ready":
                    yield index, said
                else:
                    self._since = time.monotonic()
        except (EOFError, OSError):
            self._process.join(5)
            yield index, self._end()
        if self.index is not None and time.monotonic() - self._since > PATIENCE * (self._seconds + GRACE):
            yield index, ("late",)
            self.index, self.spent = None, True
        if self.index is None:
            yield index, None

    def _end(self) -> tuple:
        self.index, self.spent = None, True
        code = self._process.exitcode
        if code == -getattr(signal, "SIGPROF", 0):
            return ("late",)
        return "died", f"its process ended with {code if code is None or code >= 0 else signal.Signals(-code).name}"

    def close(self) -> _Worker:
        """End the process."""
        self.pipe.close()
        self._process.kill()
        self._process.join()
        return self


def _serve(task: Callable, seconds: float, pipe: Connection) -> None:
    """The process: no output of its own, deaf to Ctrl-C, which its parent hears."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    silence = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        os.dup2(silence, number)
    _bounded()
    event.register("numba:compile", _compiling)
    task.prepare()
    while True:
        try:
            index = pipe.recv()
        except EOFError:
            return
        pipe.send("ready")
        _alarm(seconds + GRACE)
        task(index, pipe.send)
        _alarm(0.0)
        pipe.send(None)


def _bounded() -> None:
    if resource is None:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _alarm(seconds: float) -> float:
    """End this process after so many seconds of its own time, whatever it does; 0 calls it off. What was left."""
    return signal.setitimer(signal.ITIMER_PROF, seconds)[0] if hasattr(signal, "setitimer") else 0.0
