"""Gaps: how far what was seen is from what is promised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.core.claims.verdict import Figures


@dataclass(frozen=True)
class Gaps:
    """What decides a claim, as distances from a limit: one that moves with what was measured moves with it here too.

    `gap` is value − shift, `low` ≤ gap ≤ `high` is what is promised, `shift` the limit itself, all (b, m) or (m,);
    `limited` says which numbers of those that were there anything is promised of.
    """

    gap: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shift: np.ndarray
    limited: np.ndarray | None = None

    @classmethod
    def of(cls, figures: Figures) -> Gaps:
        """From values and limits: from the upper limit where there is one, else from the lower."""
        values, low, high = np.broadcast_arrays(figures.values, figures.low, figures.high)
        shift = np.where(np.isneginf(low) | np.isfinite(high), high, low)
        with np.errstate(invalid="ignore"):
            return cls(values - shift, low - shift, high - shift, shift)

    def one(self) -> Gaps:
        """The first of many, without numbers of which nothing is promised (where a curve is infinite)."""
        limited = ~np.isposinf(self.shift[0])
        return Gaps(*(one[0][limited] for one in (self.gap, self.low, self.high, self.shift)), limited)

    def nearest(self, lower: np.ndarray, upper: np.ndarray) -> tuple[int, float, float]:
        """(number, ratio, limit): the one that leaves the verdict open, or makes it.

        The ratio says how much further its interval reaches towards the limit than the limit is away.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            above = np.where(self.gap > self.high, self.gap - lower, upper - self.gap) / np.abs(self.high - self.gap)
            below = np.where(self.gap < self.low, upper - self.gap, self.gap - lower) / np.abs(self.gap - self.low)
        above, below = np.nan_to_num(above, posinf=np.inf), np.nan_to_num(below, posinf=np.inf)
        within = (self.gap >= self.low) & (self.gap <= self.high)
        if np.all(within):
            ratio = np.maximum(above, below)
            at = int(np.argmax(ratio))
            upwards = above[at] >= below[at]
        else:
            ratio = np.where(within, np.inf, np.where(self.gap > self.high, above, below))
            at = int(np.argmin(ratio))
            upwards = self.gap[at] > self.high[at]
        return at, float(ratio[at]), float((self.high if upwards else self.low)[at] + self.shift[at])
