"""The race list at the left of a page: one card an entry, its knobs folded."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui

from toolkit.core.errors import ToolkitError
from toolkit.ui.knobs_panel import WIDE, Panel, escaped
from toolkit.ui.model import Entry, LabModel
from toolkit.ui.palette import MOST, STYLES

_CARD = {"& .MuiCardHeader-root": {"padding": "2px 6px 2px 8px"}, "& .MuiCardContent-root": {"padding": "0 2px 8px 2px"}}


class EntryCard:
    """One entry: its line style and name, what can be done with it, and, unfolded, its method and knobs."""

    def __init__(self, model: LabModel, entry: Entry, act: Callable):
        self._model, self._act, self._uid = model, act, entry.uid
        self._entry, self._panel = entry, None
        self._label = pn.pane.HTML(_headline(entry), margin=(6, 0), align="center", **WIDE)
        self._buttons = [
            self._button("visibility", "Show its picture", lambda: model.set_focus(self._uid)),
            self._button("call_split", "Fork: a second run that goes on from here", lambda: model.fork(self._uid)),
            self._button("content_copy", "Duplicate", lambda: model.duplicate(self._uid)),
            self._button("close", "Remove", lambda: model.remove(self._uid)),
        ]
        header = pmui.Row(self._label, *self._buttons, margin=0, **WIDE)
        self._body = pmui.Column(margin=0, **WIDE)
        self.view = pmui.Card(
            self._body, header=header, collapsed=True, variant="outlined", sx=_CARD, margin=(4, 10), **WIDE
        )
        self.view.param.watch(self._unfold, "collapsed")

    def _button(self, icon: str, words: str, action: Callable):
        button = pmui.IconButton(icon=icon, size="small", description=words, margin=0, label=words, color="default")
        button.on_click(lambda event: self._act(action))
        return button

    def _unfold(self, event=None) -> None:
        """Make the knobs when they are first wanted: a folded card costs the page nothing."""
        if self.view.collapsed or self._panel is not None:
            return
        members = {cls.title: name for name, cls in self._model.lab.methods().items()}
        self._method = pmui.Select(
            label="method", options=members, value=self._entry.method.slug(), size="small", searchable=len(members) > 8,
            margin=(6, 10, 2, 10), **WIDE,
        )  # fmt: skip
        self._method.param.watch(self._chosen, "value")
        looks = {f"{style.glyph} {style.name}": i for i, style in enumerate(STYLES)}
        self._look = pmui.Select(label="line", options=looks, value=self._entry.look, size="small", margin=(8, 10), **WIDE)
        self._look.param.watch(lambda e: self._act(lambda: self._model.recolour(self._uid, e.new)), "value")
        self._panel = Panel(self._entry.method, self._turned)
        self._knobs = pmui.Column(self._panel.view, margin=0, **WIDE)
        self._body[:] = [self._method, self._knobs, self._look]

    def _chosen(self, event) -> None:
        if event.new == self._model.entry(self._uid).method.slug():
            return
        cls = self._model.lab.methods()[event.new]
        self._act(lambda: self._model.set_method(self._uid, cls()))

    def _turned(self, name: str, value) -> None:
        self._model.turn_method(self._uid, **{name: value})
        self._act(lambda: None)

    def show(self, entry: Entry, focus: bool) -> None:
        """Show the entry as it stands."""
        self._buttons[0].color = "primary" if focus else "default"
        if entry == self._entry:
            return
        same = type(entry.method) is type(self._entry.method)
        self._entry = entry
        self._label.object = _headline(entry)
        if self._panel is None:
            return
        self._method.value, self._look.value = entry.method.slug(), entry.look
        if same:
            self._panel.show(entry.method)
        else:
            self._panel = Panel(entry.method, self._turned)
            self._knobs[:] = [self._panel.view]


class RaceList:
    """The cards of all entries, and the button that adds one. `changed()` is called after every action."""

    def __init__(self, model: LabModel, changed: Callable, say: Callable):
        self._model, self._changed, self._say = model, changed, say
        self._cards: dict[int, EntryCard] = {}
        self._column = pmui.Column(margin=0, **WIDE)
        members = {cls.title: name for name, cls in model.lab.methods().items()}
        self._choice = pmui.Select(
            label="add a method", options={"": "", **members}, value="", size="small", searchable=len(members) > 8,
            margin=(10, 10), **WIDE,
        )  # fmt: skip
        self._choice.param.watch(self._add, "value")
        self.view = pmui.Column(self._column, self._choice, margin=0, **WIDE)
        self.show()

    def act(self, action: Callable) -> None:
        """Do something with the model; a refusal is told, not raised."""
        try:
            action()
        except ToolkitError as refusal:
            self._say(str(refusal))
        self.show()
        self._changed()

    def _add(self, event) -> None:
        if event.new:
            cls = self._model.lab.methods()[event.new]
            self._choice.value = ""
            self.act(lambda: self._model.add(cls()))

    def show(self) -> None:
        """Show the list as it stands: cards that stay are not touched."""
        entries = self._model.entries
        uids = [one.uid for one in entries]
        for entry in entries:
            if entry.uid not in self._cards:
                self._cards[entry.uid] = EntryCard(self._model, entry, self.act)
            self._cards[entry.uid].show(entry, entry.uid == self._model.focus)
        if [one for one in self._cards if one not in uids] or len(self._column) != len(uids):
            self._cards = {uid: self._cards[uid] for uid in uids}
            self._column[:] = [self._cards[uid].view for uid in uids]
        full = len(entries) >= MOST
        if self._choice.disabled != full:
            self._choice.param.update(disabled=full, label="the race is full" if full else "add a method")


def _headline(entry: Entry) -> str:
    style = entry.style
    glyph = f'<span style="color:{style.colour};font-size:1rem" role="img" aria-label="{style.name}">{style.glyph}</span>'
    clip = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
    label = escaped(entry.label)
    return f'<div title="{label}" style="{clip};font-size:0.9rem;font-weight:500">{glyph}&ensp;{label}</div>'


