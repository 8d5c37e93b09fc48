"""Exact: an identity or invariant."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from toolkit.core.claims.base import Claim
from toolkit.core.claims.evidence import GROWING, SHORT, WHOLE, missing
from toolkit.core.claims.verdict import Figures, Verdict, undecided
from toolkit.core.claims.words import number, short, tex, text

ROUNDING = 1e-8  # a `tol` up to here is what rounding explains, a larger one is what is promised
FALLS = 0.5  # of what it fell, in digits, in a quarter of a run before: what is measured is on its way down


@dataclass(frozen=True, kw_only=True)
class Exact(Claim):
    """An identity or invariant: the measure is at most `tol`, at the end of the run or (`always`) at every step.

    About the end it is open until there is one. A run that ended sooner than `stop` would have ended it may hold, and
    breaks nothing; nor does one whose budget ended it before the tolerance that `stop` has, while the measure fell.
    """

    measure: str
    tol: float
    always: bool = False

    def seen(self, verdict, called):
        """How near to exact, or how near to what is allowed."""
        worst, when = verdict.measured, " at every step" if self.always else ""
        if worst == 0:
            return f"{called} is exactly 0{when}"
        if self.tol == 0:
            return f"{called} is {number(worst)} and not 0"
        if self.tol > ROUNDING:
            return f"{called} {number(worst)}{when if verdict.holds else ''}, promised at most {short(self.tol)}"
        if verdict.holds:
            return f"exact to {number(worst)}{when}"
        return f"off by {number(worst)}, where rounding explains {short(self.tol)}"

    def usual(self, called):
        """The measure is zero, or at most what is allowed."""
        name = text(called) + ("_k" if self.always else "")
        return f"{name} = 0" if self.tol <= ROUNDING else rf"|{name}| \le {tex(self.tol)}"

    def overlay(self, history):
        k, _ = history.series(self.measure)
        return (k, np.full(len(k), self.tol)) if len(k) and self.always else None

    def verdict(self, runs):
        """The verdict on its run; open where its budget ended it on the way down."""
        verdict, run = super().verdict(runs), runs[0]
        asked = self.stop.rtol > 0 or self.stop.atol > 0
        if verdict.holds is False and not self.always and asked and run.status.kind == "budget":
            more = self._left(self.rows(run.history))
            if more is not None:
                return replace(verdict, holds=None, why=f"needs about {more:.3g} more steps: it still falls")
        return verdict

    def _left(self, table: np.ndarray) -> float | None:
        """How many steps more lead to `tol`, as it fell over the last quarter of a run; None where it did not."""
        k, values = table[:, 0], np.abs(table[:, 1])
        at = [len(k) - 1 - i * (len(k) - 1) // 4 for i in (2, 1, 0)]
        if len(k) < 5 or self.tol <= 0 or not np.all(values[at] > 0):
            return None
        before, last = np.log(values[at[:2]] / values[at[1:]])
        if not (last > 0 and last >= FALLS * before):
            return None
        return float(np.ceil(np.log(values[-1] / self.tol) / last * (k[-1] - k[at[1]])))

    def judge(self, history, stage=WHOLE):
        """The verdict on a run so far; a claim about the end waits for it."""
        table = self.rows(history)
        if not len(table):
            return undecided("needs a measured step")
        verdict = self.weigh(table)
        if self.always or stage == WHOLE or (stage == SHORT and verdict.holds):
            return verdict
        words = "decided at the end of the run" if stage == GROWING else "the run was ended before its end"
        return undecided(f"{words}: needs {missing(self.stop, history)}")

    def weigh(self, table):
        """The verdict on rows (step, value): all of them, or the last."""
        if not len(table):
            return undecided("needs a measured step")
        k, values = table.T
        worst = float(np.max(np.abs(values))) if self.always else float(abs(values[-1]))
        why = "at every step" if self.always else "at the end"
        return Verdict(worst <= self.tol, worst, self.tol, (k[0], k[-1]), why)

    def table(self, runs):
        """All rows, or (a claim about the end) the last with 0 for its step: seeds may end at different ones."""
        table = self.rows(runs[0].history)
        return table if self.always else table[-1:] * [0.0, 1.0]

    def figures(self, tables):
        """The values with their signs, within ± tol: the mean of an error is not the mean of its size."""
        return Figures(tables[..., 1], np.array(-self.tol), np.array(self.tol))
