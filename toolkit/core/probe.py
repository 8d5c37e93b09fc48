"""Probe: how a run is looked at, without touching it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from toolkit.core.errors import KnobError
from toolkit.core.state import COUNTERS

CLOCKWORK = ("k", *COUNTERS, "seconds")  # columns that every history has


@dataclass(frozen=True)
class Measure:
    """A number that can be asked of a state: `function(problem, state) -> float`, NaN where it has no answer.

    `symbol` and `unit` label the axis, which is linear without `log` (shares, counts, what may be negative); `doc` says
    what is measured.
    """

    name: str
    title: str
    function: Callable
    symbol: str = ""
    unit: str = ""
    log: bool = True
    doc: str = ""


def _positive(name: str, value) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1 << 62:
        raise KnobError(f"{name} = {value!r}: expected a whole number of at least 1.")


@dataclass(frozen=True, slots=True)
class Every:
    """Cadence: every `n`-th step."""

    n: int = 1

    def __post_init__(self):
        _positive("Every.n", self.n)

    def next(self, k: int) -> int:
        """The first due step after step k."""
        return (k // self.n + 1) * self.n

    def words(self) -> dict:
        """This cadence in a spec."""
        return {"every": self.n}


@dataclass(frozen=True, slots=True)
class Octaves:
    """Cadence: every step up to `per`, then `per` times an octave: the cost of looking fades as a run grows long."""

    per: int = 32

    def __post_init__(self):
        _positive("Octaves.per", self.per)

    def next(self, k: int) -> int:
        """The first due step after step k."""
        stride = 1 << max(0, math.frexp((k + 1) / self.per)[1] - 1)
        return (k // stride + 1) * stride

    def words(self) -> dict:
        """This cadence in a spec."""
        return {"per": self.per}


@dataclass(frozen=True)
class Probe:
    """A measure and when to take it. Its time is not on the run's clock, its products are not counted."""

    measure: Measure
    cadence: Every | Octaves = Octaves()

    @property
    def name(self) -> str:
        """The column that its measure fills."""
        return self.measure.name


def cadence(words: dict) -> Every | Octaves:
    """The cadence that a spec describes."""
    return Every(words["every"]) if words.get("every") else Octaves(words.get("per", Octaves().per))


def probe(problem, method, one) -> Probe:
    """A Probe of a Measure, or of the measure of this name; KnobError with the known names where there is none."""
    if isinstance(one, Probe):
        return one
    if isinstance(one, str):
        known = {measure.name: measure for measure in (*problem.measures(), *method.measures(problem))}
        if one not in known:
            raise KnobError(f"There is no measure {one!r} here; known: {', '.join(known) or 'none'}.")
        one = known[one]
    return Probe(one)


def watched(problem, method, probes, looked: str) -> tuple[Probe, ...]:
    """One probe of each measure the method does not monitor; that of the stopping rule, `looked`, at every step."""
    found = {one.name: one for one in probes if one.name not in method.monitors}
    for name in found:
        if name in CLOCKWORK:
            raise KnobError(f"A measure cannot be called {name!r}: every history has a column of that name.")
    if looked and looked not in (*method.monitors, *CLOCKWORK):
        found[looked] = Probe((found.get(looked) or probe(problem, method, looked)).measure, Every(1))
    return tuple(found.values())
