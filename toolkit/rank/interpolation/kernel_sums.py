"""Fast summation of translation-invariant kernels: multilevel, with points chosen by empirical interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.claims import Exact, at_most_one
from toolkit.core.knob import knob, seed_knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, last
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.kernels.points import fastsum as kernels
from toolkit.rank.interpolation.crosses import Crosses

KINDS = ("1/r", "log", "yukawa", "exponential")
STEPS = Stop(rtol=0.0, steps=30)
ROUNDING = 1e-7  # beyond it the corner matrix is so ill-conditioned that its inverse loses more than is gained
DONE = Status("converged", "the largest rank, or rounding, is reached", "Raise `rank` to go on")


@dataclass(frozen=True)
class KernelSum(Problem):
    """f(x_i) = Σ_j q_j K(x_i − x_j), j ≠ i, over N points drawn in the unit square, charges in (−1, 1).

    "1/r", "log": −log r, "yukawa": e^(−r/ℓ)/r, "exponential": e^(−r/ℓ). 4^levels cells at the finest level.
    Reference: F. Casenave, arXiv:1408.0210 (2014).
    """

    title: ClassVar[str] = "kernel sum"
    sources: ClassVar[tuple[str, ...]] = ("casenave2014d",)
    points: int = knob(1500, 50, 1_000_000, log=True, symbol="N", doc="number of points")
    kind: str = knob("1/r", choices=KINDS, doc="the kernel")
    length: float = knob(0.3, 0.02, 5.0, log=True, symbol="ℓ", doc="length of decay of the last two kernels")
    levels: int = knob(3, 2, 8, symbol="L", doc="levels of the tree")
    seed: int = seed_knob("points and charges")

    @property
    def code(self) -> tuple[int, float]:
        """The kernel as the compiled sums know it."""
        return KINDS.index(self.kind), self.length

    @property
    def side(self) -> int:
        """Cells of the finest level along a side."""
        return 2**self.levels

    @cached_property
    def sorted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (N, 2) and charges (N,) by cell, and where each cell begins (4^L + 1,)."""
        rng = np.random.default_rng(self.seed)
        places, charges = rng.random((self.points, 2)), rng.uniform(-1, 1, self.points)
        column, row = np.minimum((places * self.side).astype(int), self.side - 1).T
        cell = row * self.side + column
        order = np.argsort(cell, kind="stable")
        first = np.searchsorted(cell[order], np.arange(self.side**2 + 1))
        return frozen(places[order]), frozen(charges[order]), frozen(first)

    def evaluated(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        """K(target − source): (m, n)."""
        squares = ((targets[:, None] - sources[None]) ** 2).sum(axis=-1)
        r = np.sqrt(squares)
        if self.kind == "log":
            return -0.5 * np.log(squares)
        return {"1/r": lambda: 1 / r, "yukawa": lambda: np.exp(-r / self.length) / r}.get(
            self.kind, lambda: np.exp(-r / self.length)
        )()

    @cached_property
    def looked_at(self) -> np.ndarray:
        """Points where the direct sum is known, at most 1500."""
        return frozen(np.linspace(0, self.points - 1, min(self.points, 1500)).astype(int))

    @cached_property
    def direct(self) -> np.ndarray:
        """The direct sum there."""
        places, charges, _ = self.sorted
        sums = np.empty(len(self.looked_at))
        kernels.all_pairs(*self.code, places[self.looked_at], places, charges, sums)
        return frozen(sums)


def centres(side: int) -> np.ndarray:
    """Centres of the cells, rows from below: (side², 2)."""
    line = (np.arange(side) + 0.5) / side
    return np.stack((np.tile(line, side), np.repeat(line, side)), axis=1)


def samples(half: float) -> tuple[np.ndarray, np.ndarray]:
    """Places to choose from about a cell of half-width `half`: inside it (n, 2), and beyond its neighbours (m, 2)."""
    line = -half * np.cos(np.pi * np.arange(10) / 9)
    inside = np.stack([part.ravel() for part in np.meshgrid(line, line)], axis=1)
    turn = np.arange(-1, 1, 1 / 8)
    ring = np.concatenate(
        [
            np.stack(edge, axis=1)
            for edge in ((turn, 0 * turn - 1), (0 * turn + 1, turn), (-turn, 0 * turn + 1), (0 * turn - 1, -turn))
        ]
    )
    radii = np.geomspace(3 * half, max(2.0, 4 * half), 9)
    return inside, (radii[:, None, None] * ring).reshape(-1, 2)


class Level:
    """K(x − y) ≈ Σ K(x − y_j) F⁻¹_ji K(c_i − y) about a cell of one level: y_j inside, c_i beyond its neighbours."""

    def __init__(self, problem: KernelSum, level: int, crosses: Crosses):
        inside, outside = samples(0.5 / 2**level)
        self.side = 2**level
        self.own, self.checks = inside[crosses.rows], outside[crosses.columns]
        self.inverse = np.linalg.pinv(problem.evaluated(self.checks, self.own), rcond=1e-13)


def table(problem: KernelSum, level: int) -> Crosses:
    """Nothing chosen yet about a cell of this level."""
    inside, outside = samples(0.5 / 2**level)
    return Crosses.of(problem.evaluated(inside, outside))


def refined(crosses: list) -> list:
    """One point more about the cells of every level whose kernel is not yet interpolated to rounding."""
    return [one.extended() if one.largest > ROUNDING * one.scale else one for one in crosses]


def offsets():
    """Cells of the interaction lists, relative: at a distance of two or three."""
    return [(dx, dy) for dy in range(-3, 4) for dx in range(-3, 4) if max(abs(dx), abs(dy)) >= 2]


def summed(problem: KernelSum, crosses: list) -> np.ndarray:
    """The sum at all points, sorted by cell: up the tree, across, down, and the neighbours directly. O(N) a rank."""
    places, charges, first = problem.sorted
    levels = {2 + i: Level(problem, 2 + i, one) for i, one in enumerate(crosses)}
    finest, middle = levels[problem.levels], centres(problem.side)
    seen = np.empty((problem.side**2, len(finest.checks)))
    kernels.gathered(*problem.code, places, charges, first, middle, finest.checks, seen)
    weights = {problem.levels: seen @ finest.inverse.T}
    for level in range(problem.levels, 2, -1):
        weights[level - 1] = _raised(problem, levels[level], levels[level - 1], weights[level])
    local = 0.0
    for level in range(2, problem.levels + 1):
        here = _across(problem, levels[level], weights[level])
        if level > 2:
            here += _lowered(problem, levels[level - 1], levels[level], local)
        local = here @ levels[level].inverse
    sums = np.zeros(problem.points)
    kernels.spread(*problem.code, places, first, middle, finest.checks, local, sums)
    kernels.near(*problem.code, places, charges, first, problem.side, sums)
    return sums


def _children(problem, parent: Level, child: Level):
    """For each of four children: (rows of its cells, K(c_i of the parent − y_j of the child))."""
    grid = np.arange(child.side**2).reshape(child.side, child.side)
    for dy in (0, 1):
        for dx in (0, 1):
            shift = (np.array([dx, dy]) - 0.5) / child.side
            yield grid[dy::2, dx::2].ravel(), problem.evaluated(parent.checks, child.own + shift)


def _raised(problem, child: Level, parent: Level, weights: np.ndarray) -> np.ndarray:
    seen = sum(weights[cells] @ matrix.T for cells, matrix in _children(problem, parent, child))
    return seen @ parent.inverse.T


def _lowered(problem, parent: Level, child: Level, local: np.ndarray) -> np.ndarray:
    found = np.empty((child.side**2, len(child.own)))
    for cells, matrix in _children(problem, parent, child):
        found[cells] = local @ matrix
    return found


def _across(problem, level: Level, weights: np.ndarray) -> np.ndarray:
    """Potentials at the own points of every cell from the cells of its interaction list."""
    rows, columns = np.divmod(np.arange(level.side**2), level.side)
    found = np.zeros((level.side**2, len(level.own)))
    for dx, dy in offsets():
        x, y = columns + dx, rows + dy
        good = (x >= 0) & (x < level.side) & (y >= 0) & (y < level.side)
        good &= (np.abs(x // 2 - columns // 2) <= 1) & (np.abs(y // 2 - rows // 2) <= 1)
        matrix = problem.evaluated(level.own, level.own + np.array([dx, dy]) / level.side)
        found[good] += weights[(y * level.side + x)[good]] @ matrix.T
    return found


@dataclass(slots=True, kw_only=True)
class SumState(State):
    """What was chosen at each level, the sums, their error and the estimate the interpolation brings along."""

    crosses: list
    sums: np.ndarray
    error: float = 1.0
    estimate: float = 1.0
    unknowns: float = 0.0

    def solution(self) -> np.ndarray:
        return self.sums


@dataclass(frozen=True)
class EmpiricalMultipole(Method):
    """The fast multipole method with empirical interpolation of the kernel: points and basis chosen from the kernel.

    About a cell, K(x − y) ≈ Σ_ij K(x − y_j) F⁻¹_ji K(c_i − y) for y in the cell and x beyond its neighbours, y_j and
    c_i chosen greedily from samples, once a level; the same formula, transposed, serves as local expansion. Charges go
    up the tree to the y_j, across to the y_j of the interaction list, and down. A step raises the rank by one and sums
    anew: O(N r + 4^L r²). The largest remainder over the samples, relative to the largest kernel value, is the built-in
    estimate of the error relative to Σ|q| times that value. Attainable: about 1e-8, as F⁻¹ is formed.
    Reference: F. Casenave, arXiv:1408.0210 (2014); here with F⁻¹ on both sides and a tree of given depth.
    """

    title: ClassVar[str] = "EIM multipole"
    sources: ClassVar[tuple[str, ...]] = ("casenave2014d",)
    problems: ClassVar[tuple[type, ...]] = (KernelSum,)
    monitors: ClassVar[tuple[str, ...]] = ("error", "estimate", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    rank: int = knob(40, 1, 80, symbol="r", doc="largest number of points a cell")

    def init(self, problem: KernelSum) -> SumState:
        crosses = [table(problem, level) for level in range(2, problem.levels + 1)]
        sums = np.zeros(problem.points)
        kernels.near(*problem.code, *problem.sorted, problem.side, sums)
        return self._judged(problem, SumState(crosses=crosses, sums=sums))

    def step(self, problem: KernelSum, state: SumState) -> SumState:
        state.k += 1
        state.crosses = refined(state.crosses)
        state.sums = summed(problem, state.crosses)
        state.work.nfe += 2 * problem.points * state.k
        if state.k >= self.rank or all(one.largest <= ROUNDING * one.scale for one in state.crosses):
            state.status = DONE
        return self._judged(problem, state)

    def _judged(self, problem, state: SumState) -> SumState:
        """Error and estimate, both relative to the largest far kernel value times Σ|q|."""
        scale = max(one.scale for one in state.crosses) * np.abs(problem.sorted[1]).sum()
        state.error = float(np.abs(state.sums[problem.looked_at] - problem.direct).max() / scale)
        state.estimate = max(one.largest for one in state.crosses) / max(one.scale for one in state.crosses)
        state.unknowns = float(len(state.crosses[0].rows))
        return state

    def claims(self, problem: KernelSum) -> tuple:
        about = dict(source="casenave2014d", stop=STEPS)
        below = at_most_one(
            "share",
            title="the error stays below the built-in estimate",
            assumes="charges of both signs, so that errors do not add up; samples stand for the cell",
            **about,
        )
        if self.rank < STEPS.steps or problem.points < 300:  # the error is told over the charges of all points
            return (below,)
        return (
            below,
            Exact(
                measure="error",
                tol=1e-5,
                title="five digits with rank 30",
                assumes="measured for smooth kernels beyond the neighbours",
                **about,
            ),
        )

    def measures(self, problem):
        return (SHARE,)


SHARE = Measure(
    "share",
    "error over estimate",
    lambda problem, state: (state.error - 1e-14) / max(state.estimate, 1e-300),
    "error/estimate",
    log=False,
)


def _chosen(problem, state):
    """The points chosen about a cell of the finest level, in units of its width; None while there are none."""
    if not state.crosses[-1].rows:
        return None
    level = Level(problem, problem.levels, state.crosses[-1])
    shown = {"in the cell": level.own, "beyond the neighbours": level.checks}
    return {name: tuple((places * problem.side).T) for name, places in shown.items()}


CASES = (KernelSum(points=300, levels=2), KernelSum(points=300, kind="yukawa"))

PICTURES = (Picture("multipole-points", "points chosen about a cell", "points", _chosen, x="x", y="y", of=SumState),)

EXPERIMENTS = (
    Experiment(
        "multipole-rank",
        "How many points stand for a cell?",
        "All pairs of N points, without the pairs: raise the rank. Does the built-in estimate tell the error?",
        KernelSum(),
        (EmpiricalMultipole(),),
        STEPS,
        measure="error",
        against="unknowns",
        picture="multipole-points",
        predict=Guess(
            "Thirty points stand for a cell in the end. The largest remainder of the kernel at the samples is the"
            " built-in estimate: how large is the true error over it?",
            truth=last("share"),
            theory=lambda runs: 1.0,
            limit=True,
            low=1e-4,
            high=10.0,
            close=3.0,
        ),
        why=r"Seen from beyond the neighbours, all charges of a cell act like a few well-placed ones: greedy picks"
        r" find points $y_j$ in the cell and $c_i$ outside that reproduce the smooth kernel between them. Each point"
        r" more lowers the largest remainder, and that remainder is an estimate of the error which costs nothing. It"
        r" stays far above the error, because the remainders of charges of both signs cancel in the sum; were all of"
        r" one sign, it would be nearer.",
        formula=r"K(x - y) \approx \sum_{i,j} K(x - y_j)\, (F^{-1})_{ji}\, K(c_i - y)",
        level=2,
        minutes=6,
        then="black-box-matrices",
    ),
)
