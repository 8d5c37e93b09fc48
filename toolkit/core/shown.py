"""How a run shows itself in a notebook: status, last values and verdicts as a small table."""

from __future__ import annotations

from html import escape

import numpy as np

from toolkit.core.knob import brief

_WORDS = {True: "✓ holds", False: "✗ does not hold", None: "… open"}


def table(run) -> str:
    """A run as HTML, every word of it escaped: how it stands, its last values, and a row a promise with its verdict.

    Nothing is run for it: a promise that other runs decide is open. A run that has not begun shows no promises.
    """
    history = run.history
    head = (
        f"<b>{escape(run.method.label())}</b> on {escape(brief(run.problem))}: step {run.k}, {escape(str(run.status))}"
    )
    names = dict.fromkeys((*history.monitors, *history.probes))
    rows = [(name.replace("_", " "), f"{history.last(name):.4g}", "") for name in names]
    rows = [one for one in rows if one[1] != "nan"] + (_promised(run) if len(history) else [])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div>{head}</div><table>{body}</table>"


def _promised(run) -> list[tuple[str, str, str]]:
    claims = () if run.method.suits(run.problem) else run.method.claims(run.problem)
    judged = [(one, one.verdict((run,)) if one.while_running else one.waiting) for one in claims]
    return [(claim.title or claim.about, _WORDS[verdict.holds], _figures(verdict)) for claim, verdict in judged]


def _figures(verdict) -> str:
    known = np.isfinite(verdict.measured) and np.isfinite(verdict.promised)
    figures = f"measured {verdict.measured:.4g}, promised {verdict.promised:.4g}" if known else ""
    return "; ".join(part for part in (figures, verdict.why) if part)
