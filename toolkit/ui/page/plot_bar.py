"""The line below the curves: what the lines mean, the ghosts of earlier runs, and how the axes are shown."""

from __future__ import annotations

from collections.abc import Callable

import param
from panel.custom import JSComponent

from toolkit.session.frame import Ghost
from toolkit.session.sweep import SHOWN
from toolkit.ui.page.browser import HERE, script

LEGEND = "— measured   - - promised   ··· tolerance"


class Sweeps(JSComponent):
    """A button for every number among some knobs; `sweep(name)` hears which."""

    knobs = param.List(default=[], doc="name and words of each knob")

    _esm = script("words.js", "sweeps.js")
    _stylesheets = [HERE / "sweeps.css"]

    def __init__(self, sweep: Callable, **params):
        super().__init__(**params)
        self._sweep = sweep

    def _handle_msg(self, data) -> None:
        if isinstance(data, dict) and data.get("sweep") in [name for name, _ in self.knobs]:
            self._sweep(data["sweep"])


class PlotBar(JSComponent):
    """`lay(number)` lets a ghost go, `log(on)` draws the abscissa on a logarithmic axis, `fit()` fits the axes."""

    words = param.String(default=LEGEND, doc="what the lines mean")
    ghosts = param.List(default=[], doc="one dict a ghost: number and label")
    log = param.Boolean(default=False, doc="whether the abscissa is logarithmic")
    tabs = param.List(default=[], doc="key and words of what can be drawn beside the curves, where there is a sweep")
    tab = param.String(default="", doc="the key of what is drawn, empty for the curves")

    _esm = script("words.js", "plot_bar.js")
    _stylesheets = [HERE / "plot_bar.css"]

    def __init__(self, lay: Callable, log: Callable, fit: Callable, show: Callable, **params):
        super().__init__(**params)
        self._hears = {"lay": lay, "log": log, "fit": lambda _: fit(), "show": show}

    def show(self, ghosts: tuple[Ghost, ...], log: bool, tab: str | None = None) -> None:
        """Show these ghosts, how the abscissa is drawn, and what of a sweep (None: there is none)."""
        found = [{"number": one.number, "label": one.label} for one in ghosts]
        tabs = [["", "curves"], *([key, f"sweep: {words}"] for key, words in SHOWN.items())] if tab is not None else []
        now = dict(ghosts=found, log=log, tabs=tabs, tab=tab or "")
        if any(getattr(self, name) != value for name, value in now.items()):
            self.param.update(**now)

    def _handle_msg(self, data) -> None:
        kinds = {"lay": int, "log": bool, "fit": bool, "show": str}
        for name, value in data.items() if isinstance(data, dict) else ():
            if type(value) is kinds.get(name):
                self._hears[name](value)
