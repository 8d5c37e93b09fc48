"""BiCGStab and IDR(s): short recurrences for any matrix, without a norm that must fall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import solve_triangular

from toolkit.core.arrays import norm
from toolkit.core.knob import knob, seed_knob
from toolkit.core.state import scratch
from toolkit.core.status import Status
from toolkit.preconditioner.krylov.method import (
    EPS,
    KrylovMethod,
    KrylovState,
    end,
    first_residual,
    no_gap,
    right_operator,
    spend,
    terminates,
)
from toolkit.preconditioner.systems.problems import LinearSystem

_NOT_FINITE = ("non-finite", "a product with A or M⁻¹ overflowed", "Scale the system or mend the preconditioner")
_VANISHED = ("converged", "the residual vanished")


@dataclass(slots=True, kw_only=True)
class BiCGStabState(KrylovState):
    """The residual r and its fixed shadow, the direction p and v = A M⁻¹ p, the scalars of the last step."""

    r: np.ndarray
    shadow: np.ndarray
    p: np.ndarray
    v: np.ndarray
    z: np.ndarray = scratch()
    rho: complex = 1.0
    alpha: complex = 1.0
    omega: complex = 1.0


@dataclass(frozen=True)
class BiCGStab(KrylovMethod):
    """BiCGStab: BiCG's residual polynomial times ∏ (1 − ω_j λ), each ω_j making the residual least.

    Any A, seven vectors, two products and two preconditioner solves a step; preconditioned from the right, so that the
    residual is the true one. Breaks down when the shadow residual becomes orthogonal to r (ρ = 0), to A M⁻¹ p, or when
    ω = 0, as it does where A M⁻¹ is nearly skew; rounding errors grow with the highest peak of the residual.
    Reference: H. A. van der Vorst, SIAM J. Sci. Stat. Comput. 13 (1992) 631–644, doi:10.1137/0913035; Saad (2003),
    Alg. 7.7.
    """

    title: ClassVar[str] = "BiCGStab"
    chaotic: ClassVar[str] = (
        "its short recurrence loses orthogonality to rounding, which decides how many steps it takes"
    )
    name: ClassVar[str] = "bicgstab"
    sources: ClassVar[tuple[str, ...]] = ("vandervorst1992", "saad2003")

    def init(self, system: LinearSystem) -> BiCGStabState:
        x = np.array(system.start)
        r = first_residual(system, x)
        return BiCGStabState(
            built=self.preconditioner.build(system),
            exponent=system.exponent,
            x=x,
            residual=norm(r) / system.norm,
            r=r,
            shadow=r.copy(),
            p=np.zeros_like(r),
            v=np.zeros_like(r),
            z=np.empty_like(r),
        )

    def step(self, system: LinearSystem, state: BiCGStabState) -> BiCGStabState:
        rho = np.vdot(state.shadow, state.r)
        if not np.any(state.r):
            return end(state, *_VANISHED)
        if _vanishes(rho, state.shadow, state.r):
            return _shadowed(state, rho, "ρ = ⟨r̃, r⟩")
        state.p -= state.omega * state.v
        state.p *= (rho / state.rho) * (state.alpha / state.omega)
        state.p += state.r
        state.built.apply(state.p, state.z)
        state.v = np.array(system.matvec(state.z))
        sigma = np.vdot(state.shadow, state.v)
        if _vanishes(sigma, state.shadow, state.v):
            return _shadowed(state, sigma, "⟨r̃, A M⁻¹ p⟩")
        state.rho, state.alpha = rho, rho / sigma
        state.x += state.alpha * state.z
        state.r -= state.alpha * state.v
        _stabilise(system, state)
        state.residual = norm(state.r) / system.norm
        spend(state, system, matvecs=2, solves=2, vectors=20.0)
        return state

    def promises(self, system):
        """That its residual can be trusted, and on small well-conditioned systems that it ends as BiCG does."""
        yield no_gap()
        tol = _termination_tolerance(self.preconditioner, system)
        if tol:
            title = f"exact after at most n = {system.size} steps, as BiCG is"
            about = dict(
                source="vandervorst1992", assumes="exact arithmetic, no breakdown; definite, κ < 200", title=title
            )
            yield terminates("residual", system.size, tol=tol, **about)


def _stabilise(system: LinearSystem, state: BiCGStabState) -> None:
    """The second half of a step: ω makes ‖r − ω A M⁻¹ r‖ least; ω = 0 ends the run after this step."""
    if not np.any(state.r):
        return
    state.built.apply(state.r, state.z)
    t = system.matvec(state.z)
    along = np.vdot(t, state.r)
    if _vanishes(along, t, state.r):
        cause = "ω = 0: r is orthogonal to A M⁻¹ r, as where A M⁻¹ is skew"
        state.status = Status("breakdown", cause, "Try IDR(s) or GMRES") if np.isfinite(along) else Status(*_NOT_FINITE)
        return
    state.omega = _over_square(along, float(np.vdot(t, t).real), norm(t))
    state.x += state.omega * state.z
    state.r -= state.omega * t


def _over_square(product, square: float, size: float):
    """product/size²; `square` is size² as it was summed, which is taken unless it over- or underflows."""
    return product / square if 1e-280 < square < 1e280 else product / size / size


def _vanishes(product, u: np.ndarray, v: np.ndarray) -> bool:
    """Whether ⟨u, v⟩ is zero, to ε² ‖u‖‖v‖, or not a number; mere rounding noise is as good as another shadow."""
    return not abs(product) > EPS**2 * norm(u) * norm(v)


def _shadowed(state: KrylovState, product, name: str) -> KrylovState:
    if not np.isfinite(product):
        return end(state, *_NOT_FINITE)
    return end(state, "breakdown", f"{name} vanished: the shadow residual is blind here", "Try IDR(s) or GMRES")


def _termination_tolerance(preconditioner, system) -> float | None:
    """How small the last residual must be in spite of rounding; None where too little is known or too much is lost."""
    if not (system.assembled and system.size <= 32):
        return None
    matrix = right_operator(preconditioner, system)
    coercive = np.linalg.eigvalsh(matrix + matrix.conj().T)[0] > 0
    return 1e-6 if coercive and np.linalg.cond(matrix) < 200 else None


@dataclass(slots=True, kw_only=True)
class IDRState(KrylovState):
    """r in G_j, the s shadow vectors P, the bases U and G = A U of the last space as rows, μ = P Gᵀ, φ = P r, ω.

    `phase` counts the steps in the present space: below s a vector of G is made, at s the next space is entered.
    """

    r: np.ndarray
    z: np.ndarray = scratch()
    shadow: np.ndarray
    U: np.ndarray
    G: np.ndarray
    mu: np.ndarray
    phi: np.ndarray
    omega: complex = 1.0
    phase: int = 0


@dataclass(frozen=True)
class IDR(KrylovMethod):
    """Method IDR(s): residuals in shrinking spaces G_{j+1} = (I − ω A M⁻¹)(G_j ∩ S), S orthogonal to s vectors.

    Any A; a step is one product and one preconditioner solve; s steps make vectors of G_j, one more enters G_{j+1}:
    exact after at most n + n/s products in exact arithmetic, generically. 3 s + 5 vectors. IDR(1) is BiCGStab's equal.
    The variant with bi-orthogonal bases; ω is kept from vanishing where r and A M⁻¹ r are nearly orthogonal (κ = 0.7).
    Reference: P. Sonneveld, M. B. van Gijzen, SIAM J. Sci. Comput. 31 (2008) 1035–1062, doi:10.1137/070685804;
    M. B. van Gijzen, P. Sonneveld, ACM Trans. Math. Softw. 38 (2011) 5, doi:10.1145/2049662.2049667 (Algorithm 913).
    """

    title: ClassVar[str] = "IDR"
    chaotic: ClassVar[str] = (
        "its short recurrence loses orthogonality to rounding, which decides how many steps it takes"
    )
    sources: ClassVar[tuple[str, ...]] = ("sonneveld2008", "vangijzen2011")
    s: int = knob(4, 1, 64, log=True, doc="shadow vectors: more is nearer to GMRES in products and in memory")
    seed: int = seed_knob("the shadow vectors")

    def label(self) -> str:
        name = f"IDR({self.s})"
        return name if self.plain else f"{name} + {self.preconditioner.label()}"

    def init(self, system: LinearSystem) -> IDRState:
        x, n, s = np.array(system.start), system.size, min(self.s, max(1, system.size))
        r, random = first_residual(system, x), np.random.default_rng(self.seed)
        P = random.standard_normal((n, s)).astype(r.dtype)
        if np.iscomplexobj(P):
            P += 1j * random.standard_normal((n, s))
        shadow = np.ascontiguousarray(np.linalg.qr(P)[0].T.conj())
        return IDRState(
            built=self.preconditioner.build(system),
            exponent=system.exponent,
            x=x,
            residual=norm(r) / system.norm,
            r=r,
            z=np.empty_like(r),
            shadow=shadow,
            U=np.zeros((s, n), dtype=r.dtype),
            G=np.zeros((s, n), dtype=r.dtype),
            mu=np.eye(s, dtype=r.dtype),
            phi=shadow @ r,
        )

    def step(self, system: LinearSystem, state: IDRState) -> IDRState:
        if not np.any(state.r):
            return end(state, *_VANISHED)
        trouble = (_enter if state.phase == len(state.G) else _widen)(system, state)
        if trouble is not None:
            return end(state, *trouble)
        state.residual = norm(state.r) / system.norm
        spend(state, system, vectors=4.0 * self.s + 6)
        return state

    def promises(self, system):
        """That its residual can be trusted, and on small well-conditioned systems the end after n + n/s products."""
        yield no_gap()
        tol = _termination_tolerance(self.preconditioner, system)
        if tol:
            n, s = system.size, min(self.s, system.size)
            steps = n + -(-n // s)
            title = f"exact after at most n + n/s = {steps} products"
            about = dict(
                source="sonneveld2008",
                assumes="exact arithmetic, shadow vectors in general position; definite, κ < 200",
            )
            yield terminates("residual", steps, tol=tol, title=title, **about)


def _widen(system: LinearSystem, state: IDRState):
    """One more vector of G_j, bi-orthogonal to the shadow vectors before it; x and r move along it."""
    k, s = state.phase, len(state.G)
    c = solve_triangular(state.mu[k:, k:], state.phi[k:], lower=True, check_finite=False)
    state.built.apply(state.r - c @ state.G[k:], state.z)
    u = c @ state.U[k:] + state.omega * state.z
    g = np.array(system.matvec(u))
    for i in range(k):
        along = (state.shadow[i] @ g) / state.mu[i, i]
        g -= along * state.G[i]
        u -= along * state.U[i]
    state.U[k], state.G[k] = u, g
    state.mu[k:, k] = state.shadow[k:] @ g
    pivot = state.mu[k, k]
    if not abs(pivot) > EPS * norm(g):
        cause = f"shadow vector {k + 1} of {s} is orthogonal to its residual difference"
        return ("breakdown", cause, "Take another seed or s, or GMRES") if np.isfinite(pivot) else _NOT_FINITE
    beta = state.phi[k] / pivot
    state.r -= beta * g
    state.x += beta * u
    state.phi[k] = 0
    state.phi[k + 1 :] -= beta * state.mu[k + 1 :, k]
    state.phase += 1
    return None


def _enter(system: LinearSystem, state: IDRState, angle: float = 0.7):
    """Enter G_{j+1}: r ← r − ω A M⁻¹ r, with ω enlarged where r and A M⁻¹ r are nearly orthogonal."""
    state.built.apply(state.r, state.z)
    t = np.array(system.matvec(state.z))
    size, along = norm(t), np.vdot(t, state.r)
    cosine = abs(along) / (size * norm(state.r)) if size else 0.0
    if not cosine > EPS:
        cause = "ω = 0: r is orthogonal to A M⁻¹ r, as where A M⁻¹ is skew"
        return ("breakdown", cause, "Try GMRES") if np.isfinite(along) else _NOT_FINITE
    state.omega = _over_square(along, size**2 if size < 1e140 else np.inf, size) * max(1.0, angle / cosine)
    state.r -= state.omega * t
    state.x += state.omega * state.z
    state.phi, state.phase = state.shadow @ state.r, 0
    return None
