"""The top of a page: what the race does, how far it is, and why it stands."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import panel as pn
import panel_material_ui as pmui

from toolkit.session.frame import Frame
from toolkit.session.model import LabModel
from toolkit.session.palette import STYLES
from toolkit.session.rows import ENDS, quoted
from toolkit.ui.page.theme import WIDE

_STATUS = {
    "font-size": "0.9rem",
    "line-height": "1.35",
    "min-height": "2.7em",
    "display": "flex",
    "align-items": "center",
    "flex": "1 1 170px",
    "width": "auto",
}


_LINE = "display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden"


class Top:
    """Start / Pause, Step, Reset, Cancel, the progress of the race and its status with the cause."""

    def __init__(self, model: LabModel, act: Callable, take):
        self._model, self._act = model, act
        self._start = self._button("Start", "play_arrow", self._toggle, variant="contained", width=112)
        self._step = self._button("Step", "skip_next", model.step)
        self._reset = self._button("Reset", "restart_alt", model.reset)
        self._cancel = self._button("Cancel", "stop", model.cancel)
        self._bar = pmui.LinearProgress(variant="determinate", value=0, margin=(0, 10, 6, 10), **WIDE)
        self._status = pn.pane.HTML("", margin=(2, 12), styles=_STATUS)
        buttons = (self._start, self._step, self._reset, self._cancel)
        self.views = [pn.FlexBox(*buttons, self._status, take, align_items="center", margin=0, **WIDE), self._bar]

    def _button(self, label: str, icon: str, action: Callable, variant: str = "outlined", **about):
        button = pmui.Button(label=label, icon=icon, variant=variant, margin=(6, 3), sx={"px": 1.25}, **about)
        button.on_click(lambda event: self._act(action))
        return button

    def _toggle(self) -> None:
        if self._model.active:
            self._model.pause()
        else:
            self._model.start()

    def show(self, frame: Frame) -> None:
        """Show how the race stands."""
        active = frame.stage == "running"
        label = "Pause" if active else "Start"
        if self._start.label != label:
            self._start.param.update(label=label, icon="pause" if active else "play_arrow")
        started = any(one.k for one in frame.traces) or frame.stage in ("running", "ended")
        _disable(self._start, frame.stage == "empty")
        _disable(self._step, frame.stage in ("empty", "ended"))
        _disable(self._reset, not started)
        _disable(self._cancel, not active and not frame.busy)
        parts = [one.progress for one in frame.traces]
        value = round(100 * sum(parts) / len(parts)) if parts else 0
        if self._bar.value != value:
            self._bar.value = value
        words = self._words(frame)
        if self._status.object != words:
            self._status.object = words

    def _words(self, frame: Frame) -> str:
        troubles = [
            one for one in frame.traces if one.status.kind not in ("running", "converged", "budget", "cancelled")
        ]
        looks = {one.uid: STYLES[one.look] for one in self._model.entries}
        if frame.busy:
            head = escape(frame.busy)
        elif frame.at is not None and frame.last:
            head = f"Looking back at step {frame.at} of {frame.last}"
        elif frame.stage == "running":
            head = f"Running: step {frame.last}"
        elif frame.stage == "ended":
            kinds = [ENDS.get(one.status.kind, one.status.kind) for one in frame.traces]
            told = [f"{kinds.count(kind)} {kind}" if len(kinds) > 1 else kind for kind in dict.fromkeys(kinds)]
            head = "Ended: " + ", ".join(told)
        elif frame.stage == "empty":
            head = "The race list is empty"
        else:
            head = "Ready" if frame.stage == "ready" else f"Paused at step {frame.last}"
        text = f"<div><b>{head}</b>"
        for one in troubles[:1]:
            style = looks.get(one.uid)
            glyph = f'<span style="color:{style.colour}">{style.glyph}</span>' if style else ""
            words = escape(f"{one.label}: {quoted(str(one.status))}", quote=True)
            text += f'<div style="{_LINE}" title="{words}">{glyph} {words}</div>'
        return text + "</div>"


def _disable(widget, disabled: bool) -> None:
    if widget.disabled != disabled:
        widget.disabled = disabled
