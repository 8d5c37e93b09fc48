"""What can be seen beside the curves of this lab."""

from __future__ import annotations

import numpy as np

from toolkit.core.registry import Picture


def _image(values):
    return None if values is None else {"z": values}


def _solution(problem, state):
    return _image(problem.field(state.solution()))


def _error(problem, state):
    return None if problem.exact is None else _image(problem.field(problem.exact - state.solution()))


def _residual(problem, state):
    return _image(problem.field(problem.residual(state.solution())))


def _profile(problem, state):
    x = state.solution().real
    lines = {"x": np.arange(1, len(x) + 1), "solution": x}
    if problem.exact is not None:
        lines["exact"] = problem.exact.real
    return lines


PICTURES = (
    Picture("solution", "solution", "image", _solution),
    Picture("error", "error x* − x", "image", _error),
    Picture("residual", "residual b − A x", "image", _residual),
    Picture("profile", "solution by unknown", "lines", _profile, x="unknown", y="value"),
)
