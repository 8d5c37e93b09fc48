"""`toolkit catalogue`: labs, problems, methods, experiments."""

from __future__ import annotations

import json

from toolkit import catalogue
from toolkit.cli.terminal import table
from toolkit.core.lab import labs


def add(commands) -> None:
    """Enter the command."""
    listing = commands.add_parser("catalogue", help="list labs, problems, methods, experiments")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(command=_catalogue)


def _catalogue(arguments) -> int:
    every = list(labs().values())
    if arguments.json:
        found = {"labs": [{"name": lab.name, "title": lab.title, "about": lab.about} for lab in every]}
        for rows in (catalogue.methods, catalogue.problems, catalogue.experiments):
            found[rows.__name__] = [row for lab in every for row in rows(lab)]
        print(json.dumps(found, indent=2))
        return 0
    for lab in every:
        print(f"{lab.title} — {lab.about}\n")
        rows = [row | {"cites": ", ".join(one["cited"] for one in row["sources"])} for row in catalogue.methods(lab)]
        table(rows, ("name", "title", "family", "cites"))
        print()
        table(catalogue.problems(lab), ("name", "title"))
        print()
        table(catalogue.experiments(lab), ("name", "question"))
    return 0
