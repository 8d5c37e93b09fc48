"""Helmholtz' equation: waves, an indefinite matrix, and with damping one that is not Hermitian."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.preconditioner.stencils.problems import LOADS, GridProblem, cross, eigenvalues, sine_solve, stencil_matrix


@dataclass(frozen=True)
class Helmholtz(GridProblem):
    """−Δu − (1 − iδ) k² u = f on the unit interval or square, u = 0 on the boundary.

    Without damping δ real symmetric, indefinite once k² passes the smallest eigenvalue of −Δ (about 9.87 d), nearly
    singular when it meets one; with it complex symmetric, not Hermitian. Ten points a wave need n ≥ 10 k/(2π).
    The preconditioner `ShiftedLaplace` is made for it.
    Reference: Y. A. Erlangga, C. Vuik, C. W. Oosterlee, Appl. Numer. Math. 50 (2004) 409–425,
    doi:10.1016/j.apnum.2004.01.009.
    """

    title: ClassVar[str] = "Helmholtz"
    sources: ClassVar[tuple[str, ...]] = ("erlangga2004",)
    dim: int = knob(2, 1, 2, doc="space dimensions")
    n: int = knob(64, 4, 1024, log=True, doc="intervals a side")
    wavenumber: float = knob(20.0, 0.0, 300.0, symbol="k", doc="2π over the length of a wave")
    damping: float = knob(0.0, 0.0, 1.0, symbol="δ", doc="absorption; above 0 the matrix is complex")
    load: str = knob("one", choices=LOADS, doc="right-hand side f")
    seed: int = seed_knob("the noise")

    @property
    def symmetric(self) -> bool:
        return self.damping == 0

    @property
    def definite(self) -> bool:
        return self.damping == 0 and bool(self.spectrum.min() > 0)

    @cached_property
    def dtype(self) -> np.dtype:
        return np.dtype(complex if self.damping else float)

    @cached_property
    def rhs(self) -> np.ndarray:
        return frozen(GridProblem.rhs.func(self).astype(self.dtype))

    @property
    def reaction(self) -> complex:
        """The zero-order coefficient −(1 − iδ) k²; real without damping."""
        value = -(1 - 1j * self.damping) * self.wavenumber**2
        return value if self.damping else value.real

    @cached_property
    def spectrum(self) -> np.ndarray:
        """All eigenvalues, on the grid of mode numbers."""
        return frozen(eigenvalues((1.0,) * self.dim, self.n) + self.reaction)

    @cached_property
    def matrix(self) -> sp.csr_array:
        return self.shifted(self.reaction)

    def shifted(self, reaction: complex) -> sp.csr_array:
        """−Δ + reaction · I."""
        return stencil_matrix(self.shape, cross((1.0,) * self.dim, self.n, reaction))

    @property
    def matvec_flops(self) -> float:
        return 2.0 * self.entries * (4 if self.damping else 1)

    @property
    def solvable(self) -> bool:
        return True

    @cached_property
    def exact(self) -> np.ndarray | None:
        """By sine transform; None at a resonance."""
        nearest = np.abs(self.spectrum).min()
        return frozen(sine_solve(self.spectrum, self.rhs)) if nearest > 1e-12 * np.abs(self.spectrum).max() else None

    @cached_property
    def extremes(self) -> tuple[float, float] | None:
        if self.damping:
            return None
        return float(self.spectrum.min()), float(self.spectrum.max())


@dataclass(frozen=True)
class UncheckedHelmholtz(Helmholtz):
    """−Δu − (1 − iδ) k² u = f, as `Helmholtz`, but nobody asks for the signs of its eigenvalues before a run.

    So CG may start on it, as on an operator of which nothing is known, and ends where it meets a direction with
    ⟨p, A p⟩ ≤ 0: by Sylvester's law it must, once a Ritz value is negative.
    Reference: C. C. Paige, M. A. Saunders, SIAM J. Numer. Anal. 12 (1975) 617–629, doi:10.1137/0712047.
    """

    title: ClassVar[str] = "Helmholtz, signs not asked for"
    sources: ClassVar[tuple[str, ...]] = ("paige1975", "erlangga2004")
    undecided: ClassVar[bool] = True
