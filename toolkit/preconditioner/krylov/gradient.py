"""Gradient methods for f(x) = ⟨x, A x⟩/2 − ⟨b, x⟩: fast, and minimising along a small Krylov space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import norm
from toolkit.core.claims import Beats, Bound, Claim
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob, part
from toolkit.core.method import Method
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.preconditioner.stationary.polynomial import SymmetricPolynomial, flat_in_gap
from toolkit.preconditioner.stationary.preconditioning import (
    Built,
    LinearState,
    PreconditionedState,
    Preconditioner,
)
from toolkit.preconditioner.systems.outliers import Outliers
from toolkit.preconditioner.systems.problems import LinearSystem


def _floor(system: LinearSystem) -> float:
    """The energy error that rounding leaves."""
    return 1e-13 * (system.condition or 1e4)


@dataclass(slots=True, kw_only=True)
class FastGradientState(PreconditionedState):
    """x and the estimate v with their residuals, A_k (`total`), and the constants M (`smooth`) and ρ (`convex`)."""

    x: np.ndarray
    v: np.ndarray
    rx: np.ndarray
    rv: np.ndarray
    total: float
    smooth: float
    convex: float
    residual: float

    def iterate(self) -> np.ndarray:
        return self.x


def weight(total: float, smooth: float, convex: float) -> float:
    """The positive root a of M a² = (A + a)(1 + ρ (A + a))."""
    slope, rest = 1.0 + 2.0 * convex * total, total * (1.0 + convex * total)
    lead = max(smooth - convex, 1e-12 * smooth)  # for M = ρ one step is exact and a would be infinite
    return (slope + float(np.sqrt(slope * slope + 4.0 * lead * rest))) / (2.0 * lead)


@dataclass(frozen=True)
class FastGradient(Method):
    """Fast Gradient Method with a preconditioner P: Nesterov's acceleration in the norm of P⁻¹.

    a: M a² = (A_k + a)(1 + ρ (A_k + a)),  A_{k+1} = A_k + a,  H = (1 + ρ A_{k+1})/a,  θ = a/A_{k+1},  ω = ρ/H,
    γ = ω (1 − θ)/(1 − ωθ);  v̂ = (1 − γ) v + γ x,  y = (1 − θ) x + θ v̂,  v ← (1 − ω) v + ω y − P ∇f(y)/H,
    x ← (1 − θ) x + θ v.   M, ρ: extreme eigenvalues of P A, known or bounded.
    f(x_k) − f* ≤ ‖x_0 − x*‖²_{P⁻¹}/(2 A_k), and A_k grows at least like (1 − √(ρ/M))^{−k}.
    One product and one use of P a step (residuals are carried along), 14 n flops.
    Reference: N. Doikov, A. Rodomanov, ICML 2023, arXiv:2301.13194, Algorithm 2; Y. Nesterov, Lectures on Convex
    Optimization (2018), section 2.2, doi:10.1007/978-3-319-91578-4.
    """

    title: ClassVar[str] = "fast gradient"
    sources: ClassVar[tuple[str, ...]] = ("doikov2023", "nesterov2018")
    problems: ClassVar[tuple[type, ...]] = (LinearSystem,)
    monitors: ClassVar[tuple[str, ...]] = ("residual",)
    no_claim: ClassVar[str] = "Its bound needs A positive definite and the extreme eigenvalues of P A."
    preconditioner: Preconditioner = part(Preconditioner, SymmetricPolynomial(), doc="P, in whose norm f is seen")

    def suits(self, system) -> str:
        if not (system.symmetric and system.definite):
            return "The fast gradient method needs a Hermitian positive definite matrix; try GMRES."
        if not self.preconditioner.hermitian:
            return "The fast gradient method needs a Hermitian preconditioner."
        return self.preconditioner.suits(system)

    @property
    def symmetric(self) -> bool:
        """Whether P is a symmetric polynomial."""
        return isinstance(self.preconditioner, SymmetricPolynomial)

    def init(self, system: LinearSystem) -> FastGradientState:
        found = self.preconditioner.interval(system)
        if self.suits(system) or found is None:
            cause = self.suits(system) or "the extreme eigenvalues of P A are not known"
            raise Breakdown(cause, "Use a polynomial preconditioner, or CG, which needs no eigenvalues")
        x = np.array(system.start)
        r = system.residual(x)
        residual = norm(r) / system.norm
        about = dict(built=self.preconditioner.build(system), smooth=found[1], convex=found[0], residual=residual)
        return FastGradientState(x=x, v=x.copy(), rx=r, rv=r.copy(), total=0.0, exponent=system.exponent, **about)

    def step(self, system: LinearSystem, state: FastGradientState) -> FastGradientState:
        rho = state.convex
        a = weight(state.total, state.smooth, rho)
        state.total += a
        h, theta = (1.0 + rho * state.total) / a, a / state.total
        omega = rho / h
        gamma = omega * (1.0 - theta) / (1.0 - omega * theta)
        vhat = (1.0 - gamma) * state.v + gamma * state.x
        rhat = (1.0 - gamma) * state.rv + gamma * state.rx
        y, ry = (1.0 - theta) * state.x + theta * vhat, (1.0 - theta) * state.rx + theta * rhat
        z = np.empty_like(ry)
        state.built.apply(ry, z)
        state.v = (1.0 - omega) * state.v + omega * y + z / h
        state.rv = (1.0 - omega) * state.rv + omega * ry - system.matvec(z) / h
        state.x = (1.0 - theta) * state.x + theta * state.v
        state.rx = (1.0 - theta) * state.rx + theta * state.rv
        return _spent(system, state, state.rx, 1, 14.0, state.built)

    def claims(self, system) -> tuple[Claim, ...]:
        """The energy error is at most 1/√(ρ A_k) of the first; flat in the gap; not slower than the gradient method."""
        found = None if self.suits(system) else self.preconditioner.interval(system)
        if found is None or system.exact is None:
            return ()
        low, high = found
        bound = Bound(
            measure="energy_error",
            curve=lambda k, values: values[0] * np.minimum(1.0, _decay(k, high, low)),
            floor=_floor(system),
            title=f"1/√(ρ A_k), κ(P A) = {high / low:.4g}",
            source="doikov2023",
            assumes="A, P Hermitian positive definite",
        )
        slow = Beats(
            other=self.preconditioner,
            measure="k",
            title="no slower than the gradient method with the same P",
            source="nesterov2018",
            assumes="κ(P A) ≥ 10; b has a share of every eigenvector: the bounds are of the slowest",
            stop=Stop(rtol=1e-8, steps=20_000),
        )
        flat = flat_in_gap(system, self.preconditioner.degree) if self.symmetric else ()
        compared = high / low >= 10 and isinstance(system, Outliers)
        return (bound, *((slow,) if compared else ()), *flat)


def _decay(k: np.ndarray, smooth: float, convex: float) -> np.ndarray:
    """1/√(ρ A_k) at the steps k."""
    totals = [0.0]
    for _ in range(int(k[-1])):
        totals.append(min(totals[-1] + weight(totals[-1], smooth, convex), 1e300))
    with np.errstate(divide="ignore"):
        return 1.0 / np.sqrt(convex * np.array(totals))[k.astype(int)]


@dataclass(slots=True, kw_only=True)
class KrylovGradientState(LinearState):
    """x, its residual r, ‖r‖/‖b‖."""

    x: np.ndarray
    r: np.ndarray
    residual: float

    def iterate(self) -> np.ndarray:
        return self.x


@dataclass(frozen=True)
class KrylovGradient(Method):
    """Gradient method with adaptive polynomial: f is minimised along x + span{r, A r, …, A^τ r}, r = −∇f(x).

    So every step is at least as good as one with any polynomial of degree τ, symmetric or Chebyshev: the energy error
    falls by min{1/T_{τ+1}((κ+1)/(κ−1)), (κ_τ − 1)/(κ_τ + 1)}, κ_τ = κ(P_τ A). The minimiser is found by τ + 1
    steps of conjugate gradients from r, which is the Gram system of the paper solved stably. τ + 1 products a step;
    degree 0 is steepest descent. Needs A Hermitian positive definite.
    Reference: N. Doikov, A. Rodomanov, ICML 2023, arXiv:2301.13194 (adaptive search procedure).
    """

    title: ClassVar[str] = "Krylov gradient"
    sources: ClassVar[tuple[str, ...]] = ("doikov2023",)
    problems: ClassVar[tuple[type, ...]] = (LinearSystem,)
    monitors: ClassVar[tuple[str, ...]] = ("residual",)
    no_claim: ClassVar[str] = "Its bound needs A positive definite with known extreme eigenvalues."
    degree: int = knob(2, 0, 20, symbol="τ", doc="degree of the polynomial: products a step, less one")

    def suits(self, system) -> str:
        if system.symmetric and system.definite:
            return ""
        return "The Krylov gradient method needs a Hermitian positive definite matrix; try GMRES."

    def init(self, system: LinearSystem) -> KrylovGradientState:
        x = np.array(system.start)
        r = system.residual(x)
        return KrylovGradientState(x=x, r=r, residual=norm(r) / system.norm, exponent=system.exponent)

    def step(self, system: LinearSystem, state: KrylovGradientState) -> KrylovGradientState:
        r, p, products = state.r, state.r.copy(), 0
        rho = np.vdot(r, r).real
        for _ in range(self.degree + 1):
            if rho == 0:
                break
            q = system.matvec(p)
            products += 1
            curvature = np.vdot(p, q).real
            if not curvature > 0:
                state.status = Status(
                    "breakdown", f"⟨p, A p⟩ = {curvature:.3g}: A is not positive definite", "Use GMRES"
                )
                break
            state.x += rho / curvature * p
            r = r - rho / curvature * q
            rho, before = np.vdot(r, r).real, rho
            p = r + rho / before * p
        state.r = r
        return _spent(system, state, r, products, 10.0 * products)

    def contraction(self, system: LinearSystem) -> float:
        """The factor of the energy error a step: the better one of Chebyshev's and the symmetric polynomial's."""
        factors = [1 / np.cosh((self.degree + 1) * np.arccosh((system.condition + 1) / (system.condition - 1)))]
        if self.degree <= 6:
            kappa = SymmetricPolynomial(degree=self.degree).condition(system)
            factors.append((kappa - 1) / (kappa + 1))
        return float(min(factors))

    def claims(self, system) -> tuple[Claim, ...]:
        """The energy error falls by the contraction a step, which the gap of as many outliers as τ does not worsen.

        Steps do grow with the gap, to what that promises: where it is small the method does better.
        """
        if self.suits(system) or not system.condition or system.condition == 1 or system.exact is None:
            return ()
        try:
            factor = self.contraction(system)
        except Breakdown:
            return ()
        bound = Bound(
            measure="energy_error",
            curve=lambda k, values: np.concatenate((values[:1], factor ** np.diff(k) * values[:-1])),
            floor=_floor(system),
            title=f"factor {factor:.4g} a step",
            source="doikov2023",
            assumes="A Hermitian positive definite",
        )
        return (bound,)


def _spent(system: LinearSystem, state, r: np.ndarray, products: int, flops: float, built: Built | None = None):
    """Close a step, in which `built` was used once: residual, step and work counters, trouble."""
    state.residual = norm(r) / system.norm
    state.k += 1
    state.work.matvecs += products + (built.matvecs if built else 0)
    state.work.solves += 1 if built else 0
    state.work.flops += products * system.matvec_flops + (built.flops if built else 0.0) + flops * system.size
    if not np.isfinite(state.residual):
        state.status = Status("non-finite", "the residual overflowed", "The eigenvalue bounds do not hold")
    return state
