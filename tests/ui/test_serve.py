"""What is served at which address; and the server stays calm: a tab that closes is no error, anything else is told."""

import asyncio
import gc
import logging
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from screen import until
from tornado.websocket import WebSocketClosedError

from toolkit.core.lab import labs
from toolkit.session import share
from toolkit.ui.page.serve import calm, pages

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.parametrize("error, told", [(WebSocketClosedError(), False), (ValueError("a mistake"), True)])
def test_only_the_closing_of_a_tab_passes_without_a_trace_back(error, told, caplog):
    async def failing():
        raise error

    async def session():
        calm(asyncio.get_running_loop())
        task = asyncio.ensure_future(failing())
        await asyncio.sleep(0.01)
        del task
        gc.collect()

    with caplog.at_level(logging.INFO), ThreadPoolExecutor(1) as elsewhere:  # the browser's loop runs in this thread
        elsewhere.submit(asyncio.run, session()).result()
    assert ("never retrieved" in caplog.text) is told


def test_every_lab_has_an_address_of_its_name_and_no_file_of_its_own():
    assert set(pages()) == {"/", *(f"/{name}" for name in labs())}
    assert {path.name for path in (README.parent / "apps").glob("*.py")} == {"__init__.py", "index.py", "lab.py"}


def title(address: str) -> str:
    """The title of a page: that of its lab, which is built when the page is asked for."""
    with urllib.request.urlopen(address, timeout=60) as answer:
        return re.search(r"<title>\s*(.*?)\s*</title>", answer.read().decode(), re.S).group(1)


@pytest.fixture(scope="module")
def panel():
    """The address of what the README's command serves."""
    command = re.search(r"`(panel serve apps.*?)`", README.read_text()).group(1).split()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = dict(cwd=README.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = subprocess.Popen([sys.executable, "-m", *command, "--address", "127.0.0.1", "--port", str(port)], **quiet)
    address = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return title(address)
        except urllib.error.URLError:
            return None

    try:
        until(answers, 60)
        yield address
    finally:
        server.terminate()
        server.wait()


def test_panels_own_command_serves_the_index_and_every_lab(panel):
    assert title(panel) == "Convergence toolkit"
    for name, lab in labs().items():
        assert title(f"{panel}/lab?lab={name}") == lab.title
        assert title(f"{panel}/lab?s={share.pack({'schema': 1, 'lab': name})}") == lab.title


@pytest.mark.parametrize("query", ["", "?lab=nosuch", "?s=garbage", "?lab=<script>"])
def test_an_address_that_asks_for_no_lab_is_the_first_one(panel, query):
    assert title(f"{panel}/lab{query}") == next(iter(labs().values())).title
