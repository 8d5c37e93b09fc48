"""What `toolkit run` is asked to run: an experiment, a spec or a history in a file, a page's link or its spec."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from toolkit.core import registry, spec
from toolkit.core.errors import SpecError, ToolkitError
from toolkit.core.history import History
from toolkit.core.lab import Experiment, labs
from toolkit.core.lab import lab as lab_named
from toolkit.core.run import Run
from toolkit.core.stop import Stop
from toolkit.core.study import witnesses
from toolkit.session import share
from toolkit.session.lane import Lane


def lanes(what: str) -> list[Lane]:
    """The runs that are asked for, none of them begun; ToolkitError where it is not known what that is."""
    what = what.strip().strip("<>\"'")
    if what.startswith("{"):
        return _described(spec.loads(what))
    path = Path(what)
    if path.suffix in (".npz", ".json") or _is_file(path):
        return _stored(path)
    return _linked(what) if "?" in what or "://" in what else _experiment(_named(what))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long to be one
        return False


def _stored(path: Path) -> list[Lane]:
    if path.suffix == ".npz":
        return _described(History.load(path)[1])
    text = path.read_text(encoding="utf-8-sig", errors="replace").strip()
    return _linked(text) if text.startswith(("http://", "https://", "?")) else _described(spec.loads(text))


def _described(found: dict) -> list[Lane]:
    """What a spec describes: a page's whole race, or one run."""
    spec.check_schema(found)
    if "method" in found:
        return [_alone(found)]
    if "entries" not in found:
        raise SpecError("This is neither a run's spec (it has no method) nor a page's (it has no entries).")
    page = share.read(found, lab_named(found.get("lab")))
    return [
        Lane(i, page.problem, method, page.stop, 0, changes, k or None, seen)
        for i, (method, _, changes, k, seen) in enumerate(page.entries)
    ]


def _alone(found: dict) -> Lane:
    """One run; what its promises look at is measured besides what its spec asks for."""
    run = Run.from_spec(found)
    more = [{"name": name} for name in witnesses(run.problem, run.method) if name not in run.history]
    if more:
        run = Run.from_spec(found | {"probes": [*found.get("probes", ()), *more]})
    return Lane.of(0, run)


def _linked(link: str) -> list[Lane]:
    """What a page's address says: the race in it, an experiment, or the lab whose page it is."""
    parts = urlsplit(link if "://" in link else f"//page/{link.lstrip('/')}")
    asked = share.query(parts.query)
    if "s" in asked:
        return _described(share.unpack(asked["s"]))
    name = asked.get("lab") or parts.path.rstrip("/").rpartition("/")[2]
    if "experiment" in asked:
        return _experiment(_named(f"{name}/{asked['experiment']}" if name in labs() else asked["experiment"]))
    if name in labs():
        return _experiment(labs()[name].experiments[0])  # as the page opens
    known = ", ".join(labs())
    raise SpecError(f"{link}: the address of no lab's page ({known}); open one there and take its link away.")


def _experiment(one: Experiment) -> list[Lane]:
    suited = [method for method in one.methods if not method.suits(one.problem)]
    return [Lane(i, one.problem, method, one.stop or Stop(), 0) for i, method in enumerate(suited)]


def _named(name: str) -> Experiment:
    lab, _, rest = name.rpartition("/")
    found = [lab_named(lab)] if lab else list(labs().values())
    for one in found:
        if rest in [experiment.name for experiment in one.experiments]:
            return one.experiment(rest)
    known = [f"{one.name}/{experiment.name}" for one in found for experiment in one.experiments]
    raise ToolkitError(f"There is no experiment {name!r} and no such file; {registry.told_apart(name, known)}.")
