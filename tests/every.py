"""What the tests of every lab stand on: names only, so that nothing is built or computed at collection."""

import functools

import pytest

import toolkit as tk
from toolkit.core import registry


def methods():
    """One parameter a registered method: (lab's name, method's name)."""
    return [pytest.param(lab, name, id=f"{lab}-{name}") for lab, one in tk.labs().items() for name in one.methods()]


def offered():
    """One parameter an experiment: (lab's name, its name)."""
    found = [(lab, one.name) for lab, whole in tk.labs().items() for one in whole.experiments]
    return [pytest.param(*pair, id="-".join(pair)) for pair in found]


@functools.lru_cache(maxsize=4)
def suited(lab: str, name: str) -> tuple:
    """(problem, method) for every case of the lab that the method suits, with default knobs; at least one.

    The problems are fresh: what a test has them remember is forgotten with them.
    """
    cls = registry.find("method", lab, name)
    cases = [problem.turned() for problem in tk.lab(lab).cases]
    return tuple((problem, cls()) for problem in cases if not cls().suits(problem))
