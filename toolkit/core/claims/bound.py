"""Bound: a measure stays below a curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from toolkit.core.claims.base import Claim
from toolkit.core.claims.rate import factor_of
from toolkit.core.claims.verdict import Figures, Observed, Verdict, undecided
from toolkit.core.history import History


@dataclass(frozen=True, kw_only=True)
class Bound(Claim):
    """The measured value never exceeds the curve: measured ≤ (1 + slack) · curve(k, measured) + floor.

    `curve(k, values)` returns the promised values at the steps k; it sees the measured values, so that a bound may be
    relative to the first one or, for monotonicity (`monotone`), to the one before. `floor` is the attainable accuracy
    in the units of the measure: below it rounding, not theory, decides.
    """

    measure: str
    curve: Callable
    floor: float = 0.0
    slack: float = 1e-8

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
        return Verdict(holds, float(values[worst]), float(promised[worst]), (k[0], k[-1]), why)

    def figures(self, tables):
        """The values at every step, each below what the curve allows there."""
        allowed = np.array([self.curve(one[:, 0], one[:, 1]) for one in tables], dtype=float)
        return Figures(tables[..., 1], np.array(-np.inf), (1 + self.slack) * allowed + self.floor)


def monotone(measure: str, *, floor: float = 0.0, **about) -> Bound:
    """The measure never grows from one measured step to the next, down to `floor`."""
    about.setdefault("title", f"{measure} never grows")
    return Bound(measure=measure, curve=lambda k, v: np.concatenate((v[:1], v[:-1])), floor=floor, **about)


def at_most_one(measure: str, **about) -> Bound:
    """A share of a bound, error over bound say, never exceeds one."""
    return Bound(measure=measure, curve=lambda k, values: np.ones(len(k)), **about)
