"""`toolkit serve`: the apps in the browser."""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
from contextlib import contextmanager

from toolkit.cli import interrupts, warming
from toolkit.core.errors import ToolkitError


def add(commands) -> None:
    """Enter the command."""
    serve = commands.add_parser("serve", help="serve the apps in the browser")
    serve.add_argument("--port", type=_port, default=5006, help="port to listen on (default 5006; 0: a free one)")
    serve.add_argument("--address", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    serve.add_argument("--no-show", dest="show", action="store_false", help="do not open a browser")
    serve.add_argument("--origin", action="append", help="host:port under which a proxy shows the pages ('*': any)")
    serve.add_argument("--warm", action="store_true", help="compile the kernels first")
    serve.set_defaults(command=_serve)


def _serve(arguments) -> int:
    try:
        from toolkit.ui.page.serve import serve
    except ImportError as missing:
        raise ToolkitError(f"Serving needs {missing.name}: pip install 'convergence-toolkit[apps]'.") from None
    if arguments.warm:
        warming.compiled()
    interrupts.raise_again()  # the server puts its sessions away, and its helper
    sys.stdout.reconfigure(line_buffering=True)  # the address is to be seen at once, in a log too
    options = {"websocket_origin": arguments.origin} if arguments.origin else {}
    try:
        with _helped(arguments.warm):
            serve(port=arguments.port, address=arguments.address, show=arguments.show, **options)
    except OSError as mistake:
        place = f"{arguments.address}:{arguments.port}"
        raise ToolkitError(f"Cannot serve on {place} ({mistake.strerror or mistake}): choose a --port.") from None
    return 0


@contextmanager
def _helped(warm: bool):
    """Meanwhile, in a process of its own, compile what the first page of every lab needs, unless all is `warm`."""
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    helper = None if warm else subprocess.Popen([sys.executable, "-m", "toolkit.cli", "warm", "--first"], **quiet)
    if helper is not None:
        threading.Thread(target=helper.wait, daemon=True).start()  # so that it does not stay when it is done
    try:
        yield
    finally:
        if helper is not None:
            helper.terminate()
            helper.wait()


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: expected a whole number from 0 to 65535")
    return int(text)
