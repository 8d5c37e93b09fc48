"""Long work outside a step (assembling a problem, hindsight for a measure) says what it does, and can be left."""

from __future__ import annotations

import threading
from collections.abc import Callable

from toolkit.kernels import _clock


class CalledOff(Exception):
    """What is being done is not wanted any more."""


class _Here(threading.local):
    told: Callable[[str], None] | None = None
    unwanted: Callable[[], bool] | None = None


_here = _Here()


def listen(told: Callable[[str], None] | None, unwanted: Callable[[], bool] | None) -> None:
    """Have `told(words)` called in this thread between the pieces of long work, which ends where it is `unwanted()`.

    None: nobody listens.
    """
    _here.told, _here.unwanted = told, unwanted


def aside():
    """Long work that is no method's: clocks stand still while it is done, and the other runs of a race go on."""
    return _clock.aside(_clock.ASSEMBLING)


def between(words: str) -> None:
    """Between two pieces of long work, at most some hundredths of a second each: CalledOff where nobody wants more.

    Never from amid a step: a state that is left there has moved in part.
    """
    if _here.unwanted is not None and _here.unwanted():
        raise CalledOff
    if _here.told is not None:
        _here.told(words)
