"""Problem: what is asked."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import ClassVar

from toolkit.core.knob import Knobbed
from toolkit.core.probe import Measure
from toolkit.core.registry import register
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.kernels import _clock


class Problem(Knobbed):
    """Base of every problem: subclasses are frozen dataclasses of knobs; data is assembled lazily (`cached_property`).

    Data is assembled once, also where two runs want it at the same time, and on no method's clock.
    A class with a `title` of its own stands in the registry under the lab (package) it is defined in.
    """

    title: ClassVar[str] = ""
    sources: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        for base in cls.__mro__:
            for name, one in list(vars(base).items()):
                if type(one) is cached_property:
                    setattr(base, name, _Assembled(one.func))
                    vars(base)[name].__set_name__(base, name)
        register("problem", cls)

    @property
    def worked(self) -> Problem:
        """What methods are given: the problem itself, or the same one in units that floating point bears.

        Measures and claims see the problem itself, and a state's `solution()` is in its units.
        """
        return self

    @property
    def units(self) -> dict[str, float]:
        """Columns, by name, for which "relative" has a meaning of its own: relative to that, not to the first value."""
        return {}

    def doubt(self, state: State, column: str, goal: float) -> Status | None:
        """What to say instead of "converged", where that is not true; None where it is.

        Asked once, when a run ends as converged, be it by the stopping rule (what stands in `column` has come down to
        `goal`) or by its method (`state.status` says so).
        """
        return None

    def caption(self) -> str:
        """What the knobs mean in a few words (the element of a charge), and what was turned, left out or assumed of a
        file that one of them names; empty where they say it themselves."""
        return ""

    def measures(self) -> tuple[Measure, ...]:
        """What can be measured of a state on this problem; only measures that can be computed here are listed."""
        return ()


class _Assembling:
    """The lock of one problem; a copy of the problem has its own."""

    def __init__(self):
        self.lock = threading.RLock()

    def __reduce__(self):
        return _Assembling, ()


class _Assembled(cached_property):
    """Lazily assembled data of a problem: nobody's work, so that clocks stand still."""

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        kept = instance.__dict__
        with _clock.aside(_clock.ASSEMBLING), kept.setdefault("_assembling", _Assembling()).lock:
            if self.attrname not in kept:
                kept[self.attrname] = self.func(instance)
        return kept[self.attrname]
