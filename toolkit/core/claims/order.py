"""Order: a slope of convergence, along a ladder of runs or along one run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from toolkit.core.claims.base import Claim
from toolkit.core.claims.evidence import SHORT, WHOLE, missing
from toolkit.core.claims.ladder import Ladder
from toolkit.core.claims.slopes import Trend, masked_slope
from toolkit.core.claims.verdict import Figures, Observed, Verdict, undecided
from toolkit.core.claims.words import symbol, text
from toolkit.core.history import History
from toolkit.core.stop import BUDGETS

FEWEST = 3  # rungs clear of rounding


@dataclass(frozen=True, kw_only=True)
class Order(Ladder):
    """Order of convergence: the slope of log(measure) against log(`over`) is −p (`growing`: +p).

    With `values`, `over` is a knob of the method or the problem and the slope is that of the values at the end of a
    ladder of runs. Without, `over` is a column of the run itself (unknowns of a method whose steps refine): the first
    `skip` rows, before the asymptotic range, are left out. Either goes towards the asymptotic range; values at or below
    `floor`, where rounding decides, are left out, as are zeros and rungs that were ended too soon. `at_least` accepts a
    higher order.

    An order is a statement about the end of a ladder. It is open with fewer than three rungs that count, and along a
    run until that has ended three quarters of the way to what `stop` asks, or further. Rungs that come to grief before
    the others are not in the asymptotic range; behind one that did not they break the claim. Where the slope is
    another, the claim is broken only if the slopes of the last two stretches have settled on that other one and lead
    elsewhere (`slopes.Trend`). Else the verdict stays open and says so. Only a verdict of True is one that it held.
    Reference: P. J. Roache (1994), doi:10.1115/1.2910291 (whether a range is asymptotic is itself to be checked).
    """

    measure: str
    p: float
    over: str
    values: tuple = ()
    tol: float = 0.15
    fitted = True
    growing: bool = False
    at_least: bool = False
    skip: int = 0
    floor: float = 0.0
    share = 0.75

    def seen(self, verdict, called):
        """The order, and how it stands to the promised one."""
        seen, promised = f"{verdict.measured:.2f}", f"{verdict.promised:.3g}"
        if float(seen) == float(promised):
            return f"order {seen}, as promised"
        if self.at_least and verdict.holds and verdict.measured < verdict.promised:
            return f"order {seen}, the promised {promised} as nearly as a fit can tell"
        return f"order {seen}, promised{' at least' if self.at_least else ''} {promised}"

    def usual(self, called):
        """e ∝ h^p."""
        power = self.p if self.growing else -self.p
        raised = "" if power == 1 else f"^{{{power:.3g}}}"
        sign = r"\lesssim C\," if self.at_least else r"\propto"
        return rf"{text(called)} {sign} {symbol(self.over)}{raised}"

    @property
    def evidence(self) -> str:
        """What decides it, in a word."""
        return "ladder" if self.values else "run"

    @property
    def size(self) -> int:
        """The number of rungs, or one run."""
        return max(1, len(self.values))

    @property
    def while_running(self) -> bool:
        """Along a run it is judged as that grows."""
        return not self.values

    def pairs(self, problem, method):
        """A rung each, or the one run."""
        return super().pairs(problem, method) if self.values else ((problem, method),)

    def verdict(self, runs):
        """The verdict on the finished rungs, or on the run so far."""
        return super().verdict(runs) if self.values else Claim.verdict(self, runs)

    def table(self, runs):
        """Rows (knob value, last measured value), or those of the one run."""
        return super().table(runs) if self.values else self.rows(runs[0].history)

    @property
    def must_converge(self) -> bool:
        """Work that was spent on the way to a tolerance counts only where that was reached."""
        asked = self.stop.rtol > 0 or self.stop.atol > 0
        return asked and self.measure in BUDGETS.values()

    def rows(self, history):
        """(step, abscissa, value) where the value was measured."""
        k, values = history.series(self.measure)
        return np.column_stack((k, history[self.over][~np.isnan(history[self.measure])], values))

    def window(self, history: History) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(k, abscissa, values) of the rows that count."""
        table = self.rows(history)
        return tuple(table[self._counts(*table.T)].T)

    def _counts(self, k, scale, values) -> np.ndarray:
        """Which rows of a run count."""
        return (values > self.floor) & (scale > 0) & (np.arange(values.shape[-1]) >= self.skip)

    def observed(self, history):
        """The slope so far along a run (NaN for a ladder) beside the promised order."""
        along = not self.values and self.over in history and np.all(np.isfinite(self.rows(history)))
        return Observed(self.judge(history).measured if along else float("nan"), self.p, order=True)

    def overlay(self, history):
        """The promised slope, through the last row that counts."""
        if self.values or self.over not in history:
            return None
        _, scale, values = self.window(history)
        if not len(scale):
            return None
        k, _ = history.series(self.measure)
        every = history[self.over][~np.isnan(history[self.measure])]
        with np.errstate(divide="ignore", invalid="ignore"):
            return k, values[-1] * (every / scale[-1]) ** (self.p if self.growing else -self.p)

    def judge(self, history, stage=WHOLE):
        """The verdict on a run so far; open until it has ended."""
        if self.over not in history:
            return undecided(f"{self.over} was not recorded")
        verdict = self.weigh(self.rows(history))
        if stage == WHOLE or (stage == SHORT and verdict.holds and self._trend(*self.window(history)[1:]).stays):
            return verdict
        return replace(verdict, holds=None, why=f"needs {missing(self.stop, history)} to fill its window")

    def weigh(self, table):
        """The verdict on rows (knob value, value) of a ladder, or (step, abscissa, value) of a run."""
        if self.values:
            return self.decide(*table.T)
        k, scale, values = table[self._counts(*table.T)].T
        there = len(np.unique(scale))
        if there < FEWEST:
            return undecided(f"needs three values of {self.over} clear of the start and of rounding: {there} so far")
        verdict = self.decide(scale, values)
        return replace(verdict, window=(k[0], k[-1]), why=f"{verdict.why}, steps {k[0]:g} to {k[-1]:g}")

    def figures(self, tables):
        """The slope, within p ± tol or above p − tol."""
        scale, values = tables[..., -2], tables[..., -1]
        inside = (values > self.floor) & (values > 0) & (scale > 0)
        if not self.values:
            inside &= self._counts(None, scale, values)
        with np.errstate(invalid="ignore"):
            slope = masked_slope(np.log(np.where(inside, scale, 1.0)), np.log(np.where(inside, values, 1.0)), inside)
        most = np.inf if self.at_least else self.p + self.tol
        return Figures(slope[:, None] * (1 if self.growing else -1), np.array(self.p - self.tol), np.array(most))

    def decide(self, rungs: np.ndarray, results: np.ndarray) -> Verdict:
        """The verdict on (knob values, measured values)."""
        points = tuple(zip(rungs.tolist(), results.tolist()))
        begun = np.flatnonzero(np.isfinite(results))
        if len(begun) and np.any(np.isposinf(results[begun[0] :])):
            return Verdict(False, why="a rung came to grief behind one that did not", points=points)
        clear = np.isfinite(results) & (results > max(self.floor, 0.0))
        there = len(np.unique(rungs[clear]))
        if there < FEWEST:
            return Verdict(None, why=self._too_few(there, results), points=points)
        rungs, results = rungs[clear], results[clear]
        slope = float(np.polyfit(*self._logs(rungs, results), 1)[0])
        verdict = Verdict(self._meets(slope), slope, self.p, (rungs[0], rungs[-1]), f"slope over {self.over}", points)
        return verdict if verdict.holds else self._broken(verdict, self._trend(rungs, results))

    def _logs(self, rungs, results) -> tuple[np.ndarray, np.ndarray]:
        return np.log(rungs), np.log(results) * (1 if self.growing else -1)

    def _trend(self, rungs, results) -> Trend:
        return Trend.of(*self._logs(rungs, results), self.p, self.tol, self._meets)

    def _meets(self, slope: float) -> bool:
        return bool(slope >= self.p - self.tol and (self.at_least or slope <= self.p + self.tol))

    def _too_few(self, there: int, results: np.ndarray) -> str:
        if np.any(np.isfinite(results) & (results <= self.floor)):
            return f"not decided: needs three rungs with errors clear of rounding, {there} are"
        few = FEWEST - there
        return f"not decided: needs {few} more rung{'s' if few > 1 else ''} that finish{'' if few > 1 else 'es'}"

    def _broken(self, verdict: Verdict, trend: Trend) -> Verdict:
        """The verdict where the slope is another one: open unless it has settled there."""
        if trend.apart:
            return verdict
        seen = f"the last slopes are {trend.before:.2f} and {trend.last:.2f}"
        return replace(
            verdict, holds=None, why=f"not decided: not in the asymptotic range yet, {seen}; needs more rungs"
        )
