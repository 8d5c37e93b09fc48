"""Anisotropic domain splitting: coarse along one direction at a time, merged on a skeleton, refined by its residual.

Symbols: N fine and n_c coarse intervals a side; grid i is coarse in direction i and fine in the others. The skeleton is
what the grids see of the fine nodes: in 2D lines, in 3D planes through the coarse nodes; the rest are holes, boxes that
do not touch each other.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from scipy.interpolate import make_interp_spline

from toolkit.core.claims import Beats, Exact, Order, monotone
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Pick, lowest
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.mesh.multiscale.advection import MOST, AdvectionDiffusion, operator

DEGREE = 4  # of the splines, that of the author's programs


class Split:
    """What a problem and n_c fix: grids and their factors, splines, the boxes that fill the holes."""

    def __init__(self, problem: AdvectionDiffusion, coarse: int):
        self.dim, self.coarse, self.n = problem.dim, coarse, problem.n
        self.step = problem.n // coarse
        self.at = np.arange(self.step - 1, problem.n - 1, self.step)  # coarse nodes among the fine ones
        line = np.arange(problem.n + 1) / problem.n
        unit = np.pad(np.eye(coarse - 1), ((1, 1), (0, 0)))  # splines that vanish on the boundary
        spline = make_interp_spline(line[:: self.step], unit, k=min(DEGREE, coarse))
        self.spline = spline(line[1:-1])
        self.spline[self.at] = np.eye(coarse - 1)
        single = [(i,) for i in range(self.dim)]
        pairs = list(itertools.combinations(range(self.dim), 2))
        self.pairs = pairs
        self.factors = {axes: self._factor(problem, axes) for axes in [*single, *pairs]}
        box = (self.step,) * self.dim
        scaled = tuple(beta * self.step / self.n for beta in problem.velocity)  # the box blown up to the unit cube
        small = operator(box, problem.diffusion, scaled) * (self.n / self.step) ** 2
        self.box = spla.splu(sp.csc_array(small)) if self.step > 1 else None
        self.sizes = {"grid": max(f.shape[0] for f in self.factors.values()), "box": (self.step - 1) ** self.dim}

    def _factor(self, problem, axes):
        intervals = tuple(self.coarse if i in axes else self.n for i in range(self.dim))
        return spla.splu(operator(intervals, problem.diffusion, problem.velocity))

    def seen(self, v: np.ndarray, *axes: int) -> np.ndarray:
        """The values at the coarse nodes of some axes."""
        for axis in axes:
            v = np.take(v, self.at, axis=axis)
        return v

    def solved(self, axes: tuple[int, ...], rhs: np.ndarray) -> np.ndarray:
        """The solution on the grid coarse in `axes`, with the fine right-hand side where that grid sees it."""
        seen = self.seen(rhs, *axes)
        return self.factors[axes].solve(seen.ravel()).reshape(seen.shape)

    def bent(self, v: np.ndarray, axis: int) -> np.ndarray:
        """Values at coarse nodes of an axis carried to its fine nodes by splines."""
        return np.moveaxis(np.tensordot(self.spline, v, (1, axis)), 0, axis)

    def merged(self, parts: list[np.ndarray], crossings: dict) -> np.ndarray:
        """The skeleton of grid solutions that were bent to given values where the grids cross; zero in the holes.

        In 3D the crossings are lines, and first bent to one another's values at the nodes where three meet.
        """
        if self.dim == 3:
            corner = self.seen(crossings[0, 1], 2)
            for (i, j), line in list(crossings.items())[1:]:
                free = 3 - i - j
                crossings[i, j] = line + self.bent(corner - self.seen(line, free), free)
        whole = np.zeros((self.n - 1,) * self.dim)
        for i, part in enumerate(parts):
            for j in [j for j in range(self.dim) if j != i]:
                part = part + self.bent(crossings[min(i, j), max(i, j)] - self.seen(part, j), j)
            index = [slice(None)] * self.dim
            index[i] = self.at
            whole[tuple(index)] = part
        return whole

    def filled(self, skeleton: np.ndarray, lack: np.ndarray) -> np.ndarray:
        """The holes filled: in each box the equation with the skeleton as its boundary; `lack` = f − A skeleton."""
        if self.box is None:
            return skeleton
        inner = np.setdiff1d(np.arange(self.n - 1), self.at)
        cut = lack[np.ix_(*[inner] * self.dim)].reshape((self.coarse, self.step - 1) * self.dim)
        order = [*range(0, 2 * self.dim, 2), *range(1, 2 * self.dim, 2)]
        boxes = cut.transpose(order)
        found = self.box.solve(boxes.reshape(self.coarse**self.dim, -1).T).T.reshape(boxes.shape)
        whole = skeleton.copy()
        whole[np.ix_(*[inner] * self.dim)] = found.transpose(np.argsort(order)).reshape((len(inner),) * self.dim)
        return whole


@dataclass(slots=True, kw_only=True)
class SplitState(State):
    """u on the fine grid and its residual r; corrections c kept with their images A c; the largest system solved."""

    split: Split
    u: np.ndarray
    r: np.ndarray
    kept: list
    residual: float
    subproblem: float

    def solution(self) -> np.ndarray:
        return self.u


@dataclass(frozen=True)
class DomainSplitting(Method):
    """Two-level splitting on anisotropic grids. A step is one refinement by the residual.

    Start: u_i on the grids coarse in direction i and u_ij, coarse in i and j; where i and j cross, Richardson's
    combination w (u_i + u_j) + (1 − 2 w) u_ij, w = H²/(H² − h²), without their second-order errors; u_i bent to it by
    splines, merged on the skeleton; each hole a Dirichlet problem of its own. Step: the residual, zero in the holes, is
    solved for on the same grids, scaled to one norm; where the grids cross one of them, each in turn, is believed;
    bent, merged, filled; the correction that makes ‖r‖ smallest along it is added. Grids have (n_c − 1)(N − 1)^(d−1)
    unknowns: one dimension less; they and the boxes are independent of each other.
    `keep` corrections may be kept, the residual then is smallest over their span (flexible GCR); 0 is the paper's.
    Where central differences on the coarse grid oscillate (speed / n_c > 2 α) the start is poor. With keep = 0 the
    steps can stagnate at about 1e-6, as the correction is not a descent direction any more.
    What is known here of the paper: its abstract and the author's programs (2D and 3D, ASDSM); there the direction to
    believe is drawn at random in 2D and is the first in 3D.
    Reference: K. Trotti, A domain splitting strategy for solving PDEs (2023), arXiv:2303.01163.
    """

    title: ClassVar[str] = "anisotropic splitting"
    sources: ClassVar[tuple[str, ...]] = ("trotti2023",)
    problems: ClassVar[tuple[type, ...]] = (AdvectionDiffusion,)
    monitors: ClassVar[tuple[str, ...]] = ("residual", "subproblem")
    coarse: int = knob(6, 2, 24, symbol="n_c", doc="coarse intervals a side; must divide the fine ones")
    start: str = knob(
        "merged", choices=("merged", "zero"), doc="what the skeleton starts from: merged solutions, or zero"
    )
    keep: int = knob(0, 0, 100, doc="corrections over whose span the residual is made smallest besides the new one")

    def suits(self, problem):
        reason = super().suits(problem)
        if reason or (problem.n % self.coarse == 0 and problem.n > self.coarse):
            return reason
        return f"the {problem.n} fine intervals are not a multiple of {self.coarse} coarse ones"

    def init(self, problem):
        split = Split(problem, self.coarse)
        nothing = np.zeros(problem.shape)
        u = split.filled(nothing, problem.rhs) if self.start == "zero" else self._start(problem, split)
        largest = float(max(split.sizes.values()))
        state = SplitState(split=split, u=u, r=u, kept=[], residual=1.0, subproblem=largest)
        return self._measured(problem, state)

    def _start(self, problem, split) -> np.ndarray:
        parts = [split.solved((i,), problem.rhs) for i in range(split.dim)]
        H, h = 1 / split.coarse, 1 / split.n
        w = H**2 / (H**2 - h**2)
        crossings = {}
        for i, j in split.pairs:
            one, two = split.seen(parts[i], j), split.seen(parts[j], i)
            crossings[i, j] = w * (one + two) + (1 - 2 * w) * split.solved((i, j), problem.rhs)
        return self._complete(problem, split, parts, crossings, problem.rhs)

    def _complete(self, problem, split, parts, crossings, rhs) -> np.ndarray:
        skeleton = split.merged(parts, crossings)
        return split.filled(skeleton, rhs - (problem.matrix @ skeleton.ravel()).reshape(rhs.shape))

    def _measured(self, problem, state):
        state.r = problem.rhs - (problem.matrix @ state.u.ravel()).reshape(problem.shape)
        state.residual = float(np.linalg.norm(state.r) / np.linalg.norm(problem.rhs))
        state.work.matvecs += 1
        return state

    def _correction(self, problem, state) -> np.ndarray:
        split = state.split
        parts = [split.solved((i,), state.r) for i in range(split.dim)]
        norms = [np.linalg.norm(part) for part in parts]
        parts = [part * (norms[0] / norm if norm else 1.0) for part, norm in zip(parts, norms)]
        lead = state.k % split.dim
        crossings = {}
        for i, j in split.pairs:
            believed = lead if lead in (i, j) else i
            crossings[i, j] = split.seen(parts[believed], j if believed == i else i)
        state.work.solves += split.dim + 1
        return self._complete(problem, split, parts, crossings, np.zeros_like(state.r))

    def step(self, problem, state):
        c = self._correction(problem, state)
        image = (problem.matrix @ c.ravel()).reshape(c.shape)
        for old, its in state.kept:  # orthogonal images: the residual stays the smallest over all that is kept
            share = float(np.vdot(its, image))
            c, image = c - share * old, image - share * its
        size = float(np.linalg.norm(image))
        state.k += 1
        state.work.matvecs += 2
        if not 0 < size < np.inf:
            state.status = Status("stagnated", "the correction vanishes", "Keep more corrections or raise n_c")
            return state
        c, image = c / size, image / size
        state.u = state.u + float(np.vdot(image, state.r)) * c
        if self.keep:
            state.kept = [*state.kept[-self.keep + 1 :], (c, image)] if self.keep > 1 else [(c, image)]
        return self._measured(problem, state)

    def claims(self, problem):
        about = dict(source="trotti2023", stop=Stop(rtol=0.0, steps=20))
        made = [monotone("residual", title="the residual never grows", floor=1e-12, **about)]
        if problem.speed <= 2 * self.coarse * problem.diffusion and problem.waves == 1:
            to = Stop(measure="error", rtol=0.0, atol=1e-4, steps=40)
            if self.start == "merged":
                rival = self.turned(start="zero")
                words = "the merged start gets to 1e-4 of the direct solution in fewer steps than zero does"
                made.append(Beats(other=rival, measure="k", title=words, source="trotti2023", stop=to, factor=0.9))
            words = "the steps reach the direct solution to 1e-4"
            made.append(Exact(measure="error", tol=1e-4, title=words, source="trotti2023", stop=to))
        values = tuple(self.coarse * m for m in ((4, 8, 16) if problem.dim == 2 else (2, 3, 4)))
        most = max(values)
        grids = (self.coarse - 1) * (most - 1) ** (problem.dim - 1) >= (most // self.coarse - 1) ** problem.dim
        if most <= MOST[problem.dim] and grids:  # with a very coarse grid, its boxes are the larger systems
            words = "the systems to solve grow as those of one dimension less"
            less = dict(measure="subproblem", p=problem.dim - 1, over="n", values=values, growing=True)
            made.append(Order(title=words, source="trotti2023", stop=Stop(rtol=0.0, steps=0), **less))
        return tuple(made)


def _images(problem, state: SplitState):
    """The solution, its distance from the direct one and the residual; of a cube its middle."""
    u, error = state.u, np.abs(state.u - problem.fine)
    cut = (lambda v: v[len(v) // 2]) if problem.dim == 3 else (lambda v: v)
    return {"solution": cut(u), "error": cut(error), "residual": np.abs(cut(state.r))}


PICTURES = (Picture("split", "Solution, error and residual on the skeleton", "images", _images, of=SplitState),)

CASES = (AdvectionDiffusion(n=36), AdvectionDiffusion(dim=3, n=18, speed=2.0))

EXPERIMENTS = (
    Experiment(
        "split-by-direction",
        "Split by direction",
        "How close do thin grids, coarse in one direction each, come to the fine solution?",
        AdvectionDiffusion(n=96, load="one"),
        (DomainSplitting(), DomainSplitting(start="zero"), DomainSplitting(keep=40)),
        Stop(rtol=0.0, atol=1e-12, steps=40),
        measure="error",
        picture="split",
        predict=Pick("Who ends nearest to the fine solution?", lowest("error")),
        why=(
            "A grid that is coarse in one direction is cheap, and wrong mainly in that direction. Solutions on "
            "several such grids are put together so that their errors of second order cancel where they cross, "
            "which makes a good start. Each step then corrects by what is left over; whoever keeps the old "
            "corrections never has to make one twice."
        ),
        formula=r"w\,(u_i+u_j)+(1-2w)\,u_{ij},\qquad w=\frac{H^2}{H^2-h^2}",
        level=3,
        minutes=6,
        then="orders_in_time",
    ),
)
