"""A hot spot on a warm interval or square: one sharp feature, everything else smooth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.core.problem import Problem


@dataclass(frozen=True)
class HotSpot(Problem):
    """−Δu = f on (0, 1)^d, u = 0 on the boundary; f is nearly all under the beam of a laser.

    u = Π sin(πx_i) + A Π 4x_i(1−x_i) e^{−(x_i−c_i)²/2w²}, c = (c, 1/2): a sum of two products, which makes loads and
    errors in the square a matter of lines.
    """

    title: ClassVar[str] = "hot spot"
    dim: int = knob(1, 1, 2, symbol="d", doc="interval or square")
    width: float = knob(0.03, 0.01, 0.3, log=True, symbol="w", doc="standard deviation of the beam")
    position: float = knob(0.35, 0.2, 0.8, symbol="c", doc="where the beam stands")
    strength: float = knob(2.0, 0.0, 10.0, symbol="A", doc="height of the spot over the warmth around it")

    @property
    def centre(self) -> tuple[float, ...]:
        """The middle of the spot."""
        return (self.position, 0.5)[: self.dim]

    def warmth(self, x: np.ndarray) -> np.ndarray:
        """sin(πx), its first and its second derivative: (3, points)."""
        angle = np.pi * x
        return np.array([np.sin(angle), np.pi * np.cos(angle), -(np.pi**2) * np.sin(angle)])

    def beam(self, x: np.ndarray, centre: float) -> np.ndarray:
        """4x(1−x) e^{−(x−c)²/2w²} and two derivatives: (3, points)."""
        z = (x - centre) / self.width
        bell = np.exp(-(z**2) / 2)
        slope, bend = -z * bell / self.width, (z**2 - 1) * bell / self.width**2
        dome, fall = 4 * x * (1 - x), 4 - 8 * x
        return np.array([dome * bell, fall * bell + dome * slope, -8 * bell + 2 * fall * slope + dome * bend])

    def factors(self, *points: np.ndarray) -> list[list[np.ndarray]]:
        """u = Σ_r Π_i factors[r][i][0]: for each product and direction (3, points_i), with two derivatives."""
        spot = [self.beam(x, c) for x, c in zip(points, self.centre)]
        spot[0] = self.strength * spot[0]
        return [[self.warmth(x) for x in points], spot]

    def exact(self, *points: np.ndarray) -> np.ndarray:
        """u at points of a line, or on the grid of two lines."""
        return self.differentiated([0] * self.dim, *points)

    def differentiated(self, orders: list[int], *points: np.ndarray) -> np.ndarray:
        """The derivative of u of these orders, (points,) or (points, points)."""
        terms = [[one[k] for one, k in zip(term, orders)] for term in self.factors(*points)]
        return sum(term[0] if self.dim == 1 else np.outer(*term) for term in terms)

    @property
    def derivatives(self) -> list[list[int]]:
        """The orders of the partial derivatives of first order."""
        return [[int(i == j) for j in range(self.dim)] for i in range(self.dim)]

    @cached_property
    def norms(self) -> tuple[float, float]:
        """‖∇u‖ and ‖u‖ in L2, by Gauss' rule on 400 pieces."""
        nodes, weights = np.polynomial.legendre.leggauss(8)
        x = ((np.arange(400)[:, None] + (nodes + 1) / 2) / 400).ravel()
        w = np.tile(weights / 800, 400)
        terms = self.factors(*[x] * self.dim)

        def inner(orders):
            """∫ of the square of the derivative of these orders."""
            each = [[one[k] for one, k in zip(term, orders)] for term in terms]
            return sum(np.prod([np.sum(w * f * g) for f, g in zip(one, two)]) for one in each for two in each)

        return float(np.sqrt(sum(map(inner, self.derivatives)))), float(np.sqrt(inner([0] * self.dim)))


def on_a_line(problem: HotSpot, state) -> bool:
    """Whether it is the interval: for pictures of a solution along it."""
    return problem.dim == 1


def on_a_square(problem: HotSpot, state) -> bool:
    """Whether it is the square: for pictures of a solution on it."""
    return problem.dim == 2
