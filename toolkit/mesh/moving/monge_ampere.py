"""Moving meshes on a square: the Monge–Ampère equation of optimal transport, by parabolic relaxation or Newton."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.fft
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from toolkit.core.claims import FEWER, Beats, Exact, Order, monotone
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Pick, first_there, lowest
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.kernels.grid import moving as kernels
from toolkit.mesh.moving.problems import Feature

ROUNDING = 1e-10
STALLED = Status(
    "stagnated", "no step, however short, lowers the residual and keeps all cells upright", "Lower `strength`"
)


@dataclass(slots=True, kw_only=True)
class MapState(State):
    """The potential φ, the nodes x = ξ + ∇φ, and at them m, ∇m, det(I + D²φ) and m det(I + D²φ)/θ − 1 (`off`).

    `residual` is the root mean square of `off`, `least_jacobian` the least over the corners of all cells (1: uniform),
    `tangled` the corners where it is not positive, `area` that of all cells; `pace` the length of the last step.
    """

    phi: np.ndarray
    x: np.ndarray
    y: np.ndarray
    m: np.ndarray
    mx: np.ndarray
    my: np.ndarray
    jacobian: np.ndarray
    off: np.ndarray
    theta: float = 1.0
    residual: float = 0.0
    least_jacobian: float = 1.0
    tangled: float = 0.0
    area: float = 1.0
    pace: float = 1.0

    def solution(self) -> np.ndarray:
        return np.stack((self.x, self.y))

    def take(self, phi: np.ndarray, table: np.ndarray) -> MapState:
        """The state after φ has been replaced; `table` holds m."""
        h = 1.0 / (phi.shape[0] - 1)
        self.phi = phi
        kernels.moved(phi, h, self.x, self.y, self.jacobian)
        kernels.sample(table, self.x, self.y, self.m, self.mx, self.my)
        self.theta, self.residual = kernels.residual(self.m, self.jacobian, self.off)
        self.least_jacobian, self.tangled, self.area = kernels.corners(self.x, self.y, h)
        return self

    @property
    def upright(self) -> bool:
        """Whether the map is one-to-one on every cell and the potential convex at every node."""
        return self.least_jacobian > 0 and self.jacobian.min() > 0


@dataclass(frozen=True)
class MongeAmpereMover(Method):
    """Base of the movers of a square: x = ξ + ∇φ with m(x) det(I + D²φ) = θ and ∂φ/∂n = 0 on the border.

    Among all maps that equidistribute m it is the one nearest to the identity. Differences of second order on the
    (n + 1)² nodes; m from a table by C¹ cubics. A step is halved until every corner of every cell keeps a positive
    Jacobian and the residual does not grow.
    """

    monitors: ClassVar[tuple[str, ...]] = ("residual", "least_jacobian", "tangled")
    linear: ClassVar[tuple[str, ...]] = ("least_jacobian", "tangled")
    problems: ClassVar[tuple[type, ...]] = (Feature,)
    monitor: str = knob("curvature", choices=("curvature", "arc length"), doc="what the mesh is drawn to")
    strength: float = knob(0.5, 0.0, 0.9, symbol="s", doc="share of the cells that goes to the features; 0: uniform")
    smoothing: float = knob(0.02, 0.01, 0.2, log=True, symbol="ℓ", doc="length over which the density is smoothed")

    def table(self, problem: Feature) -> np.ndarray:
        """The density m on a fine grid."""
        return problem.density(self.monitor, self.strength, self.smoothing)

    def init(self, problem: Feature) -> MapState:
        shape = (problem.n + 1, problem.n + 1)
        arrays = {name: np.empty(shape) for name in ("x", "y", "m", "mx", "my", "jacobian", "off")}
        return MapState(phi=np.zeros(shape), **arrays).take(np.zeros(shape), self.table(problem))

    def direction(self, problem: Feature, state: MapState) -> np.ndarray:
        """The change of φ that a step of length 1 makes."""
        raise NotImplementedError

    def longest(self, state: MapState) -> float:
        """The length that is tried first."""
        raise NotImplementedError

    def step(self, problem: Feature, state: MapState) -> MapState:
        table, phi, before = self.table(problem), state.phi, state.residual
        direction, pace = self.direction(problem, state), self.longest(state)
        state.k += 1
        for _ in range(30):
            state.take(phi + pace * direction, table)
            state.work.nfe += 1
            if state.upright and state.residual <= before:
                state.pace = pace
                return state
            pace /= 2
        state.take(phi, table)
        state.status = STALLED if before > ROUNDING else Status("converged", "the residual is at the level of rounding")
        return state

    def measures(self, problem) -> tuple[Measure, ...]:
        about = dict(symbol="max |m A / mean − 1|", doc="of the cells; at rest the discretisation error of the mover")
        uneven = Measure("unevenness", "unevenness of the cells", lambda p, s: unevenness(s, self.table(p)), **about)
        return (uneven, AREA_ERROR)

    def settled(self) -> Stop:
        """When the mover has done its work."""
        return Stop(rtol=0.0, atol=1e-8, steps=600)

    def claims(self, problem: Feature) -> tuple:
        stop = self.settled()
        about = dict(source=self.sources[0], assumes="steps are halved where they would tangle")
        found = [
            Exact(measure="tangled", tol=0.0, always=True, title="every corner of every cell upright", **about),
            Exact(measure="area_error", tol=1e-12, always=True, title="the cells fill the square", **about),
        ]
        if self.strength > 0:
            found.append(monotone("residual", title="Monge–Ampère residual never grows", stop=stop, **about))
        if self.strength <= 0.8 and problem.n * problem.width >= 0.8:
            moderate = dict(source=self.sources[0], assumes="a moderate strength", stop=stop)
            found.append(Exact(measure="residual", tol=1e-8, title="the Monge–Ampère equation is solved", **moderate))
            if 0.1 <= self.strength <= 0.5 and problem.width <= 0.08:
                title = "interpolation error below the uniform mesh's at equal nodes"
                found.append(Exact(measure="error_ratio", tol=FEWER, title=title, **moderate))
            if 0.1 <= self.strength <= 0.5 and 0.04 <= problem.width <= 0.08 and problem.shape != "spiral":
                rungs = dict(p=2, over="n", values=(24, 48, 96), at_least=True, title="interpolation error ∝ 1/n²")
                found.append(Order(measure="l2_error", **rungs, **moderate))
        return tuple(found)


@dataclass(frozen=True)
class ParabolicMongeAmpere(MongeAmpereMover):
    """Parabolic Monge–Ampère (PMA): (1 − γΔ) ∂φ/∂t = (m det(I + D²φ)/θ)^½ − 1, by explicit Euler steps.

    Its rest state solves the equation, convexity is kept, and the filter (1 − γΔ)⁻¹ makes the step free of the mesh
    size. Linear convergence, slower the more m varies. A step costs two cosine transforms and one pass over the nodes.
    Reference: C. J. Budd, J. F. Williams, SIAM J. Sci. Comput. 31 (2009) 3438–3465, doi:10.1137/080716773.
    """

    title: ClassVar[str] = "parabolic Monge–Ampère"
    name: ClassVar[str] = "parabolic_monge_ampere"
    sources: ClassVar[tuple[str, ...]] = ("budd2009",)
    gamma: float = knob(0.1, 1e-3, 10.0, log=True, symbol="γ", live=True, doc="smoothing of the velocity")
    dt: float = knob(0.1, 1e-3, 20.0, log=True, symbol="Δt", live=True, doc="longest step in the artificial time")

    def direction(self, problem: Feature, state: MapState) -> np.ndarray:
        wave = (2 * problem.n * np.sin(np.pi * np.arange(problem.n + 1) / (2 * problem.n))) ** 2
        speed = scipy.fft.dctn(np.sqrt(1 + state.off) - 1, type=1)
        state.work.solves += 1
        return scipy.fft.idctn(speed / (1 + self.gamma * (wave[:, None] + wave)), type=1)

    def longest(self, state: MapState) -> float:
        return min(self.dt, 2 * state.pace) if state.k else self.dt


@dataclass(frozen=True)
class NewtonMongeAmpere(MongeAmpereMover):
    """Newton's method for m(ξ + ∇φ) det(I + D²φ) = θ, with ∫φ = 0 and θ an unknown.

    The derivative is assembled, nine entries a row, and solved directly. Quadratic convergence near the solution; far
    from it steps are halved. The published method solves its steps by Krylov iteration with multigrid; on the grids
    of this lab a sparse factorisation is as quick: about 7 ms for 41² nodes, 80 ms for 129².
    Reference: G. L. Delzanno et al., J. Comput. Phys. 227 (2008) 9841–9864, doi:10.1016/j.jcp.2008.07.020.
    """

    title: ClassVar[str] = "Newton (Monge–Ampère)"
    name: ClassVar[str] = "newton_monge_ampere"
    sources: ClassVar[tuple[str, ...]] = ("delzanno2008",)

    def direction(self, problem: Feature, state: MapState) -> np.ndarray:
        size = state.phi.size
        rows, columns, entries = np.empty(9 * size, np.int32), np.empty(9 * size, np.int32), np.empty(9 * size)
        fields = (state.m, state.mx, state.my, state.jacobian)
        kernels.linearised(state.phi, *fields, state.theta, 1.0 / problem.n, rows, columns, entries)
        derivative = sp.csc_array((entries, (rows, columns)), shape=(size, size))
        ones = sp.csc_array(np.ones((size, 1)))
        bordered = sp.block_array([[derivative, -ones], [ones.T / size, None]], format="csc")
        state.work.solves += 1
        return spsolve(bordered, np.append(-state.off, 0.0))[:-1].reshape(state.phi.shape)

    def longest(self, state: MapState) -> float:
        return 1.0

    def claims(self, problem: Feature) -> tuple:
        found = super().claims(problem)
        if self.strength <= 0.8 and problem.n * problem.width >= 0.8:
            title = "a fifth of the steps of the parabolic method"
            other = ParabolicMongeAmpere(self.monitor, self.strength, self.smoothing)
            about = dict(source="delzanno2008", assumes="a moderate strength", stop=self.settled())
            found += (Beats(other=other, measure="k", factor=0.2, title=title, **about),)
        return found


def unevenness(state: MapState, table: np.ndarray) -> float:
    """max |m A / mean − 1| over the cells, m at their middle, A their area."""
    x, y = state.x, state.y
    across = (x[1:, 1:] - x[:-1, :-1]) * (y[:-1, 1:] - y[1:, :-1])
    area = np.abs(across - (y[1:, 1:] - y[:-1, :-1]) * (x[:-1, 1:] - x[1:, :-1])) / 2
    middles = [(f[1:, 1:] + f[1:, :-1] + f[:-1, 1:] + f[:-1, :-1]) / 4 for f in (x, y)]
    m, gx, gy = (np.empty_like(area) for _ in range(3))
    kernels.sample(table, *middles, m, gx, gy)
    share = m * area
    return float(np.abs(share / share.mean() - 1).max())


AREA_ERROR = Measure("area_error", "area of all cells", lambda problem, state: abs(state.area - 1), "|Σ A − 1|")


def _mesh(problem, state, values):
    cells, n = np.arange((problem.n + 1) * problem.n), problem.n + 1
    cells = cells[cells % n != problem.n]
    return {
        "points": np.column_stack((state.x.ravel(), state.y.ravel())),
        "cells": np.column_stack((cells, cells + n, cells + n + 1, cells + 1)),
        "values": values.ravel(),
    }


def _moved_field(problem, state: MapState):
    return _mesh(problem, state, problem.value(state.x, state.y))


def _moved_density(problem, state: MapState):
    return _mesh(problem, state, state.m)


CASES = (Feature(n=24, width=0.06), Feature(n=24, shape="front", width=0.06), Feature(n=24, shape="bumps", width=0.06))

PICTURES = (
    Picture("moved_field", "field on the moved mesh", "mesh", _moved_field, x="x", y="y", of=MapState),
    Picture("moved_density", "density on the moved mesh", "mesh", _moved_density, x="x", y="y", of=MapState),
)

EXPERIMENTS = (
    Experiment(
        "ring_mesh",
        "A mesh that follows a ring",
        "Raise the share of cells that goes to the ring: how far does the error fall, and when is it too much?",
        Feature(n=40, width=0.03),
        (*(ParabolicMongeAmpere(strength=s) for s in (0.25, 0.5, 0.8)), NewtonMongeAmpere(strength=0.5)),
        Stop(rtol=0.0, atol=1e-8, steps=400),
        measure="error_ratio",
        picture="moved_field",
        predict=Pick("With which share is the error smallest in the end?", lowest("error_ratio")),
        why=(
            "The mesh is moved so that every cell holds the same amount of a density that is large where the ring"
            " bends. The error is then divided among cells that are small where it would be large. With a larger "
            "share $s$ it falls further, but by less each time, and the equation is harder to solve: more steps "
            "are needed."
        ),
        formula=r"m(x)\,\det(I+D^2\varphi)=\theta,\qquad x=\xi+\nabla\varphi",
        level=1,
        minutes=5,
        then="mesh_movers",
    ),
    Experiment(
        "mesh_movers",
        "Relax, or linearise?",
        "Both end on the same mesh. One step of Newton's costs a factorisation: who is there first, in steps and time?",
        Feature(n=48, shape="spiral", width=0.06),
        (ParabolicMongeAmpere(), ParabolicMongeAmpere(gamma=1.0, dt=2.0), NewtonMongeAmpere()),
        Stop(rtol=0.0, atol=1e-10, steps=400),
        measure="residual",
        picture="moved_field",
        predict=Pick("Who is there first, counted in steps?", first_there(), theory=2),
        why=(
            "All solve the same equation for one potential and end on the same mesh. Relaxing takes off a fixed "
            "share of the error a step, and the more the density varies the smaller that share is. Newton's "
            "method linearises: near the solution the number of right digits doubles with each step. Each of its "
            "steps costs a factorisation, so the clock may see it differently."
        ),
        formula=r"e_{k+1}\le C\,e_k^2\ \text{(Newton)},\qquad e_{k+1}\le q\,e_k\ \text{(relaxed)}",
        level=2,
        minutes=5,
        then="high_contrast",
    ),
)
