"""`toolkit run`: an experiment, or what a spec or a link says; how each run ended, and what held of its promises."""

from __future__ import annotations

import json
from pathlib import Path

from toolkit.cli import promises
from toolkit.cli.asked import lanes
from toolkit.cli.checking import gathered
from toolkit.cli.terminal import Bar, number, progress, table
from toolkit.core.errors import SpecError, ToolkitError
from toolkit.core.knob import labels
from toolkit.session.lane import Lane

SLICE = 0.05  # s


def add(commands) -> None:
    """Enter the command."""
    about = "run an experiment, or what a spec or a link says, and judge what theory promises"
    run = commands.add_parser("run", help=about, description=f"{about}; exit code 1: a claim is False")
    run.add_argument(
        "what", help="an experiment (lab/name or name), a page's link, a spec (of a run or a page) or a file of one"
    )
    run.add_argument("--to-end", action="store_true", help="go on where a link stands still at a step")
    run.add_argument("--check", action="store_true", help="gather what other runs decide, too (ladders, races, seeds)")
    run.add_argument("--save", metavar="FILE", help="write the history of each run to FILE (.npz)")
    run.add_argument("--json", action="store_true", help="print JSON")
    run.set_defaults(command=_run)


def _run(arguments) -> int:
    if arguments.save and not Path(arguments.save).resolve().parent.is_dir():
        raise ToolkitError(f"{arguments.save}: its folder does not exist.")
    found = lanes(arguments.what)
    if not found:
        raise SpecError("The race list is empty: there is nothing to run.")
    names = labels([one.method for one in found])
    with progress(len(found), "running") as bar:
        for i, (lane, name) in enumerate(zip(found, names)):
            if arguments.to_end:
                lane.goal = None
            _finish(lane, bar, i, name)
    if arguments.save:
        _save([one for one in found if one.run is not None], Path(arguments.save))
    rows = [_row(lane, name) for lane, name in zip(found, names)]
    for lane, row in zip(found, rows):
        row["verdicts"] = _verdicts(lane, arguments.check)
    told = [{"method": row["method"]} | one for row in rows for one in row["verdicts"]]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        table(rows, ("method", "status", "steps", "matvecs", "setup", "solve", "residual", "trace", "cause"))
        _assumed(rows)
        _compare(rows)
        _show(told, arguments.check)
    return promises.code(told, must_decide=False)


def _finish(lane: Lane, bar: Bar, i: int, name: str) -> None:
    bar.show(i, f"preparing {name}")
    while not lane.held:
        lane.go(SLICE)
        if lane.run is not None:
            along = lane.k / lane.goal if lane.goal else 0.0
            bar.show(i + max(along, lane.stop.progress(lane.run.history)), name)


def _verdicts(lane: Lane, check: bool) -> list[dict]:
    """What became of every promise of a run; `check`: of those that other runs decide, too."""
    found = lane.promised()
    if check:
        with progress(len(found), "checking") as bar:
            for i, (claim, _) in enumerate(found):
                if not claim.while_running:
                    found[i] = claim, gathered(bar, i, claim, lane.problem, lane.method)
    return [promises.row(claim, verdict) for claim, verdict in found]


def _assumed(rows: list[dict]) -> None:
    """What the problem says of itself: what was turned, left out or assumed of a file."""
    for words in dict.fromkeys(f"{row['problem']}: {row['remarks']}" for row in rows if row["remarks"]):
        print(words)


def _compare(rows: list[dict]) -> None:
    """Whether each is the run that was seen, where its spec or link says what was."""
    for row in rows:
        if row["likeness"]:
            print(f"{row['method']}: {row['likeness']}")


def _show(told: list[dict], checked: bool) -> None:
    print()
    if not told:
        print("No claim is known that applies here.")
        return
    promises.show(told, "method")
    if not checked and any(one["why"].startswith("decided by") for one in told):
        print("\nWhat a ladder, a race or seeds decide is gathered by --check.")


def _save(found: list[Lane], path: Path) -> None:
    for i, lane in enumerate(found):
        name = path if len(found) == 1 else path.with_name(f"{path.stem}-{i + 1}{path.suffix}")
        lane.run.history.save(name, lane.run.spec())


def _row(lane: Lane, name: str) -> dict:
    run, status = lane.run, lane.status
    history = run.history if run is not None and len(run.history) else None
    last = history.monitors[0] if history is not None and history.monitors else ""
    alike = lane.likeness()
    standing = f"stands at step {lane.k}, as its link does" if lane.held and not status.done else ""
    return {
        "method": name,
        "problem": lane.problem.slug(),
        "remarks": lane.problem.caption(),
        "status": "held" if standing else status.kind,
        "cause": standing or ". ".join(part for part in (status.cause, status.advice) if part),
        "steps": lane.k,
        "matvecs": int(history["matvecs"][-1]) if history is not None else 0,
        "setup": round(history.setup, 6) if history is not None else 0.0,
        "solve": round(history.solving, 6) if history is not None else 0.0,
        "seconds": round(run.seconds, 6) if run is not None else 0.0,
        "aside": round(run.aside, 6) if run is not None else 0.0,
        "residual": number(history[last][-1]) if last else None,
        "trace": history.trace_hash() if history is not None else "",
        "same": alike.same,
        "likeness": alike.words,
        "spec": run.spec() if run is not None else None,
    }
