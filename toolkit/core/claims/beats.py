"""Beats: a method needs less than another."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from toolkit.core.claims.base import Claim
from toolkit.core.claims.evidence import outcome, unstarted
from toolkit.core.claims.verdict import Figures, Verdict, undecided
from toolkit.core.claims.words import counted, number, spoken, tex, text
from toolkit.core.knob import knobs

FEWER = 1 - 1e-9  # of what the other needs, as a `factor`: a tie is not fewer


@dataclass(frozen=True, kw_only=True)
class Beats(Claim):
    """Needs at most `factor` times what another method needs (steps, matvecs, NFE), to the same tolerance.

    A method whose budget ended it needs more than it has spent, one that came to grief never arrives. Where that does
    not decide, and where neither arrives, the verdict is open.
    """

    other: object
    measure: str = "matvecs"
    factor: float = 1.0
    on: object = None
    evidence = "race"

    def told(self, verdict, called=""):
        """The sentence of every kind, with its measure's name in it."""
        named = re.sub(rf"\b{re.escape(self.measure)}\b", called or counted(self.measure), verdict.why)
        return super().told(replace(verdict, why=named), called)

    def seen(self, verdict, called):
        """What both needed."""
        if " against " not in verdict.why:
            return ""  # one of them did not arrive: why says it
        mine, theirs = verdict.measured, verdict.promised / self.factor
        words = f"{called} {number(mine)} against {number(theirs)}"
        if abs(self.factor - 1) < 1e-6 or not theirs > 0:
            return words
        return f"{words}, {mine / theirs:.2g} times as much; promised at most {self.factor:.3g} times"

    def usual(self, called):
        """What one needs beside what the other does."""
        share = "" if abs(self.factor - 1) < 1e-6 else rf"{tex(self.factor)} \cdot "
        return rf"{text(called)} \le {share}{text(called + ' of ' + spoken(self.other.label()))}"

    @property
    def size(self) -> int:
        """This method and the other."""
        return 2

    @property
    def while_running(self) -> bool:
        """A race is run when somebody asks."""
        return False

    def pairs(self, problem, method):
        """The method and the other, on the problem that the claim names or on this one."""
        return [(self.on or problem, one) for one in (method, self.other)]

    def seeded(self, over, value):
        """The other method and the problem that the claim names have the seed too, where they have the knob."""
        own = {"other": self.other, "on": self.on}
        turned = {name: one.turned(**{over: value}) for name, one in own.items() if one and over in knobs(one)}
        return replace(self, **turned)

    def verdict(self, runs):
        """The verdict on the two finished runs."""
        if len(runs) < self.size or not all(run.status.done for run in runs):
            return self.waiting
        trouble = unstarted(runs)
        return undecided(f"needs both to run: {trouble}") if trouble else self.weigh(self.table(runs))

    def table(self, runs):
        """Rows (0 for this method or 1 for the other, what it has spent, what it needed).

        What was needed is NaN for one whose budget ended it, infinite for one that came to grief.
        """
        needed = [outcome(run, self.measure, True) for run in runs]
        return np.column_stack((np.arange(2.0), [run.history.last(self.measure) for run in runs], needed))

    def weigh(self, table):
        """The verdict on the two rows."""
        return self.decide(*table[:, 2], *table[:, 1])

    def decide(self, mine: float, theirs: float, spent: float = 0.0, spent_theirs: float = 0.0) -> Verdict:
        """The verdict on what this method and the other needed, infinity: it never arrives, NaN: more than it spent."""
        if not np.isfinite(mine) and not np.isfinite(theirs):
            return undecided("needs both to arrive: neither came to its tolerance")
        limit = self.factor * theirs
        if np.isposinf(mine):
            return Verdict(False, mine, limit, why="did not reach the tolerance")
        if np.isnan(mine):
            holds = False if spent > limit else None
            words = f"not there after {spent:g} {self.measure}, the other after {theirs:g}"
            return Verdict(holds, spent, limit, why=words if holds is False else f"needs a larger budget: {words}")
        if np.isnan(theirs):
            limit, words = self.factor * spent_theirs, f"after {mine:g} {self.measure}, the other not after"
            if mine <= limit:
                return Verdict(True, float(mine), float(limit), why=f"there {words} {spent_theirs:g}")
            return undecided(f"needs a larger budget: there {words} {spent_theirs:g}")
        why = f"{mine:g} against {theirs:g} {self.measure}"
        return Verdict(bool(mine <= limit), float(mine), float(limit), why=why)

    def figures(self, tables):
        """What this method needed, below `factor` times what the other did."""
        mine, theirs = tables[:, :1, 2], tables[:, 1:, 2]
        return Figures(mine, np.array(-np.inf), self.factor * theirs)
