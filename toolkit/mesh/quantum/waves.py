"""Highly oscillatory waves ε² φ″ + a(x) φ = 0 with closed forms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy import special

from toolkit.core.knob import knob
from toolkit.core.loading import loading
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem

POINTS = 401


@dataclass(frozen=True)
class OscillatoryWave(Problem):
    """ε² φ″ + a(x) φ = 0 with φ, φ′ given on the left: wave length 2πε/√a.

    a = x on [1, 2] (φ = Ai(−z) + i Bi(−z), z = x ε^−2/3), a = e^x on [0, 1] (φ = H₀⁽¹⁾(2 e^{x/2}/ε)), both scaled to
    |φ| = 1 on the left, or a = 2 − cos 2πx on [0, 1] (integrated to 1e-13; takes about 0.1/ε ms).
    """

    title: ClassVar[str] = "oscillatory Schrödinger wave"
    sources: ClassVar[tuple[str, ...]] = ("arnold2024",)
    potential: str = knob("linear", choices=("linear", "exponential", "cosine"), doc="a(x)")
    epsilon: float = knob(0.05, 1e-4, 0.5, log=True, symbol="ε", doc="small parameter: the wave length over 2π/√a")

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of x."""
        return (1.0, 2.0) if self.potential == "linear" else (0.0, 1.0)

    @cached_property
    def points(self) -> np.ndarray:
        """Where waves are compared: evenly spaced, shape (401,)."""
        return np.linspace(*self.interval, POINTS)

    def taylor(self, x: np.ndarray, order: int) -> np.ndarray:
        """Taylor coefficients of a at the points x, shape (order + 1, len(x))."""
        out = np.zeros((order + 1, len(x)))
        m = np.arange(order + 1)[:, None]
        scale = np.cumprod(np.maximum(m, 1.0))[:, None]
        if self.potential == "linear":
            out[0], out[1:2] = x, 1.0
        elif self.potential == "exponential":
            out[:] = np.exp(x) / scale
        else:
            out[:] = -((2 * np.pi) ** m) * np.cos(2 * np.pi * x + m * np.pi / 2) / scale
            out[0] += 2.0
        return out

    def closed(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(φ, ε φ′) in closed form, before scaling."""
        e = self.epsilon
        if self.potential == "linear":
            ai, aip, bi, bip = special.airy(-x / e ** (2 / 3))
            return ai + 1j * bi, -(e ** (1 / 3)) * (aip + 1j * bip)
        z = 2 / e * np.exp(x / 2)
        return special.hankel1(0, z), -np.exp(x / 2) * special.hankel1(1, z)

    @cached_property
    def start(self) -> tuple[complex, complex]:
        """(φ, ε φ′) on the left."""
        if self.potential == "cosine":
            return 1.0 + 0j, 1j
        value, slope = self.closed(np.array(self.interval[:1]))
        scale = abs(value[0])
        return complex(value[0] / scale), complex(slope[0] / scale)

    @cached_property
    def exact(self) -> np.ndarray:
        """φ at the points, complex."""
        if self.potential != "cosine":
            scale = abs(self.closed(np.array(self.interval[:1]))[0][0])
            return self.closed(self.points)[0] / scale
        with loading():
            from scipy.integrate import solve_ivp

        def slope(x, y):
            return np.array([y[1], (np.cos(2 * np.pi * x) - 2) * y[0]]) / self.epsilon

        about = dict(method="DOP853", rtol=1e-13, atol=1e-13, t_eval=self.points)
        return solve_ivp(slope, self.interval, np.array(self.start), **about).y[0]

    def measures(self) -> tuple[Measure, ...]:
        return (ERROR, EXPONENT)


def _error(problem: OscillatoryWave, state) -> float:
    return float(np.abs(state.solution() - problem.exact).max())


def _exponent(problem: OscillatoryWave, state) -> float:
    value = _error(problem, state)
    return -float(np.log(value)) if 0 < value < 1 else float("nan")


ERROR = Measure("wave_error", "error of the wave", _error, "max |φ_N − φ|")
EXPONENT = Measure(
    "wave_exponent",
    "exponent of the error",
    _exponent,
    "−ln max |φ_N − φ|",
    log=False,
    doc="grows as r/ε where the error is e^{−r/ε} but for powers of ε",
)
