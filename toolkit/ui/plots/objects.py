"""Plots as HoloViews objects, for notebooks and scripts: they compose with + and *, and take `.opts`."""

from __future__ import annotations

import holoviews as hv
import numpy as np

from toolkit.core.errors import KnobError
from toolkit.core.knob import labels
from toolkit.core.run import Run
from toolkit.core.study import verdicts
from toolkit.session.frame import AGAINST, curve, measured, monitored, overlay
from toolkit.session.palette import MOST, STYLES
from toolkit.ui.plots.axes import labelled
from toolkit.ui.plots.curves import backend

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
