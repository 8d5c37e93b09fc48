"""Patches of Panel: without each a closed session would stay in memory. A failure here says that one may go."""

import asyncio
import contextvars
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import panel as pn
import panel_material_ui as pmui
import pytest

from toolkit.ui.page import panel_patches

GO = "no longer needed: remove it from toolkit/ui/page/panel_patches.py"


def kept(one) -> bool:
    """Whether something else than the caller holds what this weak reference leads to."""
    gc.collect()
    return one() is not None


def test_a_page_that_watches_the_busy_state_stays_in_memory_and_a_released_one_goes():
    page, free = pmui.Page(), panel_patches.unwatched(pmui.Page())
    pages = weakref.ref(page), weakref.ref(free)
    del page, free
    assert kept(pages[0]), f"`unwatched` is {GO}"
    assert not kept(pages[1])


class Session:
    """What a session's context holds."""


@pytest.mark.parametrize("patched", [False, True])
def test_the_clean_up_task_keeps_the_context_it_begins_in(monkeypatch, patched):
    held = contextvars.ContextVar("held")
    assert "_busy_cleanup_scheduled" in vars(type(pn.state)), f"`no_cleanup_task` is {GO}"
    monkeypatch.setattr(type(pn.state), "_busy_cleanup_scheduled", None)

    def begin():
        session = Session()
        held.set(session)
        pn.state._schedule_busy_cleanup()
        return weakref.ref(session)

    async def first():
        if patched:
            panel_patches.no_cleanup_task()
        session = contextvars.copy_context().run(begin)
        await asyncio.sleep(0.01)
        stays = kept(session)
        if not patched:
            type(pn.state)._busy_cleanup_scheduled.stop()
        return stays

    with ThreadPoolExecutor(1) as apart:  # the browser's tests leave a loop running in this thread
        stays = apart.submit(asyncio.run, first()).result()
    assert patched or stays, f"`no_cleanup_task` is {GO}"
    assert not (patched and stays)
