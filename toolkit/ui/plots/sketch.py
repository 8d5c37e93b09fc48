"""A line of one's own in the plot: what a person expects before the run, dragged by hand or set by a slider."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS

from toolkit.session.frame import Frame

NEUTRAL = "#7d838e"
AHEAD = 100.0  # steps that are shown before the first, so that a flat line can be told from a steep one
EMPTY = {"x": [], "y": []}
POINTS = 41

# The same line as `line`, while a hand drags its end; told at the end of the drag.
DRAGGED = """
const about = state.data, name = cb_obj.event_name, [x0, y0] = [about.x0[0], about.y0[0]]
if (!about.open[0]) return
const {x_range, y_range} = figure, log = about.log[0], order = about.order[0]
const part = (at, low, high) => (at - low) / (high - low)
const across = (x) => log ? part(Math.log(x), Math.log(x_range.start), Math.log(x_range.end))
  : part(x, x_range.start, x_range.end)
const up = (y) => Math.log(y / y_range.start) / Math.log(y_range.end / y_range.start)
if (name === "panstart") {
  const end = handle.data
  const far = end.x.length ? Math.hypot(across(cb_obj.x) - across(end.x[0]), up(cb_obj.y) - up(end.y[0])) : 1
  state.tags = far < 0.15 ? ["held"] : []
}
if (!state.tags.length) return
const reach = order ? Math.log(cb_obj.x / x0) : cb_obj.x - x0
if (reach > 0 && cb_obj.y > 0) {
  const fall = -Math.log(cb_obj.y / y0) / reach
  const value = order ? Math.min(Math.max(fall, 0), 10) : Math.exp(-Math.min(Math.max(fall, 0.0023), 4.6))
  const total = (x) => order ? value * Math.log(x / x0) : -Math.log(value) * (x - x0)
  const xs = [], ys = []
  for (let i = 0; i < points; i++) {
    const share = i / (points - 1), right = Math.max(x_range.end, x0)
    const x = log ? x0 * (right / x0) ** share : x0 + (right - x0) * share, y = y0 * Math.exp(-total(x))
    if (y < y_range.start) break
    xs.push(x); ys.push(y)
  }
  line.data = {x: xs, y: ys}
  handle.data = {x: xs.slice(-1), y: ys.slice(-1), text: ["your line"]}
  about.value[0] = value
}
if (name === "panend") {
  state.tags = []
  answer.data = {said: [Number(about.value[0].toPrecision(4))]}
}
"""


def line(x0: float, y0: float, value: float, order: bool, log: bool, ends: tuple, low: float) -> tuple:
    """(x, y) of a line from a point to the right end of the abscissa, or down to the lowest value that is in view.

    `value` is a factor a step, or the order y ~ x^−p; `log` says whether the abscissa is logarithmic.
    """
    right = max(ends[1], x0)
    x = np.geomspace(x0, right, POINTS) if log else np.linspace(x0, right, POINTS)
    y = y0 * (x / x0) ** -value if order else y0 * value ** (x - x0)
    seen = y >= low
    return x[seen], y[seen]


class SketchLine:
    """The line in one figure; `drawn(value)` hears where its end was dragged to."""

    def __init__(self, figure, log: bool, drawn: Callable):
        self._figure, self._log = figure, log
        self._line, self._handle = ColumnDataSource(EMPTY), ColumnDataSource(EMPTY | {"text": []})
        self._state, self._answer = ColumnDataSource({"open": [False]}), ColumnDataSource({"said": []})
        figure.line(
            "x", "y", source=self._line, name="your line", line_color=NEUTRAL, line_width=2, line_dash=[14, 5, 2, 5]
        )
        figure.scatter("x", "y", source=self._handle, size=13, fill_color=NEUTRAL, line_color="white", line_width=1.5)
        words = dict(text_color=NEUTRAL, text_font_size="12px", text_align="right", text_baseline="bottom")
        figure.text("x", "y", "text", source=self._handle, x_offset=-4, y_offset=-8, **words)
        for renderer in figure.renderers[-3:]:
            renderer.nonselection_glyph = renderer.selection_glyph = None
        known = dict(figure=figure, state=self._state, line=self._line, handle=self._handle, answer=self._answer)
        code = CustomJS(args=known | {"points": POINTS}, code=DRAGGED)
        for event in ("panstart", "pan", "panend"):
            figure.js_on_event(event, code)
        self._answer.on_change("data", lambda attr, old, new: drawn(new["said"][0]) if new["said"] else None)

    def hide(self) -> None:
        """No line."""
        if len(self._line.data["x"]):
            self._line.data, self._handle.data = EMPTY, EMPTY | {"text": []}
            self._state.data = {"open": [False]}

    def show(self, start: tuple[float, float], value: float, order: bool, free: bool) -> None:
        """The line of a value from its start; `free`: its end can be dragged."""
        ends, low = (self._figure.x_range.start, self._figure.x_range.end), self._figure.y_range.start
        x, y = line(*start, value, order, self._log, ends, low)
        about = dict(x0=start[0], y0=start[1], value=value, order=order, log=self._log, open=free)
        self._line.data, self._handle.data = (
            {"x": x, "y": y},
            {"x": x[-1:], "y": y[-1:], "text": ["your line"][: len(x)]},
        )
        self._state.data = {name: [one] for name, one in about.items()}


class Sketched:
    """Shows the line that a story asks for in the plot at hand, and hides it where there is none."""

    def __init__(self, drawn: Callable):
        self._drawn, self._last = drawn, None
        self._lines: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()

    def show(self, plot, told: dict, frame: Frame, asked: bool) -> None:
        """Show it as the story stands; `asked`: the plot shows the curve that the story asks about."""
        form = told.get("form", {})
        said, free = told.get("said"), told.get("open", False)
        wanted = asked and form.get("kind") == "sketch" and plot.log and not told["own"] and (free or said is not None)
        if not wanted:
            if plot in self._lines:
                self._lines[plot].hide()
            self._last = None
            return
        if plot not in self._lines:
            self._lines[plot] = SketchLine(plot.figure, plot.scale, self._drawn)
        value = said if said is not None else 2.0 if form["order"] else 0.9
        if free and not plot.scale:
            plot.figure.x_range.update(start=-0.012 * AHEAD, end=1.012 * AHEAD)
        fig, start = plot.figure, self._start(frame, form["of"], plot.scale or form["order"], plot.figure.x_range)
        key = (plot, start, value, free, fig.x_range.start, fig.x_range.end, fig.y_range.start)
        if key != self._last:
            self._last = key
            self._lines[plot].show(start, value, form["order"], free)

    @staticmethod
    def _start(frame: Frame, of: int, positive: bool, ends) -> tuple[float, float]:
        """Where it starts: at the first value of the curve in question, until that is there at one."""
        x, y, _ = frame.traces[of].curve if of < len(frame.traces) else ((), (), ())
        for left, high in zip(x[:2], y[:2]):  # the step 0 is not on a logarithmic abscissa
            if high > 0 and (left > 0 or not positive):
                return float(left), float(high)
        return (max(1.0, ends.start) if positive else 0.0), 1.0
