"""A reduced model of the bar in time, and an indicator of its error from the few elements it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Flat
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.hyperreduction.cubature import LEAST_FORCE, Reduced, basis, cubature, solved
from toolkit.rank.hyperreduction.full_bar import ticked
from toolkit.rank.hyperreduction.problems import STUCK, ViscoplasticBar

STEPS = Stop(rtol=0.0, steps=400)
LOST = Status(
    "failed",
    "the reduced equations of this time step have no solution that Newton's method finds",
    "Lower `tolerance`: with too few points they are singular",
)


@dataclass(slots=True, kw_only=True)
class ReducedBarState(State):
    """Coefficients of the modes, internal variables (3, n; up to date at the points), the reduced model, its errors.

    `dual` are orthonormal fields of accumulated plastic strain; `path` the coefficients since `since`, where the
    internal variables `settled` (3, n) of all elements were known.
    """

    a: np.ndarray
    internal: np.ndarray
    reduced: Reduced
    stresses: np.ndarray
    dual: np.ndarray
    settled: np.ndarray
    since: int = 0
    path: list
    remaining: float = 1.0
    error: float = 0.0
    indicator: float = 0.0
    worst: float = 0.0
    unknowns: float = 0.0
    points: float = 0.0
    enrichments: float = 0.0
    seen: list

    def solution(self) -> np.ndarray:
        return self.a @ self.reduced.modes


def orthonormal(fields: np.ndarray, tolerance: float) -> np.ndarray:
    """Rows that span the fields (S, n) up to a share `tolerance` of their norm."""
    _, values, rows = np.linalg.svd(fields, full_matrices=False)
    tails = np.sqrt(np.append(np.cumsum(values[::-1] ** 2)[::-1], 0.0))
    return rows[: max(1, int(np.argmax(tails <= tolerance * tails[0])))]


def spread(dual: np.ndarray, points: np.ndarray, extra: int) -> np.ndarray:
    """Elements at which fields in the span of `dual` are told apart: empirical interpolation's, and `extra` more."""
    found, rest = [], dual.copy()
    for i in range(len(dual)):
        best = int(np.argmax(np.abs(rest[i])))
        if abs(rest[i, best]) < 1e-12:  # nothing new: as many fields as elements
            continue
        found.append(best)
        for j in range(i + 1, len(dual)):
            rest[j] = rest[j] - rest[i] * (rest[j, best] / rest[i, best])
    even = np.linspace(0, dual.shape[1] - 1, extra + 2)[1:-1].astype(int)
    return np.setdiff1d(np.union1d(found, even), points)


@dataclass(frozen=True)
class FixedReducedBar(Method):
    """The hyper-reduced model in time: k modes, few elements; and an indicator of its error from those elements alone.

    Indicator: the plastic strain p accumulated at the points is fitted by modes of p from the training (gappy POD);
    |p − Ψ z|/|p| there. A load like those seen is fitted; a new one is not. A step is a time step: Newton's method for
    k equations, O(points k²), whatever the mesh. Fixed: nothing is done about a large indicator.
    Reference: F. Casenave, N. Akkari, Math. Comput. Appl. 24 (2019) 41, doi:10.3390/mca24020041, arXiv:1904.09123,
    sections 3 and 4; R. Everson, L. Sirovich, J. Opt. Soc. Am. A 12 (1995) 1657–1664, doi:10.1364/JOSAA.12.001657.
    """

    title: ClassVar[str] = "fixed reduced bar"
    sources: ClassVar[tuple[str, ...]] = ("casenave2019", "casenave2020", "everson1995")
    problems: ClassVar[tuple[type, ...]] = (ViscoplasticBar,)
    monitors: ClassVar[tuple[str, ...]] = ("remaining", "error", "indicator", "worst", "unknowns", "points")
    linear: ClassVar[tuple[str, ...]] = ("remaining",)
    pod_tolerance: float = knob(1e-3, 1e-6, 0.5, log=True, symbol="ε", doc="share of the snapshots the modes may miss")
    tolerance: float = knob(1e-4, 1e-8, 0.5, log=True, symbol="τ", doc="share of the works the cubature may miss")
    extra: int = knob(6, 1, 40, doc="points with weight zero, where the indicator looks besides")

    def init(self, problem: ViscoplasticBar) -> ReducedBarState:
        modes, strains, table = basis(problem, self.pod_tolerance)
        problem.truth  # noqa: B018 - a loading that cannot be computed is refused here, not in mid-run
        dual = orthonormal(problem.training.plastic, self.pod_tolerance)
        reduced = self._model(problem, modes, strains, table, dual)
        none = np.zeros((3, problem.n))
        state = ReducedBarState(
            a=np.zeros(len(modes)),
            internal=none,
            reduced=reduced,
            stresses=problem.training.stresses,
            dual=dual,
            settled=none,
            path=[],
            seen=[],
        )
        return self._sized(state)

    def _model(self, problem, modes, strains, table, dual) -> Reduced:
        points, weights = cubature(table, self.tolerance)
        more = spread(dual, points, self.extra)
        weights = np.concatenate((weights, np.zeros(len(more))))
        return Reduced(modes, strains, np.concatenate((points, more)), weights, modes @ problem.load)

    def _sized(self, state: ReducedBarState) -> ReducedBarState:
        state.unknowns, state.points = float(len(state.reduced.modes)), float(len(state.reduced.points))
        return state

    def step(self, problem: ViscoplasticBar, state: ReducedBarState) -> ReducedBarState:
        points = state.reduced.points
        after = solved(problem, problem.asked, state.reduced, state.k + 1, state.a, state.internal[:, points])
        state.k += 1
        if after is None:
            state.status = LOST
            return state
        a, internal, _, tries = after
        state.work.nfe += (tries + 1) * len(points)
        state.indicator, coefficients = gappy(state.dual[:, points], internal[2])
        state.seen.append((state.indicator, self._plastic_error(problem, state, coefficients)))
        if self._refused(state.indicator):
            if self._renewed(problem, state) is None:
                state.status = STUCK
                return state
        else:
            state.a = a
            state.internal[:, points] = internal
            state.path.append(a)
        state.error = problem.far(state.solution(), state.k)
        state.worst = max(state.worst, state.error)
        return ticked(problem, state)

    def _refused(self, indicator: float) -> bool:
        return False

    def _plastic_error(self, problem, state: ReducedBarState, coefficients) -> float:
        """Error of the accumulated plastic strain along the bar, as its modes reconstruct it, relative to the true."""
        truth = problem.truth.plastic[state.k - 1]
        size = np.linalg.norm(truth)
        return float(np.linalg.norm(coefficients @ state.dual - truth) / size) if size else 0.0

    def measures(self, problem):
        return (PLASTIC, DECORRELATION)

    def _told(self, problem: ViscoplasticBar) -> bool:
        """Whether the loading is a new one, and modes and points are enough for the indicator to tell it from old."""
        new = 0.1 <= problem.shift <= 0.3 and problem.change > 0 and problem.force >= LEAST_FORCE
        return new and max(self.pod_tolerance, self.tolerance) <= 1e-2

    def claims(self, problem: ViscoplasticBar) -> tuple:
        about = dict(source="casenave2019", stop=STEPS)
        flat = Flat(
            measure="points",
            over="n",
            values=(60, 120, 240),
            growth=1.25,
            slack=2.0,
            title="as many elements take part whatever the mesh",
            assumes="modes that the coarsest mesh tells already, points enough for them; a force beside the heat",
            **about,
        )
        fine = self.pod_tolerance >= 3e-4 and self.tolerance <= 1e-2  # fewer points leave singular equations
        known = fine and problem.force >= LEAST_FORCE
        found = (flat,) if known else ()
        if not self._told(problem):
            return found
        title = "where the indicator is large so is the error: rank correlation over time above 0.6"
        words = "a loading that was not seen"
        return (*found, Exact(measure="decorrelation", tol=0.4, title=title, assumes=words, **about))


def gappy(dual: np.ndarray, plastic: np.ndarray) -> tuple[float, np.ndarray]:
    """(min_z |p − Ψ_P z| over |p|, that z) at the points; 0 while nothing has yielded."""
    fit = np.linalg.lstsq(dual.T, plastic, rcond=1e-12)[0]
    size = np.linalg.norm(plastic)
    return (float(np.linalg.norm(plastic - dual.T @ fit) / size) if size > 1e-9 else 0.0), fit


def _decorrelation(problem, state) -> float:
    pairs = np.array([one for one in state.seen if min(one) > 0])
    if len(pairs) < 6:
        return float("nan")
    ranks = np.argsort(np.argsort(pairs, axis=0), axis=0)
    return float(1 - np.corrcoef(ranks.T)[0, 1])


PLASTIC = Measure(
    "plastic_error",
    "error of the accumulated plastic strain",
    lambda problem, state: state.seen[-1][1] if state.seen else float("nan"),
    "|p − Ψz|/|p|",
    doc="along the bar, as reconstructed from the points; what the indicator stands for",
)


DECORRELATION = Measure(
    "decorrelation", "one minus the rank correlation of indicator and error", _decorrelation, "1 − ρ", log=False
)
