"""`toolkit check`: what theory promises, on the small cases, of what a spec says, or of what is drawn at random."""

from __future__ import annotations

import json

from toolkit.cli import drawing, promises
from toolkit.cli.terminal import Bar, progress
from toolkit.core import registry, spec, study
from toolkit.core.claims import Verdict
from toolkit.core.errors import ToolkitError
from toolkit.core.lab import lab as lab_named
from toolkit.core.lab import labs
from toolkit.core.run import Run


def add(commands) -> None:
    """Enter the command."""
    about = "check what theory promises, on the small cases of a lab"
    check = commands.add_parser("check", help=about, description=f"{about}; exit code 1: a claim is False, 3: open")
    check.add_argument("lab", nargs="?", help="one lab, or the spec of a run as JSON; all labs without it")
    check.add_argument("--method", help="one method")
    check.add_argument("--problem", help="one kind of problem")
    check.add_argument("--json", action="store_true", help="print JSON")
    drawing.add(check)
    check.set_defaults(command=_check)


def _check(arguments) -> int:
    if arguments.random is not None:
        return drawing.drawn(arguments)
    claims = list(_described(arguments.lab) if (arguments.lab or "").lstrip().startswith("{") else _listed(arguments))
    if not claims:
        raise ToolkitError("No claim matches: of these, nothing is promised on a small case; see `toolkit catalogue`.")
    rows = []
    with progress(len(claims), "checking") as bar:
        for claim, problem, method in claims:
            verdict = gathered(bar, len(rows), claim, problem, method)
            rows.append({"method": method.slug(), "problem": problem.slug()} | promises.row(claim, verdict))
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        promises.show(rows, "method", "problem")
        print(_counted([row["holds"] for row in rows]))
    return promises.code(rows, must_decide=True)


def _counted(held: list) -> str:
    """How many hold, are broken and are open, in words."""
    others = [f"{held.count(one)} {word}" for one, word in ((False, "broken"), (None, "open")) if one in held]
    return ", ".join([f"{held.count(True)} of {len(held)} claims hold", *others])


def gathered(bar: Bar, done: float, claim, problem, method) -> Verdict:
    """The verdict of a claim, its evidence gathered under a progress bar."""
    words = f"{method.label()}, {claim.title or claim.kind}"
    bar.show(done, words)
    for seen in study.checking(claim, problem, method):
        bar.show(done + (seen.at - 1) / max(1, seen.of), words)
    return seen.verdict


def _known(kind: str, name: str | None, asked: list) -> None:
    """A name that no lab has is refused, with those nearest to it."""
    names = [one for lab in asked for one in getattr(lab, f"{kind}s")()]
    if name is not None and name not in names:
        where = f"the lab {asked[0].name!r}" if len(asked) == 1 else "any lab"
        raise ToolkitError(f"There is no {kind} {name!r} in {where}; {registry.told_apart(name, names)}.")


def _described(text: str):
    """The claims of the method of a spec on its problem."""
    run = Run.from_spec(spec.loads(text))
    yield from ((claim, run.problem, run.method) for claim in run.method.claims(run.problem))


def _listed(arguments):
    """Those on the small cases of a lab, or of all."""
    asked = [lab_named(arguments.lab)] if arguments.lab else list(labs().values())
    for kind in ("method", "problem"):
        _known(kind, getattr(arguments, kind), asked)
    for lab in asked:
        for problem in lab.cases:
            if arguments.problem not in (None, problem.slug()):
                continue
            for name, cls in lab.methods().items():
                if arguments.method in (None, name) and not cls().suits(problem):
                    yield from ((claim, problem, cls()) for claim in cls().claims(problem))
