"""Plots as HoloViews objects, for notebooks and scripts: they compose with + and *, and take `.opts`."""

from __future__ import annotations

import holoviews as hv
import numpy as np

from toolkit.core.claims import Flat, Order
from toolkit.core.errors import KnobError
from toolkit.core.knob import labels, reach
from toolkit.core.run import Run
from toolkit.core.state import COUNTERS
from toolkit.core.study import verdicts
from toolkit.session.frame import AGAINST, curve, measured, monitored, overlay
from toolkit.session.palette import MOST, STYLES
from toolkit.session.sweep import knob_of, line, numeric
from toolkit.ui.plots.axes import labelled
from toolkit.ui.plots.curves import backend
from toolkit.ui.plots.picture_objects import picture

__all__ = ["curves", "ladder", "picture"]

_HELD = {True: "✓ holds", False: "✗ does not hold", None: "… open"}


def curves(runs, measure: str = "", against: str = "k") -> hv.Overlay:
    """The measured curves of up to six runs, solid, with what was promised of them dashed in the same colour.

    A legend names each run with how its promises stand (all of them, drawn or not), and each dashed curve with its own
    verdict. The ordinate is logarithmic where the measure is.

    Parameters
    ----------
    runs
        A run that has begun, or up to six.
    measure : str
        The column to draw; empty: what the first run's stopping rule looks at, else its first monitor.
    against : str
        The column to draw it against: `k`, a work counter, `seconds`.

    KnobError where there are no runs or too many, or where one of them does not have a column.
    """
    runs = [runs] if isinstance(runs, Run) else list(runs)
    if not 1 <= len(runs) <= MOST:
        raise KnobError(f"{len(runs)} runs were given: expected 1 to {MOST}.")
    measure = measure or runs[0].stop.measure or runs[0].method.monitors[0]
    for run in runs:
        for name in (measure, against):
            if name not in run.history or not len(run.history):
                has = ", ".join(run.history.names) if len(run.history) else "nothing, as it has not begun"
                raise KnobError(f"{run.method.label()} did not measure {name!r}; it has {has}.")
    backend()
    _, title, unit, log = _about(runs[0], measure)
    words = [AGAINST.get(against, against.replace("_", " ")) + (" (s)" if against == "seconds" else "")]
    names, found = labels([run.method for run in runs]), []
    for run, name, style in zip(runs, names, STYLES):
        found += _drawn(run, name, style.colour, (measure, against), log)
    axes = dict(logy=log, logx=against not in AGAINST, xlabel=words[0], ylabel=labelled(title, unit))
    look = dict(title=f"{title} of {names[0]}" if len(runs) == 1 else title, show_grid=True, responsive=True)
    return hv.Overlay(found).opts(hv.opts.Overlay(**axes, **look, min_height=400, legend_position="right"))


def _about(run: Run, measure: str) -> tuple[str, str, str, bool]:
    """(name, title, unit, whether its axis is logarithmic) of a column."""
    known = measured((*run.problem.measures(), *run.method.measures(run.problem)))
    known = monitored(run.method) | known
    return known.get(measure, (measure, measure.replace("_", " "), "", True))


def _drawn(run: Run, name: str, colour: str, columns: tuple[str, str], log: bool) -> list[hv.Curve]:
    """The curve of one run and those of its promises about the measure."""
    measure, against = columns
    judged = verdicts(run)
    told = [_curve(*curve(run.history, measure, against)[:2], columns, f"{name} {_sum(judged)}", log)]
    told[0].opts(color=colour, line_width=2.2)
    for claim, verdict in judged:
        x, y = overlay(claim, run.history, against)[:2] if claim.about == measure else ((), ())
        if len(x):
            promised = _curve(x, y, columns, f"{name}: {claim.title or claim.kind} {_HELD[verdict.holds]}", log)
            told.append(promised.opts(color=colour, line_width=1.6, line_dash=[7, 5]))
    return told


def _curve(x, y, columns: tuple[str, str], label: str, log: bool) -> hv.Curve:
    y = np.where(np.asarray(y) > 0, y, np.nan) if log else y
    return hv.Curve((x, y), columns[1], columns[0], label=label)


def _sum(judged) -> str:
    """How many promises hold, do not and are open."""
    counts = [sum(verdict.holds is state for _, verdict in judged) for state in (False, True, None)]
    signs = zip(("✗ {} broken", "✓ {} held", "… {} open"), counts)
    return ", ".join(words.format(count) for words, count in signs if count) or "(no promise)"


def ladder(runs, over: str, measure: str = "k") -> hv.Overlay:
    """What finished runs of a ladder needed, or came to, against a knob, and the slopes that are promised along it.

    A point a run: full where it came to its tolerance, or where none was asked, hollow elsewhere. Dashed are the claims
    that go along this very knob: level through the first run that counts, or with their order through the last.

    Parameters
    ----------
    runs
        Two finished runs or more, as `tk.ladder` gives them.
    over : str
        The knob of the method or of the problem that differs, "part.knob" for one of a part.
    measure : str
        The column of their histories whose last value is drawn: `k` for steps, a work counter, a monitor, a probe.

    KnobError for fewer than two runs, a knob that is none or no number, and a column that they do not have.
    """
    runs = list(runs)
    if len(runs) < 2:
        raise KnobError(f"{len(runs)} runs were given: a ladder has two or more.")
    values = [_value(run, over) for run in runs]
    for run in runs:
        if measure not in run.history:
            raise KnobError(f"{run.method.label()} did not measure {measure!r}; it has {', '.join(run.history.names)}.")
    backend()
    spent = measure in ("k", *COUNTERS)
    x, y = np.array(values, dtype=float), np.array([run.history.last(measure) for run in runs], dtype=float)
    firm = np.array([_firm(run, spent) for run in runs]) & np.isfinite(y)
    _, title, unit, _ = _about(runs[0], measure)
    words = AGAINST.get(measure, title) if spent else labelled(title, unit)
    found, about = [hv.Curve((x, y), over, measure, label=runs[0].method.title)], dict(color=STYLES[0].colour, size=8)
    found[0].opts(color=STYLES[0].colour, line_width=2.2)
    found.append(hv.Scatter((x[firm], y[firm]), over, measure).opts(**about))
    found.append(hv.Scatter((x[~firm], y[~firm]), over, measure).opts(**about, fill_color="white"))
    found += _along(runs[0], over, measure, x[firm], y[firm])
    log = dict(logx=bool(np.all(x > 0)), logy=bool(np.all(y[np.isfinite(y)] > 0)))
    axes = dict(xlabel=over.replace("_", " ").replace(".", " "), ylabel=words, show_grid=True, responsive=True)
    return hv.Overlay(found).opts(hv.opts.Overlay(**log, **axes, min_height=400, legend_position="right"))


def _along(run: Run, over: str, measure: str, x: np.ndarray, y: np.ndarray) -> list[hv.Curve]:
    """What claims promise of a measure along a knob, through the runs that count."""
    found = []
    for claim in run.method.claims(run.problem) if len(x) else ():
        if isinstance(claim, (Flat, Order)) and claim.values and (claim.over, claim.measure) == (over, measure):
            promised = hv.Curve((x, line(claim, x, y)), over, measure, label=claim.title)
            found.append(promised.opts(color=STYLES[0].colour, line_width=1.6, line_dash=[7, 5]))
    return found


def _value(run: Run, over: str) -> float:
    """The value of a knob of the run's method or problem."""
    owner = run.method if over in reach(run.method) else run.problem
    knob, value = knob_of(owner, over)
    if not numeric(knob) or value is None:
        raise KnobError(f"{type(owner).__name__}.{over} is no number: nothing can be drawn along it.")
    return float(value)


def _firm(run: Run, spent: bool) -> bool:
    """Whether a run says what was asked: what it spent only where it came to its tolerance."""
    asked = run.stop.rtol > 0 or run.stop.atol > 0
    return run.status.kind == "converged" or (run.status.kind == "budget" and not (spent and asked))
