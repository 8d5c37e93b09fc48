"""What the Krylov methods of this lab share: their base, the spectra their theory speaks of, and its curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import norm
from toolkit.core.claims import Bound, Exact
from toolkit.core.claims.words import tex
from toolkit.core.errors import Breakdown
from toolkit.core.knob import part
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.preconditioner.stationary.preconditioning import (
    DENSE_LIMIT,
    Built,
    Identity,
    PreconditionedState,
    Preconditioner,
    iteration_matrix,
)
from toolkit.preconditioner.stationary.relaxation import Jacobi
from toolkit.preconditioner.systems.problems import LinearSystem

EPS = float(np.finfo(float).eps)


@dataclass(slots=True, kw_only=True)
class KrylovState(PreconditionedState):
    """x of shape (n,), the preconditioner as built, and ‖r‖/‖b‖ of the residual that the recurrences carry."""

    x: np.ndarray
    residual: float

    @property
    def amplification(self) -> float:
        """What the recurrences multiply rounding errors of the size of b by, beyond those of b − A x."""
        return 1.0

    def iterate(self) -> np.ndarray:
        return self.x


@dataclass(frozen=True)
class KrylovMethod(Method):
    """Base of the Krylov methods: a method with a preconditioner.

    `fixed_only` methods need M⁻¹ to be one linear map; `hermitian_only` ones need it Hermitian positive definite.
    """

    monitors: ClassVar[tuple[str, ...]] = ("residual",)
    problems: ClassVar[tuple[type, ...]] = (LinearSystem,)
    fixed_only: ClassVar[bool] = True
    hermitian_only: ClassVar[bool] = False
    preconditioner: Preconditioner = part(
        Preconditioner, Identity(), doc="M, an approximation of A that is easy to solve"
    )

    def label(self) -> str:
        return self.title if self.plain else f"{self.title} + {self.preconditioner.label()}"

    @property
    def plain(self) -> bool:
        """Whether there is no preconditioner."""
        return isinstance(self.preconditioner, Identity)

    def suits(self, system) -> str:
        if self.fixed_only and not self.preconditioner.fixed:
            return f"{self.title} needs a preconditioner that is the same linear map in every step; try FGMRES."
        if self.hermitian_only and not self.preconditioner.hermitian:
            return f"{self.title} needs a Hermitian preconditioner; try flexible CG or GMRES."
        return self.preconditioner.suits(system)

    def claims(self, system) -> tuple:
        """What `promises` yields, nothing where the method does not suit or M cannot be built."""
        if self.suits(system):
            return ()
        try:
            return tuple(self.promises(system.worked))
        except Breakdown:
            return ()

    def promises(self, system):
        """The claims on a system that suits, one by one."""
        yield no_gap()

    def measures(self, problem) -> tuple[Measure, ...]:
        return (RESIDUAL_GAP,)


def first_residual(system: LinearSystem, x: np.ndarray) -> np.ndarray:
    """b − A x as a new array, without a product where x = 0."""
    return system.residual(x) if np.any(x) else system.rhs.astype(system.dtype)


def end(state: State, kind: str, cause: str, advice: str = "") -> State:
    """The state, counted one step further, with the status that ends the run."""
    state.k += 1
    state.status = Status(kind, cause, advice)
    return state


def inverse_diagonal(preconditioner: Preconditioner, system: LinearSystem, built: Built) -> np.ndarray | None:
    """M⁻¹ as (n,) numbers, or (1,) without preconditioner, where it is diagonal and A is assembled; else None."""
    if not (system.assembled and isinstance(preconditioner, (Identity, Jacobi))):
        return None
    if isinstance(preconditioner, Identity):
        return np.ones(1)
    d = np.empty(system.size, dtype=system.dtype)
    built.apply(np.ones_like(d), d)
    return d.real.copy()


def spend(state: KrylovState, system: LinearSystem, *, matvecs=1, solves=1, vectors: float, steps=1) -> None:
    """Count more steps: products, preconditioner solves, and `vectors` operations an unknown for the rest of each."""
    state.k += steps
    work, built = state.work, state.built
    work.matvecs += steps * (matvecs + solves * built.matvecs)
    work.solves += steps * solves
    work.flops += steps * (matvecs * system.matvec_flops + solves * built.flops + vectors * system.size)


# -- recursive and true residual ------------------------------------------------------------------------------------


def _residual_gap(problem: LinearSystem, state) -> float:
    """max(ρ/τ, τ/ρ) of the recursive ρ and the true residual τ, both at least what rounding leaves of them."""
    x = state.solution()
    size = abs(problem.matrix).sum(axis=1).max() if problem.assembled else 0.0
    floor = 8 * EPS * (state.amplification + size * (norm(x) / problem.norm))
    true = max(floor, norm(problem.residual(x)) / problem.norm)
    recursive = max(floor, state.residual)
    return max(true / recursive, recursive / true)


RESIDUAL_GAP = Measure(
    "residual_gap",
    "recursive against true residual",
    _residual_gap,
    "max(ρ/τ, τ/ρ)",
    doc="1 while the residual of the recurrences is the true one; from 10 on do not trust it",
)


def no_gap() -> Exact:
    """The recursive residual can be trusted: it is within a factor 10 of the true one."""
    return Exact(
        measure="residual_gap",
        tol=10.0,
        always=True,
        title="recursive and true residual agree within a factor 10",
        source="greenbaum1997gap",
        assumes="the attainable accuracy, about ε‖A‖‖x‖/‖b‖, of MINRES ε κ², is not reached",
        stop=Stop(rtol=1e-8, steps=2000),
    )


# -- spectra and curves ---------------------------------------------------------------------------------------------


def _spectrum(preconditioner: Preconditioner, system: LinearSystem) -> np.ndarray:
    if isinstance(preconditioner, Identity):
        return np.linalg.eigvalsh(system.matrix.toarray())
    matrix = np.eye(system.size) - iteration_matrix(preconditioner.build(system), system)
    return np.sort(np.linalg.eigvals(matrix).real)


def spectrum(preconditioner: Preconditioner, system: LinearSystem) -> np.ndarray | None:
    """The eigenvalues of M⁻¹A in rising order, dense, for a Hermitian pair; None above `DENSE_LIMIT` unknowns."""
    hermitian = system.symmetric and preconditioner.hermitian
    if not (hermitian and system.assembled and system.size <= DENSE_LIMIT):
        return None
    return remembered(system, ("spectrum of M⁻¹A", preconditioner), lambda: _spectrum(preconditioner, system))


def right_operator(preconditioner: Preconditioner, system: LinearSystem) -> np.ndarray:
    """A M⁻¹ as a dense matrix."""
    return remembered(system, ("A M⁻¹", preconditioner), lambda: _right_operator(preconditioner, system))


def _right_operator(preconditioner: Preconditioner, system: LinearSystem) -> np.ndarray:
    """A M⁻¹, column by column."""
    built, out = preconditioner.build(system), np.empty(system.size, dtype=system.dtype)
    columns = np.eye(system.size, dtype=system.dtype)
    for column in columns:
        built.apply(column.copy(), out)
        column[:] = system.matvec(out)
    return columns.T


def positive_definite(preconditioner: Preconditioner, system: LinearSystem) -> bool:
    """Whether M is known to be positive definite: by A's being so, or by looking at M⁻¹ where it is small enough."""
    if system.definite or isinstance(preconditioner, Identity):
        return True
    if not system.assembled or system.size > DENSE_LIMIT:
        return False
    built, columns = preconditioner.build(system), []
    for e in np.eye(system.size, dtype=system.dtype):
        columns.append(np.empty_like(e))
        built.apply(e, columns[-1])
    inverse = np.array(columns)
    return bool(np.linalg.eigvalsh(inverse + inverse.conj().T)[0] > 0)


def distinct(values: np.ndarray, tol: float = 1e-9) -> int:
    """How many different eigenvalues there are, up to `tol` of the largest."""
    return 1 + int(np.sum(np.diff(values) > tol * np.abs(values).max()))


def chebyshev_factor(kappa: float) -> float:
    """(√κ − 1)/(√κ + 1)."""
    return (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)


def chebyshev_formula(measure: str, kappa: float) -> str:
    """Chebyshev's bound of a residual or the energy error as TeX, with its κ (Saad 2003, thm. 6.29)."""
    norm = r"\|e_{}\|_A" if measure == "energy_error" else r"\|r_{}\|"
    least = r"\frac{1}{T_k\left(\frac{\kappa+1}{\kappa-1}\right)}"
    power = r"2\left(\frac{\sqrt{\kappa}-1}{\sqrt{\kappa}+1}\right)^{k}"
    return rf"\frac{{{norm.format('k')}}}{{{norm.format('0')}}} \le {least} \le {power}, \quad \kappa = {tex(kappa)}"


def chebyshev_curve(kappa: float):
    """1/T_k((κ+1)/(κ−1)) = 2 q^k/(1 + q^{2k}), relative to the first value (Saad 2003, thm. 6.29)."""
    q = chebyshev_factor(kappa)
    return lambda k, values: 2 * values[0] * q**k / (1 + q ** (2 * k))


def bound(measure: str, curve, title: str, *, source: str = "saad2003", **about) -> Bound:
    """A curve for a residual or error relative to its start, down to rounding."""
    about.setdefault("floor", 1e-13)
    return Bound(measure=measure, curve=curve, title=title, source=source, **about)


def terminates(measure: str, steps: int, *, tol: float, **about) -> Exact:
    """A residual or error relative to that of x = 0 is at most `tol` after `steps` steps, wherever the run began.

    The run that decides it goes on to that step: one that breaks down before has not ended as promised.
    """
    return Exact(measure=measure, tol=float(tol), stop=Stop(rtol=0.0, steps=steps), **about)
