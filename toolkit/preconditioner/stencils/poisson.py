"""Constant coefficients: Poisson's equation, and diffusion that prefers a direction, by second-order differences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from toolkit.core.arrays import frozen, plain
from toolkit.core.knob import knob, seed_knob
from toolkit.preconditioner.stencils.grid_operator import GridOperator
from toolkit.preconditioner.stencils.problems import LOADS, GridProblem, cross, eigenvalues, sine_solve, stencil_matrix
from toolkit.preconditioner.systems.problems import LinearSystem

STENCIL_FROM = 10_000


class ConstantStencil(GridProblem):
    """−Σ a_d u_dd with constant a_d: solved exactly by the sine transform, spectrum in closed form."""

    symmetric: ClassVar[bool] = True
    definite: ClassVar[bool] = True

    @cached_property
    def matrix(self) -> sp.csr_array:
        return stencil_matrix(self.shape, cross(self.axis_coefficients, self.n))

    @cached_property
    def _stencil(self) -> GridOperator | None:
        """The product without a matrix, for grids large enough for that to be faster."""
        large = self.axis_coefficients is not None and self.size >= STENCIL_FROM
        return GridOperator(self.n, self.axis_coefficients) if large else None

    def matvec(self, x: np.ndarray) -> np.ndarray:
        if self._stencil is None or x.ndim != 1 or x.dtype.kind == "c":
            return LinearSystem.matvec(self, x)
        x = plain(x)
        out = np.empty_like(x)
        self._stencil.multiply(x, out)
        return out

    @property
    def matvec_flops(self) -> float:
        return 2.0 * self.entries

    @property
    def solvable(self) -> bool:
        return True

    @cached_property
    def exact(self) -> np.ndarray:
        """The solution of the difference equations, by sine transform."""
        return frozen(sine_solve(eigenvalues(self.axis_coefficients, self.n), self.rhs))

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """4 n² Σ a_d times sin²(πh/2) and cos²(πh/2)."""
        s = np.sin(np.pi / (2 * self.n)) ** 2
        scale = 4.0 * self.n**2 * sum(self.axis_coefficients)
        return float(scale * s), float(scale * (1 - s))


@dataclass(frozen=True)
class Poisson(ConstantStencil):
    """−Δu = f on (0, 1)^d, u = 0 on the boundary; n intervals a side, h = 1/n, (n − 1)^d unknowns, scaled by 1/h².

    Second-order accurate: with load "sine" the error against u = sin πx sin πy … is O(h²).
    """

    title: ClassVar[str] = "Poisson"
    sources: ClassVar[tuple[str, ...]] = ("saad2003",)
    dim: int = knob(2, 1, 3, doc="space dimensions")
    n: int = knob(64, 2, 2048, log=True, doc="intervals a side")
    load: str = knob("one", choices=LOADS, doc="right-hand side f")
    seed: int = seed_knob("the noise")

    @property
    def axis_coefficients(self) -> tuple[float, ...]:
        return (1.0,) * self.dim


@dataclass(frozen=True)
class Anisotropic(ConstantStencil):
    """−∇·(Q diag(1, 1/ratio) Qᵀ ∇u) = f on the unit square, Q the rotation by `angle`: strong along that direction.

    With D = Q diag(1, 1/ratio) Qᵀ, x along the rows: −D_xx u_xx − 2 D_xy u_xy − D_yy u_yy, u_xy by the four corners:
    9 points, 5 when the angle is 0 or 90. Symmetric positive definite for every angle, an M-matrix only without
    corners. Point smoothers fail as the ratio grows.
    Reference: U. Trottenberg, C. Oosterlee, A. Schüller, Multigrid (2001), sections 5.1 and 7.7.
    """

    title: ClassVar[str] = "anisotropic diffusion"
    sources: ClassVar[tuple[str, ...]] = ("trottenberg2001",)
    n: int = knob(64, 2, 2048, log=True, doc="intervals a side")
    ratio: float = knob(100.0, 1.0, 1e4, log=True, doc="strong over weak coefficient")
    angle: float = knob(0.0, 0.0, 180.0, unit="°", doc="of the strong direction against the rows of the grid")
    load: str = knob("one", choices=LOADS, doc="right-hand side f")
    seed: int = seed_knob("the noise")

    @cached_property
    def tensor(self) -> tuple[float, float, float]:
        """(D_xx, D_xy, D_yy)."""
        turn = np.deg2rad(self.angle)
        c, s = (0.0, 1.0) if self.angle == 90 else (float(np.cos(turn)), float(np.sin(turn)))
        s, weak = (0.0 if self.angle == 180 else s), 1.0 / self.ratio
        return c * c + weak * s * s, (1.0 - weak) * c * s, s * s + weak * c * c

    @property
    def aligned(self) -> bool:
        """Whether there is no mixed derivative."""
        return self.tensor[1] == 0.0

    @property
    def axis_coefficients(self) -> tuple[float, float] | None:
        return (self.tensor[2], self.tensor[0]) if self.aligned else None

    @cached_property
    def matrix(self) -> sp.csr_array:
        xx, xy, yy = self.tensor
        stencil = cross((yy, xx), self.n)
        if not self.aligned:
            corner = xy * self.n**2 / 2
            stencil |= {(1, 1): -corner, (-1, -1): -corner, (1, -1): corner, (-1, 1): corner}
        return stencil_matrix(self.shape, stencil)

    @property
    def matvec_flops(self) -> float:
        return 2.0 * (self.entries + (0 if self.aligned else 4 * (self.n - 2) ** 2))

    @property
    def solvable(self) -> bool:
        return self.aligned or LinearSystem.solvable.fget(self)

    @cached_property
    def exact(self) -> np.ndarray | None:
        return (ConstantStencil if self.aligned else LinearSystem).exact.func(self)

    @cached_property
    def extremes(self) -> tuple[float, float] | None:
        return (ConstantStencil if self.aligned else LinearSystem).extremes.func(self)

    @property
    def enclosure(self) -> tuple[float, float]:
        """(low, high) around the spectrum for every angle: 1/ratio ≤ D ≤ 1, so λmin(−Δ)/ratio and λmax(−Δ)."""
        low, high = Poisson(n=self.n).extremes
        return low / self.ratio, high
