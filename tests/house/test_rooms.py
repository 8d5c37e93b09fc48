"""Where things stand: what asking for a lab brings in, the order of menus, public faces, and the old names."""

import importlib
import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import toolkit as tk
from toolkit.core import registry, rooms
from toolkit.core.lab import Lab

PLACES = json.loads((Path(__file__).parent / "before" / "places.json").read_text())
STANDS_ON = {"mesh": {"preconditioner"}}


def brought(code: str) -> set[str]:
    """The modules of the toolkit that stand in memory after some code, in a process of its own."""
    end = "\nimport sys; print(*(name for name in sys.modules if name.startswith('toolkit.')))"
    command = [sys.executable, "-c", code + end]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def labs_in(modules: set[str]) -> set[str]:
    """The labs of which a family was imported."""
    return {parts[1] for parts in (name.split(".") for name in modules) if len(parts) > 3 and parts[1] in rooms.names()}


def test_the_list_of_labs_imports_no_family():
    assert labs_in(brought("import toolkit; print([one.title for one in toolkit.labs().values()])")) == set()


@pytest.mark.parametrize("lab", rooms.names())
def test_a_lab_brings_what_it_stands_on_and_no_more(lab):
    below = {lab}
    while below != (more := below.union(*(STANDS_ON.get(one, set()) for one in below))):
        below = more
    asked = [f"toolkit.lab({lab!r}).methods()", f"toolkit.core.registry.classes('problem', {lab!r})"]
    for code in (*asked, f"toolkit.lab({lab!r}).experiments"):
        assert lab in labs_in(brought(f"import toolkit, toolkit.core.registry\n{code}")) <= below


def test_labs_stand_in_the_order_they_declare():
    levels = [one.level for one in tk.labs().values()]
    assert levels == sorted(levels) and len(set(levels)) == len(levels)


@pytest.mark.parametrize("lab", rooms.names())
def test_menus_follow_the_families_and_their_modules_as_declared(lab):
    package = importlib.import_module(f"toolkit.{lab}")
    for kind in ("problem", "method"):
        places = []
        for cls in registry.classes(kind, lab).values():
            family, module = cls.__module__.split(".")[2:]
            order = importlib.import_module(f"toolkit.{lab}.{family}").ORDER
            places.append((package.LAB.families.index(family), (*order, module).index(module)))
        assert places == sorted(places)


@pytest.mark.parametrize("lab", rooms.names())
def test_a_lab_and_its_families_offer_their_classes_by_name(lab):
    whole = importlib.import_module(f"toolkit.{lab}")
    assert isinstance(whole.LAB, Lab)
    for kind in ("problem", "method"):
        for cls in registry.classes(kind, lab).values():
            family = importlib.import_module(cls.__module__.rsplit(".", 1)[0])
            assert getattr(whole, cls.__name__) is getattr(family, cls.__name__) is cls
            assert cls.__name__ in dir(whole) and rooms.family_title(cls) == family.TITLE
    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        whole.Nobody  # noqa: B018
    with pytest.raises(ImportError):
        importlib.import_module(f"toolkit.{lab}.nobody")


@pytest.mark.parametrize("lab", sorted({key.split("/")[0] for key in PLACES}))
def test_classes_are_found_under_their_old_names_and_in_old_specs(lab):
    """Modules as they were called before there were families: what exported scripts and notebooks import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for key, (module, name) in PLACES.items():
            place, kind, slug = key.split("/")
            if place == lab:
                assert getattr(importlib.import_module(module), name) is registry.find(kind, lab, slug), key


def test_an_old_name_says_that_it_is_one():
    code = "import warnings; warnings.simplefilter('error'); import toolkit; import toolkit.mesh.atom_lda"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "toolkit.mesh.atom_lda has moved to toolkit.mesh.quantum.kohn_sham" in done.stderr
