"""Pictures of a run as HoloViews objects, for notebooks and scripts."""

from __future__ import annotations

from itertools import cycle

import holoviews as hv
import numpy as np

from toolkit.core.errors import KnobError
from toolkit.core.lab import Picture, lab
from toolkit.core.rooms import lab_of
from toolkit.core.run import Run
from toolkit.session.frame import shaded
from toolkit.session.palette import GREY, POSITIVE, SIGNED, STYLES
from toolkit.ui.plots.curves import backend


def picture(run: Run, name: str = ""):
    """A picture of a run as it stands, by its name (empty: the first that there is something to see of).

    An hv.Image or a Layout of some, an Overlay of curves or of points, or Polygons with their values, as its kind is.
    KnobError where the run has not begun or has no such picture.
    """
    if run.state is None:
        raise KnobError(f"{run.method.label()} has not begun: step it, then look.")
    offered = [one for one in lab(lab_of(type(run.problem))).pictures if one.applies(run.problem, run.state)]
    wanted = [one for one in offered if one.name == name or not name]
    seen = ((one, one.data(run.problem, run.state)) for one in wanted)
    chosen, data = next(((one, data) for one, data in seen if data is not None), (None, None))
    if chosen is None:
        has = ", ".join(one.name for one in offered) or "none"
        raise KnobError(f"There is no picture {name!r} of {run.method.label()}; it has {has}.")
    backend()
    return _DRAWN[chosen.kind](chosen, data)


def _image(chosen: Picture, z: np.ndarray, title: str) -> hv.Image:
    z = np.asarray(z, dtype=float)
    height, width = (n / max(z.shape) for n in z.shape)
    _, scale, signed = shaded(z)
    palette = SIGNED if signed else GREY if chosen.grey else POSITIVE
    image = hv.Image(z[::-1], bounds=(0, 0, width, height), kdims=[chosen.x or "x", chosen.y or "y"], vdims="value")
    return image.opts(cmap=palette, clim=scale, colorbar=True, title=title, data_aspect=1, xaxis=None, yaxis=None)


def _images(chosen: Picture, data: dict) -> hv.Layout:
    return hv.Layout([_image(chosen, z, title) for title, z in data.items()])


def _lines(chosen: Picture, data: dict) -> hv.Overlay:
    curves = [hv.Curve((data["x"], y), "x", "y", label=label) for label, y in data.items() if label != "x"]
    return _titled(chosen, [one.opts(color=style.colour) for one, style in zip(curves, cycle(STYLES))])


def _points(chosen: Picture, data: dict) -> hv.Overlay:
    dots = [hv.Points((x, y), ["x", "y"], label=label) for label, (x, y) in data.items()]
    return _titled(chosen, [one.opts(color=style.colour) for one, style in zip(dots, cycle(STYLES))])


def _titled(chosen: Picture, parts: list) -> hv.Overlay:
    about = dict(title=chosen.title, xlabel=chosen.x or " ", ylabel=chosen.y or " ", logy=chosen.log, show_grid=True)
    return hv.Overlay(parts).opts(hv.opts.Overlay(**about))


def _mesh(chosen: Picture, data: dict) -> hv.Polygons:
    points, cells, values = (np.asarray(data[key]) for key in ("points", "cells", "values"))
    each = values if len(values) == len(cells) else values[cells].mean(axis=1)
    found = [{"x": points[cell, 0], "y": points[cell, 1], "value": value} for cell, value in zip(cells, each)]
    _, scale, signed = shaded(each)
    look = dict(color="value", cmap=SIGNED if signed else POSITIVE, clim=scale, colorbar=True, line_width=0.3)
    return hv.Polygons(found, ["x", "y"], "value").opts(**look, data_aspect=1, title=chosen.title)


_DRAWN = {
    "image": lambda chosen, data: _image(chosen, data["z"], chosen.title),
    "images": _images,
    "lines": _lines,
    "points": _points,
    "mesh": _mesh,
}
