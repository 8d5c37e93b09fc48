"""Exact: an identity or invariant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.core.claims.base import Claim
from toolkit.core.claims.verdict import Figures, Verdict, undecided
from toolkit.core.history import History


@dataclass(frozen=True, kw_only=True)
class Exact(Claim):
    """An identity or invariant: the measure is at most `tol`, at the end of the run or (`always`) at every step."""

    measure: str
    tol: float
    always: bool = False

    def overlay(self, history):
        k, _ = history.series(self.measure)
        return (k, np.full(len(k), self.tol)) if len(k) and self.always else None

    def verdict(self, runs):
        """The verdict on its run; open where another stopping rule ended it before the step the claim is about."""
        run = runs[0]
        verdict = self.unjudged(run)
        if verdict is not None:
            return verdict
        verdict = self.judge(run.history, run.status.done)
        if verdict.holds is False and not self.always and self._cut_short(run):
            return undecided("the run was ended before the step the claim is about")
        return verdict

    def _cut_short(self, run) -> bool:
        """Whether the run's stopping rule ended it sooner than the claim's own would have."""
        return not run.state.status.done and self.stop.first(run.history, 0) is None

    def judge(self, history: History, ended: bool = True) -> Verdict:
        """The verdict on a run so far; a claim about the end waits for it."""
        table = super().rows(history)
        if not len(table) or (not self.always and not ended):
            return undecided("decided at the end of the run")
        return self.weigh(table)

    def weigh(self, table):
        """The verdict on rows (step, value): all of them, or the last."""
        if not len(table):
            return undecided("decided at the end of the run")
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
