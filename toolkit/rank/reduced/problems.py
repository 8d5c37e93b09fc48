"""What a reduced basis needs to know of an equation with parameters: full solves, a norm, and a model with a bound."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.problem import Problem
from toolkit.core.stop import Stop

ROUNDING = 1e-12


class Parametrised(Problem):
    """Base: an equation with parameters (M, P) that is solved in full, and a reduced model of it with certified bounds.

    `coordinates` turn a field into numbers whose Euclidean length is its norm; `empty_model` is the model without a
    basis function. `tail_rate`: the factor by which what POD misses falls with each mode, at least; None: not known.
    """

    training: int
    tests: int
    seed: int
    tail_rate: float | None = None
    tail_source = ""

    def empty_model(self):
        """The model without a basis function."""
        raise NotImplementedError

    def drawn(self, count: int, seed: int) -> np.ndarray:
        """Random parameters, (count, P)."""
        raise NotImplementedError

    def solve(self, mu: np.ndarray) -> np.ndarray:
        """The full solution at one parameter (P,)."""
        raise NotImplementedError

    def coordinates(self, fields: np.ndarray) -> np.ndarray:
        """Numbers whose Euclidean length is the norm, for fields (…, unknowns)."""
        raise NotImplementedError

    def load_norms(self, parameters: np.ndarray) -> np.ndarray:
        """Dual norms of the load at parameters (M, P): (M,)."""
        raise NotImplementedError

    def certified(self, stop: Stop) -> tuple:
        """What theory promises of the bounds of any basis, as claims."""
        raise NotImplementedError

    @cached_property
    def training_set(self) -> np.ndarray:
        """Parameters (training, P)."""
        return self.drawn(self.training, self.seed)

    @cached_property
    def test_set(self) -> np.ndarray:
        """Other parameters (tests, P)."""
        return self.drawn(self.tests, self.seed + 2**31)

    @cached_property
    def training_solutions(self) -> np.ndarray:
        """Coordinates of the full solutions at the training parameters, (training, unknowns)."""
        return frozen(self.coordinates(np.stack([self.solve(mu) for mu in self.training_set])))

    @cached_property
    def test_solutions(self) -> np.ndarray:
        """Coordinates of the full solutions at the test parameters, (tests, unknowns)."""
        return frozen(self.coordinates(np.stack([self.solve(mu) for mu in self.test_set])))

    @cached_property
    def rounding(self) -> float:
        """What rounding makes of the error of a perfect basis, at most."""
        return ROUNDING * max(1.0, float(np.linalg.norm(self.test_solutions, axis=1).max()))
