"""Problem: what is asked."""

from __future__ import annotations

from typing import ClassVar

from toolkit.core.knob import Knobbed
from toolkit.core.probe import Measure
from toolkit.core.registry import register


class Problem(Knobbed):
    """Base of every problem: subclasses are frozen dataclasses of knobs; data is assembled lazily (`cached_property`).

    A class with a `title` of its own stands in the registry under the lab (package) it is defined in.
    """

    title: ClassVar[str] = ""
    sources: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        register("problem", cls)

    def caption(self) -> str:
        """What the knobs mean in a few words (the element of a charge); empty where they say it themselves."""
        return ""

    def measures(self) -> tuple[Measure, ...]:
        """What can be measured of a state on this problem; only measures that can be computed here are listed."""
        return ()
