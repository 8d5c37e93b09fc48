"""What every ω of a grid costs on the systems of a sequence: hindsight, for regret only."""

from __future__ import annotations

import threading
import time

import numpy as np

from toolkit.core.patience import aside, between
from toolkit.preconditioner.learning.problems import ShiftedSequence

PIECE = 0.02  # s that a piece of the work should take

_one_at_a_time = threading.Lock()  # runs of one race share what is found


class Hindsight:
    """(count, d) costs of d values of ω, found for the first systems as they are asked for, a piece at a time.

    A piece is some systems with every ω, or some ω on one system where that takes long by itself.
    """

    def __init__(self, problem: ShiftedSequence, grid: np.ndarray):
        self._problem, self._grid = problem, grid
        self._costs = np.zeros((problem.count, len(grid)), dtype=np.int64)
        self._known = 0  # (system, ω) pairs, a system after the other
        self._pace = 1

    def first(self, count: int) -> np.ndarray:
        """The costs on the first `count` systems."""
        with aside(), _one_at_a_time:
            self._find(count)
        return self._costs[:count]

    def _find(self, count: int) -> None:
        arms = len(self._grid)
        while self._known < count * arms:
            between(f"Hindsight: every ω on system {self._known // arms + 1} of {count}")
            start = time.perf_counter()
            self._piece(count)
            spent = time.perf_counter() - start
            if spent > PIECE:
                self._pace = max(1, self._pace // 2)
            elif spent < PIECE / 2:
                self._pace = min(2 * self._pace, arms * count)

    def _piece(self, count: int) -> None:
        row, arm = divmod(self._known, len(self._grid))
        more = self._pace // len(self._grid)
        rows, arms = slice(row, row + 1), slice(arm, min(arm + self._pace, len(self._grid)))
        if arm == 0 and more:
            rows, arms = slice(row, min(row + more, count)), slice(None)
        found = self._problem.costs(self._grid[arms], rows)
        self._costs[rows, arms] = found
        self._known += found.size
