"""Every public module, class, function, method and property says what it is; overrides inherit what their bases say."""

import importlib
import inspect
import pkgutil
from functools import cached_property

import pytest

import toolkit

ROOMS = ("catalogue", "cli", "core", "data", "kernels", "networks", "session", "ui", *toolkit.labs())


def modules(room):
    """The modules of a room under toolkit, imported."""
    module = importlib.import_module(f"toolkit.{room}")
    yield module
    for info in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            yield importlib.import_module(info.name)


def functions(cls):
    """(name, function) of the public methods and properties that a class defines itself."""
    for name, thing in vars(cls).items():
        inner = (
            getattr(thing, "fget", None) or getattr(thing, "func", None) or getattr(thing, "__func__", None) or thing
        )
        if not name.startswith("_") and (inspect.isfunction(inner) or isinstance(thing, (property, cached_property))):
            yield name, inner


def told(cls, name):
    """Whether a class or one of its bases explains a name."""
    for base in cls.__mro__:
        thing = vars(base).get(name)
        if thing is not None and getattr(thing, "__doc__", None):
            return True
    return False


def silent(module):
    """What of a module has no docstring."""
    if not module.__doc__:
        yield module.__name__
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(thing):
            written = thing.__doc__ and not thing.__doc__.startswith(
                f"{name}("
            )  # what dataclass writes is no docstring
            if not written:
                yield f"{module.__name__}.{name}"
            yield from (f"{module.__name__}.{name}.{one}" for one, _ in functions(thing) if not told(thing, one))
        elif (inspect.isfunction(thing) or hasattr(thing, "py_func")) and not thing.__doc__:
            yield f"{module.__name__}.{name}"


@pytest.mark.parametrize("room", ROOMS)
def test_everything_public_is_explained(room):
    found = [name for module in modules(room) for name in silent(module)]
    assert not found, f"{len(found)} without a docstring: " + ", ".join(found)
