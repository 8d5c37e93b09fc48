"""Poisson's equation on the unit interval, square and cube by second-order finite differences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from toolkit.core.knob import knob
from toolkit.preconditioner.system import LinearSystem, csr, frozen


@dataclass(frozen=True)
class Poisson(LinearSystem):
    """−Δu = f on (0, 1)^d, u = 0 on the boundary; n intervals a side, h = 1/n, (n − 1)^d unknowns, scaled by 1/h²."""

    title: ClassVar[str] = "Poisson"
    sources: ClassVar[tuple[str, ...]] = ("saad2003",)
    symmetric: ClassVar[bool] = True
    definite: ClassVar[bool] = True
    dim: int = knob(2, 1, 3, doc="space dimensions")
    n: int = knob(64, 2, 2048, log=True, doc="intervals a side")
    load: str = knob("one", choices=("one", "sine", "noise"), doc="right-hand side f")
    seed: int = knob(0, 0, 2**31 - 1, doc="seed of the noise")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n - 1,) * self.dim

    @cached_property
    def matrix(self) -> sp.csr_array:
        m = self.n - 1
        line = sp.diags_array([-np.ones(m - 1), 2 * np.ones(m), -np.ones(m - 1)], offsets=[-1, 0, 1]) * float(self.n**2)
        total = line
        for _ in range(self.dim - 1):
            total = sp.kron(total, sp.eye_array(m)) + sp.kron(sp.eye_array(total.shape[0]), line)
        return csr(total)

    @cached_property
    def rhs(self) -> np.ndarray:
        if self.load == "noise":
            return frozen(np.random.default_rng(self.seed).standard_normal((self.n - 1) ** self.dim))
        if self.load == "one":
            return frozen(np.ones((self.n - 1) ** self.dim))
        x = np.sin(np.pi * np.arange(1, self.n) / self.n)
        wave = x
        for _ in range(self.dim - 1):
            wave = np.multiply.outer(wave, x)
        return frozen(self.dim * np.pi**2 * wave.reshape(-1))

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """4 d n² sin²(πh/2) and 4 d n² cos²(πh/2)."""
        s = np.sin(np.pi / (2 * self.n)) ** 2
        return float(4 * self.dim * self.n**2 * s), float(4 * self.dim * self.n**2 * (1 - s))
