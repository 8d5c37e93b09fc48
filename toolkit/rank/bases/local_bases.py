"""Local reduced bases: solutions are grouped by the angle between them, and each group has its own few modes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.linalg import eigh

from toolkit.core.claims import Exact, monotone
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, Pick, lowest
from toolkit.core.probe import Measure
from toolkit.core.run import Run
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.bases.problems import KINDS, SolutionFamily
from toolkit.rank.interpolation.problems import FieldTable

STEPS = Stop(rtol=0.0, steps=80)
LARGE = 400  # fields in a group up to which its modes are found by a full decomposition
ANGLES = ("sine", "euclidean", "parameters")
DONE = Status("converged", "no swap is left, and all modes are there", "Raise the number of clusters or of modes")


def unit(fields: np.ndarray) -> np.ndarray:
    """Fields (m, n) of norm one; zero stays zero."""
    size = np.linalg.norm(fields, axis=1, keepdims=True)
    return fields / np.where(size > 0, size, 1.0)


def sines(fields: np.ndarray, others: np.ndarray) -> np.ndarray:
    """|sin| of the angles between fields (m, n) and others (k, n): the relative error of one projected on the other."""
    cosines = np.minimum(np.abs(unit(fields) @ unit(others).T), 1.0)
    return np.sqrt((1 - cosines) * (1 + cosines))


def distances(fields: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Euclidean distances of fields (m, n) from others (k, n)."""
    square = np.sum(fields**2, 1)[:, None] + np.sum(others**2, 1) - 2 * fields @ others.T
    return np.sqrt(np.maximum(square, 0.0))


def built(apart: np.ndarray, count: int) -> np.ndarray:
    """First medoids (BUILD): one after another, each lowers the sum of dissimilarities most."""
    chosen, near = [], np.full(len(apart), np.inf)
    for _ in range(count):
        totals = np.minimum(apart, near[:, None]).sum(axis=0)
        totals[chosen] = np.inf
        chosen.append(int(np.argmin(totals)))
        near = np.minimum(near, apart[:, chosen[-1]])
    return np.array(chosen)


def best_swap(apart: np.ndarray, medoids: np.ndarray) -> tuple[float, int, int]:
    """(change, which medoid, by which point) of the exchange that lowers the sum of dissimilarities most (SWAP)."""
    order = np.sort(apart[:, medoids], axis=1)
    first, owner = order[:, :1], np.argmin(apart[:, medoids], axis=1)
    second = order[:, 1:2] if len(medoids) > 1 else np.full_like(first, np.inf)
    others = np.minimum(apart - first, 0.0)
    orphans = np.minimum(apart, second) - first - others
    change = others.sum(axis=0) + np.stack([orphans[owner == i].sum(axis=0) for i in range(len(medoids))])
    change[:, medoids] = np.inf
    out, into = np.unravel_index(np.argmin(change), change.shape)
    return float(change[out, into]), int(out), int(into)


@dataclass(slots=True, kw_only=True)
class ClusterState(State):
    """Medoids, the group of every solution, the bases' singular factors by group, how many modes, and the errors."""

    apart: np.ndarray
    medoids: np.ndarray
    owner: np.ndarray
    bases: list
    settled: bool = False
    objective: float = 0.0
    unknowns: float = 1.0
    mean_error: float = 0.0
    worst_error: float = 0.0

    def solution(self) -> np.ndarray:
        return self.medoids


@dataclass(frozen=True)
class LocalBases(Method):
    """K-medoids of the solutions (PAM), then a POD of each group: steps swap medoids, then add a mode to every basis.

    min over medoids of Σ_j min_k d(u_j, u_k), d = |sin ∠(u_j, u_k)|: a relative projection error, blind to amplitude;
    the partition is that of the smallest normalised Kolmogorov widths. Or d = |u_j − u_k|, or between parameters. A
    swap costs O(M²), the best of all K(M − K) is taken, and so the sum falls until no swap lowers it: a local minimum.
    Bases are singular vectors of a group's solutions scaled to norm one. A solution not seen goes to the group of the
    nearest medoid. One group is plain POD.
    Reference: T. Daniel, F. Casenave, N. Akkari, A. Ketata, D. Ryckelynck, arXiv:2103.13683 (2021), section 3;
    T. Daniel, F. Casenave, N. Akkari, D. Ryckelynck, arXiv:2108.12291 (2021); L. Kaufman, P. J. Rousseeuw, Finding
    Groups in Data (1990), chapter 2, doi:10.1002/9780470316801.
    """

    title: ClassVar[str] = "local bases"
    sources: ClassVar[tuple[str, ...]] = ("daniel2021", "daniel2021optimal", "kaufman1990")
    problems: ClassVar[tuple[type, ...]] = (SolutionFamily, FieldTable)
    monitors: ClassVar[tuple[str, ...]] = ("objective", "mean_error", "worst_error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    clusters: int = knob(6, 1, 30, symbol="K", doc="groups")
    modes: int = knob(6, 1, 40, symbol="N", doc="modes of every basis: the online dimension")
    dissimilarity: str = knob("sine", choices=ANGLES, doc="what tells solutions apart")

    def suits(self, problem) -> str:
        words = super().suits(problem)
        if not words and self.clusters > len(problem.table):
            words = f"it makes {self.clusters} groups of {len(problem.table)} solutions"
        if not words and self.dissimilarity == "parameters" and not isinstance(problem, SolutionFamily):
            words = "the parameters of these fields are not known"
        return words

    @property
    def between(self):
        """The dissimilarity: a function of two sets of rows."""
        return sines if self.dissimilarity == "sine" else distances

    def init(self, problem) -> ClusterState:
        points = features(problem.parameters) if self.dissimilarity == "parameters" else problem.table
        apart = self.between(points, points)
        np.fill_diagonal(apart, 0.0)
        medoids = built(apart, self.clusters)
        state = ClusterState(apart=apart, medoids=medoids, owner=medoids, bases=[])
        return self._grouped(problem, state)

    def step(self, problem, state: ClusterState) -> ClusterState:
        state.k += 1
        if not state.settled:
            change, out, into = best_swap(state.apart, state.medoids)
            if change < -1e-12 * state.objective:
                state.medoids[out] = into
                return self._grouped(problem, state)
            state.settled = True
        state.unknowns += 1.0
        if state.unknowns >= min(self.modes, *problem.table.shape):
            state.status = DONE
        state.unknowns = min(state.unknowns, float(self.modes))
        return self._judged(problem, state)

    def _grouped(self, problem, state: ClusterState) -> ClusterState:
        state.owner = np.argmin(state.apart[:, state.medoids], axis=1)
        state.owner[state.medoids] = np.arange(len(state.medoids))  # also where two medoids are alike
        state.objective = float(state.apart[:, state.medoids].min(axis=1).sum())
        scaled = unit(problem.table)
        groups = range(len(state.medoids))
        state.bases = [leading(scaled[state.owner == i], self.modes) for i in groups]
        return self._judged(problem, state)

    def _judged(self, problem, state: ClusterState) -> ClusterState:
        errors = projected(problem.table, state.owner, state.bases, int(state.unknowns))
        state.mean_error, state.worst_error = float(errors.mean()), float(errors.max())
        return state

    def measures(self, problem):
        if self.dissimilarity == "parameters":
            return ()
        if self.dissimilarity == "euclidean":
            return (held_out(self),)
        return (held_out(self), WIDTH, ratio(self, "euclidean"), ratio(self, "global"))

    def claims(self, problem) -> tuple:
        about = dict(source="daniel2021", stop=STEPS)
        made = (monotone("objective", floor=1e-12, assumes="a swap is made only if it lowers the sum", **about),)
        if self.dissimilarity != "sine":
            return made
        optimal = dict(source="daniel2021optimal", stop=STEPS)
        words = "the sum of sines is that of relative errors of projection on the medoids"
        made += (Exact(measure="width_gap", tol=1e-7, always=True, title=words, **optimal),)
        if not isinstance(problem, SolutionFamily) or not problem.tells(self.clusters, self.modes):
            return made
        words = "amplitudes vary over a decade or more; as many groups and modes, enough for a group, too few for all"
        one = "mean error at most 85 % of that of Euclidean groups"
        two = "worst error below half that of one global basis"
        return (
            *made,
            Exact(measure="against_euclidean", tol=0.85, title=one, assumes=words, **about),
            Exact(measure="against_global", tol=0.5, title=two, assumes=words, **optimal),
        )


def leading(fields: np.ndarray, count: int) -> np.ndarray:
    """The first right singular vectors of fields (m, n); of large sets by eigenvectors of f fᵀ."""
    if min(fields.shape) <= LARGE:
        return np.linalg.svd(fields, full_matrices=False)[2][:count]
    m = len(fields)
    vectors = eigh(fields @ fields.T, subset_by_index=(m - min(count, m), m - 1), check_finite=False)[1]
    return np.linalg.qr(fields.T @ vectors[:, ::-1])[0].T


def features(parameters: np.ndarray) -> np.ndarray:
    """Parameters (m, 3) with the logarithm of the amplitude, each scaled to its range in the family."""
    place, amplitude, decay = parameters.T
    return np.stack(((place - 0.1) / 0.8, np.log10(amplitude) / 4, decay / 10), axis=1)


def projected(fields: np.ndarray, owner: np.ndarray, bases: list, modes: int) -> np.ndarray:
    """Relative errors of fields (m, n), each projected on the first modes of its group's basis."""
    scaled, found = unit(fields), np.zeros(len(fields))
    for i, basis in enumerate(bases):
        mine = scaled[owner == i]
        found[owner == i] = np.linalg.norm(mine - (mine @ basis[:modes].T) @ basis[:modes], axis=1)
    return found


def finished(problem, method: LocalBases) -> ClusterState:
    """The state at the end of a method's programme, without the distances; made once a problem, nobody writes to it."""

    def made() -> ClusterState:
        return replace(Run(problem, method, STEPS).finish().state, apart=np.empty((0, 0)))  # by far the largest array

    return remembered(problem, ("local bases at the end", method), made)


def held_out(method: LocalBases) -> Measure:
    """The mean error of solutions not seen, each in the group of the nearest medoid."""

    def of(problem, state) -> float:
        owner = np.argmin(method.between(problem.held_out, problem.table[state.medoids]), axis=1)
        return float(projected(problem.held_out, owner, state.bases, int(state.unknowns)).mean())

    doc = "each in the group of the nearest medoid"
    return Measure("held_out_error", "mean error of solutions not seen", of, "mean |u − Pu|/|u|", doc=doc)


def _width_gap(problem, state) -> float:
    medoids = unit(problem.table[state.medoids])
    mine, scaled = medoids[state.owner], unit(problem.table)
    rest = np.linalg.norm(scaled - np.sum(scaled * mine, axis=1, keepdims=True) * mine, axis=1)
    return abs(float(rest.sum()) - state.objective) / len(scaled)


def ratio(method: LocalBases, other: str) -> Measure:
    """An error over what Euclidean groups, or one global basis, leave with as many modes."""
    euclidean = other == "euclidean"
    rival = method.turned(dissimilarity="euclidean") if euclidean else method.turned(clusters=1)
    which = "mean_error" if euclidean else "worst_error"

    def of(problem, state) -> float:
        if state.unknowns < min(method.modes, *problem.table.shape):
            return float("nan")
        return getattr(state, which) / max(getattr(finished(problem, rival), which), 1e-300)

    words = {"euclidean": "mean error over that of Euclidean groups", "global": "worst error over that of one basis"}
    return Measure(f"against_{other}", words[other], of, doc="at equal numbers of groups and modes, at the end")


WIDTH = Measure("width_gap", "sum of sines against projection errors", _width_gap, "|Σ sin − Σ |u − P₁u|/|u||/M")


def _of_family(problem, state) -> bool:
    return isinstance(problem, SolutionFamily)


def _map(problem, state):
    """The solutions in the plane of place and amplitude, by group."""
    place, amplitude = problem.parameters[:, 0], np.log10(problem.parameters[:, 1])
    shown = {f"group {i + 1}": (place[state.owner == i], amplitude[state.owner == i]) for i in range(len(state.bases))}
    return {**shown, "medoids": (place[state.medoids], amplitude[state.medoids])}


def _medoids(problem, state):
    """The medoids, scaled to norm one."""
    chosen = unit(problem.table[state.medoids[:8]])
    return {"x": problem.x, **{f"group {i + 1}": one for i, one in enumerate(chosen)}}


PICTURES = (
    Picture(
        "cluster-map",
        "solutions by group",
        "points",
        _map,
        x="place μ",
        y="log₁₀ amplitude",
        of=ClusterState,
        when=_of_family,
    ),
    Picture("medoids", "medoids", "lines", _medoids, x="x", y="u/|u|", of=ClusterState, when=_of_family),
)


def gained(runs) -> float:
    """By what factor the worst error falls from the first number of groups to the last."""
    first, last = (run.history.last("worst_error") for run in (runs[0], runs[-1]))
    return float(first / last)


EXPERIMENTS = (
    Experiment(
        "angle-not-distance",
        "Group by angle, not by distance",
        "Amplitudes vary over two decades. Which groups have the fewest modes: near ones, or parallel ones?",
        SolutionFamily(),
        (LocalBases(), LocalBases(dissimilarity="euclidean"), LocalBases(clusters=1)),
        STEPS,
        measure="mean_error",
        against="unknowns",
        picture="cluster-map",
        predict=Pick(
            "At six modes a group, which grouping has the smallest mean error?", lowest("mean_error"), theory=0
        ),
        why=r"A basis does not care how large a solution is, only in which direction it points: $|\sin "
        r"\angle(u, v)|$ is just the relative error of $u$ projected on $v$. Distances put all small "
        "solutions into one group, wherever their source lies, and such a group needs as many modes as all "
        "together. Grouped by angle, each group holds one stretch of places, and six modes are enough for "
        "it.",
        formula=r"|\sin \angle(u, v)| = \frac{\|u - P_v u\|}{\|u\|}, \qquad P_v u = \frac{\langle v, u "
        r"\rangle}{\langle v, v \rangle} \, v",
        level=1,
        minutes=5,
        then="piecewise-linear",
    ),
    Experiment(
        "piecewise-linear",
        "As many groups as you like",
        "A front moves: how do the worst error and the number of modes change with the number of groups?",
        SolutionFamily(kind=KINDS[1]),
        tuple(LocalBases(clusters=k, modes=10) for k in (1, 3, 6, 12)),
        STEPS,
        measure="worst_error",
        against="unknowns",
        picture="medoids",
        predict=Guess(
            "By what factor is the worst error smaller with twelve groups than with one, at ten modes?",
            gained,
            low=1,
            high=1e9,
            close=10.0,
        ),
        why="All fronts together are no matter for a linear space: its best $N$ modes miss a share that falls "
        "slowly with $N$. The fronts of one group are near each other, so that their differences are "
        "smooth, and the modes of each group fall the faster the more groups there are. The price is paid "
        "before: snapshots enough for each group, and someone who says to which group a new parameter "
        "belongs.",
        formula=r"d_N(\mathcal{M}) = \inf_{\dim V = N} \, \sup_{u \in \mathcal{M}} \|u - P_V u\|, \qquad "
        r"\mathcal{M} = \bigcup_k \mathcal{M}_k \;\Rightarrow\; \max_k d_N(\mathcal{M}_k) \le "
        r"d_N(\mathcal{M})",
        level=2,
        minutes=5,
        then="dictionary-draws",
    ),
)
