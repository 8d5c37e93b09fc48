"""Projector splitting, of first order and Strang's, and the plain equations of the factors, which invert S."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.knob import knob
from toolkit.core.stop import THROUGH
from toolkit.rank.dynamics.integrator import (
    LowRankIntegrator,
    Substeps,
    planted,
    rank_knob,
    runge_kutta,
    steps_knob,
    worn,
)
from toolkit.rank.dynamics.problems import SchroedingerFlow


def forwards(sub: Substeps, u0, s0, v0) -> tuple:
    """K, S, L: K forwards, S backwards, L forwards."""
    u1, s1 = np.linalg.qr(sub.left(u0 @ s0, v0))
    s2 = sub.core(u1, s1, v0, sign=-1.0)
    v1, s3 = np.linalg.qr(sub.right(u1, v0 @ s2.conj().T))
    return u1, s3.conj().T, v1


def backwards(sub: Substeps, u0, s0, v0) -> tuple:
    """L, S, K: the adjoint of `forwards`."""
    v1, s1 = np.linalg.qr(sub.right(u0, v0 @ s0.conj().T))
    s2 = sub.core(u0, s1.conj().T, v1, sign=-1.0)
    u1, s3 = np.linalg.qr(sub.left(u0 @ s2, v1))
    return u1, s3, v1


@dataclass(frozen=True)
class ProjectorSplitting(LowRankIntegrator):
    """Projector splitting: P(Y) F = F V Vᴴ − U Uᴴ F V Vᴴ + U Uᴴ F, term by term: K forwards, S backwards, L forwards.

    Reproduces a given A(t) of rank r exactly, and its error does not know the singular values. Lie: order 1;
    Strang: half a step, then half a step of the adjoint (L, S, K): order 2. The S-step runs backwards: of no good for
    strongly dissipative problems. Three (Strang: six) sub-problems a step.
    Reference: C. Lubich, I. V. Oseledets, BIT 54 (2014) 171–188, doi:10.1007/s10543-013-0454-0, section 3; robust:
    E. Kieri, C. Lubich, H. Walach, SIAM J. Numer. Anal. 54 (2016) 1020–1038, doi:10.1137/15M1026791.
    """

    title: ClassVar[str] = "projector splitting"
    name: ClassVar[str] = "projector_splitting"
    sources: ClassVar[tuple[str, ...]] = ("lubich2014", "kieri2016")
    steps: int = steps_knob()
    rank: int = rank_knob()
    scheme: str = knob("Lie", choices=("Lie", "Strang"), doc="order 1, or 2 at twice the cost")

    def leap(self, problem, state, t, h):
        if self.scheme == "Lie":
            return forwards(Substeps(problem, state.work, t, h), state.u, state.s, state.v)
        half = forwards(Substeps(problem, state.work, t, h / 2), state.u, state.s, state.v)
        return backwards(Substeps(problem, state.work, t + h / 2, h / 2), *half)

    def claims(self, problem):
        if isinstance(problem, SchroedingerFlow):
            parts, span = (3, problem.end / self.steps) if self.scheme == "Lie" else (6, problem.end / self.steps / 2)
            about = dict(
                tol=1e-12 + worn(self.steps, span, problem.stiffness, parts),
                title="the norm is kept: every sub-step keeps it, up to what Runge and Kutta's method damps",
                source="lubich2014",
                stop=THROUGH,
            )
            return (Exact(measure="norm_drift", **about),)
        if planted(problem, "given", 0.0, self.rank):
            return (self.promised_exact("lubich2014"),)
        p, floor = (1, 1e-6) if self.scheme == "Lie" else (2, 1e-9)
        if planted(problem, "equation", floor, self.rank):
            return self.promised_order(p, "kieri2016"), self.promised_robust("kieri2016")
        return ()


@dataclass(frozen=True)
class FactorEquations(LowRankIntegrator):
    """The equations of the factors as they stand, by Runge–Kutta: what happens without care for small singular values.

    U′ = (I − U Uᴴ) F V S⁻¹, V′ = (I − V Vᴴ) Fᴴ U S⁻ᴴ, S′ = Uᴴ F V: all is well while h ε ≪ σ_min, and nothing beyond.
    The inner steps are those of the other integrators; afterwards U and V are made orthonormal again.
    Reference: O. Koch, C. Lubich, SIAM J. Matrix Anal. Appl. 29 (2007) 434–454, doi:10.1137/050639703, (2.6)–(2.8).
    """

    title: ClassVar[str] = "equations of the factors"
    name: ClassVar[str] = "factor_equations"
    sources: ClassVar[tuple[str, ...]] = ("koch2007",)
    steps: int = steps_knob()
    rank: int = rank_knob()
    order: int = knob(4, choices=(1, 4), doc="explicit Euler, or the classical Runge–Kutta method")

    def leap(self, problem, state, t, h):
        m, r = len(state.u), len(state.s)
        cuts = (m, m + r)

        def f(now, y):
            u, s, v = np.split(y, cuts)
            state.work.nfe += 1
            return np.vstack(_moved(problem, now, u, s, v))

        steps = max(1, int(np.ceil(h * problem.stiffness - 1e-9)))
        y = np.vstack((state.u, state.s, state.v))
        if self.order == 4:
            y = runge_kutta(f, t, h, y, steps)
        else:
            for i in range(steps):
                y = y + h / steps * f(t + i * h / steps, y)
        u, s, v = np.split(y, cuts)
        if not np.isfinite(y).all():
            raise np.linalg.LinAlgError
        (u, left), (v, right) = np.linalg.qr(u), np.linalg.qr(v)
        return u, left @ s @ right.conj().T, v

    def claims(self, problem):
        large = planted(problem, "equation", 0.0, self.rank) and problem.sigma_min >= 0.01 and self.rank == problem.rank
        assumes = "no small singular values: the error constant holds powers of 1/σ_min"
        return (self.promised_order(self.order, "koch2007", sharp=True, assumes=assumes),) if large else ()


def _moved(problem, t, u, s, v) -> tuple:
    p, q = problem.slope(t, u @ s, v)
    forth, back = p @ (q.conj().T @ v), q @ (p.conj().T @ u)
    core = u.conj().T @ forth
    du = np.linalg.solve(s.T, (forth - u @ core).T).T
    dv = np.linalg.solve(s.conj(), (back - v @ core.conj().T).T).T
    return du, core, dv
