"""The plot of a sweep: results against a knob, with the slopes that claims promise along it dashed beside them."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure

from toolkit.session.frame import Sweep
from toolkit.session.palette import STYLES
from toolkit.ui.plots.axes import counted, ticked, wide
from toolkit.ui.plots.curves import backend, sized
from toolkit.ui.plots.patching import set_ends, update

_POINTS = {"x": [], "y": [], "label": [], "fill": []}


class SweepPlot:
    """Six slots of points on a line and of dashed promises; `patch` puts a Sweep into them.

    A hollow point is of a run that did not come to its tolerance: it needed more than it shows.
    """

    def __init__(self, log: bool, height: int = 400):
        backend()
        self.log = log
        kinds = dict(x_axis_type="log" if log else "linear", y_axis_type="log")
        fig = self.figure = sized(figure(tools="", toolbar_location=None, **kinds), height)
        fig.name, fig.outline_line_color = "sweep", None
        fig.min_border_left, fig.min_border_right, fig.min_border_bottom = 74, 16, 62
        fig.x_range, fig.y_range = Range1d(1, 10), Range1d(1, 10)
        ticked(fig.yaxis[0], 9, True)
        counted(fig.xaxis[0], log)
        fig.xgrid.ticker, fig.ygrid.ticker = fig.xaxis[0].ticker, fig.yaxis[0].ticker
        self._points = [ColumnDataSource(_POINTS) for _ in STYLES]
        self._promises = [ColumnDataSource({"xs": [], "ys": [], "title": []}) for _ in STYLES]
        self._draw()

    def _draw(self) -> None:
        fig, points, dashed = self.figure, [], []
        for style, source, promised in zip(STYLES, self._points, self._promises):
            fig.line("x", "y", source=source, line_color=style.colour, line_width=2)
            about = dict(marker=style.marker, size=9, line_color=style.colour, fill_color=style.colour)
            points.append(fig.scatter("x", "y", source=source, fill_alpha="fill", **about))
            about = dict(line_color=style.colour, line_dash=[7, 5], line_width=1.6)
            dashed.append(fig.multi_line("xs", "ys", source=promised, **about))
        tips = [("", "@label"), ("at", "@x{0.[0000]}"), ("result", "@y{0.000e+0}")]
        hovers = HoverTool(renderers=points, tooltips=tips), HoverTool(renderers=dashed, tooltips=[("", "@title")])
        fig.add_tools(*hovers)

    def patch(self, sweep: Sweep, looks: dict[int, int], measure: str) -> None:
        """Put a sweep on the screen: what is hidden among the entries (`looks`) is left out."""
        shown = set(looks.values())
        curves = {one[0]: one[1:] for one in sweep.curves if one[0] in shown}
        for look, source in enumerate(self._points):
            label, x, y, firm = curves.get(look, ("", np.empty(0), np.empty(0), np.empty(0, bool)))
            seen = np.isfinite(y) & (y > 0)
            made = dict(x=x[seen], y=y[seen], label=[label] * int(seen.sum()), fill=firm[seen].astype(float))
            if len(source.data["x"]) != len(made["x"]) or any(source.data["y"] != made["y"]):
                source.data = made
            lines = [one[1:] for one in sweep.promises if one[0] == look and look in shown]
            self._promises[look].data = dict(zip(("xs", "ys", "title"), map(list, zip(*_swapped(lines)))))
        self._range(curves)
        update(self.figure.xaxis[0], axis_label=sweep.words)
        update(self.figure.yaxis[0], axis_label={"value": measure, "seconds": "time (s)"}.get(sweep.show, "steps"))

    def _range(self, curves: dict) -> None:
        xs = np.concatenate([x for _, x, *_ in curves.values()] or [np.empty(0)])
        ys = np.concatenate([y for _, _, y, _ in curves.values()] or [np.empty(0)])
        ys = ys[np.isfinite(ys) & (ys > 0)]
        if not len(xs) or not len(ys):
            return
        pad = 0.05 * ((float(xs.max()) - float(xs.min())) or 1.0)
        set_ends(self.figure.x_range, *(wide(xs) if self.log else (float(xs.min()) - pad, float(xs.max()) + pad)))
        set_ends(self.figure.y_range, *wide(ys))


def _swapped(lines) -> list[tuple]:
    """(abscissae, results, title) of promises; one empty line where there is none, for its columns."""
    return [(x, y, title) for title, x, y in lines] or [([], [], "")]
