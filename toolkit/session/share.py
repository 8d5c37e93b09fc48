"""The whole page as a small versioned JSON, and as the text of a link."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from urllib.parse import parse_qs

from toolkit.core import likeness
from toolkit.core import spec as specs
from toolkit.core.course import planned
from toolkit.core.errors import SpecError, ToolkitError
from toolkit.core.machine import Machine, machine
from toolkit.core.stop import Stop
from toolkit.session import story, sweep
from toolkit.session.frame import ABSCISSAE, AGAINST
from toolkit.session.palette import MOST

LIMIT = 1 << 20


@dataclass(frozen=True)
class Page:
    """A page spec that has been read and found good.

    An entry is its method, line style, live knobs to turn on the way, steps done, and what was seen of its run.
    """

    problem: object
    entries: tuple[tuple, ...]
    stop: Stop
    against: str
    measure: str
    picture: str
    focus: int
    abscissa: str = ""
    hidden: tuple[int, ...] = ()
    sweep: tuple = ()
    experiment: str = ""
    said: object = None


def write(model, steps: bool) -> dict:
    """The spec of a model's page; `steps`: with the steps its runs have done."""
    entries = []
    for one in model.entries:
        trace = model.trace(one.uid)
        changes = [[k, values] for k, values in (trace.changes or ())] if trace is not None else []
        entries.append({"method": specs.describe(one.first), "look": one.look, "changes": changes if steps else []})
        if steps and trace is not None and trace.k:
            entries[-1]["k"] = trace.k
            if trace.seen:
                entries[-1]["seen"] = likeness.shortened(trace.seen)
        if one.uid in model.hidden:
            entries[-1]["hidden"] = True
        if not steps:
            entries[-1]["method"] = specs.describe(one.method)
    focus = [one.uid for one in model.entries].index(model.focus) if model.entries else 0
    where = {"machine": machine().short()} if any("seen" in one for one in entries) else {}
    where |= {"experiment": model.experiment} if model.experiment else {}
    where |= {"said": model.said} if model.said is not None else {}
    where |= {"sweep": [*model.swept, model.sweep_shows]} if model.swept is not None else {}
    where |= {"abscissa": model.abscissa} if model.abscissa else {}
    return where | {
        "schema": specs.SCHEMA,
        "lab": model.lab.name,
        "problem": specs.describe(model.problem),
        "entries": entries,
        "stop": specs.values(model.stop),
        "against": model.against,
        "measure": model.measure,
        "picture": model.picture,
        "focus": focus,
    }


def read(spec: dict, lab) -> Page:
    """A page spec for this lab, checked from end to end; SpecError or KnobError with the reason."""
    specs.check_schema(spec)
    if spec.get("lab") != lab.name:
        raise SpecError(f"The link is for the lab {spec.get('lab')!r}; this page is the lab {lab.name!r}.")
    try:
        problem = specs.restore("problem", spec["problem"])
        where = Machine.read(spec.get("machine")).words()
        entries = tuple(_entry(one, where) for one in spec["entries"])
        stop = Stop(**spec.get("stop", {}))
        against, picture = spec.get("against", "k"), spec.get("picture", "")
        measure, focus = str(spec.get("measure", lab.measure)), int(spec.get("focus", 0))
        hidden = tuple(i for i, one in enumerate(spec["entries"]) if one.get("hidden") is True)
        abscissa = spec.get("abscissa", "")
    except ToolkitError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SpecError(f"The link is damaged ({error!r}): ask for a new one.") from None
    if len(entries) > MOST:
        raise SpecError(f"The link has {len(entries)} entries; a race holds {MOST}.")
    known = (*AGAINST, *dict.fromkeys(name for method, *_ in entries for name in method.scales))
    if against not in known:
        raise SpecError(f"The link draws against {against!r}; known: {', '.join(known)}.")
    if abscissa not in ABSCISSAE:
        raise SpecError(f"The link has the abscissa {abscissa!r}; known: {', '.join(map(repr, ABSCISSAE))}.")
    if picture not in ("", *(one.name for one in lab.pictures)):
        raise SpecError(f"The link shows the picture {picture!r}, which the lab {lab.name!r} does not have.")
    swept = sweep.checked(problem, [method for method, *_ in entries], spec.get("sweep"))
    about = (max(0, focus), abscissa, hidden, swept)
    return Page(problem, entries, stop, against, measure, picture, *about, *story.read(spec, lab))


def _entry(data: dict, where: dict) -> tuple:
    method = specs.restore("method", data["method"])
    look, k = int(data.get("look", 0)), int(data.get("k", 0))
    changes = tuple(planned(method, data.get("changes", ())))
    if not 0 <= look < MOST or k < 0:
        raise SpecError(f"The link has a line style {look} and {k} steps; expected 0 to {MOST - 1} and at least 0.")
    seen = likeness.read(data.get("seen"), k)
    return method, look, changes, k, seen and seen | {"machine": where}


def pack(spec: dict) -> str:
    """A spec as URL-safe text."""
    return base64.urlsafe_b64encode(zlib.compress(specs.dumps(spec).encode(), 9)).decode().rstrip("=")


def query(text: str) -> dict[str, str]:
    """The parts of an address's query by name."""
    return {name: values[0] for name, values in parse_qs(text.lstrip("?")).items()}


def lab_of(text: str) -> str:
    """The name of the lab that a query asks for, by itself or in its link; empty where it asks for none."""
    asked = query(text)
    try:
        return asked.get("lab") or str(unpack(asked["s"]).get("lab", "")) if asked else ""
    except (KeyError, SpecError):
        return ""


def unpack(text: str) -> dict:
    """The spec in the text of a link; SpecError with the reason for anything else."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        unzip = zlib.decompressobj()
        plain = unzip.decompress(data, LIMIT)
        if unzip.unconsumed_tail or not unzip.eof:
            raise SpecError("The link is cut off or too long: ask for a new one.")
        return specs.loads(plain.decode())
    except SpecError:
        raise
    except (binascii.Error, zlib.error, UnicodeError, ValueError) as error:
        raise SpecError(f"The link is damaged ({error}): ask for a new one.") from None
