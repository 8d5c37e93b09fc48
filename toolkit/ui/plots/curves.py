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
from toolkit.ui.plots.patching import empty, last_of, outline, set_ends, update, visible

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
        self._zoomed, self._key, self._last = False, None, None
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
            source.data = {"x": [], "y": [], "k": [], "value": [], "label": []}
        dashed = self._add_promises()
        self._add_bands()
        ghosts = self._add_ghosts()
        self._add_legend(lines, self._add_marks(), legend)
        self._add_points()
        for renderer in fig.renderers:
            renderer.nonselection_glyph = renderer.selection_glyph = renderer.muted_glyph = None
        self._add_tools(lines, dashed, ghosts)
        self._add_notes()

    def _add_promises(self) -> list:
        """Six slots of dashed curves."""
        names = ("xs", "ys", "title", "source", "verdict", "index", "width")
        self._promises = [ColumnDataSource({name: [] for name in names}) for _ in STYLES]
        self._lit = (None, 0)
        about = dict(line_width="width", line_dash=[7, 5], line_alpha=0.95)
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

    def _add_ghosts(self):
        """The curves that a person has left, faint and thin, each with its words at its end."""
        names = ("xs", "ys", "colour", "alpha", "label")
        self._ghosts = ColumnDataSource({name: [] for name in names})
        self._names = ColumnDataSource({name: [] for name in ("x", "y", "text")})
        about = dict(line_width=1.4, line_color="colour", line_alpha="alpha", name="ghosts")
        words = dict(text_color=MUTED, text_font_size="11px", text_font={"value": FONT}, text_baseline="bottom")
        self.figure.text("x", "y", "text", source=self._names, x_offset=-4, y_offset=-4, text_align="right", **words)
        return self.figure.multi_line("xs", "ys", source=self._ghosts, **about)

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

    def _add_tools(self, lines, dashed, ghosts) -> None:
        fig = self.figure
        number = "@value{0.000e+0}"
        measured = [("", "@label"), ("step", "@k{0,0}"), ("value", number)]
        promised = [("promised", "@title"), ("by", "@source"), ("", "@verdict")]
        quiet = dict(visible=False, line_policy="nearest", point_policy="snap_to_data")
        hovers = [
            HoverTool(renderers=lines, tooltips=measured, **quiet),
            HoverTool(renderers=dashed, tooltips=promised, visible=False, line_policy="nearest"),
            HoverTool(renderers=[ghosts], tooltips=[("before", "@label")], visible=False, line_policy="nearest"),
        ]
        fig.toolbar.tools = [PanTool(), BoxZoomTool(), WheelZoomTool(), ResetTool(), *hovers]
        fig.toolbar.active_drag = fig.toolbar.active_scroll = None
        fig.toolbar.logo = None
        fig.toolbar_location = "above"

    # -- patching -----------------------------------------------------------------------------------------------

    def patch(self, frame: Frame, looks: dict[int, int], axes: Axes) -> None:
        """Put a frame on the screen. `looks` maps the entries that are shown to styles, `axes` says what is drawn."""
        self._last = frame, looks, axes
        frame = visible(frame, looks)
        self._fit(frame, axes)
        taken = {looks[one.uid]: one for one in frame.traces}
        for look in range(len(STYLES)):
            self._slot(look, taken.get(look))
        for name, source in (("mark", self._points), ("enough", self._enough)):
            places = [(getattr(one, name), STYLES[look].colour) for look, one in taken.items() if getattr(one, name)]
            columns = {"x": [p[0] for p, _ in places], "y": [p[1] for p, _ in places], "colour": [c for _, c in places]}
            columns |= {"text": ["stop here"] * len(places)} if name == "enough" else {}
            self._put(name, source, **columns)
        self._haunt(frame)
        self._label(frame, axes)

    def _haunt(self, frame: Frame) -> None:
        """The ghosts: the older one is the fainter."""
        found = [
            (*self._placed(x, y), STYLES[look].colour, alpha, one.label)
            for one, alpha in zip(reversed(frame.ghosts), (0.5, 0.3))
            for look, x, y, _ in one.curves
        ]
        xs, ys, colour, alpha, label = map(list, zip(*found)) if found else ([],) * 5
        self._put("ghosts", self._ghosts, xs=xs, ys=ys, colour=colour, alpha=alpha, label=label)
        named = {one[-1]: one for one in found}
        ends = dict(x=[one[0][-1] for one in named.values()], y=[one[1][-1] for one in named.values()])
        self._put("names", self._names, **ends, text=list(named))

    def _placed(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where points are drawn: what a logarithmic axis has no place for stands at its lower end."""
        x = self._view.across(x)
        if self.log:
            with np.errstate(invalid="ignore"):
                y = np.where(y < self._view.y[0], self._view.y[0], y)
        return x, y

    def _slot(self, look: int, trace) -> None:
        item = self._legend.items[look]
        if trace is None:
            for sources in (self._lines, self._marks, self._promises, self._bands):
                empty(sources[look])
            item.visible = False
            return
        _, value, k = trace.curve
        x, y = self._placed(*trace.curve[:2])
        self._put(f"line{look}", self._lines[look], x=x, y=y, k=k, value=value, label=[trace.label] * len(x))
        self._put(f"mark{look}", self._marks[look], x=x[list(trace.marks)], y=y[list(trace.marks)])
        places = [i for i, one in enumerate(trace.promises) if len(one.curve[0])]
        curves = [trace.promises[i] for i in places]
        columns = dict(
            xs=[self._view.across(one.curve[0]) for one in curves],
            ys=[np.where(one.curve[1] > 0, one.curve[1], np.nan) if self.log else one.curve[1] for one in curves],
            title=[one.title for one in curves],
            source=[cited(one.source)[0] for one in curves],
            verdict=[one.told or str(one.verdict) for one in curves],
            index=places,
            width=[self._width(look, i) for i in places],
        )
        self._put(f"promise{look}", self._promises[look], **columns)
        bands = [one.band for one in trace.promises if len(one.band[0])]
        outlines = [outline(self._view.across(k), *ends, self.log) for k, *ends in bands]
        columns = dict(xs=[x for x, _ in outlines], ys=[y for _, y in outlines])
        self._put(f"band{look}", self._bands[look], **columns)
        if item.label.value != trace.label:
            item.label = {"value": trace.label}
        item.visible = bool(len(x))

    def light(self, look: int | None, index: int = 0) -> None:
        """Let the dashed line of the promise `index` of the entry drawn as `look` stand out; None: of none."""
        self._lit = (look, index)
        for at, source in enumerate(self._promises):
            wide = [self._width(at, i) for i in source.data["index"]]
            if wide != source.data["width"]:
                source.data = dict(source.data) | {"width": wide}

    def _width(self, look: int, index: int) -> float:
        return 4.0 if self._lit == (look, index) else 1.6

    def _put(self, key: str, data: ColumnDataSource, /, **columns) -> None:
        """Replace the data of a source, if there is anything new in it."""
        now = tuple((len(c), last_of(c, 0), last_of(c)) for c in columns.values())
        now = (self._view.start, self._view.y, *now)
        if self._seen.get(key) == now and len(data.data["x" if "x" in columns else "xs"]) == now[2][0]:
            return
        self._seen[key] = now
        data.data = columns

    def forget(self) -> None:
        """Patch everything anew next time."""
        self._seen.clear()
        self._key = None

    # -- ranges and words ---------------------------------------------------------------------------------------

    def _fit(self, frame: Frame, axes: Axes) -> None:
        key = (axes.against, axes.measure, axes.kind, frame.scene)
        if key != self._key or frame.stage in ("ready", "empty"):
            self._key, self._zoomed = key, False
            self._view.forget()
        self._view.widen(frame, axes)
        if not self._zoomed:
            self._reset()

    def _label(self, frame: Frame, axes: Axes) -> None:
        fig = self.figure
        update(fig.xaxis[0], axis_label=axes.words + (" (s)" if axes.against == "seconds" else ""))
        update(fig.yaxis[0], axis_label=axes.label)
        unit = "s" if axes.against == "seconds" else ""
        if self._ticks.args["unit"] != unit:
            self._ticks.args = {"unit": unit}
        goal = next((one.goal for one in frame.traces if one.goal > 0), None) if axes.goal else None
        update(self._goal, visible=goal is not None, location=goal or 1.0)
        update(
            self._goal_text,
            visible=goal is not None,
            x=fig.x_range.end,
            y=goal or 1.0,
            text=f"tolerance {goal:.0e}" if goal else "",
        )
        marks = [one.mark[0] for one in frame.traces if one.mark is not None]
        show = frame.at is not None and bool(marks) and axes.against == "k"
        update(self._cursor, visible=show, location=float(frame.at or (0.5 if self.scale else 0)))
        x, y = self._view.middle
        update(self._hint, text=axes.hint, x=x, y=y, visible=bool(axes.hint))

    def fit(self) -> None:
        """Let the axes end where what is shown now ends."""
        if self._last is not None:
            self._zoomed = False
            self._view.forget()
            self.patch(*self._last)

    def _reset(self, event=None) -> None:
        self._zoomed = False
        set_ends(self.figure.x_range, *self._view.x)
        set_ends(self.figure.y_range, *self._view.y)
