"""Discrete empirical interpolation: points for POD modes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, at_most_one
from toolkit.core.knob import knob
from toolkit.core.probe import Measure
from toolkit.rank.interpolation.eim import NOTHING_LEFT, STEPS, FieldMethod, FieldState
from toolkit.rank.interpolation.problems import FieldTable


@dataclass(frozen=True)
class Deim(FieldMethod):
    """Discrete empirical interpolation: points for the POD modes, each where the next mode is worst interpolated.

    f ≈ U (PᵀU)⁻¹ Pᵀf, and |f − I f| ≤ |(PᵀU)⁻¹| |f − U Uᵀf| with |(PᵀU)⁻¹| ≤ (1 + √(2n))^(m−1) / max|u_1|.
    Modes by SVD at the first step, O(M² n); a step costs O(k n).
    Reference: S. Chaturantabut, D. C. Sorensen, SIAM J. Sci. Comput. 32 (2010) 2737–2764, doi:10.1137/090766498,
    Algorithm 1 and Lemma 3.2.
    """

    title: ClassVar[str] = "DEIM"
    sources: ClassVar[tuple[str, ...]] = ("chaturantabut2010",)
    terms: int = knob(30, 1, 200, symbol="m", doc="largest number of terms")

    def init(self, problem: FieldTable) -> DeimState:
        none = np.empty((0, problem.table.shape[1]))
        values, modes = np.linalg.svd(problem.table, full_matrices=False)[1:]
        modes = modes[values > 1e-12 * values[0]]
        return DeimState(points=[], fields=[], functions=none, inverse=np.empty((0, 0)), modes=modes)

    def step(self, problem: FieldTable, state: DeimState) -> DeimState:
        state.k += 1
        place = len(state.points)
        if place >= len(state.modes):
            state.status = NOTHING_LEFT
            return self._ended(problem, state)
        mode = state.modes[place]
        rest = mode - state.interpolant(mode[None])[0]
        state.points = [*state.points, int(np.argmax(np.abs(rest)))]
        state.functions = state.modes[: place + 1]
        state.inverse = np.linalg.inv(state.functions[:, state.points].T)
        state.error = float(np.abs(problem.table - state.interpolant(problem.table)).max()) / problem.size
        return self._ended(problem, state)

    def claims(self, problem: FieldTable) -> tuple:
        n = problem.table.shape[1]
        about = dict(source="chaturantabut2010", assumes="orthonormal modes", stop=STEPS, slack=1e-6)

        def limit(k, values):
            return (1 + np.sqrt(2 * n)) ** np.maximum(k - 1, 0) * np.sqrt(n)  # max |u_1| is 1/√n at least

        return (
            self._exact("chaturantabut2010"),
            Bound(measure="amplification", curve=limit, title="|(PᵀU)⁻¹| ≤ (1 + √(2n))^(m−1) √n", **about),
            at_most_one(
                "overrun",
                title="error at most |(PᵀU)⁻¹| times the error of projection",
                **about,
            ),
        )

    def measures(self, problem):
        return (*super().measures(problem), AMPLIFICATION, OVER)


@dataclass(slots=True, kw_only=True)
class DeimState(FieldState):
    """The modes of the table besides, (r, n)."""

    modes: np.ndarray


def _amplification(problem, state: FieldState) -> float:
    return float(np.linalg.norm(state.inverse, 2)) if len(state.points) else 0.0


def _over(problem, state: FieldState) -> float:
    fields, u = problem.held_out, state.functions
    if not len(u):
        return 0.0
    projected = np.linalg.norm(fields - (fields @ u.T) @ u, axis=1)
    errors = np.linalg.norm(fields - state.interpolant(fields), axis=1) - 1e-12 * np.linalg.norm(fields, axis=1)
    bounds = np.linalg.norm(state.inverse, 2) * projected
    return float(np.max(np.maximum(errors, 0.0) / np.maximum(bounds, np.finfo(float).tiny)))


AMPLIFICATION = Measure("amplification", "amplification", _amplification, "|(PᵀU)⁻¹|")
OVER = Measure("overrun", "error over its bound", _over, "|f − I f| / (|(PᵀU)⁻¹| |f − UUᵀf|)", log=False)
