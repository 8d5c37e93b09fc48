"""Lab: a named set of families with their problems, methods, pictures and experiments."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from toolkit.core import registry, rooms
from toolkit.core.errors import ToolkitError
from toolkit.core.prediction import Prediction


@dataclass(frozen=True)
class Picture:
    """Something to look at beside the curves: `data(problem, state)` gives arrays, or None when there is nothing yet.

    kind "image": {"z": (rows, columns)}; "images": {title: (rows, columns), …}, up to three side by side;
    "lines": {"x": …, label: y, …}; "points": {label: (x, y), …};
    "mesh": {"points": (n, 2), "cells": (m, 3 or 4), "values": (n,) or (m,)}.
    `of` are the kinds of state or of problem it is a picture of; `when(problem, state)` is what must be true besides,
    cheap to ask. Which pictures there are of a run is known from these, and none is computed to find out.
    `log`: the ordinate of lines and points is logarithmic; the values of images and meshes are logarithms (as they are
    where a title begins with log₁₀).
    `grey`: images that are photographs, black to white; those that take both signs keep their two colours.
    """

    name: str
    title: str
    kind: str
    data: Callable
    x: str = ""
    y: str = ""
    log: bool = False
    grey: bool = False
    of: type | tuple[type, ...] = object
    when: Callable | None = None

    def applies(self, problem, state) -> bool:
        """Whether it is a picture of this problem or of this state."""
        known = isinstance(state, self.of) or isinstance(problem, self.of)
        return known and (self.when is None or bool(self.when(problem, state)))


LEVELS = ("no mathematics beyond a straight line", "a first course", "an advanced course", "research")


@dataclass(frozen=True)
class Experiment:
    """A question worth a run: a problem, the methods that race on it, what to look at, and the story around it.

    `measure` is the curve to draw (empty: the lab's own), `against` the counter, `picture` what stands beside it.
    `predict` is what a person is asked before Start, `why` the answer in about three sentences, `formula` the one that
    it rests on (TeX, without dollar signs), `level` an index into LEVELS, `minutes` what it takes a person who reads it
    all, `then` the name of the experiment of the same lab to go on with. In `question`, `why` and the prediction
    formulas stand between dollar signs. `trouble` are the kinds of status, other than a good end, that are its point.
    """

    name: str
    title: str
    question: str
    problem: object
    methods: tuple
    stop: object = None
    measure: str = ""
    against: str = "k"
    picture: str = ""
    predict: Prediction | None = None
    why: str = ""
    formula: str = ""
    level: int = 1
    minutes: int = 5
    then: str = ""
    trouble: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys in references.bib of its problem and methods, each once."""
        owners = (self.problem, *self.methods)
        return tuple(dict.fromkeys(key for one in owners for key in getattr(type(one), "sources", ())))


@dataclass(frozen=True)
class Lab:
    """A named set of families, in the order of menus; what is in them is imported when first asked for.

    `level` is its place among the labs, `measure` the curve to draw where nobody chose one.
    """

    name: str
    title: str
    about: str
    families: tuple[str, ...] = ()
    level: int = 0
    measure: str = ""
    unit: str = ""

    @cached_property
    def cases(self) -> tuple:
        """The small problems on which its promises are checked."""
        return self._gathered("CASES")

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        """What there is to see beside the curves."""
        return self._gathered("PICTURES")

    @cached_property
    def experiments(self) -> tuple[Experiment, ...]:
        """The questions worth a run."""
        return self._gathered("EXPERIMENTS")

    @cached_property
    def shipped(self) -> tuple:
        """The weights it holds (`networks.Shipped`), each with the run that leaves them."""
        return self._gathered("SHIPPED")

    def _gathered(self, what: str) -> tuple:
        return sum((getattr(module, what, ()) for module in rooms.load(self.name)), ())

    def problems(self) -> dict[str, type]:
        """Its problems by name, in the order of menus."""
        return registry.classes("problem", self.name)

    def methods(self) -> dict[str, type]:
        """Its methods by name, in the order of menus."""
        return registry.classes("method", self.name)

    def experiment(self, name: str) -> Experiment:
        """One experiment by name; ToolkitError with the nearest names when there is none."""
        for one in self.experiments:
            if one.name == name:
                return one
        told = registry.told_apart(name, [one.name for one in self.experiments])
        raise ToolkitError(f"The lab {self.name!r} has no experiment {name!r}; {told}.")


@functools.cache
def labs() -> dict[str, Lab]:
    """Every lab by name, in order; none of their families is imported for it."""
    found = [importlib.import_module(f"toolkit.{name}").LAB for name in rooms.names()]
    return {one.name: one for one in sorted(found, key=lambda one: (one.level, one.name))}


def lab(name: str) -> Lab:
    """One lab by name; ToolkitError with the known names when there is none."""
    if not isinstance(name, str) or name not in labs():
        raise ToolkitError(f"There is no lab {name!r}; known: {', '.join(labs()) or 'none'}.")
    return labs()[name]
