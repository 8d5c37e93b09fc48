"""Numbers, names and verdicts in the words and the formulas that people read."""

from __future__ import annotations

import re

import numpy as np

HELD = {True: "Held", False: "Broken", None: "Open"}
COUNTED = {"k": "steps", "matvecs": "products", "nfe": "evaluations", "solves": "solves", "seconds": "seconds"}
SYMBOLS = {"k": "k", "h": "h", "n": "n", "unknowns": "N", "steps": "N", "epsilon": r"\varepsilon", "degree": "p"}
_MARKS = {"%": r"\%", "&": r"\&", "#": r"\#", "_": r"\ ", "$": "", "\\": "", "{": "", "}": "", "^": "", "~": " "}


def spoken(words: str) -> str:
    """Words in which identifiers are read as people read them: `energy_error` is the energy error."""
    return re.sub(r"(?<=[a-zA-Z0-9])_(?=[a-zA-Z0-9])", " ", words)


def counted(name: str) -> str:
    """What a column counts, or its name as it is spoken."""
    return COUNTED.get(name, spoken(name))


def number(value: float) -> str:
    """A measured value: four digits, as a power of ten outside 0.001 … 9999."""
    if not np.isfinite(value):
        return "–"
    if abs(value) < 1e-290:  # what stands for zero where a logarithm is taken
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.4g}"
    if value == round(value) and abs(value) < 1e7:
        return f"{value:.0f}"  # a count
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa} · 10{superscript(int(exponent))}"


def short(value: float) -> str:
    """A number that somebody set: without digits that are zero."""
    return re.sub(r"^1(?:\.0+)? · ", "", re.sub(r"\.0+ ·", " ·", number(value)))


def superscript(value: int) -> str:
    """A whole number in raised digits."""
    return str(value).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def factor(*values: float) -> tuple[str, ...]:
    """Factors a step side by side, with three digits of what the one nearest to 1 lacks of it."""
    near = min((abs(1 - one) for one in values if np.isfinite(one) and one != 1), default=1.0)
    digits = int(np.clip(2 - np.floor(np.log10(near)), 3, 9))
    return tuple(f"{one:.{digits}f}" if 1e-2 < one < 1e2 else number(one) for one in values)


def times(ratio: float) -> str:
    """How many times as large: two digits, more where it is close to one."""
    if ratio >= 1000:
        return f"{number(float(f'{ratio:.1e}'))}×"
    return f"{ratio:.3g}×" if ratio < 1.1 else f"{ratio:.2g}×" if ratio < 100 else f"{ratio:.0f}×"


def tex(value: float) -> str:
    """A number as TeX."""
    if not np.isfinite(value):
        return r"\infty" if value > 0 else "-"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"


def text(words: str) -> str:
    """Words as text inside a formula."""
    return rf"\text{{{''.join(_MARKS.get(one, one) for one in spoken(words))}}}"


def symbol(name: str) -> str:
    """The letter of a knob or column inside a formula, or its name."""
    return SYMBOLS.get(name) or text(counted(name))
