"""GMRES and its flexible variant: the least residual over the Krylov space of any nonsingular matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import solve_triangular

from toolkit.core.arrays import norm
from toolkit.core.claims import Beats, Bound, monotone
from toolkit.core.knob import knob
from toolkit.core.state import scratch
from toolkit.core.stop import Stop
from toolkit.preconditioner.krylov.basis import Basis
from toolkit.preconditioner.krylov.method import (
    EPS,
    KrylovMethod,
    KrylovState,
    bound,
    chebyshev_curve,
    chebyshev_formula,
    end,
    first_residual,
    no_gap,
    right_operator,
    spectrum,
    spend,
    terminates,
)
from toolkit.preconditioner.krylov.minres import MINRES
from toolkit.preconditioner.stationary.preconditioning import DENSE_LIMIT, Preconditioner
from toolkit.preconditioner.systems.problems import LinearSystem


@dataclass(slots=True, kw_only=True)
class GMRESState(KrylovState):
    """The cycle so far: j vectors beyond the first in `basis`, the Hessenberg matrix as `upper` = R after Givens.

    `x` is the iterate at the start of the cycle, `g` the rotated right-hand side, |g[j]| the residual norm;
    `rotations` holds (c, s); `z` is M⁻¹ of something, `directions` (FGMRES only) the vectors M_i⁻¹ v_i.
    """

    basis: Basis
    directions: Basis | None
    upper: np.ndarray
    rotations: np.ndarray
    g: np.ndarray
    z: np.ndarray = scratch()
    j: int = 0

    def coefficients(self) -> np.ndarray:
        """y of shape (j,): the minimiser of ‖β e₁ − H y‖, without the last direction if R is singular there."""
        j = self.j
        while j and abs(self.upper[j - 1, j - 1]) <= 10 * EPS * norm(self.upper[:j, j - 1]):
            j -= 1
        return solve_triangular(self.upper[:j, :j], self.g[:j], check_finite=False) if j else np.zeros(0)

    def iterate(self) -> np.ndarray:
        if not self.j:
            return self.x
        if self.directions is not None:
            return self.x + self.directions.combine(self.coefficients())
        z = np.empty_like(self.x)
        self.built.apply(self.basis.combine(self.coefficients()), z)
        return self.x + z


@dataclass(frozen=True)
class GMRES(KrylovMethod):
    """Restarted GMRES: ‖b − A x‖ is least over x₀ + M⁻¹ K_j(A M⁻¹, r₀), started again every m steps.

    Preconditioned from the right, so that the residual it minimises and reports is the true one. A step is one
    Arnoldi step: one product, one preconditioner solve, O(j n) for the orthogonalisation; a restart costs one product
    more. Breaks down only when A is singular. m vectors are kept.
    Reference: Y. Saad, M. H. Schultz, SIAM J. Sci. Stat. Comput. 7 (1986) 856–869, doi:10.1137/0907058, Alg. 4;
    right preconditioning: Saad (2003), Alg. 9.5.
    """

    title: ClassVar[str] = "GMRES"
    sources: ClassVar[tuple[str, ...]] = ("saad1986", "saad2003")
    m: int = knob(30, 1, 2000, log=True, doc="steps between restarts; as many vectors are kept")

    def label(self) -> str:
        name = f"{self.title}({self.m})"
        return name if self.plain else f"{name} + {self.preconditioner.label()}"

    def init(self, system: LinearSystem) -> GMRESState:
        x, m = np.array(system.start), min(self.m, max(1, system.size))
        r = first_residual(system, x)
        state = GMRESState(
            built=self.preconditioner.build(system),
            exponent=system.exponent,
            x=x,
            residual=norm(r) / system.norm,
            basis=Basis(system.size, r.dtype),
            directions=None if self.fixed_only else Basis(system.size, r.dtype),
            upper=np.zeros((m, m), dtype=r.dtype),
            rotations=np.zeros((m, 2), dtype=r.dtype),
            g=np.zeros(m + 1, dtype=r.dtype),
            z=np.empty_like(r),
        )
        _begin(state, r)
        return state

    def step(self, system: LinearSystem, state: GMRESState) -> GMRESState:
        restart = state.j == len(state.upper)
        if restart:
            state.x = state.iterate()
            _begin(state, system.residual(state.x))
        if not state.g[state.j]:
            return end(state, "converged", "the residual vanished")
        j = state.j
        state.built.apply(state.basis.rows[j], state.z)
        w = system.matvec(state.z)
        if state.directions is not None:
            state.directions.append(state.z)
        before = norm(w)
        h, after = state.basis.orthogonalise(w)
        invariant = not after > EPS * before
        if not invariant:
            state.basis.append(w / after)
        _rotate(state, h, 0.0 if invariant else after)
        last, state.residual = state.residual, float(abs(state.g[j + 1])) / system.norm
        spend(state, system, matvecs=1 + restart, vectors=4.0 * j + 8)
        return _invariant(system, state, before, last) if invariant else state

    def promises(self, system):
        """The residual never grows, vanishes after n steps, and obeys what is known of spectrum and field of values."""
        yield monotone("residual", floor=1e-13, source="saad1986", assumes="exact arithmetic")
        yield no_gap()
        if not (system.assembled and system.size <= DENSE_LIMIT):
            return
        yield from _field_of_values(self.preconditioner, system)
        if self.m >= system.size:
            yield from _finite(self.preconditioner, system)
            if self.plain and system.symmetric:
                yield from self._hermitian(system)

    def _hermitian(self, system):
        """Without restarts on a Hermitian A: Chebyshev's bound, and MINRES cannot be faster."""
        values = spectrum(self.preconditioner, system)
        if values[0] > 0:
            kappa = values[-1] / values[0]
            title = f"1/T_k((κ+1)/(κ−1)) with κ = {kappa:.3g}"
            about = dict(assumes="A Hermitian positive definite, no restart")
            yield bound(
                "residual", chebyshev_curve(kappa), title, formula=chebyshev_formula("residual", kappa), **about
            )
        if abs(values).max() > 1e6 * abs(values).min():  # the last of n steps may be below rounding
            return
        yield Beats(
            other=MINRES(),
            measure="k",
            title="needs no more steps than MINRES, the same method in exact arithmetic",
            source="saad2003",
            assumes="A Hermitian, no restart, κ ≤ 1e6",
            stop=Stop(rtol=1e-8, steps=2000),
        )


@dataclass(frozen=True)
class FGMRES(GMRES):
    """Flexible GMRES(m): the preconditioner may be another map in every step, at the price of m more vectors.

    ‖b − A x‖ is least over x₀ + span{M_i⁻¹ v_i}; with one fixed M it is GMRES(m). Works as GMRES does.
    Reference: Y. Saad, SIAM J. Sci. Comput. 14 (1993) 461–469, doi:10.1137/0914028, Alg. 2.2; Saad (2003), Alg. 9.6.
    """

    title: ClassVar[str] = "FGMRES"
    sources: ClassVar[tuple[str, ...]] = ("saad1993", "saad2003")
    fixed_only: ClassVar[bool] = False

    def promises(self, system):
        """GMRES's, and the same number of products, when M is fixed; otherwise that the residual never grows."""
        if not self.preconditioner.fixed:
            yield monotone("residual", floor=1e-13, source="saad1993", assumes="M_i⁻¹ may vary")
            yield no_gap()
            return
        yield from GMRES.promises(self, system)
        yield Beats(
            other=GMRES(preconditioner=self.preconditioner, m=self.m),
            factor=1.1,
            title="needs as many products as GMRES with the same preconditioner, within a tenth",
            source="saad1993",
            assumes="M is one linear map; restarts amplify rounding",
            stop=Stop(rtol=1e-8, steps=2000),
        )


def _begin(state: GMRESState, r: np.ndarray) -> None:
    """Start a cycle from the residual r."""
    beta = norm(r)
    state.j = 0
    state.basis.clear()
    state.basis.append(r / beta if beta > 0 else r)
    if state.directions is not None:
        state.directions.clear()
    state.upper[:], state.g[:] = 0, 0
    state.g[0] = beta


def _rotate(state: GMRESState, h: np.ndarray, below: float) -> None:
    """Append the column (h, below) of the Hessenberg matrix and rotate `below` into the diagonal."""
    j, column = state.j, h.astype(state.upper.dtype)
    for i in range(j):
        c, s = state.rotations[i]
        upper, lower = column[i], column[i + 1]
        column[i], column[i + 1] = c * upper + s * lower, -np.conj(s) * upper + c * lower
    radius = np.hypot(abs(column[j]), below)
    phase = column[j] / abs(column[j]) if column[j] else 1.0
    c, s = (abs(column[j]) / radius, phase * below / radius) if radius else (1.0, 0.0)
    column[j] = phase * radius
    state.upper[: j + 1, j], state.rotations[j] = column, (c, s)
    state.g[j], state.g[j + 1] = c * state.g[j], -np.conj(s) * state.g[j]
    state.j = j + 1


def _invariant(system: LinearSystem, state: GMRESState, before: float, last: float) -> GMRESState:
    """The Krylov space does not grow: the solution is in it, unless A is singular there, which the true residual tells.

    `before` is the norm of the last product, `last` the residual of the step before, which stays after a breakdown.
    """
    j, state.k = state.j - 1, state.k - 1
    if not np.isfinite(before):
        return end(state, "non-finite", "a product with A overflowed", "Scale the system or mend the preconditioner")
    if abs(state.upper[j, j]) > 10 * EPS * before:
        state.residual = norm(system.residual(state.iterate())) / system.norm
        state.work.matvecs += 1
        if state.residual <= max(1e-3 * last, 1e-13):
            return end(state, "converged", "the Krylov space is invariant: it holds the solution")
        state.upper[j, j] = 0  # the last direction is not to be used
    state.residual = last
    return end(state, "breakdown", "A M⁻¹ is singular on the Krylov space", "The matrix or M is singular")


def _finite(preconditioner: Preconditioner, system) -> list:
    """After n steps the residual is at rounding level, where the condition number leaves room to say so."""
    tol = 1e3 * EPS * np.linalg.cond(right_operator(preconditioner, system))
    if not tol < 1e-6:
        return []
    title = f"exact after at most n = {system.size} steps"
    about = dict(title=title, source="saad1986", assumes="A nonsingular, no restart")
    return [terminates("residual", system.size, tol=tol, **about)]


def _field_of_values(preconditioner: Preconditioner, system) -> list:
    """(1 − μ²/‖B‖²)^{k/2} with μ the least eigenvalue of the Hermitian part of B = A M⁻¹, where μ > 0."""
    matrix = right_operator(preconditioner, system)
    least = np.linalg.eigvalsh((matrix + matrix.conj().T) / 2)[0]
    if not least > 0:
        return []
    factor = np.sqrt(1 - (least / np.linalg.norm(matrix, 2)) ** 2)
    return [
        Bound(
            measure="residual",
            curve=lambda k, values: values[0] * factor**k,
            floor=1e-13,
            title=f"(1 − μ²/‖A M⁻¹‖²)^(k/2) = {factor:.4f}^k",
            formula=r"\frac{\|r_k\|}{\|r_0\|} \le \left(1 - \frac{\mu^2}{\|A M^{-1}\|^2}\right)^{k/2}"
            rf" = {factor:.4f}^k",
            source="eisenstat1983",
            assumes="the Hermitian part of A M⁻¹ is positive definite, μ its least eigenvalue",
        )
    ]
