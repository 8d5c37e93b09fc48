"""Chebyshev semi-iteration: the best polynomial for an interval, without inner products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import norm
from toolkit.core.claims import Rate
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.state import scratch
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.kernels.sparse import krylov as kernels
from toolkit.kernels.sparse.csr import views
from toolkit.preconditioner.krylov.method import (
    KrylovMethod,
    KrylovState,
    bound,
    chebyshev_curve,
    chebyshev_factor,
    chebyshev_formula,
    first_residual,
    inverse_diagonal,
    no_gap,
    spend,
)
from toolkit.preconditioner.krylov.ritz import lanczos
from toolkit.preconditioner.stationary.preconditioning import Built
from toolkit.preconditioner.systems.problems import LinearSystem


@dataclass(slots=True, kw_only=True)
class ChebyshevState(KrylovState):
    """The residual r, z = M⁻¹ r, two directions (2, n) in turn, and the interval [low, high] of the spectrum.

    `scalars` holds γ = ρ_k/δ of Saad's notation and which of the directions is next; `compiled` does many steps in one
    call where M is diagonal.
    """

    r: np.ndarray
    z: np.ndarray = scratch()
    directions: np.ndarray
    scalars: np.ndarray
    low: float
    high: float
    compiled: Callable | None = None


@dataclass(frozen=True)
class ChebyshevIteration(KrylovMethod):
    """Chebyshev semi-iteration: r_k = T_k((θ − A M⁻¹)/δ)/T_k(θ/δ) r₀, θ, δ the middle and half width of [low, high].

    The least possible maximum of a residual polynomial on the interval; no inner products, so nothing to wait for on a
    parallel machine. Needs A and M Hermitian positive definite and an interval that holds the eigenvalues of M⁻¹A:
    above `high` it diverges, below `low` it is slow. One product and one solve a step.
    Reference: G. H. Golub, R. S. Varga, Numer. Math. 3 (1961) 147–156, doi:10.1007/BF01386013; Saad (2003), Alg. 12.1.
    """

    title: ClassVar[str] = "Chebyshev semi-iteration"
    sources: ClassVar[tuple[str, ...]] = ("golub1961", "saad2003")
    hermitian_only: ClassVar[bool] = True
    low: float = knob(
        None, 1e-15, 1e15, kind=float, log=True, symbol="a", doc="least eigenvalue of M⁻¹A; None: known or estimated"
    )
    high: float = knob(
        None, 1e-15, 1e15, kind=float, log=True, symbol="b", doc="largest eigenvalue of M⁻¹A; None: see `low`"
    )

    def suits(self, system) -> str:
        if not (system.symmetric and system.definite):
            return "Chebyshev semi-iteration needs a Hermitian positive definite matrix; try MINRES or GMRES."
        return KrylovMethod.suits(self, system)

    def interval(self, system: LinearSystem, built: Built) -> tuple[float, float]:
        """[low, high]: the knobs, else what is proven, else Ritz values of 40 Lanczos steps with 10 % of room."""
        known = self._ends(system)
        if None in known:
            found = self.preconditioner.interval(system) or lanczos(system, built, 40)[[0, -1]] * (0.9, 1.1)
            known = tuple(float(f if k is None else k) for k, f in zip(known, found))
        if not 0 < known[0] <= known[1]:
            raise Breakdown(f"[{known[0]:.3g}, {known[1]:.3g}] is not a positive interval", "Set the knobs low < high")
        return known

    def _given(self, system: LinearSystem, known: tuple[float, float] | None) -> tuple[float, float] | None:
        """[low, high] from the knobs and what is proven; None where that is not enough or not an interval."""
        ends = tuple(own or (known and known[i]) for i, own in enumerate(self._ends(system)))
        return ends if None not in ends and 0 < ends[0] <= ends[1] else None

    def _ends(self, system: LinearSystem) -> tuple[float | None, float | None]:
        """The knobs in the units in which the system is worked on; those of M⁻¹A have none."""
        units = -system.matrix_exponent if self.plain else 0
        return tuple(None if end is None else float(np.ldexp(end, units)) for end in (self.low, self.high))

    def init(self, system: LinearSystem) -> ChebyshevState:
        x, built = np.array(system.start), self.preconditioner.build(system)
        r = first_residual(system, x)
        z, (low, high) = np.empty_like(r), self.interval(system, built)
        built.apply(r, z)
        residual, directions = norm(r) / system.norm, np.zeros((2, len(r)), r.dtype)
        directions[0] = z * (2 / (high + low))
        about = dict(built=built, x=x, residual=residual, r=r, z=z, directions=directions, low=low, high=high)
        state = ChebyshevState(**about, exponent=system.exponent, scalars=np.array([2 / (high + low), 0.0]))
        state.compiled = _compiled(self.preconditioner, system, state)
        return state

    def advance(self, system: LinearSystem, state: ChebyshevState, n: int, rows: np.ndarray) -> ChebyshevState:
        """Up to n steps: in one compiled loop for M diagonal, else one by one."""
        if state.compiled is None:
            for row in rows[:n]:
                row[0] = _iterate(system, state)
            done = n
        else:
            done = state.compiled(state, system.norm, rows[:n])[0]
        state.residual = float(rows[done - 1, 0])
        spend(state, system, vectors=7.0, steps=done)
        if not np.isfinite(state.residual):
            cause, advice = "the residual overflowed", "Raise `high`: it must not be below the largest eigenvalue"
            state.status = Status("non-finite", cause, advice)
        return state

    def promises(self, system):
        """1/T_k of the interval bounds the energy error, without preconditioner the residual: 2 q^k, q = (√κ−1)/(√κ+1).

        Where neither can be had, the residual falls by q in the end.
        """
        known = self.preconditioner.interval(system)
        given = self._given(system, known)
        if given is None:
            self.interval(system, self.preconditioner.build(system))  # raises where there is none
        yield no_gap()
        if known is None or given is None or not (given[0] <= known[0] and known[1] <= given[1]):
            return
        if given[0] == given[1]:
            return
        kappa = given[1] / given[0]
        about = dict(title=f"1/T_k((κ+1)/(κ−1)) with κ = {kappa:.3g}", assumes="the spectrum of M⁻¹A is in [low, high]")
        if self.plain:
            shown = dict(source="golub1961", formula=chebyshev_formula("residual", kappa))
            yield bound("residual", chebyshev_curve(kappa), **shown, **about)
        if system.exact is not None:
            shown = dict(source="golub1961", formula=chebyshev_formula("energy_error", kappa))
            yield bound("energy_error", chebyshev_curve(kappa), floor=1e-13 * kappa, **shown, **about)
        factor = chebyshev_factor(kappa)
        if self.plain or system.exact is not None or factor < 0.2:  # the exact curve says more; too few steps to fit
            return
        title = f"factor (√κ−1)/(√κ+1) = {factor:.4f} per step"
        yield Rate(
            measure="residual",
            factor=factor,
            title=title,
            formula=rf"\rho = \frac{{\sqrt{{\kappa}}-1}}{{\sqrt{{\kappa}}+1}} = {factor:.4f}",
            source="golub1961",
            assumes=about["assumes"],
            stop=Stop(rtol=1e-10, steps=5000),
        )


def _iterate(system: LinearSystem, state: ChebyshevState) -> float:
    """One step for any M; returns ‖r‖/‖b‖."""
    theta, delta = (state.high + state.low) / 2, (state.high - state.low) / 2
    gamma, now = state.scalars[0], int(state.scalars[1])
    p, following = state.directions[now], state.directions[1 - now]
    state.x += p
    state.r -= system.matvec(p)
    state.built.apply(state.r, state.z)
    after = 1 / (2 * theta - delta * delta * gamma)
    np.multiply(p, delta * delta * gamma * after, out=following)
    following += (2 * after) * state.z
    state.scalars[:] = after, 1 - now
    return norm(state.r) / system.norm


def _compiled(preconditioner, system: LinearSystem, state: ChebyshevState) -> Callable | None:
    """`steps(state, norm, rows)`, as many compiled steps as there are rows, for M diagonal; else None."""
    d = inverse_diagonal(preconditioner, system, state.built)
    if d is None:
        return None
    arrays, wide, low, high = views(system.matrix), kernels.is_wide(system.matrix.nnz), state.low, state.high
    return lambda s, norm, rows: kernels.chebyshev(
        *arrays, d, low, high, s.x, s.r, s.directions, s.scalars, norm, rows, wide
    )
