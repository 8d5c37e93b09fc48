"""How models on the screen are changed: only where something is new, so that nothing is sent in vain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from bokeh.models import ColumnDataSource, Range1d

from toolkit.session.frame import Frame


def last_of(column, at: int = -1):
    """A sign of what stands at an end of a column: its value, of arrays length and value."""
    if not len(column):
        return None
    last = column[at]
    return (len(last), float(last[at]) if len(last) else None) if isinstance(last, np.ndarray) else last


def visible(frame: Frame, looks: dict[int, int]) -> Frame:
    """The frame without what is hidden: entries that have no style in `looks`, and their ghosts."""
    shown = set(looks.values())
    ghosts = tuple(replace(one, curves=tuple(c for c in one.curves if c[0] in shown)) for one in frame.ghosts)
    return replace(frame, traces=tuple(one for one in frame.traces if one.uid in looks), ghosts=ghosts)


def outline(k, lower, upper, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) around a band: back along its upper end, forth along its lower one, where the axis can show them."""
    seen = lower > 0 if log else np.ones(len(k), dtype=bool)
    return np.concatenate((k[seen][::-1], k[seen])), np.concatenate((upper[seen][::-1], lower[seen]))


def empty(source: ColumnDataSource) -> None:
    """Take everything out of a source."""
    if any(len(column) for column in source.data.values()):
        source.data = {name: [] for name in source.data}


def set_ends(axis: Range1d, start: float, end: float) -> None:
    """Give a range its ends, where they are others."""
    if (axis.start, axis.end) != (start, end):
        axis.update(start=start, end=end)


def update(model, **values) -> None:
    """Change those properties of a model that are others."""
    changed = {name: value for name, value in values.items() if getattr(model, name) != value}
    if changed:
        model.update(**changed)
