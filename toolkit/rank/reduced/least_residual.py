"""A reduced model where no form is coercive: the function of the basis with the least residual, and its bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.rank.reduced.galerkin_model import direction, widened

TOGETHER = 256  # parameters solved in one batch: (W, N) matrices of that many lie in memory at once


@dataclass(slots=True)
class LeastResidual:
    """u_N = argmin |f(μ) − A(μ) u|_X' over N basis functions, for A(μ) = Σ θ_q A_q and f(μ) = Σ φ_p f_p, complex.

    (f_p, A_q φ_j), whitened, is Z R with orthonormal `span` Zᵀ and triangular `factor` R (W, W), W = P + QN, so that
    |f − A u|_X' = |R_f φ − Σ γ_j R_j θ|: small least-squares problems by QR, known to ε. Unlike Galerkin's, this u_N is
    as stable as the full problem: |u − u_N|_X ≤ (γ/β) times the best, whatever the basis; and the residual never grows
    with N. Δ = |f − A u_N|_X' / β(μ), β at most the inf-sup constant. O(W N²) a parameter.
    Arrays are replaced, never written to: copies may share them.
    Reference: Y. Maday, A. T. Patera, D. V. Rovas, Stud. Math. Appl. 31 (2002) 533–569; the orthonormal
    basis: A. Buhr, C. Engwer, M. Ohlberger, S. Rave, arXiv:1407.8005 (2014), section 3.
    """

    problem: object
    fields: np.ndarray
    coordinates: np.ndarray
    span: np.ndarray
    factor: np.ndarray

    @classmethod
    def empty(cls, problem) -> LeastResidual:
        """No basis function yet: the residual is the load."""
        none = np.empty((0, problem.unknowns), dtype=complex)
        nothing = np.empty((0, 0), dtype=complex)
        return cls(problem, none, none, *widened(none, nothing, problem.whitened_loads))

    @property
    def dimension(self) -> int:
        """N, the number of basis functions."""
        return len(self.fields)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.fields.nbytes + self.coordinates.nbytes + self.span.nbytes + self.factor.nbytes

    @property
    def loads(self) -> int:
        """Number of terms of the load."""
        return len(self.problem.whitened_loads)

    def first(self, dimension: int) -> LeastResidual:
        """The model on the first basis functions only."""
        width = self.loads + dimension * self.problem.terms
        kept = self.fields[:dimension], self.coordinates[:dimension], self.span[:width], self.factor[:width, :width]
        return LeastResidual(self.problem, *kept)

    def enriched(self, problem, coordinates: np.ndarray) -> LeastResidual | None:
        """The model with one more function, made orthonormal; None when it lies in the span to rounding."""
        rest = direction(self.coordinates, coordinates)
        if rest is None:
            return None
        field = problem.fields(rest)
        basis = np.vstack((self.fields, field)), np.vstack((self.coordinates, rest))
        return LeastResidual(problem, *basis, *widened(self.span, self.factor, problem.applied(field)))

    def solve(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (M, N) and residual dual norms (M,) at parameters (M, P)."""
        many = len(parameters)
        coefficients, residuals = np.empty((many, self.dimension), dtype=complex), np.empty(many)
        for start in range(0, many, TOGETHER):
            part = slice(start, start + TOGETHER)
            coefficients[part], residuals[part] = self._solved(parameters[part])
        return coefficients, residuals

    def _solved(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rest = self.problem.load_weights(parameters) @ self.factor[:, : self.loads].T
        if not self.dimension:
            return np.empty((len(parameters), 0)), np.linalg.norm(rest, axis=1)
        images = self.factor[:, self.loads :].reshape(len(self.factor), self.dimension, -1)
        theta = self.problem.weights(parameters)
        matrices = np.ascontiguousarray(np.tensordot(theta, images, (1, 2)))  # (M, W, N)
        q, r = np.linalg.qr(matrices)
        shares = np.einsum("mwn,mw->mn", q.conj(), rest)
        left = rest - np.einsum("mwn,mn->mw", q, shares)
        return np.linalg.solve(r, shares[..., None])[..., 0], np.linalg.norm(left, axis=1)

    def bounds(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients and certified bounds of |u − u_N|_X: the residual over the inf-sup constant's lower bound."""
        coefficients, residuals = self.solve(parameters)
        return coefficients, residuals / self.problem.stability(parameters)

    def errors(self, solutions: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """|u − u_N|_X against full solutions in coordinates (M, unknowns)."""
        return np.linalg.norm(solutions - coefficients @ self.coordinates, axis=1)
