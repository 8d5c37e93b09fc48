"""The registry: every problem and method that has a title, by kind, lab and name.

A class enters when its module is imported, and that is when somebody asks for its lab, not before.
"""

from __future__ import annotations

import difflib

from toolkit.core.errors import SpecError
from toolkit.core.rooms import USER, lab_of, load, names, place

MANY = 20  # names beyond which a refusal tells the nearest only

_CLASSES: dict[tuple[str, str, str], type] = {}


def register(kind: str, cls: type) -> None:
    """Enter a class that has a title of its own; the same one again (a cell run twice) replaces it.

    TypeError when another module of the lab has the name already.
    """
    if not cls.__dict__.get("title"):
        return
    key = kind, lab_of(cls), cls.slug()
    before = _CLASSES.get(key)
    if before is not None and key[1] != USER and before.__module__ != cls.__module__:
        raise TypeError(f"{cls.__module__} and {before.__module__} both define the {kind} {key[2]!r}: rename one.")
    _CLASSES[key] = cls


def classes(kind: str, lab: str, family: type = object) -> dict[str, type]:
    """The classes of a lab by name, in the order of menus: families and their modules as declared, then as defined."""
    load(lab)
    found = {
        name: cls
        for (its_kind, its_lab, name), cls in _CLASSES.items()
        if (its_kind, its_lab) == (kind, lab) and issubclass(cls, family)
    }
    return dict(sorted(found.items(), key=lambda item: place(item[1])))


def find(kind: str, lab: str, name: str) -> type:
    """One registered class; SpecError with the known names, the nearest ones if they are many, when there is none."""
    if lab != USER and lab not in names():
        raise SpecError(f"There is no lab {lab!r}; {told_apart(lab, list(names()))}.")
    load(lab)
    cls = _CLASSES.get((kind, lab, name)) if isinstance(name, str) else None
    if cls is None:
        told = told_apart(name, list(classes(kind, lab)))
        raise SpecError(f"There is no {kind} {name!r} in the lab {lab!r}; {told}.")
    return cls


def told_apart(name: str, known: list[str]) -> str:
    """What a refusal says of the names there are: all of them, or of many the nearest."""
    if len(known) <= MANY:
        return f"known: {', '.join(known) or 'none'}"
    return f"nearest: {', '.join(difflib.get_close_matches(str(name), known, 5, 0))}; `toolkit catalogue` has all"
