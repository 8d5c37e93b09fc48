"""Convection–diffusion: a nonsymmetric matrix, the more so the stronger the wind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.preconditioner.stencils.problems import LOADS, GridProblem, cross, stencil_matrix


@dataclass(frozen=True)
class ConvectionDiffusion(GridProblem):
    """−Δu + Pe w·∇u = f on the unit square, u = 0 on the boundary; w of length at most 1.

    flow "straight": w constant at `angle` to the rows; "recirculating": the curl of 4 x(1−x) y(1−y), a closed whirl.
    Central differences are second-order and give an M-matrix only while the cell Péclet number Pe h max|w_d|/2 ≤ 1;
    upwind differences are first-order and always do. Nonsymmetric for Pe > 0.
    Reference: H. C. Elman, D. J. Silvester, A. J. Wathen, Finite Elements and Fast Iterative Solvers (2014),
    chapters 6–7, doi:10.1093/acprof:oso/9780199678792.001.0001.
    """

    title: ClassVar[str] = "convection–diffusion"
    sources: ClassVar[tuple[str, ...]] = ("elman2014",)
    n: int = knob(64, 4, 2048, log=True, doc="intervals a side")
    peclet: float = knob(100.0, 0.0, 1e5, log=True, symbol="Pe", doc="convection over diffusion at unit length")
    flow: str = knob("straight", choices=("straight", "recirculating"), doc="the wind w")
    angle: float = knob(30.0, 0.0, 360.0, unit="°", doc="of a straight wind against the rows of the grid")
    scheme: str = knob("upwind", choices=("upwind", "central"), doc="differences of the convection term")
    load: str = knob("one", choices=LOADS, doc="right-hand side f")
    seed: int = seed_knob("the noise")

    @property
    def symmetric(self) -> bool:
        return self.peclet == 0

    @property
    def definite(self) -> bool:
        return self.peclet == 0

    @cached_property
    def wind(self) -> tuple[np.ndarray, np.ndarray]:
        """(w_y, w_x) at the points: along axis 0 and axis 1."""
        x = np.arange(1, self.n) / self.n
        y = x[:, None]
        if self.flow == "straight":
            turn, one = np.deg2rad(self.angle), np.ones(self.shape)
            return frozen(np.sin(turn) * one), frozen(np.cos(turn) * one)
        along = 4 * x * (1 - x) * (1 - 2 * y)
        across = -4 * (1 - 2 * x) * y * (1 - y)
        return frozen(across), frozen(along)

    @property
    def cell_peclet(self) -> float:
        """Pe h max |w_d| / 2: above 1 central differences oscillate."""
        return self.peclet / (2 * self.n) * float(max(np.abs(w).max() for w in self.wind))

    @cached_property
    def matrix(self) -> sp.csr_array:
        stencil = {offset: np.full(self.shape, value) for offset, value in cross((1.0, 1.0), self.n).items()}
        for w, (ahead, behind) in zip(self.wind, (((1, 0), (-1, 0)), ((0, 1), (0, -1)))):
            speed = self.peclet * self.n * w
            central = self.scheme == "central"
            forth, back = (speed / 2, speed / 2) if central else (np.minimum(speed, 0), np.maximum(speed, 0))
            stencil[ahead] += forth
            stencil[behind] -= back
            stencil[0, 0] += back - forth
        return stencil_matrix(self.shape, stencil)

    @property
    def matvec_flops(self) -> float:
        return 2.0 * self.entries
