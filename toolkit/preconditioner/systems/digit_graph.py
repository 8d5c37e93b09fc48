"""The graph of real handwritten digits: learning from few labels as a linear system."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from toolkit.core.arrays import csr, frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.data import bundled
from toolkit.preconditioner.systems.problems import PlacedSystem


@dataclass(frozen=True)
class GraphLaplacian(PlacedSystem):
    """L_uu f = −L_ul f_l: the harmonic function on the k-nearest-neighbour graph of scikit-learn's digits.

    Vertices are 8 × 8 images, edges join each to its `neighbours` nearest (either way), of weight
    exp(−d²/σ²), σ² the mean square distance to a neighbour. L = D − W is singular; it is grounded at the `labelled`
    images, drawn at random, whose values are known: 1 for the digit sought, 0 for others; in a component without a
    label its first vertex is labelled too. So L_uu is a symmetric positive definite M-matrix with row sums Σ_l w ≥ 0,
    and 0 ≤ f ≤ 1. The fewer labels, the worse its condition.
    Reference: X. Zhu, Z. Ghahramani, J. Lafferty, ICML 2003, 912–919.
    """

    title: ClassVar[str] = "graph of digits"
    sources: ClassVar[tuple[str, ...]] = ("zhu2003",)
    symmetric: ClassVar[bool] = True
    definite: ClassVar[bool] = True
    images: int = knob(bundled.DIGITS, 40, bundled.DIGITS, log=True, doc="images, the first ones of the data set")
    neighbours: int = knob(8, 1, 40, log=True, symbol="k", doc="nearest neighbours that each image is joined to")
    labelled: int = knob(30, 1, 500, log=True, doc="images whose digit is known; at most half of all")
    digit: int = knob(8, 0, 9, doc="the digit that is sought")
    seed: int = seed_knob("the choice of labelled images")

    @cached_property
    def weights(self) -> sp.csr_array:
        """W, symmetric, (images, images)."""
        return _weights(self.images, min(self.neighbours, self.images - 1))

    @cached_property
    def laplacian(self) -> sp.csr_array:
        """L = D − W on all images: its rows sum to zero."""
        return csr(sp.diags_array(self.weights.sum(axis=1)) - self.weights)

    @cached_property
    def known(self) -> np.ndarray:
        """The labelled images, ascending."""
        count = min(self.labelled, self.images // 2)
        chosen = np.random.default_rng(self.seed).choice(self.images, count, replace=False)
        parts, part_of = connected_components(self.weights, directed=False)
        bare = np.setdiff1d(np.arange(parts), part_of[chosen])
        first = [int(np.argmax(part_of == part)) for part in bare]
        return frozen(np.unique(np.concatenate((chosen, np.array(first, dtype=chosen.dtype)))))

    @cached_property
    def unknown(self) -> np.ndarray:
        """The other images, ascending: the unknowns."""
        return frozen(np.setdiff1d(np.arange(self.images), self.known))

    @cached_property
    def matrix(self) -> sp.csr_array:
        return csr(self.laplacian[self.unknown][:, self.unknown])

    @cached_property
    def rhs(self) -> np.ndarray:
        given = (bundled.digits()[1][self.known] == self.digit).astype(float)
        return frozen(np.asarray(self.weights[self.unknown][:, self.known] @ given))

    @cached_property
    def places(self) -> np.ndarray:
        """The unknowns' images in the plane of the first two principal components."""
        data = bundled.digits()[0][: self.images]
        data = data - data.mean(axis=0)
        directions = np.linalg.eigh(data.T @ data)[1][:, -2:]
        return frozen((data @ directions)[self.unknown][:, ::-1])

    def scatter(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.places, np.asarray(v).real


@lru_cache(maxsize=8)
def _weights(images: int, neighbours: int) -> sp.csr_array:
    data = bundled.digits()[0][:images]
    norms = (data**2).sum(axis=1)
    square = np.maximum(0.0, norms[:, None] + norms[None, :] - 2 * data @ data.T)
    np.fill_diagonal(square, np.inf)
    near = np.argsort(square, axis=1, kind="stable")[:, :neighbours]
    distance = np.take_along_axis(square, near, axis=1)
    rows = np.repeat(np.arange(images), neighbours)
    values = np.exp(-distance.ravel() / distance.mean())
    directed = sp.csr_array((values, (rows, near.ravel())), shape=(images, images))
    return csr(directed.maximum(directed.T))
