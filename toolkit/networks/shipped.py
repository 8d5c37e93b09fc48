"""Weights that the package holds: the file, the run that leaves them, and whether it still does.

A file holds the spec of that run, its trace hash, its first steps and the machine they were made on, and the solution
in half precision.
"""

from __future__ import annotations

import functools
import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.core.errors import DataError, ToolkitError
from toolkit.core.history import History
from toolkit.core.lab import labs
from toolkit.core.machine import machine
from toolkit.core.registry import told_apart
from toolkit.core.run import Run
from toolkit.core.stop import Stop
from toolkit.networks.loss import Loss

FORMAT = "convergence-toolkit weights 1"
FIRST = 50  # steps that a file keeps the monitors of


@dataclass(frozen=True)
class Weights:
    """What a file holds: the solution (size,), arrays beside it, and `about`: spec, trace, first, machine."""

    solution: np.ndarray
    beside: dict[str, np.ndarray]
    about: dict


@dataclass(frozen=True)
class Shipped:
    """Weights by name, their file, and the training that leaves them: a problem, a method with its `steps`, a rule.

    `beside` names arrays of the problem that the solution is of no use without.
    """

    name: str
    title: str
    path: Path
    problem: Loss
    method: object
    stop: Stop
    beside: tuple[str, ...] = ()

    def run(self) -> Run:
        """The training, not yet begun."""
        return Run(self.problem, self.method, self.stop)

    def weights(self) -> Weights:
        """What is shipped; DataError when the file is not there or is another's. Read once a process."""
        return _read(self)

    def save(self, run: Run, path: Path | None = None) -> float:
        """Write what a finished run left; how far that is from what is shipped, in units of half precision.

        The unit is that of the weight or of the root mean square of all, whichever is larger. A weight whose shipped
        value is within one keeps it, so that training on another processor, which rounds otherwise, moves no figure.
        """
        found, apart = run.solution().astype(np.float16), float("inf")
        with suppress(DataError):  # nothing is shipped yet, or something else
            before = self.weights().solution.astype(np.float16)
            units = np.abs(run.solution() - before.astype(float)) / unit(before)
            apart, found = float(units.max()), np.where(units <= 1, before, found)
        about = {"format": FORMAT, "name": self.name, "spec": run.spec(seen=False), "trace": run.history.trace_hash()}
        about |= {"first": first_steps(run.history), "machine": machine().words()}
        beside = {name: np.asarray(getattr(self.problem, name)) for name in self.beside}
        with (path or self.path).open("wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), solution=found, **beside)
        _read.cache_clear()
        return apart


def unit(weights: np.ndarray) -> np.ndarray:
    """The unit in the last place of half precision at every weight, or at the root mean square where that is larger."""
    size = np.abs(weights.astype(float))
    return np.spacing(np.maximum(size, np.sqrt(np.mean(size**2))).astype(np.float16)).astype(float)


def first_steps(history: History) -> dict:
    """{trace, values of every monitor} of the first steps of a run."""
    begun = history.copy()
    begun.truncate(FIRST + 1)
    return {"trace": begun.trace_hash(), "values": {name: begun[name].tolist() for name in begun.monitors}}


def everything() -> dict[str, Shipped]:
    """What all labs ship, by name."""
    return {one.name: one for lab in labs().values() for one in lab.shipped}


def ships(name: str) -> Shipped:
    """One of what all labs ship, by name; ToolkitError with the names there are."""
    known = everything()
    if name not in known:
        raise ToolkitError(f"Nothing of the name {name!r} is shipped; {told_apart(name, list(known))}.")
    return known[name]


@contextmanager
def one_thread():
    """Meanwhile matrix products use one thread, where threadpoolctl (it comes with scikit-learn) is there to say so."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1):
        yield


@functools.cache
def _read(shipped: Shipped) -> Weights:
    path = shipped.path
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about.get("format") != FORMAT or about.get("name") != shipped.name:
                raise ValueError(f"format {about.get('format')!r}, name {about.get('name')!r}")
            solution = file["solution"].astype(float)
            beside = {name: file[name].astype(float) for name in shipped.beside}
    except (OSError, KeyError, ValueError, AttributeError) as error:
        advice = f"`toolkit train {shipped.name}` makes them"
        raise DataError(f"{path}: expected the weights {shipped.name!r} ({error}); {advice}.") from None
    size = shipped.problem.layout.size
    if solution.shape != (size,) or not np.all(np.isfinite(solution)):
        raise DataError(f"{path}: a solution of shape {solution.shape}; expected {size} finite numbers.")
    return Weights(solution, beside, about)
