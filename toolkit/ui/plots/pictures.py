"""The picture beside the curves: images, a mesh, lines or points, built once a kind and then patched."""

from __future__ import annotations

import holoviews as hv
import numpy as np
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    CustomJSTickFormatter,
    DataRange1d,
    FixedTicker,
    Legend,
    LegendItem,
    LinearColorMapper,
    Range1d,
)
from bokeh.plotting import figure

from toolkit.session.frame import Drawing, nice
from toolkit.session.palette import GREY, POSITIVE, SIGNED, STYLES
from toolkit.ui.plots.axes import POWERS, ticked
from toolkit.ui.plots.curves import MUTED, backend, sized
from toolkit.ui.plots.patching import set_ends, update

_TITLES = {"x": [], "y": [], "top": [], "text": []}


class ImagePicture:
    """Up to three eight-bit images under fixed palettes; a lone one has a colour bar."""

    MOST, GAP, TOP, NARROW = 3, 0.06, 0.14, 0.6

    def __init__(self, height: int, lone: bool):
        backend()
        image = hv.Image(np.zeros((2, 2), dtype=np.uint8), bounds=(0, 0, 1, 1))
        options = dict(default_tools=[], toolbar=None, xaxis=None, yaxis=None)
        self.figure = sized(hv.render(image.opts(**options), backend="bokeh"), height)
        fig = self.figure
        fig.name, fig.match_aspect = "picture", True
        fig.x_range, fig.y_range = DataRange1d(range_padding=0.01), DataRange1d(range_padding=0.01)
        first = fig.renderers[0]
        self._mappers = [LinearColorMapper(palette=POSITIVE, low=0, high=255) for _ in range(1 if lone else self.MOST)]
        first.glyph.color_mapper = self._mappers[0]
        more = [fig.image("image", x="x", y="y", dw="dw", dh="dh", color_mapper=one) for one in self._mappers[1:]]
        self._sources = [one.data_source for one in (first, *more)]
        self._titles = fig.text(
            "x",
            "y",
            "text",
            source=ColumnDataSource(_TITLES),
            text_font_size="13px",
            text_baseline="bottom",
            text_color=MUTED,
        )
        fig.scatter("x", "top", source=self._titles.data_source, size=0, alpha=0)  # room for the titles
        self._scale = _colour_bar(fig) if lone else None
        for axis in fig.axis:
            axis.update(ticker=FixedTicker(ticks=[]), axis_line_color=None, axis_label_standoff=0)
        fig.outline_line_color = None

    def patch(self, drawing: Drawing) -> None:
        """Put a drawing on the screen."""
        for axis, label in zip(self.figure.axis, drawing.labels):
            update(axis, axis_label=label, visible=bool(label))
        titles, unsigned = {name: [] for name in _TITLES}, GREY if drawing.grey else POSITIVE
        for i, (source, mapper) in enumerate(zip(self._sources, self._mappers)):
            if i >= len(drawing.images):
                source.data = {name: [] for name in ("image", "x", "y", "dw", "dh")}
                continue
            title, image, scale, signed = drawing.images[i]
            update(mapper, palette=SIGNED if signed else unsigned)
            width, height = (n / max(image.shape) for n in reversed(image.shape))
            pitch = max(width, self.NARROW) + self.GAP
            left, low = i % 2 * pitch, -(i // 2) * (height + self.TOP)  # two beside, the third below
            source.data = {"image": [image], "x": [left], "y": [low], "dw": [width], "dh": [height]}
            titles["x"].append(left)
            titles["y"].append(low + height + 0.02)
            titles["top"].append(low + height + (self.TOP if title else 0.0))
            titles["text"].append(f"{title}  {scale[0]:g} … {scale[1]:g}" if title else "")
        self._titles.data_source.data = titles
        if self._scale is not None:
            _, _, (low, high), signed = drawing.images[0]
            update(self._scale, low=low, high=high, palette=SIGNED if signed else unsigned)


class MeshPicture:
    """Triangles or quadrilaterals, each in one colour, their edges drawn while they can be told apart."""

    EDGED = 4000

    def __init__(self, height: int):
        backend()
        fig = self.figure = sized(figure(tools="", toolbar_location=None), height)
        fig.axis.visible = fig.grid.visible = False
        fig.name, fig.match_aspect = "picture", True
        fig.x_range, fig.y_range = DataRange1d(range_padding=0.01), DataRange1d(range_padding=0.01)
        self._mapper = LinearColorMapper(palette=POSITIVE, low=0, high=255)
        colour = {"field": "shade", "transform": self._mapper}
        data = {"xs": [], "ys": [], "shade": []}
        self._cells = fig.patches("xs", "ys", source=ColumnDataSource(data), fill_color=colour, line_color=colour)
        self._cells.nonselection_glyph = self._cells.selection_glyph = self._cells.muted_glyph = None
        self._scale = _colour_bar(fig)
        fig.outline_line_color = None

    def patch(self, drawing: Drawing) -> None:
        """Put a drawing on the screen."""
        palette = SIGNED if drawing.signed else POSITIVE
        update(self._mapper, palette=palette)
        update(self._scale, palette=palette, low=drawing.scale[0], high=drawing.scale[1])
        x, y = drawing.cells[:, :, 0], drawing.cells[:, :, 1]
        edged = len(x) <= self.EDGED
        colour = MUTED if edged else {"field": "shade", "transform": self._mapper}
        self._cells.glyph.update(line_color=colour, line_width=0.7 if edged else 0.3)
        self._cells.data_source.data = {"xs": x.tolist(), "ys": y.tolist(), "shade": drawing.shade.astype(float)}


def _colour_bar(plot) -> LinearColorMapper:
    scale = LinearColorMapper(palette=POSITIVE, low=0, high=1)
    bar = ColorBar(color_mapper=scale, width=10, padding=4, border_line_alpha=0)
    bar.formatter = CustomJSTickFormatter(code=POWERS)
    plot.add_layout(bar, "right")
    plot.min_border_right = 58  # numbers of any length leave the image where it is
    return scale


class SeriesPicture:
    """Up to six lines, or clouds of points, with axes that follow the data."""

    def __init__(self, height: int, points: bool, log: bool):
        backend()
        kind = hv.Scatter if points else hv.Curve
        shapes = [
            kind([(0.0, 1.0), (1.0, 2.0)], "x", "y", label=style.name).opts(color=style.colour) for style in STYLES
        ]
        options = dict(default_tools=[], toolbar=None, logy=log, show_grid=True)
        self.figure = sized(hv.render(hv.Overlay(shapes).opts(**options), backend="bokeh"), height)
        self.figure.name, self.log, self._points = "picture", log, points
        self._sources = [one.data_source for one in self.figure.renderers]
        for look, (renderer, style) in enumerate(zip(self.figure.renderers, STYLES)):
            self._sources[look].data = {"x": [], "y": []}
            if points:
                renderer.glyph.update(marker=style.marker, size=8)
            else:
                renderer.glyph.update(line_width=2, line_dash=[] if look == 0 else [6, 4])
        items = [LegendItem(label=s.name, renderers=[r], visible=False) for r, s in zip(self.figure.renderers, STYLES)]
        self._legend = Legend(
            items=items, ncols=3, location="left", border_line_alpha=0, label_text_font_size="12px",
            padding=0, margin=0, spacing=0, label_standoff=2, glyph_width=18,
        )  # fmt: skip
        for old in list(self.figure.legend):
            self.figure.center.remove(old)
        self.figure.add_layout(self._legend, "above")
        self.figure.x_range, self.figure.y_range = Range1d(0, 1), Range1d(1e-3, 1) if log else Range1d(0, 1)
        if log:
            ticked(self.figure.yaxis[0], 9, log)
            self.figure.ygrid[0].ticker = self.figure.yaxis[0].ticker
        self.figure.outline_line_color = None

    def patch(self, drawing: Drawing) -> None:
        """Put a drawing on the screen."""
        for look, source in enumerate(self._sources):
            label, x, y = drawing.series[look] if look < len(drawing.series) else ("", np.empty(0), np.empty(0))
            source.data = {"x": x, "y": np.where(y > 0, y, np.nan) if self.log else y}
            item = self._legend.items[look]
            if item.label.value != label:
                item.label = {"value": label}
            update(item, visible=bool(label))
        if self._points:
            crowded = max((len(x) for _, x, _ in drawing.series), default=0) > 60
            for renderer in self.figure.renderers:
                update(renderer.glyph, size=5 if crowded else 8)
        longest = max((len(label) for label, _, _ in drawing.series), default=0)
        update(self._legend, ncols=3 if longest <= 9 else 2 if longest <= 18 else 1)
        xs = np.concatenate([x for _, x, _ in drawing.series] or [np.zeros(1)])
        ys = np.concatenate([y for _, _, y in drawing.series] or [np.zeros(1)])
        set_ends(self.figure.x_range, *(_around(xs, False) if self._points else _ends(xs)))
        set_ends(self.figure.y_range, *_around(ys, self.log))
        update(self.figure.xaxis[0], axis_label=drawing.labels[0])
        update(self.figure.yaxis[0], axis_label=drawing.labels[1])


def _ends(values: np.ndarray) -> tuple[float, float]:
    """From the first to the last abscissa of lines."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _around(values: np.ndarray, log: bool) -> tuple[float, float]:
    """A range around the values, its ends rounded to about a tenth of its width so that it changes in steps."""
    good = values[np.isfinite(values) & (values > 0)] if log else values[np.isfinite(values)]
    if not len(good):
        return (1e-3, 1.0) if log else (0.0, 1.0)
    low, high = float(good.min()), float(good.max())
    if log:
        return float(10 ** np.floor(np.log10(low) - 0.2)), float(10 ** np.ceil(np.log10(high) + 0.2))
    unit = nice((high - low) or abs(high) or 1.0) / 10
    return float(np.floor(low / unit - 0.1) * unit), float(np.ceil(high / unit + 0.1) * unit)


def picture_for(drawing: Drawing, height: int):
    """The plot that can show a drawing."""
    if drawing.kind in ("image", "images"):
        return ImagePicture(height, drawing.kind == "image")
    if drawing.kind == "mesh":
        return MeshPicture(height)
    return SeriesPicture(height, drawing.kind == "points", drawing.log)
