"""Beats: a method needs less than another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from toolkit.core.claims.base import Claim, ended
from toolkit.core.claims.verdict import Figures, Verdict
from toolkit.core.knob import knobs


@dataclass(frozen=True, kw_only=True)
class Beats(Claim):
    """Needs at most `factor` times what another method needs (steps, matvecs, NFE), to the same tolerance."""

    other: object
    measure: str = "matvecs"
    factor: float = 1.0
    on: object = None
    evidence = "race"

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
        return self.weigh(self.table(runs))

    def table(self, runs):
        """Rows (0, what this method needed) and (1, what the other did), infinite for one that did not get there."""
        needed = [ended(run, self.measure, True, float("inf")) for run in runs]
        return np.column_stack((np.arange(2.0), needed))

    def weigh(self, table):
        """The verdict on the two rows."""
        return self.decide(*table[:, 1])

    def decide(self, mine: float, theirs: float) -> Verdict:
        """The verdict on (what this method needed, what the other needed); infinity for one that did not get there."""
        if not np.isfinite(mine):
            return Verdict(False, mine, self.factor * theirs, why="did not reach the tolerance")
        why = f"{mine:g} against {theirs:g} {self.measure}"
        return Verdict(bool(mine <= self.factor * theirs), float(mine), float(self.factor * theirs), why=why)

    def figures(self, tables):
        """What this method needed, below `factor` times what the other did."""
        mine, theirs = tables[:, :1, 1], tables[:, 1:, 1]
        return Figures(mine, np.array(-np.inf), self.factor * theirs)
