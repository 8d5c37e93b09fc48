"""What the page does to Panel's insides: each with its reason, and a test that fails when it is no longer needed.

The tests are in `tests/ui/test_panel_patches.py`.
"""

from collections.abc import Callable

import panel as pn
import param
from panel.util import edit_readonly


class Idle(param.Parameterized):
    """Never busy."""

    busy = param.Boolean(default=False)


def unwatched(page):
    """The page, no longer watching the process-wide busy state.

    panel-material-ui's Page refers to `pn.state.param.busy`, whose watcher keeps the page, and with it the memory of
    every session. Only another reference in its place makes param drop the watcher.
    """
    with edit_readonly(page):
        page.busy = Idle().param.busy
    return page


def no_cleanup_task() -> None:
    """Take Panel's clean-up task, one a process, for begun.

    It would begin in the context of the first session, and keep that session's memory. Every event does the same
    clean-up.
    """
    type(pn.state)._busy_cleanup_scheduled = True


def released(page):
    """The page, which a closed tab leaves free."""
    no_cleanup_task()
    return unwatched(page)


def answering(button, odd: Callable[[int], None]):
    """The upload, which tells how many files were given where that is not one.

    By itself panel-material-ui's FileInput says nothing of a file without a byte, and of several takes the first.
    """
    flush = button._flush_buffer

    def flushed() -> None:
        count = len(button._buffer)
        if count == 1:
            flush()
            return
        button._buffer.clear()
        odd(count)

    button._flush_buffer = flushed
    return button
