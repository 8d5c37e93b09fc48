"""Fronts that travel, in closed form: on a grid at rest, and on one that moves with the flow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob
from toolkit.core.problem import Problem

KINDS = ("advection", "Burgers before its shock", "viscous Burgers")
SPEEDS = np.array([1.0, 0.4, 0.0])  # of the three plateaus of the viscous fronts
PLACES = np.array([0.2, 0.5])  # where its two fronts are at first


@dataclass(frozen=True)
class TravellingFront(Problem):
    """u_t + f(u)_x = ν u_xx on a line, with a solution in closed form: a pulse or fronts that travel.

    "advection": f = u/2, u = g(x − t/2), g a Gaussian of width w. "Burgers before its shock": f = u²/2, ν = 0, starts
    from g; u = g(ξ) with x = ξ + t g(ξ), up to `last` of the time w (e/2)^½ of the shock. "viscous Burgers": Cole–Hopf,
    u = Σ a_i e_i / Σ e_i, e_i = exp((a_i² t/2 − a_i x)/(2ν) + b_i): two fronts of width ~ 4ν that meet and merge.
    Snapshots at n places and m times up to `last`; modes are made of the first `window` of the times.
    Reference: R. Mojgani, M. Balajewicz, arXiv:1701.04343 (2017), section 4; J. D. Cole, Quart. Appl. Math. 9 (1951).
    """

    title: ClassVar[str] = "travelling front"
    sources: ClassVar[tuple[str, ...]] = ("mojgani2017", "cole1951")
    kind: str = knob(KINDS[0], choices=KINDS, doc="what travels, and how")
    n: int = knob(200, 20, 800, log=True, symbol="n", doc="places")
    times: int = knob(80, 8, 300, log=True, symbol="m", doc="times")
    width: float = knob(0.06, 0.01, 0.3, log=True, symbol="w", doc="width of the pulse")
    viscosity: float = knob(0.02, 0.01, 0.1, log=True, symbol="ν", doc="of the viscous fronts")
    last: float = knob(0.9, 0.1, 0.98, symbol="T", doc="last time; for Burgers a share of the time of the shock")
    window: float = knob(1.0, 0.1, 1.0, doc="share of the times that modes are made of")

    @cached_property
    def x(self) -> np.ndarray:
        """Places of the grid at rest, (n,), from 0 to 1."""
        return frozen(np.linspace(0, 1, self.n))

    @cached_property
    def t(self) -> np.ndarray:
        """Times of the snapshots, (m,), from 0."""
        shock = self.width * np.sqrt(np.e / 2) if self.kind == KINDS[1] else 1.0
        return frozen(np.linspace(0, self.last * shock, self.times))

    @property
    def trained(self) -> int:
        """How many of the times the modes are made of."""
        return max(2, round(self.window * self.times))

    def pulse(self, x: np.ndarray) -> np.ndarray:
        """g(x) = exp(−((x − 0.3)/w)²), the pulse at the start, at places of any shape."""
        return np.exp(-(((x - 0.3) / self.width) ** 2))

    def exact(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        """u at places x (n, m), column by column at the times t (m,)."""
        if self.kind == KINDS[0]:
            return self.pulse(x - t / 2)
        return self.pulse(self._feet(x, t)) if self.kind == KINDS[1] else self.merging(x, t)[0]

    def _feet(self, x, t) -> np.ndarray:
        """ξ with ξ + t g(ξ) = x: Newton's method, kept between the brackets by bisection."""
        low, high = np.broadcast_to(x - t, x.shape), np.broadcast_to(x, x.shape)
        foot = high - t * self.pulse(high)
        for _ in range(60):
            g = self.pulse(foot)
            over = foot + t * g - x
            low, high = np.where(over < 0, foot, low), np.where(over < 0, high, foot)
            slope = 1 - 2 * t * g * (foot - 0.3) / self.width**2
            new = foot - over / slope
            new = np.where((new > low) & (new < high), new, (low + high) / 2)
            if np.abs(new - foot).max() < 1e-16:
                break
            foot = new
        return foot

    def merging(self, x, t) -> tuple[np.ndarray, np.ndarray]:
        """(u, u_x) of the viscous fronts: mean and, over −2ν, variance of the speeds with the weights e_i."""
        nu = self.viscosity
        offset = np.append(np.cumsum(np.diff(SPEEDS[::-1]) * PLACES[::-1])[::-1], 0.0)
        power = [(a * a * t / 2 - a * x + b) / (2 * nu) for a, b in zip(SPEEDS, offset)]
        most = np.maximum.reduce(power)
        e = [np.exp(one - most) for one in power]
        total = sum(e)
        one, two = (sum(a**p * w for a, w in zip(SPEEDS, e)) / total for p in (1, 2))
        return one, (one * one - two) / (2 * nu)

    @cached_property
    def eulerian(self) -> np.ndarray:
        """Snapshots on the grid at rest, (n, m)."""
        return frozen(self.exact(np.broadcast_to(self.x[:, None], (self.n, self.times)), self.t))

    @cached_property
    def lagrangian(self) -> tuple[np.ndarray, np.ndarray]:
        """(positions, states) of particles that start on the grid, (n, m) both."""
        start = self.pulse(self.x)[:, None]
        if self.kind == KINDS[0]:
            return frozen(self.x[:, None] + self.t / 2), frozen(np.repeat(start, self.times, 1))
        if self.kind == KINDS[1]:
            return frozen(self.x[:, None] + start * self.t), frozen(np.repeat(start, self.times, 1))
        places = np.empty((self.n, self.times))
        places[:, 0] = self.x
        speed = lambda t, x: self.merging(x, t)[0]  # noqa: E731
        for j in range(self.times - 1):
            places[:, j + 1] = runge_kutta(speed, self.t[j], self.t[j + 1] - self.t[j], places[:, j], 4)
        return frozen(places), frozen(self.exact(places, self.t))


def runge_kutta(rate, t: float, span: float, y: np.ndarray, parts: int) -> np.ndarray:
    """y after a span of time by the classical method of order four in equal parts."""
    h = span / parts
    for _ in range(parts):
        a = rate(t, y)
        b = rate(t + h / 2, y + h / 2 * a)
        c = rate(t + h / 2, y + h / 2 * b)
        d = rate(t + h, y + h * c)
        y, t = y + h / 6 * (a + 2 * b + 2 * c + d), t + h
    return y


def slopes(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """First derivatives down the columns on the uniform grid x: order four inside, two at the ends."""
    h = x[1] - x[0]
    found = np.gradient(values, h, axis=0, edge_order=2)
    found[2:-2] = (8 * (values[3:-1] - values[1:-3]) - (values[4:] - values[:-4])) / (12 * h)
    return found


def stiffness(fields: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """∫ φ_i φ_j dx (lumped) and ∫ φ_i′ φ_j′ dx of piecewise linear fields (n, k) on any growing grid x."""
    steps = np.diff(x)
    weights = np.convolve(steps, (0.5, 0.5))
    jumps = np.diff(fields, axis=0)
    return fields.T @ (weights[:, None] * fields), jumps.T @ (jumps / steps[:, None])
