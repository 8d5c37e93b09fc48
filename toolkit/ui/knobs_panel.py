"""Knobs as panel-material-ui widgets: one field a knob, everything about it read from the Knob."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
import panel_material_ui as pmui

from toolkit.core import registry
from toolkit.core.errors import ToolkitError
from toolkit.core.knob import Knob, Knobbed, knobs
from toolkit.ui.scale import Scale, shown, typed

WIDE = {"sizing_mode": "stretch_width"}
UPLOAD_LIMIT = 64 << 20
_DENSE = {"& .MuiInputBase-input": {"padding": "5px 8px", "fontSize": "0.875rem", "textAlign": "right"}}
_TEXT = {"& .MuiInputBase-input": {"padding": "7px 10px", "fontSize": "0.875rem"}}


def words(knob: Knob) -> str:
    """The label of a knob: its symbol or name, and its unit."""
    name = knob.name.replace("_", " ")
    label = f"{name} {knob.symbol}" if knob.symbol and knob.symbol != name else name
    return f"{label} ({knob.unit})" if knob.unit else label


class Panel:
    """The knobs of one object as a column of fields; a nested part has its own panel inside.

    `turned(name, value)` is called when a person turned a knob and may refuse by raising ToolkitError: the message is
    shown under the knob and nothing changes. `show(owner)` puts another state of the same class on the screen.
    """

    def __init__(self, owner: Knobbed, turned: Callable, upload: Callable | None = None):
        self.owner, self._turned = owner, turned
        self._fields = {name: self._field(one, upload) for name, one in knobs(owner).items()}
        self.view = pmui.Column(*(field.view for field in self._fields.values()), margin=0, **WIDE)

    def _field(self, knob: Knob, upload: Callable | None):
        value = getattr(self.owner, knob.name)
        if knob.family is not None:
            return PartField(knob, self.owner, value, self._turned)
        if knob.file:
            return FileField(knob, self.owner, value, self._turned, upload)
        return ValueField(knob, self.owner, value, self._turned)

    def show(self, owner: Knobbed) -> None:
        """Show an object of the same class as it stands, without telling anyone."""
        self.owner = owner
        for name, field in self._fields.items():
            field.show(getattr(owner, name))


class ValueField:
    """A number, a choice, a switch or a text: a label, a control, and a line for what was refused."""

    def __init__(self, knob: Knob, owner: Knobbed, value, turned: Callable):
        self.knob, self._turned = knob, turned
        self._owner = type(owner).__name__
        self._quiet = False
        self._last = knob.default if value is None else value
        self._controls: list = []
        self._text = self._slider = None
        self._refused = pn.pane.HTML("", visible=False, margin=(0, 10), styles=REFUSED, **WIDE)
        body = self._make(value)
        self.view = pmui.Column(*body, self._refused, margin=(0, 0, 6, 0), **WIDE)
        self.show(value)

    def _make(self, value) -> list:
        knob = self.knob
        about = dict(description=hint(knob), size="small")
        if knob.kind is bool:
            self._main = pmui.Switch(label=words(knob), value=bool(self._last), margin=(4, 10), **about)
        elif knob.choices:
            options = {str(choice): choice for choice in knob.choices}
            self._main = pmui.Select(label=words(knob), options=options, margin=(8, 10, 2, 10), **about, **WIDE)
        else:
            return self._number()
        self._main.param.watch(lambda event: self._turn(event.new), "value")
        self._controls.append(self._main)
        return [*self._automatic_row(), self._main]

    def _number(self) -> list:
        """A slider where there are two bounds, and a text field in any case."""
        knob = self.knob
        wide = knob.kind is str
        self._text = pmui.TextInput(
            label="" if not wide else words(knob), size="small", sx=_TEXT if wide else _DENSE, margin=(2, 10, 0, 6),
            **(WIDE if wide else {"width": 104}),
        )  # fmt: skip
        self._text.param.watch(self._typed, "value")
        self._controls.append(self._text)
        if wide:
            return [*self._automatic_row(), self._text]
        self._scale = Scale(knob) if Scale.suits(knob) else None
        label = label_of(knob)
        row = pmui.Row(label, *self._automatic(), self._text, margin=0, **WIDE, styles={"align-items": "center"})
        if self._scale is None:
            return [row]
        self._slider = pmui.IntSlider(
            start=0, end=self._scale.top, size="small", show_value=False, tooltips=False, label=words(knob),
            margin=(-6, 16, 0, 12), sx=_SLIDER, **WIDE,
        )  # fmt: skip
        self._slider.param.watch(self._dragged, "value")
        self._slider.param.watch(self._dropped, "value_throttled")
        self._controls.append(self._slider)
        return [row, self._slider]

    def _automatic(self) -> list:
        if not self.knob.optional:
            return []
        self._switch = pmui.Switch(label="automatic", size="small", margin=(0, 0), align="center", description=hint(self.knob))
        self._switch.param.watch(self._switched, "value")
        return [self._switch]

    def _automatic_row(self) -> list:
        return [pmui.Row(label_of(self.knob), *self._automatic(), margin=0, **WIDE)] if self.knob.optional else []

    # -- a person's hand ----------------------------------------------------------------------------------------

    def _turn(self, value) -> None:
        if self._quiet:
            return
        try:
            self._turned(self.knob.name, value)
        except ToolkitError as refusal:
            self._refuse(str(refusal))
            return
        if value is not None:
            self._last = value
        self.show(value)

    def _typed(self, event) -> None:
        if self._quiet:
            return
        try:
            value = typed(self.knob, self._owner, event.new or "")
        except ToolkitError as refusal:
            self._refuse(str(refusal))
            return
        self._turn(value)

    def _dragged(self, event) -> None:
        """While the thumb moves, the text follows; live knobs turn at once."""
        if self._quiet:
            return
        value = self._scale.value(event.new)
        if self.knob.live:
            self._turn(value)
        else:
            self._silently(lambda: setattr(self._text, "value", shown(value)))

    def _dropped(self, event) -> None:
        if not self._quiet and not self.knob.live:
            self._turn(self._scale.value(event.new))

    def _switched(self, event) -> None:
        self._turn(None if event.new else self._last)

    def _refuse(self, words: str) -> None:
        self._refused.param.update(object=escaped(words), visible=True)
        if self._text is not None:
            self._text.error_state = True

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
        if self._refused.visible:
            self._refused.visible = False
            if self._text is not None:
                self._text.error_state = False
        if self.knob.optional:
            self._switch.value = value is None
            for control in self._controls:
                control.disabled = value is None
        if value is None:
            value = self._last
            if self._text is not None:
                self._text.value = "automatic" if self.knob.kind is not str else ""
        elif self._text is not None:
            self._text.value = shown(value)
        if self._slider is not None and value is not None and self._scale.value(self._slider.value) != value:
            self._slider.value = self._scale.position(value)
        if self._text is None:
            self._main.value = value


class FileField(ValueField):
    """A knob that names a file: its text, and a button that uploads one."""

    def __init__(self, knob: Knob, owner: Knobbed, value, turned: Callable, upload: Callable | None):
        super().__init__(knob, owner, value, turned)
        self._upload = upload
        take = getattr(type(owner), "accept_upload", None)
        if take is None:
            return
        self._take = take
        button = pmui.FileInput(
            accept=",".join(knob.file), label=f"Upload {' / '.join(knob.file)}", variant="outlined", size="small",
            max_file_size=UPLOAD_LIMIT, margin=(4, 10), **WIDE,
        )  # fmt: skip
        button.param.watch(self._uploaded, "value")
        self._button = button
        self.view.insert(1, button)

    def _uploaded(self, event) -> None:
        if not event.new:
            return
        data, self._button.value = event.new, None
        try:
            value = self._take(self.knob.name, self._button.filename or "upload", data)
        except ToolkitError as refusal:
            self._refuse(str(refusal))
            if self._upload is not None:
                self._upload(str(refusal))
            return
        self._turn(value)


class PartField:
    """A nested part: a choice of class, and the panel of the chosen one's knobs, indented."""

    def __init__(self, knob: Knob, owner: Knobbed, value: Knobbed, turned: Callable):
        self.knob, self._turned, self._value, self._quiet = knob, turned, value, False
        members = registry.classes("method", registry.lab_of(type(owner)), knob.family)
        self._choice = pmui.Select(
            label=words(knob), options={cls.title: name for name, cls in members.items()}, value=value.slug(),
            description=hint(knob), size="small", margin=(8, 10, 2, 10), **WIDE,
        )  # fmt: skip
        self._members = members
        self._choice.param.watch(self._chosen, "value")
        self._inner = Panel(value, self._turn)
        self._box = pmui.Column(self._inner.view, margin=(0, 0, 0, 10), styles=INDENT, **WIDE)
        self.view = pmui.Column(self._choice, self._box, margin=0, **WIDE)
        self._box.visible = bool(knobs(value))

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
        self._replace(part)

    def _replace(self, part: Knobbed) -> None:
        self._value, self._inner = part, Panel(part, self._turn)
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


REFUSED = {"color": "var(--danger-bg-color, #c62828)", "font-size": "0.8rem", "line-height": "1.3"}
INDENT = {"border-left": "2px solid var(--divider-color, #8884)"}
_SLIDER = {"& .MuiFormLabel-root": {"display": "none"}, "& .MuiTypography-root": {"display": "none"}}


def hint(knob: Knob) -> str:
    """What a knob means and takes, in one sentence or two."""
    text = knob.doc[:1].upper() + knob.doc[1:]
    expected = knob.expected()
    live = " Can be turned while the race goes on." if knob.live else ""
    return f"{text}{'.' if text and text[-1] not in '.?!' else ''} {expected[:1].upper()}{expected[1:]}.{live}".strip()


def label_of(knob: Knob):
    """The label of a number, with its meaning on hover."""
    text = f'<span title="{escaped(hint(knob))}">{escaped(words(knob))}</span>'
    styles = {"font-size": "0.875rem", "color": "var(--panel-on-surface-color)"}
    return pn.pane.HTML(text, margin=(0, 0, 0, 12), align="center", styles=styles, **WIDE)


def escaped(text: str) -> str:
    """Text for HTML."""
    import html

    return html.escape(text, quote=True)
