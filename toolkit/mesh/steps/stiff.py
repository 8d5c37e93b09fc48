"""Two small stiff systems that every code is tried on: van der Pol's oscillator and Robertson's reaction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.core.probe import Measure
from toolkit.mesh.steps.problems import Evolution


@dataclass(frozen=True)
class VanDerPol(Evolution):
    """y₁′ = y₂, ε y₂′ = (1 − y₁²) y₂ − y₁, y(0) = (2, 0): slow along the branches, jumps of width ε between them.

    Reference: F. Mazzia, C. Magherini, Test Set for Initial Value Problem Solvers 2.4 (2008), problem VDPOL
    (ε = 1e-6, end 2).
    """

    title: ClassVar[str] = "van der Pol"
    name: ClassVar[str] = "van_der_pol"
    sources: ClassVar[tuple[str, ...]] = ("mazzia2008",)
    labels: ClassVar[tuple[str, ...]] = ("y₁", "y₂")
    epsilon: float = knob(0.01, 1e-6, 1.0, log=True, symbol="ε", doc="ratio of the time scales")
    end: float = knob(2.0, 0.01, 20.0, symbol="T", doc="end time")

    @property
    def ladder(self) -> tuple[int, ...]:
        return tuple(round(self.end * m) for m in (200, 400, 800)) if self.epsilon >= 0.25 else ()

    @cached_property
    def start(self) -> np.ndarray:
        return np.array([2.0, 0.0])

    def rhs(self, y):
        return np.array([y[1], ((1 - y[0] * y[0]) * y[1] - y[0]) / self.epsilon])

    def jacobian(self, y):
        return np.array([[0.0, 1.0], [(-2 * y[0] * y[1] - 1) / self.epsilon, (1 - y[0] * y[0]) / self.epsilon]])

    @cached_property
    def final(self) -> np.ndarray:
        if self.epsilon == 1e-6 and self.end == 2.0:
            return np.array([1.706167732170483, -0.8928097010247975])
        return Evolution.final.func(self)


@dataclass(frozen=True)
class Robertson(Evolution):
    """Three species, rates 0.04, 1e4, 3e7: y₁′ = −0.04 y₁ + 1e4 y₂y₃, y₃′ = 3e7 y₂², Σ y = 1; y(0) = (1, 0, 0).

    A first layer of 1e-3, then ever slower until 1e11.
    Reference: F. Mazzia, C. Magherini, Test Set for Initial Value Problem Solvers 2.4 (2008), problem ROBER (end 1e11).
    """

    title: ClassVar[str] = "Robertson's reaction"
    name: ClassVar[str] = "robertson"
    sources: ClassVar[tuple[str, ...]] = ("mazzia2008",)
    labels: ClassVar[tuple[str, ...]] = ("y₁", "y₂", "y₃")
    keeps_mass: ClassVar[bool] = True
    end: float = knob(40.0, 0.01, 1e11, log=True, symbol="T", doc="end time")

    @cached_property
    def start(self) -> np.ndarray:
        return np.array([1.0, 0.0, 0.0])

    @property
    def stiffness(self) -> float:
        """The rate 1e4 times the end time: at the start itself nothing is fast yet."""
        return 1e4 * self.end

    def rhs(self, y):
        slow, back, fast = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] * y[1]
        return np.array([back - slow, slow - back - fast, fast])

    def jacobian(self, y):
        back, fast = 1e4 * y[1:], 6e7 * y[1]
        return np.array([[-0.04, back[1], back[0]], [0.04, -back[1] - fast, -back[0]], [0.0, fast, 0.0]])

    @cached_property
    def final(self) -> np.ndarray:
        if self.end == 1e11:
            return np.array([0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050])
        return Evolution.final.func(self)

    def measures(self) -> tuple[Measure, ...]:
        return (*super().measures(), MASS)


MASS = Measure(
    "mass_error", "mass lost or won", lambda problem, state: abs(float(state.solution().sum()) - 1), "|Σ y − 1|"
)
