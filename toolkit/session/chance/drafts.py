"""Drafts: legal problems and methods at random, the same ones again for the same seed and index."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from toolkit.core import registry, rooms, spec
from toolkit.core.errors import ToolkitError
from toolkit.core.knob import Knob, Knobbed, knobs
from toolkit.core.lab import Lab

TRIES = 60  # drafts before a method is let go
DEEP = 2  # parts within parts
LARGER = 4  # times the number that a case has: what grows with it would take too long to try
ENDS = 0.1  # share of drawn values that are an end of their range
PLENTY = 2**30  # a range of whole numbers up to here is that of a seed


@dataclass(frozen=True)
class Menu:
    """What is drawn from: classes of methods and problems, and `bases`, small problems whose other knobs stay."""

    methods: tuple[type, ...]
    problems: tuple[type, ...]
    bases: tuple = ()

    @classmethod
    def of(cls, lab: Lab) -> Menu:
        """All that a lab has, and its small cases."""
        return cls(tuple(lab.methods().values()), tuple(lab.problems().values()), lab.cases)


@dataclass
class Draft:
    """A problem or method that may not exist yet: its class and the knobs to turn, parts being drafts too."""

    cls: type
    values: dict = field(default_factory=dict)

    def made(self):
        """The object; a ToolkitError where its knobs do not go together."""
        return self.cls(**{name: one.made() if isinstance(one, Draft) else one for name, one in self.values.items()})

    def described(self) -> dict:
        """What `spec.restore` makes it of."""
        told = {name: _described(one) for name, one in self.values.items()}
        return {"lab": rooms.lab_of(self.cls), "name": self.cls.slug(), "knobs": told}


def _described(value):
    if isinstance(value, Draft):
        return value.described()
    return spec.describe(value) if isinstance(value, Knobbed) else value


@dataclass
class Pair:
    """A problem and a method that suit each other, in drafts."""

    problem: Draft
    method: Draft

    def spec(self) -> str:
        """The run in one line of JSON."""
        told = {"schema": spec.SCHEMA, "problem": self.problem.described(), "method": self.method.described()}
        return spec.dumps(told)

    def made(self) -> tuple:
        """(problem, method)."""
        return self.problem.made(), self.method.made()


def drawn(menu: Menu, seed: int, index: int, tell: Callable = lambda pair: None) -> Pair | None:
    """The pair that belongs to (seed, index); None where none of many drafts of its method suits anything.

    `tell(pair)` hears of each draft before it is made, so that one that ends the process is known. Knobs that do not go
    together are drawn anew, with fewer of them turned from try to try.
    """
    rng = np.random.default_rng([seed, index])
    method = menu.methods[rng.integers(len(menu.methods))]
    problems = [one for one in menu.problems if not method.problems or issubclass(one, method.problems)]
    bases = [one for one in menu.bases if type(one) in problems]
    for left in range(TRIES, 0, -1):
        share = rng.uniform(0, left / TRIES)
        pair = Pair(_problem(rng, problems, bases, share), draft(rng, method, share)) if problems else None
        if pair is None:
            return None
        tell(pair)
        try:
            made = pair.made()
        except ToolkitError:
            continue
        if not made[1].suits(made[0]):
            return pair
    return None


def _problem(rng, problems: list, bases: list, share: float) -> Draft:
    """Of any class, or of a small case with some knobs turned."""
    if not bases or rng.random() < 0.25:
        return draft(rng, problems[rng.integers(len(problems))], share)
    base = bases[rng.integers(len(bases))]
    made = draft(rng, type(base), share, base)
    kept = {name: getattr(base, name) for name, one in knobs(base).items() if getattr(base, name) != one.default}
    return Draft(type(base), kept | made.values)


def draft(rng: np.random.Generator, cls: type, share: float, base=None, depth: int = 0) -> Draft:
    """A draft of a class, about a `share` of its knobs turned from their defaults, or from those of `base`."""
    found = Draft(cls)
    for name, one in knobs(cls).items():
        if rng.random() < share:
            now = one.default if base is None else getattr(base, name)
            found.values[name] = _value(rng, one, now, share, depth)
    return found


def _value(rng, one: Knob, now, share: float, depth: int):
    if one.family is not None:
        return _part(rng, one.family, share, depth)
    if one.optional and rng.random() < 0.3:
        return None
    if one.choices:
        return one.choices[rng.integers(len(one.choices))]
    if one.kind is bool:
        return bool(rng.integers(2))
    if one.kind in (int, float):
        return _number(rng, one, now)
    return now  # a text, a file's name: what there is of them is not known


def _part(rng, family: type, share: float, depth: int) -> Draft:
    found = [one for one in registry.classes("method", rooms.lab_of(family), family).values()]
    chosen = found[rng.integers(len(found))]
    return draft(rng, chosen, share if depth < DEEP else 0.0, depth=depth + 1)


def _number(rng, one: Knob, now):
    """Within the range of a knob: on a log scale where that is its own or wide, and not far above what is small."""
    low, high = one.low, one.high
    usual = abs(now) if now else max(abs(low or 0.0), 1.0)
    low = low if low is not None else -10 * usual
    high = high if high is not None else 100 * usual
    if one.kind is int and high < PLENTY:
        high = max(low, min(high, LARGER * max(usual, low, 4)))
    if rng.random() < ENDS:
        value = (low, high)[rng.integers(2)]
    elif low > 0 and (one.log or high > 50 * low):
        value = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    elif one.kind is float and (one.log or high - low > 100 * usual):
        value = float(np.clip(usual * 10 ** rng.uniform(-3, 2), low, high))
    else:
        value = float(rng.uniform(low, high + (one.kind is int)))
    return int(np.clip(np.floor(value), low, high)) if one.kind is int else float(np.clip(value, low, high))


def seed_of(lab: str, seed: int) -> int:
    """A seed of its own for every lab."""
    return zlib.crc32(f"{lab} {seed}".encode())
