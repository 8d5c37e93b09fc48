"""The table of a race as texts: what the board of a page and the table of a notebook show, column by column."""

from __future__ import annotations

import functools
import re

import numpy as np

from toolkit.core.claims import number, spoken
from toolkit.core.errors import ToolkitError
from toolkit.core.references import source
from toolkit.session.frame import Frame, Promise, Trace
from toolkit.session.palette import STYLES

COLUMNS = (  # key, head, and what it means
    ("entry", "method", ""),
    ("k", "step", "steps done"),
    ("value", "value", "the measure that is plotted"),
    ("observed", "observed rate", "factor per step fitted over the later half, or order of convergence"),
    ("promised", "promised rate", "factor per step, or order of convergence, that theory promises"),
    ("verdict", "promises", "what theory promises, and whether it held"),
    ("work", "work", "operator products"),
    ("flops", "flops", ""),
    ("setup", "set-up", "time of the method's set-up; compiling and the problem's own data are not in it"),
    ("solve", "solve", "time of the steps; compiling, imports and probes are not in it"),
    ("status", "status", ""),
)
SIGNS = {"holds": "✓", "broken": "✗", "open": "…"}
TONES = {"converged": "good", "running": "", "budget": "", "cancelled": "", "stagnated": "bad"}
ENDS = {"budget": "budget spent", "non-finite": "no finite number"}  # others are called as they are
WORDS = {"ready": "ready", "paused": "paused", "running": "running", "held": "waiting", "ended": ""}
WORDS |= {"compiling": "compiling", "preparing": "preparing"}


def rows(model, frame: Frame) -> list[dict]:
    """One dict of texts an entry of the race, in the order of the list."""
    traces, labels = {one.uid: one for one in frame.traces}, model.labels()
    return [row(entry, labels[entry.uid], traces.get(entry.uid) or Trace(entry.uid, "")) for entry in model.entries]


def row(entry, label: str, trace: Trace) -> dict:
    """One entry's texts."""
    style, work, started = STYLES[entry.look], trace.work, bool(trace.work)
    states = [_state(one) for one in trace.promises]
    return {
        "uid": entry.uid,
        "glyph": style.glyph,
        "colour": style.colour,
        "label": label,
        "started": started,
        "k": f"{int(work['k'])}" if started else "–",
        "value": number(trace.value),
        "observed": rate(trace.observed, trace.order),
        "promised": rate(trace.promised, trace.order),
        "work": _product(work) if started else "–",
        "flops": si(work["flops"]) if started and work["flops"] else "–",
        "setup": si(work["setup"], "s") if started else "–",
        "solve": si(work["seconds"] - work["setup"], "s") if started else "–",
        "kind": ENDS.get(trace.status.kind, trace.status.kind) if trace.status.done else WORDS[trace.stage],
        "cause": _cause(trace),
        "tone": "bad" if trace.likeness.same is False else TONES.get(trace.status.kind, "bad"),
        "like": trace.likeness.words,
        "counts": {state: states.count(state) for state in ("holds", "broken", "open")},
        "promises": [_promise(one) for one in trace.promises],
        "no_claim": trace.no_claim or "No claim is known that applies to this method on this problem.",
    }


def key(frame: Frame, goal: bool = True) -> str:
    """What the strokes of the plot mean, of those that it shows; `goal`: a tolerance belongs on its axis."""
    promises = [one for trace in frame.traces for one in trace.promises]
    shown = {
        "— measured": True,
        "- - promised": any(len(one.curve[0]) for one in promises),
        "▒ over seeds": any(len(one.band[0]) for one in promises),
        "··· tolerance": goal and any(one.goal > 0 for one in frame.traces),
    }
    return "\u2003 ".join(words for words, there in shown.items() if there)


def _cause(trace: Trace) -> str:
    status = trace.status
    ended = (status.cause, status.advice) if status.done else ()
    return quoted(". ".join(part for part in (*ended, trace.likeness.words) if part))


def quoted(words: str) -> str:
    """Words in which the name of a knob stands between backticks, as people read them."""
    return re.sub(r"`([^`]*)`", r"“\1”", words)


def _product(work: dict) -> str:
    """Operator products, or function evaluations where those are what is spent."""
    for name, words in (("nfe", "evaluations"), ("matvecs", "products"), ("solves", "solves")):
        if work.get(name):
            count = f"{int(work[name])}" if work[name] < 1e5 else si(work[name])
            return f"{count} {words if work[name] > 1 else words[:-1]}"
    return "–"


def _state(one: Promise) -> str:
    return {True: "holds", False: "broken", None: "open"}[one.verdict.holds]


def _promise(one: Promise) -> dict:
    verdict = one.verdict
    words, url = cited(one.source)
    return {
        "state": _state(one),
        "title": spoken(one.title),
        "told": one.told,
        "formula": one.formula,
        "drawn": bool(len(one.curve[0])),
        "assumes": f"assumes {one.assumes}" if one.assumes else "",
        "source": words,
        "url": url,
        "over": one.over,
        "points": slopes(verdict.points),
        "check": one.asked and verdict.holds is None,
    }


@functools.cache
def cited(key: str) -> tuple[str, str]:
    """(authors, year and title of a source, its address); its key where the bibliography cannot be read."""
    try:
        found = source(key)
    except ToolkitError:
        return key, ""
    return f"{found.short()}, {found.title}", found.url


def rate(value: float, order: bool = False) -> str:
    """A factor per step, or an order of convergence."""
    if not np.isfinite(value):
        return "–"
    return f"order {value:.2f}" if order else f"{value:.4f}"


def slopes(points: tuple[tuple[float, float], ...], most: int = 10) -> list[list[str]]:
    """The last points of a fitted slope as texts: abscissa, value, and the slope from the point before."""
    found = []
    for (x0, y0), (x, y) in zip((points[:1] or ()) + points, points):
        known = x > 0 and y > 0 and x0 > 0 and y0 > 0 and x != x0
        slope = f"{np.log(y / y0) / np.log(x / x0):+.2f}" if known else ""
        found.append([number(x), number(y), slope])
    return found[-most:]


def si(value: float, unit: str = "") -> str:
    """A number with an SI prefix and three digits."""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g} {prefix}{unit}".strip()
    return f"0 {unit}".strip() if value == 0 else f"{value:.2e} {unit}".strip()
