"""Relaxation: Jacobi, Gauss–Seidel, SOR and SSOR, each a stationary method and a preconditioner.

Notation: A = D + L + U, diagonal and strict triangles; μ is the spectral radius of Jacobi's I − D⁻¹A.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse.csgraph import breadth_first_order, connected_components

from toolkit.core.claims import Beats, Order, Rate
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.kernels.sparse import csr
from toolkit.preconditioner.stationary.preconditioning import DENSE_LIMIT, SLOW, Built, Preconditioner, StationaryState
from toolkit.preconditioner.stencils.poisson import Poisson
from toolkit.preconditioner.systems.problems import LinearSystem

_DEFECT_TOL = 0.12  # the slope of k ρ^k, seen over the later half of nine digits, is off by at most this share


def diagonal(system: LinearSystem) -> np.ndarray:
    """The diagonal of A; Breakdown naming the row where it vanishes."""
    d = system.matrix.diagonal()
    zero = np.flatnonzero(d == 0)
    if len(zero):
        row = int(zero[0])
        raise Breakdown(
            f"A[{row}, {row}] = 0 (counting from 0): relaxation divides by the diagonal",
            "Reorder the rows, or use GMRES with threshold ILU",
        )
    return d


def jacobi_radius(system: LinearSystem) -> float | None:
    """μ = ρ(I − D⁻¹A): cos πh on Poisson, max |1 − λ/d| for a constant diagonal d, dense if small; else None."""
    if isinstance(system, Poisson):
        return float(np.cos(np.pi / system.n))
    d = diagonal(system)
    known = system.extremes if system.symmetric and np.ptp(d.real) <= 1e-12 * abs(d[0]) else None
    if known:
        return float(max(abs(1 - value / d[0].real) for value in known))
    if system.size > DENSE_LIMIT:
        return None
    return float(np.abs(jacobi_eigenvalues(system)).max())


def jacobi_eigenvalues(system: LinearSystem) -> np.ndarray:
    """The eigenvalues of I − D⁻¹A, dense."""
    return np.linalg.eigvals(np.eye(system.size) - system.matrix.toarray() / diagonal(system)[:, None])


def young_omega(mu: float) -> float:
    """ω_opt = 2 / (1 + √(1 − μ²)) for consistently ordered A with real Jacobi eigenvalues in (−1, 1) (Young 1954)."""
    return 2.0 / (1.0 + float(np.sqrt(1.0 - mu * mu)))


def is_consistently_ordered(matrix) -> bool:
    """Whether numbers γ exist with γ_j = γ_i + 1 for every i < j with a_ij ≠ 0 or a_ji ≠ 0.

    γ is laid along a spanning forest of the graph of A, then every entry is asked; O(nnz).
    Reference: D. M. Young (1954), section 2 (ordering vectors).
    """
    graph = abs(matrix)
    _, first = np.unique(connected_components(graph, directed=False)[1], return_index=True)
    gamma = np.zeros(graph.shape[0], dtype=int)
    for root in first:
        order, before = breadth_first_order(graph, root, directed=False)
        for i in order[1:]:
            gamma[i] = gamma[before[i]] + (1 if i > before[i] else -1)
    i, j = graph.nonzero()
    return bool(np.all(gamma[j] - gamma[i] == np.sign(j - i)))


@dataclass
class Sweeps(Built):
    """A preconditioner with a compiled iteration: `relax(b, x, r, norm, rows)` does up to len(rows) steps in place."""

    relax: Callable | None = None

    def copy(self) -> Sweeps:
        """Itself: it has no scratch space."""
        return self


@dataclass(frozen=True)
class Relaxation(Preconditioner):
    """Base: a stationary method whose steps run in one compiled loop, on the unknowns themselves and not on M⁻¹ r."""

    needs_matrix: ClassVar[bool] = True
    step = Method.step

    def advance(self, system: LinearSystem, state: StationaryState, n: int, rows: np.ndarray) -> StationaryState:
        """Up to n steps in one compiled loop."""
        done = state.built.relax(system.rhs, state.x, state.r, system.norm, rows[:n])
        state.residual = float(rows[done - 1, 0])
        state.k += done
        state.work.solves += done
        state.work.matvecs += done
        state.work.flops += done * (system.matvec_flops + state.built.flops + 4.0 * system.size)
        if not np.isfinite(state.residual):
            advice = "The iteration matrix has spectral radius > 1: lower ω, or use a Krylov method"
            state.status = Status("non-finite", "the residual overflowed", advice)
        return state


def _sharp(factor: float, title: str, source: str, **options) -> Rate:
    about = "5- or 7-point Poisson, lexicographic order; the error contains the smoothest mode"
    return Rate(measure="residual", factor=factor, sharp=True, title=title, source=source, assumes=about, **options)


def _growth(system: Poisson, p: float, title: str, source: str) -> Order:
    stop, values = Stop(rtol=1e-6, steps=20_000), (6, 9, 12) if system.dim == 3 else (8, 16, 32)
    about = "Poisson, rate set by the smoothest mode"
    options = dict(growing=True, title=title, source=source, assumes=about, stop=stop)
    return Order(measure="k", p=p, over="n", values=values, **options)


@dataclass(frozen=True)
class Jacobi(Relaxation):
    """Damped Jacobi: M = D/ω.

    x ← x + ω D⁻¹ (b − A x). One division an unknown. Diverges when ω λmax(D⁻¹A) > 2 for positive definite A;
    cannot be built with a zero on the diagonal. On Poisson the factor is |1 − ω (1 ∓ cos πh)|, worse sign.
    Reference: C. G. J. Jacobi, Astron. Nachr. 22 (1845) 297–306, doi:10.1002/asna.18450222002; Saad (2003), (4.5).
    """

    title: ClassVar[str] = "Jacobi"
    sources: ClassVar[tuple[str, ...]] = ("jacobi1845", "saad2003")
    omega: float = knob(1.0, 0.01, 2.0, symbol="ω", doc="damping; 2/3 to 4/5 smooth, 1 is Jacobi's own")

    def build(self, system: LinearSystem) -> Built:
        inverse, arrays = 1.0 / diagonal(system), csr.views(system.matrix)
        scale, wide = self.omega * inverse, csr.is_wide(system.matrix.nnz)
        return Sweeps(
            lambda r, out: np.multiply(scale, r, out=out),
            flops=float(system.size),
            relax=lambda b, x, r, norm, rows: csr.jacobi(*arrays, inverse, self.omega, b, x, r, norm, rows, wide),
        )

    def claims(self, system: LinearSystem) -> tuple:
        """On Poisson the closed form, sharp, and steps growing with n²; else the dense spectral radius as a limit."""
        if not isinstance(system, Poisson):
            return Preconditioner.claims(self, system)
        mu = np.cos(np.pi / system.n)
        factor = max(abs(1 - self.omega * (1 - mu)), abs(1 - self.omega * (1 + mu)))
        if not 0 < factor < 1 or self.omega > 1:
            return Preconditioner.claims(self, system)
        title, formula = f"1 − ω (1 − cos πh) = {factor:.5f}", rf"\rho = 1 - \omega\,(1 - \cos \pi h) = {factor:.5f}"
        found = [_sharp(float(factor), title, "saad2003", formula=formula)]
        return (*found, _growth(system, 2.0, "steps grow like n²", "saad2003"))


@dataclass(frozen=True)
class GaussSeidel(Relaxation):
    """Gauss–Seidel: M = D + L (forward) or D + U (backward).

    Each unknown in turn is set so that its equation holds. One triangular solve a step.
    Converges for Hermitian positive definite and for irreducibly diagonally dominant A; M is not Hermitian.
    Factor cos² πh on Poisson: twice as fast as Jacobi, as for every consistently ordered A (Young 1954, μ² = λ).
    Reference: L. Seidel, Abh. Bayer. Akad. Wiss. 11 (1874) 81–108; Saad (2003), (4.8); D. M. Young (1954).
    """

    title: ClassVar[str] = "Gauss–Seidel"
    sources: ClassVar[tuple[str, ...]] = ("young1954", "saad2003")
    hermitian: ClassVar[bool] = False
    direction: str = knob("forward", choices=("forward", "backward"), doc="order in which the unknowns are visited")

    def build(self, system: LinearSystem) -> Built:
        return _swept(system, 1.0, 1 if self.direction == "forward" else -1)

    def claims(self, system: LinearSystem) -> tuple:
        """On Poisson cos² πh, sharp, half of Jacobi's steps, and steps growing with n²; else the dense radius."""
        if not isinstance(system, Poisson):
            return Preconditioner.claims(self, system)
        factor = float(np.cos(np.pi / system.n) ** 2)
        if factor < SLOW:  # of one unknown: one step is exact for either method
            return ()
        twice = Beats(
            other=Jacobi(),
            measure="k",
            factor=0.52,
            title="half the steps of Jacobi (μ² = λ)",
            source="young1954",
            assumes="consistently ordered A",
            stop=Stop(rtol=1e-8, steps=20_000),
        )
        steps = _growth(system, 2.0, "steps grow like n²", "young1954")
        formula = rf"\rho = \cos^2 \pi h = {factor:.5f}"
        return (_sharp(factor, f"cos² πh = {factor:.5f}", "young1954", formula=formula), twice, steps)


@dataclass(frozen=True)
class SOR(Relaxation):
    """Successive over-relaxation: M = D/ω + L.

    Every Gauss–Seidel correction is taken ω times. One triangular solve a step. For Hermitian positive definite A it
    converges exactly when 0 < ω < 2 (Ostrowski–Reich). For consistently ordered A with real Jacobi eigenvalues
    ω_opt = 2/(1 + √(1 − μ²)) and the factor is ω_opt − 1; there the largest eigenvalue is defective, so that errors
    decay like k (ω_opt − 1)^k. On Poisson √(1 − μ²) = sin πh.
    Reference: D. M. Young, Trans. AMS 76 (1954) 92–111, doi:10.1090/S0002-9947-1954-0059635-7.
    """

    title: ClassVar[str] = "SOR"
    sources: ClassVar[tuple[str, ...]] = ("young1954", "saad2003")
    hermitian: ClassVar[bool] = False
    omega: float = knob(
        None, 0.01, 1.99, kind=float, symbol="ω", doc="relaxation; None: Young's optimum where μ is known, else 1.5"
    )

    def relaxation(self, system: LinearSystem) -> float:
        """ω, or Young's optimum, or 1.5 where μ is not known or not below one."""
        if self.omega is not None:
            return self.omega
        mu = jacobi_radius(system)
        return young_omega(mu) if mu is not None and mu < 1 else 1.5

    def build(self, system: LinearSystem) -> Built:
        return _swept(system, self.relaxation(system), 1)

    def factor(self, mu: float, omega: float) -> float:
        """ρ of SOR from Young's (λ + ω − 1)² = λ ω² μ²."""
        if omega >= young_omega(mu):
            return omega - 1
        half = omega * mu / 2
        return float((half + np.sqrt(half * half - (omega - 1))) ** 2)

    def claims(self, system: LinearSystem) -> tuple:
        """Young's factor as a limit where A is consistently ordered, else the dense radius; on Poisson steps ~ n."""
        if not self._follows_young(system):
            return Preconditioner.claims(self, system)
        omega, mu = self.relaxation(system), jacobi_radius(system)
        factor = self.factor(mu, omega)
        if not SLOW < factor < 1:
            return Preconditioner.claims(self, system)
        about = "A consistently ordered with real Jacobi eigenvalues in (−1, 1); at ω_opt errors decay like k (ω − 1)^k"
        title = f"Young's factor {factor:.5f} at ω = {omega:.4f}"
        options = dict(title=title, source="young1954", assumes=about, tol=_DEFECT_TOL)
        found = (Rate(measure="residual", factor=factor, **options),)
        if not isinstance(system, Poisson) or self.omega is not None:
            return found
        return (*found, _growth(system, 1.0, "steps grow like n", "young1954"))

    def _follows_young(self, system: LinearSystem) -> bool:
        """Whether A is consistently ordered with real Jacobi eigenvalues in (−1, 1): found out of small systems."""
        if isinstance(system, Poisson):
            return True
        small = system.assembled and system.size <= DENSE_LIMIT
        if not small or not is_consistently_ordered(system.matrix):
            return False
        values = np.zeros(1) if system.definite else jacobi_eigenvalues(system)
        return bool(np.abs(values.imag).max() <= 1e-6 and np.abs(values.real).max() < 1)


@dataclass(frozen=True)
class SSOR(Relaxation):
    """Symmetric SOR: M = ω/(2 − ω) (D/ω + L) D⁻¹ (D/ω + U).

    A forward, then a backward SOR sweep; two triangular solves a step. M is Hermitian positive definite with A for
    0 < ω < 2, and the eigenvalues of M⁻¹A lie in (0, 1]. With m = 1/(1 − μ) = max ⟨x,Dx⟩/⟨x,Ax⟩ and
    ω* = 2/(1 + √(2/m)),  κ(M⁻¹A) ≤ 1/2 + √(m/2)  whenever ⟨x, (L D⁻¹U − D/4) x⟩ ≤ 0 for all x, as on
    Poisson: κ is the square root of what Jacobi leaves.
    Reference: D. M. Young (1954); O. Axelsson, BIT 12 (1972) 443–467, doi:10.1007/BF01932955; Axelsson & Barker,
    Finite Element Solution of Boundary Value Problems (2001), chapter 1, doi:10.1137/1.9780898719253.
    """

    title: ClassVar[str] = "SSOR"
    sources: ClassVar[tuple[str, ...]] = ("axelsson2001", "young1954", "saad2003")
    omega: float = knob(
        None, 0.01, 1.99, kind=float, symbol="ω", doc="relaxation; None: Axelsson's ω* where μ is known, else 1"
    )

    def relaxation(self, system: LinearSystem) -> float:
        """ω, or Axelsson's ω* = 2/(1 + √(2 (1 − μ))), or 1 where μ is not known or not below one."""
        if self.omega is not None:
            return self.omega
        mu = jacobi_radius(system)
        return 2.0 / (1.0 + float(np.sqrt(2.0 * (1.0 - mu)))) if mu is not None and mu < 1 else 1.0

    def build(self, system: LinearSystem) -> Built:
        return _swept(system, self.relaxation(system), 0)

    def interval(self, system: LinearSystem) -> tuple[float, float] | None:
        """(1/κ, 1) with Axelsson's κ = 1/2 + √(m/2) on Poisson at ω*."""
        if isinstance(system, Poisson) and self.omega is None:
            return 1 / (0.5 + float(np.sqrt(0.5 / (1 - np.cos(np.pi / system.n))))), 1.0
        return Preconditioner.interval(self, system)

    def claims(self, system: LinearSystem) -> tuple:
        """The factor 1 − 1/κ, a limit."""
        if not isinstance(system, Poisson) or self.omega is not None:
            return Preconditioner.claims(self, system)
        kappa = self.condition(system)
        title = f"1 − 1/κ with κ ≤ 1/2 + 1/(2 sin(πh/2)) = {kappa:.3f}"
        about = "Poisson, lexicographic order, ω = 2/(1 + 2 sin(πh/2))"
        bound = r"\tfrac12 + \frac{1}{2 \sin(\pi h/2)}"
        formula = rf"\rho \le 1 - \frac{{1}}{{\kappa}}, \quad \kappa \le {bound} = {kappa:.3f}"
        told = dict(title=title, formula=formula, source="axelsson2001", assumes=about)
        found = (Rate(measure="residual", factor=1 - 1 / kappa, **told),)
        return (*found, _growth(system, 1.0, "steps grow like n", "axelsson2001"))


def _swept(system: LinearSystem, omega: float, order: int) -> Sweeps:
    """SOR sweeps: order 1 forward, −1 backward, 0 forward and backward."""
    inverse, arrays = 1.0 / diagonal(system), csr.views(system.matrix)
    wide = csr.is_wide(system.matrix.nnz)

    def apply(r, out):
        if order < 0:
            out[:] = 0
            csr.sweep(*arrays, inverse, omega, r, out, False)
        else:
            (csr.sor_apply if order else csr.ssor_apply)(*arrays, inverse, omega, r, out)

    def relax(b, x, r, norm, rows):
        return csr.sor(*arrays, inverse, omega, b, x, r, norm, rows, order, wide)

    flops = system.matrix.nnz * (1.0 if order else 3.0) + 3.0 * system.size
    return Sweeps(apply, flops=flops, relax=relax)
