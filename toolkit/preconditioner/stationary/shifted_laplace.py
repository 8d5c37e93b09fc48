"""The shifted Laplacian: a Helmholtz operator with damping, factorised without fill, as a preconditioner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob, part
from toolkit.preconditioner.stationary.incomplete import ILU0
from toolkit.preconditioner.stationary.preconditioning import Built, Preconditioner
from toolkit.preconditioner.stencils.helmholtz import Helmholtz
from toolkit.preconditioner.systems.given import System
from toolkit.preconditioner.systems.problems import LinearSystem


@dataclass(frozen=True)
class ShiftedLaplace(Preconditioner):
    """The Helmholtz operator with another shift: M = −Δ − (β₁ − iβ₂) k², itself solved by an inner preconditioner.

    β₁ = 0 is Bayliss, Goldstein and Turkel's, β₁ = −1 Laird and Giles' (both positive definite, fit for MINRES),
    β₂ > 0 Erlangga, Vuik and Oosterlee's, for complex systems. With M solved exactly and β₂ = 0 the eigenvalues of M⁻¹A
    are (λ − k²)/(λ − β₁ k²), for β₁ = −1 in (−1, 1). Costs what the inner one costs.
    Reference: Y. A. Erlangga, C. Vuik, C. W. Oosterlee, Appl. Numer. Math. 50 (2004) 409–425,
    doi:10.1016/j.apnum.2004.01.009.
    """

    title: ClassVar[str] = "shifted Laplace"
    sources: ClassVar[tuple[str, ...]] = ("erlangga2004",)
    no_claim: ClassVar[str] = "no bound of the iterations with an inexact inner solve is known"
    beta_1: float = knob(-1.0, -2.0, 1.0, symbol="β₁", doc="real part of the shift over k²")
    beta_2: float = knob(0.0, 0.0, 2.0, symbol="β₂", doc="imaginary part; above 0 only for damped (complex) problems")
    inner: Preconditioner = part(Preconditioner, ILU0(), doc="how M is solved")

    @property
    def hermitian(self) -> bool:
        """Whether M is Hermitian positive definite: β₁ ≤ 0, β₂ = 0, and so is the inner one."""
        return self.beta_1 <= 0 and self.beta_2 == 0 and self.inner.hermitian

    def label(self) -> str:
        return f"{self.title} ({self.inner.label()})"

    def suits(self, system) -> str:
        if not isinstance(system, Helmholtz):
            return "Shifted Laplace is made for the Helmholtz problem."
        if self.beta_2 and not system.damping:
            return f"β₂ = {self.beta_2:g} makes M complex: set the problem's damping above 0, or β₂ = 0."
        return self.inner.suits(self.operator(system))

    def operator(self, system: Helmholtz) -> System:
        """M as a system."""
        shift = -(self.beta_1 - 1j * self.beta_2) * system.wavenumber**2
        real = not self.beta_2
        matrix = system.shifted(shift.real if real else shift)
        return System(matrix, system.rhs, None, real, real and self.beta_1 <= 0)

    def build(self, system: LinearSystem) -> Built:
        if self.suits(system):
            raise Breakdown(self.suits(system), "Use ILU(0) or threshold ILU of the matrix itself")
        return self.inner.build(self.operator(system))
