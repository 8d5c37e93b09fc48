"""The command line: `toolkit serve · run · check · catalogue · warm · train`; a file a command."""

from __future__ import annotations

import argparse
import os
import sys

from toolkit import __version__
from toolkit.cli import checking, listing, running, serving, training, warming
from toolkit.cli.terminal import natives_apart
from toolkit.core.errors import ToolkitError

COMMANDS = (serving, running, checking, listing, warming, training)


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 when all is well, 1 when a claim fails, 2 for a caller's mistake (one line on stderr)."""
    with natives_apart():
        return _main(argv)


def _main(argv: list[str] | None) -> int:
    try:
        arguments = _parser().parse_args(argv)
        code = arguments.command(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `toolkit catalogue | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ToolkitError as mistake:
        return _mistaken(str(mistake))
    except OSError as mistake:
        return _mistaken(f"{mistake.filename}: {mistake.strerror}" if mistake.filename else str(mistake))
    except KeyboardInterrupt:
        print("toolkit: interrupted", file=sys.stderr)
        return 130


def _mistaken(words: str) -> int:
    print("toolkit:", " ".join(words.split()), file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="toolkit", description="A convergence laboratory.")
    parser.add_argument("--version", action="version", version=f"convergence-toolkit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return parser
