"""Waves of many frequencies as a table of fields, to be interpolated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.rank.interpolation.problems import FieldTable
from toolkit.rank.reduced.scattering import ObstacleScattering

FIELDS = ("incident", "total")


@dataclass(frozen=True)
class WaveFields(FieldTable):
    """Plane waves, or the waves about an obstacle, at many frequencies: real and imaginary parts as fields.

    "incident": e^(ik d·x), the classical example of a parameter that cannot be separated; "total": the solution of the
    scattering problem. k is drawn uniformly from the problem's range, with the seed.
    Reference: M. Barrault, Y. Maday, N. C. Nguyen, A. T. Patera, C. R. Math. 339 (2004) 667–672,
    doi:10.1016/j.crma.2004.08.006.
    """

    title: ClassVar[str] = "waves of many frequencies"
    sources: ClassVar[tuple[str, ...]] = ("barrault2004",)
    kind: str = knob(FIELDS[0], choices=FIELDS, doc="the incident wave, or the total field")
    n: int = knob(28, 6, 36, symbol="n", doc="cells along a side")
    fields: int = knob(60, 10, 500, log=True, symbol="M", doc="frequencies in the table; two fields each")
    angle: float = knob(20.0, 0.0, 90.0, unit="°", doc="direction of the incident wave against the x axis")
    low: float = knob(3.0, 0.5, 12.0, log=True, symbol="k₀", doc="least wavenumber")
    high: float = knob(9.0, 1.0, 12.0, log=True, symbol="k₁", doc="largest wavenumber")
    seed: int = seed_knob("the wavenumbers")

    def __post_init__(self):
        super().__post_init__()
        self.scattering  # noqa: B018 - a range that is none is refused here

    @cached_property
    def scattering(self) -> ObstacleScattering:
        """The problem whose waves they are."""
        return ObstacleScattering(n=self.n, angle=self.angle, low=self.low, high=self.high)

    @property
    def shape(self) -> tuple[int, int]:
        return self.scattering.shape

    def made(self, parameters: np.ndarray) -> np.ndarray:
        """Real parts, then imaginary parts, at wavenumbers (M, 1): (2M, points)."""
        one = self.scattering.solve if self.kind == "total" else lambda mu: self.scattering.incident(mu[0])
        waves = np.stack([one(mu) for mu in parameters])
        return np.vstack((waves.real, waves.imag))

    @cached_property
    def table(self) -> np.ndarray:
        return frozen(self.made(self.scattering.drawn(self.fields, self.seed)))

    @cached_property
    def held_out(self) -> np.ndarray:
        return frozen(self.made(self.scattering.drawn(8, self.seed + 2**31)))
