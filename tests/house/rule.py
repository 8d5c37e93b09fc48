"""When a run is the same as a recorded one: by its hash on a like machine, to ten digits on another.

The rule is that of `toolkit.core.likeness`, and looks further: where machines differ, status, steps and work are equal,
first and last value of every monitor agree to `DIGITS` digits of the largest value that this monitor had in the
recorded run, the norm of the solution to as many of itself. A run may have no hash on record, as one machine gave two:
for it the digits are the rule everywhere.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import toolkit as tk
from toolkit.core.likeness import digits
from toolkit.core.machine import Machine, machine

PATH = Path(__file__).with_name("recorded.json")
DIGITS = 10  # more than is asked of people's runs: those recorded are small, and none is chaotic
COUNTERS = ("matvecs", "solves", "nfe", "flops")
# A name alone narrows nothing in Numba: without the second setting the features stay those of this processor.
NARROWER = {
    "Zen 3": {
        "NUMBA_CPU_NAME": "znver3",
        "NUMBA_CPU_FEATURES": "",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL",
    },
    "x86-64": {
        "NUMBA_CPU_NAME": "x86-64",
        "NUMBA_CPU_FEATURES": "",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F",
    },
}


def read() -> dict:
    """The record: the machine it was made on, and runs by name."""
    return json.loads(PATH.read_text())


def differences() -> list[str]:
    """In what this machine is not that of the record; empty where a hash must repeat."""
    return Machine.read(read()["machine"]).other(machine())


def seen(spec: dict) -> dict:
    """What a run gives: hash, how it ended, monitors (first, last and largest value), work, norm of the solution."""
    run = tk.Run.from_spec(spec).finish()
    history = run.history
    if not len(history):
        raise ValueError(f"The run did not start: {run.status}")
    return {
        "spec": run.spec(seen=False),
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
    told = [(what, old, new, digits(np.array([largest, new]), old)) for what, old, new, largest in pairs]
    return found + [f"{what} {new!r} for {old!r}: {same} digits" for what, old, new, same in told if same < DIGITS]
