"""When a run is the same as a recorded one: by its hash on the same machine, to ten digits on another.

Where processor, vector width and versions are those of the record a trace repeats bit for bit. Elsewhere sums are taken
in another order: then status, steps and work are equal, and first and last value of every monitor differ by no more
than 1e-10 of the largest value that this monitor had in the recorded run, the norm of the solution by no more than
1e-10 of itself. A few runs have no hash on record, as one machine gives two (a kernel compiled in the process and the
same kernel from the cache may round differently): for these the ten digits are the rule everywhere.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
from pathlib import Path

import llvmlite.binding
import numpy as np

import toolkit as tk

PATH = Path(__file__).with_name("recorded.json")
RTOL = 1e-10
COUNTERS = ("matvecs", "solves", "nfe", "flops")
VECTORS = ("avx2", "avx512f")
LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "pyamg", "scikit-fem", "scikit-learn")
SETTINGS = (
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",
    "NUMBA_DISABLE_JIT",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "GLIBC_TUNABLES",
)


# -- machines ---------------------------------------------------------------------------------------------------------


def environment() -> dict:
    """What decides the last digit: processor, width of its vectors, versions, and settings that change these."""
    features = llvmlite.binding.get_host_cpu_features()
    return {
        "processor": llvmlite.binding.get_host_cpu_name(),
        "features": {name: bool(features.get(name)) for name in VECTORS},
        "machine": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "python": ".".join(platform.python_version_tuple()[:2]),
        "versions": {name: _version(name) for name in LIBRARIES},
        "settings": {name: os.environ.get(name) for name in SETTINGS},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def differences(was: dict, now: dict) -> list[str]:
    """In what this machine is not that of the record."""
    found = []
    for name, old in was.items():
        new = now.get(name)
        if isinstance(old, dict):
            found += differences(old, new)
        elif new != old:
            found.append(f"{name} {new} for {old}")
    return found


# -- runs -------------------------------------------------------------------------------------------------------------


def read() -> dict:
    """The record: the environment it was made in, and runs by name."""
    return json.loads(PATH.read_text())


def seen(spec: dict) -> dict:
    """What a run gives: hash, how it ended, monitors (first, last and largest value), work, norm of the solution."""
    run = tk.Run.from_spec(spec).finish()
    history = run.history
    if not len(history):
        raise ValueError(f"The run did not start: {run.status}")
    return {
        "spec": run.spec(),
        "hash": history.trace_hash(),
        "status": run.status.kind,
        "k": run.k,
        "monitors": {name: _extent(history[name]) for name in history.monitors},
        "work": {name: float(history[name][-1]) for name in COUNTERS},
        "norm": float(np.linalg.norm(np.ravel(run.solution()))),
    }


def _extent(column: np.ndarray) -> list[float]:
    return [float(column[0]), float(column[-1]), float(np.abs(column).max())]


def apart(was: dict, now: dict) -> list[str]:
    """Where two runs differ by more than another processor may make them."""
    found = [f"{what} {now[what]} for {was[what]}" for what in ("status", "k", "work") if now[what] != was[what]]
    if now["monitors"].keys() != was["monitors"].keys():
        return [*found, f"monitors {sorted(now['monitors'])} for {sorted(was['monitors'])}"]
    pairs = [("norm of the solution", was["norm"], now["norm"], was["norm"])]
    for name, (first, last, largest) in was["monitors"].items():
        pairs += [(f"first {name}", first, now["monitors"][name][0], largest)]
        pairs += [(f"last {name}", last, now["monitors"][name][1], largest)]
    for what, old, new, scale in pairs:
        if not math.isclose(old, new, rel_tol=0.0, abs_tol=RTOL * scale):
            found.append(f"{what} {new!r} for {old!r}")
    return found
