"""Registration of fronts: a grid of low rank that moves in time is learned, so that few modes are left on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.loading import loading
from toolkit.core.method import Method
from toolkit.core.prediction import YES_NO, Guess, Pick, last, whether
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.bases.fronts import KINDS, TravellingFront, slopes
from toolkit.rank.bases.lagrangian_bases import shares

LEAST_CELL = 0.05  # no cell of the learned grid is narrower than this share of a cell at rest
ENERGY = 1e-2  # modes are counted until this share of the norm is left
STEPS = Stop(rtol=0.0, steps=60)
FOUND = Status("converged", "no step makes the misfit smaller", "Raise the ranks or the number of control points")


@lru_cache(maxsize=16)
def splines(points: int, controls: int) -> np.ndarray:
    """Cubic B-splines on [0, 1] with `controls` coefficients at equidistant points, (points, controls)."""
    with loading():
        from scipy.interpolate import BSpline

    knots = np.concatenate((np.zeros(3), np.linspace(0, 1, controls - 2), np.ones(3)))
    return BSpline.design_matrix(np.linspace(0, 1, points), knots, 3).toarray()


def blurred(problem: TravellingFront, width: float) -> np.ndarray:
    """The snapshots, smoothed over places with a Gaussian of this width; as they are for width zero."""
    if not width:
        return problem.eulerian
    weights = np.exp(-(((problem.x[:, None] - problem.x) / width) ** 2) / 2)
    return weights @ problem.eulerian / weights.sum(axis=1, keepdims=True)


def sampled(fields: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Fields (n, m) on the uniform grid of [0, 1], by cubic Hermite interpolation at places (k, m); constant beyond."""
    last = len(fields) - 1
    at = np.clip(places, 0, 1) * last
    cell = np.minimum(at.astype(int), last - 1)
    u = at - cell
    tilt = slopes(fields, np.arange(last + 1.0))
    column = np.arange(fields.shape[1])
    low, high, start, end = fields[cell, column], fields[cell + 1, column], tilt[cell, column], tilt[cell + 1, column]
    rise = high - low
    return low + u * (start + u * (3 * rise - 2 * start - end + u * (start + end - 2 * rise)))


@dataclass(slots=True, kw_only=True)
class GridState(State):
    """Factors of the displacement, the grid (n, m), what is registered now, its modes on the grid, and the misfits.

    `rise` is by how much the last step raised the objective of its stage.
    """

    across: np.ndarray
    along: np.ndarray
    grid: np.ndarray
    blur: float
    fields: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    right: np.ndarray
    damping: float = 1e-3
    objective: float = 0.0
    rise: float = 0.0
    misfit: float = 0.0

    def solution(self) -> np.ndarray:
        return self.grid


@dataclass(frozen=True)
class RegisteredGrid(Method):
    """min |M − G⁻¹[G M]_r|² + γ |curvature of D|² over grids X = ξ + D, D of rank k, with X growing in ξ at all times.

    G interpolates the snapshots M onto the grid, [·]_r keeps r singular triples, G⁻¹ interpolates back. D = B U Vᵀ Cᵀ
    with cubic splines B, C of `controls` points. A step is one of Levenberg and Marquardt's: on the grid the residual
    changes by (I − P_r)(u_x δX)(I − Q_r), weighed with the width of the cells; it is taken only if the objective falls
    and no cell gets narrower than a twentieth of its width at rest, else damped more: the objective never grows and
    the grid never folds. As only a near minimum is found, snapshots are blurred first and sharpened in stages.
    Starts from the grid at rest. O(n m k p) a step.
    Reference: R. Mojgani, M. Balajewicz, arXiv:2006.15655 (2020), equation (3); they leave the minimiser open.
    """

    title: ClassVar[str] = "registered grid"
    sources: ClassVar[tuple[str, ...]] = ("mojgani2020",)
    problems: ClassVar[tuple[type, ...]] = (TravellingFront,)
    monitors: ClassVar[tuple[str, ...]] = ("misfit", "blur")
    grid_rank: int = knob(2, 1, 4, symbol="k", doc="rank of the displacement of the grid")
    state_rank: int = knob(2, 1, 8, symbol="r", doc="modes of the state on the grid")
    controls: int = knob(8, 4, 16, doc="control points of the grid in space and in time")
    smoothness: float = knob(1e-4, 0.0, 1e-1, symbol="γ", doc="weight of the grid's curvature")
    blur: float = knob(0.15, 0.0, 0.5, doc="width of the first blur of the snapshots")

    def init(self, problem: TravellingFront) -> GridState:
        count = self.controls
        across = np.polynomial.legendre.legvander(np.linspace(-1, 1, count), self.grid_rank - 1)
        none = np.empty((0, 0))
        state = GridState(
            across=across,
            along=np.zeros((count, self.grid_rank)),
            grid=none,
            blur=self.blur,
            fields=blurred(problem, self.blur),
            vectors=none,
            values=none,
            right=none,
        )
        return self._on(problem, state, across, state.along)

    def displacement(self, problem, across, along) -> np.ndarray:
        """D (n, m) of the grid, from its factors U and V (controls, k): how far a place is moved at a time."""
        return splines(problem.n, self.controls) @ (across @ along.T) @ splines(problem.times, self.controls).T

    def _on(self, problem, state: GridState, across, along) -> GridState | None:
        """The state with these factors; None where a cell would be too narrow."""
        grid = problem.x[:, None] + self.displacement(problem, across, along)
        if np.diff(grid, axis=0).min() < LEAST_CELL / (problem.n - 1):
            return None
        new = state.copy()
        new.across, new.along, new.grid = across.copy(), along.copy(), grid
        new.vectors, new.values, new.right = np.linalg.svd(sampled(new.fields, grid), full_matrices=False)
        rest = new.fields - decoded(problem, new, self.state_rank)
        misfit = float(np.linalg.norm(rest) / np.linalg.norm(new.fields))
        new.objective = misfit**2 + self.smoothness * sum(np.sum(one**2) for one in bends(across, along))
        new.misfit = misfit if not new.blur else self._sharp(problem, new)
        return new

    def _sharp(self, problem, state: GridState) -> float:
        """The misfit of the snapshots as they are, on the grid that was found for blurred ones."""
        u, s, v = np.linalg.svd(sampled(problem.eulerian, state.grid), full_matrices=False)
        rest = problem.eulerian - decoded(problem, state, self.state_rank, (u, s, v))
        return float(np.linalg.norm(rest) / np.linalg.norm(problem.eulerian))

    def step(self, problem: TravellingFront, state: GridState) -> GridState:
        state.k += 1
        matrix, rest = self._linearised(problem, state)
        normal, slope = matrix.T @ matrix, matrix.T @ rest
        size = self.controls * self.grid_rank
        scale = np.diag(normal) + 1e-9 * np.trace(normal)
        for _ in range(12):
            move = -np.linalg.solve(normal + state.damping * np.diag(scale), slope)
            across = state.across + move[:size].reshape(state.across.shape)
            along = state.along + move[size:].reshape(state.along.shape)
            new = self._on(problem, state, across, along)
            if new is not None and new.objective < state.objective:
                new.damping = max(state.damping / 5, 1e-9)
                new.rise = max(0.0, new.objective - state.objective)
                gain = 1 - new.objective / state.objective
                return self._staged(problem, new) if gain < (1e-2 if new.blur else 1e-7) else new
            state.damping *= 4
        return self._staged(problem, state)

    def _staged(self, problem, state: GridState) -> GridState:
        """The next stage, with half the blur; the end after the last one, without any."""
        if not state.blur:
            state.status = FOUND
            return state
        state.blur = state.blur / 2 if state.blur > 4 / problem.n else 0.0
        state.fields, state.damping = blurred(problem, state.blur), 1e-3
        return self._on(problem, state, state.across, state.along)

    def _linearised(self, problem, state: GridState) -> tuple[np.ndarray, np.ndarray]:
        """(Jacobian, residual) of the misfit on the grid and of the grid's curvature; columns: U, then V, by rows."""
        r, norm = self.state_rank, np.linalg.norm(state.fields)
        left, right = state.vectors[:, :r], state.right[:r]
        tilt = sampled(slopes(state.fields, problem.x), state.grid)
        weight = np.sqrt(np.gradient(state.grid, problem.x, axis=0)) / norm
        b, c = splines(problem.n, self.controls), splines(problem.times, self.controls)
        shapes, courses = b @ state.across, c @ state.along
        moves = np.concatenate(
            (
                np.einsum("xi,tk->ikxt", b, courses).reshape(-1, problem.n, problem.times),
                np.einsum("xk,tj->jkxt", shapes, c).reshape(-1, problem.n, problem.times),
            )
        )
        change = tilt * moves
        change -= left @ (left.T @ change)
        change -= (change @ right.T) @ right
        rest = (state.vectors[:, r:] * state.values[r:]) @ state.right[r:]
        main = (weight * change).reshape(len(moves), -1).T
        bent, bend = self._bending(state)
        return np.vstack((main, bent)), np.concatenate(((weight * rest).ravel(), bend))

    def _bending(self, state: GridState) -> tuple[np.ndarray, np.ndarray]:
        """(Jacobian, residual) of √γ times the second differences of U Vᵀ in both directions."""
        root, unit = np.sqrt(self.smoothness), np.eye(self.controls)
        twice = np.diff(unit, 2, axis=0)
        parts = []
        for one, two in ((twice, unit), (unit, twice)):
            by_across = np.einsum("ai,bk->abik", one, two @ state.along)
            by_along = np.einsum("ak,bj->abjk", one @ state.across, two)
            rows = len(one) * len(two)
            parts.append(np.hstack((by_across.reshape(rows, -1), by_along.reshape(rows, -1))))
        return root * np.vstack(parts), root * np.concatenate([one.ravel() for one in bends(state.across, state.along)])

    def measures(self, problem):
        return (TAIL, RATIO, RISE, FOLDED, NARROWEST)

    def claims(self, problem: TravellingFront) -> tuple:
        about = dict(source="mojgani2020", stop=STEPS)
        made = (
            Exact(
                measure="rise",
                tol=0.0,
                always=True,
                title="the objective never grows within a stage",
                assumes="a step is taken only if it falls",
                **about,
            ),
            Exact(
                measure="folded",
                tol=0.0,
                always=True,
                title="the grid grows in space at all times: it never folds",
                assumes="a step that would fold it is not taken",
                **about,
            ),
        )
        far = problem.kind == KINDS[0] and 5 * problem.width < problem.last / 2 and problem.width * problem.n > 2
        usual = self.state_rank <= 2 and 0.1 <= self.blur <= 0.2 and self.smoothness <= 1e-3
        if not far or not usual or problem.window < 1 or self.controls < 8:
            return made
        title = "on the learned grid a third of the modes hold as much"
        words = (
            f"a pulse that moves by five of its widths, one or two modes kept; until {ENERGY:.0%} of the norm is left"
        )
        return (*made, Exact(measure="modes_ratio", tol=1 / 3, title=title, assumes=words, **about))


def bends(across: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Second differences of the control points in space and in time."""
    points = across @ along.T
    return np.diff(points, 2, axis=0), np.diff(points, 2, axis=1)


def decoded(problem: TravellingFront, state: GridState, rank: int, triple=None) -> np.ndarray:
    """The first modes on the learned grid, carried back to the grid at rest, (n, m)."""
    vectors, values, right = triple or (state.vectors, state.values, state.right)
    kept = (vectors[:, :rank] * values[:rank]) @ right[:rank]
    feet = np.stack([np.interp(problem.x, one, problem.x) for one in state.grid.T], axis=1)
    return sampled(kept, feet)


def needed(values: np.ndarray) -> int:
    """How many modes until a share ENERGY of the norm is left."""
    return 1 + next(i for i in range(len(values)) if shares(values, i + 1) <= ENERGY)


def _mapped(problem, state) -> np.ndarray:
    """Singular values of the snapshots, as they are, on the learned grid."""
    return np.linalg.svd(sampled(problem.eulerian, state.grid), compute_uv=False)


def _ratio(problem, state) -> float:
    return needed(_mapped(problem, state)) / needed(np.linalg.svd(problem.eulerian, compute_uv=False))


def _narrowest(problem, state) -> float:
    return float(np.diff(state.grid, axis=0).min() * (problem.n - 1))


TAIL = Measure(
    "mapped_tail",
    "misfit of the modes on the grid",
    lambda problem, state: shares(_mapped(problem, state), 2),
    "(Σ_{k>2} σ_k² / Σ σ_k²)^½",
    doc="of two modes, where the grid is",
)
RATIO = Measure("modes_ratio", "modes on the learned grid over modes at rest", _ratio, "r/r₀", log=False)
RISE = Measure("rise", "growth of the objective in the last step", lambda problem, state: state.rise, log=False)
FOLDED = Measure(
    "folded",
    "share of cells that are folded",
    lambda problem, state: float(np.mean(np.diff(state.grid, axis=0) <= 0)),
    log=False,
)
NARROWEST = Measure("narrowest", "narrowest cell", _narrowest, "min ∂X/∂ξ", log=False, doc="of its width at rest")


def _lines(problem, state):
    """Places of sixteen points of the learned grid over time."""
    chosen = np.linspace(0, problem.n - 1, 16).astype(int)
    return {"x": problem.t, **{f"ξ = {problem.x[i]:.2f}": state.grid[i] for i in chosen}}


def _views(problem, state):
    """The front at rest, on the learned grid, and decoded from two modes: places across, time upward."""
    mapped = (state.vectors * state.values) @ state.right
    return {"at rest": state.fields.T, "on the grid": mapped.T, "from two modes": decoded(problem, state, 2).T}


PICTURES = (
    Picture("learned-grid", "the learned grid", "lines", _lines, x="t", y="x", of=GridState),
    Picture("registered-front", "the front, registered", "images", _views, of=GridState),
)

EXPERIMENTS = (
    Experiment(
        "register-pulse",
        "A grid that learns to follow",
        "Only snapshots are known. Does a grid of rank one or two find the flow by itself?",
        TravellingFront(width=0.1),
        (RegisteredGrid(grid_rank=1, state_rank=1), RegisteredGrid(), RegisteredGrid(state_rank=4)),
        STEPS,
        measure="misfit",
        picture="learned-grid",
        predict=Guess(
            "Which share of the norm do two modes on the learned grid miss?",
            last("misfit", 1),
            low=1e-5,
            high=1,
            close=3.0,
        ),
        why="Nobody tells the method of the flow: it looks for a grid on which the snapshots have low rank, "
        "and what it finds goes along with the pulse. A step of Levenberg and Marquardt's is taken only if "
        "the objective falls and no cell folds, so both are promised; that the grid is the best one is "
        "not, as only a near minimum is found. Blurred snapshots come first, so that pulses which do not "
        "yet overlap can feel each other.",
        formula=r"\min_{D} \; \|M - G^{-1} [G M]_r\|^2 + \gamma \, \|\nabla^2 D\|^2, \qquad X = \xi + D, \quad "
        r"\operatorname{rank} D \le k",
        level=2,
        minutes=5,
        then="register-fronts",
    ),
    Experiment(
        "register-fronts",
        "Registering fronts that merge",
        "Two fronts move at different speeds and merge. How far does a grid of low rank help?",
        TravellingFront(kind=KINDS[2]),
        (RegisteredGrid(grid_rank=1), RegisteredGrid(grid_rank=2), RegisteredGrid(grid_rank=3)),
        STEPS,
        measure="misfit",
        picture="registered-front",
        predict=Pick(
            "Does a grid of rank two leave at most half of what one of rank one leaves?",
            whether(lambda runs: bool(runs[1].history.last("misfit") <= runs[0].history.last("misfit") / 2)),
            options=YES_NO,
        ),
        why="Each front has its own path, and a displacement of rank one moves all places by one and the same "
        "course in time. Rank two can follow two courses, and most of the gain comes with it; a third adds "
        r"little. The smoothness $\gamma$ and the control points limit how sharply the grid may bend where "
        "the fronts meet, and that the grid found is the best one nobody promises.",
        formula=r"D(\xi, t) = \sum_{i=1}^{k} b_i(\xi) \, c_i(t)",
        level=2,
        minutes=4,
        then="angle-not-distance",
    ),
)
