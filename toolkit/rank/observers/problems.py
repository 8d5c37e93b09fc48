"""A heated rod that is watched at one point, and what generates its input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem

INPUTS = ("tones", "square wave", "noise")


def generator(tones: int, base: float) -> tuple[np.ndarray, np.ndarray]:
    """(S, L) of the constant and of `tones` harmonics of `base`: ω′ = S ω, u = L ω; order 1 + 2 tones."""
    order = 1 + 2 * tones
    s, row = np.zeros((order, order)), np.zeros((1, order))
    row[0, 0] = 1.0
    for i in range(1, tones + 1):
        s[2 * i - 1, 2 * i], s[2 * i, 2 * i - 1] = i * base, -i * base
        row[0, 2 * i - 1] = 1.0
    return s, row


@dataclass(frozen=True)
class WatchedRod(Problem):
    """x′ = A x + b u, y = c x: a rod heated at its left end, cold at its right, its temperature known at one place.

    Heat equation on (0, 1) with conductivity one, linear elements with lumped mass at n nodes; u is the heat flux, y
    the temperature at `sensor`. It starts from cos(π x/2) + cos(3π x/2) over its root mean square, which the observer
    does not know. Inputs: "tones", the constant 1/2 and harmonics cos(i base t)/i; a square wave of that frequency, or
    noise, both between −1 and 1 and held in every time step.
    Reference: M. F. Shakib, M. Khalil, R. Postoyan, arXiv:2508.00609 (2025): a benchmark of this kind.
    """

    title: ClassVar[str] = "watched rod"
    sources: ClassVar[tuple[str, ...]] = ("shakib2025",)
    n: int = knob(80, 10, 200, log=True, symbol="n", doc="states of the rod")
    sensor: float = knob(0.6, 0.0, 0.95, doc="place where the temperature is known")
    input: str = knob(INPUTS[0], choices=INPUTS, doc="how the rod is heated")
    tones: int = knob(2, 0, 8, doc="harmonics in the input")
    base: float = knob(2.0, 0.1, 20.0, log=True, symbol="ω", doc="frequency of the input, radian per unit of time")
    last: float = knob(9.0, 1.0, 20.0, symbol="T", doc="last time")
    steps: int = knob(300, 50, 2000, log=True, doc="time steps")
    seed: int = seed_knob("the noise")

    @property
    def dt(self) -> float:
        """Length of a time step."""
        return self.last / self.steps

    @cached_property
    def x(self) -> np.ndarray:
        """Nodes of the rod, (n,), from its heated end on; the cold end is not one of them."""
        return frozen(np.arange(self.n) / self.n)

    @cached_property
    def a(self) -> np.ndarray:
        """A (n, n): the second difference, a flux at the left end, zero at the right."""
        matrix = self.n**2 * (np.eye(self.n, k=1) + np.eye(self.n, k=-1) - 2 * np.eye(self.n))
        matrix[0, 1] = 2 * self.n**2  # half a mass at the heated end
        return frozen(matrix)

    @cached_property
    def b(self) -> np.ndarray:
        """b (n, 1): what a flux does to the heated end."""
        return frozen(2.0 * self.n * np.eye(self.n)[:, :1])

    @cached_property
    def watched(self) -> np.ndarray:
        """c: linear interpolation of the temperature at the sensor, (1, n)."""
        return frozen(np.maximum(0.0, 1.0 - np.abs(self.sensor * self.n - np.arange(self.n)))[None])

    @cached_property
    def start(self) -> np.ndarray:
        """x(0) (n,), of root mean square one."""
        shape = np.cos(np.pi * self.x / 2) + np.cos(3 * np.pi * self.x / 2)
        return frozen(shape / np.sqrt(np.mean(shape**2)))

    @cached_property
    def driver(self) -> tuple[np.ndarray, np.ndarray]:
        """(S, L) of the input within a time step: that of the tones, or a constant."""
        return generator(self.tones, self.base) if self.input == INPUTS[0] else (np.zeros((1, 1)), np.ones((1, 1)))

    @cached_property
    def drives(self) -> np.ndarray:
        """The generator's state at the beginning of every time step, (steps, order)."""
        t = self.dt * np.arange(self.steps)
        if self.input == INPUTS[1]:
            return frozen(np.where(np.sin(self.base * (t + self.dt / 2)) >= 0, 1.0, -1.0)[:, None])
        if self.input == INPUTS[2]:
            return frozen(np.random.default_rng(self.seed).uniform(-1, 1, (self.steps, 1)))
        tones = [(np.cos(i * self.base * t) / i, -np.sin(i * self.base * t) / i) for i in range(1, self.tones + 1)]
        return frozen(np.stack([np.full(self.steps, 0.5), *(one for pair in tones for one in pair)], axis=1))
