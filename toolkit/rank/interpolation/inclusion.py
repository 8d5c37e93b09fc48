"""A moving inclusion: matrices as a black box, and their combinations by empirical interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.linalg import solveh_banded

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem
from toolkit.rank.interpolation.crosses import Crosses


@dataclass(frozen=True)
class MovingInclusion(Problem):
    """−(κ(x, μ) u′)′ = 1 on (0, 1), u = 0 at the ends, κ = 1 + s exp(−((x − μ₁)/μ₂)²): μ moves and widens a bump.

    Linear elements on n cells, κ at the midpoints: the matrix depends on κ linearly, on μ not affinely. μ₁ in
    [0.2, 0.8], μ₂ in [w, 3w], drawn uniformly with the seed. `matrix` is the black box: a parameter in, a matrix out.
    Reference: F. Casenave, A. Ern, T. Lelièvre, G. Sylvand, arXiv:1307.4330 (2013); a problem of this kind.
    """

    title: ClassVar[str] = "moving inclusion"
    sources: ClassVar[tuple[str, ...]] = ("casenave2014b",)
    n: int = knob(120, 10, 1000, log=True, symbol="n", doc="cells")
    strength: float = knob(4.0, 0.1, 50.0, log=True, symbol="s", doc="height of the bump")
    width: float = knob(0.2, 0.03, 0.3, log=True, symbol="w", doc="least width of the bump")
    training: int = knob(150, 20, 1000, log=True, doc="parameters to choose from")
    tests: int = knob(12, 3, 200, log=True, doc="parameters the errors are measured at")
    seed: int = seed_knob("the parameters")

    def drawn(self, count: int, seed: int) -> np.ndarray:
        """Parameters (count, 2)."""
        place, width = np.random.default_rng(seed).random((2, count))
        return frozen(np.stack((0.2 + 0.6 * place, self.width * (1 + 2 * width)), axis=1))

    @cached_property
    def training_set(self) -> np.ndarray:
        """Parameters (training, 2) to choose from."""
        return self.drawn(self.training, self.seed)

    @cached_property
    def test_set(self) -> np.ndarray:
        """Parameters (tests, 2) the errors are measured at."""
        return self.drawn(self.tests, self.seed + 2**31)

    @cached_property
    def midpoints(self) -> np.ndarray:
        """Midpoints of the cells, (n,)."""
        return frozen((np.arange(self.n) + 0.5) / self.n)

    def coefficient(self, mu: np.ndarray) -> np.ndarray:
        """κ at the midpoints for parameters (m, 2): (m, n)."""
        return 1 + self.strength * np.exp(-(((self.midpoints - mu[:, :1]) / mu[:, 1:]) ** 2))

    def matrix(self, mu: np.ndarray) -> np.ndarray:
        """The assembled matrix as (diagonal; entries beside it, 0 at the end): (2, n−1)."""
        kappa = self.coefficient(mu[None])[0] * self.n
        return np.stack((kappa[:-1] + kappa[1:], np.append(-kappa[1:-1], 0.0)))

    @cached_property
    def load(self) -> np.ndarray:
        """The functional 1: the width of a cell at every inner node, (n−1,)."""
        return frozen(np.full(self.n - 1, 1.0 / self.n))

    def solve(self, matrix: np.ndarray, load: np.ndarray | None = None) -> np.ndarray:
        """The solution with a matrix in the form of `matrix`."""
        return solveh_banded(matrix, self.load if load is None else load, lower=True, check_finite=False)

    @cached_property
    def truth(self) -> np.ndarray:
        """Full solutions at the test parameters, (tests, n−1)."""
        return frozen(np.stack([self.solve(self.matrix(mu)) for mu in self.test_set]))

    def norms(self, fields: np.ndarray) -> np.ndarray:
        """|u′| of fields (m, n−1)."""
        steps = np.diff(np.pad(fields, ((0, 0), (1, 1))), axis=1)
        return np.sqrt(self.n * np.sum(steps**2, axis=1))


def product(matrix: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """The matrix (2, n) times fields (m, n)."""
    found = matrix[0] * fields
    found[:, :-1] += matrix[1, :-1] * fields[:, 1:]
    found[:, 1:] += matrix[1, :-1] * fields[:, :-1]
    return found


class Separated:
    """κ(·, μ) ≈ Σ β_m(μ) κ(·, μ_m) by empirical interpolation in its symmetric form, and so A_μ ≈ Σ β_m(μ) A_(μ_m)."""

    def __init__(self, problem: MovingInclusion, crosses: Crosses):
        self.problem, self.points = problem, crosses.columns
        self.chosen = problem.training_set[crosses.rows]
        self.values = problem.coefficient(self.chosen)
        self.matrices = np.stack([problem.matrix(mu) for mu in self.chosen])

    def weights(self, mu: np.ndarray) -> np.ndarray:
        """β (m, terms) at parameters (m, 2)."""
        return np.linalg.solve(self.values[:, self.points].T, self.problem.coefficient(mu)[:, self.points].T).T

    def misfit(self, mu: np.ndarray) -> np.ndarray:
        """max_x |κ − Σ β κ_m| at parameters, (m,)."""
        return np.abs(self.problem.coefficient(mu) - self.weights(mu) @ self.values).max(axis=1)
