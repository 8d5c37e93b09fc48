"""The inf-sup constant along one parameter: to four digits at chosen values, from below in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from toolkit.core.errors import Breakdown

MOST_STEPS, MOST_VALUES, SAFETY = 80, 250, 1e-4
TOO_SHARP = Breakdown(
    "the inf-sup constant varies too fast over the range to be bounded from below everywhere",
    "Lower the index, or take a shorter range of frequencies",
)
SHARE = 0.5  # the lower bound anywhere is at least this share of the constant at the nearer end


@dataclass(frozen=True)
class InfSup:
    """β at increasing values of the parameter, and `far(a, b)` ≥ |A(a) − A(b)|, additive along the line.

    Singular values move by no more than the norm of a perturbation (Weyl), so β(k) ≥ β(k_j) − |A(k) − A(k_j)|.
    Reference: G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed. (2013), corollary 8.6.2. With more parameters
    than one a linear programme is better: D. B. P. Huynh, G. Rozza, S. Sen, A. T. Patera, C. R. Math. 345 (2007)
    473–478.
    """

    values: np.ndarray
    constants: np.ndarray
    far: Callable

    def lower(self, wanted: np.ndarray) -> np.ndarray:
        """A lower bound at each wanted value between the first and the last, (m,)."""
        right = np.clip(np.searchsorted(self.values, wanted), 1, len(self.values) - 1)
        below, above = self.values[right - 1], self.values[right]
        from_below = self.constants[right - 1] - self.far(below, wanted)
        return np.maximum(from_below, self.constants[right] - self.far(wanted, above))


def bracketed(constant: Callable, far: Callable, low: float, high: float) -> InfSup:
    """β at as many values from `low` to `high` as it takes for the bound in between to be worth SHARE of it.

    `constant(k)` gives β(k). An interval is halved until the cones from its ends cross high enough: about
    ∫ |A'|/β dk values, so a sharp resonance costs only the logarithm of its sharpness. Breakdown beyond MOST_VALUES.
    """
    found = {low: constant(low), high: constant(high)}
    intervals = [(low, high)]
    while intervals:
        a, b = intervals.pop()
        if len(found) > MOST_VALUES:
            raise TOO_SHARP
        if found[a] + found[b] - far(a, b) < 2 * SHARE * min(found[a], found[b]):
            middle = (a + b) / 2
            found[middle] = constant(middle)
            intervals += [(a, middle), (middle, b)]
    values = np.array(sorted(found))
    return InfSup(values, np.array([found[k] for k in values]), far)


def least_singular(solved: Callable, norm, size: int) -> float:
    """The least singular value of X^(−1/2) A X^(−1/2), A complex symmetric: Lanczos on A⁻¹ X A⁻ᴴ X in the product of X.

    `solved(r)` is A⁻¹ r, `norm` is X. 1/β² is the largest eigenvalue; the Ritz value plus its residual is taken, a
    ten-thousandth higher. Two solves a step, full orthogonalisation. Random start: only a null set would miss it.
    Reference: C. Lanczos, J. Res. Nat. Bur. Standards 45 (1950) 255–282, doi:10.6028/jres.045.026.
    """
    rng = np.random.default_rng(0)
    start = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    most = min(MOST_STEPS, size)
    basis, images = np.empty((most, size), dtype=complex), np.empty((most, size), dtype=complex)
    diagonal, beside, image = [], [], norm @ start
    length = np.sqrt(np.vdot(start, image).real)
    for k in range(most):
        basis[k], images[k] = start / length, image / length
        start = solved(norm @ solved(images[k].conj()).conj())
        diagonal.append(float(np.vdot(images[k], start).real))
        for _ in range(2):  # by einsum, as a threaded BLAS takes longer to wake up than these few numbers need
            shares = np.einsum("kn,n->k", images[: k + 1].conj(), start)
            start = start - np.einsum("k,kn->n", shares, basis[: k + 1])
        image = norm @ start
        length = float(np.sqrt(max(np.vdot(start, image).real, 0.0)))
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
        residual = length * abs(vectors[-1, -1])
        if residual <= SAFETY * values[-1]:
            break
        beside.append(length)
    return float((1 - SAFETY) / np.sqrt(values[-1] + residual))
