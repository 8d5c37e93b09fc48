"""What can be seen of a system beside the curves: solution, error and residual on grids, meshes and graphs."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Picture
from toolkit.preconditioner.systems.problems import LinearSystem, PlacedSystem

SHADES = 6


def _solution(problem, state):
    return {"z": problem.field(state.solution())}


def _error(problem, state):
    """x* − x; None where A is singular and so has no x*."""
    return None if problem.exact is None else {"z": problem.field(problem.exact - state.solution())}


def _residual(problem, state):
    return {"z": problem.field(problem.residual(state.solution()))}


def _places(problem, state):
    """The points of a mesh or graph, in as many classes of the solution's value as there are colours."""
    places, values = problem.scatter(state.solution())
    (x, y), values = places.T, np.asarray(values).real
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return {f"{low:.3g}": (x, y)}
    ends = np.linspace(low, high, SHADES + 1)
    shade = np.clip(np.searchsorted(ends, values, side="right") - 1, 0, SHADES - 1)
    return {f"{ends[i]:.3g} … {ends[i + 1]:.3g}": (x[shade == i], y[shade == i]) for i in range(SHADES)}


def _profile(problem, state):
    x = state.solution().real
    lines = {"x": np.arange(1, len(x) + 1), "solution": x}
    if problem.exact is not None:
        lines["exact"] = problem.exact.real
    return lines


def _drawn(problem, state) -> bool:
    return problem.drawn


def _compared(problem, state) -> bool:
    return problem.drawn and problem.solvable


PICTURES = (
    Picture("solution", "solution", "image", _solution, of=LinearSystem, when=_drawn),
    Picture("error", "error x* − x", "image", _error, of=LinearSystem, when=_compared),
    Picture("residual", "residual b − A x", "image", _residual, of=LinearSystem, when=_drawn),
    Picture("points", "solution at the points", "points", _places, x="x", y="y", of=PlacedSystem),
    Picture("profile", "solution by unknown", "lines", _profile, x="unknown", y="value", of=LinearSystem),
)
