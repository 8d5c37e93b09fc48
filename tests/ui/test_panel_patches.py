"""Patches of Panel: without each a closed session would stay in memory. A failure here says that one may go."""

import gc
import subprocess
import sys
import weakref

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


CLEAN_UP = """
import asyncio, contextvars, gc, sys, weakref
import panel as pn
from toolkit.ui.page import panel_patches

class Session: pass

held = contextvars.ContextVar("held")
assert "_busy_cleanup_scheduled" in vars(type(pn.state))

def begin():
    session = Session()
    held.set(session)
    pn.state._schedule_busy_cleanup()
    return weakref.ref(session)

async def first():
    if sys.argv[1] == "patched":
        panel_patches.no_cleanup_task()
    session = contextvars.copy_context().run(begin)
    await asyncio.sleep(0.01)
    gc.collect()
    print("kept" if session() is not None else "free")

asyncio.run(first())
"""


@pytest.mark.parametrize("way, stays", [("plain", "kept"), ("patched", "free")])
def test_the_clean_up_task_keeps_the_context_it_begins_in(way, stays):
    """In a process of its own: Panel begins the task once."""
    done = subprocess.run([sys.executable, "-c", CLEAN_UP, way], capture_output=True, text=True)
    assert done.stdout.strip() == stays, done.stderr or f"`no_cleanup_task` is {GO}"


def given(button, *names: str) -> list:
    """What a FileInput has to say of files of one byte each, or of one without any where there are no names."""
    values = []
    button.param.watch(lambda event: values.append(button.filename), "value")
    for name in names:
        about = {"name": name, "chunk": 1, "total_chunks": 1, "mime_type": "", "data": b"x"}
        button._handle_msg({"status": "upload_event", **about})
    button._handle_msg({"status": "finished"})
    return values


def test_an_upload_says_nothing_of_an_empty_file_nor_of_the_second_of_two_and_one_that_answers_does():
    assert given(pmui.FileInput()) == [], f"`answering` is {GO}"
    assert given(pmui.FileInput(), "a", "b") == ["a"], f"`answering` is {GO}"
    counts = []
    for names in ((), ("a", "b"), ("a",)):
        found = given(panel_patches.answering(pmui.FileInput(), counts.append), *names)
        assert found == (["a"] if len(names) == 1 else [])
    assert counts == [0, 2]
