"""The server stays calm: a tab that closes is no error of its own, and anything else is told."""

import asyncio
import gc
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from tornado.websocket import WebSocketClosedError

from toolkit.ui.page.serve import calm


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
