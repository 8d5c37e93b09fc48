"""The pieces of the page that are written for the browser: the race list, its table, and the bridge to the window."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import panel
import param
from panel.custom import JSComponent

from toolkit.session.rows import COLUMNS, SIGNS

HERE = Path(__file__).parent
FORMULAS = HERE / "formulas"  # the fonts of formulas, served under this name


def script(*names: str) -> str:
    """Scripts as one module, in this order, behind where KaTeX is served from: Panel's own copy of it."""
    where = f"const KATEX = {json.dumps(katex())}"
    return "\n".join((where, *((HERE / name).read_text(encoding="utf-8") for name in names)))


def katex() -> str:
    """The address of KaTeX's folder on the server, beside the pages; it ends with a slash."""
    dist = Path(panel.__file__).parent / "dist"
    (found, *_) = sorted(dist.glob("bundled/katex/katex@*/dist"), reverse=True) or [dist]
    return f"static/extensions/panel/{found.relative_to(dist).as_posix()}/"


class Board(JSComponent):
    """The table of a race with its promises, and the slider that looks back.

    `rows` are dicts of texts; `check(uid, index)` asks for evidence, `scrub(k)` for an earlier step, `light(uid, i)`
    for the dashed line of a promise to stand out, `light()` for none.
    It also says when the browser has painted a frame and rested half as long: `painted()`, and `ready` for the next.
    """

    columns = param.List(default=[list(one) for one in COLUMNS], doc="key, head and meaning of each column")
    signs = param.Dict(default=SIGNS, doc="how a promise stands, as a sign")
    rows = param.List(default=[], doc="one dict an entry, as `toolkit.session.rows.rows` makes them")
    last = param.Integer(default=0, doc="the newest step of the race")
    at = param.Integer(default=-1, doc="the step that is looked at, -1 for the newest")
    version = param.Integer(default=0, doc="the frame that was sent last")

    _esm = script("words.js", "board.js")
    _stylesheets = [HERE / "board.css"]

    def __init__(self, check: Callable, scrub: Callable, painted: Callable, light: Callable, **params):
        super().__init__(**params)
        self._check, self._scrub, self._painted, self._light = check, scrub, painted, light
        self._seen, self._sent = 0, 0.0

    @property
    def ready(self) -> bool:
        """Whether the browser can take another frame; one that does not answer gets a frame a second."""
        return self._seen >= self.version or time.monotonic() - self._sent > 1.0

    def show(self, rows: list[dict], last: int, at: int) -> None:
        """Show a frame's rows."""
        self._sent = time.monotonic()
        self.param.update(rows=rows, last=last, at=at, version=self.version + 1)

    def _handle_msg(self, data) -> None:
        if isinstance(data, dict) and isinstance(data.get("seen"), int):
            self._seen = data["seen"]
            self._painted()
        for name, do, lengths in (("check", self._check, (2,)), ("light", self._light, (0, 2))):
            asked = data.get(name) if isinstance(data, dict) else None
            if isinstance(asked, list) and len(asked) in lengths and all(isinstance(one, int) for one in asked):
                do(*asked)
        if isinstance(data, dict) and isinstance(data.get("scrub"), int):
            self._scrub(data["scrub"])


class Entries(JSComponent):
    """Some rows of the race list; `asked(action, uid)` hears what a person wants with an entry."""

    entries = param.List(default=[], doc="one dict an entry: uid, label, glyph, colour, focus, hidden")
    open = param.Integer(default=0, doc="the entry whose knobs are shown, 0 for none")

    _esm = script("words.js", "entries.js")
    _stylesheets = [HERE / "entries.css"]

    def __init__(self, asked: Callable, **params):
        super().__init__(**params)
        self._asked = asked

    def _handle_msg(self, data) -> None:
        known = ("look", "fork", "copy", "remove", "open", "hide", "solo")
        if isinstance(data, dict) and data.get("act") in known and isinstance(data.get("uid"), int):
            self._asked(data["act"], data["uid"])


class Nearest(JSComponent):
    """Where somebody may have wanted to go: links, each [title, address]."""

    links = param.List(default=[], doc="title and address of each")

    _esm = script("words.js", "nearest.js")
    _stylesheets = [HERE / "nearest.css"]


class Bridge(JSComponent):
    """Address bar, tab, back button, clipboard, downloads, and plots as PNG or SVG. Shows nothing itself."""

    place = param.Dict(
        default={}, doc="where somebody is: lab, experiment, title; the tab says it, the index recalls it"
    )

    _esm = HERE / "bridge.js"

    def __init__(self, came_back: Callable, copied: Callable, away: Callable, **params):
        super().__init__(width=0, height=0, margin=0, **params)
        self._came_back, self._copied, self._away = came_back, copied, away

    def _handle_msg(self, data) -> None:
        if not isinstance(data, dict):
            return
        if isinstance(data.get("search"), str):
            self._came_back(data["search"])
        if "away" in data:
            self._away()
        if "copied" in data:
            self._copied(bool(data["copied"]), str(data.get("link", "")))

    def address(self, search: str, replace: bool = False) -> None:
        """Write the query into the address bar, as a step the back button undoes."""
        self._send_msg({"search": search, "replace": replace})

    def copy(self, search: str) -> None:
        """Copy this page's address with another query."""
        self._send_msg({"copy": search})

    def file(self, name: str, text: str, mime: str) -> None:
        """Hand the person a file."""
        self._send_msg({"file": name, "text": text, "mime": mime})

    def picture(self, plot: str, kind: str, name: str) -> None:
        """Hand the person a plot as "png" or "svg"."""
        self._send_msg({"picture": plot, "kind": kind, "name": name})
