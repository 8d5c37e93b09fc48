"""Krylov methods for Hermitian positive definite systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claim import Bound, monotone
from toolkit.core.knob import part
from toolkit.core.method import Method
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.preconditioner.preconditioning import Built, Identity, Preconditioner
from toolkit.preconditioner.system import LinearSystem


@dataclass(slots=True, kw_only=True)
class CGState(State):
    """x, residual r, preconditioned residual z, direction p; rho = ⟨r, z⟩."""

    built: Built
    x: np.ndarray
    r: np.ndarray
    z: np.ndarray
    p: np.ndarray
    rho: float
    residual: float

    def solution(self) -> np.ndarray:
        return self.x


@dataclass(frozen=True)
class CG(Method):
    """Conjugate gradients: the A-norm of the error is least over the Krylov space.

    Needs A and M Hermitian positive definite. One product and one preconditioner solve a step.
    Reference: M. R. Hestenes, E. Stiefel, J. Res. NBS 49 (1952) 409–436, doi:10.6028/jres.049.044; Saad (2003), Alg. 9.1.
    """

    title: ClassVar[str] = "CG"
    family: ClassVar[str] = "Krylov"
    sources: ClassVar[tuple[str, ...]] = ("hestenes1952", "saad2003")
    monitors: ClassVar[tuple[str, ...]] = ("residual",)
    preconditioner: Preconditioner = part(
        Preconditioner, Identity(), doc="M, an approximation of A that is easy to solve"
    )

    def suits(self, system) -> str:
        if not (system.symmetric and system.definite):
            return "CG needs a Hermitian positive definite matrix; try MINRES (Hermitian) or GMRES (any)."
        return "" if self.preconditioner.hermitian else "CG needs a Hermitian preconditioner; try flexible CG or GMRES."

    def init(self, system: LinearSystem) -> CGState:
        x = np.array(system.start)
        r = system.residual(x)
        built, z = self.preconditioner.build(system), np.empty_like(r)
        built.apply(r, z)
        rho, residual = np.vdot(r, z).real, float(np.linalg.norm(r)) / system.norm
        return CGState(built=built, x=x, r=r, z=z, p=z.copy(), rho=float(rho), residual=residual)

    def step(self, system: LinearSystem, state: CGState) -> CGState:
        q = system.matvec(state.p)
        curvature = np.vdot(state.p, q).real
        if not curvature > 0:
            return _broken(state, curvature)
        alpha = state.rho / curvature
        state.x += alpha * state.p
        state.r -= alpha * q
        state.built.apply(state.r, state.z)
        rho = float(np.vdot(state.r, state.z).real)
        state.p *= rho / state.rho
        state.p += state.z
        state.rho = rho
        state.residual = float(np.linalg.norm(state.r)) / system.norm
        state.k += 1
        state.work.matvecs += 1 + state.built.matvecs
        state.work.solves += 1
        state.work.flops += system.matvec_flops + state.built.flops + 10.0 * system.size
        return state

    def claims(self, system) -> tuple:
        """The energy error never grows; without preconditioner it stays below 2 ((√κ−1)/(√κ+1))^k."""
        if self.suits(system) or system.exact is None:
            return ()
        floor = 1e-13 * (system.condition or 1e4)
        found = [monotone("energy_error", floor=floor, source="hestenes1952", assumes="A, M positive definite")]
        if isinstance(self.preconditioner, Identity) and system.condition:
            found.append(_chebyshev_bound(system.condition, floor))
        return tuple(found)


def _chebyshev_bound(kappa: float, floor: float) -> Bound:
    q = (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)
    return Bound(
        measure="energy_error",
        curve=lambda k, values: 2 * values[0] * q**k / (1 + q ** (2 * k)),
        floor=floor,
        title=f"2 ((√κ−1)/(√κ+1))^k with κ = {kappa:.3g}",
        source="saad2003",
        assumes="A Hermitian positive definite, exact arithmetic",
    )


def _broken(state: State, curvature: float) -> State:
    state.k += 1
    if state.rho == 0:
        state.status = Status("converged", "the residual vanished")
    else:
        advice = "Try MINRES or GMRES"
        state.status = Status("breakdown", f"⟨p, A p⟩ = {curvature:.3g}: A is not positive definite", advice)
    return state
