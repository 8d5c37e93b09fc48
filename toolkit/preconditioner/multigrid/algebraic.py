"""Algebraic multigrid: PyAMG's set-up from the matrix alone, and cycles on its levels with compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from toolkit.core.arrays import csr
from toolkit.core.claims import Flat
from toolkit.core.errors import Breakdown, ToolkitError
from toolkit.core.knob import knob
from toolkit.core.loading import loading
from toolkit.core.stop import Stop
from toolkit.kernels.sparse import csr as rows
from toolkit.preconditioner.stationary.preconditioning import DENSE_LIMIT, Built, Preconditioner, geometric
from toolkit.preconditioner.stencils.poisson import Poisson
from toolkit.preconditioner.systems.problems import LinearSystem


class Matrix:
    """A sparse matrix as the kernels take it: `times(x, out)` writes A x into `out`."""

    def __init__(self, matrix):
        made = csr(matrix)
        self.arrays, self.shape, self.nnz = rows.views(made), made.shape, made.nnz
        self.wide = rows.is_wide(made.nnz)

    def times(self, x: np.ndarray, out: np.ndarray) -> None:
        """out ← A x."""
        rows.product(*self.arrays, x, out, self.wide)

    def residual(self, x: np.ndarray, b: np.ndarray, r: np.ndarray) -> None:
        """r ← b − A x."""
        rows.residual(*self.arrays, x, b, r, self.wide)


@dataclass
class Level:
    """One level: its matrix, one over its diagonal, and the transfers to the next (None on the last)."""

    matrix: Matrix
    inverse: np.ndarray
    interpolate: Matrix | None
    restrict: Matrix | None


class Hierarchy:
    """Levels of algebraic multigrid with V- and W-cycles; made once, shared by all cycles that run on it."""

    def __init__(self, solver, dtype):
        self.levels, self.dtype = [], dtype
        for index, level in enumerate(solver.levels):
            matrix = Matrix(level.A)
            inverse = np.empty(matrix.shape[0], dtype=level.A.dtype)
            row = rows.diagonal(*matrix.arrays, inverse)
            last = index == len(solver.levels) - 1
            if row >= 0 and not last:
                advice = "Use another strength of connection, or GMRES with ILU(0)"
                raise Breakdown(f"level {index} has a zero on the diagonal of row {row} (counting from 0)", advice)
            transfers = (None, None) if last else (Matrix(level.P), Matrix(level.R))
            self.levels.append(Level(matrix, None if last else 1.0 / inverse, *transfers))
        self.bottom = np.linalg.pinv(solver.levels[-1].A.toarray())

    def visits(self, kind: str) -> list[int]:
        """How often a cycle comes to every level."""
        counts = [1 if kind == "V" else 2**index for index in range(len(self.levels))]
        return [*counts[:-1], counts[-2]] if len(counts) > 1 else counts

    def flops(self, kind: str, sweeps: int) -> float:
        """Of one cycle: sweeps, a residual and transfers on every level that is visited, the solve at the bottom."""
        total = 2.0 * self.bottom.size * self.visits(kind)[-1]
        for count, level in zip(self.visits(kind)[:-1], self.levels[:-1]):
            total += count * ((4.0 * sweeps + 1.0) * level.matrix.nnz + 4.0 * level.interpolate.nnz)
        return total

    def cycle(self, kind: str, sweeps: int):
        """An `apply(r, out)` of one cycle from zero, with scratch space of its own."""
        sizes = [level.matrix.shape[0] for level in self.levels]
        rest, right, iterate = ([np.empty(size, dtype=self.dtype) for size in sizes] for _ in range(3))

        def descend(index, b, x, zero):
            level = self.levels[index]
            if level.restrict is None:
                np.dot(self.bottom, b, out=x)
                return
            _smooth(level, b, x, sweeps, True, zero)
            level.matrix.residual(x, b, rest[index])
            level.restrict.times(rest[index], right[index + 1])
            for visit in range(2 if kind == "W" and index + 2 < len(self.levels) else 1):
                descend(index + 1, right[index + 1], iterate[index + 1], visit == 0)
            level.interpolate.times(iterate[index + 1], rest[index])
            np.add(x, rest[index], out=x)
            _smooth(level, b, x, sweeps, False, False)

        return lambda r, out: descend(0, r, out, True)


def gauss_seidel_factor(a: np.ndarray) -> float:
    """‖I − (D + L)⁻¹A‖²_A of a dense Hermitian positive definite A: what a symmetric sweep, back and forth, leaves.

    (1 − λ) for the least eigenvalue λ of (D + L)⁻ᴴ D (D + L)⁻¹ A. The coarse correction of a cycle between the two
    sweeps is at most one in the A-norm, as coarse matrices are Galerkin's and coarse cycles are contractions.
    Reference: Vaněk, Brezina, Mandel (2001), doi:10.1007/s211-001-8015-y, sec. 2.
    """
    lower = scipy.linalg.solve_triangular(np.tril(a), np.eye(len(a), dtype=a.dtype), lower=True)
    middle = lower.conj().T @ (np.diag(a).real[:, None] * lower)
    root = np.linalg.cholesky(a)
    return float(max(0.0, 1 - np.linalg.eigvalsh(root.conj().T @ middle @ root)[0]))


def _smooth(level: Level, b, x, sweeps: int, forward: bool, zero: bool) -> None:
    """Gauss–Seidel sweeps, forward before and backward after the correction: so the cycle is Hermitian."""
    for sweep in range(sweeps):
        if zero and sweep == 0:
            rows.sor_apply(*level.matrix.arrays, level.inverse, 1.0, b, x)
        else:
            rows.sweep(*level.matrix.arrays, level.inverse, 1.0, b, x, forward)


@dataclass(frozen=True)
class AlgebraicMultigrid(Preconditioner):
    """Base: one cycle from zero with Gauss–Seidel sweeps, forward before and backward after the coarse correction.

    Subclasses choose coarse unknowns and interpolation P; coarse matrices are Pᴴ A P. The cycle is Hermitian positive
    definite with A. Set-up costs some tens of products; a V(1,1) cycle about 10.
    """

    needs_matrix: ClassVar[bool] = True
    no_claim: ClassVar[str] = "Its factor is bounded for Hermitian positive definite matrices, the small ones here."
    usual: ClassVar[float]  # the largest threshold of strength with which coarse grids keep what is smooth
    cycle: str = knob("V", choices=("V", "W"), doc="V: every level once; W: twice from each finer one")
    sweeps: int = knob(1, 1, 5, symbol="ν", doc="Gauss–Seidel sweeps before and after the coarse correction")

    def solver(self, system: LinearSystem):
        """PyAMG's multilevel solver: its levels are what is used."""
        raise NotImplementedError

    def hierarchy(self, system: LinearSystem) -> Hierarchy:
        """The levels for this system. Breakdown when PyAMG cannot make them."""
        try:
            return Hierarchy(self.solver(system), system.dtype)
        except ImportError:
            raise ToolkitError("Algebraic multigrid needs PyAMG: pip install 'convergence-toolkit[apps]'.") from None
        except (ValueError, TypeError, IndexError, np.linalg.LinAlgError) as error:
            raise Breakdown(f"PyAMG's set-up failed: {error}", "Use IC(0), ILU(0) or threshold ILU") from None

    def build(self, system: LinearSystem) -> Built:
        made = self.hierarchy(system)
        flops = made.flops(self.cycle, self.sweeps)
        return Built.with_scratch(lambda: made.cycle(self.cycle, self.sweeps), flops=flops)

    def flat(self, system: LinearSystem) -> tuple[Flat, ...]:
        """Steps that do not grow with n, on 2D Poisson with a threshold of strength that its papers use."""
        if not (isinstance(system, Poisson) and system.dim == 2) or self.strength > self.usual:
            return ()
        about = dict(source=self.sources[0], assumes=f"2D Poisson, θ ≤ {self.usual}", stop=Stop(rtol=1e-8, steps=500))
        return (Flat(over="n", values=(16, 32, 64), title="steps do not grow with n", **about),)

    def claims(self, system: LinearSystem) -> tuple:
        """The energy error falls as by symmetric Gauss–Seidel or faster; on 2D Poisson steps hardly grow with n."""
        found = self.flat(system)
        dense = system.symmetric and system.definite and system.assembled and system.size <= DENSE_LIMIT
        if not dense or system.exact is None:
            return found
        factor = gauss_seidel_factor(system.matrix.toarray()) ** self.sweeps
        title = f"falls at least as by symmetric Gauss–Seidel: {factor:.4g} per step"
        about = "A Hermitian positive definite, coarse matrices Pᴴ A P"
        formula = rf"\frac{{\|e_k\|_A}}{{\|e_0\|_A}} \le \|S_{{\mathrm{{SGS}}}}\|_A^{{k}} = {factor:.4g}^k"
        told = dict(title=title, formula=formula, source="vanek2001", assumes=about)
        bound = geometric("energy_error", factor, system, **told)
        return (bound, *found)

    def krylov_claims(self, system: LinearSystem) -> tuple:
        """On 2D Poisson, steps of CG that do not grow with n."""
        return self.flat(system)


def _writable(system: LinearSystem) -> sp.csr_matrix:
    """A as PyAMG takes it: it sorts and sums in place."""
    return sp.csr_matrix(system.matrix.astype(system.dtype), copy=True)


@dataclass(frozen=True)
class RugeStuben(AlgebraicMultigrid):
    """Classical algebraic multigrid of Ruge and Stüben: coarse unknowns are chosen among the fine ones.

    j is a strong neighbour of i when −a_ij ≥ θ max_k(−a_ik); a first pass of the Ruge–Stüben colouring, classical
    interpolation. For M-matrices and near; real matrices only. Set-up by PyAMG.
    Reference: J. W. Ruge, K. Stüben, in Multigrid Methods (1987), doi:10.1137/1.9781611971057.ch4; PyAMG: N. Bell,
    L. N. Olson, J. Schroder, B. Southworth, JOSS 8 (2023) 5495, doi:10.21105/joss.05495.
    """

    title: ClassVar[str] = "Ruge–Stüben AMG"
    name: ClassVar[str] = "ruge_stuben"
    sources: ClassVar[tuple[str, ...]] = ("ruge1987", "bell2023")
    usual: ClassVar[float] = 0.5
    strength: float = knob(0.25, 0.0, 0.99, symbol="θ", doc="share of the strongest coupling that counts as strong")

    def suits(self, system) -> str:
        real = system.dtype.kind != "c"
        return Preconditioner.suits(self, system) or (
            "" if real else "Ruge–Stüben AMG takes real matrices only; try smoothed aggregation."
        )

    def solver(self, system: LinearSystem):
        with loading():
            import pyamg

        if self.suits(system):
            raise Breakdown(self.suits(system), "Use smoothed aggregation")
        return pyamg.ruge_stuben_solver(_writable(system), strength=("classical", {"theta": self.strength}))


@dataclass(frozen=True)
class SmoothedAggregation(AlgebraicMultigrid):
    """Smoothed aggregation: piecewise constants on aggregates, smoothed by one Jacobi step.

    P = (I − ω D⁻¹A) T with ω = 4/3 over a bound of ρ(D⁻¹A); j is a strong neighbour of i when
    |a_ij| ≥ θ √(a_ii a_jj). Takes any matrix; weak on strongly anisotropic ones. The factor of a V-cycle is bounded
    by 1 − 1/(C levels³) only, and does creep up with n; a W-cycle's does not. Set-up by PyAMG.
    Reference: P. Vaněk, J. Mandel, M. Brezina, Computing 56 (1996) 179–196, doi:10.1007/BF02238511; P. Vaněk,
    M. Brezina, J. Mandel, Numer. Math. 88 (2001) 559–579, doi:10.1007/s211-001-8015-y; PyAMG: Bell et al. (2023),
    doi:10.21105/joss.05495.
    """

    title: ClassVar[str] = "smoothed aggregation"
    sources: ClassVar[tuple[str, ...]] = ("vanek1996", "vanek2001", "bell2023")
    usual: ClassVar[float] = 0.08
    strength: float = knob(0.0, 0.0, 0.99, symbol="θ", doc="size, over the diagonal, from which a coupling is strong")

    def solver(self, system: LinearSystem):
        with loading():
            import pyamg

        # Row sums bound ρ(D⁻¹A): PyAMG's own estimate starts from a random vector, and runs must be reproducible.
        smooth = ("jacobi", {"omega": 4.0 / 3.0, "weighting": "local"})
        symmetry = "hermitian" if system.symmetric else "nonsymmetric"
        strength = ("symmetric", {"theta": self.strength})
        return pyamg.smoothed_aggregation_solver(_writable(system), symmetry=symmetry, strength=strength, smooth=smooth)

    def flat(self, system: LinearSystem) -> tuple[Flat, ...]:
        """Of W-cycles that steps do not grow with n, of V-cycles that they grow at most like the cube of the levels."""
        found = AlgebraicMultigrid.flat(self, system)
        if not found or self.cycle == "W":
            return found
        (claim,) = found
        few, many = (len(self.solver(system.turned(n=claim.values[i])).levels) for i in (0, -1))
        title = f"steps grow at most like levels³, {few} to {many} levels"
        return (replace(claim, growth=(many / few) ** 3, title=title, source="vanek2001"),)
