"""Tables of numbers as programs and people write them: any usual delimiter, headings, decimal commas, any encoding.

Cells are split by Python's csv reader. What may mean two things is not guessed: it is refused with what to write.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from typing import NamedTuple

import numpy as np

from toolkit.core.errors import DataError
from toolkit.data.reader import Found

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
SAMPLE = 200  # lines that are looked at to find out how the table is written
MOST_HEADINGS = 3
MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))  # before those of UTF-16, which they contain
MARKS += ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
MISSING = ("", "na", "n/a", "null", "none", "-", "–", "?", "#n/a")
COUNTED = ("", "index", "id", "nr", "no", "no.", "row", "#", "unnamed: 0")  # the heading of a column that counts rows

_SPACES = " \u00a0\u202f'\u2019"  # between thousands, beside the point and the comma
_DIGITS = re.compile(
    rf"[+-]?(?:(?:\d+|\d{{1,3}}(?:[.,{_SPACES}]\d{{3}})+)(?:[.,]\d*)?|[.,]\d+)(?:(?<=[\d.])[eE][+-]?\d+)?$"
)
_FINITE = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$")
_THOUSANDS = {mark: re.compile(rf"[+-]?\d{{1,3}}(?:[{mark}{_SPACES}]\d{{3}})+(?:\D|$)") for mark in ",."}
_OTHER = re.compile(r"[+-]?(?:nan|inf|infinity)$", re.IGNORECASE)


class Way(NamedTuple):
    """How a table is written: its delimiter, the sign before decimals, heading rows, first and last column (after)."""

    delimiter: str
    point: str
    headings: int
    first: int
    last: int

    def remarks(self) -> tuple[str, ...]:
        """What was assumed, where it is not the plain way."""
        said = []
        if self.delimiter != ",":
            said.append(f"Columns stand between {DELIMITERS[self.delimiter]}.")
        if self.point == ",":
            said.append("Commas are decimal.")
        if self.headings:
            said.append(
                "The heading was left out." if self.headings == 1 else f"{self.headings} rows of headings left out."
            )
        if self.first:
            said.append("The first column names or counts the rows, and was left out.")
        return tuple(said)


def numbers(name: str, data: bytes, most_rows: int) -> Found:
    """The numbers (rows, columns) in the bytes of a table; DataError with row and column, never with what stands there.

    A table of more than `most_rows` rows is returned unread, as one of that shape, for the caller to refuse.
    """
    lines = [line for line in _text(name, data).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    told = re.fullmatch(r"sep=(.)", lines[0].strip("\ufeff \r\n") or "") if lines else None
    lines = lines[1:] if told else lines
    if not lines:
        return Found(np.empty((0, 0)))
    delimiter = told[1] if told and told[1] in DELIMITERS else _delimiter(lines[:SAMPLE])
    if len(lines) > most_rows + MOST_HEADINGS:
        return Found(np.broadcast_to(0.0, (len(lines), 2)))
    sample = _split(lines[:SAMPLE], delimiter)
    way = _way(name, sample, delimiter)
    return Found(_read(name, lines, way), way.remarks())


def _text(name: str, data: bytes) -> str:
    """The text of a file in the encoding that its first bytes tell; numbers are the same in all others."""
    head = data[:400]
    zeros = [head[i::2].count(0) > len(head) // 4 for i in (0, 1)]
    guess = "utf-16-be" if zeros[0] else "utf-16-le" if zeros[1] else "utf-8"
    encoding = next((one for mark, one in MARKS if data.startswith(mark)), guess)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise DataError(f"{name}: it is cut off or no {encoding} text; expected rows of numbers.") from None
        return data.decode("latin-1")


def _split(lines: list[str], delimiter: str) -> list[list[str]]:
    if delimiter == " ":
        return [line.split() for line in lines]
    rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    return [[cell.strip() for cell in row] for row in rows]


def _delimiter(lines: list[str]) -> str:
    """The delimiter under which most cells are numbers and most rows of one length."""

    def score(delimiter: str) -> float:
        try:
            rows = _split(lines, delimiter)
        except csv.Error:
            return -1.0
        widths = [len(row) for row in rows]
        usual = max(set(widths), key=widths.count)
        cells = [cell for row in rows for cell in row]
        like = sum(bool(_is_like(cell)) for cell in cells) / len(cells)
        return (0.1 + like) * widths.count(usual) / len(rows) if usual > 1 else 0.0

    return max(DELIMITERS, key=score)


def _is_like(cell: str) -> bool:
    """Whether a cell is a number in some way of writing."""
    return bool((_DIGITS.match(cell) and cell[-1] != ",") or _OTHER.match(cell))


def _way(name: str, rows: list[list[str]], delimiter: str) -> Way:
    """How the table is written, from its first rows."""
    width = max(map(len, rows))
    body = rows[1:] or rows
    numeric = [sum(_is_like(row[i]) for row in body if i < len(row)) * 2 >= len(body) for i in range(width)]
    headings = 0
    while headings < min(MOST_HEADINGS, len(rows) - 1) and _is_heading(rows[headings], numeric, rows[headings + 1 :]):
        headings += 1
    last = width
    while last > 1 and all(len(row) < last or not row[last - 1] for row in rows):  # a delimiter at the end of each row
        last -= 1
    column = [row[0] for row in rows[headings:]]
    named = headings > 0 and rows[headings - 1][0].lower() in COUNTED
    first = int(last > 1 and any(numeric[1:]) and (_labels(column, numeric[0]) or (named and _counts(column))))
    cells = [cell for row in rows[headings:] for cell in row[first:last]]
    return Way(delimiter, _point(name, cells), headings, first, last)


def _is_heading(row: list[str], numeric: list[bool], below: list[list[str]]) -> bool:
    """Whether a row names columns: a word over a column of numbers, or 0, 1, 2, … over such as are no whole numbers."""
    words = [
        cell for cell, counts in zip(row, numeric) if counts and not _is_like(cell) and cell.lower() not in MISSING
    ]
    if words:
        return True
    cells = row[1:] if row and not row[0] else row
    counted = len(cells) > 1 and cells == [str(i) for i in range(len(cells))]
    return counted and any("." in cell or "," in cell for cell in below[0])


def _labels(column: list[str], numeric: bool) -> bool:
    return not numeric and all(not _is_like(cell) and cell.lower() not in MISSING for cell in column)


def _counts(column: list[str]) -> bool:
    """Whether a column is 0, 1, 2, … or 1, 2, 3, …"""
    whole = [int(cell) if cell.isdigit() else -1 for cell in column]
    return whole in [list(range(start, start + len(whole))) for start in (0, 1)]


def _point(name: str, cells: list[str]) -> str:
    """The sign before the decimals; DataError where commas may be that or may part the thousands."""
    with_comma = [cell for cell in cells if "," in cell and _DIGITS.match(cell)]
    decimal = [cell for cell in with_comma if cell.rfind(",") > cell.rfind(".") and not _thousands_only(cell)]
    if decimal:
        return ","
    if with_comma and not any(cell.rfind(".") > cell.rfind(",") or cell.count(",") > 1 for cell in with_comma):
        raise DataError(
            f"{name}: its commas may be decimal or part thousands, as in 1,234: write the numbers with a decimal point "
            "and without marks between thousands."
        )
    return "."


def _thousands_only(cell: str) -> bool:
    """Whether the commas of a cell can be between thousands."""
    return bool(_THOUSANDS[","].match(cell)) and not cell.lstrip("+-").startswith("0")


def _read(name: str, lines: list[str], way: Way) -> np.ndarray:
    """The table; by NumPy where it is written plainly, else cell by cell, which finds the one that is no number."""
    if way.delimiter in ", \t;" and way.point == "." and not way.first:
        try:
            return np.loadtxt(
                io.StringIO("\n".join(lines)), delimiter=None if way.delimiter == " " else way.delimiter, ndmin=2,
                skiprows=way.headings, usecols=range(way.last), comments=None,
            )  # fmt: skip
        except ValueError:
            pass
    try:
        rows = _split(lines, way.delimiter)[way.headings :]
    except csv.Error:
        raise DataError(f"{name}: its quotation marks do not match; expected rows of numbers.") from None
    made = []
    for i, row in enumerate(rows):
        if len(row) < way.last or any(row[way.last :]):
            raise DataError(
                f"{name}: row {i + 1} has {len(row)} cells; expected {way.last}: rows of numbers, all of one length."
            )
        made.append([_number(name, i, j + way.first, cell, way) for j, cell in enumerate(row[way.first : way.last])])
    return np.array(made, dtype=float)


def _number(name: str, row: int, column: int, cell: str, way: Way) -> float:
    place = f"row {row + 1}, column {column + 1}" + (" (below the heading)" if way.headings else "")
    if cell.lower() in MISSING:
        raise DataError(f"{name}: {place} is missing; expected numbers everywhere: fill it in, or leave the row out.")
    mark = "." if way.point == "," else ","
    plain = cell
    if _THOUSANDS[mark].match(cell):
        plain = re.sub(rf"[{mark}{_SPACES}](?=\d{{3}})", "", cell)
    plain = plain.replace(way.point, ".") if mark not in plain else plain
    if _FINITE.match(plain) or _OTHER.match(plain):
        return float(plain)
    raise DataError(f"{name}: {place} is not a number; expected rows of numbers, all of one length.")
