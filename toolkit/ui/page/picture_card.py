"""The card of the picture: what is drawn, whose it is and at which step, or why there is none."""

from __future__ import annotations

from html import escape

import panel as pn

from toolkit.session.frame import Drawing
from toolkit.session.palette import Style
from toolkit.ui.page.theme import LOW, SPAN, WIDE
from toolkit.ui.plots.pictures import picture_for

NOTE = dict(margin=(4, 12), height=20, styles={"opacity": "0.75", "font-size": "0.85rem", "overflow": "hidden"}, **WIDE)
_HINT = f"height:{SPAN};display:grid;place-items:center;text-align:center;color:#8a8f98;font-size:15px"
_LINE = "white-space:nowrap;overflow:hidden;text-overflow:ellipsis"


class PictureCard:
    """A plot that is made anew for another kind of picture and patched otherwise, with a line of words below."""

    def __init__(self, height: int):
        self._height, self._made = height, None
        self._about = dict(margin=0, height=height, stylesheets=[LOW], **WIDE)
        self._box = pn.Column(**self._about)
        self._hint = pn.pane.HTML("", **self._about)
        self._note = pn.pane.HTML("", **NOTE)
        self.views = (self._box, self._note)

    def show(self, drawing: Drawing, style: Style | None, label: str) -> None:
        """Show a drawing of the entry with this style and label."""
        if drawing.kind == "empty" or style is None:
            self._made = None
            words = escape(drawing.empty or "Add a method to see a picture.")
            self._hint.object = f'<div style="{_HINT}">{words}</div>'
            if self._box.objects != [self._hint]:
                self._box[:] = [self._hint]
            self._note.object = ""
            return
        if self._made is None or self._made[0] != drawing.look:
            self._made = (drawing.look, picture_for(drawing, self._height))
            self._made[1].figure.stylesheets = [LOW]
            self._box[:] = [pn.pane.Bokeh(self._made[1].figure, **self._about)]
        self._made[1].patch(drawing)
        glyph = f'<span style="color:{style.colour}">{style.glyph}</span>'
        words = escape(f"{drawing.title} at step {drawing.k}: {label}", quote=True)
        self._note.object = f'<div style="{_LINE}" title="{words}">{glyph} {words}</div>'
