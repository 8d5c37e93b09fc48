"""MINRES: the least residual for a Hermitian matrix, definite or not, by a three-term recurrence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import norm, product_root
from toolkit.core.claims import Beats, monotone
from toolkit.core.stop import Stop
from toolkit.preconditioner.krylov.basis import Basis
from toolkit.preconditioner.krylov.chebyshev import ChebyshevIteration
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
    positive_definite,
    spectrum,
    spend,
)
from toolkit.preconditioner.krylov.ritz import energy_norm, ritz_gap, tridiagonal_eigenvalues
from toolkit.preconditioner.systems.problems import LinearSystem


@dataclass(slots=True, kw_only=True)
class MINRESState(KrylovState):
    """The residual r, the last two Lanczos vectors (unnormalised, v_k = v/β_k) and the last two directions of x.

    `z` = M⁻¹ v; `beta` the last off-diagonal entry of the Lanczos matrix T, `tridiagonal` all of T by rows;
    `cs`, `sn` the last rotation of its QR factorisation, `delta_bar`, `epsilon` what it left for the next column;
    `phi_bar` = ‖r‖_{M⁻¹}, also as `preconditioned_residual` relative to its first value; `slope` = ‖A r‖/‖r‖ then,
    one step old; `size` = ‖T‖ without β₁, which has the units of b; `gamma_low`, `gamma_high` the extreme diagonal
    entries of R: κ(A) ≥ their ratio.
    """

    lanczos: ClassVar[bool] = True

    r: np.ndarray
    v_old: np.ndarray
    v: np.ndarray
    z: np.ndarray
    w_old: np.ndarray
    w: np.ndarray
    beta: float
    phi_bar: float
    preconditioned_residual: float = 1.0
    beta_first: float
    beta_old: float = 0.0
    delta_bar: float = 0.0
    epsilon: float = 0.0
    slope: float = 0.0
    size: float = 0.0
    gamma_low: float = np.inf
    gamma_high: float = 0.0
    cs: float = -1.0
    sn: float = 0.0
    tridiagonal: Basis = field(default_factory=lambda: Basis(2))

    @property
    def amplification(self) -> float:
        """κ², with κ as seen so far: x is made of directions W R⁻¹ whose rounding errors A multiplies once more."""
        return max(1.0, self.gamma_high / self.gamma_low) ** 2

    def ritz(self) -> np.ndarray:
        """Eigenvalues of the Lanczos matrix in rising order: approximations of those of M⁻¹A."""
        return tridiagonal_eigenvalues(*self.tridiagonal.rows.T)


@dataclass(frozen=True)
class MINRES(KrylovMethod):
    """MINRES: ‖b − A x‖_{M⁻¹} is least over the Krylov space; A Hermitian, may be indefinite; M positive definite.

    Lanczos' three-term recurrence with the QR factorisation of its tridiagonal matrix: one product, one
    preconditioner solve and about 20 n operations a step; seven vectors. The true residual is carried along by
    r_k = s_k² r_{k−1} − φ̄_k c_k v_{k+1}. On a singular A whose range does not hold b it ends at a least-squares
    solution and says so. Loses orthogonality as Lanczos does: clusters of eigenvalues cost extra steps.
    Reference: C. C. Paige, M. A. Saunders, SIAM J. Numer. Anal. 12 (1975) 617–629, doi:10.1137/0712047, section 6;
    residual: S.-C. Choi, C. C. Paige, M. A. Saunders, SIAM J. Sci. Comput. 33 (2011) 1810–1836,
    doi:10.1137/100787921. Attainable accuracy ε κ², which GMRES does not suffer from: G. L. G. Sleijpen, H. A. van der
    Vorst, J. Modersitzki, SIAM J. Matrix Anal. Appl. 22 (2001) 726–751, doi:10.1137/S0895479897323087.
    """

    title: ClassVar[str] = "MINRES"
    chaotic: ClassVar[str] = (
        "its short recurrence loses orthogonality to rounding, which decides how many steps it takes"
    )
    sources: ClassVar[tuple[str, ...]] = ("paige1975", "choi2011", "sleijpen2001")
    monitors: ClassVar[tuple[str, ...]] = ("residual", "preconditioned_residual")
    hermitian_only: ClassVar[bool] = True

    def suits(self, system) -> str:
        if not system.symmetric:
            return "MINRES needs a Hermitian matrix; try GMRES or BiCGStab."
        return KrylovMethod.suits(self, system)

    def init(self, system: LinearSystem) -> MINRESState:
        x, built = np.array(system.start), self.preconditioner.build(system)
        r = first_residual(system, x)
        z, zero = np.empty_like(r), np.zeros_like(r)
        built.apply(r, z)
        beta = energy_norm(r, z)
        return MINRESState(
            built=built,
            x=x,
            exponent=system.exponent,
            residual=norm(r) / system.norm,
            r=r,
            v_old=zero,
            v=r.copy(),
            z=z,
            w_old=zero.copy(),
            w=zero.copy(),
            beta=beta,
            beta_first=beta,
            phi_bar=beta,
        )

    def step(self, system: LinearSystem, state: MINRESState) -> MINRESState:
        if not state.beta:
            return end(state, "converged", "the Krylov space is invariant: it holds the solution")
        q, beta_old = state.z / state.beta, state.beta
        alpha, beta = _lanczos(system, state, q)
        state.size = math.hypot(state.size, alpha, beta_old if state.k else 0.0)
        tiny = 10 * EPS * math.hypot(state.size, max(beta, 0.0))
        if not beta >= -tiny:
            return _indefinite(state, beta)
        state.beta_old, state.beta = beta_old, beta if beta > tiny else 0.0
        state.tridiagonal.append((alpha, state.beta))
        delta = state.cs * state.delta_bar + state.sn * alpha
        gamma_bar = state.sn * state.delta_bar - state.cs * alpha
        epsilon, state.epsilon = state.epsilon, state.sn * state.beta
        state.delta_bar = -state.cs * state.beta
        state.slope = float(np.hypot(gamma_bar, state.delta_bar))
        if not state.slope > 10 * EPS * state.size:
            cause = f"x is a least-squares solution: A is singular, ‖b − A x‖ = {state.residual:.3g} ‖b‖ stays"
            return end(state, "stagnated", cause, "Mend b, or accept x")
        _extend(state, q, gamma_bar, (q - epsilon * state.w_old - delta * state.w))
        state.residual = norm(state.r) / system.norm
        state.preconditioned_residual = state.phi_bar / state.beta_first
        spend(state, system, vectors=20.0)
        return state

    def measures(self, problem) -> tuple:
        found = self._interval(problem)
        return (*KrylovMethod.measures(self, problem), *((ritz_gap(found),) if found else ()))

    def _interval(self, system) -> tuple[float, float] | None:
        values = None if self.suits(system) else spectrum(self.preconditioner, system.worked)
        return None if values is None else (float(values[0]), float(values[-1]))

    def promises(self, system):
        """The residual it minimises never grows and obeys the bound of its spectrum, definite or not."""
        if not positive_definite(self.preconditioner, system):
            return
        measure = "residual" if self.plain else "preconditioned_residual"
        about = dict(source="paige1975", assumes="A Hermitian, M positive definite")
        yield monotone(measure, floor=1e-13, **about)
        values = spectrum(self.preconditioner, system)
        if values is None or abs(values).max() <= 1e6 * abs(values).min():  # beyond, ε κ² is of the size of b
            yield no_gap()
        if values is None:
            return
        if values[0] > 0:
            kappa = values[-1] / values[0]
            title = f"1/T_k((κ+1)/(κ−1)) with κ = {kappa:.3g}"
            about = dict(assumes="M⁻¹A positive definite", formula=chebyshev_formula(measure, kappa))
            yield bound(measure, chebyshev_curve(kappa), title=title, **about)
        elif values[0] < 0 < values[-1]:
            curve, title, formula = indefinite_curve(values)
            about = dict(source="greenbaum1997", assumes="M⁻¹A indefinite, nonsingular", formula=formula)
            yield bound(measure, curve, title, **about)
        if self.plain and values[0] > 0:
            yield Beats(
                other=ChebyshevIteration(),
                title="needs no more products than Chebyshev semi-iteration for the same residual",
                source="saad2003",
                assumes="A Hermitian positive definite",
                stop=Stop(rtol=1e-8, steps=4000),
            )


def _lanczos(system, state: MINRESState, q: np.ndarray) -> tuple[float, float]:
    """(α, β) of one step of preconditioned Lanczos with q = M⁻¹ v/β; the state's v, v_old, z move on.

    β < 0 stands for the root of a negative ⟨v, M⁻¹v⟩.
    """
    p = system.matvec(q)
    if state.beta_old:
        p = p - (state.beta / state.beta_old) * state.v_old
    alpha = float(np.vdot(q, p).real)
    p = p - (alpha / state.beta) * state.v
    state.v_old, state.v, state.z = state.v, p, np.empty_like(state.z)
    state.built.apply(state.v, state.z)
    return alpha, product_root(state.v, state.z)


def _extend(state: MINRESState, q: np.ndarray, gamma_bar: float, direction: np.ndarray) -> None:
    """Rotate the new column, and move x along its direction and r with it."""
    gamma = float(np.hypot(gamma_bar, state.beta))
    state.gamma_low, state.gamma_high = min(state.gamma_low, gamma), max(state.gamma_high, gamma)
    state.cs, state.sn = gamma_bar / gamma, state.beta / gamma
    step, state.phi_bar = state.cs * state.phi_bar, state.sn * state.phi_bar
    direction /= gamma
    state.w_old, state.w = state.w, direction
    state.x += step * direction
    state.r *= state.sn**2
    if state.beta:
        state.r -= (state.phi_bar * state.cs / state.beta) * state.v


def _indefinite(state: MINRESState, beta: float) -> MINRESState:
    if not np.isfinite(beta):
        return end(state, "non-finite", "a product with A or M⁻¹ overflowed", "Scale the system")
    cause = f"⟨v, M⁻¹v⟩ = −{abs(beta):.3g}² < 0: the preconditioner is not positive definite"
    return end(state, "breakdown", cause, "Use a positive definite preconditioner, or GMRES")


def indefinite_curve(values: np.ndarray):
    """(curve, title, TeX): 2((√(ad) − √(bc))/(√(ad) + √(bc)))^⌊k/2⌋ for spectra in [−a, −b] ∪ [c, d], a − b = d − c.

    The shorter interval is widened to the length of the longer one.
    Reference: A. Greenbaum, Iterative Methods for Solving Linear Systems (1997), doi:10.1137/1.9781611970937, sec. 3.1.
    """
    negative, positive = values[values < 0], values[values > 0]
    b, c = -negative[-1], positive[0]
    length = max(negative[-1] - negative[0], positive[-1] - positive[0])
    outer, inner = np.sqrt((b + length) * (c + length)), np.sqrt(b * c)
    factor = (outer - inner) / (outer + inner)
    title = f"2 ((√(ad)−√(bc))/(√(ad)+√(bc)))^⌊k/2⌋ = 2 · {factor:.4f}^⌊k/2⌋"
    share = r"\frac{\sqrt{ad}-\sqrt{bc}}{\sqrt{ad}+\sqrt{bc}}"
    power = r"^{\lfloor k/2 \rfloor}"
    formula = rf"\frac{{\|r_k\|}}{{\|r_0\|}} \le 2\left({share}\right){power} = 2 \cdot {factor:.4f}{power}"
    return (lambda k, v: 2 * v[0] * factor ** (k // 2)), title, formula
