"""Slopes of fitted lines: many at once, those of the last stretches of a ladder, and whether these have settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


def masked_slope(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Slopes (n,) of the least-squares lines through the points of x, y (n, m) that are `inside`; NaN without two."""
    count = inside.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.where(inside, x - np.where(inside, x, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
        return (away * np.where(inside, y, 0.0)).sum(axis=1) / (away**2).sum(axis=1)


def stretches(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slopes of y against x over the last two stretches: of one step each on a short ladder, else of a third of it.

    Values at one x are averaged. With one step there is one slope, given twice.
    """
    forward = 1 if x[-1] >= x[0] else -1
    at, place = np.unique(x, return_inverse=True)
    mean = np.bincount(place, weights=y) / np.bincount(place)
    at, mean = at[::forward], mean[::forward]
    step = max(1, (len(at) - 1) // 3)
    ends = (len(at) - 1 - step, len(at) - 1) if len(at) > 2 else (1, 1)
    slopes = [float(np.polyfit(at[end - step : end + 1], mean[end - step : end + 1], 1)[0]) for end in ends]
    return slopes[0], slopes[1]


@dataclass(frozen=True)
class Trend:
    """Slopes of the last two stretches beside a promised one, within `tol` of which `meets` says yes.

    They have settled where they differ by at most `tol` or a tenth of what is missing. What their change leads to, if
    it is a correction that halves from stretch to stretch, is the last slope and that change once more.
    """

    before: float
    last: float
    promised: float
    tol: float
    meets: Callable

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, promised: float, tol: float, meets: Callable) -> Trend:
        """Of y against x."""
        return cls(*stretches(x, y), promised, tol, meets)

    @property
    def apart(self) -> bool:
        """Whether the slopes have settled on one that is not promised."""
        settled = abs(self.last - self.before) <= max(self.tol, 0.1 * abs(self.last - self.promised))
        return settled and not self.meets(self.last) and not self.meets(self._ahead)

    @property
    def stays(self) -> bool:
        """Whether the last slope is as promised, and what it leads to."""
        return self.meets(self.last) and self.meets(self._ahead)

    @property
    def _ahead(self) -> float:
        return 2 * self.last - self.before
