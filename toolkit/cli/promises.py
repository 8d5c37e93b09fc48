"""Verdicts as the commands tell them: the rows of a table and of JSON, and the exit code that follows."""

from __future__ import annotations

from toolkit.cli.terminal import number, table
from toolkit.core.claims import Claim, Verdict

WORDS = {True: "yes", False: "NO", None: "open"}
HOLDS, BROKEN, OPEN = 0, 1, 3  # exit codes


def row(claim: Claim, verdict: Verdict) -> dict:
    """One promise and what became of it, as JSON-ready data."""
    return {
        "claim": claim.title or claim.kind,
        "kind": claim.kind,
        "source": claim.source,
        "assumes": claim.assumes,
        "holds": verdict.holds,
        "measured": number(verdict.measured),
        "promised": number(verdict.promised),
        "why": verdict.why,
        "told": claim.told(verdict),
    }


def show(rows: list[dict], *about: str) -> None:
    """A table of such rows; `about`: what each is said of."""
    columns = ("holds", *about, "claim", "told")
    table([one | {"holds": WORDS[one["holds"]]} for one in rows], columns)


def code(rows: list[dict], must_decide: bool) -> int:
    """1 where a claim is False; else 3 where one is open that had to be decided; else 0."""
    held = [one["holds"] for one in rows]
    if False in held:
        return BROKEN
    return OPEN if must_decide and None in held else HOLDS
