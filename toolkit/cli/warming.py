"""`toolkit warm`: compile the kernels once, ahead of the first page."""

from __future__ import annotations

import os
from collections.abc import Iterable

from toolkit.cli.terminal import progress
from toolkit.core.lab import Lab, lab, labs
from toolkit.core.run import Run
from toolkit.core.stop import Stop


def add(commands) -> None:
    """Enter the command."""
    warm = commands.add_parser("warm", help="compile the kernels that the apps need")
    warm.add_argument("lab", nargs="?", help="one lab; all without it")
    warm.add_argument("--first", action="store_true", help="only for the first experiment of every lab, when idle")
    warm.set_defaults(command=_warm)


def compiled(asked: Iterable[Lab] | None = None, first: bool = False) -> int:
    """Compile and cache what some labs (all of them) need; how many runs it took.

    `first`: only what a person sees first, after whoever else is waiting, and while the process that asked is there.
    """
    asked = list(labs().values() if asked is None else asked)
    jobs = list(_first(asked) if first else _cases(asked))
    if first and hasattr(os, "nice"):
        os.nice(10)
    parent = os.getppid()
    with progress(len(jobs), "compiling") as bar:
        for i, (problem, method, picture) in enumerate(jobs):
            if first and os.getppid() != parent:
                break
            measures = problem.measures() if picture else ()
            run = Run(problem, method, Stop(steps=2), measures).finish()
            if picture and run.state is not None and picture.applies(problem, run.state):
                picture.data(problem, run.state)
            bar.show(i + 1)
    return len(jobs)


def _warm(arguments) -> int:
    done = compiled([lab(arguments.lab)] if arguments.lab else None, arguments.first)
    print(f"{done} runs compiled and cached")
    return 0


def _cases(asked: list[Lab]):
    """(problem, method, None) of every method on every small case."""
    for one in asked:
        for problem in one.cases:
            yield from ((problem, cls(), None) for cls in one.methods().values() if not cls().suits(problem))


def _first(asked: list[Lab]):
    """(problem, method, picture) of what a person sees first in every lab."""
    for whole in asked:
        for one in whole.experiments[:1]:
            picture = next((p for p in whole.pictures if p.name == one.picture), None)
            yield from ((one.problem, method, picture) for method in one.methods if not method.suits(one.problem))
