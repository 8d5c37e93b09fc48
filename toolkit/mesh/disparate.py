"""Two gases of disparate mass: a kinetic model with three time scales, and an asymptotic-preserving scheme for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.claim import Exact, Flat, Order
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.problem import Problem
from toolkit.core.registry import Experiment, Picture
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop

REACH, CELLS = 12.0, 96
ALL = Stop(rtol=0.0, steps=None)
TINY = 1e-300
BLOWN_UP = 1e3


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


@dataclass(slots=True, kw_only=True)
class MixtureState(State):
    """f = (f_L, f_H), shape (2, 97), at the time t; `remaining` is 1 − t/T, `peak` the largest value of |f|.

    `trail` holds (t, T_L, T_H) of the steps done.
    """

    f: np.ndarray
    t: float = 0.0
    remaining: float = 1.0
    peak: float
    trail: np.ndarray

    def solution(self) -> np.ndarray:
        return self.f


class MixtureMethod(Method):
    """Steps of one length h = T/steps. Subclasses give `leap`, the distributions after a step."""

    family: ClassVar[str] = "kinetic"
    monitors: ClassVar[tuple[str, ...]] = ("remaining", "peak")
    problems: ClassVar[tuple[type, ...]] = (DisparateMixture,)
    steps: int

    def leap(self, problem: DisparateMixture, f: np.ndarray, h: float) -> np.ndarray:
        """(f_L, f_H) at t + h approximately."""
        raise NotImplementedError

    def init(self, problem: DisparateMixture) -> MixtureState:
        f = problem.start.copy()
        trail = np.full((min(self.steps, 1024) + 1, 3), np.nan)
        trail[0] = 0.0, problem.light, problem.heavy
        return MixtureState(f=f, peak=float(f.max()), trail=trail)

    def step(self, problem: DisparateMixture, state: MixtureState) -> MixtureState:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            f = self.leap(problem, state.f, problem.end / self.steps)
            peak = float(np.abs(f).max())
        state.k += 1
        state.work.nfe += 1
        state.work.flops += 60.0 * f.size
        if not peak <= BLOWN_UP:  # NaN too
            cause = f"the distributions are no longer bounded at t = {state.t:.3g}"
            state.status = Status("diverged", cause, "Shorter steps than ε², or the implicit scheme")
            return state
        state.f, state.peak = f, peak
        state.t = problem.end * (state.k / self.steps)
        state.remaining = max(TINY, 1 - state.k / self.steps)
        row = state.k * (len(state.trail) - 1) // self.steps
        state.trail[row] = state.t, problem.moments(f[0])[2], problem.moments(f[1])[2]
        if state.k >= self.steps:
            state.status = Status("converged", "reached the final time")
        return state

    def conserves(self) -> Exact:
        return Exact(
            measure="conservation",
            tol=1e-11,
            always=True,
            title="particles, momentum and energy are conserved",
            assumes="the Maxwellians are resolved",
            source="klingenberg2017",
            stop=ALL,
        )


def collided(problem: DisparateMixture, c, light, u, heavy) -> tuple[np.ndarray, np.ndarray]:
    """The sums of the two Maxwellians that each gas relaxes to, given the moments."""
    mean, warm, other, cold = problem.mixed(c, light, u, heavy)
    return (
        problem.maxwellian(c, light) + problem.maxwellian(mean, warm),
        problem.maxwellian(u, heavy) + problem.maxwellian(other, cold),
    )


@dataclass(frozen=True)
class AsymptoticPreserving(MixtureMethod):
    """Asymptotic-preserving scheme: collisions implicit, yet nothing is solved but one linear equation for T_L.

    f⁺ = (f + h ν Σ M⁺)/(1 + 2 h ν), ν = ε^−2 for the light and ε^−1 for the heavy gas; the moments of M⁺ come first, as
    they obey a closed system: W⁺ = W/(1 + h/ε²), c⁺, u⁺ from momentum, T⁺ from energy and
    (½ + 2ha²) T_L⁺ = E_L − c⁺²/2 + h [(a²W⁺² − aW⁺c⁺)/ε² + a²(T_L + T_H)⁺].
    Of first order, stable for every h; as ε → 0 it becomes implicit Euler for the exchange of heat between two
    Maxwellian gases. About 60 flops a velocity a step.
    Reference: Z. Hao, N. Jiang, L. Liu, arXiv:2411.13240 (three time scales, implicit BGK parts; there for Boltzmann's
    operators with asymptotic expansions, here for the BGK model of C. Klingenberg, M. Pirner, G. Puppo, Kinet. Relat.
    Models 10 (2017) 445–465); F. Filbet, S. Jin, J. Comput. Phys. 229 (2010) 7625–7648.
    """

    title: ClassVar[str] = "asymptotic-preserving (implicit BGK)"
    name: ClassVar[str] = "ap_disparate_mass"
    sources: ClassVar[tuple[str, ...]] = ("hao2024", "klingenberg2017", "filbet2010")
    steps: int = knob(50, 1, 100_000, log=True, symbol="N", doc="time steps to the end")

    def leap(self, problem, f, h):
        c, light, u, heavy = self.advanced(problem, f, h)
        e = problem.epsilon
        to_light, to_heavy = collided(problem, c, light, u, heavy)
        fast, slow = h / e**2, h / e
        return np.array([(f[0] + fast * to_light) / (1 + 2 * fast), (f[1] + slow * to_heavy) / (1 + 2 * slow)])

    def advanced(self, problem: DisparateMixture, f: np.ndarray, h: float) -> tuple[float, float, float, float]:
        """(c, T_L, u, T_H) at t + h by implicit Euler in closed form."""
        e, a = problem.epsilon, problem.a
        _, c, light, u, heavy = *problem.moments(f[0]), *problem.moments(f[1])[1:]
        energy = (c * c + light) / 2
        double = c * c + light + u * u + heavy
        momentum = e * c + u
        w = (c - e * u) / (1 + h / e**2)
        u = a * (momentum - e * w)
        c = w + e * u
        both = double - c * c - u * u
        gain = (a * a * w * w - a * w * c) / e**2 + a * a * both
        light = (energy - c * c / 2 + h * gain) / (0.5 + 2 * h * a * a)
        return c, light, u, both - light

    def claims(self, problem: DisparateMixture) -> tuple:
        about = dict(source="hao2024", stop=ALL)
        found = [self.conserves()]
        if problem.epsilon <= 0.12 and abs(problem.light - problem.heavy) >= 0.4:
            found.append(
                Exact(
                    measure="epoch_disorder",
                    tol=1e-9,
                    always=True,
                    title="light, then heavy, then the temperatures: epochal relaxation",
                    assumes="ε small, temperatures apart",
                    **about,
                )
            )
        if problem.end <= 1.0:
            found.append(
                Flat(
                    measure="moment_error",
                    over="epsilon",
                    values=(1e-1, 1e-2, 1e-3, 1e-4, 1e-6),
                    growth=1.3,
                    slack=0.0,
                    title="error at a fixed step uniform in ε",
                    assumes="steps that do not resolve ε²",
                    **about,
                )
            )
            found.append(
                Order(
                    measure="moment_error",
                    p=1,
                    over="steps",
                    values=(50, 100, 200),
                    title="error at the end ∝ h",
                    assumes="h small beside the exchange of heat, not beside ε",
                    **about,
                )
            )
        return tuple(found)


@dataclass(frozen=True)
class ExplicitMixture(MixtureMethod):
    """Explicit Euler for the same model: f⁺ = f + h ν (Σ M − 2 f). Stable only for h ≤ ε².

    Of first order; the cost of a step is that of the implicit scheme, but 1/ε² of them are needed.
    Reference: C. Klingenberg, M. Pirner, G. Puppo, Kinet. Relat. Models 10 (2017) 445–465, doi:10.3934/krm.2017017.
    """

    title: ClassVar[str] = "explicit Euler for collisions"
    name: ClassVar[str] = "explicit_mixture"
    sources: ClassVar[tuple[str, ...]] = ("klingenberg2017",)
    steps: int = knob(500, 1, 100_000, log=True, symbol="N", doc="time steps to the end")

    def leap(self, problem, f, h):
        moments = (*problem.moments(f[0])[1:], *problem.moments(f[1])[1:])
        to_light, to_heavy = collided(problem, *moments)
        e = problem.epsilon
        return np.array([f[0] + h / e**2 * (to_light - 2 * f[0]), f[1] + h / e * (to_heavy - 2 * f[1])])

    def claims(self, problem: DisparateMixture) -> tuple:
        least = int(np.ceil(1.5 * problem.end / problem.epsilon**2))
        found = []
        if self.steps >= least:
            found.append(self.conserves())
        if least <= 1000 and problem.end <= 1.0:
            found.append(
                Order(
                    measure="moment_error",
                    p=1,
                    over="steps",
                    values=(2 * least, 4 * least, 8 * least),
                    title="error at the end ∝ h",
                    assumes="h < ε²",
                    source="klingenberg2017",
                    stop=ALL,
                )
            )
        return tuple(found)


def _distributions(problem, state):
    """Both distributions now and at the start, each over its own scale of velocities."""
    if not isinstance(problem, DisparateMixture):
        return None
    near = slice(CELLS // 4, 3 * CELLS // 4 + 1)
    shown = {"x": problem.velocities[near]}
    for name, now, start in zip(("light", "heavy"), state.f, problem.start):
        shown[name] = now[near]
        shown[f"{name} at the start"] = start[near]
    return shown


def _temperatures(problem, state):
    """T_L and T_H of the steps done, and their closed form."""
    if not isinstance(problem, DisparateMixture):
        return None
    t, light, heavy = state.trail[~np.isnan(state.trail[:, 0])].T
    exact = np.array([problem.exact(s) for s in t])
    return {"x": t, "T_L": light, "T_H": heavy, "T_L exact": exact[:, 1], "T_H exact": exact[:, 3]}


PICTURES = (
    Picture("temperatures", "two temperatures", "lines", _temperatures, x="t", y="T"),
    Picture("distributions", "velocities of both gases", "lines", _distributions, x="v (light: εv)"),
)

CASES = (DisparateMixture(), DisparateMixture(epsilon=1e-3, light=0.7, heavy=1.4, drift=-0.3))

EXPERIMENTS = (
    Experiment(
        "epochs",
        "First the light, then the heavy, then both",
        "Two gases, masses 1 : 100. In which order do they come to rest, and which scheme can take long steps?",
        DisparateMixture(),
        (AsymptoticPreserving(), AsymptoticPreserving(steps=10), ExplicitMixture(), ExplicitMixture(steps=40)),
        ALL,
        measure="moment_error",
        picture="temperatures",
    ),
)
