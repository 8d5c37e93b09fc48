"""The convergence triangle: errors against h in logarithms, and the slope that is promised beside what is seen."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from toolkit.core.state import State

BELOW = 0.25  # decades from an error to the triangle under it


class Slopes(NamedTuple):
    """Names of the errors of a trail, the orders in h that theory has for them, or None, and what these are called."""

    names: tuple[str, ...]
    orders: tuple[float | None, ...]
    word: str = "promised"


@dataclass(slots=True, kw_only=True)
class Trailed(State):
    """A state that remembers a row (h, error, …) of every space so far: `trail`. Subclasses give `slopes`."""

    trail: tuple[tuple[float, ...], ...] = ()

    def slopes(self, problem) -> Slopes:
        """The errors of the trail by name, and the orders in h that they should have."""
        raise NotImplementedError


def narrowing(problem, state: Trailed) -> bool:
    """Whether h falls from space to space, as far as is seen: there is nothing to draw where only the degree grows."""
    widths = [row[0] for row in state.trail]
    return all(after < before for before, after in pairwise(widths))


def convergence(problem, state: Trailed):
    """Errors of all spaces so far, log₁₀ against log₁₀ h, with a triangle of the promised slope under the last ones.

    The triangle stands under the last three spaces (two in the beginning) and has the promised slope; the slope seen
    between their ends is in the legend. Nothing is drawn before the second space, nor where h stays.
    """
    rows = np.array(state.trail).reshape(len(state.trail), -1)
    rows = rows[(rows > 0).all(axis=1)]  # rounding leaves no error at all, at times
    if len(rows) < 2 or not narrowing(problem, state):
        return None
    h, *errors = np.log10(rows).T
    last, first = h[-1], h[max(0, len(h) - 3)]
    columns, lines = [h], {}
    names, orders, word = state.slopes(problem)
    for name, order, error in zip(names, orders, errors):
        seen = (error[-1] - error[max(0, len(h) - 3)]) / (last - first)
        lines[f"{name}: slope {seen:.2f}"] = [(0, error)]
        if order is not None:
            foot = error[-1] - BELOW
            lines[f"{name}: {order:.3g} {word}"] = [(len(columns), [foot, foot, foot + order * (first - last), foot])]
            columns.append(np.array([last, first, first, last]))
    return {"x": np.concatenate(columns)} | {label: _placed(parts, columns) for label, parts in lines.items()}


def _placed(parts, columns) -> np.ndarray:
    """Values at their places along the joint abscissa, NaN elsewhere."""
    found = [np.full(len(one), np.nan) for one in columns]
    for at, values in parts:
        found[at][:] = values
    return np.concatenate(found)
