"""Probe: how a run is looked at, without touching it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A number that can be asked of a state: `function(problem, state) -> float`, NaN where it has no answer.

    `symbol` and `unit` label the axis, `doc` says what is measured.
    """

    name: str
    title: str
    function: Callable
    symbol: str = ""
    unit: str = ""
    log: bool = True
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Every:
    """Cadence: every `n`-th step."""

    n: int = 1

    def next(self, k: int) -> int:
        """The first due step after step k."""
        return (k // self.n + 1) * self.n


@dataclass(frozen=True, slots=True)
class Octaves:
    """Cadence: every step up to `per`, then `per` times an octave: the cost of looking fades as a run grows long."""

    per: int = 32

    def next(self, k: int) -> int:
        """The first due step after step k."""
        stride = 1 << max(0, math.frexp((k + 1) / self.per)[1] - 1)
        return (k // stride + 1) * stride


@dataclass(frozen=True)
class Probe:
    """A measure and when to take it. Its time is not on the run's clock, its products are not counted."""

    measure: Measure
    cadence: Every | Octaves = Octaves()

    @property
    def name(self) -> str:
        return self.measure.name
