"""The command line: `toolkit serve · run · check · catalogue · warm · train`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from toolkit import __version__, catalogue
from toolkit.core import registry, spec, study
from toolkit.core.errors import ToolkitError
from toolkit.core.history import History
from toolkit.core.lab import lab as lab_named
from toolkit.core.lab import labs
from toolkit.core.run import Run
from toolkit.core.stop import Stop
from toolkit.networks import shipped


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 when all is well, 1 when a claim fails, 2 for a caller's mistake (one line on stderr)."""
    arguments = _parser().parse_args(argv)
    try:
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

    serve = commands.add_parser("serve", help="serve the apps in the browser")
    serve.add_argument("--port", type=_port, default=5006, help="port to listen on (default 5006; 0: a free one)")
    serve.add_argument("--address", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    serve.add_argument("--no-show", dest="show", action="store_false", help="do not open a browser")
    serve.add_argument("--origin", action="append", help="host:port under which a proxy shows the pages ('*': any)")
    serve.add_argument("--warm", action="store_true", help="compile the kernels first")
    serve.set_defaults(command=_serve, first=False)

    run = commands.add_parser("run", help="run an experiment, or what a spec says")
    run.add_argument("what", help="an experiment (lab/name or name), a spec's or history's file, or a spec as JSON")
    run.add_argument("--save", metavar="FILE", help="write the history of each run to FILE (.npz)")
    run.add_argument("--json", action="store_true", help="print JSON")
    run.set_defaults(command=_run)

    check = commands.add_parser("check", help="check what theory promises, on the small cases of a lab")
    check.add_argument("lab", nargs="?", help="one lab; all without it")
    check.add_argument("--method", help="one method")
    check.add_argument("--problem", help="one kind of problem")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(command=_check)

    listing = commands.add_parser("catalogue", help="list labs, problems, methods, experiments")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(command=_catalogue)

    warm = commands.add_parser("warm", help="compile the kernels that the apps need")
    warm.add_argument("--first", action="store_true", help="only for the first experiment of every lab, when idle")
    warm.set_defaults(command=_warm)

    train = commands.add_parser("train", help="make weights that are shipped again, by the run that left them")
    train.add_argument("name", nargs="?", help="which weights; without it, what there is")
    train.add_argument("--save", metavar="FILE", help="write to FILE instead of over what is shipped")
    train.set_defaults(command=_train)
    return parser


def _serve(arguments) -> int:
    try:
        from toolkit.ui.page.serve import serve
    except ImportError as missing:
        raise ToolkitError(f"Serving needs {missing.name}: pip install 'convergence-toolkit[apps]'.") from None
    if arguments.warm:
        _warm(arguments)
    sys.stdout.reconfigure(line_buffering=True)  # the address is to be seen at once, in a log too
    options = {"websocket_origin": arguments.origin} if arguments.origin else {}
    try:
        with _warming(arguments.warm):
            serve(port=arguments.port, address=arguments.address, show=arguments.show, **options)
    except OSError as mistake:
        place = f"{arguments.address}:{arguments.port}"
        raise ToolkitError(f"Cannot serve on {place} ({mistake.strerror or mistake}): choose a --port.") from None
    return 0


@contextmanager
def _warming(warm: bool):
    """Meanwhile, in a process of its own, compile what the first page of every lab needs, unless all is `warm`."""
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    helper = None if warm else subprocess.Popen([sys.executable, "-m", "toolkit.cli", "warm", "--first"], **quiet)
    if helper is not None:
        threading.Thread(target=helper.wait, daemon=True).start()  # so that it does not stay when it is done
    try:
        yield
    finally:
        if helper is not None:
            helper.terminate()
            helper.wait()


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: expected a whole number from 0 to 65535")
    return int(text)


# -- run ----------------------------------------------------------------------------------------------------------


def _run(arguments) -> int:
    if arguments.save and not Path(arguments.save).resolve().parent.is_dir():
        raise ToolkitError(f"{arguments.save}: its folder does not exist.")
    runs = _runs(arguments.what)
    with _progress(len(runs), "running") as show:
        for i, run in enumerate(runs):
            while not run.slice(0.1).status.done:
                show(i + run.stop.progress(run.history))
    if arguments.save:
        _save(runs, Path(arguments.save))
    rows = [_run_row(run) for run in runs]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        _table(rows, ("method", "status", "steps", "matvecs", "seconds", "residual", "trace"))
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
        "residual": _number(history[last][-1]) if len(history) and last else None,
        "trace": history.trace_hash(),
        "spec": run.spec(),
    }


# -- check --------------------------------------------------------------------------------------------------------


def _check(arguments) -> int:
    claims = list(_claims(arguments))
    if not claims:
        raise ToolkitError("No claim matches: see `toolkit catalogue` for the names of labs, methods and problems.")
    rows = []
    with _progress(len(claims), "checking") as show:
        for claim, problem, method in claims:
            verdict = study.check(claim, problem, method)
            rows.append(_verdict_row(claim, problem, method, verdict))
            show(len(rows))
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        _table(rows, ("holds", "method", "problem", "claim", "measured", "promised", "why"))
        print(f"{sum(row['holds'] for row in rows)} of {len(rows)} claims hold")
    return 0 if all(row["holds"] for row in rows) else 1


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
        "holds": bool(verdict.holds),
        "measured": _number(verdict.measured),
        "promised": _number(verdict.promised),
        "why": verdict.why,
    }


def _number(value: float) -> float | None:
    return float(value) if abs(value) < float("inf") else None


# -- catalogue ----------------------------------------------------------------------------------------------------


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
        _table(rows, ("name", "title", "family", "cites"))
        print()
        _table(catalogue.problems(lab), ("name", "title"))
        print()
        _table(catalogue.experiments(lab), ("name", "question"))
    return 0


# -- warm ---------------------------------------------------------------------------------------------------------


def _warm(arguments) -> int:
    jobs = list(_first_jobs() if arguments.first else _all_jobs())
    if arguments.first and hasattr(os, "nice"):
        os.nice(10)  # after whoever is waiting
    parent = os.getppid()
    with _progress(len(jobs), "compiling") as show:
        for i, (problem, method, picture) in enumerate(jobs):
            if arguments.first and os.getppid() != parent:  # the server that wanted it is gone
                break
            measures = problem.measures() if picture else ()
            run = Run(problem, method, Stop(steps=2), measures).finish()
            if picture and run.state is not None:
                picture.data(problem, run.state)
            show(i + 1)
    print(f"{len(jobs)} runs compiled and cached")
    return 0


def _all_jobs():
    """(problem, method, None) of every method on every small case."""
    for lab in labs().values():
        for problem in lab.cases:
            yield from ((problem, cls(), None) for cls in lab.methods().values() if not cls().suits(problem))


def _first_jobs():
    """(problem, method, picture) of what a person sees first in every lab."""
    for lab in labs().values():
        for one in lab.experiments[:1]:
            picture = next((p for p in lab.pictures if p.name == one.picture), None)
            yield from ((one.problem, method, picture) for method in one.methods if not method.suits(one.problem))


# -- train --------------------------------------------------------------------------------------------------------


def _train(arguments) -> int:
    if arguments.name is None:
        _table([{"name": one.name, "title": one.title} for one in shipped.everything().values()], ("name", "title"))
        return 0
    one = shipped.ships(arguments.name)
    path = Path(arguments.save) if arguments.save else one.path
    if not path.resolve().parent.is_dir():
        raise ToolkitError(f"{path}: its folder does not exist.")
    run = one.run()
    with shipped.one_thread(), _progress(one.method.steps, "training") as show:
        while not run.slice(0.1).status.done:
            show(run.k)
    if run.status.kind != "converged":
        raise ToolkitError(f"The training did not end well. {run.status}")
    apart = one.save(run, path)
    print(f"{path}: trace {run.history.trace_hash()}, {apart:.3g} units of half precision from what was shipped")
    return 0


# -- the terminal -------------------------------------------------------------------------------------------------


@contextmanager
def _progress(total: int, words: str):
    """`show(done)` of a progress bar on a terminal; it shows nothing elsewhere or without rich."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield lambda done: None
        return
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(words, total=total)
        yield lambda done: bar.update(task, completed=done)


def _table(rows: list[dict], columns: tuple[str, ...]) -> None:
    """Rows as aligned text."""
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells)]
    for line in (list(columns), *cells):
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def _cell(value) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
