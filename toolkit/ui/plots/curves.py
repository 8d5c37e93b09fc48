"""The convergence plot: described and built once by HoloViews, then its Bokeh data sources are patched."""

from __future__ import annotations

import functools
import importlib

import holoviews as hv
import numpy as np
from bokeh.events import RangesUpdate, Reset
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    HoverTool,
    Label,
    Legend,
    LegendItem,
    PanTool,
    Range1d,
    ResetTool,
    Span,
    WheelZoomTool,
)

from toolkit.session.frame import Frame
from toolkit.session.palette import STYLES
from toolkit.session.rows import cited
from toolkit.ui.plots.axes import Axes, View, counted, ticked

MUTED = "#8a8f98"
FONT = "Roboto, system-ui, sans-serif"


@functools.cache
def backend() -> None:
    """Load HoloViews' Bokeh backend, once a process (`hv.extension` would put scripts of its own into a notebook).

    Without WebGL: a few hundred points are painted sooner on a canvas, above all where graphics are done in software.
    """
    importlib.import_module("holoviews.plotting.bokeh")
    hv.Store.set_current_backend("bokeh")
    hv.renderer("bokeh").webgl = False


def sized(figure, height: int):
    """The figure, as wide as its place and of a fixed height."""
    figure.update(sizing_mode="stretch_width", width=None, height=height)
    return figure


class ConvergencePlot:
    """Six slots of a measured line with markers and dashed promises; `patch` puts a frame into them.

    Ranges grow in steps (nice numbers on the abscissa, decades on the ordinate) and never shrink while a race goes on,
    so that nothing moves from frame to frame. Who zooms keeps the view until Reset. `legend`: name the curves in the
    plot; a page names them in its race list and table, and shows the legend only in the pictures taken away.
    `kind` says whether ordinate and abscissa are logarithmic.
    """

    def __init__(self, kind: tuple[bool, bool] = (True, False), height: int = 400, legend: bool = False):
        backend()
        self.kind = kind
        self.log, self.scale = kind
        self._view = View(self.log, self.scale)
        nothing = [(1.0, 1.0), (2.0, 2.0)]
        curves = [hv.Curve(nothing, "x", "y", label=one.name).opts(color=one.colour, line_width=2.2) for one in STYLES]
        overlay = hv.Overlay(curves).opts(logy=self.log, logx=self.scale, default_tools=[], show_grid=True)
        self.figure = sized(hv.render(overlay, backend="bokeh"), height)
        self._furnish(legend)
        self._zoomed, self._key = False, None
        self._seen: dict[str, tuple] = {}
        self.figure.on_event(RangesUpdate, lambda event: setattr(self, "_zoomed", True))
        self.figure.on_event(Reset, self._reset)

    def _furnish(self, legend: bool) -> None:
        fig = self.figure
        fig.name, fig.outline_line_color = "convergence", None
        fig.min_border_left, fig.min_border_right, fig.min_border_bottom = 74, 16, 62  # ticks do not move the frame
        fig.x_range = Range1d(1, 100) if self.scale else Range1d(0, 50)
        fig.y_range = Range1d(1e-9, 10) if self.log else Range1d(0, 1)
        ticked(fig.yaxis[0], 9, self.log)
        self._ticks = counted(fig.xaxis[0], self.scale)
        fig.xgrid.ticker, fig.ygrid.ticker = fig.xaxis[0].ticker, fig.yaxis[0].ticker
        lines = list(fig.renderers)
        self._lines = [one.data_source for one in lines]
        for source in self._lines:
            source.data = {"x": [], "y": [], "k": [], "label": []}
        dashed = self._add_promises()
        self._add_bands()
        self._add_legend(lines, self._add_marks(), legend)
        self._add_points()
        for renderer in fig.renderers:
            renderer.nonselection_glyph = renderer.selection_glyph = renderer.muted_glyph = None
        self._add_tools(lines, dashed)
        self._add_notes()

    def _add_promises(self) -> list:
        """Six slots of dashed curves."""
        names = ("xs", "ys", "title", "source", "verdict")
        self._promises = [ColumnDataSource({name: [] for name in names}) for _ in STYLES]
        about = dict(line_width=1.6, line_dash=[7, 5], line_alpha=0.95)
        return [
            self.figure.multi_line("xs", "ys", source=source, line_color=style.colour, **about)
            for source, style in zip(self._promises, STYLES)
        ]

    def _add_bands(self) -> None:
        """Six slots of shaded bands: where statements over seeds see the curves of their runs."""
        self._bands = [ColumnDataSource({"xs": [], "ys": []}) for _ in STYLES]
        for source, style in zip(self._bands, STYLES):
            about = dict(fill_color=style.colour, fill_alpha=0.16, line_alpha=0, level="underlay")
            self.figure.patches("xs", "ys", source=source, **about)

    def _add_marks(self) -> list:
        """Six slots of markers."""
        self._marks = [ColumnDataSource({"x": [], "y": []}) for _ in STYLES]
        return [
            self.figure.scatter(
                "x", "y", source=source, marker=style.marker, size=8, fill_color=style.colour, line_color=style.colour
            )
            for source, style in zip(self._marks, STYLES)
        ]

    def _add_legend(self, lines, marks, shown: bool) -> None:
        items = [
            LegendItem(label=style.name, renderers=[line, mark], visible=False)
            for style, line, mark in zip(STYLES, lines, marks)
        ]
        self._legend = Legend(items=items, location="top_right", border_line_alpha=0, background_fill_alpha=0.75)
        self._legend.visible = shown
        for old in list(self.figure.legend):
            self.figure.center.remove(old)
        self.figure.add_layout(self._legend)

    def _add_points(self) -> None:
        """The points at the scrubbed step, and those from which on more steps are in vain."""
        fig = self.figure
        self._points = ColumnDataSource({"x": [], "y": [], "colour": []})
        self._enough = ColumnDataSource({"x": [], "y": [], "colour": [], "text": []})
        ring = dict(marker="circle", size=13, fill_alpha=0.0, line_color="colour", line_width=2.5)
        fig.scatter("x", "y", source=self._points, **ring)
        fig.scatter("x", "y", source=self._enough, marker="asterisk", size=18, line_color="colour", line_width=2.5)
        words = dict(text_color="colour", text_font_size="12px", text_font={"value": FONT}, text_baseline="bottom")
        fig.text("x", "y", "text", source=self._enough, x_offset=10, y_offset=-6, **words)

    def _add_notes(self) -> None:
        """The tolerance, the scrubbed step, and the hint where there is no curve."""
        words = dict(text="", text_color=MUTED, text_font=FONT)
        line = dict(line_color=MUTED, line_width=1.5, visible=False)
        self._goal = Span(dimension="width", location=1e-8, line_dash=[1, 4], **line)
        self._goal_text = Label(
            x=0, y=1e-8, text_font_size="12px", text_align="right", text_baseline="top", y_offset=-3, **words
        )
        self._cursor = Span(dimension="height", location=0, **line)
        self._hint = Label(x=25, y=1e-4, text_align="center", text_font_size="15px", **words)
        for one in (self._goal, self._goal_text, self._cursor, self._hint):
            self.figure.add_layout(one)

    def _add_tools(self, lines, dashed) -> None:
        fig = self.figure
        number = "@y{0.000e+0}"
        measured = [("", "@label"), ("step", "@k{0,0}"), ("value", number)]
        promised = [("promised", "@title"), ("by", "@source"), ("", "@verdict")]
        quiet = dict(visible=False, line_policy="nearest", point_policy="snap_to_data")
        hovers = [
            HoverTool(renderers=lines, tooltips=measured, **quiet),
            HoverTool(renderers=dashed, tooltips=promised, visible=False, line_policy="nearest"),
        ]
        fig.toolbar.tools = [PanTool(), BoxZoomTool(), WheelZoomTool(), ResetTool(), *hovers]
        fig.toolbar.active_drag = fig.toolbar.active_scroll = None
        fig.toolbar.logo = None
        fig.toolbar_location = "above"

    # -- patching -----------------------------------------------------------------------------------------------

    def patch(self, frame: Frame, looks: dict[int, int], axes: Axes) -> None:
        """Put a frame on the screen. `looks` maps entries to styles, `axes` says what is drawn."""
        self._fit(frame, axes)
        taken = {looks[one.uid]: one for one in frame.traces if one.uid in looks}
        for look in range(len(STYLES)):
            self._slot(look, taken.get(look))
        for name, source in (("mark", self._points), ("enough", self._enough)):
            places = [(getattr(one, name), STYLES[look].colour) for look, one in taken.items() if getattr(one, name)]
            columns = {"x": [p[0] for p, _ in places], "y": [p[1] for p, _ in places], "colour": [c for _, c in places]}
            columns |= {"text": ["stop here"] * len(places)} if name == "enough" else {}
            self._put(name, source, **columns)
        self._label(frame, axes)

    def _slot(self, look: int, trace) -> None:
        item = self._legend.items[look]
        if trace is None:
            for sources in (self._lines, self._marks, self._promises, self._bands):
                _empty(sources[look])
            item.visible = False
            return
        x, y, k = trace.curve
        y = np.where(y > 0, y, np.nan) if self.log else y
        self._put(f"line{look}", self._lines[look], x=x, y=y, k=k, label=[trace.label] * len(x))
        self._put(f"mark{look}", self._marks[look], x=x[list(trace.marks)], y=y[list(trace.marks)])
        curves = [one for one in trace.promises if len(one.curve[0])]
        columns = dict(
            xs=[one.curve[0] for one in curves],
            ys=[np.where(one.curve[1] > 0, one.curve[1], np.nan) if self.log else one.curve[1] for one in curves],
            title=[one.title for one in curves],
            source=[cited(one.source)[0] for one in curves],
            verdict=[_held(one.verdict) for one in curves],
        )
        self._put(f"promise{look}", self._promises[look], **columns)
        outlines = [_outline(*one.band, self.log) for one in trace.promises if len(one.band[0])]
        columns = dict(xs=[x for x, _ in outlines], ys=[y for _, y in outlines])
        self._put(f"band{look}", self._bands[look], **columns)
        if item.label.value != trace.label:
            item.label = {"value": trace.label}
        item.visible = bool(len(x))

    def _put(self, key: str, data: ColumnDataSource, /, **columns) -> None:
        """Replace the data of a source, if there is anything new in it."""
        now = tuple((len(c), _last(c)) for c in columns.values())
        if self._seen.get(key) == now and len(data.data["x" if "x" in columns else "xs"]) == now[0][0]:
            return
        self._seen[key] = now
        data.data = columns

    def forget(self) -> None:
        """Patch everything anew next time."""
        self._seen.clear()
        self._key = None

    # -- ranges and words ---------------------------------------------------------------------------------------

    def _fit(self, frame: Frame, axes: Axes) -> None:
        key = (axes.against, axes.measure, axes.kind)
        if key != self._key or frame.stage in ("ready", "empty"):
            self._key, self._zoomed = key, False
            self._view.forget()
        self._view.widen(frame, axes)
        if not self._zoomed:
            self._reset()

    def _label(self, frame: Frame, axes: Axes) -> None:
        fig = self.figure
        _update(fig.xaxis[0], axis_label=axes.words + (" (s)" if axes.against == "seconds" else ""))
        _update(fig.yaxis[0], axis_label=axes.label)
        unit = "s" if axes.against == "seconds" else ""
        if self._ticks.args["unit"] != unit:
            self._ticks.args = {"unit": unit}
        goal = next((one.goal for one in frame.traces if one.goal > 0), None) if axes.goal else None
        _update(self._goal, visible=goal is not None, location=goal or 1.0)
        _update(
            self._goal_text,
            visible=goal is not None,
            x=fig.x_range.end,
            y=goal or 1.0,
            text=f"tolerance {goal:.0e}" if goal else "",
        )
        marks = [one.mark[0] for one in frame.traces if one.mark is not None]
        show = frame.at is not None and bool(marks) and axes.against == "k"
        _update(self._cursor, visible=show, location=float(frame.at or 0))
        x, y = self._view.middle
        _update(self._hint, text=axes.hint, x=x, y=y, visible=bool(axes.hint))

    def _reset(self, event=None) -> None:
        self._zoomed = False
        _set(self.figure.x_range, *self._view.x)
        _set(self.figure.y_range, *self._view.y)


def _held(verdict) -> str:
    return {True: "✓ holds", False: "✗ does not hold", None: f"… open: {verdict.why}"}[verdict.holds]


def _last(column):
    if not len(column):
        return None
    last = column[-1]
    return (len(last), float(last[-1]) if len(last) else None) if isinstance(last, np.ndarray) else last


def _outline(k, lower, upper, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) around a band: back along its upper end, forth along its lower one, where the axis can show them."""
    seen = lower > 0 if log else np.ones(len(k), dtype=bool)
    return np.concatenate((k[seen][::-1], k[seen])), np.concatenate((upper[seen][::-1], lower[seen]))


def _empty(source: ColumnDataSource) -> None:
    if any(len(column) for column in source.data.values()):
        source.data = {name: [] for name in source.data}


def _set(axis: Range1d, start: float, end: float) -> None:
    if (axis.start, axis.end) != (start, end):
        axis.update(start=start, end=end)


def _update(model, **values) -> None:
    changed = {name: value for name, value in values.items() if getattr(model, name) != value}
    if changed:
        model.update(**changed)
