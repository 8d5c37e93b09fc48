"""Slider positions: how a knob's range is cut into steps, linear or logarithmic. No bound is named here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from toolkit.core.errors import KnobError
from toolkit.core.knob import Knob

STEPS = 200


@dataclass(frozen=True)
class Scale:
    """Maps the whole positions 0 … `top` of a slider to the values of a knob with two bounds, and back."""

    knob: Knob

    @staticmethod
    def suits(knob: Knob) -> bool:
        """Whether a slider can show this knob: a number between two bounds, above zero on a logarithmic scale."""
        bounded = knob.low is not None and knob.high is not None and knob.low < knob.high
        number = knob.kind in (int, float) and knob.family is None and not knob.choices
        return bounded and number and (not knob.log or knob.low > 0) and knob.high - knob.low < 2**31 - 1

    @property
    def top(self) -> int:
        """The last position."""
        if self.knob.kind is int and not self.knob.log:
            return min(int(self.knob.high - self.knob.low), 4 * STEPS)
        return STEPS

    def value(self, position: int):
        """The knob's value at a position: the ends exactly, in between rounded to three digits."""
        low, high = self.knob.low, self.knob.high
        if position <= 0 or position >= self.top:
            found = low if position <= 0 else high
        elif self.knob.log:
            found = _round(low * (high / low) ** (position / self.top))
        else:
            found = _tidy(low + (high - low) * position / self.top, (high - low) / self.top)
        return round(found) if self.knob.kind is int else float(min(max(found, low), high))

    def position(self, value) -> int:
        """The position nearest to a value."""
        low, high = self.knob.low, self.knob.high
        part = math.log(value / low) / math.log(high / low) if self.knob.log else (value - low) / (high - low)
        return min(max(round(part * self.top), 0), self.top)


def _round(value: float) -> float:
    return float(f"{value:.3g}")


def _tidy(value: float, step: float) -> float:
    """A value rounded to the decade below the step."""
    return round(value, max(0, 1 - math.floor(math.log10(step))))


def shown(value) -> str:
    """A value as text that can be typed back."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def typed(knob: Knob, owner: str, text: str):
    """What a person typed, as the knob's value; KnobError with what is expected."""
    text = text.strip()
    if knob.kind is str:
        return knob.check(owner, text)
    try:
        number = float(text.replace("−", "-").replace(",", ""))
    except ValueError:
        raise KnobError(f"{owner}.{knob.name} = {text!r}: expected {knob.expected()}.") from None
    if knob.kind is int and number.is_integer():
        return knob.check(owner, int(number))
    return knob.check(owner, number)
