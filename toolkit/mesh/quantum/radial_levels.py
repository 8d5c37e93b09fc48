"""Energy levels to find in a given radial potential, each known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.mesh.quantum.dirac import sommerfeld


class RadialLevels(Problem):
    """The lowest `levels` bound states of one symmetry in V(r), their energies (Ha) known in closed form.

    Subclasses give `exact` (levels,), `potential(r)` and `r_max`, where the last state has decayed to rounding.
    """

    levels: int

    @cached_property
    def exact(self) -> np.ndarray:
        """The energies in closed form, rising, (levels,), in Ha."""
        raise NotImplementedError

    @property
    def charge(self) -> int:
        """Z of a nucleus at the origin, where V ~ −Z/r and states have a cusp; 0 without one."""
        return 0

    def potential(self, r: np.ndarray) -> np.ndarray:
        """V at r > 0 (Bohr), of the shape of r, in Ha."""
        raise NotImplementedError

    @property
    def r_max(self) -> float:
        """Where the mesh may end, in Bohr: the last state has decayed to rounding there."""
        raise NotImplementedError

    def measures(self) -> tuple[Measure, ...]:
        return (ENERGY_ERRORS,)


ENERGY_ERRORS = Measure(
    "last_level",
    "error of the last level",
    lambda problem, state: abs(float(state.energies[-1] - problem.exact[-1])),
    "|E_n − E|",
    "Ha",
    doc="of the level with most nodes",
)


class SchroedingerLevels(RadialLevels):
    """Levels of one angular momentum l by Schrödinger's equation, −P''/2 + (V + l(l + 1)/2r²) P = E P."""

    l: int


@dataclass(frozen=True)
class HydrogenLike(SchroedingerLevels):
    """An electron and a nucleus of charge Z: −P''/2 + (−Z/r + l(l + 1)/2r²) P = E P, E_n = −Z²/2n²."""

    title: ClassVar[str] = "hydrogen-like levels"
    sources: ClassVar[tuple[str, ...]] = ("certik2024",)
    Z: int = knob(1, 1, 118, symbol="Z", doc="charge of the nucleus")
    l: int = knob(0, 0, 4, symbol="l", doc="angular momentum")
    levels: int = knob(3, 1, 6, doc="how many levels: n = l + 1 … l + levels")

    @cached_property
    def exact(self) -> np.ndarray:
        return -0.5 * (self.Z / np.arange(self.l + 1, self.l + self.levels + 1)) ** 2

    @property
    def charge(self) -> int:
        return self.Z

    def potential(self, r: np.ndarray) -> np.ndarray:
        return -self.Z / r

    @property
    def r_max(self) -> float:
        n = self.l + self.levels
        return n * (2 * n + 22) / self.Z


@dataclass(frozen=True)
class RadialOscillator(SchroedingerLevels):
    """The three-dimensional harmonic oscillator, V = ω² r²/2: E = ω (2k + l + 3/2), k = 0, 1, …"""

    title: ClassVar[str] = "radial oscillator"
    sources: ClassVar[tuple[str, ...]] = ("certik2024",)
    omega: float = knob(1.0, 0.1, 10.0, log=True, symbol="ω", doc="frequency")
    l: int = knob(0, 0, 4, symbol="l", doc="angular momentum")
    levels: int = knob(3, 1, 6, doc="how many levels")

    @cached_property
    def exact(self) -> np.ndarray:
        return self.omega * (2 * np.arange(self.levels) + self.l + 1.5)

    def potential(self, r: np.ndarray) -> np.ndarray:
        return (self.omega * r) ** 2 / 2

    @property
    def r_max(self) -> float:
        return float((np.sqrt(2 * (2 * self.levels + self.l)) + 6.5) / np.sqrt(self.omega))


@dataclass(frozen=True)
class RelativisticIon(RadialLevels):
    """Dirac's hydrogen-like ion: E = c²/√(1 + (Z/c)²/(n − |κ| + β)²) − c², β = √(κ² − (Z/c)²), c = 137.0359895.

    κ = −1 is s1/2, 1 is p1/2, −2 is p3/2. P and Q behave like r^β at the origin: for κ = ±1 their slopes diverge.
    """

    title: ClassVar[str] = "relativistic hydrogen-like levels"
    sources: ClassVar[tuple[str, ...]] = ("certik2024",)
    Z: int = knob(92, 1, 118, symbol="Z", doc="charge of the nucleus")
    kappa: int = knob(-1, choices=(-4, -3, -2, -1, 1, 2, 3, 4), symbol="κ", doc="symmetry: −(l + 1) up, l down")
    levels: int = knob(3, 1, 6, doc="how many levels")

    @cached_property
    def exact(self) -> np.ndarray:
        first = self.kappa + 1 if self.kappa > 0 else -self.kappa
        return np.array([sommerfeld(self.Z, n, self.kappa) for n in range(first, first + self.levels)])

    @property
    def charge(self) -> int:
        return self.Z

    def potential(self, r: np.ndarray) -> np.ndarray:
        return -self.Z / r

    @property
    def r_max(self) -> float:
        n = abs(self.kappa) + self.levels
        return n * (2 * n + 22) / self.Z
