"""Exact solutions of model problems: a value, a gradient and a Laplacian at points.

Points come as arrays (dim, …), values go as (…), gradients as (dim, …).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Product:
    """u = Π φ(x_i); `factor(x)` gives φ, φ′, φ″ as (3, …)."""

    factor: object

    def value(self, x: np.ndarray) -> np.ndarray:
        """u at points (dim, …): (…)."""
        return math.prod(self.factor(one)[0] for one in x)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """∇u at points (dim, …): (dim, …)."""
        return np.array(self._bent(x, 1))

    def laplacian(self, x: np.ndarray) -> np.ndarray:
        """Δu at points (dim, …): (…)."""
        return sum(self._bent(x, 2))

    def _bent(self, x, order: int) -> list[np.ndarray]:
        """The derivative of this order in every direction."""
        parts = [self.factor(one) for one in x]
        return [math.prod(part[order if i == j else 0] for j, part in enumerate(parts)) for i in range(len(x))]


def waves(number: float) -> Product:
    """Π sin(ω π x_i), smooth; zero where x_i is a multiple of 1/ω."""

    def factor(x):
        k = number * np.pi
        return np.array([np.sin(k * x), k * np.cos(k * x), -(k**2) * np.sin(k * x)])

    return Product(factor)


def layers(width: float) -> Product:
    """Π l(x_i), l(x) = x − (e^{(x−1)/w} − e^{−1/w})/(1 − e^{−1/w}): zero at 0 and 1, steep over the length w before 1.

    With −w l″ + l′ = 1 it is the solution of advection–diffusion in an interval.
    """

    def factor(x):
        end = np.exp(-1.0 / width)
        bell = np.exp((x - 1) / width) / (1 - end)
        return np.array([x - bell + end / (1 - end), 1 - bell / width, -bell / width**2])

    return Product(factor)


@dataclass(frozen=True)
class Corner:
    """u = r^α sin(αθ), −π/4 ≤ θ < 7π/4, harmonic; r^α in one dimension. Its gradient is infinite at 0 where α < 1."""

    power: float

    def value(self, x: np.ndarray) -> np.ndarray:
        """r^α sin(αθ) at points (2, …), x^α at points (1, …)."""
        if len(x) == 1:
            return np.maximum(x[0], 0) ** self.power
        r, theta = _polar(x)
        return r**self.power * np.sin(self.power * theta)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """∇u at points (dim, …): (dim, …); infinite at 0 where α < 1."""
        if len(x) == 1:
            return self.power * x ** (self.power - 1)
        r, theta = _polar(x)
        turn = (self.power - 1) * theta
        with np.errstate(divide="ignore"):
            steep = self.power * r ** (self.power - 1)
        return np.array([steep * np.sin(turn), steep * np.cos(turn)])

    def laplacian(self, x: np.ndarray) -> np.ndarray:
        """Δu: 0 in the plane, α(α − 1) x^{α−2} on a line."""
        if len(x) == 1:
            return self.power * (self.power - 1) * x[0] ** (self.power - 2)
        return np.zeros(x.shape[1:])


def _polar(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.hypot(x[0], x[1]), np.mod(np.arctan2(x[1], x[0]) + np.pi / 4, 2 * np.pi) - np.pi / 4


@dataclass(frozen=True)
class Front:
    """u = arctan((|x − c| − R)/w): a circular front of width w, as of a wave that has travelled the distance R.

    Reference: W. F. Mitchell, Appl. Math. Comput. 220 (2013) 350–364, doi:10.1016/j.amc.2013.05.068, "wave front",
    there from a centre nearer by.
    """

    centre: tuple[float, ...]
    radius: float
    width: float

    def _along(self, x):
        d = x - np.reshape(self.centre, (-1,) + (1,) * (x.ndim - 1))
        r = np.sqrt((d**2).sum(axis=0))
        return d, r, (r - self.radius) / self.width

    def value(self, x: np.ndarray) -> np.ndarray:
        """u at points (dim, …): (…)."""
        return np.arctan(self._along(x)[2])

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """∇u at points (dim, …): (dim, …)."""
        d, r, s = self._along(x)
        return d / (r * self.width * (1 + s**2))

    def laplacian(self, x: np.ndarray) -> np.ndarray:
        """Δu at points (dim, …): (…)."""
        _, r, s = self._along(x)
        slope = 1 / (self.width * (1 + s**2))
        return -2 * s * slope**2 + (len(x) - 1) / r * slope


@dataclass(frozen=True)
class Cubic:
    """u = s³, s = Σ x_i/i: what elements of degree 3 and more have exactly."""

    def _s(self, x):
        share = 1.0 / np.arange(1, len(x) + 1)
        return share, np.tensordot(share, x, axes=1)

    def value(self, x: np.ndarray) -> np.ndarray:
        """s³ at points (dim, …): (…)."""
        return self._s(x)[1] ** 3

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """∇u at points (dim, …): (dim, …)."""
        share, s = self._s(x)
        return np.multiply.outer(share, 3 * s**2)

    def laplacian(self, x: np.ndarray) -> np.ndarray:
        """Δu at points (dim, …): (…)."""
        share, s = self._s(x)
        return 6 * (share**2).sum() * s


@dataclass(frozen=True)
class Dome:
    """u = (1 − |x|²) e^{x + y/2}: zero on the unit circle, not round."""

    def _parts(self, x):
        return 1 - x[0] ** 2 - x[1] ** 2, np.exp(x[0] + x[1] / 2)

    def value(self, x: np.ndarray) -> np.ndarray:
        """u at points (2, …): (…)."""
        dome, tilt = self._parts(x)
        return dome * tilt

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """∇u at points (2, …): (2, …)."""
        dome, tilt = self._parts(x)
        return np.array([(dome - 2 * x[0]) * tilt, (dome / 2 - 2 * x[1]) * tilt])

    def laplacian(self, x: np.ndarray) -> np.ndarray:
        """Δu at points (2, …): (…)."""
        dome, tilt = self._parts(x)
        return (1.25 * dome - 4 * x[0] - 2 * x[1] - 4) * tilt
