"""Preconditioners, each of which is also a stationary method: one application of M⁻¹ to the residual is one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import norm, shifted
from toolkit.core.claims import Bound, Order, Rate
from toolkit.core.claims.words import tex
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.state import State, scratch
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.preconditioner.systems.outliers import Outliers
from toolkit.preconditioner.systems.problems import LinearSystem

DENSE_LIMIT = 400


@dataclass
class Built:
    """M⁻¹ made for one system: `apply(r, out)` writes M⁻¹ r into `out` (shapes (n,)); `flops` and `matvecs` of one use.

    `out` and `r` are different arrays and `r` is left as it is. An `apply` that needs scratch space comes from
    `Built.with_scratch`: copies are used from different threads, so each gets scratch of its own.
    """

    apply: Callable[[np.ndarray, np.ndarray], None]
    flops: float = 0.0
    matvecs: int = 0
    renew: Callable[[], Callable] | None = None

    @classmethod
    def with_scratch(cls, make: Callable[[], Callable], flops: float = 0.0, matvecs: int = 0) -> Built:
        """`make()` allocates scratch space and returns an `apply` that uses it."""
        return cls(make(), flops, matvecs, make)

    def copy(self) -> Built:
        """A twin with scratch space of its own; itself where it has none."""
        return self if self.renew is None else Built.with_scratch(self.renew, self.flops, self.matvecs)


@dataclass(slots=True, kw_only=True)
class LinearState(State):
    """Base of the states of solvers: x = 2^exponent y, y the iterate in the units in which the system is worked on."""

    exponent: int = 0

    def iterate(self) -> np.ndarray:
        """y, as the method has it."""
        raise NotImplementedError

    def solution(self) -> np.ndarray:
        y = self.iterate()
        return shifted(y, self.exponent) if self.exponent else y


@dataclass(slots=True, kw_only=True)
class PreconditionedState(LinearState):
    """Base of the states that hold M⁻¹ as built (None while there is none)."""

    lanczos: ClassVar[bool] = False  # it has Ritz values

    built: Built | None

    def at_work(self, problem: LinearSystem) -> LinearSystem:
        """The system that M⁻¹ was built for, in its units: the problem, or one of its sequence."""
        return problem.worked

    def ritz(self) -> np.ndarray:
        """Approximations of the eigenvalues of M⁻¹A in rising order; empty where the method has none (yet)."""
        return np.empty(0)


@dataclass(slots=True, kw_only=True)
class StationaryState(PreconditionedState):
    """x, its residual r = b − A x, the correction z, and ‖r‖/‖b‖."""

    x: np.ndarray
    r: np.ndarray
    z: np.ndarray = scratch()
    residual: float

    def iterate(self) -> np.ndarray:
        return self.x


@dataclass(frozen=True)
class Preconditioner(Method):
    """Base: subclasses give `build(system) -> Built`. As a method it iterates x ← x + M⁻¹ (b − A x).

    `hermitian` says that M is Hermitian positive definite whenever A is, as CG and MINRES need; `needs_matrix` that
    products with A are not enough to make it; `fixed` that it is one linear map, the same in every step.
    """

    monitors: ClassVar[tuple[str, ...]] = ("residual",)
    problems: ClassVar[tuple[type, ...]] = (LinearSystem,)
    fixed: ClassVar[bool] = True
    hermitian: ClassVar[bool] = True
    needs_matrix: ClassVar[bool] = False

    def suits(self, system) -> str:
        if self.needs_matrix and not system.assembled:
            return f"{self.title} needs the entries of A, and this operator has none: try no preconditioner."
        return ""

    def build(self, system: LinearSystem) -> Built:
        """M⁻¹ for this system. Raises `Breakdown` when it cannot be made."""
        raise NotImplementedError

    def init(self, system: LinearSystem) -> StationaryState:
        x = np.array(system.start)
        r = system.residual(x)
        about = dict(residual=norm(r) / system.norm, exponent=system.exponent)
        return StationaryState(built=self.build(system), x=x, r=r, z=np.empty_like(r), **about)

    def step(self, system: LinearSystem, state: StationaryState) -> StationaryState:
        state.built.apply(state.r, state.z)
        state.x += state.z
        state.r = system.residual(state.x)
        state.residual = norm(state.r) / system.norm
        state.k += 1
        state.work.solves += 1
        state.work.matvecs += 1 + state.built.matvecs
        state.work.flops += system.matvec_flops + state.built.flops + 4.0 * system.size
        if not np.isfinite(state.residual):
            state.status = Status(
                "non-finite", "the residual overflowed", "The iteration matrix has spectral radius > 1"
            )
        return state

    def interval(self, system: LinearSystem) -> tuple[float, float] | None:
        """(low, high) around the eigenvalues of M⁻¹A for A and M Hermitian positive definite; None where not known.

        In the base a dense computation for at most `DENSE_LIMIT` unknowns; subclasses give what is proven of them.
        """
        if not (self.hermitian and system.definite and system.assembled and system.size <= DENSE_LIMIT):
            return None
        try:
            low, high = _dense_interval(self, system)
        except Breakdown:
            return None
        return (low, high) if low > 0 else None

    def condition(self, system: LinearSystem) -> float | None:
        """κ(M⁻¹A) or a proven bound of it: with it the bound of CG reads 2 ((√κ−1)/(√κ+1))^k."""
        found = self.interval(system)
        return found and found[1] / found[0]

    def krylov_claims(self, system: LinearSystem) -> tuple:
        """What this preconditioner promises of CG that uses it (flat in n, …)."""
        return ()

    def spectral_radius(self, system: LinearSystem) -> float:
        """ρ(I − M⁻¹A), by a dense eigenvalue computation: for systems of at most `DENSE_LIMIT` unknowns."""
        if self.hermitian and system.definite:
            low, high = _dense_interval(self, system)
            return max(abs(1 - low), abs(1 - high))
        return float(np.abs(np.linalg.eigvals(iteration_matrix(self.init(system).built, system))).max())

    def claims(self, system: LinearSystem) -> tuple:
        """The factor ρ(I − M⁻¹A) a step, where it is small enough to be computed densely.

        For A and M Hermitian positive definite it holds from the first step, in the energy norm of the error;
        in general asymptotically, as a limit.
        """
        if not system.assembled or system.size > DENSE_LIMIT:
            return ()
        try:
            radius = self.spectral_radius(system)
        except Breakdown:
            return ()
        if not radius < 1:
            return ()
        title = f"factor ρ(I − M⁻¹A) = {radius:.4g} per step"
        if self.hermitian and system.definite and system.exact is not None:
            about = "A, M Hermitian positive definite, ρ < 1"
            return (geometric("energy_error", radius, system, title=title, source="saad2003", assumes=about),)
        if radius < SLOW:
            return _contraction(self, system)
        return (Rate(measure="residual", factor=radius, title=title, source="saad2003", assumes="ρ(I − M⁻¹A) < 1"),)


def eigenvalue_bounds(system: LinearSystem) -> tuple[float, float] | None:
    """(low, high) around the eigenvalues of a Hermitian A: the extremes, else an `enclosure` the problem may offer."""
    return system.extremes or system.enclosure


SLOW = 0.15  # a factor below it reaches rounding before an asymptotic rate can be seen


def geometric(measure: str, factor: float, system: LinearSystem, **about) -> Bound:
    """measure ≤ factorᵏ times its first value, down to the accuracy that a residual in double precision can reach."""
    floor = 1e-14 * max(100.0, system.condition or 1e4)
    return Bound(measure=measure, curve=lambda k, values: values[0] * factor**k, floor=floor, **about)


def _contraction(method: Preconditioner, system: LinearSystem) -> tuple:
    """‖r‖ falls by ‖I − A M⁻¹‖₂ a step: what can be seen of a preconditioner that is nearly exact."""
    inverse = inverse_matrix(method.init(system).built, system)
    shrinks = float(np.linalg.norm(np.eye(system.size) - system.matrix @ inverse, 2))
    if not shrinks < 1:
        return ()
    title = f"factor ‖I − A M⁻¹‖₂ = {shrinks:.2g} per step"
    formula = rf"\frac{{\|r_k\|}}{{\|r_0\|}} \le \|I - A M^{{-1}}\|_2^{{k}} = ({tex(shrinks)})^k"
    told = dict(title=title, formula=formula, source="saad2003", assumes="‖I − A M⁻¹‖₂ < 1")
    return (geometric("residual", shrinks, system, **told),)


def inverse_matrix(built: Built, system: LinearSystem) -> np.ndarray:
    """M⁻¹, dense, column by column."""
    rows = np.zeros((system.size, system.size), dtype=system.dtype)
    for row, unit in zip(rows, np.eye(system.size, dtype=system.dtype)):
        built.apply(unit, row)
    return rows.T


def iteration_matrix(built: Built, system: LinearSystem) -> np.ndarray:
    """I − M⁻¹A, dense."""
    return np.eye(system.size) - inverse_matrix(built, system) @ system.matrix


def _dense_interval(method: Preconditioner, system: LinearSystem) -> tuple[float, float]:
    """Extreme eigenvalues of M⁻¹A = those of the Hermitian Cᴴ M⁻¹ C with A = C Cᴴ, as the stationary method uses M."""

    def found() -> tuple[float, float]:
        root = np.linalg.cholesky(system.matrix.toarray())
        values = np.linalg.eigvalsh(root.conj().T @ inverse_matrix(method.init(system).built, system) @ root)
        return float(values[0]), float(values[-1])

    return remembered(system, ("interval of M⁻¹A", method), found)


@dataclass(frozen=True)
class Identity(Preconditioner):
    """No preconditioner: M = I. As a method, Richardson's iteration x ← x + ω (b − A x).

    Reference: L. F. Richardson, Phil. Trans. R. Soc. A 210 (1911) 307–357, doi:10.1098/rsta.1911.0009.
    """

    title: ClassVar[str] = "none (Richardson)"
    name: ClassVar[str] = "richardson"
    sources: ClassVar[tuple[str, ...]] = ("richardson1911",)
    omega: float = knob(
        None,
        1e-12,
        1e12,
        kind=float,
        log=True,
        symbol="ω",
        doc="step; None: 2/(λmin + λmax) if A is definite, else 1/‖A‖_∞, 1 for an operator",
    )

    def step_length(self, system: LinearSystem) -> float:
        """ω, or the best one for a positive definite A, or one over the largest row sum of |a_ij|."""
        if self.omega is not None:
            return float(np.ldexp(self.omega, system.matrix_exponent))
        known = eigenvalue_bounds(system) if system.definite else None
        if known:
            return 2.0 / sum(known)
        if not system.assembled:
            return float(np.ldexp(1.0, system.matrix_exponent))
        return 1.0 / (float(abs(system.matrix).sum(axis=1).max()) or 1.0)

    def build(self, system: LinearSystem) -> Built:
        return Built(lambda r, out: np.copyto(out, r))

    def interval(self, system: LinearSystem) -> tuple[float, float] | None:
        return system.extremes if system.definite else None

    def claims(self, system: LinearSystem) -> tuple:
        """The dense factor; with planted outliers, steps that grow in proportion to the gap."""
        found = Preconditioner.claims(self, system)
        if isinstance(system, Outliers) and system.outliers and self.omega is None:
            title, about = "steps grow in proportion to the gap", "outliers above a gap, ω = 2/(λmin + λmax)"
            options = dict(title=title, source="doikov2023", assumes=about, stop=Stop(rtol=1e-6, steps=100_000))
            found += (Order(measure="k", p=1.0, over="gap", values=(10, 100, 1000), growing=True, **options),)
        return found

    def init(self, system: LinearSystem) -> StationaryState:
        state = Preconditioner.init(self, system)
        omega = self.step_length(system)
        state.built = Built(lambda r, out: np.multiply(r, omega, out=out), flops=float(system.size))
        return state
