"""The program behind `toolkit`: its commands, its exit codes, and a line for every trouble."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback

from toolkit import __version__
from toolkit.cli import checking, interrupts, listing, recording, running, serving, training, warming
from toolkit.cli.natives import natives_apart
from toolkit.core import plain
from toolkit.core.errors import ToolkitError

COMMANDS = (serving, running, checking, listing, warming, training, recording)
WRONG, FAULT = 2, 4  # a caller's mistake, the toolkit's own
TRACEBACK = "TOOLKIT_TRACEBACK"  # set in the environment, it has a fault of the toolkit tell where it is
EPILOG = f"""\
exit codes:
  0    done; whatever was judged holds or, in a run, waits for more evidence
  1    a claim is False
  2    a mistake in what was asked, told in one line
  3    check: no claim is False, but some are open
  4    a fault of the toolkit itself; {TRACEBACK}=1 tells where
  130  interrupted by Ctrl-C
"""


def run(argv: list[str] | None = None) -> int:
    """Run a command; its exit code, as `EPILOG` tells them."""
    plain.any_encoding()
    if not os.environ.get(TRACEBACK):  # a run that meets a fault says so in its status
        logging.getLogger("toolkit").addHandler(logging.NullHandler())
    with natives_apart():
        return _guarded(argv)


def _guarded(argv: list[str] | None) -> int:
    try:
        arguments = _parser().parse_args(argv)
        code = arguments.command(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `toolkit catalogue | head`: nobody reads on
        _deaf()
        return 0
    except ToolkitError as mistake:
        return _told(str(mistake))
    except OSError as mistake:
        _unless_flushed()
        where = f"{mistake.filename}: " if mistake.filename else ""
        return _told(where + (mistake.strerror or str(mistake)))
    except KeyboardInterrupt:
        interrupts.told()
        return interrupts.INTERRUPTED
    except MemoryError:
        return _told("there is not enough memory: choose a smaller problem", FAULT)
    except Exception as fault:
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        return _told(f"a fault of the toolkit ({type(fault).__name__}: {fault}); {TRACEBACK}=1 tells where", FAULT)


def _told(words: str, code: int = WRONG) -> int:
    print("toolkit:", " ".join(words.split()), file=sys.stderr)
    return code


def _deaf() -> None:
    """Write no more to an output that takes nothing, not even at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unless_flushed() -> None:
    try:
        sys.stdout.flush()
    except OSError:  # a full disk
        _deaf()


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line."""

    def error(self, message: str):
        self.exit(WRONG, f"toolkit: {message}; see `{self.prog} --help`\n")


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="toolkit", description="A convergence laboratory.", epilog=EPILOG, formatter_class=layout)
    parser.add_argument("--version", action="version", version=f"convergence-toolkit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return parser
