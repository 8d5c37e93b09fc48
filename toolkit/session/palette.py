"""How runs are told apart: six line styles by colour and marker, and the colour maps of the pictures.

The colours were chosen together: contrast of at least 3 : 1 on white and on the dark surface, and pairwise far apart
(CIELAB distance over 20) for normal, protan, deutan and tritan vision. The marker tells them apart without colour.
Solid is measured, dashed is promised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Style:
    """One of the six looks of a run: its name, colour, Bokeh marker, and the marker as a character."""

    name: str
    colour: str
    marker: str
    glyph: str


STYLES = (
    Style("blue", "#0C56FF", "circle", "●"),
    Style("orange", "#D6801B", "square", "■"),
    Style("green", "#1AA677", "triangle", "▲"),
    Style("purple", "#9B4CBB", "diamond", "◆"),
    Style("brown", "#945B24", "inverted_triangle", "▼"),
    Style("grey", "#9092B3", "hex", "⬢"),
)

MOST = len(STYLES)

_SIGNED = ("#0b3c6f", "#2f79b5", "#8fc0de", "#f5f5f3", "#f3b08c", "#cf5b3a", "#7a1424")
_POSITIVE = ("#0d1b3d", "#14457a", "#1f7a8c", "#54ab86", "#b5d16b", "#fbf3b0")


def ramp(anchors: tuple[str, ...], count: int = 256) -> list[str]:
    """`count` colours on straight lines between the anchors."""
    points = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in anchors], dtype=float)
    at = np.linspace(0, len(anchors) - 1, count)
    mixed = [np.interp(at, np.arange(len(anchors)), points[:, i]) for i in range(3)]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(np.array(mixed).T).astype(int)]


SIGNED, POSITIVE, GREY = ramp(_SIGNED), ramp(_POSITIVE), ramp(("#000000", "#ffffff"))
