"""Text for an output that does not know every character: what it lacks is spelt with those it has."""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata

PLAIN = "toolkit.plain"  # the name of the error handler
_STANDS_FOR = {
    "—": "-", "–": "-", "−": "-", "‐": "-", "‑": "-", "…": "...", "·": "*", "×": "x", "÷": "/", "→": "->", "←": "<-",
    "↔": "<->", "⇒": "=>", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∼": "~", "≪": "<<", "≫": ">>", "∝": "~",
    "±": "+-", "‖": "||", "∥": "||", "⟨": "<", "⟩": ">", "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "√": "sqrt",
    "∞": "inf", "∂": "d", "∇": "grad", "Δ": "Delta", "∆": "Delta", "∑": "sum", "∫": "int", "∈": "in", "∘": "o",
    "⊗": "(x)", "∪": "u", "∩": "n", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ß": "ss", "æ": "ae", "Æ": "AE", "đ": "d",
    "ı": "i", "✓": "yes", "✗": "no", "°": "deg", "§": "Sec. ", "µ": "u",
}  # fmt: skip


def any_encoding() -> None:
    """Have whatever the program prints come out, under every encoding of its output; a closed output takes nothing."""
    codecs.register_error(PLAIN, _respelt)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=PLAIN)


def spelt(text: str, encoding: str | None) -> str:
    """The text as an output of this encoding shows it."""
    codecs.register_error(PLAIN, _respelt)
    name = encoding or "utf-8"
    return text.encode(name, PLAIN).decode(name)


def _respelt(trouble: UnicodeError) -> tuple[str, int]:
    if not isinstance(trouble, UnicodeEncodeError):
        raise trouble
    return "".join(_ascii(one) for one in trouble.object[trouble.start : trouble.end]), trouble.end


def _ascii(character: str) -> str:
    """One character in ASCII: its stand-in, its letter without accents, a Greek letter's name, else a question mark."""
    if character in _STANDS_FOR:
        return _STANDS_FOR[character]
    name = unicodedata.name(character, "")
    if name.startswith("GREEK ") and " LETTER " in name:
        word = name.split(" LETTER ")[1].split(" WITH ")[0].split()[-1]
        return word.capitalize() if " CAPITAL " in name else word.lower()
    raised = "^" if name.startswith("SUPERSCRIPT") else "_" if name.startswith("SUBSCRIPT") else ""
    letters = "".join(one for one in unicodedata.normalize("NFKD", character) if one.isascii())
    return raised + letters if letters else "" if unicodedata.combining(character) else "?"
