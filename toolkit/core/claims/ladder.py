"""Ladder: the base of claims that runs along a knob decide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.core.claims.base import Claim
from toolkit.core.claims.evidence import outcome, unstarted
from toolkit.core.claims.verdict import Verdict, undecided
from toolkit.core.knob import rung


@dataclass(frozen=True, kw_only=True)
class Ladder(Claim):
    """Base of claims about the ends of runs along a knob: a kind has fields `over` and `values` and writes `decide`.

    `over` is a knob of the method or the problem, `values` are its rungs. `must_converge`: a rung counts only if its
    run came to its tolerance; otherwise one that spent its budget does too. A rung that does not count decides nothing.
    """

    evidence = "ladder"
    must_converge = False

    @property
    def along(self) -> str:
        """The knob the ladder goes along."""
        return self.over

    @property
    def size(self) -> int:
        """The number of rungs."""
        return len(self.values)

    @property
    def while_running(self) -> bool:
        """A ladder is run when somebody asks."""
        return False

    def pairs(self, problem, method):
        """A rung each."""
        return [rung(problem, method, self.over, value) for value in self.values]

    def verdict(self, runs):
        """The verdict on the finished rungs."""
        if len(runs) < self.size or not all(run.status.done for run in runs):
            return self.waiting
        trouble = unstarted(runs)
        return undecided(f"needs all of its rungs: {trouble}") if trouble else self.weigh(self.table(runs))

    def table(self, runs):
        """Rows (knob value, last measured value): NaN for a rung ended too soon, infinite where it came to grief."""
        results = [outcome(run, self.measure, self.must_converge) for run in runs]
        return np.column_stack((np.array(self.values, dtype=float), results))

    def weigh(self, table):
        """The verdict on rows (knob value, measured value)."""
        return self.decide(*table.T)

    def decide(self, rungs: np.ndarray, results: np.ndarray) -> Verdict:
        """The verdict on (knob values, measured values)."""
        raise NotImplementedError
