"""The right-hand side of an exact flow while it is followed: it says how far it is, can be left, and has an end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from toolkit.core.errors import ToolkitError
from toolkit.core.patience import between

MOST = 20_000  # evaluations; a smooth flow to 1e-12 takes one or two thousand


class Followed:
    """`slope(level, y)` between two levels, each evaluation told in per cent of the way; ToolkitError after `MOST`.

    A step size controller halves its step at every kink of a flow that is not smooth, down to the tolerance: to 1e-12
    with many particles it goes on for days.
    """

    def __init__(self, slope: Callable, ends: tuple[float, float], words: str):
        self._slope, self._ends, self._words = slope, ends, words
        self.count = 0

    def __call__(self, level: float, y: np.ndarray) -> np.ndarray:
        self.count += 1
        first, last = self._ends
        share = f"{100 * (level - first) / (last - first or 1.0):.0f} % of the way"
        between(f"{self._words}: {share}")
        if self.count > MOST:
            trouble = f"{self._words}: {MOST} evaluations were not enough, {share}"
            raise ToolkitError(f"{trouble}. Take fewer particles, a later end or a smoother problem.")
        return self._slope(level, y)
