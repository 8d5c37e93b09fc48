"""What the commands print: tables and progress bars, by rich."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from toolkit.core.plain import spelt
from toolkit.session import compiling

WIDE = 100_000  # columns where nobody looks: a file or another program gets every cell whole, on one line


class Bar:
    """A progress bar of `total` parts; `words` say what is being done."""

    def __init__(self, bar: Progress, words: str, total: int):
        self._bar, self._words, self._encoding = bar, words, bar.console.encoding
        self._task = bar.add_task(words, total=total)
        self._told = ""

    def show(self, done: float, words: str = "") -> None:
        """How many parts are done, and with what it goes on."""
        self._told = words
        self._bar.update(self._task, completed=done, description=self._spelt(words))

    def compiles(self, words: str) -> None:
        """That something is compiled on the way."""
        self._bar.update(self._task, description=self._spelt(words))

    def _spelt(self, words: str) -> str:
        return spelt(f"{self._words}: {words}" if words else self._words, self._encoding)


@contextmanager
def progress(total: int, words: str) -> Iterator[Bar]:
    """A progress bar on a terminal, which tells what is compiled, too; it shows nothing elsewhere. What libraries print
    meanwhile goes to the standard error."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with redirect_stdout(sys.stderr), shown:
        bar = Bar(shown, words, total)
        compiling.watch(bar.compiles, _wanted)
        yield bar


def table(rows: list[dict], columns: tuple[str, ...]) -> None:
    """Rows as a table; what stands in a cell is text, never markup."""
    encoding = sys.stdout.encoding  # cells are spelt before they are laid out
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        made.add_column(Text(name), overflow="fold")
    for row in rows:
        made.add_row(*(Text(spelt(_cell(row.get(name)), encoding)) for name in columns))
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
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _wanted() -> bool:
    return False
