"""Flat: something does not grow along a ladder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.core.claims.ladder import Ladder
from toolkit.core.claims.verdict import Figures, Verdict


@dataclass(frozen=True, kw_only=True)
class Flat(Ladder):
    """Does not grow along a ladder: the largest value is at most `growth` times the smallest plus `slack` steps."""

    measure: str = "k"
    over: str
    values: tuple
    growth: float = 1.25
    slack: float = 1.0
    must_converge = True

    def decide(self, rungs: np.ndarray, results: np.ndarray) -> Verdict:
        """The verdict on (knob values, measured values)."""
        if np.any(~np.isfinite(results)):
            return Verdict(False, why="a rung did not finish")
        limit = self.growth * results.min() + self.slack
        why = ", ".join(f"{r:g}: {v:g}" for r, v in zip(rungs, results))
        return Verdict(bool(results.max() <= limit), float(results.max()), float(limit), (rungs[0], rungs[-1]), why)

    def figures(self, tables):
        """The largest value on the ladder, below what the smallest allows."""
        results = tables[..., 1]
        limit = self.growth * results.min(axis=1, keepdims=True) + self.slack
        return Figures(results.max(axis=1, keepdims=True), np.array(-np.inf), limit)
