"""`toolkit record`: the curves that are shown before anything is computed, recorded again."""

from __future__ import annotations

from toolkit.cli.terminal import progress
from toolkit.core.errors import ToolkitError
from toolkit.core.lab import Lab, lab, labs
from toolkit.session import recorded


def add(commands) -> None:
    """Enter the command."""
    record = commands.add_parser("record", help="record the curves that are shown before a run")
    record.add_argument("lab", nargs="?", help="one lab; all without it")
    record.add_argument("--seconds", type=float, default=8.0, metavar="T", help="most time an experiment (default 8)")
    record.add_argument("--stale", action="store_true", help="only what was changed since it was recorded")
    record.add_argument("--list", action="store_true", help="say what was changed since, and record nothing")
    record.set_defaults(command=_record)


def _record(arguments) -> int:
    if not arguments.seconds > 0:
        raise ToolkitError("--seconds: expected more than 0.")
    asked = [lab(arguments.lab)] if arguments.lab else list(labs().values())
    if arguments.list:
        found = [f"{one.name} {name}" for one in asked for name in recorded.stale(one)]
        print(*found, sep="\n", end="\n" if found else "")
        return 1 if found else 0
    for one in asked:
        _lab(one, arguments.seconds, arguments.stale)
    return 0


def _lab(whole: Lab, seconds: float, only_stale: bool) -> None:
    """Record a lab; what gives no curve within the time is named, and has none."""
    wanted = recorded.stale(whole) if only_stale else [one.name for one in whole.experiments]
    kept = {} if not only_stale else {one.name: recorded.of(whole, one) for one in whole.experiments}
    with progress(len(wanted), f"recording {whole.name}") as bar:
        for i, name in enumerate(wanted):
            bar.show(i, name)
            kept[name] = recorded.record(whole, whole.experiment(name), seconds)
    without = [name for name in wanted if not kept[name]]
    told = f"; no curve in time: {', '.join(without)}" if without else ""
    print(f"{whole.name}: {len(wanted) - len(without)} recorded, {recorded.save(whole, kept)} bytes{told}")
