"""Matrices with a planted spectrum: a bulk and a few outliers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from toolkit.core.arrays import csr, frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.preconditioner.systems.problems import LinearSystem


@dataclass(frozen=True)
class Outliers(LinearSystem):
    """A = H Λ H with H = I − 2 v vᵀ: eigenvalues evenly in [1, bulk], and `outliers` of them at gap · bulk · [1, 1.5].

    Plain gradient steps grow with the gap, whatever the bulk; a method that sees through the gap does not.
    Size n, dense n² entries.
    """

    title: ClassVar[str] = "planted outliers"
    sources: ClassVar[tuple[str, ...]] = ("doikov2023",)
    symmetric: ClassVar[bool] = True
    definite: ClassVar[bool] = True
    n: int = knob(40, 10, 400, log=True, doc="unknowns")
    outliers: int = knob(2, 0, 6, doc="eigenvalues above the gap")
    gap: float = knob(100.0, 1.0, 1e4, log=True, doc="smallest outlier over the largest eigenvalue of the bulk")
    bulk: float = knob(2.0, 1.0, 1e3, log=True, doc="condition number of the bulk")
    seed: int = seed_knob("eigenvectors and right-hand side")

    @cached_property
    def spectrum(self) -> np.ndarray:
        """The eigenvalues, ascending."""
        low = np.linspace(1.0, self.bulk, self.n - self.outliers)
        return frozen(np.concatenate((low, self.gap * self.bulk * np.linspace(1.0, 1.5, self.outliers))))

    @cached_property
    def _draw(self) -> np.ndarray:
        return np.random.default_rng(self.seed).standard_normal((2, self.n))

    @cached_property
    def matrix(self) -> sp.csr_array:
        v = self._draw[0] / np.linalg.norm(self._draw[0])
        reflect = np.eye(self.n) - 2 * np.outer(v, v)
        full = (reflect * self.spectrum) @ reflect
        return csr((full + full.T) / 2)

    @cached_property
    def rhs(self) -> np.ndarray:
        """White noise: every eigenvector has its share in the first residual, whatever the gap."""
        return frozen(self._draw[1].copy())

    @cached_property
    def extremes(self) -> tuple[float, float]:
        return float(self.spectrum[0]), float(self.spectrum[-1])
