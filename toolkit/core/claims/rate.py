"""Rate: an asymptotic linear factor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.core.claims.base import Claim
from toolkit.core.claims.slopes import masked_slope
from toolkit.core.claims.verdict import Figures, Observed, Verdict, undecided
from toolkit.core.history import History

FEWEST = 5  # steps in the asymptotic window


@dataclass(frozen=True, kw_only=True)
class Rate(Claim):
    """Asymptotic linear factor: the slope of log(measure) against k in a window clear of the start and of rounding.

    The window is the later half (`start` of the way) of the steps whose value is above `floor` times the first.
    `sharp`: the factor is met within `tol` in the exponent (relative, of log factor); otherwise it is an upper limit.
    """

    measure: str
    factor: float
    sharp: bool = False
    tol: float = 0.05
    start: float = 0.5
    floor: float = 1e-9

    def overlay(self, history):
        k, values = history.series(self.measure)
        return (k, values[0] * self.factor**k) if len(k) else None

    def observed(self, history: History) -> Observed:
        """The observed factor beside the promised one."""
        return Observed(factor_of(history, self.measure), self.factor)

    def window(self, history: History) -> tuple[np.ndarray, np.ndarray]:
        """(k, values) of the asymptotic window."""
        return self._window(*history.series(self.measure))

    def _window(self, k: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        good = np.flatnonzero(~(values > self.floor * values[0])) if len(k) else []
        end = good[0] if len(good) else len(k)
        return k[int(self.start * end) : end], values[int(self.start * end) : end]

    def weigh(self, table):
        """The verdict on rows (step, value)."""
        k, values = self._window(*table.T)
        if len(k) < FEWEST:
            return undecided("needs five steps in the asymptotic window")
        factor = float(np.exp(np.polyfit(k, np.log(values), 1)[0]))
        with np.errstate(divide="ignore", invalid="ignore"):  # a factor of one has no distance
            distance = np.log(factor) / np.log(self.factor) - 1
        holds = bool(abs(distance) <= self.tol if self.sharp else distance >= -self.tol)
        why = f"fitted over steps {k[0]:g} to {k[-1]:g}"
        return Verdict(holds, factor, self.factor, (k[0], k[-1]), why)

    def figures(self, tables):
        """The fitted factor, within factor^(1 ± tol) or on the right side of factor^(1 − tol)."""
        k, values = tables[..., 0], tables[..., 1]
        low = ~(values > self.floor * values[:, :1])
        end = np.where(low.any(axis=1), low.argmax(axis=1), low.shape[1])
        at = np.arange(low.shape[1])
        inside = (at >= (self.start * end).astype(int)[:, None]) & (at < end[:, None])
        slope = masked_slope(k, np.log(np.where(inside, values, 1.0)), inside)
        slope[inside.sum(axis=1) < FEWEST] = np.nan
        lenient, strict = self.factor ** (1 - self.tol), self.factor ** (1 + self.tol)
        ends = sorted((lenient, strict))
        if not self.sharp:
            ends = (-np.inf, lenient) if self.factor < 1 else (lenient, np.inf)
        return Figures(np.exp(slope)[:, None], np.array(ends[0]), np.array(ends[1]))


def factor_of(history: History, measure: str) -> float:
    """The factor per step fitted over the later half of a run, as a Rate fits it; NaN where there is none."""
    if measure not in history:
        return float("nan")
    values = history.series(measure)[1]
    if not np.all(np.isfinite(values) & (values > 0)):
        return float("nan")
    return Rate(measure=measure, factor=0.5, source="").judge(history).measured
