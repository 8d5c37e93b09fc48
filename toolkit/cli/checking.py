"""`toolkit check`: what theory promises, on the small cases."""

from __future__ import annotations

import json

from toolkit.cli.terminal import number, progress, table
from toolkit.core import study
from toolkit.core.errors import ToolkitError
from toolkit.core.lab import lab as lab_named
from toolkit.core.lab import labs


def add(commands) -> None:
    """Enter the command."""
    check = commands.add_parser("check", help="check what theory promises, on the small cases of a lab")
    check.add_argument("lab", nargs="?", help="one lab; all without it")
    check.add_argument("--method", help="one method")
    check.add_argument("--problem", help="one kind of problem")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(command=_check)


def _check(arguments) -> int:
    claims = list(_claims(arguments))
    if not claims:
        raise ToolkitError("No claim matches: see `toolkit catalogue` for the names of labs, methods and problems.")
    rows = []
    with progress(len(claims), "checking") as show:
        for claim, problem, method in claims:
            verdict = study.check(claim, problem, method)
            rows.append(_verdict_row(claim, problem, method, verdict))
            show(len(rows))
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        words = {True: "yes", False: "NO", None: "open"}
        table(
            [row | {"holds": words[row["holds"]]} for row in rows],
            ("holds", "method", "problem", "claim", "measured", "promised", "why"),
        )
        print(_counted([row["holds"] for row in rows]))
    return 1 if any(row["holds"] is False for row in rows) else 0


def _counted(held: list) -> str:
    """How many hold, are broken and are open, in words."""
    others = [f"{held.count(one)} {word}" for one, word in ((False, "broken"), (None, "open")) if one in held]
    return ", ".join([f"{held.count(True)} of {len(held)} claims hold", *others])


def _claims(arguments):
    for lab in [lab_named(arguments.lab)] if arguments.lab else labs().values():
        for problem in lab.cases:
            if arguments.problem not in (None, problem.slug()):
                continue
            for name, cls in lab.methods().items():
                if arguments.method in (None, name) and not cls().suits(problem):
                    yield from ((claim, problem, cls()) for claim in cls().claims(problem))


def _verdict_row(claim, problem, method, verdict) -> dict:
    return {
        "method": method.slug(),
        "problem": problem.slug(),
        "claim": claim.title or claim.kind,
        "kind": claim.kind,
        "source": claim.source,
        "holds": verdict.holds,
        "measured": number(verdict.measured),
        "promised": number(verdict.promised),
        "why": verdict.why,
    }
