"""Where things stand: the labs' packages, their families, and what a package offers by name. Imports only on demand.

A lab is a package under `toolkit` that is no floor; a family is a package in it, named in the lab's `LAB.families`. A
family's `__init__` has its `TITLE`, and in `ORDER` its modules as menus show them; modules it does not name come last.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

from toolkit.core.knob import Knobbed

FLOORS = ("kernels", "core", "data", "networks", "session", "ui", "cli")
USER = "user"  # the lab of whatever is defined outside the toolkit: in a notebook, a script, a test
_ROOT = Path(__file__).resolve().parent.parent


def lab_of(cls: type) -> str:
    """The lab a class belongs to: the package under `toolkit` that defines it, else `user`."""
    parts = cls.__module__.split(".")
    return parts[1] if parts[0] == "toolkit" and len(parts) > 2 else USER


@functools.cache
def names() -> tuple[str, ...]:
    """The names of the labs' packages; nothing is imported."""
    found = (info.name for info in pkgutil.iter_modules([str(_ROOT)]) if info.ispkg)
    return tuple(name for name in found if name not in FLOORS)


@functools.cache
def load(lab: str) -> tuple[ModuleType, ...]:
    """The modules of a lab, imported: family by family, in each as its `ORDER` says. None of a name that is no lab."""
    if lab not in names():
        return ()
    package = importlib.import_module(f"toolkit.{lab}")
    return tuple(module for family in package.LAB.families for module in _modules(f"{package.__name__}.{family}"))


@functools.cache
def _within(package: str) -> tuple[str, ...]:
    return tuple(sorted(info.name for info in pkgutil.iter_modules(importlib.import_module(package).__path__)))


@functools.cache
def _modules(family: str) -> tuple[ModuleType, ...]:
    package = importlib.import_module(family)
    order = [*package.ORDER, *(name for name in _within(family) if name not in package.ORDER)]
    return tuple(importlib.import_module(f"{family}.{name}") for name in order)


def place(cls: type) -> int:
    """Where the module of a class stands in the order of its lab."""
    names = [module.__name__ for module in load(lab_of(cls))]
    return names.index(cls.__module__) if cls.__module__ in names else len(names)


def family_title(cls: type) -> str:
    """The title of the family a class belongs to; empty outside the toolkit."""
    parts = cls.__module__.split(".")
    if lab_of(cls) == USER or len(parts) < 4:
        return ""
    return importlib.import_module(".".join(parts[:3])).TITLE


def face(package: str):
    """(`__getattr__`, `__dir__`) of a lab's or a family's package: its public names, imported when first asked for.

    Public are its problems and methods, their bases, and what the `PUBLIC` of a family names besides; its modules too,
    and these are found without importing any other.
    """

    @functools.cache
    def offered() -> dict[str, object]:
        families = [package] if package.count(".") > 1 else _families(package)
        return {name: thing for family in families for name, thing in _public(family)}

    def find(name: str):
        if name in _within(package):
            return importlib.import_module(f"{package}.{name}")
        if name.startswith("_") or name not in offered():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return offered()[name]

    def listed() -> list[str]:
        return sorted({*vars(importlib.import_module(package)), *offered()})

    return find, listed


def _families(lab: str) -> list[str]:
    return [f"{lab}.{family}" for family in importlib.import_module(lab).LAB.families]


def _public(family: str):
    named = vars(importlib.import_module(family)).get("PUBLIC", ())
    for module in _modules(family):
        for name, thing in vars(module).items():
            own = inspect.isclass(thing) and issubclass(thing, Knobbed) and thing.__module__ == module.__name__
            if (own and not name.startswith("_")) or name in named:
                yield name, thing
