"""SciPy-shaped front doors: cg, minres, gmres and bicgstab with the arguments and results of scipy.sparse.linalg.

Every function returns (x, info): info = 0 when ‖b − A x‖ ≤ max(rtol ‖b‖, atol) was reached, > 0 when it was not (the
number of iterations allowed), < 0 after a breakdown. What is reached is measured on x itself: where rounding carries
the recurrences away from it, the method starts again from x. Units do not matter: multiples of A and b give the same
iterations. `M` approximates the inverse of A. x0 is never changed; x0 = "Mb" starts from M b. Real and complex, single
and double precision: x has the precision of A and b, the arithmetic is done in double. A may be a sparse matrix or
array, an ndarray or anything `aslinearoperator` takes. ValueError for entries that are NaN or infinite, and for a
maxiter or restart below one.
"""

from __future__ import annotations

import operator
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from toolkit.core.arrays import exponent, norm, shifted
from toolkit.core.run import Run
from toolkit.core.stop import Stop
from toolkit.preconditioner.krylov.bicgstab import BiCGStab
from toolkit.preconditioner.krylov.cg import CG
from toolkit.preconditioner.krylov.gmres import GMRES
from toolkit.preconditioner.krylov.minres import MINRES
from toolkit.preconditioner.stationary.preconditioning import Built, Identity, Preconditioner
from toolkit.preconditioner.systems.given import System

__all__ = ["bicgstab", "cg", "gmres", "minres"]
_LEAST_SQUARES = 1e-12  # ‖A r‖/(‖A‖‖r‖) at which a residual that stays is taken for that of a singular system
_ROUNDING = 1 + 1e-6  # of ‖b − A x‖ beside the goal


@dataclass(frozen=True, eq=False)
class Inverse(Preconditioner):
    """An approximate inverse given as an operator: z = M r."""

    operator: spla.LinearOperator

    def build(self, system) -> Built:
        return Built(lambda r, out: np.copyto(out, self.operator.matvec(r), casting="unsafe"))


class _AnySign(CG):
    """CG that goes on where ⟨p, A p⟩ < 0, as SciPy's does: right for negative definite A, a gamble for others."""

    definite_only: ClassVar[bool] = False


class _Measured(System):
    """A system of which the true residual is looked at here, not by the run."""

    def doubt(self, state, column, goal) -> None:
        return None


@dataclass
class _Request:
    """The arguments, checked: A sparse or an operator, x and b of shape (n,) in double, M, and the result's dtype.

    `norm` is ‖b‖, `goal` what ‖b − A x‖/‖b‖ is to reach, and |a_ij| < 2^exponent where A has entries.
    """

    A: object
    b: np.ndarray
    x: np.ndarray
    M: Preconditioner
    dtype: np.dtype
    norm: float
    goal: float
    exponent: int

    @property
    def size(self) -> int:
        return len(self.b)

    def system(self, x: np.ndarray | None = None, shift: float = 0.0) -> System:
        """The system with a start; ‖r‖/‖b‖ is to come down to `goal`."""
        operator = self.A if sp.issparse(self.A) and not shift else _in_double(self.A, self.b.dtype, shift)
        largest = max(self.exponent, exponent(np.array([shift]))) if shift else self.exponent
        return _Measured(operator, self.b, self.x if x is None else x, True, True, largest)

    def far(self, system: System, x: np.ndarray) -> float:
        """‖b − A x‖/‖b‖."""
        return norm(system.residual(x)) / self.norm

    def result(self, x: np.ndarray) -> np.ndarray:
        return (x if self.dtype.kind == "c" else x.real).astype(self.dtype)


def _in_double(A, dtype, shift: float = 0.0) -> spla.LinearOperator:
    """A − shift I as an operator whose products are new arrays of this dtype."""
    plain = spla.aslinearoperator(A)
    return spla.LinearOperator(
        plain.shape, dtype=dtype, matvec=lambda v: np.array(plain.matvec(v), dtype=dtype) - (shift * v if shift else 0)
    )


def _request(name: str, A, b, x0, M, rtol, atol) -> _Request:
    whole, b = spla.aslinearoperator(A), np.asarray(b)
    n, about = whole.shape[0], dict(exponent=_exponent("A", A))
    for key, given in (("b", b), ("M", M), ("x0", x0)):
        _exponent(key, given)
    if whole.shape != (n, n):
        raise ValueError(f"A has shape {whole.shape}: expected a square matrix.")
    if b.shape not in ((n,), (n, 1)):
        raise ValueError(f"b has shape {b.shape}: expected ({n},) or ({n}, 1), as A has shape {whole.shape}.")
    dtype = np.result_type(_inexact(whole.dtype), _inexact(b.dtype))
    wide = np.result_type(dtype, np.float64)
    b, inverse = b.reshape(-1).astype(wide), _inverse(A, M, whole.shape)
    if isinstance(x0, str):
        if x0 != "Mb":
            raise ValueError(f"x0 = {x0!r}: expected an array or 'Mb'.")
        x = b if isinstance(inverse, Identity) else np.asarray(inverse.operator.matvec(b))
    else:
        x = np.zeros(n) if x0 is None else np.asarray(x0)
    if x.shape not in ((n,), (n, 1)):
        raise ValueError(f"x0 has shape {x.shape}: expected ({n},) or ({n}, 1), as A has shape {whole.shape}.")
    about |= dict(dtype=dtype, norm=norm(b), goal=_goal(name, rtol, atol, norm(b)))
    return _Request(A if sp.issparse(A) else whole, b, x.reshape(-1).astype(wide), inverse, **about)


def _exponent(name: str, given) -> int:
    """The exponent of the largest entry, 0 where there are none to be seen; ValueError for one that is not finite."""
    if sp.issparse(given):
        entries = given.data if given.format in ("csr", "csc", "coo", "bsr") else given.tocoo().data
    else:
        entries = given if isinstance(given, np.ndarray) else np.zeros(0)
    if entries.dtype.kind in "fc" and not np.all(np.isfinite(entries)):
        raise ValueError(f"{name} has entries that are NaN or infinite: expected finite numbers.")
    return exponent(entries)


def _whole(name: str, value, otherwise: int) -> int:
    """A count of iterations, `otherwise` where it is None; ValueError for one below 1."""
    if value is None:
        return otherwise
    try:
        count = operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"{name} = {value!r}: expected a whole number of at least 1, or None.")
    return count


def _inexact(dtype) -> np.dtype:
    return np.dtype(dtype) if np.dtype(dtype).char in "fdFD" else np.dtype(float)


def _inverse(A, M, shape) -> Preconditioner:
    """M as a preconditioner; without M the `psolve` that A may bear, as in SciPy."""
    if M is None:
        solve = getattr(A, "psolve", None)
        return Identity() if solve is None else Inverse(spla.LinearOperator(shape, matvec=solve, dtype=float))
    M = spla.aslinearoperator(M)
    if M.shape != shape:
        raise ValueError(f"M has shape {M.shape}: expected {shape}, the shape of A.")
    return Inverse(M)


def _goal(name: str, rtol, atol, size: float) -> float:
    """max(atol/‖b‖, rtol); finite, because a Stop wants finite numbers."""
    for key, value in (("atol", atol), ("rtol", rtol)):
        if isinstance(value, str) or value is None or not value >= 0:
            raise ValueError(f"{name} was given {key} = {value!r}: expected a real number ≥ 0.")
    with np.errstate(over="ignore"):
        return min(max(float(np.divide(atol, size or 1.0)), float(rtol)), 1e300)


def _drive(run: Run, request: _Request, callback, enough=None) -> Run:
    """Run to the end, with `callback(x)` after every step; `enough(state)` may end it before."""
    if callback is None and enough is None:
        return run.finish()
    for state in run:
        if callback is not None:
            callback(request.result(np.array(state.solution())))
        if enough is not None and enough(state):
            break
    return run


def _sought(request: _Request, method, steps: int, callback, shift: float = 0.0, enough=None):
    """(x, steps done, whether the goal is reached, the last run); from x again where only the recurrences reach it."""
    x, spent, last = request.x, 0, np.inf
    while True:
        problem = request.system(x, shift)
        run = _drive(Run(problem, method, _stop(request.goal, steps - spent)), request, callback, enough)
        if run.state is None:
            return x, spent, False, run
        x, spent = run.solution(), spent + run.k
        far = request.far(problem, x)
        reached = far <= request.goal * _ROUNDING
        if reached or run.status.kind != "converged" or not far < 0.5 * last or spent >= steps:
            return x, spent, reached, run
        last = far


def cg(A, b, x0=None, *, rtol=1e-5, atol=0.0, maxiter=None, M=None, callback=None):
    """Conjugate gradients for Hermitian positive definite A and M. See the module and scipy.sparse.linalg.cg.

    maxiter: steps, 10 n if None; callback(xk) after every step. info: 0, or the steps done.
    """
    request = _request("cg", A, b, x0, M, rtol, atol)
    steps = _whole("maxiter", maxiter, 10 * request.size)
    if request.norm == 0:
        return request.result(request.b), 0
    x, spent, reached, _ = _sought(request, _AnySign(request.M), steps, callback)
    return request.result(x), 0 if reached else max(1, spent)


def _stop(goal: float, steps: int) -> Stop:
    return Stop(rtol=0.0, atol=goal, steps=int(steps), divergence=1e300)


def bicgstab(A, b, x0=None, *, rtol=1e-5, atol=0.0, maxiter=None, M=None, callback=None):
    """BiCGStab for any A. See the module and scipy.sparse.linalg.bicgstab.

    maxiter: steps of two products, 10 n if None; callback(xk) after every step. info: 0; maxiter when that was reached;
    −10 after a breakdown of ρ = ⟨r̃, r⟩, −11 after one of ω or ⟨r̃, A M p⟩.
    """
    request = _request("bicgstab", A, b, x0, M, rtol, atol)
    steps = _whole("maxiter", maxiter, 10 * request.size)
    if request.norm == 0:
        return request.result(request.b), 0
    x, spent, reached, run = _sought(request, BiCGStab(request.M), steps, callback)
    broken = run.status.kind == "breakdown"
    info = (-10 if run.status.cause.startswith("ρ") else -11) if broken else max(1, spent)
    return request.result(x), 0 if reached else info


def gmres(A, b, x0=None, *, rtol=1e-5, atol=0.0, restart=None, maxiter=None, M=None, callback=None, callback_type=None):
    """GMRES for any A, preconditioned from the left as in SciPy: M (b − A x) is made least, b − A x is tested.

    restart: steps in a cycle, min(20, n) if None; maxiter: cycles, 10 n if None. callback_type "x": callback(xk) after
    every cycle; "pr_norm": callback(‖M r‖/‖b‖) after every step; "legacy" (the default, with a warning): as "pr_norm",
    and maxiter counts steps. info: 0 or maxiter. See the module and scipy.sparse.linalg.gmres.
    """
    callback_type = _callback_type(callback, callback_type)
    request = _request("gmres", A, b, x0, M, rtol, atol)
    maxiter = _whole("maxiter", maxiter, 10 * request.size)
    cycle = max(1, min(_whole("restart", restart, 20), request.size))
    if request.norm == 0:
        return request.result(request.b), 0
    x, reached = _cycles(request, cycle, maxiter, callback, callback_type)
    return request.result(x), 0 if reached else maxiter


def _callback_type(callback, callback_type):
    if callback is not None and callback_type is None:
        warnings.warn(
            "gmres called without specifying `callback_type`: 'legacy' is assumed, where maxiter counts steps; "
            "say 'pr_norm', 'x' or 'legacy'.",
            DeprecationWarning,
            stacklevel=3,
        )
        return "legacy"
    if callback_type not in (None, "x", "pr_norm", "legacy"):
        raise ValueError(f"callback_type = {callback_type!r}: expected 'x', 'pr_norm' or 'legacy'.")
    return callback_type if callback is not None else None


def _cycles(request: _Request, cycle: int, maxiter: int, callback, kind):
    """(x, whether ‖b − A x‖ ≤ goal ‖b‖): cycles of GMRES on M A d = M r, x ← x + d, until the residual itself is small.

    Each cycle is to reduce ‖M r‖ as much as ‖r‖ must be reduced; less is trusted after a cycle that did and failed.
    """
    plain, x, spent, trust = request.system(), np.array(request.x), 0, 1.0
    r = plain.residual(x) if np.any(x) else request.b
    size, goal = norm(r) / request.norm, request.goal
    for _ in range(maxiter):
        if size <= goal:
            return x, True
        left = _left_system(request, plain, r)
        aim, steps = trust * min(1.0, goal / size), min(cycle, maxiter - spent) if kind == "legacy" else cycle
        run = Run(left, GMRES(m=cycle), _stop(aim, steps))
        if kind in ("legacy", "pr_norm"):
            for state in run:
                callback(np.float64(state.residual * (left.norm / request.norm)))
        run.finish()
        if run.k == 0 or run.status.kind == "non-finite":
            return x, False  # M r = 0: M is singular; or a product overflowed
        x, spent, stuck = x + run.solution(), spent + run.k, run.state.status.done
        r = plain.residual(x)
        size = norm(r) / request.norm
        if kind == "x":
            callback(request.result(x))
        if stuck or (kind == "legacy" and spent >= maxiter):
            break
        met = run.status.kind == "converged"
        trust = max(1e-15, 0.25 * trust) if met else min(1.0, 1.5 * trust)
    return x, size <= goal


def _left_system(request: _Request, plain: System, r: np.ndarray) -> System:
    """M A d = M r."""
    if isinstance(request.M, Identity):
        return _Measured(plain.operator, r, exponent_of_matrix=request.exponent)
    solve = request.M.operator.matvec
    both = spla.LinearOperator((len(r),) * 2, dtype=r.dtype, matvec=lambda v: np.array(solve(plain.matvec(v)), r.dtype))
    return _Measured(both, np.array(solve(r), dtype=r.dtype))


def minres(
    A, b, x0=None, *, rtol=1e-5, atol=0.0, shift=0.0, maxiter=None, M=None, callback=None, show=False, check=False
):
    """MINRES for A − shift I, A Hermitian, M positive definite. See the module and scipy.sparse.linalg.minres.

    maxiter: steps, 5 n if None; callback(xk) after every step; show prints a line every tenth step and a summary; check
    tests that A and M are Hermitian (ValueError). info: 0 (also at a least-squares solution of a singular system), or
    maxiter. ValueError when M turns out not to be positive definite. `atol` is more than SciPy offers.
    """
    request = _request("minres", A, b, x0, M, rtol, atol)
    steps = _whole("maxiter", maxiter, 5 * request.size)
    if request.norm == 0:
        return request.result(request.b), 0
    if check:
        _check_hermitian(request.system(shift=shift).matvec, request.b, "A")
        if not isinstance(request.M, Identity):
            _check_hermitian(request.M.operator.matvec, request.b, "M")

    def least_squares(state):
        _show(state, show)
        return state.slope <= _LEAST_SQUARES * state.size

    x, spent, reached, run = _sought(request, MINRES(request.M), steps, callback, shift, least_squares)
    if run.state is None or run.status.kind == "breakdown":
        raise ValueError(f"minres: {run.status.cause}. {run.status.advice}.")
    if show:
        print(f"minres: {run.status}; {spent} steps, ‖r‖/‖b‖ = {run.state.residual:.3e}")
    return request.result(x), 0 if reached or run.status.kind in ("stagnated", "running") else max(1, spent)


def _show(state, show: bool) -> None:
    if show and (state.k <= 10 or state.k % 10 == 0):
        x = state.solution()[0]
        print(f"{state.k:6d} {x:12.5e} {state.residual:10.3e} {state.slope / (state.size or 1.0):10.3e}")


def _check_hermitian(apply, v: np.ndarray, name: str) -> None:
    """⟨A v, A v⟩ = ⟨v, A (A v)⟩ up to ε^{1/3}, for one v: Paige and Saunders' test."""
    v = shifted(v, -exponent(v))
    w = np.asarray(apply(v))
    e = exponent(w)  # A (A v) in units in which its products are ordinary
    w = shifted(w, -e)
    s, t = np.vdot(w, w), np.vdot(v, shifted(apply(w), -e))
    if abs(s - t) > abs(s) * np.finfo(float).eps ** (1 / 3):
        raise ValueError(
            f"minres: {name} is not Hermitian: ⟨{name}v, {name}v⟩ = {s:.6g}, ⟨v, {name}({name}v)⟩ = {t:.6g}."
        )
