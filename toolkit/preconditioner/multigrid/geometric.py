"""Geometric multigrid as a solver and as a preconditioner, matrix-free on the stencil problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import norm
from toolkit.core.claims import Bound, Flat, Rate
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.stop import Stop
from toolkit.preconditioner.stationary.preconditioning import Built, Preconditioner, StationaryState
from toolkit.preconditioner.stencils.blackbox import BlackBox
from toolkit.preconditioner.stencils.grid_cycle import GridCycle
from toolkit.preconditioner.stencils.poisson import Poisson
from toolkit.preconditioner.stencils.problems import GridProblem
from toolkit.preconditioner.systems.problems import LinearSystem

# Two-grid factors of red-black Gauss–Seidel with full weighting and linear interpolation on the 5-point Laplacian, by
# sweeps a cycle: Trottenberg, Oosterlee & Schüller (2001), section 4.5; W- and F-cycles attain them.
LOCAL_FOURIER = {1: 0.250, 2: 0.074, 3: 0.053, 4: 0.041}


def grids(system: LinearSystem):
    """The hierarchy of grids for a grid problem with `axis_coefficients` or `cells`, or None where there is none."""
    kind = stencil(system)
    if kind == "axes":
        return GridCycle(system.n, system.axis_coefficients)
    return BlackBox.from_cells(system.cells) if kind == "cells" else None


def stencil(system: LinearSystem) -> str:
    """ "axes" for constant coefficients along the axes, "cells" for one coefficient a cell in 2D, "" for neither."""
    if not isinstance(system, GridProblem):
        return ""
    if system.axis_coefficients is not None:
        return "axes"
    return "cells" if system.cellwise and system.dim == 2 else ""


class Cycles(Built):
    """Cycles on a hierarchy of grids; a copy gets grids of its own when it first needs them."""

    def __init__(self, hierarchy, method: Multigrid, own: bool = True):
        self.method, self._origin, self._grids = method, hierarchy, hierarchy if own else None
        super().__init__(self._cycle, flops=float(hierarchy.flops(method.cycle, method.pre, method.post)))

    @property
    def grids(self) -> GridCycle | BlackBox:
        """The hierarchy that this one works on."""
        if self._grids is None:
            self._grids = self._origin.copy()
        return self._grids

    def copy(self) -> Cycles:
        """The same cycles, on grids of their own once they are needed."""
        return Cycles(self._origin, self.method, own=False)

    def _cycle(self, r, out):
        """out ← M⁻¹ r: one cycle from zero; post-smoothing in the adjoint order where the cycle can be symmetric."""
        method = self.method
        if not method.hermitian:
            out[:] = 0
            self.grids.cycle(r, out, method.cycle, method.pre, method.post)
        else:
            self.grids.apply(r, out, method.cycle, method.pre)


@dataclass(frozen=True)
class Multigrid(Preconditioner):
    """Geometric multigrid: V-, W- and F-cycles and full multigrid on the grids of a stencil problem.

    A cycle: `pre` sweeps, restrict the residual, solve for the correction on the next grid by cycles, interpolate it,
    `post` sweeps; exact at the bottom. Constant coefficients: red-black Gauss–Seidel, full weighting, rediscretised
    coarse operators, semicoarsening along weak axes. Variable coefficients in 2D: black-box interpolation, Galerkin
    operators. Full multigrid starts from the exact coarse solution, interpolates cubically and cycles once a level:
    the error is at the level of the discretisation error after one step. As a preconditioner a V- or W-cycle with
    pre = post is symmetric positive definite; an F-cycle is not symmetric.
    Cost of V(1,1) in 2D: about 8/3 sweeps. Needs a grid whose sides halve down to a few intervals.
    Reference: A. Brandt, Math. Comp. 31 (1977) 333–390, doi:10.1090/S0025-5718-1977-0431719-X; U. Trottenberg,
    C. Oosterlee, A. Schüller, Multigrid (2001), sections 2.4–2.6; J. E. Dendy, J. Comput. Phys. 48 (1982) 366–386,
    doi:10.1016/0021-9991(82)90057-2.
    """

    title: ClassVar[str] = "multigrid"
    sources: ClassVar[tuple[str, ...]] = ("trottenberg2001", "brandt1977", "dendy1982")
    cycle: str = knob("V", choices=("V", "W", "F"), doc="V: every grid once; W: twice from each finer one")
    pre: int = knob(1, 0, 5, symbol="ν₁", doc="sweeps before the coarse correction")
    post: int = knob(1, 0, 5, symbol="ν₂", doc="sweeps after the coarse correction")
    full: bool = knob(False, doc="as a solver: make the first step one full multigrid")

    @property
    def hermitian(self) -> bool:
        """Whether the cycle is symmetric positive definite: V or W with as many sweeps before as after."""
        return self.cycle != "F" and self.pre == self.post > 0

    def suits(self, system) -> str:
        if self.pre + self.post == 0:
            return "Multigrid needs sweeps: pre and post are both zero."
        if stencil(system):
            return ""
        return (
            "Geometric multigrid needs a grid with constant coefficients along its axes, or in the plane one "
            "coefficient a cell; try algebraic multigrid."
        )

    def build(self, system: LinearSystem) -> Built:
        if self.suits(system):
            raise Breakdown(self.suits(system), "Use smoothed aggregation or Ruge–Stüben AMG")
        try:
            hierarchy = grids(system)
        except ValueError as error:
            raise Breakdown(str(error), "Choose n a power of two, or algebraic multigrid") from None
        if hierarchy is None:
            raise Breakdown("this problem has no hierarchy of grids", "Use smoothed aggregation or Ruge–Stüben AMG")
        return Cycles(hierarchy, self)

    def init(self, system: LinearSystem) -> StationaryState:
        state = Preconditioner.init(self, system)
        if self.full and stencil(system) != "axes":
            raise Breakdown("full multigrid is there for constant coefficients only", "Switch it off")
        return state

    def step(self, system: LinearSystem, state: StationaryState) -> StationaryState:
        built = state.built
        if self.full and state.k == 0:
            built.grids.full_multigrid(system.rhs, state.x)
        else:
            built.grids.cycle(system.rhs, state.x, self.cycle, self.pre, self.post)
        state.r = system.residual(state.x)
        state.residual = norm(state.r) / system.norm
        state.k += 1
        state.work.solves += 1
        state.work.matvecs += 1
        state.work.flops += system.matvec_flops + built.flops + 2.0 * system.size
        return state

    def flat(self, system: LinearSystem) -> tuple[Flat, ...]:
        """Steps that do not grow with n: for constant coefficients, and in the plane for ones without large jumps."""
        if self.suits(system) or not system.gentle:
            return ()
        values = (8, 16, 32) if system.dim == 3 else (16, 32, 64)
        about = dict(source="brandt1977", assumes="n a power of two", stop=Stop(rtol=1e-8, steps=200))
        return (Flat(over="n", values=values, slack=2.0, title="steps do not grow with n", **about),)

    def claims(self, system: LinearSystem) -> tuple:
        """Steps flat in n; the two-grid factor of W- and F-cycles on 2D Poisson; full multigrid's first error."""
        found = list(self.flat(system))
        if not found:
            return Preconditioner.claims(self, system)
        factor = LOCAL_FOURIER.get(self.pre + self.post)
        poisson = isinstance(system, Poisson) and system.dim == 2
        if poisson and self.cycle != "V" and factor and system.load != "sine":
            title = f"two-grid factor {factor} of local Fourier analysis"
            about = dict(source="trottenberg2001", assumes="2D Poisson, every frequency in the error, W- or F-cycle")
            found.append(Rate(measure="residual", factor=factor, title=title, start=0.2, floor=1e-11, **about))
        if self.full and isinstance(system, Poisson) and system.load == "sine":
            found.append(_nested(system))
        return tuple(found)

    def krylov_claims(self, system: LinearSystem) -> tuple:
        """Steps of CG that do not grow with n."""
        return self.flat(system)


def _nested(system: Poisson) -> Bound:
    """After one full multigrid the algebraic error is below the discretisation error |1 − λ_h/λ| of sin πx sin πy …"""
    gap = abs(1 - system.extremes[0] / (system.dim * np.pi**2))
    return Bound(
        measure="error",
        curve=lambda k, values: np.where(k == 0, values[0], gap),
        title=f"below the discretisation error {gap:.2e} after one step",
        source="trottenberg2001",
        assumes="smooth right-hand side",
        stop=Stop(measure="error", rtol=0.0, steps=3),
    )
