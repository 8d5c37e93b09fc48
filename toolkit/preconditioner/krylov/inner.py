"""A Krylov method as a preconditioner: another map for every vector, for the flexible methods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from toolkit.core.claims import monotone
from toolkit.core.knob import knob
from toolkit.core.run import Run
from toolkit.core.stop import Stop
from toolkit.preconditioner.krylov.gmres import GMRES
from toolkit.preconditioner.stationary.preconditioning import Built, Preconditioner
from toolkit.preconditioner.systems.problems import LinearSystem


@dataclass(frozen=True, eq=False)
class OtherRightHandSide(LinearSystem):
    """A system with the right-hand side replaced: A z = r."""

    whole: LinearSystem
    given: np.ndarray

    @property
    def symmetric(self) -> bool:
        return self.whole.symmetric

    @property
    def definite(self) -> bool:
        return self.whole.definite

    @property
    def assembled(self) -> bool:
        return self.whole.assembled

    @property
    def matrix(self) -> sp.csr_array:
        return self.whole.matrix

    @property
    def rhs(self) -> np.ndarray:
        return self.given

    @cached_property
    def dtype(self) -> np.dtype:
        return self.given.dtype

    def matvec(self, x: np.ndarray) -> np.ndarray:
        return self.whole.matvec(x)

    @property
    def matvec_flops(self) -> float:
        return self.whole.matvec_flops


@dataclass(frozen=True)
class InnerGMRES(Preconditioner):
    """A few steps of GMRES on A z = r: a nonlinear M⁻¹, for FGMRES and flexible CG only.

    The polynomial of the inner steps depends on r, so M⁻¹ is another map each time. As a method of its own it is
    GMRES restarted after every `steps` steps. `steps` products a use.
    Reference: Y. Saad, SIAM J. Sci. Comput. 14 (1993) 461–469, doi:10.1137/0914028, section 3.
    """

    title: ClassVar[str] = "inner GMRES"
    sources: ClassVar[tuple[str, ...]] = ("saad1993",)
    hermitian: ClassVar[bool] = False
    fixed: ClassVar[bool] = False
    steps: int = knob(5, 1, 200, log=True, doc="inner steps a use")

    def build(self, system: LinearSystem) -> Built:
        inner, stop = GMRES(m=self.steps), Stop(rtol=1e-14, steps=self.steps)

        def apply(r, out):
            np.copyto(out, Run(OtherRightHandSide(system, r.copy()), inner, stop).finish().solution())

        flops = self.steps * (system.matvec_flops + (2.0 * self.steps + 8) * system.size)
        return Built(apply, flops, self.steps)

    def interval(self, system: LinearSystem) -> None:
        return None

    def claims(self, system: LinearSystem) -> tuple:
        """The residual never grows: each use makes ‖r − A z‖ least over a space that holds z = 0."""
        return (monotone("residual", floor=1e-13, source="saad1986", assumes="exact arithmetic"),)
