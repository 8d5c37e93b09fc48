"""Inclusions that conduct better and better: one coefficient a step, the matrix summed anew into the same pattern."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from toolkit.core.claims import Order, monotone
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Sketch
from toolkit.core.problem import Problem
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.mesh.adaptive.linear_elements import LinearElements, solved
from toolkit.mesh.adaptive.triangulation import Triangulation

DRAWN = 20_000  # cells, at most
SWEPT = Stop(measure="distance", rtol=0.0, steps=60)


@dataclass(frozen=True)
class Inclusions(Problem):
    """−∇·κ∇u = 1 on the unit square, u = 0 on its border, κ = 1 outside and κ = contrast inside of inclusions.

    Squares cut along the diagonal, n to a side; a cell belongs to an inclusion by its centre. As the contrast grows u
    tends to the solution u∞ that is constant on every inclusion, which is found directly: those constants are unknowns.
    """

    title: ClassVar[str] = "inclusions of high contrast"
    sources: ClassVar[tuple[str, ...]] = ("calo2014",)
    layout: str = knob("discs", choices=("blocks", "discs", "channel"), doc="where the inclusions are")
    n: int = knob(64, 8, 128, symbol="n", doc="squares to a side")
    count: int = knob(9, 1, 40, doc="how many discs")
    seed: int = knob(0, 0, 10_000, doc="which random places of the discs")

    @cached_property
    def mesh(self) -> Triangulation:
        """The 2 n² triangles: squares cut from the lower left to the upper right corner."""
        n = self.n
        x, y = np.meshgrid(np.linspace(0, 1, n + 1), np.linspace(0, 1, n + 1))
        corner = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
        lower = np.column_stack([corner + n + 2, corner, corner + 1])
        upper = np.column_stack([corner, corner + n + 2, corner + n + 1])
        return Triangulation(np.column_stack([x.ravel(), y.ravel()]), np.concatenate((lower, upper)))

    @cached_property
    def inside(self) -> np.ndarray:
        """Which cells belong to an inclusion (m,)."""
        x, y = self.mesh.points[self.mesh.cells].mean(axis=1).T
        if self.layout == "blocks":
            return (np.abs(4 * x % 1 - 0.5) < 0.25) & (np.abs(4 * y % 1 - 0.5) < 0.25)
        if self.layout == "channel":
            return (np.abs(y - 0.5 - 0.25 * np.sin(2 * np.pi * x)) < 0.08) & (np.abs(x - 0.5) < 0.4)
        rng, near = np.random.default_rng(self.seed), np.zeros(len(x), bool)
        for a, b, r in zip(*rng.uniform([[0.15], [0.15], [0.04]], [[0.85], [0.85], [0.1]], (3, self.count))):
            near |= np.hypot(x - a, y - b) < r
        return near

    @cached_property
    def elements(self) -> LinearElements:
        """Linear elements on the mesh, their pattern found once for all contrasts."""
        return LinearElements(self.mesh)

    @cached_property
    def load(self) -> np.ndarray:
        """∫ ψ_i."""
        return self.elements.load(np.repeat(self.mesh.areas[:, None] / 3, 3, axis=1))

    @cached_property
    def laplacian(self) -> sp.csr_array:
        """∫ ∇ψ_i·∇ψ_j."""
        return self.elements.matrix(1.0)

    def matrix(self, contrast: float) -> sp.csr_array:
        """∫ κ ∇ψ_i·∇ψ_j."""
        return self.elements.matrix(np.where(self.inside, contrast, 1.0))

    @cached_property
    def limit(self) -> np.ndarray:
        """u∞ at the vertices: equal at all vertices of an inclusion."""
        size = len(self.mesh.points)
        within = self.mesh.cells[self.inside]
        pairs = within[:, [0, 1]].ravel(), within[:, [1, 2]].ravel()
        joined = sp.coo_array((np.ones(2 * len(within)), pairs), shape=(size, size))
        groups, group = connected_components(joined, directed=False)
        fold = sp.csr_array((np.ones(size), (np.arange(size), group)), shape=(size, groups))
        free = np.setdiff1d(np.arange(groups), group[np.setdiff1d(np.arange(size), self.mesh.inner)])
        return fold @ solved((fold.T @ self.laplacian @ fold).tocsr(), fold.T @ self.load, np.zeros(groups), free)


@dataclass(slots=True, kw_only=True)
class SweepState(State):
    """The solution at one contrast; `distance` = ‖∇(u − u∞)‖ / ‖∇u∞‖, `compliance` = ∫ u."""

    u: np.ndarray
    contrast: float = 1.0
    distance: float = 0.0
    compliance: float = 0.0

    def solution(self) -> np.ndarray:
        return self.u


@dataclass(frozen=True)
class CoefficientSweep(Method):
    """Solve for κ = 1, q, q², … inside the inclusions: the pattern of the matrix is found once, its numbers each time.

    ‖∇(u_κ − u∞)‖ ≤ C/κ: on the inclusions u is a constant but for 1/κ. A step sums the matrix (about 20 ns a cell) and
    solves by sparse LU. Beyond contrasts of 1e7 rounding decides.
    Reference: V. M. Calo, Y. Efendiev, J. Galvis, Math. Models Methods Appl. Sci. 24 (2014) 465–494,
    doi:10.1142/S0218202513500565, Section 3 (asymptotic expansion in 1/κ).
    """

    title: ClassVar[str] = "coefficient sweep"
    sources: ClassVar[tuple[str, ...]] = ("calo2014",)
    monitors: ClassVar[tuple[str, ...]] = ("distance", "contrast", "compliance")
    scales: ClassVar[tuple[str, ...]] = ("contrast",)
    problems: ClassVar[tuple[type, ...]] = (Inclusions,)
    ratio: float = knob(2.0, 1.1, 10.0, symbol="q", doc="growth of the contrast from one step to the next")
    last: float = knob(1e5, 1e3, 1e7, log=True, doc="contrast to end with")

    def init(self, problem: Inclusions) -> SweepState:
        return self._solved(problem, SweepState(u=np.zeros(len(problem.mesh.points))))

    def step(self, problem: Inclusions, state: SweepState) -> SweepState:
        state.k += 1
        state.contrast = min(state.contrast * self.ratio, self.last)
        return self._solved(problem, state)

    def _solved(self, problem, state: SweepState) -> SweepState:
        state.u = solved(problem.matrix(state.contrast), problem.load, np.zeros_like(state.u), problem.mesh.inner)
        gap, limit = state.u - problem.limit, problem.limit
        state.distance = float(np.sqrt((gap @ problem.laplacian @ gap) / (limit @ problem.laplacian @ limit)))
        state.compliance = float(problem.load @ state.u)
        state.work.solves += 1
        if state.contrast >= self.last:
            state.status = Status("converged", f"reached a contrast of {self.last:g}")
        return state

    def claims(self, problem) -> tuple:
        if self.suits(problem) or not problem.inside.any():
            return ()
        about = dict(source="calo2014", assumes="the inclusions do not touch the border", stop=SWEPT)
        first = int(np.ceil(np.log(100) / np.log(self.ratio)))
        slope = dict(p=1, over="contrast", skip=first, tol=0.1, title="distance to the limit ∝ 1/κ")
        less = "a better conductor stores less: ∫ u falls"
        floor = max(1e-13, 1e-15 * self.last)  # rounding grows with the contrast
        return Order(measure="distance", **slope, **about), monotone("compliance", floor=floor, title=less, **about)


def _drawable(problem: Inclusions, state) -> bool:
    """Whether the mesh is not too fine."""
    return 2 * problem.n**2 <= DRAWN


def _solution(problem, state: SweepState):
    return {"points": problem.mesh.points, "cells": problem.mesh.cells, "values": state.u}


CASES = (Inclusions("discs", 16), Inclusions("blocks", 16), Inclusions("channel", 20))
PICTURES = (Picture("inclusions", "solution", "mesh", _solution, "x", "y", of=SweepState, when=_drawable),)
EXPERIMENTS = (
    Experiment(
        "high_contrast",
        "Better and better conductors",
        "Where the plate conducts ever better it becomes flat. How fast does it get there?",
        Inclusions(),
        (CoefficientSweep(), CoefficientSweep(ratio=1.3)),
        SWEPT,
        measure="distance",
        against="contrast",
        picture="inclusions",
        predict=Sketch("With which slope does the distance to the limit fall?", "distance", order=True),
        why=(
            "As an inclusion conducts better, less and less of a difference can stand in it, and in the limit the"
            " solution is constant there. What is left of the difference is what drives the same flow through a "
            r"conductivity $\kappa$: it goes like $1/\kappa$. The flow around the inclusions hardly notices any "
            "more."
        ),
        formula=r"\|\nabla(u_\kappa-u_\infty)\|\le\frac{C}{\kappa}",
        level=1,
        minutes=4,
        then="phase_descent",
    ),
)
