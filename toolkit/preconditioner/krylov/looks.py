"""What can be seen beside the curves of this lab."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from toolkit.core.lab import Picture
from toolkit.preconditioner.krylov.cg import CGState
from toolkit.preconditioner.krylov.ritz import residual_polynomial
from toolkit.preconditioner.stationary.preconditioning import inverse_matrix
from toolkit.preconditioner.stencils.diffusion import Diffusion
from toolkit.preconditioner.systems.sparse import DENSE_LIMIT

SHADES = 6
TINY = 1e-16


def _image(values):
    return None if values is None else {"z": values}


def _solution(problem, state):
    return _image(problem.field(state.solution()))


def _error(problem, state):
    return None if problem.exact is None else _image(problem.field(problem.exact - state.solution()))


def _residual(problem, state):
    return _image(problem.field(problem.residual(state.solution())))


def _medium(problem, state):
    """log₁₀ of the coefficient; of a cube its middle layer."""
    if not isinstance(problem, Diffusion) or problem.medium == "constant":
        return None
    a = problem.coefficient
    return _image(np.log10(a if a.ndim == 2 else a[len(a) // 2]))


def _places(problem, state):
    """The points of a mesh or graph, in as many classes of the solution's value as there are colours."""
    found = problem.scatter(state.solution())
    if found is None:
        return None
    (x, y), values = found[0].T, np.asarray(found[1]).real
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return {f"{low:.3g}": (x, y)}
    ends = np.linspace(low, high, SHADES + 1)
    shade = np.clip(np.searchsorted(ends, values, side="right") - 1, 0, SHADES - 1)
    return {f"{ends[i]:.3g} … {ends[i + 1]:.3g}": (x[shade == i], y[shade == i]) for i in range(SHADES)}


def _profile(problem, state):
    x = state.solution().real
    lines = {"x": np.arange(1, len(x) + 1), "solution": x}
    if problem.exact is not None:
        lines["exact"] = problem.exact.real
    return lines


# -- spectra ---------------------------------------------------------------------------------------------------------


class _Operator:
    """M⁻¹A of a run, recognised by what M⁻¹ does to one vector: copies of a state share one spectrum."""

    def __init__(self, problem, built):
        self.problem, self.built = problem, built
        out = np.empty(problem.size, dtype=problem.dtype)
        built.apply(np.cos(np.arange(1.0, problem.size + 1)).astype(problem.dtype), out)
        self.mark = out.tobytes()

    def __hash__(self):
        return hash(self.mark)

    def __eq__(self, other):
        return self.mark == other.mark and self.problem == other.problem


@lru_cache(maxsize=8)
def _eigenvalues(operator: _Operator) -> np.ndarray:
    product = inverse_matrix(operator.built, operator.problem) @ operator.problem.matrix
    values = np.linalg.eigvals(product)
    return np.sort(values.real)


def spectrum(problem, state) -> np.ndarray | None:
    """The eigenvalues of M⁻¹A in rising order, dense, for a small Hermitian A; None otherwise."""
    built = getattr(state, "built", None)
    if built is None or not (problem.symmetric and problem.assembled and problem.size <= DENSE_LIMIT):
        return None
    return _eigenvalues(_Operator(problem, built))


def _ritz(state) -> np.ndarray:
    ask = getattr(state, "ritz", None)
    values = ask() if ask is not None and state.k else np.empty(0)
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
    if not isinstance(state, CGState) or not len(ritz):
        return None
    points = np.unique(np.concatenate((np.linspace(0.0, 1.05 * ritz[-1], 600), ritz)))
    return {"x": points, "|p(λ)|": np.maximum(np.abs(residual_polynomial(ritz, points)), TINY)}


PICTURES = (
    Picture("solution", "solution", "image", _solution),
    Picture("error", "error x* − x", "image", _error),
    Picture("residual", "residual b − A x", "image", _residual),
    Picture("medium", "log₁₀ of the coefficient", "image", _medium),
    Picture("points", "solution at the points", "points", _places, x="x", y="y"),
    Picture("profile", "solution by unknown", "lines", _profile, x="unknown", y="value"),
    Picture("spectrum", "spectrum", "points", _spectrum, x="λ", y="eigenvalues 0, Ritz values 1"),
    Picture("polynomial", "residual polynomial", "lines", _polynomial, x="λ", y="|p(λ)|", log=True),
)
