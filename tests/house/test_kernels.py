"""Every module of kernels says which families use it, and these are the ones that import it."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import toolkit
from toolkit import kernels

ROOT = Path(toolkit.__file__).parent
USED = re.compile(r"^Used by (toolkit/[a-z_/]+): .+\.$", re.MULTILINE)
NAMES = [
    info.name
    for info in pkgutil.walk_packages(kernels.__path__, "toolkit.kernels.")
    if not info.ispkg and "._" not in info.name
]


def imported(path: Path) -> set[str]:
    """The modules of kernels that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return found & set(NAMES)


def users() -> dict[str, set[str]]:
    """The rooms that use each module: a lab's family, else a floor."""
    found = {name: set() for name in NAMES}
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT).parts
        if place[0] != "kernels":
            depth = 2 if len(place) > 2 else 1
            for name in imported(path):
                found[name].add("/".join(("toolkit", *place[:depth])))
    return found


@pytest.fixture(scope="module")
def known():
    return users()


@pytest.mark.parametrize("name", NAMES)
def test_a_module_says_who_uses_it(name, known):
    told = USED.findall(importlib.import_module(name).__doc__)
    assert told and len(told) == len(set(told))
    assert set(told) == known[name]
