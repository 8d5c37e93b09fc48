"""Sharing: problems, methods and runs as small versioned JSON."""

from __future__ import annotations

import dataclasses
import json

from toolkit.core import registry, rooms
from toolkit.core.errors import SpecError
from toolkit.core.knob import Knobbed, knobs

SCHEMA = 1


def values(owner: Knobbed) -> dict:
    """The knobs of an object that differ from their defaults, nested parts described."""
    turned = {name: getattr(owner, name) for name, one in knobs(owner).items() if getattr(owner, name) != one.default}
    return {name: describe(value) if isinstance(value, Knobbed) else value for name, value in turned.items()}


def describe(owner: Knobbed) -> dict:
    """A problem or method as JSON-ready data: lab, name, knobs. SpecError when it holds data no spec can carry."""
    kept = knobs(owner)
    for f in dataclasses.fields(owner):
        if f.name not in kept and f.init:
            raise SpecError(
                f"{type(owner).__name__} holds {f.name} in memory, which a link cannot carry: "
                "write the matrix to a Matrix Market file and use that."
            )
    return {"lab": rooms.lab_of(type(owner)), "name": owner.slug(), "knobs": values(owner)}


def restore(kind: str, data: dict) -> Knobbed:
    """The problem or method that `describe` described; SpecError or KnobError with the reason."""
    if not isinstance(data, dict) or not {"lab", "name"} <= set(data):
        raise SpecError(f"A {kind} needs a lab and a name; given: {data!r}.")
    cls = registry.find(kind, data["lab"], data["name"])
    known, given = knobs(cls), data.get("knobs", {})
    if not isinstance(given, dict):
        raise SpecError(f"The knobs of a {kind} are given by name; given: {given!r}.")
    unknown = [name for name in given if name not in known]
    if unknown:
        raise SpecError(f"{cls.__name__} has no knob {unknown[0]!r}; its knobs: {', '.join(known) or 'none'}.")
    return cls(**{n: restore("method", v) if known[n].family and isinstance(v, dict) else v for n, v in given.items()})


def dumps(spec: dict) -> str:
    """Canonical JSON text."""
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)


def loads(text: str) -> dict:
    """The spec in a JSON text; SpecError with the reason for anything else."""
    try:
        spec = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"The spec is not JSON ({error}).") from None
    check_schema(spec)
    return spec


def check_schema(spec) -> None:
    """SpecError unless `spec` is a dict of this schema."""
    if not isinstance(spec, dict) or "schema" not in spec:
        raise SpecError("This is not a spec of this toolkit: it has no schema number.")
    if spec["schema"] != SCHEMA:
        raise SpecError(f"The spec has schema {spec['schema']!r}; this version reads schema {SCHEMA}. Make a new link.")
