"""The residual's dual norm as a function of the parameter: what each way computes offline, and evaluates online.

Each gives the estimate as a function of (θ, coefficients), how many numbers it needs for it, and the largest of the
residuals that it interpolates, 0 where it does not.
"""

from __future__ import annotations

import numpy as np

from toolkit.rank.interpolation.crosses import Crosses
from toolkit.rank.reduced.galerkin_model import Reduced
from toolkit.rank.reduced.thermal_block import ThermalBlock


def weights(theta: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """(1, −θ_q γ_j), j slow, q fast: the residual is these times (f, A_q φ_j); (M, 1 + QN)."""
    products = -(coefficients[:, :, None] * theta[:, None, :]).reshape(len(theta), -1)
    return np.hstack((np.ones((len(theta), 1)), products))


def monomials(theta: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """All products of two weights, each pair once: the squared residual is linear in them; (M, σ)."""
    c = weights(theta, coefficients)
    one, other = np.triu_indices(c.shape[1])
    return c[:, one] * c[:, other]


def directly(problem: ThermalBlock, model: Reduced, theta: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Dual norms of the residuals computed in full: subtracted first, measured afterwards; (M,)."""
    fields = coefficients @ model.fields
    rest = np.tile(problem.load, (len(theta), 1))
    for weight, operator in zip(theta.T, problem.operators):
        rest -= weight[:, None] * (operator @ fields.T).T
    return np.linalg.norm(problem.whitened(rest), axis=1)


def expanded(problem: ThermalBlock, model: Reduced, pool: np.ndarray):
    """Gram matrix of the whitened (f, A_q φ_j): |r|² is a sum of terms of size |f|² that cancel."""
    columns = np.vstack((problem.whitened_load, *(problem.applied(field) for field in model.fields)))
    gram = columns @ columns.T

    def estimate(theta, coefficients):
        c = weights(theta, coefficients)
        return np.sqrt(np.abs(np.einsum("mi,ij,mj->m", c, gram, c)))

    return estimate, len(gram), 0.0


def corrected(problem: ThermalBlock, model: Reduced, pool: np.ndarray):
    """|r(μ)|² = Σ_r λ_r(μ) |r(μ_r)|² with the σ squares computed directly, λ from Σ_r λ_r X(μ_r) = X(μ)."""
    sigma = (1 + model.dimension * len(model.terms)) * (2 + model.dimension * len(model.terms)) // 2
    chosen = pool[:sigma]
    coefficients = model.solve(chosen)[0]
    squares = directly(problem, model, chosen, coefficients) ** 2
    table = monomials(chosen, coefficients)

    def estimate(theta, coefficients):
        return np.sqrt(np.abs(_solved(table.T, monomials(theta, coefficients).T).T @ squares))

    return estimate, sigma, 0.0


def interpolated(problem: ThermalBlock, model: Reduced, pool: np.ndarray):
    """The same with few μ_r that empirical interpolation picks for X(μ): as many as its rank, |λ| of moderate size."""
    coefficients = model.solve(pool)[0]
    table = monomials(pool, coefficients)
    crosses = Crosses.of(table)
    while len(crosses.rows) < min(table.shape) and crosses.largest > 1e-16 * crosses.scale:
        crosses = crosses.extended()
    rows, columns = crosses.rows, crosses.columns
    squares = directly(problem, model, pool[rows], coefficients[rows]) ** 2
    corner = table[np.ix_(rows, columns)]

    def estimate(theta, coefficients):
        return np.sqrt(np.abs(_solved(corner.T, monomials(theta, coefficients)[:, columns].T).T @ squares))

    return estimate, len(rows), float(np.sqrt(squares.max()))


def orthonormal(problem: ThermalBlock, model: Reduced, pool: np.ndarray):
    """|R c| with (f, A_q φ_j) = Z R, Z orthonormal: cancellation happens before the square."""
    return lambda theta, coefficients: np.linalg.norm(weights(theta, coefficients) @ model.factor.T, axis=1), 0, 0.0


def direct(problem: ThermalBlock, model: Reduced, pool: np.ndarray):
    """The residual itself, at the cost of the full problem."""
    return lambda theta, coefficients: directly(problem, model, theta, coefficients), 0, 0.0


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:  # fewer independent monomials than σ: any solution will do
        return np.linalg.lstsq(matrix, right, rcond=None)[0]
