"""Incomplete factorisations: M = L Lᴴ or L U, with the entries that fit a pattern or exceed a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from toolkit.core.claims import Exact
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.stop import Stop
from toolkit.kernels.sparse import incomplete
from toolkit.kernels.sparse.csr import views
from toolkit.preconditioner.stationary.preconditioning import Built, Preconditioner
from toolkit.preconditioner.systems.problems import LinearSystem

MOST_ENTRIES = 1e7  # of threshold ILU: set-up cannot be cancelled
_ADVICE = "Raise the diagonal shift, or use threshold ILU"


def bandwidth(matrix: sp.csr_array) -> int:
    """The largest |i − j| of a stored entry."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return int(np.abs(rows - matrix.indices).max(initial=0))


def _shifted(system: LinearSystem, shift: float) -> sp.csr_array:
    """A with (1 + shift) times its diagonal, as a copy with sorted rows."""
    made = sp.csr_array(system.matrix + shift * sp.diags_array(system.matrix.diagonal()))
    made = made.astype(system.dtype)
    made.sort_indices()
    return made


def _exact(system: LinearSystem, assumes: str) -> tuple[Exact]:
    """One step of the stationary method solves the system, up to rounding."""
    tol, stop = 1e-14 * max(100.0, system.condition or 1e4), Stop(rtol=0.0, steps=1)
    about = dict(title="one step is exact", source="meijerink1977", assumes=assumes, stop=stop)
    return (Exact(measure="residual", tol=tol, **about),)


@dataclass
class Factored(Built):
    """IC(0) with its factor as the kernels take it: indptr, indices, values of L, inverse of its diagonal."""

    factor: tuple = ()

    def copy(self) -> Factored:
        """Itself: it has no scratch space."""
        return self


@dataclass(frozen=True)
class IC0(Preconditioner):
    """Incomplete Cholesky without fill, IC(0): M = L Lᴴ with (L Lᴴ)_ij = A_ij wherever A has an entry.

    l_ij = (a_ij − Σ_{k<j} l_ik conj(l_jk))/l_jj on the pattern of A, l_ii = √((1 + shift) a_ii − Σ |l_ik|²).
    Two sparse triangular solves a use, 4 nnz(L) flops. Exists for every H-matrix (M-matrices, diagonally dominant);
    other positive definite matrices can give a pivot that is not positive: then shift. Exact when the factors do not
    fill in: tridiagonal A. On Poisson κ(M⁻¹A) still grows like n², with a smaller constant.
    Reference: J. A. Meijerink, H. A. van der Vorst, Math. Comp. 31 (1977) 148–162,
    doi:10.1090/S0025-5718-1977-0438681-4; T. A. Manteuffel, Math. Comp. 34 (1980) 473–497 (shift).
    """

    title: ClassVar[str] = "IC(0)"
    name: ClassVar[str] = "ic0"
    sources: ClassVar[tuple[str, ...]] = ("meijerink1977", "manteuffel1980", "saad2003")
    needs_matrix: ClassVar[bool] = True
    shift: float = knob(0.0, 0.0, 10.0, symbol="α", doc="the diagonal is taken 1 + α times")

    def suits(self, system) -> str:
        return Preconditioner.suits(self, system) or (
            "" if system.symmetric else "IC(0) needs a Hermitian matrix; try ILU(0)."
        )

    def build(self, system: LinearSystem) -> Built:
        if self.suits(system):
            raise Breakdown(self.suits(system), "Use ILU(0)")
        lower = sp.csr_array(sp.tril(_shifted(system, self.shift)))
        lower.sort_indices()
        empty = np.flatnonzero(lower.indices[np.maximum(lower.indptr[1:], 1) - 1] != np.arange(system.size))
        if len(empty):
            raise Breakdown(f"A[{empty[0]}, {empty[0]}] = 0 (counting from 0): no pivot for IC(0)", "Use GMRES")
        inverse = np.empty(system.size)
        indptr, indices, _ = views(lower)
        data = lower.data.copy()
        row = incomplete.ic0(indptr, indices, data, inverse)
        if row >= 0:
            raise Breakdown(f"IC(0): the pivot of row {row} (counting from 0) is not positive", _ADVICE)

        def apply(r, out):
            incomplete.ic0_solve(indptr, indices, data, inverse, r, out)

        return Factored(apply, flops=4.0 * lower.nnz, factor=(indptr, indices, data, inverse))

    def claims(self, system: LinearSystem) -> tuple:
        """Exact on tridiagonal systems; elsewhere the dense spectral radius as a limit."""
        suitable = system.symmetric and system.definite and system.assembled and not self.shift
        if suitable and bandwidth(system.matrix) <= 1:
            return _exact(system, "A tridiagonal: no fill-in is dropped")
        return Preconditioner.claims(self, system)


@dataclass(frozen=True)
class ILU0(Preconditioner):
    """Incomplete LU without fill, ILU(0): M = L U with (L U)_ij = A_ij wherever A has an entry.

    For k < i on the pattern: l_ik = a_ik/u_kk, a_ij ← a_ij − l_ik u_kj. Two triangular solves a use, 2 nnz flops.
    Exists for every H-matrix; a zero pivot elsewhere: shift. Exact for tridiagonal A. M is Hermitian positive definite
    when A is and the pivots stay positive (then L U = L̃ L̃ᴴ with IC(0)'s factor), but not for A in general.
    Reference: Meijerink & van der Vorst (1977), doi:10.1090/S0025-5718-1977-0438681-4; Saad (2003), Alg. 10.4.
    """

    title: ClassVar[str] = "ILU(0)"
    name: ClassVar[str] = "ilu0"
    sources: ClassVar[tuple[str, ...]] = ("meijerink1977", "saad2003")
    needs_matrix: ClassVar[bool] = True
    hermitian: ClassVar[bool] = False
    shift: float = knob(0.0, 0.0, 10.0, symbol="α", doc="the diagonal is taken 1 + α times")

    def build(self, system: LinearSystem) -> Built:
        matrix = _shifted(system, self.shift)
        indptr, indices, _ = views(matrix)
        data, middle = matrix.data.copy(), np.empty(system.size, dtype=indices.dtype)
        inverse = np.empty(system.size, dtype=data.dtype)
        row = incomplete.find_diagonal(indptr, indices, middle)
        if row >= 0:
            raise Breakdown(f"A[{row}, {row}] = 0 (counting from 0): no pivot for ILU(0)", "Use threshold ILU")
        row = incomplete.ilu0(indptr, indices, data, middle, inverse)
        if row >= 0:
            raise Breakdown(f"ILU(0): the pivot of row {row} (counting from 0) is zero or not finite", _ADVICE)

        def apply(r, out):
            incomplete.ilu0_solve(indptr, indices, data, middle, inverse, r, out)

        return Built(apply, flops=2.0 * matrix.nnz)

    def claims(self, system: LinearSystem) -> tuple:
        """Exact on tridiagonal systems; elsewhere the dense spectral radius as a limit."""
        if system.assembled and not self.shift and bandwidth(system.matrix) <= 1:
            return _exact(system, "A tridiagonal: no fill-in is dropped")
        return Preconditioner.claims(self, system)


@dataclass(frozen=True)
class ThresholdILU(Preconditioner):
    """Threshold ILU: M = L U, entries below `drop` times the norm of their column dropped, at most `fill` · nnz kept.

    SuperLU's ILUTP, in the natural order of the unknowns: column reordering, SuperLU's default, breaks the symmetry
    that CG lives on. drop = 0 with enough fill is the exact factorisation. M is not Hermitian: use GMRES or BiCGStab.
    Memory: up to fill · nnz. Fails on a singular pivot.
    Reference: X. S. Li, M. Shao, ACM TOMS 37 (2011) 43, doi:10.1145/1916461.1916467; Y. Saad, NLAA 1 (1994) 387–402.
    """

    title: ClassVar[str] = "threshold ILU"
    name: ClassVar[str] = "threshold_ilu"
    sources: ClassVar[tuple[str, ...]] = ("li2011", "saad1994")
    needs_matrix: ClassVar[bool] = True
    hermitian: ClassVar[bool] = False
    drop: float = knob(1e-3, 0.0, 0.5, log=True, doc="relative size below which entries are dropped")
    fill: float = knob(10.0, 1.0, 100.0, log=True, doc="most entries kept, over those of A")

    def suits(self, system) -> str:
        found = Preconditioner.suits(self, system)
        entries = 0.0 if found else self.fill * system.matvec_flops / 2
        if entries > MOST_ENTRIES:
            return (
                f"Threshold ILU with fill {self.fill:g} may keep {entries:.1e} entries here; beyond {MOST_ENTRIES:.0e} "
                "SuperLU takes more than ten seconds; try a lower fill or ILU(0)."
            )
        return found

    def build(self, system: LinearSystem) -> Built:
        if self.suits(system):
            raise Breakdown(self.suits(system), "Lower fill, or use ILU(0)")
        try:
            factor = spla.spilu(
                sp.csc_array(system.matrix), drop_tol=self.drop, fill_factor=self.fill, permc_spec="NATURAL"
            )
        except RuntimeError as error:
            raise Breakdown(f"threshold ILU: {str(error).strip()}", "Lower the drop tolerance or raise fill") from None

        def apply(r, out):
            out[:] = factor.solve(r)

        return Built(apply, flops=2.0 * (factor.L.nnz + factor.U.nnz))

    def claims(self, system: LinearSystem) -> tuple:
        """With drop = 0 one step is exact; else the dense spectral radius as a limit."""
        if self.drop == 0 and system.assembled:
            most = system.size * (3 * bandwidth(system.matrix) + 1)  # of banded factors with row exchanges
            if most <= self.fill * system.matrix.nnz:
                return _exact(system, "nothing is dropped")
        return Preconditioner.claims(self, system)
