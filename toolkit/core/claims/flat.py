"""Flat: something does not grow along a ladder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.core.claims.ladder import Ladder
from toolkit.core.claims.verdict import Figures, Verdict, undecided
from toolkit.core.claims.words import spoken, symbol, tex, text
from toolkit.core.stop import BUDGETS


@dataclass(frozen=True, kw_only=True)
class Flat(Ladder):
    """Does not grow along a ladder: the largest value is at most `growth` times the smallest plus `slack` steps.

    A rung whose budget ended it needs more than it has spent: where that is within the limit, or no counter is looked
    at, the verdict is open, as with fewer than two rungs.
    """

    measure: str = "k"
    over: str
    values: tuple
    growth: float = 1.25
    slack: float = 1.0
    must_converge = True

    def seen(self, verdict, called):
        """Every rung with what it needed."""
        return f"{called} {'did not grow' if verdict.holds else 'grew'} along {spoken(self.over)} ({verdict.why})"

    def usual(self, called):
        """The largest on the ladder beside the smallest."""
        name, at = text(called), symbol(self.over)
        more = f" + {tex(self.slack)}" if self.slack else ""
        return rf"\max_{{{at}}} {name} \le {tex(self.growth)}\, \min_{{{at}}} {name}{more}"

    def table(self, runs):
        """Rows (knob value, the least that it needs, what it needed), the latter as `Ladder.table` has it."""
        rungs, needed = super().table(runs).T
        spent = [run.history.last(self.measure) if self.measure in BUDGETS.values() else 0.0 for run in runs]
        return np.column_stack((rungs, np.where(np.isnan(needed), spent, needed), needed))

    def weigh(self, table):
        """The verdict on rows (knob value, the least that it needs, what it needed)."""
        return self.decide(table[:, 0], table[:, 2], table[:, 1])

    def decide(self, rungs: np.ndarray, results: np.ndarray, least: np.ndarray | None = None) -> Verdict:
        """The verdict on (knob values, measured values); `least` is what a rung that was ended needs at least."""
        least, known = (results if least is None else least), np.isfinite(results)
        if not np.any(known):
            if len(rungs) and np.all(np.isposinf(results)):
                return Verdict(False, why="no rung came to its tolerance: the runs came to grief")
            return undecided("needs a rung that comes to its tolerance: none did within its budget")
        limit = self.growth * results[known].min() + self.slack
        why = ", ".join(f"{r:g}: {v:g}" if np.isfinite(v) else f"{r:g}: did not finish" for r, v in zip(rungs, results))
        about = (float(np.nanmax(least)), float(limit), (rungs[0], rungs[-1]), why)
        if np.nanmax(least) > limit:
            return Verdict(False, *about)
        if not np.all(known):
            return Verdict(None, *about[:-1], f"needs a larger budget for {_ended(rungs[~known])}: {why}")
        return Verdict(True, *about) if len(rungs) > 1 else undecided("needs two rungs: there is one")

    def figures(self, tables):
        """The largest value on the ladder, below what the smallest allows."""
        results = tables[..., 2]
        limit = self.growth * results.min(axis=1, keepdims=True) + self.slack
        return Figures(results.max(axis=1, keepdims=True), np.array(-np.inf), limit)


def _ended(rungs: np.ndarray) -> str:
    return "the rung " + ", ".join(f"{rung:g}" for rung in rungs)
