"""ML-VMS: a coarse mesh everywhere, finer meshes only around the spot, coupled by the weak form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, monotone
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, ratio
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.mesh.multiscale.composite import Composite
from toolkit.mesh.multiscale.hidenn import checked_patch, solved
from toolkit.mesh.multiscale.hot_spot import HotSpot, on_a_line, on_a_square
from toolkit.mesh.multiscale.patch_functions import Line

SWEPT = Stop(rtol=0.0, steps=400)


@dataclass(slots=True, kw_only=True)
class MultiscaleState(State):
    """The meshes, the part of each level at its nodes, residual and direction likewise, and what is recorded.

    `update` is the energy of what the last step changed over that of the solution; rho = ⟨residual, swept residual⟩.
    """

    mesh: Composite
    parts: list[np.ndarray]
    residual: list[np.ndarray]
    direction: list[np.ndarray]
    rho: float
    energy_error: float
    l2_error: float
    update: float
    unknowns: float

    def solution(self) -> np.ndarray:
        return np.concatenate([u.ravel() for u in self.mesh.values(self.parts)])

    def at(self, *points: np.ndarray) -> np.ndarray:
        """The solution at points of a line, or on the grid of two."""
        return self.mesh.at(self.parts, *points)


@dataclass(frozen=True)
class MultiscaleVMS(Method):
    """A coarse mesh everywhere, a fine one on a stretch around the spot, and a finer one in that.

    On each region the solution is written in the C-HiDeNN functions of its own mesh; a fine mesh takes the values of
    the coarser one on its edge. The weak form over all regions, tested with the functions of all levels, couples the
    scales both ways. It is solved by sweeps, from the finest level to the coarse one and back, each level with the
    others standing still; a step is one, accelerated by conjugate gradients, as a coarse function that hardly looks out
    of the fine mesh is found slowly by sweeps alone. "one-way": the coarse part is kept, as if it heard no fine scale.
    On the interval the energy error falls to that of Galerkin's method on the composite mesh. In the square this is not
    quite conforming: a fine edge holds the coarse trace at its nodes only.
    Reference: L. Zhang, J. Guo, S. Tang, T. J. R. Hughes, W. K. Liu, arXiv:2510.23004 (2025); T. J. R. Hughes et al.,
    Comput. Methods Appl. Mech. Eng. 166 (1998) 3–24. The sweep: J. Xu, SIAM Rev. 34 (1992) 581–613.
    """

    title: ClassVar[str] = "ML-VMS"
    name: ClassVar[str] = "multiscale_vms"
    sources: ClassVar[tuple[str, ...]] = ("zhang2025mlvms", "hughes1998", "xu1992")
    monitors: ClassVar[tuple[str, ...]] = ("energy_error", "l2_error", "update", "unknowns")
    problems: ClassVar[tuple[type, ...]] = (HotSpot,)
    p: int = knob(2, 1, 4, symbol="p", doc="order of the polynomials that are reproduced")
    s: int = knob(None, 1, 5, kind=int, symbol="s", doc="layers of a patch, at least p; None: p")
    a: float = knob(2.0, 0.5, 12.0, symbol="a", doc="dilation of the radial functions, in lengths of an element")
    coarse: int = knob(32, 8, 64, log=True, symbol="n₀", doc="elements along a side of the coarse mesh")
    levels: int = knob(2, 2, 3, symbol="L", doc="number of meshes")
    refine: int = knob(4, 2, 8, symbol="r", doc="elements of a level in one of the level before, along a side")
    reach: float = knob(5.0, 1.0, 10.0, symbol="ρ", doc="half the side of the finest mesh, in widths of the spot")
    tolerance: float = knob(1e-5, 1e-12, 1e-2, log=True, doc="change of a step, in energy, at which the scales agree")
    coupling: str = knob("two-way", choices=("two-way", "one-way"), doc="whether the coarse scale hears the fine ones")

    def __post_init__(self):
        Method.__post_init__(self)
        checked_patch("MultiscaleVMS", self.p, self.s)

    def label(self) -> str:
        meshes = " + ".join(str(self.coarse * self.refine**level) for level in range(self.levels))
        return f"ML-VMS {meshes}, p = {self.p}" + ("" if self.coupling == "two-way" else ", one-way")

    @property
    def finest(self) -> int:
        """Elements along a side, were the finest mesh everywhere."""
        return self.coarse * self.refine ** (self.levels - 1)

    def suits(self, problem) -> str:
        reason = Method.suits(self, problem)
        if reason:
            return reason
        most = 4096 if problem.dim == 1 else 512
        if self.finest > most:
            return f"coarse · refine^(levels − 1) = {self.finest} elements along a side: expected at most {most}"
        share = self.share(problem)
        return "" if share < 0.8 else f"its meshes have {share:.0%} of the unknowns of a fine mesh everywhere"

    def line(self, n: int, low: float = 0.0, high: float = 1.0) -> Line:
        """A stretch of n elements with this method's functions."""
        return Line(low, high, n, self.p, checked_patch("MultiscaleVMS", self.p, self.s), self.a)

    def stretches(self, problem: HotSpot) -> list[list[Line]]:
        """The lines of every level and direction: [0, 1], then around the spot between nodes of the level before."""
        found = [[self.line(self.coarse)] * problem.dim]
        for level in range(1, self.levels):
            half = problem.width * (self.reach + 2.0 * (self.levels - 1 - level))
            lines = []
            for outer, centre in zip(found[-1], problem.centre):
                first = max(0, math.floor((centre - half - outer.low) / outer.h + 1e-9))
                last = min(outer.n, math.ceil((centre + half - outer.low) / outer.h - 1e-9))
                ends = outer.low + outer.h * np.array([first, last])
                lines.append(self.line((last - first) * self.refine, *ends.tolist()))
            found.append(lines)
        return found

    def init(self, problem: HotSpot) -> MultiscaleState:
        mesh = Composite(self.stretches(problem))
        residual = mesh.tested([level.load(problem) for level in mesh.levels])
        parts = mesh.sweep(residual, (0,))
        residual = [load - done for load, done in zip(residual, mesh.applied(parts))]
        errors = mesh.errors(problem, parts)
        about = dict(energy_error=errors[0], l2_error=errors[1], update=1.0, unknowns=float(mesh.size), rho=0.0)
        direction = [level.zeros for level in mesh.levels]
        return MultiscaleState(mesh=mesh, parts=parts, residual=residual, direction=direction, **about)

    def step(self, problem: HotSpot, state: MultiscaleState) -> MultiscaleState:
        mesh, down = state.mesh, range(self.levels - 1, 0, -1)
        two_way = self.coupling == "two-way"
        swept = mesh.sweep(state.residual, (*down, 0, *reversed(down)) if two_way else reversed(down))
        before, state.rho = state.rho, _inner(state.residual, swept)
        turn = state.rho / before if before else 0.0
        state.direction = [z + turn * p for z, p in zip(swept, state.direction)]
        images = mesh.applied(state.direction)
        curvature = _inner(state.direction, images)
        along = (state.rho / curvature if two_way else 1.0) if curvature > 0 else 0.0
        state.parts = [u + along * p for u, p in zip(state.parts, state.direction)]
        state.residual = [r - along * q for r, q in zip(state.residual, images)]
        state.k += 1
        state.work.solves += 2 * self.levels - 1 if two_way else self.levels - 1
        state.update = along * math.sqrt(max(curvature, 0.0)) / mesh.energy(problem, state.parts)
        state.energy_error, state.l2_error = mesh.errors(problem, state.parts)
        if not two_way:
            state.status = Status("converged", "the fine scales have followed the coarse one")
        elif state.update <= self.tolerance:
            state.status = Status("converged", "the scales agree")
        return state

    def claims(self, problem: HotSpot) -> tuple:
        found = []
        if problem.dim == 1:
            words = dict(title="the energy error never grows", source="xu1992", stop=SWEPT)
            found.append(monotone("energy_error", floor=1e-12, assumes="a conforming composite mesh", **words))
        share = self.share(problem)
        inside = self.reach >= 4 and problem.width * self.coarse >= 0.3
        settled = (
            self.tolerance <= 1e-5 and self.a <= 5
        )  # wider functions are nearly dependent: sweeps find them slowly
        if settled and problem.strength >= 0.5 and inside and self.coupling == "two-way":
            words = dict(
                source="zhang2025mlvms", assumes="the spot inside the finest mesh, the warmth smooth", stop=SWEPT
            )
            fine = f"the fine mesh everywhere ({self.finest} elements a side)"
            title = f"with {share:.1%} of its unknowns at most 1.1 times the error of {fine}"
            found.append(Exact(measure="uniform_ratio", tol=1.1, title=title, **words))
        return tuple(found)

    def share(self, problem: HotSpot) -> float:
        """Unknowns over those of the finest mesh everywhere, counted without building anything."""
        counts = (math.prod(line.n - 1 for line in lines) for lines in self.stretches(problem))
        return sum(counts) / (self.finest - 1) ** problem.dim

    def measures(self, problem: HotSpot) -> tuple[Measure, ...]:
        """The error against that of the finest mesh everywhere, and the share of its unknowns."""
        line = self.line(self.finest)

        def ratio(problem, state):
            return state.energy_error / remembered(problem, ("uniform", line), lambda: _uniform(problem, line))

        def fraction(problem, state):
            return state.unknowns / (line.n - 1) ** problem.dim

        return (
            Measure(
                "uniform_ratio",
                "energy error over that of the fine mesh everywhere",
                ratio,
                "‖∇(u − u_ML)‖ / ‖∇(u − u_fine)‖",
            ),
            Measure(
                "unknown_fraction", "unknowns over those of the fine mesh everywhere", fraction, "N / N_fine", log=False
            ),
        )


def _inner(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    """The inner product over all levels."""
    return float(sum(np.vdot(u, v) for u, v in zip(one, other)))


def _uniform(problem: HotSpot, line: Line) -> float:
    """The energy error of the fine mesh everywhere."""
    mesh, u = solved(problem, line)
    return mesh.errors(problem, [u])[0]


def _profile(problem, state: MultiscaleState):
    """The solution and the parts of the finer levels along the interval."""
    x = np.linspace(0, 1, 1001)
    shown = {"x": x, "exact": problem.exact(x), "ML-VMS": state.at(x)}
    for i, part in enumerate(state.parts[1:], 1):
        shown[f"part of level {i}"] = state.mesh.levels[i].directions[0].line.tables(x)[0] @ part
    return shown


def _field(problem, state: MultiscaleState):
    """Solution and error on the square."""
    x = np.linspace(0, 1, 129)
    found = state.at(x, x)
    return {"solution": found.T, "error": (problem.exact(x, x) - found).T}


def _meshes(problem, state: MultiscaleState):
    """The elements of every level where no finer one lies, coloured by the error in their middles."""
    points, cells, values = [], [], []
    levels = [[one.line for one in level.directions] for level in state.mesh.levels]
    for i, (across, up) in enumerate(levels):
        middles = [(line.nodes[1:] + line.nodes[:-1]) / 2 for line in (across, up)]
        column, row = np.meshgrid(np.arange(across.n), np.arange(up.n), indexing="ij")
        keep = np.ones(column.shape, bool)
        if i + 1 < len(levels):
            keep &= ~np.outer(*((line.low < m) & (m < line.high) for line, m in zip(levels[i + 1], middles)))
        corner = column[keep] * (up.n + 1) + row[keep] + sum(map(len, points))
        cells.append(np.column_stack((corner, corner + up.n + 1, corner + up.n + 2, corner + 1)))
        values.append(np.abs(problem.exact(*middles) - state.at(*middles))[keep])
        points.append(np.column_stack([g.ravel() for g in np.meshgrid(across.nodes, up.nodes, indexing="ij")]))
    return {"points": np.vstack(points), "cells": np.vstack(cells), "values": np.concatenate(values)}


CASES = (HotSpot(width=0.02), HotSpot(dim=2, width=0.02))

EXPERIMENTS = (
    Experiment(
        "fine-patch",
        "Fine only where it matters",
        "A laser heats one spot of the plate. How few unknowns reach the error of a fine mesh everywhere?",
        HotSpot(dim=2, width=0.02),
        (MultiscaleVMS(), MultiscaleVMS(coarse=16, refine=8), MultiscaleVMS(coupling="one-way"), MultiscaleVMS(p=1)),
        SWEPT,
        measure="energy_error",
        picture="multiscale-mesh",
        predict=Guess(
            "How many times larger is the error with $p=1$ (the last) than with $p=2$ (the first)?",
            ratio("energy_error", 3, 0),
            1.0,
            100.0,
            close=1.5,
        ),
        why=(
            "The warmth is steep under the beam only, so a fine mesh is needed only there: the solution is a sum "
            "of a coarse part and of finer ones on patches. The scales hear each other by sweeps from the fine "
            "meshes to the coarse one and back, until nothing changes. Functions of order two instead of one then"
            " take off most of the error."
        ),
        formula=r"u=u^{0}+u^{1}+u^{2},\qquad a(u,v)=(f,v)\ \text{for the functions } v \text{ of all levels}",
        level=2,
        minutes=5,
        then="split-by-direction",
    ),
)

_LINE, _SQUARE = dict(of=MultiscaleState, when=on_a_line), dict(of=MultiscaleState, when=on_a_square)

PICTURES = (
    Picture("multiscale-profile", "the scales along the interval", "lines", _profile, x="x", y="u", **_LINE),
    Picture("multiscale-field", "solution and error of all scales", "images", _field, **_SQUARE),
    Picture("multiscale-mesh", "meshes of all levels, coloured by the error", "mesh", _meshes, **_SQUARE),
)
