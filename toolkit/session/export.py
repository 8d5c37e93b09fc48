"""Taking a race away: a Python script, a notebook, a table of numbers. Each repeats the trace it came from."""

from __future__ import annotations

import csv
import importlib
import io
from dataclasses import dataclass

from toolkit.core import likeness
from toolkit.core.history import History
from toolkit.core.knob import Knobbed, knobs
from toolkit.core.stop import Stop
from toolkit.session.sweep import Plan


@dataclass(frozen=True, slots=True)
class Record:
    """One entry as it stood: what it was started with, how far it came, and its trace."""

    method: Knobbed
    changes: tuple[tuple[int, dict], ...]
    k: int
    ended: bool
    seen: dict
    history: History | None

    @property
    def hash(self) -> str:
        """The fingerprint of its trace; empty where it has none."""
        return self.seen.get("trace", "")


@dataclass(frozen=True, slots=True)
class Race:
    """Everything an export says."""

    problem: Knobbed
    stop: Stop
    records: tuple[Record, ...]
    sweep: Plan | None = None
    rungs: tuple[tuple, ...] = ()


def records(entries, lanes: dict, problem, stop: Stop) -> Race:
    """The race as it stands; to be called in the worker's thread."""
    found = []
    for one in entries:
        lane = lanes.get(one.uid)
        run = lane.run if lane is not None else None
        if run is None or run.state is None:
            found.append(Record(one.first, (), 0, False, {}, None))
            continue
        own = run.status.done and run.status.kind != "cancelled" and stop.seconds is None
        changes = tuple((k, dict(values)) for k, values in run.changes)
        found.append(Record(one.first, changes, run.k, own, likeness.seen(run), run.history.copy()))
    return Race(problem, stop, tuple(found))


# -- Python ---------------------------------------------------------------------------------------------------------


def script(race: Race) -> str:
    """A Python program that runs the race and compares every run with the one seen."""
    lines = ['"""A race exported from the convergence toolkit: it repeats the runs and says what held."""']
    lines += ["", "import toolkit as tk", *_imports(race), "", f"problem = {expression(race.problem)}"]
    lines += [f"stop = {expression(race.stop, 'tk.Stop')}"]
    where = next((one.seen["machine"] for one in race.records if one.seen), None)
    lines += [f"machine = {where!r}  # where they were seen"] if where else []
    lines += ["", "runs = []"]
    for one in race.records:
        lines += ["", f"method = {expression(one.method)}", _RUN, *_way(one)]
        lines += [f"runs.append((run, {_seen(one)}))"]
    lines += ["", "for run, seen in runs:", _REPORT]
    lines += _ladders(race) if race.sweep is not None else []
    return "\n".join(lines) + "\n"


_RUN = "run = tk.Run(problem, method, stop, tk.witnesses(problem, method))"
_REPORT = "    tk.report(run, seen)"


def _ladders(race: Race) -> list[str]:
    """The statements that run the sweep of a knob again."""
    plan = race.sweep
    lines = ["", f"values = {plan.values!r}"]
    for *_, methods in plan.runners:
        about = f"problem, {expression(methods[0])}, {plan.knob!r}, values, stop"
        lines += [f"for value, run in zip(values, tk.ladder({about})):"]
        lines += [f"    print({plan.knob!r}, value, run.k, run.history.solving, run.status)"]
    return lines


def _seen(one: Record) -> str:
    """What was seen of a run, as an expression."""
    kept = [f"{name}={value!r}" for name, value in one.seen.items() if name != "machine"]
    return f"dict({', '.join(kept)}, machine=machine)" if kept else "None"


def _way(one: Record) -> list[str]:
    """The statements that take a run where it was."""
    lines, at = [], 0
    for k, values in one.changes:
        if k > at:
            lines.append(f"run.step({k - at})")
        given = ", ".join(f"{name}={_value(value)}" for name, value in values.items())
        lines.append(f"run.turn({given})")
        at = k
    if one.ended or one.k == 0:
        lines.append("run.finish()")
    elif one.k > at:
        lines.append(f"run.step({one.k - at})")
    return lines


def _imports(race: Race) -> list[str]:
    used: dict[str, set[str]] = {}
    for cls in sorted(_classes(race.problem, *(one.method for one in race.records)), key=lambda c: c.__name__):
        used.setdefault(_home(cls), set()).add(cls.__name__)
    return [f"from {home} import {', '.join(sorted(names))}" for home, names in sorted(used.items())]


def _classes(*owners: Knobbed) -> set[type]:
    found = set()
    for owner in owners:
        found.add(type(owner))
        parts = [getattr(owner, name) for name in knobs(owner)]
        found |= _classes(*(value for value in parts if isinstance(value, Knobbed)))
    return found


def _home(cls: type) -> str:
    """The package that offers a class, or its own module."""
    package = cls.__module__.rsplit(".", 1)[0]
    try:
        offered = getattr(importlib.import_module(package), cls.__name__, None) is cls
    except ImportError:
        offered = False
    return package if offered else cls.__module__


def expression(owner: Knobbed, name: str = "") -> str:
    """The constructor call that makes an object, with the knobs that differ from their defaults."""
    turned = {n: getattr(owner, n) for n, one in knobs(owner).items() if getattr(owner, n) != one.default}
    return f"{name or type(owner).__name__}({', '.join(f'{n}={_value(v)}' for n, v in turned.items())})"


def _value(value) -> str:
    return expression(value) if isinstance(value, Knobbed) else repr(value)


# -- notebook and table ---------------------------------------------------------------------------------------------

_PLOT = """import holoviews as hv

hv.extension("bokeh")
curves = []
for run, _ in runs:
    points = zip(*run.history.series("{measure}"))
    curves.append(hv.Curve(points, "steps", "{measure}", label=run.method.label()))
hv.Overlay(curves).opts(hv.opts.Curve(logy=True, width=760, height=420))"""

_LAB = """from toolkit.ui.jupyter import lab

lab("{lab}", {spec!r})"""


def notebook(race: Race, lab: str, measure: str, spec: dict) -> str:
    """A notebook: the race again, its curves, and the live lab set up the same way."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    body = script(race).split("\n", 2)[2].strip()
    text = (
        "# A race from the convergence toolkit\n\n"
        "The printed traces tell whether the runs are the ones that were seen; beneath each stands what theory "
        "promised of it, and whether that held."
    )
    cells = [new_markdown_cell(text), new_code_cell(body), new_code_cell(_PLOT.format(measure=measure))]
    cells += [new_markdown_cell("The same race, live:"), new_code_cell(_LAB.format(lab=lab, spec=spec))]
    made = new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for i, cell in enumerate(made.cells):
        cell["id"] = f"cell-{i}"
    nbformat.validate(made)
    return nbformat.writes(made)


def table(race: Race) -> str:
    """All columns of all traces as CSV, one row a step; of a sweep one row a rung."""
    if race.rungs:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(race.rungs)
        return out.getvalue()
    told = [one for one in race.records if one.history is not None]
    names = list(dict.fromkeys(name for one in told for name in one.history.names))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["entry", "method", *names, "setup", "solve"])
    for i, one in enumerate(told, 1):
        columns = [one.history[name] if name in one.history.names else None for name in names]
        for row in range(len(one.history)):
            cells = ["" if c is None or c[row] != c[row] else _number(c[row]) for c in columns]
            clock = (one.history.setup, one.history["seconds"][row] - one.history.setup)
            writer.writerow([i, one.method.label(), *cells, *map(_number, clock)])
    return out.getvalue()


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
