"""What the commands print: tables and progress bars, by rich."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

WIDE = 100_000  # columns where nobody looks: a file or another program gets every cell whole, on one line


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


@contextmanager
def progress(total: int, words: str) -> Iterator[Callable]:
    """`show(done)` of a progress bar on a terminal; it shows nothing elsewhere. What libraries print meanwhile goes to
    the standard error."""
    console = Console(stderr=True)
    with redirect_stdout(sys.stderr), Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(words, total=total)
        yield lambda done: bar.update(task, completed=done)


def table(rows: list[dict], columns: tuple[str, ...]) -> None:
    """Rows as a table; what stands in a cell is text, never markup."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        made.add_column(Text(name), overflow="fold")
    for row in rows:
        made.add_row(*(Text(_cell(row.get(name))) for name in columns))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE, highlight=False)
    with console.capture() as printed:
        console.print(made)
    print(*(line.rstrip() for line in printed.get().splitlines()), sep="\n")


def number(value: float) -> float | None:
    """A value for JSON, which knows neither infinity nor NaN."""
    return float(value) if math.isfinite(value) else None


def _cell(value) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
