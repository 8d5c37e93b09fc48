"""Hyper-reduction of the bar: modes from snapshots alone, and few elements with weights that integrate for all."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Order, monotone
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.loading import loading
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, last
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.kernels.points.viscoplastic import respond
from toolkit.rank.hyperreduction.problems import LAW, ViscoplasticBar, newton

STEPS = Stop(rtol=0.0, steps=200)
LEAST_FORCE = 50.0  # MPa: without one the stress is the same along the bar and does no work on any mode
EXACT_ENOUGH = Status("converged", "the cubature meets its tolerance", "Lower `tolerance` for more points")
NOTHING = Status("stagnated", "no element lowers the misfit any more", "Raise the tolerance")


@dataclass(frozen=True, eq=False)
class Reduced:
    """Strains of the modes (k, n) with ∫ g_i g_j = δ_ij, the modes (k, n−1), chosen elements, and their weights."""

    modes: np.ndarray
    strains: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    load: np.ndarray


def correlation(strains: np.ndarray, width: float, subdomains: int) -> np.ndarray:
    """∫ ε_i ε_j of snapshots (S, n): summed over subdomains, each of which needs its own elements only."""
    cuts = np.linspace(0, strains.shape[1], subdomains + 1).astype(int)
    found = np.zeros((len(strains), len(strains)))
    for low, high in itertools.pairwise(cuts):
        found += width * strains[:, low:high] @ strains[:, low:high].T
    return found


def compressed(problem: ViscoplasticBar, fields: np.ndarray, tolerance: float, subdomains: int = 1):
    """(modes, their strains): snapshots weighed by eigenvectors of the correlation, until the tail is below tolerance².

    Half the digits are lost: singular values below 1e−8 of the largest drown in rounding.
    Reference: F. Casenave et al., Int. J. Numer. Meth. Eng. 121 (2020) 32–53, doi:10.1002/nme.6187, algorithm 1.
    """
    values, vectors = np.linalg.eigh(correlation(problem.strains(fields), problem.width, subdomains))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    tails = np.append(np.cumsum(values[::-1])[::-1], 0.0)
    count = max(1, int(np.argmax(tails <= tolerance**2 * tails[0])))
    modes = (vectors[:, :count] / np.sqrt(values[:count])).T @ fields
    return modes, problem.strains(modes)


def works(strains: np.ndarray, stresses: np.ndarray, width: float) -> np.ndarray:
    """Virtual work of stresses (S, n) on strains (k, n), by element: (k S + 1, n); last the elements' lengths."""
    rows = (strains[:, None] * stresses[None] * width).reshape(-1, strains.shape[1])
    length = np.full((1, strains.shape[1]), width * np.linalg.norm(rows.sum(axis=1)) / np.sqrt(len(rows)))
    return np.vstack((rows, length))


def picked(table: np.ndarray, goal: np.ndarray, points: list) -> tuple[list, np.ndarray, float]:
    """(points, weights, misfit) with the element added whose column fits the rest best: a step of non-negative OMP."""
    with loading():
        from scipy.optimize import nnls

    weights = nnls(table[:, points], goal)[0] if points else np.empty(0)
    gain = table.T @ (goal - table[:, points] @ weights)
    gain[points] = -np.inf
    points = [*points, int(np.argmax(gain))]
    weights, rest = nnls(table[:, points], goal)
    return points, weights, float(rest / np.linalg.norm(goal))


def cubature(table: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """(points, weights ≥ 0) with |table_P w − table 1| ≤ tolerance · |table 1|; those with weight zero are dropped."""
    goal, points, weights, misfit = table.sum(axis=1), [], np.empty(0), 1.0
    while misfit > tolerance and len(points) < min(table.shape):
        points, weights, misfit = picked(table, goal, points)
    kept = weights > 0
    return np.array(points)[kept], weights[kept]


def solved(problem: ViscoplasticBar, loading, reduced: Reduced, step: int, a, internal):
    """(coefficients, internal at the points, stress there, Newton steps) after a time step, or None; O(points k²)."""
    g, points = reduced.strains[:, reduced.points], reduced.points
    rise = problem.rise(loading, step, points)
    load = problem.rotation(step) * reduced.load
    w = problem.width * reduced.weights
    new, stress, tangent = np.empty_like(internal), np.empty(len(points)), np.empty(len(points))

    def missed(a):
        respond(a @ g, rise, problem.dt, LAW, internal, new, stress, tangent)
        return g @ (w * stress) - load

    def move(rest):
        return np.linalg.lstsq((g * (w * tangent)) @ g.T, rest, rcond=1e-12)[0]

    found = newton(missed, move, a, 1e-9 * LAW[2])
    return None if found is None else (found[0], new, stress, found[1])


def basis(problem: ViscoplasticBar, tolerance: float) -> tuple:
    """(modes, strains, table of works) of the training loading; made once a problem, nobody writes to them."""

    def made() -> tuple:
        modes, strains = compressed(problem, problem.training.fields, tolerance)
        return modes, strains, works(strains, problem.training.stresses, problem.width)

    return remembered(problem, ("basis of the training", tolerance), made)


def online_error(problem: ViscoplasticBar, reduced: Reduced) -> float:
    """Largest error over time of the reduced model under the loading to be computed; NaN where it fails."""
    a, internal, worst = np.zeros(len(reduced.modes)), np.zeros((3, len(reduced.points))), 0.0
    for step in range(1, problem.cycles * problem.steps + 1):
        after = solved(problem, problem.asked, reduced, step, a, internal)
        if after is None:
            return float("nan")
        a, internal = after[0], after[1]
        worst = max(worst, problem.far(a @ reduced.modes, step))
    return worst


@dataclass(slots=True, kw_only=True)
class CubatureState(State):
    """Elements chosen, their weights ≥ 0, how much of the works is missed, and how many points and modes there are."""

    chosen: list
    weights: np.ndarray
    cubature_error: float = 1.0
    points: float = 0.0
    modes: float = 0.0

    def solution(self) -> np.ndarray:
        return self.weights


@dataclass(frozen=True)
class NonnegativeCubature(Method):
    """Modes by snapshot POD, then w ≥ 0 on few elements P with Σ_P w_e ∫_e σ g_i = ∫ σ g_i to a tolerance.

    The correlation of the snapshots is summed over subdomains. A step of non-negative orthogonal matching pursuit adds
    the element whose works are most along what is missed, and fits all weights by non-negative least squares
    (Lawson, Hanson). Only displacements and stresses of the training are needed, not the code that made them.
    Ends when |misfit| ≤ tolerance. The misfit never grows, as the old weights stay admissible. In a bar the stress is
    one number and the load's primitive, rank two: 2 k + 1 points are exact for k modes; solids need more.
    Reference: F. Casenave, N. Akkari, F. Bordeu, C. Rey, D. Ryckelynck, Int. J. Numer. Meth. Eng. 121 (2020) 32–53,
    doi:10.1002/nme.6187, arXiv:1812.07228, section 3; C. Lawson, R. Hanson, Solving Least Squares Problems (1974).
    """

    title: ClassVar[str] = "non-negative cubature"
    sources: ClassVar[tuple[str, ...]] = ("casenave2020", "lawson1974")
    problems: ClassVar[tuple[type, ...]] = (ViscoplasticBar,)
    monitors: ClassVar[tuple[str, ...]] = ("cubature_error", "points", "modes")
    linear: ClassVar[tuple[str, ...]] = ("modes",)
    scales: ClassVar[tuple[str, ...]] = ("points",)
    pod_tolerance: float = knob(1e-3, 1e-6, 0.5, log=True, symbol="ε", doc="share of the snapshots the modes may miss")
    tolerance: float = knob(1e-4, 1e-8, 0.5, log=True, symbol="τ", doc="share of the works the cubature may miss")
    subdomains: int = knob(4, 1, 20, doc="parts of the bar over which the correlation is summed")

    def init(self, problem: ViscoplasticBar) -> CubatureState:
        modes = basis(problem, self.pod_tolerance)[0]
        problem.truth  # noqa: B018 - a loading that cannot be computed is refused here, not in mid-run
        return CubatureState(chosen=[], weights=np.empty(0), modes=float(len(modes)))

    def step(self, problem: ViscoplasticBar, state: CubatureState) -> CubatureState:
        table = basis(problem, self.pod_tolerance)[2]
        state.k += 1
        before = state.cubature_error
        state.chosen, state.weights, state.cubature_error = picked(table, table.sum(axis=1), state.chosen)
        state.points = float(np.count_nonzero(state.weights))
        if state.cubature_error <= self.tolerance:
            state.status = EXACT_ENOUGH
        elif len(state.chosen) >= min(table.shape) or state.cubature_error > before * (1 - 1e-12):
            state.status = NOTHING
        return state

    def reduced(self, problem: ViscoplasticBar, state: CubatureState) -> Reduced:
        """The reduced model with the points and weights so far."""
        modes, strains, _ = basis(problem, self.pod_tolerance)
        kept = state.weights > 0
        return Reduced(modes, strains, np.array(state.chosen)[kept], state.weights[kept], modes @ problem.load)

    def measures(self, problem):
        return (NEGATIVE, gap(self), held_out(self), *reach(self))

    def claims(self, problem: ViscoplasticBar) -> tuple:
        about = dict(source="casenave2020", stop=STEPS)
        made = (
            Exact(measure="negative", tol=0.0, always=True, title="no weight is negative", assumes="NNLS", **about),
            monotone("cubature_error", title="the misfit never grows", assumes="old weights stay admissible", **about),
        )
        if problem.force < LEAST_FORCE:
            return made
        made += (
            Exact(
                measure="cubature_error",
                tol=self.tolerance,
                title="the cubature meets its tolerance",
                assumes="works that do not all vanish: a force beside the heat",
                **about,
            ),
        )
        if self.tolerance > self.pod_tolerance / 10 * (1 + 1e-9):  # points too few decide, not the modes
            return made
        made += (
            Exact(
                measure="error_share",
                tol=2.0,
                title="the error is at most twice what the modes miss",
                assumes="Galerkin with points enough, a tenth of the modes' tolerance: near the best in the modes",
                **about,
            ),
        )
        if problem.shift or problem.change or problem.cycles > problem.trained + 1:
            return made
        held_out = Order(
            measure="held_out_error",
            p=1.0,
            over="pod_tolerance",
            values=(3e-2, 1e-2, 3e-3, 1e-3),
            growing=True,
            tol=0.35,
            title="the error in a cycle not seen follows the tolerance of the modes",
            assumes="the loading is that of the training, one cycle longer; the cubature is finer than the modes",
            **about,
        )
        return (*made, held_out)


def gap(method: NonnegativeCubature) -> Measure:
    """How far the correlation summed over subdomains is from that of the whole."""

    def of(problem, state) -> float:
        strains = problem.strains(problem.training.fields)
        whole = problem.width * strains @ strains.T
        parts = correlation(strains, problem.width, method.subdomains)
        return float(np.abs(parts - whole).max() / np.abs(whole).max())

    return Measure("correlation_gap", "correlation by subdomains against the whole", of, "|C − Σ C_d|/|C|")


def held_out(method: NonnegativeCubature) -> Measure:
    """The error of the reduced model under the loading to be computed; only at the end, as it takes a whole run."""

    def of(problem, state) -> float:
        if not state.status.done or not state.points:
            return float("nan")
        return online_error(problem, method.reduced(problem, state))

    words = "largest error of the strains over time, under the loading to be computed"
    return Measure("held_out_error", "error of a load not seen", of, "max_t |ε − ε̃|/max |ε|", doc=words)


def reach(method: NonnegativeCubature) -> tuple[Measure, Measure]:
    """What the modes themselves miss of the loading to be computed, and the error over it."""

    def of(problem, state) -> float:
        strains = basis(problem, method.pod_tolerance)[1]
        seen = problem.strains(problem.truth.fields)
        rest = seen - problem.width * (seen @ strains.T) @ strains
        return float(np.linalg.norm(rest, axis=1).max() / problem.scale)

    error = held_out(method).function
    return (
        Measure("best_error", "what the modes miss of it", of, "max_t |ε − Pε|/max |ε|"),
        Measure("error_share", "error over what the modes miss", lambda p, s: error(p, s) / of(p, s), log=False),
    )


NEGATIVE = Measure(
    "negative",
    "most negative weight",
    lambda problem, state: float(max(0.0, -state.weights.min())) if len(state.weights) else 0.0,
    "max(0, −w)",
    log=False,
)


def _weights(problem, state):
    """Weights of the elements chosen; None while there are none."""
    if not len(state.weights):
        return None
    return {"chosen elements": (problem.middles[state.chosen], state.weights)}


def _modes(problem, state):
    """Strains of the first modes of the training."""
    values = np.linalg.svd(problem.strains(problem.training.fields), full_matrices=False)[2]
    return {"x": problem.middles, **{f"mode {i + 1}": values[i] for i in range(4)}}


PICTURES = (
    Picture(
        "cubature-points", "weights of the chosen elements", "points", _weights, x="x", y="weight", of=CubatureState
    ),
    Picture("bar-modes", "strains of the modes", "lines", _modes, x="x", y="strain", of=CubatureState),
)


def points_enough(runs) -> float:
    """Points that are exact for the modes of the last method, 2 k + 1."""
    return 2 * runs[-1].history.last("modes") + 1


EXPERIMENTS = (
    Experiment(
        "cubature-points",
        "How many elements are enough?",
        "A hundred and twenty elements take part in the full model. How many must, once there are few modes?",
        ViscoplasticBar(),
        tuple(NonnegativeCubature(pod_tolerance=e) for e in (1e-1, 1e-2, 1e-3)),
        STEPS,
        measure="cubature_error",
        against="points",
        picture="cubature-points",
        predict=Guess(
            "The third model has six modes. How many of the 120 elements take part, once the cubature meets its"
            " tolerance?",
            truth=last("points", of=2),
            theory=points_enough,
            limit=True,
            low=1,
            high=120,
            whole=True,
        ),
        why=r"With $k$ modes only a few numbers matter, the works of the stress on the modes' strains: weights $w \ge"
        r" 0$ on few elements can give them as all elements do. Each step adds the element whose works are most along"
        r" what is still missed, and fits all weights anew; the old weights stay admissible, so the misfit never"
        r" grows. In a bar the stress is one number and the load's primitive, and so $2k + 1$ points are exact for $k$"
        r" modes: the elements needed go with the modes and not with the mesh.",
        formula=r"\sum_{e \in P} w_e \int_e \sigma\, g_i = \int \sigma\, g_i \quad (i \le k), \qquad w_e \ge 0",
        level=2,
        minutes=6,
        then="moved-hot-spot",
    ),
)
