"""Conjugate gradients and their flexible variant: the least energy error for a Hermitian positive definite matrix."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from toolkit.core.claim import Beats, monotone
from toolkit.core.stop import Stop
from toolkit.preconditioner.chebyshev import ChebyshevIteration
from toolkit.preconditioner.krylov import (
    KrylovMethod,
    KrylovState,
    bound,
    chebyshev_curve,
    distinct,
    end,
    no_gap,
    spectrum,
    spend,
    terminates,
)
from toolkit.preconditioner.ritz import energy_norm, extreme_share, from_conjugate_gradients, ritz_converge, ritz_gap
from toolkit.preconditioner.system import LinearSystem


@dataclass(slots=True, kw_only=True)
class CGState(KrylovState):
    """x, residual r, preconditioned residual z = M⁻¹ r, direction p; `rho` = ⟨r, z⟩, also as `preconditioned_residual`.

    `alphas`, `betas` are the coefficients of all steps so far.
    """

    r: np.ndarray
    z: np.ndarray
    p: np.ndarray
    rho: float
    rho_first: float
    preconditioned_residual: float = 1.0
    alphas: list = field(default_factory=list)
    betas: list = field(default_factory=list)

    def ritz(self) -> np.ndarray:
        """Eigenvalues of the Lanczos matrix in rising order: approximations of those of M⁻¹A."""
        return from_conjugate_gradients(self.alphas, self.betas)


@dataclass(frozen=True)
class _ConjugateGradients(KrylovMethod):
    """What CG and its flexible variant share."""

    monitors: ClassVar[tuple[str, ...]] = ("residual", "preconditioned_residual")

    def suits(self, system) -> str:
        if not (system.symmetric and system.definite):
            return f"{self.title} needs a Hermitian positive definite matrix; try MINRES (Hermitian) or GMRES (any)."
        return KrylovMethod.suits(self, system)

    def _start(self, system: LinearSystem) -> dict:
        x, built = np.array(system.start), self.preconditioner.build(system)
        r = system.residual(x)
        z = np.empty_like(r)
        built.apply(r, z)
        rho, residual = energy_norm(r, z) ** 2, float(np.linalg.norm(r)) / system.norm
        return dict(built=built, x=x, r=r, z=z, p=z.copy(), rho=rho, rho_first=rho, residual=residual)

    def measures(self, problem) -> tuple:
        found = None if self.suits(problem) else self.preconditioner.interval(problem)
        return (*KrylovMethod.measures(self, problem), *((ritz_gap(found),) if found else ()))


@dataclass(frozen=True)
class CG(_ConjugateGradients):
    """Conjugate gradients: the A-norm of the error is least over the Krylov space.

    Needs A and M Hermitian positive definite. One product and one preconditioner solve a step.
    Reference: M. R. Hestenes, E. Stiefel, J. Res. NBS 49 (1952) 409–436, doi:10.6028/jres.049.044;
    Saad (2003), Alg. 9.1.
    """

    title: ClassVar[str] = "CG"
    sources: ClassVar[tuple[str, ...]] = ("hestenes1952", "saad2003")
    hermitian_only: ClassVar[bool] = True

    def init(self, system: LinearSystem) -> CGState:
        return CGState(**self._start(system))

    def step(self, system: LinearSystem, state: CGState) -> CGState:
        q = system.matvec(state.p)
        curvature = float(np.vdot(state.p, q).real)
        if not curvature > 0 or not state.rho:
            return broken(state, curvature)
        alpha = state.rho / curvature
        state.x += alpha * state.p
        state.r -= alpha * q
        state.built.apply(state.r, state.z)
        rho = float(np.vdot(state.r, state.z).real)
        beta = rho / state.rho
        state.p *= beta
        state.p += state.z
        state.alphas.append(alpha)
        state.betas.append(beta)
        state.rho = rho
        return measured(system, state)

    def promises(self, system):
        """The energy error never grows, obeys the bound of the spectrum, and vanishes when that is used up."""
        yield no_gap()
        yield from self.preconditioner.krylov_claims(system)
        if system.exact is None:
            return
        kappa = self.preconditioner.condition(system)
        floor = 1e-13 * (kappa or 1e4)
        yield monotone("energy_error", floor=floor, source="hestenes1952", assumes="A, M positive definite")
        if not kappa:
            return
        title = f"2 ((√κ−1)/(√κ+1))^k with κ(M⁻¹A) = {kappa:.3g}"
        about = dict(assumes="A, M Hermitian positive definite")
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
        if self.plain and extreme_share(system) > 1e-6:
            yield ritz_converge(3 * len(values))
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

    def init(self, system: LinearSystem) -> CGState:
        return CGState(**self._start(system))

    def step(self, system: LinearSystem, state: CGState) -> CGState:
        q = system.matvec(state.p)
        curvature = float(np.vdot(state.p, q).real)
        if not curvature > 0 or not state.rho:
            return broken(state, curvature)
        along = np.vdot(state.p, state.r) / curvature
        state.x += along * state.p
        state.r -= along * q
        state.built.apply(state.r, state.z)
        beta = -np.vdot(q, state.z) / curvature  # = ⟨z_{k+1}, r_{k+1} − r_k⟩/(α_k ⟨p_k, A p_k⟩)
        state.p *= beta
        state.p += state.z
        state.rho = float(np.vdot(state.r, state.z).real)
        state.alphas.append(float(along.real))
        state.betas.append(float(beta.real))
        return measured(system, state, vectors=12.0)

    def promises(self, system):
        """The energy error never grows whatever M is; with a fixed Hermitian M it is CG."""
        yield no_gap()
        if system.exact is None:
            return
        fixed = getattr(self.preconditioner, "fixed", True) and self.preconditioner.hermitian
        kappa = self.preconditioner.condition(system) if fixed else None
        floor = 1e-13 * (system.condition or 1e4)
        yield monotone("energy_error", floor=floor, source="notay2000", assumes="A positive definite, any M")
        if kappa:
            title = f"2 ((√κ−1)/(√κ+1))^k with κ(M⁻¹A) = {kappa:.3g}"
            yield bound("energy_error", chebyshev_curve(kappa), title, floor=floor, assumes="M fixed, A and M definite")
        if fixed:
            yield Beats(
                other=CG(preconditioner=self.preconditioner),
                factor=1.1,
                title="needs as many products as CG",
                source="notay2000",
                assumes="M is one Hermitian positive definite map",
                stop=Stop(rtol=1e-8, steps=4000),
            )


def measured(system: LinearSystem, state: CGState, vectors: float = 10.0) -> CGState:
    """The state with its monitors after a step."""
    state.residual = float(np.linalg.norm(state.r)) / system.norm
    state.preconditioned_residual = float(np.sqrt(abs(state.rho) / state.rho_first))
    spend(state, system, vectors=vectors)
    return state


def broken(state: CGState, curvature: float) -> CGState:
    """The end of a run whose direction p has ⟨p, A p⟩ ≤ 0."""
    if state.rho == 0:
        return end(state, "converged", "the residual vanished")
    if not np.isfinite(curvature):
        return end(state, "non-finite", "a product with A or M⁻¹ overflowed", "Scale the system")
    cause = f"⟨p, A p⟩ = {curvature:.3g}: A is not positive definite"
    return end(state, "breakdown", cause, "Try MINRES or GMRES")
