"""Knobs as panel-material-ui widgets: everything about a widget is read from its Knob."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui

from toolkit.core import registry, rooms
from toolkit.core.errors import ToolkitError
from toolkit.core.knob import Knob, Knobbed, knobs
from toolkit.session.sweep import numeric
from toolkit.ui.page.panel_patches import answering
from toolkit.ui.page.plot_bar import Sweeps
from toolkit.ui.page.scale import Scale, shown, typed
from toolkit.ui.page.theme import WIDE

UPLOAD_LIMIT = 64 << 20
_TEXT = {"& .MuiInputBase-input": {"padding": "7px 12px", "fontSize": "0.9rem"}}
_BARE = {"& .MuiFormLabel-root, & .MuiTypography-root": {"display": "none"}}
_INDENT = {
    "border-left": "2px solid color-mix(in srgb, var(--panel-on-surface-color, #888) 18%, transparent)",
    "margin-left": "14px",
    "width": "calc(100% - 14px)",
}


class Panel:
    """The knobs of one object, one below the other; a nested part has its own panel inside.

    `turned(name, value)` is called when a person turned a knob and may refuse by raising ToolkitError: the reason is
    shown at the knob and nothing changes. `sweep(name)` runs a ladder along a knob. `show(owner)` puts another state of
    the same class on the screen.
    """

    def __init__(self, owner: Knobbed, turned: Callable, sweep: Callable | None = None):
        self.owner, self._turned, self._sweep = owner, turned, sweep
        self._fields = {name: self._field(one) for name, one in knobs(owner).items()}
        shown = [one for field in self._fields.values() for one in field.widgets]
        self.view = pn.Column(*shown, *self._with_sweeps(), margin=0, **WIDE)

    def _with_sweeps(self) -> list:
        """A button for every number, where sweeps are wanted."""
        found = [[name, words(one)] for name, one in knobs(self.owner).items() if numeric(one)]
        return [Sweeps(self._sweep, knobs=found, margin=0, **WIDE)] if found and self._sweep is not None else []

    def _field(self, knob: Knob):
        value = getattr(self.owner, knob.name)
        if knob.family is not None:
            return PartField(knob, self.owner, value, self._turned, self._sweep)
        kind = FileField if knob.file else ValueField
        return kind(knob, self.owner, value, self._turned)

    def show(self, owner: Knobbed) -> None:
        """Show an object of the same class as it stands, without telling anyone."""
        self.owner = owner
        for name, field in self._fields.items():
            field.show(getattr(owner, name))


class ValueField:
    """A number, a choice, a switch or a text.

    A number is a text field for exact values and, between two bounds, a slider under it; `optional` knobs have a
    switch that leaves them to the method. What is refused stays in the field, with the reason below it.
    """

    def __init__(self, knob: Knob, owner: Knobbed, value, turned: Callable):
        self.knob, self._turned, self._owner = knob, turned, owner
        self._quiet = False
        self._last = knob.default if value is None else value
        self._slider = self._switch = None
        about = dict(label=words(knob), description=hint(knob), size="small", margin=(9, 10, 3, 10), **WIDE)
        if knob.kind is bool:
            self._main = pmui.Switch(**about)
        elif knob.choices:
            self._main = pmui.Select(options={str(choice): choice for choice in knob.choices}, **about)
        else:
            self._main = pmui.TextInput(sx=_TEXT, **about)
        self._main.param.watch(self._entered, "value")
        self.widgets = [self._with_switch(), *self._with_slider()]
        self.show(value)

    def _with_switch(self):
        if not self.knob.optional:
            return self._main
        self._switch = pmui.Switch(label="automatic", size="small", margin=(4, 6, 0, 0), align="center")
        self._switch.param.watch(lambda event: self._turn(None if event.new else self._last), "value")
        return pn.Row(self._main, self._switch, margin=0, **WIDE)

    def _with_slider(self) -> list:
        if not Scale.suits(self.knob):
            return []
        self._scale = Scale(self.knob)
        about = dict(start=0, end=self._scale.top, label=words(self.knob), show_value=False, tooltips=False, sx=_BARE)
        self._slider = pmui.IntSlider(size="small", margin=(-8, 18, -2, 18), **about, **WIDE)
        self._slider.param.watch(self._dragged, "value")
        self._slider.param.watch(self._dropped, "value_throttled")
        return [self._slider]

    @property
    def _writes(self) -> bool:
        """Whether the value is typed."""
        return self.knob.kind is not bool and not self.knob.choices

    # -- a person's hand ----------------------------------------------------------------------------------------

    def _turn(self, value) -> None:
        if self._quiet:
            return
        try:
            self._turned(self.knob.name, value)
        except ToolkitError as refusal:
            self.refuse(str(refusal))
            return
        self.show(value)

    def _entered(self, event) -> None:
        if self._quiet:
            return
        if not self._writes:
            self._turn(event.new)
            return
        try:
            value = typed(self.knob, type(self._owner).__name__, event.new or "")
        except ToolkitError as refusal:
            self.refuse(str(refusal))
            return
        self._turn(value)

    def _dragged(self, event) -> None:
        """While the thumb moves the text follows; live knobs turn at once, the others when it is let go."""
        if self._quiet:
            return
        value = self._scale.value(event.new)
        if self.knob.live:
            self._turn(value)
        else:
            self._silently(lambda: setattr(self._main, "value", shown(value)))

    def _dropped(self, event) -> None:
        if not self._quiet and not self.knob.live:
            self._turn(self._scale.value(event.new))

    def refuse(self, words: str) -> None:
        """Show why a value was refused."""
        if self._writes:
            self._main.param.update(error_state=True, helper_text=words)

    # -- showing ------------------------------------------------------------------------------------------------

    def show(self, value) -> None:
        """Show a value without telling anyone."""
        self._silently(lambda: self._show(value))

    def _silently(self, action: Callable) -> None:
        self._quiet = True
        try:
            action()
        finally:
            self._quiet = False

    def _show(self, value) -> None:
        if self._writes and self._main.error_state:
            self._main.param.update(error_state=False, helper_text="")
        if self._switch is not None:
            self._switch.value = value is None
            for one in (self._main, self._slider):
                if one is not None:
                    one.disabled = value is None
        if value is None:
            if self._writes:
                self._main.value = ""
            return
        self._last = value
        self._main.value = shown(value) if self._writes else value
        if self._slider is not None and self._scale.value(self._slider.value) != value:
            self._slider.value = self._scale.position(value)


class FileField(ValueField):
    """A knob that names a file: its text, and a button that uploads one through the owner's `accept_upload`.

    The browser is not told which endings to take: it would drop all others without a word, and a file is known by its
    content; what cannot be used is refused here, with the reason.
    """

    def __init__(self, knob: Knob, owner: Knobbed, value, turned: Callable):
        super().__init__(knob, owner, value, turned)
        self._take = getattr(type(owner), "accept_upload", None)
        if self._take is None:
            return
        label = f"Upload {words(knob)} ({', '.join(knob.file)})"
        self._button = pmui.FileInput(
            label=label, uploaded_label=label, variant="outlined", size="small", margin=(4, 10), **WIDE,
        )  # fmt: skip
        self._button.param.watch(self._uploaded, "value")
        self.widgets.append(answering(self._button, self._odd))

    def _odd(self, count: int) -> None:
        """Several files, or one without a byte in it."""
        told = f"{count} files were given" if count else "The file is empty"
        self.refuse(f"{told}; expected one of the kind {', '.join(self.knob.file)}.")

    def _uploaded(self, event) -> None:
        if event.new is None:
            return
        name = self._button.filename or "upload"
        if len(event.new) > UPLOAD_LIMIT:
            self.refuse(f"{name}: {len(event.new) >> 20} MiB; a page takes at most {UPLOAD_LIMIT >> 20} MiB.")
            return
        try:
            value = self._take(self.knob.name, name, event.new)
        except ToolkitError as refusal:
            self.refuse(str(refusal))
            return
        finally:
            self._button.value = None
        self._turn(value)


class PartField:
    """A nested part: a choice of class, and the panel of the chosen one's knobs, indented."""

    def __init__(self, knob: Knob, owner: Knobbed, value: Knobbed, turned: Callable, sweep: Callable | None):
        self._sweep = sweep and (lambda name: sweep(f"{knob.name}.{name}"))
        self.knob, self._turned, self._value, self._quiet = knob, turned, value, False
        self._members = registry.classes("method", rooms.lab_of(type(owner)), knob.family)
        self._choice = pmui.Select(
            label=words(knob), options={cls.title: name for name, cls in self._members.items()}, value=value.slug(),
            description=hint(knob), size="small", searchable=len(self._members) > 8, margin=(9, 10, 3, 10), **WIDE,
        )  # fmt: skip
        self._choice.param.watch(self._chosen, "value")
        self._box = pn.Column(margin=0, styles=_INDENT, **WIDE)
        self.widgets = [self._choice, self._box]
        self._replace(value)

    def _turn(self, name: str, value) -> None:
        turned = self._value.turned(**{name: value})
        self._turned(self.knob.name, turned)
        self._value = turned

    def _chosen(self, event) -> None:
        if self._quiet:
            return
        part = self._members[event.new]()
        try:
            self._turned(self.knob.name, part)
        except ToolkitError:
            self.show(self._value)
            return
        self._replace(part)

    def _replace(self, part: Knobbed) -> None:
        self._value, self._inner = part, Panel(part, self._turn, self._sweep)
        self._box[:] = [self._inner.view]
        self._box.visible = bool(knobs(part))

    def show(self, value: Knobbed) -> None:
        """Show a part without telling anyone."""
        self._quiet = True
        self._choice.value = value.slug()
        self._quiet = False
        if type(value) is type(self._value):
            self._value = value
            self._inner.show(value)
        else:
            self._replace(value)


def words(knob: Knob) -> str:
    """The label of a knob: its name, symbol and unit."""
    name = knob.name.replace("_", " ")
    label = f"{name} {knob.symbol}" if knob.symbol and knob.symbol != name else name
    return f"{label} ({knob.unit})" if knob.unit else label


def hint(knob: Knob) -> str:
    """What a knob means and takes, in one sentence or two."""
    text = knob.doc[:1].upper() + knob.doc[1:]
    expected = knob.expected()
    live = " Can be turned while the race goes on." if knob.live else ""
    return f"{text}{'.' if text and text[-1] not in '.?!' else ''} {expected[:1].upper()}{expected[1:]}.{live}".strip()
