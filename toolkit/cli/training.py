"""`toolkit train`: weights that are shipped, made again by the run that left them."""

from __future__ import annotations

from pathlib import Path

from toolkit.cli.terminal import progress, table
from toolkit.core.errors import ToolkitError
from toolkit.networks import shipped


def add(commands) -> None:
    """Enter the command."""
    train = commands.add_parser("train", help="make weights that are shipped again, by the run that left them")
    train.add_argument("name", nargs="?", help="which weights; without it, what there is")
    train.add_argument("--save", metavar="FILE", help="write to FILE instead of over what is shipped")
    train.set_defaults(command=_train)


def _train(arguments) -> int:
    if arguments.name is None:
        table([{"name": one.name, "title": one.title} for one in shipped.everything().values()], ("name", "title"))
        return 0
    one = shipped.ships(arguments.name)
    path = Path(arguments.save) if arguments.save else one.path
    if not path.resolve().parent.is_dir():
        raise ToolkitError(f"{path}: its folder does not exist.")
    run = one.run()
    with shipped.one_thread(), progress(one.method.steps, "training") as bar:
        while not run.slice(0.1).status.done:
            bar.show(run.k)
    if run.status.kind != "converged":
        raise ToolkitError(f"The training did not end well. {run.status}")
    apart = one.save(run, path)
    print(f"{path}: trace {run.history.trace_hash()}, {apart:.3g} units of half precision from what was shipped")
    return 0
