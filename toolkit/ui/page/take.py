"""What a person takes away from a page: the link, the race as a script, a notebook or a table, and the plot."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui

from toolkit.session import export, share
from toolkit.session.model import LabModel
from toolkit.ui.page.browser import Bridge

MIME = {"py": "text/x-python", "ipynb": "application/x-ipynb+json", "csv": "text/csv"}


class Take:
    """The menu "Take away"; `bridge` is what hands things to the browser, `say` tells what came of it."""

    def __init__(self, model: LabModel, act: Callable, say: Callable):
        self._model, self._act, self._say = model, act, say
        self.bridge: Bridge | None = None
        self.menu = pmui.MenuButton(
            label="Take away", icon="ios_share", variant="text", margin=(6, 4),
            items=[{"label": label, "icon": icon} for label, icon, _ in self._takes()],
        )  # fmt: skip
        self.menu.on_click(self._taken)

    def _takes(self) -> tuple:
        """What can be taken away: words, icon, and how."""
        return (
            ("Copy link", "link", self._copy_link),
            ("Python script", "code", lambda: self._export("py")),
            ("Notebook", "menu_book", lambda: self._export("ipynb")),
            ("CSV", "table_view", lambda: self._export("csv")),
            ("PNG", "image", lambda: self._picture("png")),
            ("SVG", "polyline", lambda: self._picture("svg")),
        )

    def _taken(self, item) -> None:
        actions = {label: action for label, _, action in self._takes()}
        self._act(actions[item["label"]])

    def _picture(self, kind: str) -> None:
        self.bridge.picture("convergence", kind, f"{self._model.lab.name}.{kind}")

    def _copy_link(self) -> None:
        self.bridge.copy("?s=" + share.pack(self._model.to_spec()))

    def copied(self, done: bool, link: str) -> None:
        """The browser has copied the link, or would not."""
        if done:
            self._say("The link is in the clipboard.", good=True)
        else:
            self._say(f"The browser keeps its clipboard closed. The link: {link}")

    def _export(self, kind: str) -> None:
        """Gather the traces between two slices, then hand over the file."""
        model, doc = self._model, pn.state.curdoc
        spec, name = model.to_spec(), model.lab.name

        def ready(future) -> None:
            race = future.result()
            if kind == "py":
                text = export.script(race)
            elif kind == "ipynb":
                text = export.notebook(race, name, model.measure, spec)
            else:
                text = export.table(race)
            doc.add_next_tick_callback(lambda: self.bridge.file(f"{name}.{kind}", text, MIME[kind]))

        model.records().add_done_callback(ready)
