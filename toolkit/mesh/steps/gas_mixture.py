"""Two gases of disparate mass: a kinetic model with three time scales, and the closed form of its moments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem

REACH, CELLS = 12.0, 96


@dataclass(frozen=True)
class DisparateMixture(Problem):
    """Light and heavy particles, m_L = ε² m_H, one velocity dimension, no space, in the time of energy exchange.

    ∂f_L/∂t = ε^−2 (M[u_L, T_L] − f_L) + ε^−2 (M[u_LH, T_LH] − f_L),
    ∂f_H/∂t = ε^−1 (M[u_H, T_H] − f_H) + ε^−1 (M[u_HL, T_HL] − f_H),
    M Maxwellians, n_L = n_H = 1. The mixed ones exchange momentum and heat as elastic collisions of Maxwell molecules
    do (see `mixed`). Light particles come to rest among the heavy ones and become Maxwellian in t ~ ε², heavy ones
    become so in t ~ ε, and the temperatures meet in t ~ 1: epochal relaxation. Light velocities are counted in units
    of 1/ε: c = ε v, so momentum is ε c + u and energy (c² + T_L + u² + T_H)/2. Both gases start as two beams each.
    Of the moments there is a closed form.
    """

    title: ClassVar[str] = "gases of disparate mass"
    sources: ClassVar[tuple[str, ...]] = ("klingenberg2017", "degond1996")
    epsilon: float = knob(0.1, 1e-6, 0.5, log=True, symbol="ε", doc="square root of the mass ratio")
    light: float = knob(1.5, 0.5, 2.0, symbol="T_L", doc="temperature of the light gas at the start")
    heavy: float = knob(0.6, 0.5, 2.0, symbol="T_H", doc="temperature of the heavy gas at the start")
    drift: float = knob(0.5, -0.6, 0.6, symbol="c_L", doc="mean velocity of the light gas at the start, of order 1/ε")
    end: float = knob(0.5, 0.01, 2.0, symbol="T", doc="end time")

    @cached_property
    def velocities(self) -> np.ndarray:
        """The grid of velocities (of c for light particles), shape (97,)."""
        return np.linspace(-REACH, REACH, CELLS + 1)

    @property
    def a(self) -> float:
        """m_H/(m_L + m_H) = 1/(1 + ε²), what a collision passes on of the relative momentum, by two."""
        return 1 / (1 + self.epsilon**2)

    @cached_property
    def start(self) -> np.ndarray:
        """(f_L, f_H), shape (2, 97): two beams each, with the moments asked for."""
        found = []
        for mean, temperature in ((self.drift, self.light), (0.0, self.heavy)):
            apart = np.sqrt(0.6 * temperature)
            found.append(sum(self.maxwellian(mean + s * apart, 0.4 * temperature) for s in (-1, 1)) / 2)
        return np.array(found)

    def maxwellian(self, mean: float, temperature: float) -> np.ndarray:
        """M[mean, temperature] on the grid, whose sums are its moments to rounding; NaN for no temperature."""
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            root = np.sqrt(2 * np.pi * temperature) if temperature > 0 else np.nan
            return np.exp(-((self.velocities - mean) ** 2) / (2 * temperature)) / root

    def moments(self, f: np.ndarray) -> tuple[float, float, float]:
        """(number, mean, temperature) of a distribution."""
        v = self.velocities
        width = v[1] - v[0]
        number = width * float(f.sum())
        mean = width * float(v @ f) / number
        return number, mean, width * float((v - mean) ** 2 @ f) / number

    def mixed(self, c: float, light: float, u: float, heavy: float) -> tuple[float, float, float, float]:
        """(mean, temperature) of the light and of the heavy mixed Maxwellian; W = c − εu the relative velocity.

        c − aW, T_L + 2ε²a²(T_H − T_L) + a²W², u + aW, T_H + 2εa²(T_L − T_H) − (1 − 2ε)a²W²: momentum and energy are
        conserved, heat flows at the rate a²(T_H − T_L), the heat of friction is shared as 1 : ε².
        """
        e, pull = self.epsilon, self.a * (c - self.epsilon * u)
        flow = 2 * self.a**2 * (heavy - light)
        return c - pull, light + e * e * flow + pull**2, u + pull, heavy - e * flow - (1 - 2 * e) * pull**2

    def exact(self, t: float) -> np.ndarray:
        """(c, T_L, u, T_H) at t, closed form."""
        e, a = self.epsilon, self.a
        momentum, double = e * self.drift, self.drift**2 + self.light + self.heavy
        w = self.drift * np.exp(-t / e**2)
        u = a * (momentum - e * w)
        c = w + e * u
        rate, source = 4 * a * a, 2 * a * a * (1 - e * e) / e**2 * self.drift**2
        slow, fast = np.exp(-rate * t), np.exp(-2 * t / e**2)
        gap = (self.light - self.heavy) * slow + source * (fast - slow) / (rate - 2 / e**2)
        both = double - c * c - u * u
        return np.array([c, (both + gap) / 2, u, (both - gap) / 2])

    def measures(self) -> tuple[Measure, ...]:
        return (MOMENT_ERROR, CONSERVATION, LIGHT, HEAVY, GAP, DISORDER)


def _state_moments(problem, state) -> np.ndarray:
    return np.array([m for f in state.f for m in problem.moments(f)[1:]])


def _moment_error(problem, state) -> float:
    return float(np.abs(_state_moments(problem, state) - problem.exact(state.t)).max())


def _conservation(problem, state) -> float:
    """Of particles, momentum and energy, recomputed from the distributions."""
    numbers = [problem.moments(f)[0] - 1 for f in state.f]
    c, light, u, heavy = _state_moments(problem, state)
    momentum = problem.epsilon * (c - problem.drift) + u
    energy = c * c + light + u * u + heavy - (problem.drift**2 + problem.light + problem.heavy)
    return float(np.abs([*numbers, momentum, energy / 2]).max())


def departure(problem, f: np.ndarray) -> float:
    """‖f − M[f]‖₁ / ‖f‖₁: how far from its own Maxwellian."""
    number, mean, temperature = problem.moments(f)
    return float(np.abs(f / number - problem.maxwellian(mean, temperature)).sum()) * (2 * REACH / CELLS)


def _gap(problem, state) -> float:
    _, light, _, heavy = _state_moments(problem, state)
    return abs(light - heavy)


def _disorder(problem, state) -> float:
    """How much the light gas is behind the heavy one or that behind the temperatures, in shares of the start."""
    first = [departure(problem, f) for f in problem.start]
    light, heavy = (departure(problem, f) / start for f, start in zip(state.f, first))
    gap = _gap(problem, state) / abs(problem.light - problem.heavy)
    return max(0.0, light - heavy, heavy - gap)


MOMENT_ERROR = Measure(
    "moment_error", "error of the moments", _moment_error, "max |c, T_L, u, T_H − exact|", doc="at the time reached"
)
CONSERVATION = Measure("conservation", "particles, momentum, energy lost", _conservation, "max |Δ|")
LIGHT = Measure(
    "light_departure", "light gas from Maxwellian", lambda p, s: departure(p, s.f[0]), "‖f_L − M‖₁", doc="falls in ε²"
)
HEAVY = Measure(
    "heavy_departure", "heavy gas from Maxwellian", lambda p, s: departure(p, s.f[1]), "‖f_H − M‖₁", doc="falls in ε"
)
GAP = Measure("temperature_gap", "difference of temperatures", _gap, "|T_L − T_H|", doc="falls in a time of order 1")
DISORDER = Measure("epoch_disorder", "epochs out of order", _disorder, log=False, doc="0: light, heavy, temperatures")


def collided(problem: DisparateMixture, c, light, u, heavy) -> tuple[np.ndarray, np.ndarray]:
    """The sums of the two Maxwellians that each gas relaxes to, given the moments."""
    mean, warm, other, cold = problem.mixed(c, light, u, heavy)
    return (
        problem.maxwellian(c, light) + problem.maxwellian(mean, warm),
        problem.maxwellian(u, heavy) + problem.maxwellian(other, cold),
    )
