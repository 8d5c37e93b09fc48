"""Serving the pages: every module of `apps` is one page, reached under its name; that of a lab serves every lab."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import sys
from collections.abc import Callable
from urllib.parse import urlencode

import panel as pn
from tornado.web import RequestHandler
from tornado.websocket import WebSocketClosedError

from toolkit.core.lab import labs
from toolkit.ui.page.browser import FORMULAS
from toolkit.ui.plots.curves import backend

log = logging.getLogger(__name__)


def pages() -> dict:
    """The pages by route: "/" is the index, "/NAME" the page of the lab NAME, the others bear their module's name."""
    apps = importlib.import_module("apps")  # found by name, as labs are: the pages stand on the floor above
    names = [info.name for info in pkgutil.iter_modules(apps.__path__)]
    found = {name: importlib.import_module(f"apps.{name}").app for name in names}
    index, one = found.pop("index"), found.pop("lab")
    others = {f"/{name}": app for name, app in found.items()}
    return {"/": index} | others | {f"/{name}": _of(one, name) for name in labs()}


def _of(app: Callable, name: str) -> Callable:
    def page():  # a function of its own: Panel takes no partial
        return app(name)

    return page


class Lost(RequestHandler):
    """An address of no page: the index, which looks for what comes nearest to it."""

    def get(self, name: str) -> None:
        """Go there."""
        self.redirect(f"./?{urlencode({'find': name.replace('-', ' ')[:80]})}")


def calm(loop) -> None:
    """Let an event loop take the closing of a tab for what it is.

    Panel sends a message in parts. When the tab closes between two of them it gives up, and the part before the last is
    a task that failed and that nobody awaits: asyncio would print its trace-back. Every other error is told as ever.
    """

    def heard(loop, context: dict) -> None:
        if isinstance(context.get("exception"), WebSocketClosedError):
            log.debug("a tab was closed while a message was on its way")
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(heard)


LIFETIME = {"unused_session_lifetime_milliseconds": 10_000, "check_unused_sessions_milliseconds": 2_000}


def serve(port: int = 5006, address: str = "127.0.0.1", show: bool = True, threaded: bool = False, **options):
    """Serve every page. `port` 0 takes a free one; `threaded` returns the server, otherwise this blocks."""
    pn.extension(design=None)
    backend()
    sys.setswitchinterval(0.001)
    origins = options.pop("websocket_origin", None) or ([f"{address}:{port}", f"localhost:{port}"] if port else None)
    return pn.serve(
        pages(),
        port=port,
        address=address,
        show=show,
        threaded=threaded,
        title="Convergence toolkit",
        websocket_origin=origins,
        extra_patterns=[(r"/([A-Za-z0-9_-]{1,80})", Lost)],
        static_dirs={"formulas": str(FORMULAS)} | options.pop("static_dirs", {}),
        **(LIFETIME | options),
    )
