"""The race list at the left of a page: up to six entries, the knobs of the open one below it."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui

from toolkit.core import rooms
from toolkit.core.errors import ToolkitError
from toolkit.session.model import LabModel, solves
from toolkit.session.palette import MOST, STYLES
from toolkit.session.race import Entry
from toolkit.ui.page.browser import Entries
from toolkit.ui.page.knobs import Panel
from toolkit.ui.page.theme import WIDE


def families(model: LabModel) -> dict[str, dict[str, str]]:
    """The methods of the lab that are made for the problem, and those in the race, by family: titles and names."""
    found: dict[str, dict[str, str]] = {}
    racing = {type(one.method) for one in model.entries}
    for name, cls in model.lab.methods().items():
        if cls in racing or solves(cls, type(model.problem)):
            found.setdefault(rooms.family_title(cls) or "methods", {})[cls.title] = name
    return found


class Editor:
    """The method, knobs and line of one entry."""

    def __init__(self, model: LabModel, entry: Entry, act: Callable):
        self._model, self._act, self._entry = model, act, entry
        about = dict(size="small", margin=(9, 10, 3, 10), **WIDE)
        self._method = pmui.Select(label="method", groups=families(model), value=entry.method.slug(), **about)
        looks = {f"{style.glyph} {style.name}": i for i, style in enumerate(STYLES)}
        self._look = pmui.Select(label="line", options=looks, value=entry.look, **about)
        self._method.param.watch(self._chosen, "value")
        self._look.param.watch(lambda e: self._act(lambda: self._model.recolour(self._entry.uid, e.new)), "value")
        self._panel = Panel(entry.method, self._turned, self._sweep)
        self._knobs = pn.Column(self._panel.view, margin=0, **WIDE)
        self.view = pn.Column(self._method, self._knobs, self._look, margin=0, **WIDE)

    def _chosen(self, event) -> None:
        if event.new != self._model.entry(self._entry.uid).method.slug():
            cls = self._model.lab.methods()[event.new]
            self._act(lambda: self._model.set_method(self._entry.uid, cls()))

    def _sweep(self, name: str) -> None:
        places = [one.uid for one in self._model.entries]
        self._act(lambda: self._model.sweep(places.index(self._entry.uid), name))

    def _turned(self, name: str, value) -> None:
        self._model.turn_method(self._entry.uid, **{name: value})
        self._act(lambda: None)

    def show(self, entry: Entry) -> None:
        """Show the entry as it stands."""
        groups = families(self._model)
        if self._method.groups != groups:
            self._method.groups = groups
        if entry == self._entry:
            return
        same = type(entry.method) is type(self._entry.method)
        self._entry = entry
        self._method.value, self._look.value = entry.method.slug(), entry.look
        if same:
            self._panel.show(entry.method)
        else:
            self._panel = Panel(entry.method, self._turned, self._sweep)
            self._knobs[:] = [self._panel.view]


class RaceList:
    """All entries, the knobs of the open one below it, and the menu that adds one.

    `changed()` is called after every action, `say(words)` on a refusal.
    """

    def __init__(self, model: LabModel, changed: Callable, say: Callable):
        self._model, self._changed, self._say = model, changed, say
        self._editor: Editor | None = None
        self._open = self._edited = 0
        self._above, self._below = Entries(self._asked, margin=0, **WIDE), Entries(self._asked, margin=0, **WIDE)
        self._place = pn.Column(margin=(0, 0, 6, 0), **WIDE)
        self._choice = pmui.Select(groups=self._groups(), value="", size="small", margin=(8, 10), **WIDE)
        self._choice.param.watch(self._add, "value")
        self.views = [self._above, self._place, self._below, self._choice]
        self.show()

    def _groups(self) -> dict[str, dict[str, str]]:
        return {"race": {"Add a method …": ""}} | families(self._model)

    def act(self, action: Callable) -> None:
        """Do something with the model; a refusal is told, not raised."""
        try:
            action()
        except ToolkitError as refusal:
            self._say(str(refusal))
        self.show()
        self._changed()

    def _asked(self, act: str, uid: int) -> None:
        if act == "open":
            self._open = 0 if self._open == uid else uid
            self.show()
            return
        actions = {"look": self._model.set_focus, "fork": self._model.fork, "copy": self._model.duplicate}
        actions |= {"remove": self._model.remove, "hide": self._model.hide, "solo": self._model.solo}
        self.act(lambda: actions[act](uid))

    def _add(self, event) -> None:
        if event.new:
            cls = self._model.lab.methods()[event.new]
            self._choice.value = ""
            self.act(lambda: self._model.add(cls()))

    def show(self) -> None:
        """Show the list as it stands, in one message to the browser."""
        with pn.io.hold():
            self._show()

    def _show(self) -> None:
        entries = self._model.entries
        self._show_editor({one.uid: one for one in entries})
        uids = [one.uid for one in entries]
        cut = uids.index(self._open) + 1 if self._open else len(uids)
        labels = self._model.labels()
        data = [self._row(one, labels[one.uid]) for one in entries]
        for part, rows in ((self._above, data[:cut]), (self._below, data[cut:])):
            if part.entries != rows or part.open != self._open:
                part.param.update(entries=rows, open=self._open)
        groups = self._groups()
        if self._choice.groups != groups:
            self._choice.groups = groups
        full = len(entries) >= MOST
        if self._choice.disabled != full:
            self._choice.disabled = full

    def _row(self, entry: Entry, label: str) -> dict:
        style = entry.style
        about = {"uid": entry.uid, "label": label, "glyph": style.glyph, "colour": style.colour}
        return about | {"focus": entry.uid == self._model.focus, "hidden": entry.uid in self._model.hidden}

    def _show_editor(self, entries: dict[int, Entry]) -> None:
        """Make the knobs of the open entry when they are first wanted, and keep them while it is folded."""
        if self._open not in entries:
            self._open = 0
        if self._open and self._open != self._edited:
            self._editor, self._edited = Editor(self._model, entries[self._open], self.act), self._open
            self._place[:] = [self._editor.view]
        elif self._open:
            self._editor.show(entries[self._open])
        if self._place.visible != bool(self._open):
            self._place.visible = bool(self._open)
