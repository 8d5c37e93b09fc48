"""Knobs: what a person may turn, declared once on the class that owns it."""

from __future__ import annotations

import dataclasses
import math
import operator
import reprlib
from dataclasses import dataclass, field
from typing import ClassVar

from toolkit.core.errors import KnobError


@dataclass(frozen=True, slots=True)
class Knob:
    """One knob: its kind (float, int, bool, str or a family of parts), range and wording.

    `optional` knobs take None, whose meaning `doc` states; `log` asks for a logarithmic slider; `live` knobs may be
    turned in mid-run; `family` is the base class of a nested part (a preconditioner inside a solver); `file` holds the
    name endings of a knob that names a file.
    """

    name: str
    default: object
    kind: type
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple = ()
    symbol: str = ""
    unit: str = ""
    live: bool = False
    optional: bool = False
    family: type | None = None
    file: tuple[str, ...] = ()
    doc: str = ""

    def check(self, owner: str, value):
        """`value` as this knob's type, or KnobError naming owner, knob, value and what is expected."""
        if value is None and self.optional:
            return None
        try:
            accepted = self._convert(value)
        except (TypeError, ValueError, OverflowError):
            accepted = None
        if accepted is None and isinstance(value, type) and issubclass(value, self.family or ()):
            raise KnobError(f"{owner}.{self.name} is the class {value.__name__}: give one of it, {value.__name__}().")
        if accepted is None or not self._within(accepted):
            raise KnobError(f"{owner}.{self.name} = {reprlib.repr(value)}: expected {self.expected()}.")
        return accepted

    def expected(self) -> str:
        """The accepted values in words."""
        if self.family is not None:
            text = f"a {self.family.__name__}"
        elif self.choices:
            text = "one of " + ", ".join(repr(choice) for choice in self.choices)
        else:
            text = {float: "a number", int: "a whole number", bool: "True or False", str: "a text"}[self.kind]
            low, high = self.low, self.high
            if low is not None and high is not None:
                text += f" from {low:g} to {high:g}"
            elif low is not None or high is not None:
                text += f" of at least {low:g}" if low is not None else f" of at most {high:g}"
        return text + (" or None" if self.optional else "")

    def _convert(self, value):
        if self.family is not None:
            return value if isinstance(value, self.family) else None
        if self.kind is bool:
            return bool(value) if type(value).__name__ in ("bool", "bool_") else None
        if isinstance(value, (bool, str)) and self.kind is not str:
            return None
        if self.kind is int:
            return operator.index(value)
        if self.kind is float:
            return float(value)
        return value if isinstance(value, str) else None

    def _within(self, value) -> bool:
        if self.choices:
            return value in self.choices
        if self.kind in (int, float) and self.family is None:
            above = self.low is None or value >= self.low
            finite = self.kind is int or math.isfinite(value)
            return finite and above and (self.high is None or value <= self.high)
        return True


def knob(
    default,
    low=None,
    high=None,
    *,
    log=False,
    choices=(),
    symbol="",
    unit="",
    live=False,
    kind=None,
    optional=False,
    file=(),
    doc="",
):
    """A dataclass field that is a knob; `kind` is needed only where the default is None."""
    kind = kind or type(default)
    options = dict(low=low, high=high, log=log, choices=tuple(choices), symbol=symbol, unit=unit, live=live)
    made = Knob("", default, kind, **options, optional=optional or default is None, file=tuple(file), doc=doc)
    return field(default=default, metadata={"knob": made})


def seed_knob(what: str):
    """The knob of a seed; `what` says in words what is drawn with it."""
    return knob(0, 0, 2**31 - 1, doc=f"seed of {what}")


def part(family: type, default, *, doc=""):
    """A knob whose value is itself an object with knobs: any registered member of `family`."""
    return field(default=default, metadata={"knob": Knob("", default, object, family=family, doc=doc)})


def knobs(owner) -> dict[str, Knob]:
    """The knobs of a class or object, by name, in the order of declaration."""
    found = {f.name: f.metadata["knob"] for f in dataclasses.fields(owner) if "knob" in f.metadata}
    return {name: dataclasses.replace(one, name=name) for name, one in found.items()}


class Knobbed:
    """Base of Problem and Method: a frozen dataclass whose knobs are checked when it is made.

    `chaotic`: why rounding decides what comes later of a run, in words, so that other processors give other digits;
    empty where it does not.
    """

    chaotic: ClassVar[str] = ""

    def __new__(cls, *_, **values):
        made = object.__new__(cls)
        if not all(f in cls.__dataclass_fields__ for f in values):
            _refused(cls, values)
        return made

    def __post_init__(self):
        for name, one in knobs(self).items():
            object.__setattr__(self, name, one.check(type(self).__name__, getattr(self, name)))

    def turned(self, **values):
        """A copy with some knobs changed, "part.knob" those of a part; KnobError for a name that is no knob."""
        known, changed = knobs(self), {}
        for name, value in values.items():
            head, _, rest = name.partition(".")
            if head not in known or (rest and known[head].family is None):
                raise KnobError(f"{type(self).__name__} has no knob {name!r}; its knobs: {_named(self)}.")
            changed[head] = changed.get(head, getattr(self, head)).turned(**{rest: value}) if rest else value
        return dataclasses.replace(self, **changed)

    @classmethod
    def slug(cls) -> str:
        """The name in the registry, in specs and links: `name` if the class sets one, else its name in snake case."""
        own = cls.__dict__.get("name")
        if isinstance(own, str):
            return own
        word = cls.__name__
        pieces = (
            "_" + c.lower()
            if c.isupper() and i and (word[i - 1].islower() or word[i + 1 : i + 2].islower())
            else c.lower()
            for i, c in enumerate(word)
        )
        return "".join(pieces)


def _refused(cls: type, values: dict) -> None:
    """KnobError for a name that neither a knob nor an argument of a hand-written `__init__` bears."""
    for name in values:
        if name not in cls.__init__.__code__.co_varnames:
            raise KnobError(f"{cls.__name__} has no knob {name!r}; its knobs: {', '.join(knobs(cls)) or 'none'}.")


def reach(owner) -> list[str]:
    """The names of its knobs, and of those of its parts as "part.knob"."""
    found = []
    for name, one in knobs(owner).items():
        found.append(name)
        if one.family is not None:
            found += [f"{name}.{inner}" for inner in reach(getattr(owner, name))]
    return found


def _named(owner) -> str:
    return ", ".join(reach(owner)) or "none"


def brief(owner) -> str:
    """An object and those of its knobs that are not as they come, as they would be typed."""
    if not knobs(owner):
        return repr(owner) if type(owner).__repr__ is not object.__repr__ else f"{type(owner).__name__}()"
    turned = [(name, getattr(owner, name)) for name, one in knobs(owner).items() if getattr(owner, name) != one.default]
    told = (f"{name}={brief(value) if isinstance(value, Knobbed) else reprlib.repr(value)}" for name, value in turned)
    return f"{type(owner).__name__}({', '.join(told)})"


def rung(problem, method, over: str, value) -> tuple:
    """(problem, method) with the knob `over` set on whichever of the two has it; the method is asked first.

    "part.knob" is a knob of a part: "preconditioner.omega".
    """
    if over in reach(method):
        return problem, method.turned(**{over: value})
    if over in reach(problem):
        return problem.turned(**{over: value}), method
    names = [f"{type(owner).__name__} has {_named(owner)}" for owner in (method, problem)]
    raise KnobError(
        f"Neither {type(method).__name__} nor {type(problem).__name__} has a knob {over!r} to ladder over: "
        f"{'; '.join(names)}."
    )


def labels(owners: list) -> list[str]:
    """The labels of methods side by side: those that read the same name the knobs in which they differ."""
    alike: dict[str, list] = {}
    for one in owners:
        alike.setdefault(one.label(), []).append(one)
    return [_label(one, alike[one.label()]) for one in owners]


def _label(owner, twins: list) -> str:
    word, told = owner.label(), []
    for name, one in knobs(owner).items():
        value = getattr(owner, name)
        if isinstance(value, (int, float, str)) and any(getattr(twin, name, value) != value for twin in twins):
            sign = one.symbol or name.replace("_", " ")
            told.append(f"{sign} = {value:.4g}" if isinstance(value, float) else f"{sign} = {value}")
    return f"{word}, {', '.join(told)}" if told else word
