"""Kinetic schemes for two gases of disparate mass: asymptotic-preserving beside explicit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Flat, Order
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import YES_NO, Pick, whether
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.mesh.steps.gas_mixture import CELLS, DisparateMixture, collided

TINY = 1e-300
BLOWN_UP = 1e3


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

    monitors: ClassVar[tuple[str, ...]] = ("remaining", "peak")
    linear: ClassVar[tuple[str, ...]] = ("remaining",)
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
        """The claim that particles, momentum and energy are conserved to rounding, whatever the step."""
        return Exact(
            measure="conservation",
            tol=1e-11,
            always=True,
            title="particles, momentum and energy are conserved",
            assumes="the Maxwellians are resolved",
            source="klingenberg2017",
            stop=THROUGH,
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
        about = dict(source="hao2024", stop=THROUGH)
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
        if 0.1 <= problem.end <= 1.0:  # past the layer of the largest ε, e^−10
            found.append(
                Flat(
                    measure="moment_error",
                    over="epsilon",
                    values=(1e-1, 1e-2, 1e-3, 1e-4, 1e-6),
                    growth=1.3,
                    slack=0.2 * problem.end / self.steps * (problem.drift**2 + abs(problem.light - problem.heavy)),
                    title="error at a fixed step h is O(h) uniformly in ε",
                    assumes="steps that do not resolve ε²; where they nearly do, the drift adds O(h)",
                    **about,
                )
            )
        if problem.end <= 1.0:
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
                    stop=THROUGH,
                )
            )
        return tuple(found)


def _distributions(problem, state: MixtureState):
    """Both distributions now and at the start, each over its own scale of velocities."""
    near = slice(CELLS // 4, 3 * CELLS // 4 + 1)
    shown = {"x": problem.velocities[near]}
    for name, now, start in zip(("light", "heavy"), state.f, problem.start):
        shown[name] = now[near]
        shown[f"{name} at the start"] = start[near]
    return shown


def _temperatures(problem, state: MixtureState):
    """T_L and T_H of the steps done, and their closed form."""
    t, light, heavy = state.trail[~np.isnan(state.trail[:, 0])].T
    exact = np.array([problem.exact(s) for s in t])
    return {"x": t, "T_L": light, "T_H": heavy, "T_L exact": exact[:, 1], "T_H exact": exact[:, 3]}


PICTURES = (
    Picture("temperatures", "two temperatures", "lines", _temperatures, x="t", y="T", of=MixtureState),
    Picture("distributions", "velocities of both gases", "lines", _distributions, x="v (light: εv)", of=MixtureState),
)

CASES = (DisparateMixture(), DisparateMixture(epsilon=1e-3, light=0.7, heavy=1.4, drift=-0.3))


def lives(runs) -> bool:
    """Whether the last of the runs came to its end."""
    return runs[-1].status.kind == "converged"


EXPERIMENTS = (
    Experiment(
        "epochs",
        "First the light, then the heavy, then both",
        "Two gases, masses 1 : 100. In which order do they come to rest, and which scheme can take long steps?",
        DisparateMixture(),
        (AsymptoticPreserving(), AsymptoticPreserving(steps=10), ExplicitMixture(), ExplicitMixture(steps=40)),
        THROUGH,
        measure="moment_error",
        picture="temperatures",
        predict=Pick("Will the explicit scheme live through 40 long steps?", whether(lives), theory=1, options=YES_NO),
        why=(
            r"With masses 1 : 100 the light particles collide on the scale $\varepsilon^2$, the heavy ones on "
            r"$\varepsilon$, and heat goes from one gas to the other on the scale 1: three epochs, one after the "
            "other. An explicit step must be shorter than the fastest of them, even when that has long come to "
            "rest. The asymptotic-preserving scheme treats collisions implicitly and may take any step."
        ),
        formula=r"h\le\varepsilon^2\ \text{(explicit)},\qquad h\ \text{arbitrary (implicit)}",
        level=3,
        minutes=6,
        then="policy",
    ),
)
