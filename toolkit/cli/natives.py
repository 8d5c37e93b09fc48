"""What native code prints by itself is kept apart from what a command prints."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def natives_apart() -> Iterator[None]:
    """What native code prints by itself (PyAMG does) goes to the standard error: the output is the command's alone.

    Such code writes to the file descriptor 1, which `sys.stdout` cannot see; so the command writes to a copy of it.
    """
    try:
        own = sys.stdout
        apart = own.fileno() == 1 and os.dup(1)
    except (AttributeError, OSError, ValueError):  # no output at all, or one that is no file: nothing to keep apart
        apart = False
    if not apart:
        yield
        return
    own.flush()
    sys.stdout = open(apart, "w", encoding=own.encoding, errors=own.errors, closefd=False)  # noqa: SIM115
    with suppress(OSError):
        os.dup2(2, 1)
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            sys.stdout.flush()
        with suppress(OSError, AttributeError, TypeError):  # what still waits in the C library goes the same way
            ctypes.CDLL(None).fflush(None)
        os.dup2(apart, 1)
        os.close(apart)
        sys.stdout = own
