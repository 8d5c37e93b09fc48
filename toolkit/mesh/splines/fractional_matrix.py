"""The matrix of spline collocation for a fractional derivative: entries, symbol, spectrum, closed forms."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.special import zeta

from toolkit.kernels.line import bspline
from toolkit.mesh.splines.projection import gauss, open_knots


def places(n: int, p: int) -> np.ndarray:
    """The Greville abscissae inside (0, 1): means of p knots, (n+p−2,)."""
    t = open_knots(n, p)
    return np.lib.stride_tricks.sliding_window_view(t[1:-1], p).mean(axis=1)[1:-1]


def collocated(alpha: float, p: int, n: int) -> np.ndarray:
    """The collocation matrix −∂^α B_i/∂|x|^α (ξ_j), (N, N) with N = n+p−2: Toeplitz but for O(p) rows and columns.

    The derivative from the right is that from the left in a mirror, as knots and abscissae are symmetric.
    """
    matrices = bspline.basis_matrices(open_knots(n, p), p)
    left = bspline.left_derivatives(matrices, 1.0 / n, alpha, places(n, p), *gauss(12 + p // 2))[:, 1:-1]
    return (left + left[::-1, ::-1]) / (2 * math.cos(math.pi * alpha / 2))


def symbol(theta: np.ndarray, p: int, alpha: float) -> np.ndarray:
    """f(θ) = Σ_k |θ + 2kπ|^α sinc(θ/2 + kπ)^{p+1}, sinc(x) = sin(x)/x, for 0 < θ ≤ π: generates n^{−α} A.

    The transform |ω|^α of −∂^α/∂|x|^α times that of the cardinal B-spline, folded by sampling; summed in closed form
    by the Hurwitz zeta function at p+1−α, with alternating signs for even p.
    Reference: Mazza et al., arXiv:2106.14834, the spectral symbol.
    """
    s, q = p + 1 - alpha, theta / (2 * np.pi)
    if p % 2:
        total = zeta(s, q) + zeta(s, 1 - q)
    else:
        total = 2**-s * (zeta(s, q / 2) - zeta(s, (q + 1) / 2) + zeta(s, (1 - q) / 2) - zeta(s, (2 - q) / 2))
    return 2**alpha * np.pi**-s * np.sin(theta / 2) ** (p + 1) * total


def angles(n: int, p: int) -> np.ndarray:
    """θ_j = jπ/(N+1), N = n+p−2 unknowns, (N,)."""
    size = n + p - 2
    return np.arange(1, size + 1) * np.pi / (size + 1)


def eigenvalues(alpha: float, n: int, matrix: np.ndarray) -> np.ndarray:
    """The eigenvalues of n^{−α} A by real part, rising, (N,)."""
    return np.sort(np.linalg.eigvals(matrix / n**alpha).real)


@lru_cache(maxsize=64)
def spectrum(alpha: float, p: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(θ, sampled symbol, eigenvalues of n^{−α} A by real part), the latter two in rising order."""
    theta = angles(n, p)
    sampled = symbol(theta, p, alpha)
    return theta[np.argsort(sampled)], np.sort(sampled), eigenvalues(alpha, n, collocated(alpha, p, n))


def cardinal_derivative(x: np.ndarray, p: int, alpha: float) -> np.ndarray:
    """D₊^α of the spline of degree p on the knots 0 … p+1 at x: Σ_j (−1)^j C(p+1, j) (x − j)₊^{p−α} / Γ(p+1−α)."""
    steps = np.arange(p + 2)
    signs = (-1.0) ** steps * np.array([math.comb(p + 1, j) for j in steps])
    return np.maximum(np.subtract.outer(x, steps), 0.0) ** (p - alpha) @ signs / math.gamma(p + 1 - alpha)


def column_gap(alpha: float, p: int, n: int, matrix: np.ndarray) -> float:
    """How far the middle column of n^{−α} A is from its closed form, relative; NaN where each reaches an end."""
    if n <= p:
        return float("nan")
    at = (n + p) // 2
    x = places(n, p) * n - (at - p)
    near = np.abs(x - (p + 1) / 2) <= (p + 1) / 2 + 3
    both = cardinal_derivative(x[near], p, alpha) + cardinal_derivative(p + 1 - x[near], p, alpha)
    column = both / (2 * math.cos(math.pi * alpha / 2))
    return float(np.max(np.abs(matrix[near, at - 1] / n**alpha - column)) / np.max(np.abs(column)))
