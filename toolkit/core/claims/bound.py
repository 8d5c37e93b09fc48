"""Bound: a measure stays below a curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from toolkit.core.claims.base import Claim
from toolkit.core.claims.rate import factor_of
from toolkit.core.claims.verdict import Figures, Observed, Verdict, undecided
from toolkit.core.claims.words import number, spoken, text, times
from toolkit.core.history import History


@dataclass(frozen=True, kw_only=True)
class Bound(Claim):
    """The measured value never exceeds the curve: measured ≤ (1 + slack) · curve(k, measured) + floor.

    `curve(k, values)` returns the promised values at the steps k; it sees the measured values, so that a bound may be
    relative to the first one or, for monotonicity (`monotone`), to the one before. `floor` is the attainable accuracy
    in the units of the measure: below it rounding, not theory, decides. `limit` is what the curve is called.
    """

    measure: str
    curve: Callable
    floor: float = 0.0
    slack: float = 1e-8
    limit: str = "the bound"

    def seen(self, verdict, called):
        """How far below or above the curve it is where it is worst."""
        value, promised = verdict.measured, verdict.promised
        if not (value > 0 and promised > 0 and np.isfinite(promised)):
            return f"{number(value)} where {self.limit} is {number(promised)}"
        if not verdict.holds:
            return f"{times(value / promised)} {self.limit}"
        if value > promised * (1 + 1e-6):
            return f"at {self.limit}, to {'rounding' if self.slack < 1e-3 else f'{100 * self.slack:.2g} %'}"
        last, allowed = verdict.end
        falls = self.limit == Bound.limit and 0 < last < allowed < np.inf
        far = allowed / last if falls else 1.0
        if value > promised / 1.0005:
            return f"never above {self.limit}" + (f", at the end {times(far)} below" if far > 1.05 else "")
        nearest = f"{times(promised / value)} below {self.limit} where it is nearest"
        return nearest + (f", {times(far)} at the end" if far > 1.05 * promised / value else "")

    def usual(self, called):
        """The measure below its curve."""
        return rf"{text(called)}_k \le {text(self.limit.removeprefix('the '))}_k"

    def overlay(self, history):
        k, values = history.series(self.measure)
        return (k, np.asarray(self.curve(k, values), dtype=float)) if len(k) else None

    def drawn(self, history):
        """The curve, unless it is the measured one repeated or shifted by a step."""
        found = self.overlay(history)
        if found is None:
            return None
        promised, values = found[1], history.series(self.measure)[1]
        repeated = np.mean(promised == values) > 0.5 or np.array_equal(promised[1:], values[:-1])
        return None if repeated else found

    def observed(self, history: History) -> Observed | None:
        """The observed factor beside that of the later half of the curve, where it falls."""
        found = self.drawn(history)
        if found is None or len(found[1]) < 5:
            return None
        half = len(found[1]) // 2
        k, y = found[0][half:], found[1][half:]
        if not (np.all(np.isfinite(y)) and np.all(y > 0) and np.all(np.diff(y) < 0) and k[-1] > k[0]):
            return None
        return Observed(factor_of(history, self.measure), float((y[-1] / y[0]) ** (1 / (k[-1] - k[0]))))

    def weigh(self, table):
        """The verdict on rows (step, value)."""
        k, values = table.T
        if len(k) < 2:
            return undecided("needs two measured steps")
        promised = np.asarray(self.curve(k, values), dtype=float)
        excess = values - ((1 + self.slack) * promised + self.floor)
        with np.errstate(invalid="ignore"):
            share = excess / np.maximum(promised, self.floor + 1e-300)
        unlimited = np.where(excess < 0, -np.inf, np.inf)  # where the curve is infinite, and where it is NaN
        worst = int(np.argmax(np.where(np.isfinite(excess), share, unlimited)))
        holds = bool(excess[worst] <= 0)
        why = "stays below" if holds else f"exceeds it at step {k[worst]:g}"
        seen = dict(at=float(k[worst]), end=(float(values[-1]), float(promised[-1])))
        return Verdict(holds, float(values[worst]), float(promised[worst]), (k[0], k[-1]), why, **seen)

    def figures(self, tables):
        """The values at every step, each below what the curve allows there."""
        allowed = np.array([self.curve(one[:, 0], one[:, 1]) for one in tables], dtype=float)
        return Figures(tables[..., 1], np.array(-np.inf), (1 + self.slack) * allowed + self.floor)


def monotone(measure: str, *, floor: float = 0.0, **about) -> Bound:
    """The measure never grows from one measured step to the next, down to `floor`."""
    about.setdefault("title", f"{spoken(measure)} never grows")
    about.setdefault("limit", "the value before it")
    about.setdefault("formula", rf"{text(measure)}_{{k+1}} \le {text(measure)}_k")
    return Bound(measure=measure, curve=lambda k, v: np.concatenate((v[:1], v[:-1])), floor=floor, **about)


def at_most_one(measure: str, **about) -> Bound:
    """A share of a bound, error over bound say, never exceeds one."""
    about.setdefault("formula", rf"{text(measure)}_k \le 1")
    return Bound(measure=measure, curve=lambda k, values: np.ones(len(k)), **about)
