"""What can be seen of spectra beside the curves: eigenvalues and Ritz values, and the residual polynomial of CG."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Picture
from toolkit.core.memo import remembered
from toolkit.preconditioner.krylov.cg import CGState
from toolkit.preconditioner.krylov.ritz import residual_polynomial
from toolkit.preconditioner.stationary.preconditioning import PreconditionedState, inverse_matrix
from toolkit.preconditioner.systems.sparse import DENSE_LIMIT

TINY = 1e-16
ROWS = "eigenvalues 0, Ritz values 1"


def is_small(problem) -> bool:
    """Whether A is Hermitian, assembled and small enough for a dense spectrum."""
    return bool(problem.symmetric and problem.assembled and problem.size <= DENSE_LIMIT)


def spectrum(problem, state: PreconditionedState) -> np.ndarray | None:
    """The eigenvalues of M⁻¹A in rising order, dense, for a small Hermitian A; None otherwise.

    Of a sequence, A is that of the system at work, for which M was built. M⁻¹ and A are recognised by what they do to
    one vector, so that the copies of a state share one spectrum.
    """
    if state.built is None or not is_small(problem):
        return None
    system, out = state.at_work(problem), np.empty(problem.size, dtype=problem.dtype)
    state.built.apply(np.cos(np.arange(1.0, problem.size + 1)).astype(problem.dtype), out)
    key = "spectrum of M⁻¹A", out.tobytes(), system.matvec(out).tobytes()
    return remembered(problem, key, lambda: _eigenvalues(inverse_matrix(state.built, system) @ system.matrix))


def _eigenvalues(product: np.ndarray) -> np.ndarray:
    return np.sort(np.linalg.eigvals(product).real)


def _ritz(state: PreconditionedState) -> np.ndarray:
    values = state.ritz() if state.k else np.empty(0)
    return values[np.isfinite(values)]


def _spectrum(problem, state):
    """Eigenvalues of M⁻¹A below, Ritz values above: the extreme ones are found first."""
    values, ritz = spectrum(problem, state), _ritz(state)
    shown = {}
    if values is not None:
        shown["eigenvalues of M⁻¹A"] = (values, np.zeros(len(values)))
    if len(ritz):
        shown["Ritz values"] = (ritz, np.ones(len(ritz)))
    return shown or None


def _polynomial(problem, state):
    """|p_k| of r_k = p_k(A M⁻¹) r₀ for CG, from zero past the largest Ritz value; its zeros are the Ritz values."""
    ritz = _ritz(state)
    if not len(ritz):
        return None
    points = np.unique(np.concatenate((np.linspace(0.0, 1.05 * ritz[-1], 600), ritz)))
    return {"x": points, "|p(λ)|": np.maximum(np.abs(residual_polynomial(ritz, points)), TINY)}


def _known(problem, state) -> bool:
    return state.lanczos or is_small(problem)


PICTURES = (
    Picture("spectrum", "spectrum", "points", _spectrum, "λ", ROWS, of=PreconditionedState, when=_known),
    Picture("polynomial", "residual polynomial", "lines", _polynomial, "λ", "|p(λ)|", log=True, of=CGState),
)
