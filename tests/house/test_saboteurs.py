"""Every promise of a family has a saboteur in the family's tests."""

import runpy
from pathlib import Path

import pytest
from every import suited

import toolkit as tk
from toolkit.core import registry

TESTS = Path(__file__).parent.parent
TABLES = sorted(TESTS.glob("*/*/test_saboteurs.py"))


def names(table: Path) -> tuple[str, str]:
    """(lab, family) of a table."""
    return table.parent.parent.name, table.parent.name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: "-".join(names(table)))
def test_every_promise_has_a_saboteur(table):
    """By its words; `ELSEWHERE` of a table has those of promises that a test of its own breaks."""
    lab, family = names(table)
    found = runpy.run_path(str(table))
    words = {one.title for one in found["SABOTEURS"]} | set(found.get("ELSEWHERE", ()))
    without = set()
    for name, cls in registry.classes("method", lab).items():
        if cls.__module__.split(".")[2] != family:
            continue
        for problem, method in suited(lab, name):
            for claim in method.claims(problem):
                if not any(one in claim.title for one in words):
                    without.add(f"{cls.__name__}: {claim.title}")
    assert not without, "\n".join(sorted(without))


def test_every_family_has_a_table():
    families = {(lab, family) for lab, one in tk.labs().items() for family in one.families}
    promising = {pair for pair in families if promises(*pair)}
    assert promising == {names(table) for table in TABLES}


def promises(lab: str, family: str) -> bool:
    """Whether a family has methods."""
    return any(cls.__module__.split(".")[2] == family for cls in registry.classes("method", lab).values())
