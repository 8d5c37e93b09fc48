"""What the tests of the screen share: a model that is closed again, the served pages and a browser."""

import functools
import shutil
import socket

import pytest
from screen import make  # noqa: F401 - a fixture


@functools.cache
def chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    if chromium() is None:
        pytest.fail("The browser tests need Chromium: apt-get install chromium")
    return browser_type_launch_args | {"executable_path": chromium(), "args": ["--no-sandbox"]}


@pytest.fixture(scope="session")
def served():
    """The address of the pages, served on a free port of this machine."""
    from toolkit.ui.page.serve import serve

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    soon = {"unused_session_lifetime_milliseconds": 4000, "check_unused_sessions_milliseconds": 500}
    server = serve(port=port, show=False, threaded=True, **soon)
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def lab(page, served):
    """`lab(query, name=…)` opens a lab and waits until it stands; an error in the browser fails the test."""
    from pages import SLOW
    from playwright.sync_api import expect

    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def open_at(query: str = "", on=page, name: str = "preconditioner"):
        on.goto(f"{served}/{name}{query}")
        expect(on.get_by_role("button", name="Start", exact=True)).to_be_enabled(timeout=SLOW)
        return on

    yield open_at
    assert not errors


@pytest.fixture
def document():
    """A document of the test: plots are drawn into the current one, which may be a page's that is being closed."""
    from bokeh.document import Document
    from bokeh.io.doc import patch_curdoc

    own = Document()
    with patch_curdoc(own):
        yield own
