"""The line below the curves: what the lines mean, the ghosts of earlier runs, and how the axes are shown."""

from __future__ import annotations

from collections.abc import Callable

import param
from panel.custom import JSComponent

from toolkit.session.frame import Ghost
from toolkit.ui.page.browser import HERE, script

LEGEND = "— measured   - - promised   ··· tolerance"


class PlotBar(JSComponent):
    """`lay(number)` lets a ghost go, `log(on)` draws the abscissa on a logarithmic axis, `fit()` fits the axes."""

    words = param.String(default=LEGEND, doc="what the lines mean")
    ghosts = param.List(default=[], doc="one dict a ghost: number and label")
    log = param.Boolean(default=False, doc="whether the abscissa is logarithmic")

    _esm = script("words.js", "plot_bar.js")
    _stylesheets = [HERE / "plot_bar.css"]

    def __init__(self, lay: Callable, log: Callable, fit: Callable, **params):
        super().__init__(**params)
        self._hears = {"lay": lay, "log": log, "fit": lambda _: fit()}

    def show(self, ghosts: tuple[Ghost, ...], log: bool) -> None:
        """Show these ghosts, and how the abscissa is drawn."""
        found = [{"number": one.number, "label": one.label} for one in ghosts]
        if (self.ghosts, self.log) != (found, log):
            self.param.update(ghosts=found, log=log)

    def _handle_msg(self, data) -> None:
        kinds = {"lay": int, "log": bool, "fit": bool}
        for name, value in data.items() if isinstance(data, dict) else ():
            if type(value) is kinds.get(name):
                self._hears[name](value)
