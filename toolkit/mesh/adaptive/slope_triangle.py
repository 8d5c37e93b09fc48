"""The convergence triangle: errors against h in logarithms, and the slope that is promised beside what is seen."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Picture
from toolkit.mesh.adaptive.loop import AdaptiveState
from toolkit.mesh.elements import regularity
from toolkit.mesh.elements.differences import GridState
from toolkit.mesh.elements.h_version import LadderState

BELOW = 0.25  # decades from an error to the triangle under it


def _measured(problem, state) -> tuple[tuple[str, ...], tuple[float | None, ...], str]:
    """Names of the errors of a state's trail, the orders in h that theory has for them, or None, and what they are."""
    if isinstance(state, LadderState):
        energy, plain, sharp = regularity.orders(problem, int(state.degree))
        return ("energy", "L2"), (energy, plain if sharp else None), "promised"
    if isinstance(state, GridState):
        order = float(state.order) if problem.data not in ("corner", "cubic") else None
        return ("largest", "mean square"), (order, order), "promised"
    return ("estimate",), (float(state.level.degree),), "is best"


def convergence(problem, state):
    """Errors of all spaces so far, log₁₀ against log₁₀ h, with a triangle of the promised slope under the last ones.

    The triangle stands under the last three spaces (two in the beginning) and has the promised slope; the slope seen
    between their ends is in the legend. Nothing is drawn where h stays, or before the second space.
    """
    if not isinstance(state, (LadderState, GridState, AdaptiveState)) or len(state.trail) < 2:
        return None
    rows = np.array(state.trail)
    rows = rows[(rows > 0).all(axis=1)]  # rounding leaves no error at all, at times
    if len(rows) < 2 or not (np.diff(rows[:, 0]) < 0).all():
        return None
    h, *errors = np.log10(rows).T
    last, first = h[-1], h[max(0, len(h) - 3)]
    columns, lines = [h], {}
    names, orders, word = _measured(problem, state)
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


PICTURES = (Picture("convergence_triangle", "convergence triangle", "lines", convergence, "log₁₀ h", "log₁₀ error"),)
