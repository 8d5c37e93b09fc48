"""Knobs as ipywidgets: the notebook's half of the two adapters. Bounds, scales and words come from the Knob alone."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as w
import numpy as np

from toolkit.core import registry, rooms
from toolkit.core.errors import ToolkitError
from toolkit.core.knob import Knob, Knobbed, knobs

_STYLE = {"description_width": "8.5em"}
_LAYOUT = w.Layout(width="24em")


class Form:
    """Widgets for every knob of an object; `box` shows them, `owner` is the object as it stands.

    `turn(owner)` is called when a knob is turned; a value that is refused is put back and `say(words)` says why.
    """

    def __init__(self, owner: Knobbed, turn: Callable[[Knobbed], None], say: Callable[[str], None]):
        self.owner, self._turn, self._say = owner, turn, say
        self.box = w.VBox([self._row(name, one) for name, one in knobs(owner).items()])

    def _set(self, name: str, value, widget: w.Widget | None = None) -> None:
        before = getattr(self.owner, name)
        if value == before:
            return
        try:
            self.owner = self.owner.turned(**{name: value})
        except ToolkitError as error:
            self._say(str(error))
            if widget is not None and before is not None:
                widget.value = before
            return
        self._say("")
        self._turn(self.owner)

    def _row(self, name: str, one: Knob) -> w.Widget:
        value = getattr(self.owner, name)
        if one.family is not None:
            return self._part(name, one, value)
        widget = _widget(one, one.default if value is None else value)
        widget.description, widget.style, widget.layout = one.symbol or name.replace("_", " "), _STYLE, _LAYOUT
        widget.tooltip = f"{one.doc or name} ({one.expected()})"
        if one.optional:
            return self._optional(name, value, widget)
        widget.observe(lambda change: self._set(name, change["new"], widget), "value")
        return self._upload(name, one, widget) if one.file and hasattr(self.owner, "accept_upload") else widget

    def _upload(self, name: str, one: Knob, text: w.Text) -> w.VBox:
        """The knob above a button that takes a file of one's own; of any ending, as a file is known by its content."""
        button = w.FileUpload(multiple=False, description=f"Upload ({', '.join(one.file)})", layout=_LAYOUT)

        def uploaded(change) -> None:
            if not change["new"]:
                return
            (file, *_), button.value = change["new"], ()
            try:
                text.value = type(self.owner).accept_upload(name, file["name"], bytes(file["content"]))
            except ToolkitError as error:
                self._say(str(error))

        button.observe(uploaded, "value")
        return w.VBox([text, button])

    def _optional(self, name: str, value, widget: w.Widget) -> w.HBox:
        """The knob beside a switch that leaves it to the method (None)."""
        switch = w.Checkbox(value is None, description="automatic", indent=False, layout=w.Layout(width="7em"))
        widget.disabled = value is None

        def changed(_):
            widget.disabled = switch.value
            self._set(name, None if switch.value else widget.value, widget)

        switch.observe(changed, "value")
        widget.observe(changed, "value")
        return w.HBox([widget, switch])

    def _part(self, name: str, one: Knob, value: Knobbed) -> w.VBox:
        """A choice among the family's members, and the knobs of the chosen one below it."""
        family = registry.classes("method", rooms.lab_of(type(self.owner)), one.family)
        titles = {cls.title: cls for cls in family.values()}
        choice = w.Dropdown(options=list(titles), value=type(value).title, description=name.replace("_", " "))
        choice.style, choice.layout, choice.tooltip = _STYLE, _LAYOUT, one.doc
        box = w.VBox()

        def show(part: Knobbed) -> None:
            inner = Form(part, lambda now: self._set(name, now), self._say).box
            inner.layout.margin = "0 0 0 1.5em"
            box.children = (choice, inner)

        def chosen(change) -> None:
            part = titles[change["new"]]()
            show(part)
            self._set(name, part)

        choice.observe(chosen, "value")
        show(value)
        return box


def _widget(one: Knob, value) -> w.Widget:
    """The plain widget of one knob, without words."""
    if one.choices:
        return w.Dropdown(options=list(one.choices), value=value)
    if one.kind is bool:
        return w.Checkbox(value, indent=False)
    if one.kind is str:
        return w.Text(value, continuous_update=False)
    bounded = one.low is not None and one.high is not None
    value = value if value is not None else one.low if bounded else 0
    if one.kind is int:
        return _whole(one, int(value), bounded)
    if bounded and one.log and one.low > 0:
        low, high = np.log10(one.low), np.log10(one.high)
        step = (high - low) / 100
        return w.FloatLogSlider(value, min=low, max=high, step=step, readout_format=".3g", continuous_update=False)
    if bounded and not one.log:
        step = (one.high - one.low) / 100
        return w.FloatSlider(value, min=one.low, max=one.high, step=step, readout_format=".3g", continuous_update=False)
    return w.FloatText(value, continuous_update=False)


def _whole(one: Knob, value: int, bounded: bool) -> w.Widget:
    if bounded and not one.log and one.high - one.low <= 200:
        return w.IntSlider(value, min=int(one.low), max=int(one.high), continuous_update=False)
    if bounded:
        return w.BoundedIntText(value, min=int(one.low), max=int(one.high), continuous_update=False)
    return w.IntText(value, continuous_update=False)
