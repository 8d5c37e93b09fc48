"""Conjugate gradients and their flexible variant: the least energy error for a Hermitian positive definite matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import norm
from toolkit.core.claims import Beats, monotone
from toolkit.core.state import scratch
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.kernels.sparse import krylov as kernels
from toolkit.kernels.sparse.csr import views
from toolkit.preconditioner.krylov.basis import Basis
from toolkit.preconditioner.krylov.chebyshev import ChebyshevIteration
from toolkit.preconditioner.krylov.method import (
    EPS,
    KrylovMethod,
    KrylovState,
    bound,
    chebyshev_curve,
    chebyshev_formula,
    distinct,
    first_residual,
    inverse_diagonal,
    no_gap,
    spectrum,
    spend,
    terminates,
)
from toolkit.preconditioner.krylov.ritz import (
    energy_norm,
    from_conjugate_gradients,
    kaniel_saad,
    ritz_converge,
    ritz_gap,
)
from toolkit.preconditioner.stationary.incomplete import Factored
from toolkit.preconditioner.systems.problems import LinearSystem

MOST_STEPS = 2000  # of a run that is to find the ends of a spectrum
OVERFLOW = Status("non-finite", "a product with A or M⁻¹ overflowed", "Scale the system")


@dataclass(slots=True, kw_only=True)
class CGState(KrylovState):
    """x, residual r, preconditioned residual z = M⁻¹ r, direction p, q = A p; `rho` holds ⟨r, z⟩, shape (1,).

    `preconditioned_residual` is √(ρ_k/ρ_0); `coefficients` holds (α_j, ρ_{j+1}) of all steps; `compiled` does many
    steps in one call where there is such a loop for this M.
    """

    lanczos: ClassVar[bool] = True

    r: np.ndarray
    z: np.ndarray = scratch()
    p: np.ndarray
    q: np.ndarray = scratch()
    rho: np.ndarray
    rho_first: float
    preconditioned_residual: float = 1.0
    coefficients: Basis = field(default_factory=lambda: Basis(2))
    compiled: Callable | None = None

    def ritz(self) -> np.ndarray:
        """Eigenvalues of the Lanczos matrix in rising order: approximations of those of M⁻¹A."""
        return from_conjugate_gradients(self.rho_first, self.coefficients.rows)


@dataclass(frozen=True)
class _ConjugateGradients(KrylovMethod):
    """What CG and its flexible variant share."""

    monitors: ClassVar[tuple[str, ...]] = ("residual", "preconditioned_residual")
    chaotic: ClassVar[str] = (
        "its short recurrence loses orthogonality to rounding, which decides how many steps it takes"
    )

    def suits(self, system) -> str:
        if not system.symmetric:
            return f"{self.title} needs a Hermitian matrix, and A is none, or not known to be one; try GMRES."
        if not (system.definite or system.undecided):  # undecided: it runs, and ends at the first ⟨p, A p⟩ ≤ 0
            return f"{self.title} needs a positive definite matrix, and A is none; try MINRES or GMRES."
        return KrylovMethod.suits(self, system)

    def init(self, system: LinearSystem) -> CGState:
        x, built = np.array(system.start), self.preconditioner.build(system)
        r = first_residual(system, x)
        z, residual = np.empty_like(r), norm(r) / system.norm
        built.apply(r, z)
        rho = np.array([np.vdot(r, z).real])
        about = dict(built=built, x=x, residual=residual, r=r, z=z, rho=rho, rho_first=float(rho[0]))
        about["exponent"] = system.exponent
        return CGState(**about, p=z.copy(), q=np.zeros_like(r))

    def measures(self, problem) -> tuple:
        found = None if self.suits(problem) else self.preconditioner.interval(problem.worked)
        return (*KrylovMethod.measures(self, problem), *((ritz_gap(found),) if found else ()))


@dataclass(frozen=True)
class CG(_ConjugateGradients):
    """Conjugate gradients: the A-norm of the error is least over the Krylov space.

    Needs A and M Hermitian positive definite. One product and one preconditioner solve a step; compiled without
    preconditioner, with Jacobi and with IC(0).
    Reference: M. R. Hestenes, E. Stiefel, J. Res. NBS 49 (1952) 409–436, doi:10.6028/jres.049.044;
    Saad (2003), Alg. 9.1.
    """

    title: ClassVar[str] = "CG"
    sources: ClassVar[tuple[str, ...]] = ("hestenes1952", "saad2003")
    hermitian_only: ClassVar[bool] = True
    definite_only: ClassVar[bool] = True

    def init(self, system: LinearSystem) -> CGState:
        state = _ConjugateGradients.init(self, system)
        if self.definite_only:
            energy_norm(state.r, state.z)  # raises where M is not positive definite
        state.compiled = _compiled(self.preconditioner, system, state)
        return state

    def advance(self, system: LinearSystem, state: CGState, n: int, rows: np.ndarray) -> CGState:
        """Up to n steps: in one compiled loop for M diagonal or IC(0), else one by one."""
        if state.compiled is None:
            return self._walk(system, state, rows[:n])
        seen = np.empty((n, 3))
        done, code = state.compiled(state, system.norm, seen)
        _noted(system, state, seen[:done], rows)
        if code == kernels.CURVATURE:
            state.compiled = None
            return self._walk(system, state, rows[done:n])
        if code == kernels.OVERFLOW:
            state.status = OVERFLOW
        return state

    def _walk(self, system: LinearSystem, state: CGState, rows: np.ndarray) -> CGState:
        for row in rows:
            _iterate(system, state, self.definite_only)
            row[:] = state.residual, state.preconditioned_residual
            if state.status.done:
                break
        return state

    def promises(self, system):
        """The energy error never grows, obeys the bound of the spectrum, and vanishes when that is used up."""
        yield no_gap()
        yield from self.preconditioner.krylov_claims(system)
        if system.exact is None or not system.definite:
            return
        kappa = self.preconditioner.condition(system)
        floor = 1e-13 * (kappa or 1e4)
        yield monotone("energy_error", floor=floor, source="hestenes1952", assumes="A, M positive definite")
        if not kappa:
            return
        title = f"2 ((√κ−1)/(√κ+1))^k with κ(M⁻¹A) = {kappa:.3g}"
        about = dict(assumes="A, M Hermitian positive definite", formula=chebyshev_formula("energy_error", kappa))
        yield bound("energy_error", chebyshev_curve(kappa), title, floor=floor, **about)
        values = spectrum(self.preconditioner, system)
        if values is not None:
            yield from self._spectral(values, kappa, system)

    def _spectral(self, values: np.ndarray, kappa: float, system):
        """What a small system with known eigenvalues allows: finite termination, Ritz values, Chebyshev is slower."""
        steps = distinct(values)
        title = f"exact after {steps} steps: as many as M⁻¹A has different eigenvalues"
        if kappa < 200 and steps <= 16:  # beyond, rounding delays the end
            about = dict(source="hestenes1952", assumes="exact arithmetic; few eigenvalues, κ < 200")
            yield terminates("energy_error", steps, tol=1e-7, title=title, **about)
        if self.plain and kappa < 1e9:
            tol = 1e-6 + 100 * EPS * kappa  # Lanczos' rounding error of λmin is ε λmax, times steps
            steps = kaniel_saad(system, tol / 2)
            if steps <= MOST_STEPS:
                yield ritz_converge(int(steps), tol)
        yield Beats(
            other=ChebyshevIteration(preconditioner=self.preconditioner),
            title="needs no more products than Chebyshev semi-iteration for the same energy error",
            source="golub1961",
            assumes="A, M Hermitian positive definite",
            stop=Stop(measure="energy_error", rtol=1e-8, steps=4000),
        )


@dataclass(frozen=True)
class FlexibleCG(_ConjugateGradients):
    """Flexible CG: each new direction is made A-orthogonal to the one before, whatever M⁻¹ did this time.

    β_k = ⟨z_{k+1}, r_{k+1} − r_k⟩/⟨z_k, r_k⟩ (Polak–Ribière), α_k = ⟨p_k, r_k⟩/⟨p_k, A p_k⟩: a line search, so the
    energy error falls with any M; with one fixed M it is CG. Stores one vector more. Needs A positive definite.
    Reference: Y. Notay, SIAM J. Sci. Comput. 22 (2000) 1444–1460, doi:10.1137/S1064827599362314, FCG(1).
    """

    title: ClassVar[str] = "flexible CG"
    sources: ClassVar[tuple[str, ...]] = ("notay2000",)
    fixed_only: ClassVar[bool] = False

    def step(self, system: LinearSystem, state: CGState) -> CGState:
        q = system.matvec(state.p)
        curvature = float(np.vdot(state.p, q).real)
        if not curvature > 0:
            return broken(system, state, curvature)
        along = np.vdot(state.p, state.r) / curvature
        state.x += along * state.p
        state.r -= along * q
        state.built.apply(state.r, state.z)
        beta = -np.vdot(q, state.z) / curvature  # = ⟨z_{k+1}, r_{k+1} − r_k⟩/(α_k ⟨p_k, A p_k⟩)
        state.p *= beta
        state.p += state.z
        _measured(system, state, float(along.real), np.vdot(state.r, state.z).real)
        return state

    def promises(self, system):
        """The energy error never grows whatever M is; with a fixed Hermitian M it is CG."""
        yield no_gap()
        if system.exact is None or not system.definite:
            return
        fixed = self.preconditioner.fixed and self.preconditioner.hermitian
        kappa = self.preconditioner.condition(system) if fixed else None
        floor = 1e-13 * (system.condition or 1e4)
        yield monotone("energy_error", floor=floor, source="notay2000", assumes="A positive definite, any M")
        if kappa:
            title = f"2 ((√κ−1)/(√κ+1))^k with κ(M⁻¹A) = {kappa:.3g}"
            about = dict(assumes="M fixed, A and M definite", formula=chebyshev_formula("energy_error", kappa))
            yield bound("energy_error", chebyshev_curve(kappa), title, floor=floor, **about)
        if kappa and kappa <= 1e4:  # beyond, rounding delays the two by different numbers of steps
            yield Beats(
                other=CG(preconditioner=self.preconditioner),
                factor=1.1,
                title="needs as many products as CG, within a tenth",
                source="notay2000",
                assumes="M is one Hermitian positive definite map, κ(M⁻¹A) ≤ 1e4",
                stop=Stop(rtol=1e-8, steps=4000),
            )


def _iterate(system: LinearSystem, state: CGState, definite_only: bool = True) -> None:
    """One step of Saad's Alg. 9.1 for any M; `definite_only`: a negative ⟨p, A p⟩ ends the run."""
    q = system.matvec(state.p)
    curvature = float(np.vdot(state.p, q).real)
    if not (curvature > 0 if definite_only else abs(curvature) > 0):
        broken(system, state, curvature)
        return
    before, alpha = float(state.rho[0]), float(state.rho[0]) / curvature
    state.x += alpha * state.p
    state.r -= alpha * q
    state.built.apply(state.r, state.z)
    _measured(system, state, alpha, np.vdot(state.r, state.z).real)
    state.p *= state.rho[0] / before
    state.p += state.z


def _measured(system: LinearSystem, state: CGState, alpha: float, rho: float) -> None:
    """Note what a step did."""
    state.rho[0] = rho
    state.residual = norm(state.r) / system.norm
    state.preconditioned_residual = float(np.sqrt(abs(rho / state.rho_first)))
    state.coefficients.append((alpha, rho))
    spend(state, system, vectors=10.0)


def _noted(system: LinearSystem, state: CGState, seen: np.ndarray, rows: np.ndarray) -> None:
    """Note what compiled steps did: `seen` has ‖r‖/‖b‖, α and ρ of each."""
    if not len(seen):
        return
    rows[: len(seen), 0] = seen[:, 0]
    rows[: len(seen), 1] = np.sqrt(np.abs(seen[:, 2] / state.rho_first))
    state.residual, state.preconditioned_residual = map(float, rows[len(seen) - 1])
    state.coefficients.extend(seen[:, 1:])
    spend(state, system, vectors=10.0, steps=len(seen))


def _compiled(preconditioner, system: LinearSystem, state: CGState) -> Callable | None:
    """`steps(state, norm, seen)`: as many compiled steps as `seen` has rows, for M diagonal or IC(0); else None."""
    if not system.assembled:
        return None
    arrays, wide = views(system.matrix), kernels.is_wide(system.matrix.nnz)
    if isinstance(state.built, Factored):
        kernels.pcg_ic0_start(*state.built.factor, state.r, state.z, state.x, state.p, state.rho)
        state.rho_first = float(state.rho[0])
        return lambda s, norm, seen: kernels.pcg_ic0(
            *arrays, *s.built.factor, s.x, s.r, s.p, s.q, s.z, s.rho, norm, seen, wide
        )
    d = inverse_diagonal(preconditioner, system, state.built)
    if d is None:
        return None
    kernels.pcg_start(d, state.r, state.p, state.rho)
    state.rho_first = float(state.rho[0])
    return lambda s, norm, seen: kernels.pcg_diagonal(*arrays, d, s.x, s.r, s.p, s.q, s.rho, norm, seen, wide)


def broken(system: LinearSystem, state: CGState, curvature: float) -> CGState:
    """The end of a run whose direction p has ⟨p, A p⟩ ≤ 0; counted as a step like the others."""
    spend(state, system, vectors=10.0)
    if state.rho[0] == 0:
        state.status = Status("converged", "the residual vanished")
    elif not np.isfinite(curvature):
        state.status = OVERFLOW
    else:
        cause = f"⟨p, A p⟩ = {curvature:.3g}: A is not positive definite"
        state.status = Status("breakdown", cause, "Try MINRES or GMRES")
    return state
