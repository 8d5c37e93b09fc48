"""Recorded curves: what the runs of every experiment looked like once, shown before anything is computed.

A file a lab holds, by the name of an experiment, its curves with few points and the promised ones beside them. Each
bears a fingerprint of the experiment it is of: one that has been changed since is not shown. No verdict is recorded:
verdicts are of live runs only.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import importlib
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from toolkit.core import spec as specs
from toolkit.core.lab import Experiment, Lab
from toolkit.core.stop import Stop
from toolkit.session.frame import Frame, Ghost, thin
from toolkit.session.model import LabModel
from toolkit.session.palette import MOST

POINTS, PROMISED = 64, 24  # of a curve, measured and promised
BYTES = 25_000  # most that an experiment may take
REST = 0.02


def mark(one: Experiment) -> str:
    """The fingerprint of an experiment: its problem, methods, stopping rule, and what is drawn against what."""
    methods = [specs.describe(method) for method in one.methods[:MOST]]
    asked = [specs.describe(one.problem), methods, specs.values(one.stop or Stop()), one.measure, one.against]
    return hashlib.sha256(specs.dumps({"asked": asked}).encode()).hexdigest()[:16]


def path(lab: Lab) -> Path:
    """Where the recorded curves of a lab are."""
    return Path(importlib.import_module(f"toolkit.{lab.name}").__file__).parent / "recorded.json.gz"


@functools.cache
def shipped(lab: Lab) -> dict[str, dict]:
    """What is recorded of a lab, by the name of the experiment, whether it is of the present ones or not."""
    try:
        return json.loads(gzip.decompress(path(lab).read_bytes()))
    except (OSError, ImportError):  # a lab of one's own has none
        return {}


def of(lab: Lab, one: Experiment) -> dict:
    """What is recorded of an experiment; empty where there is nothing, or it has been changed since."""
    found = shipped(lab).get(one.name, {})
    return found if found and found["mark"] == mark(one) else {}


def awaited(model: LabModel, frame: Frame) -> Frame:
    """The frame with the recorded curves as a ghost, once a prediction is made and while nothing is computed yet."""
    if frame.stage != "ready" or frame.ghosts or any(len(one.curve[0]) for one in frame.traces) or model.own:
        return frame
    if model.open_to_say and model.said is None:
        return frame  # who is asked what will come out does not see it before the answer
    found = of(model.lab, model.story)
    if not found or (found["measure"], found["against"]) != (model.measure, model.against):
        return frame
    lines = ((one["look"], np.array(one["x"], dtype=float), np.array(one["y"], dtype=float)) for one in found["curves"])
    curves = tuple((look, x, y, np.arange(len(x))) for look, x, y in lines)
    return replace(frame, ghosts=(Ghost(0, "recorded", curves),))


def stale(lab: Lab) -> list[str]:
    """The experiments that have no recorded curves of what they are now."""
    return [one.name for one in lab.experiments if not of(lab, one)]


def record(lab: Lab, one: Experiment, seconds: float) -> dict:
    """Run an experiment as the page does, for at most so many seconds, and take down its curves."""
    model = LabModel(lab)
    try:
        model.show(one.name)
        model.start()
        end = time.monotonic() + seconds
        while model.frame.stage != "ended" and time.monotonic() < end:
            time.sleep(REST)
        looks = {entry.uid: entry.look for entry in model.entries}
        return _taken(one, model, model.frame, looks)
    finally:
        model.close()
        while model.alive():
            time.sleep(REST)


def _taken(one: Experiment, model: LabModel, frame: Frame, looks: dict[int, int]) -> dict:
    linear = any(name == model.measure and not log for name, _, _, log in frame.measures)
    curves, promised = [], []
    for trace in frame.traces:
        if trace.uid not in looks or not len(trace.curve[0]):
            continue
        x, y, _ = trace.curve
        pick = thin(y, POINTS)
        curves.append({"look": looks[trace.uid], "label": trace.label, "x": _short(x[pick]), "y": _short(y[pick])})
        for promise in trace.promises:
            px, py, _ = promise.curve
            pick = _spread(len(px))
            if len(px) > 1:
                promised.append({"look": looks[trace.uid], "x": _short(px[pick]), "y": _short(py[pick])})
    if not curves or (frame.stage != "ended" and len(curves) < len(looks)):  # a race without one of its curves misleads
        return {}
    about = {"mark": mark(one), "measure": model.measure, "against": model.against, "linear": linear}
    return about | {"curves": curves, "promised": promised}


def _spread(n: int) -> np.ndarray:
    """At most `PROMISED` indices, evenly spread, with both ends."""
    return np.unique(np.linspace(0, n - 1, min(n, PROMISED)).round().astype(int)) if n else np.arange(0)


def _short(values: np.ndarray) -> list[float]:
    """Numbers with four digits; whole ones stay whole."""
    short = (float(f"{value:.4g}") for value in values)
    return [int(value) if value == int(value) and abs(value) < 1e6 else value for value in short]


def save(lab: Lab, found: dict[str, dict]) -> int:
    """Write what is recorded of a lab, in the order of its experiments; the bytes of the file."""
    kept = {one.name: found[one.name] for one in lab.experiments if found.get(one.name)}
    packed = gzip.compress(json.dumps(kept, separators=(",", ":")).encode(), 9, mtime=0)
    fresh = path(lab).with_suffix(".new")
    fresh.write_bytes(packed)
    fresh.replace(path(lab))
    shipped.cache_clear()
    return len(packed)
