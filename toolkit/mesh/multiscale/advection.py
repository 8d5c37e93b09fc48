"""The model problem of splitting: advection and diffusion in the square or the cube, by central differences."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from toolkit.core.errors import KnobError
from toolkit.core.knob import knob
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem

MOST = {2: 240, 3: 32}  # fine intervals a side


def operator(intervals: tuple[int, ...], diffusion: float, velocity: tuple[float, ...]) -> sp.csc_array:
    """−α Δ + β · ∇ by central differences on the inner nodes of the unit cube, u = 0 on its boundary."""
    lines = [_line(n, diffusion, beta) for n, beta in zip(intervals, velocity)]
    eyes = [sp.eye_array(n - 1) for n in intervals]
    terms = [functools.reduce(sp.kron, [*eyes[:i], line, *eyes[i + 1 :]]) for i, line in enumerate(lines)]
    return sp.csc_array(sum(terms[1:], terms[0]))


def _line(n: int, diffusion: float, beta: float) -> sp.dia_array:
    side, lean = -diffusion * n**2, beta * n / 2
    return sp.diags_array([side - lean, -2 * side, side + lean], offsets=[-1, 0, 1], shape=(n - 1, n - 1))


@dataclass(frozen=True)
class AdvectionDiffusion(Problem):
    """−α Δu + β · ∇u = f in the unit square or cube, u = 0 on its boundary; central differences, second order.

    β = speed · (cos θ, sin θ), in 3D (cos θ, sin θ, 1/2) speed. "waves": f such that u = Π sin(ω π x_i); "one": f = 1,
    layers at the outflow. The differences oscillate where speed / n > 2 α.
    Reference: K. Trotti, A domain splitting strategy for solving PDEs (2023), arXiv:2303.01163 (the model problem).
    """

    title: ClassVar[str] = "advection–diffusion"
    sources: ClassVar[tuple[str, ...]] = ("trotti2023",)
    dim: int = knob(2, 2, 3, doc="square or cube")
    n: int = knob(60, 4, 240, log=True, symbol="N", doc="fine intervals a side; in 3D at most 32")
    diffusion: float = knob(1.0, 1e-3, 1e3, log=True, symbol="α", doc="diffusion")
    speed: float = knob(5.0, 0.0, 1e3, symbol="|β|", doc="speed of the flow")
    angle: float = knob(30.0, 0.0, 90.0, symbol="θ", unit="°", doc="its direction in the first two coordinates")
    load: str = knob("waves", choices=("waves", "one"), doc="right-hand side")
    waves: float = knob(1.0, 1.0, 8.0, symbol="ω", doc="half waves a side, a whole number for u = 0 on the boundary")

    def __post_init__(self):
        Problem.__post_init__(self)
        if self.n > MOST[self.dim]:
            raise KnobError(f"AdvectionDiffusion.n = {self.n}: expected at most {MOST[self.dim]} in {self.dim}D.")
        if self.waves != round(self.waves):
            raise KnobError(f"AdvectionDiffusion.waves = {self.waves}: expected a whole number from 1 to 8.")

    @property
    def velocity(self) -> tuple[float, ...]:
        """β, one component for each dimension."""
        theta = np.radians(self.angle)
        return tuple(self.speed * x for x in (np.cos(theta), np.sin(theta), 0.5)[: self.dim])

    @property
    def shape(self) -> tuple[int, ...]:
        """Inner fine nodes."""
        return (self.n - 1,) * self.dim

    @cached_property
    def nodes(self) -> list[np.ndarray]:
        """Coordinates of the inner fine nodes."""
        line = np.arange(1, self.n) / self.n
        return np.meshgrid(*[line] * self.dim, indexing="ij")

    @cached_property
    def matrix(self) -> sp.csc_array:
        """A of the fine grid."""
        return operator((self.n,) * self.dim, self.diffusion, self.velocity)

    @cached_property
    def analytic(self) -> np.ndarray | None:
        """u at the inner fine nodes where it is known."""
        k = self.waves * np.pi
        return np.prod([np.sin(k * x) for x in self.nodes], axis=0) if self.load == "waves" else None

    @cached_property
    def rhs(self) -> np.ndarray:
        """f at the inner fine nodes."""
        if self.load == "one":
            return np.ones(self.shape)
        k, sines = self.waves * np.pi, [np.sin(self.waves * np.pi * x) for x in self.nodes]
        found = self.dim * self.diffusion * k**2 * np.prod(sines, axis=0)
        for i, beta in enumerate(self.velocity):
            bent = [*sines[:i], np.cos(k * self.nodes[i]), *sines[i + 1 :]]
            found += beta * k * np.prod(bent, axis=0)
        return found

    @cached_property
    def fine(self) -> np.ndarray:
        """The direct solution on the fine grid: what the iteration is to reach."""
        return spla.spsolve(self.matrix, self.rhs.ravel()).reshape(self.shape)

    def measures(self) -> tuple[Measure, ...]:
        return (ERROR, PDE_ERROR) if self.analytic is not None else (ERROR,)


def _error(problem, state) -> float:
    return float(np.linalg.norm(state.solution() - problem.fine) / np.linalg.norm(problem.fine))


def _pde_error(problem, state) -> float:
    return float(np.linalg.norm(state.solution() - problem.analytic) / np.linalg.norm(problem.analytic))


ERROR = Measure("error", "error against the direct solution", _error, "‖u − u_h‖ / ‖u_h‖")
PDE_ERROR = Measure("pde_error", "error against the true solution", _pde_error, "‖u_h − u‖ / ‖u‖")
