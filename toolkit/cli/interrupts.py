"""Ctrl-C on the command line: one line and exit code 130, whatever the program is doing at that moment."""

from __future__ import annotations

import os
import signal
import socket
import threading

INTERRUPTED = 130
_SHOW_CURSOR = "\x1b[?25h"  # a progress bar hides it


def leave_at_once() -> None:
    """Have Ctrl-C end the program from a thread of its own.

    An exception would wait for the end of a compiled call, be lost in a callback of the compiler, or come out as a
    trace-back of an import. Nothing is left half done: files are written in one piece, no process is waited for.
    Where Ctrl-C is ignored (a shell's background job), it stays so.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        return
    listening, heard = socket.socketpair()
    heard.setblocking(False)
    signal.set_wakeup_fd(heard.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, _nothing)
    threading.Thread(target=_listen, args=(listening, heard), name="Ctrl-C", daemon=True).start()


def raise_again() -> None:
    """Have Ctrl-C raise KeyboardInterrupt: for who has something to put away, or a handler of its own."""
    if signal.getsignal(signal.SIGINT) is _nothing:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)


def told() -> None:
    """The one line."""
    cursor = _SHOW_CURSOR if os.isatty(2) else ""
    os.write(2, f"{cursor}toolkit: interrupted\n".encode())


def _listen(listening: socket.socket, heard: socket.socket) -> None:
    while signal.SIGINT not in (got := listening.recv(1)):
        if not got:
            return
    try:
        told()
    finally:
        os._exit(INTERRUPTED)


def _nothing(number, frame) -> None:
    """The thread that listens does the rest."""
