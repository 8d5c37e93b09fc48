"""Rate: an asymptotic linear factor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from toolkit.core.claims.base import Claim
from toolkit.core.claims.evidence import SHORT, WHOLE, missing
from toolkit.core.claims.slopes import Trend, masked_slope
from toolkit.core.claims.verdict import Figures, Observed, Verdict, undecided
from toolkit.core.claims.words import factor, text
from toolkit.core.history import History

FEWEST = 5  # steps in the asymptotic window


@dataclass(frozen=True, kw_only=True)
class Rate(Claim):
    """Asymptotic linear factor: the slope of log(measure) against k in a window clear of the start and of rounding.

    The window is the later half (`start` of the way) of the steps whose value is above `floor` times the first.
    `sharp`: the factor is met within `tol` in the exponent (relative, of log factor); otherwise it is an upper limit
    (a lower one for growth, factor > 1).

    It is open until the window is full: until the measure has come down to `floor`, where the window ends for good, or
    the run has ended three quarters of the way to what `stop` asks, or further. A run ended sooner is at most one that
    held. A full window in which another factor is seen breaks the claim only where the factors of its last two
    stretches have settled on that other one (`slopes.Trend`); else it is not the asymptotic range, and the verdict
    stays open.
    """

    measure: str
    factor: float
    sharp: bool = False
    tol: float = 0.05
    start: float = 0.5
    floor: float = 1e-9
    share = 0.75
    fitted = True

    def seen(self, verdict, called):
        """The factor, and how it stands to the promised one."""
        seen, promised = factor(verdict.measured, verdict.promised)
        if seen == promised:
            return f"factor {seen} a step, as promised"
        if self.sharp:
            return f"factor {seen} a step, promised {promised}"
        beyond = verdict.measured > verdict.promised if self.factor < 1 else verdict.measured < verdict.promised
        if beyond and verdict.holds:
            return f"factor {seen} a step, the promised {promised} as nearly as a fit can tell"
        return f"factor {seen} a step, promised at {'most' if self.factor < 1 else 'least'} {promised}"

    def usual(self, called):
        """r_k ≲ C ρ^k."""
        sign = r"\sim" if self.sharp else r"\lesssim" if self.factor < 1 else r"\gtrsim"
        return rf"{text(called)}_k {sign} C\,\rho^k, \quad \rho = {factor(self.factor)[0]}"

    def overlay(self, history):
        k, values = history.series(self.measure)
        return (k, values[0] * self.factor ** (k - k[0])) if len(k) else None  # from where it was first measured

    def observed(self, history: History) -> Observed:
        """The observed factor beside the promised one."""
        return Observed(factor_of(history, self.measure), self.factor)

    def window(self, history: History) -> tuple[np.ndarray, np.ndarray]:
        """(k, values) of the asymptotic window."""
        table = self.rows(history)
        end = self._end(table)
        return tuple(table[int(self.start * end) : end].T)

    def _end(self, table: np.ndarray) -> int:
        """The row at which the window ends: the first at or below the floor, else behind the last."""
        low = np.flatnonzero(~(table[:, 1] > self.floor * table[0, 1])) if len(table) else []
        return int(low[0]) if len(low) else len(table)

    def judge(self, history, stage=WHOLE):
        """The verdict on a run so far; open until the window is full."""
        table = self.rows(history)
        verdict = self.weigh(table)
        if stage == WHOLE or self._end(table) < len(table):
            return verdict
        if stage == SHORT and verdict.holds and self._trend(table).stays:
            return verdict
        return replace(verdict, holds=None, why=f"needs {missing(self.stop, history)} to fill its window")

    def weigh(self, table):
        """The verdict on rows (step, value) of a full window."""
        end = self._end(table)
        k, values = table[int(self.start * end) : end].T
        if len(k) < FEWEST:
            return undecided(self._too_few(end, len(table)))
        slope = float(np.polyfit(k, np.log(values), 1)[0])
        why = f"fitted over steps {k[0]:g} to {k[-1]:g}"
        verdict = Verdict(self._meets(slope), float(np.exp(slope)), self.factor, (k[0], k[-1]), why)
        if verdict.holds:
            return verdict
        trend = self._trend(table)
        return verdict if trend.apart else replace(verdict, holds=None, why=self._unsettled(trend, table, end))

    def _meets(self, slope: float) -> bool:
        promised = np.log(self.factor)
        room = self.tol * abs(promised)
        if self.sharp:
            return bool(abs(slope - promised) <= room)
        return bool(slope <= promised + room if self.factor < 1 else slope >= promised - room)

    def _trend(self, table: np.ndarray) -> Trend:
        """Slopes of the last two stretches of the window."""
        end, promised = self._end(table), float(np.log(self.factor))
        k, values = table[int(self.start * end) : end].T
        return Trend.of(k, np.log(values), promised, self.tol * abs(promised), self._meets)

    def _too_few(self, end: int, rows: int) -> str:
        if end < rows:
            return f"needs five steps in its window, but {end} steps lead down to {self.floor:g} of the first value"
        more = int(np.ceil(FEWEST / (1 - self.start))) - end
        return f"needs five steps in its window: about {max(1, more)} more"

    def _unsettled(self, trend: Trend, table: np.ndarray, end: int) -> str:
        seen = f"not in the asymptotic range yet, the last factors are {_near(trend.before)} and {_near(trend.last)}"
        if end < len(table) or not (self.floor > 0 > trend.last):
            return seen
        left = np.log(self.floor * table[0, 1] / table[-1, 1]) / trend.last
        return f"{seen}: needs about {left:.3g} more steps, down to {self.floor:g} of the first value"

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


def _near(slope: float) -> str:
    return f"{np.exp(slope):.6g}"
