"""The picture beside the curves: an image, lines or points, built once a kind and then patched."""

from __future__ import annotations

import holoviews as hv
import numpy as np
from bokeh.models import ColorBar, Legend, LegendItem, LinearColorMapper, Range1d

from toolkit.ui.frame import Drawing
from toolkit.ui.palette import POSITIVE, SIGNED, STYLES
from toolkit.ui.plots import _set, _update, backend, sized


class ImagePicture:
    """An eight-bit image under a fixed palette; the colour bar carries the scale."""

    def __init__(self, height: int):
        backend()
        image = hv.Image(np.zeros((2, 2), dtype=np.uint8), bounds=(0, 0, 1, 1))
        options = dict(default_tools=[], toolbar=None, xaxis=None, yaxis=None)
        self.figure = sized(hv.render(image.opts(**options), backend="bokeh"), height)
        fig = self.figure
        fig.name, fig.match_aspect = "picture", True
        fig.x_range, fig.y_range = Range1d(0, 1), Range1d(0, 1)
        renderer = fig.renderers[0]
        self._source = renderer.data_source
        self._signed = None
        self._mapper = LinearColorMapper(palette=POSITIVE, low=0, high=255)
        renderer.glyph.color_mapper = self._mapper
        self._scale = LinearColorMapper(palette=POSITIVE, low=0, high=1)
        fig.add_layout(ColorBar(color_mapper=self._scale, width=10, padding=4, border_line_alpha=0), "right")
        fig.outline_line_color = None

    def patch(self, drawing: Drawing) -> None:
        """Put a drawing on the screen."""
        if drawing.signed != self._signed:
            self._signed = drawing.signed
            palette = SIGNED if drawing.signed else POSITIVE
            _update(self._mapper, palette=palette)
            _update(self._scale, palette=palette)
        _update(self._scale, low=drawing.scale[0], high=drawing.scale[1])
        rows, cols = drawing.image.shape
        side = max(rows, cols)
        width, height = cols / side, rows / side
        self._source.data = {"image": [drawing.image], "x": [0], "y": [0], "dw": [width], "dh": [height]}
        _set(self.figure.x_range, 0.0, width)
        _set(self.figure.y_range, 0.0, height)


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
        self.figure.name, self.log = "picture", log
        self._sources = [one.data_source for one in self.figure.renderers]
        for look, (renderer, style) in enumerate(zip(self.figure.renderers, STYLES)):
            self._sources[look].data = {"x": [], "y": []}
            if points:
                renderer.glyph.update(marker=style.marker, size=8)
            else:
                renderer.glyph.update(line_width=2, line_dash=[] if look == 0 else [6, 4])
        items = [LegendItem(label=s.name, renderers=[r], visible=False) for r, s in zip(self.figure.renderers, STYLES)]
        self._legend = Legend(items=items, location="top_right", border_line_alpha=0, background_fill_alpha=0.75)
        for old in list(self.figure.legend):
            self.figure.center.remove(old)
        self.figure.add_layout(self._legend)
        self.figure.x_range, self.figure.y_range = Range1d(0, 1), Range1d(1e-3, 1) if log else Range1d(0, 1)
        self.figure.outline_line_color = None

    def patch(self, drawing: Drawing) -> None:
        """Put a drawing on the screen."""
        for look, source in enumerate(self._sources):
            label, x, y = drawing.series[look] if look < len(drawing.series) else ("", np.empty(0), np.empty(0))
            source.data = {"x": x, "y": np.where(y > 0, y, np.nan) if self.log else y}
            item = self._legend.items[look]
            if item.label.value != label:
                item.label = {"value": label}
            _update(item, visible=bool(label))
        xs = np.concatenate([x for _, x, _ in drawing.series] or [np.zeros(1)])
        ys = np.concatenate([y for _, _, y in drawing.series] or [np.zeros(1)])
        _set(self.figure.x_range, *_around(xs, False))
        _set(self.figure.y_range, *_around(ys, self.log))
        _update(self.figure.xaxis[0], axis_label=drawing.labels[0])
        _update(self.figure.yaxis[0], axis_label=drawing.labels[1])


def _around(values: np.ndarray, log: bool) -> tuple[float, float]:
    """A range around the values, its ends rounded to a twentieth of its width so that it changes in steps."""
    good = values[np.isfinite(values) & (values > 0)] if log else values[np.isfinite(values)]
    if not len(good):
        return (1e-3, 1.0) if log else (0.0, 1.0)
    low, high = float(good.min()), float(good.max())
    if log:
        return float(10 ** np.floor(np.log10(low) - 0.2)), float(10 ** np.ceil(np.log10(high) + 0.2))
    unit = 10.0 ** np.floor(np.log10((high - low) or abs(high) or 1.0)) / 2
    return float(np.floor(low / unit - 0.1) * unit), float(np.ceil(high / unit + 0.1) * unit)


def picture_for(drawing: Drawing, height: int):
    """The plot that can show a drawing."""
    if drawing.kind == "image":
        return ImagePicture(height)
    return SeriesPicture(height, drawing.kind == "points", drawing.log)
