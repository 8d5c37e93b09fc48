"""`toolkit check --random`: legal problems, methods and knobs drawn at random, run and judged."""

from __future__ import annotations

import json
import os
import shlex
from collections import Counter

from toolkit.cli.terminal import progress
from toolkit.core.errors import ToolkitError
from toolkit.core.lab import lab as lab_named
from toolkit.core.lab import labs
from toolkit.session.chance.survey import Survey, survey
from toolkit.session.chance.trials import FAULTS, Found, Trial

ABOUT = {
    "broken": "promises that are broken",
    "raised": "errors that are no refusals",
    "died": "processes that ended",
    "refused": "refusals of what was offered",
    "outlasted": "what outlasted its time",
}


def add(check) -> None:
    """Enter the options."""
    check.add_argument("--random", type=int, metavar="N", help="draw N legal problems, methods and knobs a lab")
    check.add_argument("--seed", type=int, default=0, metavar="S", help="of the draws (default 0)")
    check.add_argument("--first", type=int, default=0, metavar="I", help="begin with draw I (default 0)")
    check.add_argument("--seconds", type=float, default=10.0, metavar="T", help="most time a draw (default 10)")
    check.add_argument("--within", type=float, metavar="T", help="begin no draw of a lab after so many seconds")


def drawn(arguments) -> int:
    """Draw, print what was found; 1 where a promise is broken or something raised that is no refusal."""
    if arguments.random < 1 or arguments.first < 0 or arguments.seed < 0 or not arguments.seconds > 0:
        raise ToolkitError("Draws are counted: --random and --seconds above 0, --seed and --first at least 0.")
    found = []
    for lab in [lab_named(arguments.lab)] if arguments.lab else labs().values():
        trial = Trial(lab.name, arguments.seed, arguments.seconds)
        indices = range(arguments.first, arguments.first + arguments.random)
        with progress(arguments.random, f"drawing in {lab.name}") as bar:
            found.append(survey(trial, indices, min(2, os.cpu_count() or 1), arguments.within, bar.show))
        if not arguments.json:
            _print(found[-1])
    if arguments.json:
        print(json.dumps([_row(one) for one in found], indent=2))
    return 1 if any(one.kind in FAULTS for whole in found for one in whole.found) else 0


def _print(whole: Survey) -> None:
    for kind, words in ABOUT.items():
        of_kind = [one for one in whole.found if one.kind == kind]
        if of_kind:
            print(f"{words}:")
        for one in of_kind:
            print(f"  {one.doing}: {one.why}\n    {command(one, whole)}")
    counts = Counter(one.kind for one in whole.found)
    told = "".join(f", {counts[kind]} {kind}" for kind in ABOUT if counts[kind])
    drew = f"{whole.drawn} drawn in {whole.lab} with seed {whole.seed}"
    print(f"{drew}: {whole.held} promises hold, {whole.open} open{told}")


def command(one: Found, whole: Survey) -> str:
    """The line that shows a finding again."""
    if not one.spec:
        return f"toolkit check {whole.lab} --random 1 --seed {whole.seed} --first {one.index}"
    return f"toolkit check {shlex.quote(one.spec)}"


def _row(whole: Survey) -> dict:
    rows = [
        {name: getattr(one, name) for name in ("kind", "index", "doing", "why")}
        | {"spec": json.loads(one.spec) if one.spec else None, "command": command(one, whole)}
        for one in whole.found
    ]
    about = {name: getattr(whole, name) for name in ("lab", "seed", "drawn", "held", "open")}
    return about | {"found": rows}
