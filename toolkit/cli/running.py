"""`toolkit run`: an experiment, or what a spec says."""

from __future__ import annotations

import json
from pathlib import Path

from toolkit.cli.terminal import number, progress, table
from toolkit.core import registry, spec
from toolkit.core.errors import ToolkitError
from toolkit.core.history import History
from toolkit.core.lab import lab as lab_named
from toolkit.core.lab import labs
from toolkit.core.run import Run


def add(commands) -> None:
    """Enter the command."""
    run = commands.add_parser("run", help="run an experiment, or what a spec says")
    run.add_argument("what", help="an experiment (lab/name or name), a spec's or history's file, or a spec as JSON")
    run.add_argument("--save", metavar="FILE", help="write the history of each run to FILE (.npz)")
    run.add_argument("--json", action="store_true", help="print JSON")
    run.set_defaults(command=_run)


def _run(arguments) -> int:
    if arguments.save and not Path(arguments.save).resolve().parent.is_dir():
        raise ToolkitError(f"{arguments.save}: its folder does not exist.")
    runs = _runs(arguments.what)
    with progress(len(runs), "running") as show:
        for i, run in enumerate(runs):
            while not run.slice(0.1).status.done:
                show(i + run.stop.progress(run.history))
    if arguments.save:
        _save(runs, Path(arguments.save))
    rows = [_run_row(run) for run in runs]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        table(rows, ("method", "status", "steps", "matvecs", "seconds", "residual", "trace"))
    return 0


def _runs(what: str) -> list[Run]:
    path = Path(what)
    if what.lstrip().startswith("{"):
        return [Run.from_spec(spec.loads(what))]
    if path.suffix == ".npz":
        return [Run.from_spec(History.load(path)[1])]
    if path.suffix == ".json" or path.is_file():
        return [Run.from_spec(spec.loads(path.read_text(errors="replace")))]
    experiment = _experiment(what)
    suited = [method for method in experiment.methods if not method.suits(experiment.problem)]
    return [Run(experiment.problem, method, experiment.stop) for method in suited]


def _experiment(name: str):
    lab, _, rest = name.rpartition("/")
    found = [lab_named(lab)] if lab else list(labs().values())
    for one in found:
        if rest in [experiment.name for experiment in one.experiments]:
            return one.experiment(rest)
    told = registry.told_apart(
        name, [f"{one.name}/{experiment.name}" for one in found for experiment in one.experiments]
    )
    raise ToolkitError(f"There is no experiment {name!r} and no such file; {told}.")


def _save(runs: list[Run], path: Path) -> None:
    for i, run in enumerate(runs):
        name = path if len(runs) == 1 else path.with_name(f"{path.stem}-{i + 1}{path.suffix}")
        run.history.save(name, run.spec())


def _run_row(run: Run) -> dict:
    history = run.history
    last = history.monitors[0] if history.monitors else ""
    return {
        "method": run.method.label(),
        "problem": run.problem.slug(),
        "status": run.status.kind,
        "cause": run.status.cause,
        "steps": run.k,
        "matvecs": int(history["matvecs"][-1]) if len(history) else 0,
        "seconds": round(run.seconds, 6),
        "residual": number(history[last][-1]) if len(history) and last else None,
        "trace": history.trace_hash(),
        "spec": run.spec(),
    }
