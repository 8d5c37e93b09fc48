"""The lines of a Matrix Market file, held to the format's grammar before they are read.

SciPy's reader takes the number a line begins with and drops what follows: "1,5" and "1D5" would become 1, and a dense
symmetric file that is cut off would end in zeros. A wrong matrix is worse than none.
"""

from __future__ import annotations

import re

from toolkit.core.errors import DataError

_WHOLE = rb"[+-]?+\d++"
_REAL = rb"[+-]?+(?:(?:\d++\.?+\d*+|\.\d++)(?:[eE]" + _WHOLE + rb")?|(?i:nan|inf(?:inity)?))"
_PLACE = rb"\d++[ \t]++\d++[ \t]++"
_BLANK = re.compile(rb"(?m)^[ \t\r]*+\n")


def _other(entry: bytes) -> re.Pattern:
    """The first line that holds neither an entry nor nothing. No repeat of a character gives back, so time is linear.

    Groups are not repeated possessively: before Python 3.11.5 that leaves behind half of a failed round (gh-106052).
    """
    return re.compile(rb"(?m)^(?![ \t]*+(?:" + entry + rb")?[ \t\r]*+$)")


_ZERO = re.compile(rb"(?m)^[ \t]*+(?:0++|\d++[ \t]++0++)(?=[ \t\r\n])")
_COMPLEX = _REAL + rb"[ \t]++" + _REAL
_PATTERNS = {
    ("coordinate", "real"): (_other(_PLACE + _REAL), "row, column and value"),
    ("coordinate", "integer"): (_other(_PLACE + _WHOLE), "row, column and a whole number"),
    ("coordinate", "complex"): (_other(_PLACE + _COMPLEX), "row, column, real and imaginary part"),
    ("coordinate", "pattern"): (_other(rb"\d++[ \t]++\d++"), "row and column, as its field is 'pattern'"),
    ("array", "real"): (_other(_REAL), "one number"),
    ("array", "integer"): (_other(_WHOLE), "one whole number"),
    ("array", "complex"): (_other(_COMPLEX), "real and imaginary part"),
}
FIELDS = {"real": "real", "double": "real", "integer": "integer", "unsigned-integer": "integer"}
FIELDS |= {"complex": "complex", "pattern": "pattern"}


def stored(rows: int, columns: int, entries: int, format: str, symmetry: str) -> int:
    """How many entries a file of this header has lines for: of a dense symmetric matrix the lower triangle's."""
    if format == "coordinate" or symmetry == "general" or rows != columns:
        return entries
    return rows * (rows - 1) // 2 if symmetry == "skew-symmetric" else rows * (rows + 1) // 2


def check_lines(name: str, text: bytes, header: tuple) -> None:
    """DataError for the first line after the size line that is no entry, or for a dense symmetric file cut off.

    `header` as of `scipy.io.mminfo`; the text ends in a line break. About 100 MB a second.
    """
    rows, columns, entries, format, field, symmetry = header
    pattern, expected = _PATTERNS[format, FIELDS[field]]
    start = _body(text)
    found = pattern.search(text, start)
    if found is not None:
        end = found.start()
        line = text[end : text.find(b"\n", end)][:40].decode("ascii", "backslashreplace").strip()
        number = text.count(b"\n", 0, end) + 1
        what = "damaged" if text[end:].strip().count(b"\n") else "damaged or truncated"
        raise DataError(f"{name}: line {number} is {line!r}; expected {expected}: the file is {what}.")
    if format == "coordinate" and (found := _ZERO.search(text, start)) is not None:
        number = text.count(b"\n", 0, found.start()) + 1
        raise DataError(
            f"{name}: line {number} counts from 0; expected rows from 1 to {rows} and "
            f"columns from 1 to {columns}: the file is damaged, or all its places want one added."
        )
    if format == "array" and symmetry != "general" and rows == columns:
        found = text.count(b"\n", start) - len(_BLANK.findall(text, start))
        needed = stored(rows, columns, entries, format, symmetry)
        if found != needed:
            raise DataError(
                f"{name}: {found} values; expected {needed}, the lower triangle of {rows} rows: "
                f"the file is {'truncated' if found < needed else 'damaged'}."
            )


def _body(text: bytes) -> int:
    """Where the line after the size line begins."""
    at = 0
    while True:
        end = text.find(b"\n", at) + 1
        line = text[at:end].strip()
        at = end
        if (line and not line.startswith(b"%")) or not end:
            return end or len(text)
