"""Progressive reconstruction: a field comes back level by level, with a bound of what is still missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.mesh.compression.multilevel import hierarchy
from toolkit.mesh.compression.problems import Field


@dataclass(slots=True, kw_only=True)
class LevelState(State):
    """The pyramid, how many of its levels are in, and the field they make."""

    pyramid: list
    again: np.ndarray
    max_error: float
    bound: float
    coefficients: float

    def solution(self) -> np.ndarray:
        return self.again


@dataclass(frozen=True)
class LevelByLevel(Method):
    """MGARD's progressive reconstruction: a step adds the coefficients of one more level, from the coarsest.

    The error is at most Σ κ_l max |coefficients of level l| over the levels that are missing.
    A step costs about two passes over the field.
    Reference: M. Ainsworth, O. Tugluk, B. Whitney, S. Klasky, SIAM J. Sci. Comput. 41 (2019) A1278–A1303,
    doi:10.1137/18M1166651, Section 4.
    """

    title: ClassVar[str] = "MGARD level by level"
    sources: ClassVar[tuple[str, ...]] = ("ainsworth2019", "gong2023")
    problems: ClassVar[tuple[type, ...]] = (Field,)
    monitors: ClassVar[tuple[str, ...]] = ("max_error", "bound", "coefficients")
    scales: ClassVar[tuple[str, ...]] = ("coefficients",)

    def init(self, problem):
        levels, field = hierarchy(problem.data.shape), problem.data.astype(np.float64)
        pyramid = levels.decompose(field)
        return self._with(problem, levels, pyramid, 0)

    def step(self, problem, state):
        levels = hierarchy(problem.data.shape)
        fresh = self._with(problem, levels, state.pyramid, state.k + 1)
        fresh.work.flops += state.work.flops
        return fresh

    def _with(self, problem, levels, pyramid, k: int) -> LevelState:
        missing = len(levels.levels) - k
        known = [np.zeros_like(a) if i < missing else a for i, a in enumerate(pyramid)]
        again = levels.recompose(known)
        largest = [float(np.max(np.abs(a))) for a in pyramid[:missing]]
        bound = float(np.dot(levels.amplifications[:missing], largest)) / problem.scale
        error = float(np.max(np.abs(again - problem.data))) / problem.scale
        count = float(levels.sizes[missing:].sum())
        state = LevelState(k=k, pyramid=pyramid, again=again, max_error=error, bound=bound, coefficients=count)
        state.work.flops = 15.0 * problem.data.size
        if not missing:
            state.status = Status("converged", "all levels are in")
        return state

    def measures(self, problem):
        return (SHARE,)

    def claims(self, problem):
        words = "the error is at most what the missing levels can amount to"
        stop, source = THROUGH, "ainsworth2019"
        exact = "with all levels in, the field is back"
        return (
            Exact(measure="share", tol=1.0, always=True, title=words, source=source, stop=stop),
            Exact(measure="max_error", tol=1e-12, title=exact, source=source, stop=stop),
        )


def _share(problem, state) -> float:
    """The error over its bound; rounding is allowed for."""
    rounding = 1e-12 * float(np.max(np.abs(problem.data))) / problem.scale
    return state.max_error / (state.bound + rounding)


SHARE = Measure("share", "error over its bound", _share, "e / Σ κ_l max |c_l|", log=False)
