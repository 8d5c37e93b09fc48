"""Reduced models of affine equations on a growing basis, with the residual's dual norm online: Galerkin's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.kernels.dense.reduced import solve_many


def direction(basis: np.ndarray, coordinates: np.ndarray) -> np.ndarray | None:
    """What is new in `coordinates` against an orthonormal basis (N, n), of length one; None when nothing is."""
    rest = coordinates / np.linalg.norm(coordinates)
    for _ in range(2):  # twice is enough
        rest = rest - basis.T @ (basis.conj() @ rest)
    distance = float(np.linalg.norm(rest))
    if not distance > 1e-13:
        return None
    rest = rest / distance
    rest = rest - basis.T @ (basis.conj() @ rest)
    return rest / np.linalg.norm(rest)


def widened(span: np.ndarray, factor: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Span and factor with these columns (Q, unknowns) added: block Gram–Schmidt.

    Where the span becomes the whole space, rows of zeros are added to it: there is nothing else.
    """
    new, corner, mixed = images.T, np.eye(len(images)), 0.0
    room = max(0, span.shape[1] - len(span))
    for _ in range(3):  # columns that depend on earlier ones leave noise: make that orthogonal too
        share = span.conj() @ new
        mixed = mixed + share @ corner
        new, triangle = orthogonal(new - span.T @ share, room)
        corner = triangle @ corner
    old, width = factor.shape[0], len(images)
    grown = np.zeros((old + width, old + width), dtype=factor.dtype)
    grown[:old, :old], grown[:old, old:], grown[old:, old:] = factor, mixed, corner
    return np.vstack((span, new.T)), grown


def orthogonal(columns: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """Q and R of columns (n, q) whose span has `room` dimensions at most; columns of Q beyond them are zero."""
    many = columns.shape[1]
    if room >= many:
        return np.linalg.qr(columns)
    left, values, right = np.linalg.svd(columns, full_matrices=False)
    turn, trapezium = np.linalg.qr(values[:room, None] * right[:room])
    q, r = np.zeros_like(columns), np.zeros((many, many), dtype=columns.dtype)
    q[:, :room], r[:room] = left[:, :room] @ turn, trapezium
    return q, r


@dataclass(slots=True)
class Reduced:
    """Galerkin on N basis functions and the norm of its residual from a triangular factor.

    `fields` (N, unknowns) are the basis functions, orthonormal in X, `coordinates` the same in sines; `terms` (Q, N, N)
    and `load` (N,) the reduced equation. W = (f, A_q φ_j), whitened, is Z R with orthonormal `span` Zᵀ and `factor` R:
    |f − Σ θ_q γ_j A_q φ_j| = |R (1, −θ_q γ_j)| without cancellation, so that it floors at ε, not at √ε.
    Arrays are replaced, never written to: copies may share them.
    Reference: A. Buhr, C. Engwer, M. Ohlberger, S. Rave, arXiv:1407.8005 (2014), section 3.
    """

    fields: np.ndarray
    coordinates: np.ndarray
    terms: np.ndarray
    load: np.ndarray
    span: np.ndarray
    factor: np.ndarray

    @classmethod
    def empty(cls, problem) -> Reduced:
        """No basis function yet: the residual is the load."""
        size, f = problem.unknowns, problem.whitened_load
        length = float(np.linalg.norm(f))
        none, terms = np.empty((0, size)), np.empty((problem.blocks, 0, 0))
        return cls(none, none, terms, np.empty(0), (f / length)[None], np.array([[length]]))

    @property
    def dimension(self) -> int:
        """N, the number of basis functions."""
        return len(self.load)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(getattr(self, name).nbytes for name in self.__slots__)

    def first(self, dimension: int) -> Reduced:
        """The model on the first basis functions only."""
        n, width = dimension, 1 + dimension * len(self.terms)
        terms, factor = np.ascontiguousarray(self.terms[:, :n, :n]), self.factor[:width, :width].copy()
        return Reduced(self.fields[:n], self.coordinates[:n], terms, self.load[:n], self.span[:width], factor)

    def enriched(self, problem, coordinates: np.ndarray) -> Reduced | None:
        """The model with one more function, made orthonormal; None when it lies in the span to rounding."""
        rest = direction(self.coordinates, coordinates)
        if rest is None:
            return None
        field = problem.fields(rest)
        images = problem.applied(field)
        basis = np.vstack((self.coordinates, rest))
        columns = images @ basis.T  # φ_i A_q φ: whitened images against coordinates
        n, terms = self.dimension, np.zeros((len(images), self.dimension + 1, self.dimension + 1))
        terms[:, :n, :n] = self.terms
        terms[:, n, :] = terms[:, :, n] = columns
        load = np.append(self.load, problem.whitened_load @ rest)
        return Reduced(np.vstack((self.fields, field)), basis, terms, load, *widened(self.span, self.factor, images))

    def solve(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (M, N) and residual dual norms (M,) at parameters theta (M, Q)."""
        coefficients, residuals = np.empty((len(theta), self.dimension)), np.empty(len(theta))
        solve_many(np.ascontiguousarray(theta), self.terms, self.load, self.factor, coefficients, residuals)
        return coefficients, residuals

    def bounds(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients and certified bounds of |u − u_N|_X: the residual over the coercivity bound min θ."""
        coefficients, residuals = self.solve(theta)
        return coefficients, residuals / theta.min(axis=1)

    def errors(self, solutions: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """|u − u_N|_X against full solutions in coordinates (M, unknowns)."""
        return np.linalg.norm(solutions - coefficients @ self.coordinates, axis=1)
