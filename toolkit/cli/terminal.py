"""What the commands print: tables and progress bars, by rich."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

WIDE = 100_000  # columns where nobody looks: a file or another program gets every cell whole, on one line


@contextmanager
def progress(total: int, words: str) -> Iterator[Callable]:
    """`show(done)` of a progress bar on a terminal; it shows nothing elsewhere."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
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
