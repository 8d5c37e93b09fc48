"""How a layer keeps its matrix W, (outputs, inputs): in full, as two factors, under a mask, rounded.

A kind of weight is told its arrays (`parts`) and acts with them: `times` is a Wᵀ, `back` is δ W, and `pull` takes δᵀa,
the gradient with respect to W, to the parts. a is (N, inputs), δ is (N, outputs).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from toolkit.core.errors import ToolkitError

Parts = tuple[np.ndarray, ...]
Join = Callable[[np.ndarray, np.ndarray], np.ndarray]


def summed(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Σ_n left_n right_nᵀ = leftᵀ right, laid out by columns as the parameters are."""
    return (right.T @ left).T


def each(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left_n right_nᵀ of every sample n, shape (N, rows, columns), laid out likewise."""
    return np.swapaxes(right[:, :, None] * left[:, None, :], 1, 2)


class Weight:
    """Base of all kinds.

    `curved`: W is not linear in the parts but `pull` is, so that its derivative along a tangent is `pull` of the
    tangent; else `pull` does not depend on the parts.
    """

    curved: ClassVar[bool] = False

    def shapes(self, outputs: int, inputs: int) -> tuple[tuple[int, int], ...]:
        """Shapes of the parts of an (outputs, inputs) matrix."""
        raise NotImplementedError

    def matrix(self, parts: Parts) -> np.ndarray:
        """W itself, (outputs, inputs)."""
        raise NotImplementedError

    def times(self, parts: Parts, a: np.ndarray) -> np.ndarray:
        """a Wᵀ, (N, outputs)."""
        return a @ self.matrix(parts).T

    def back(self, parts: Parts, delta: np.ndarray) -> np.ndarray:
        """δ W, (N, inputs)."""
        return delta @ self.matrix(parts)

    def pull(self, parts: Parts, a: np.ndarray, delta: np.ndarray, join: Join = summed) -> Parts:
        """The gradient with respect to the parts where that with respect to W is join(δ, a)."""
        return (join(delta, a),)

    def push(self, parts: Parts, tangent: Parts) -> tuple[Weight, Parts]:
        """(kind, parts) of dW, the change of W along a change of the parts."""
        return Full(), tangent


@dataclass(frozen=True)
class Full(Weight):
    """W as it is."""

    def shapes(self, outputs, inputs):
        return ((outputs, inputs),)

    def matrix(self, parts):
        return parts[0]


@dataclass(frozen=True)
class LowRank(Weight):
    """W = P Qᵀ, P (outputs, r), Q (inputs, r): O(N (outputs + inputs) r), W is not formed."""

    rank: int = 1
    curved: ClassVar[bool] = True

    def shapes(self, outputs, inputs):
        return (outputs, self.rank), (inputs, self.rank)

    def matrix(self, parts):
        return parts[0] @ parts[1].T

    def times(self, parts, a):
        p, q = parts
        return (a @ q) @ p.T

    def back(self, parts, delta):
        p, q = parts
        return (delta @ p) @ q.T

    def pull(self, parts, a, delta, join=summed):
        p, q = parts
        return join(delta, a @ q), join(a, delta @ p)

    def push(self, parts, tangent):
        """dP Qᵀ + P dQᵀ, of twice the rank."""
        (p, q), (dp, dq) = parts, tangent
        return LowRank(2 * p.shape[1]), (np.hstack([dp, p]), np.hstack([q, dq]))


@dataclass(frozen=True, eq=False)
class Masked(Weight):
    """W = M ∘ V: entries where the mask M is zero are zero and get no gradient."""

    mask: np.ndarray = field(repr=False)

    def shapes(self, outputs, inputs):
        if np.shape(self.mask) != (outputs, inputs):
            raise ToolkitError(f"a mask of shape {np.shape(self.mask)}: expected {(outputs, inputs)}.")
        return ((outputs, inputs),)

    def matrix(self, parts):
        return self.mask * parts[0]

    def pull(self, parts, a, delta, join=summed):
        return (self.mask * join(delta, a),)

    def push(self, parts, tangent):
        return Full(), (self.mask * tangent[0],)


@dataclass(frozen=True)
class Quantised(Weight):
    """W = h round(V/h), h the grid's `width`. The gradient passes straight through, as if W were V.

    It is no derivative: that of a staircase is zero.
    Reference: Y. Bengio, N. Léonard, A. Courville (2013), arXiv:1308.3432 (the straight-through estimator).
    """

    width: float = 2.0**-6

    def shapes(self, outputs, inputs):
        return ((outputs, inputs),)

    def matrix(self, parts):
        return self.width * np.round(parts[0] / self.width)
