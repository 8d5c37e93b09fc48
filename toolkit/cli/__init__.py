"""The command line: `toolkit serve · run · check · catalogue · warm · train · record`; a file a command."""

from __future__ import annotations

import importlib

from toolkit.cli import interrupts


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code; without `argv` that of the program, which then answers Ctrl-C at once.

    The codes are told by `toolkit --help`. Nothing heavy is imported before somebody listens for Ctrl-C.
    """
    if argv is None:
        interrupts.leave_at_once()
    return importlib.import_module("toolkit.cli.program").run(argv)
