"""The full model of the bar that yields, and the time steps that all models of it take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact
from toolkit.core.lab import Picture
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.hyperreduction.problems import LAW, STUCK, ViscoplasticBar

STEPS = Stop(rtol=0.0, steps=400)


OVER = Status("converged", "the last time is reached", "More cycles: raise `cycles` of the problem")


def ticked(problem: ViscoplasticBar, state):
    """The state with the cycles that are left, at the end of a time step."""
    state.remaining = problem.cycles - state.k / problem.steps
    if state.k >= problem.cycles * problem.steps:
        state.remaining, state.status = 0.0, OVER
    return state


@dataclass(slots=True, kw_only=True)
class BarState(State):
    """Displacements (n−1,), internal variables (3, n), stress (n,), cycles left, largest accumulated plastic strain."""

    field: np.ndarray
    internal: np.ndarray
    stress: np.ndarray
    remaining: float = 0.0
    plastic: float = 0.0
    newton: float = 0.0

    def solution(self) -> np.ndarray:
        return self.field


@dataclass(frozen=True)
class FullBar(Method):
    """The full model of the loading to be computed: implicit Euler, Newton's method with the consistent tangent.

    A step is a time step: a few solves with a tridiagonal matrix, O(n). Fails where Newton's method does not converge
    in 59 steps, each halved up to twelve times.
    Reference: J.-L. Chaboche, Int. J. Plasticity 5 (1989) 247–302, doi:10.1016/0749-6419(89)90015-6.
    """

    title: ClassVar[str] = "full model of the bar"
    sources: ClassVar[tuple[str, ...]] = ("chaboche1989",)
    problems: ClassVar[tuple[type, ...]] = (ViscoplasticBar,)
    monitors: ClassVar[tuple[str, ...]] = ("remaining", "plastic", "newton")
    linear: ClassVar[tuple[str, ...]] = ("remaining", "newton")

    def init(self, problem: ViscoplasticBar) -> BarState:
        n = problem.n
        none = np.zeros((3, n))
        return BarState(field=np.zeros(n - 1), internal=none, stress=np.zeros(n), remaining=float(problem.cycles))

    def step(self, problem: ViscoplasticBar, state: BarState) -> BarState:
        after = problem.advanced(problem.asked, state.k + 1, state.field, state.internal)
        state.k += 1
        if after is None:
            state.status = STUCK
            return state
        state.field, state.internal, state.stress, tries = after
        state.newton, state.plastic = float(tries), float(state.internal[2].max())
        state.work.solves += tries
        state.work.nfe += (tries + 1) * problem.n
        return ticked(problem, state)

    def measures(self, problem):
        return (BALANCE, OUTSIDE)

    def claims(self, problem: ViscoplasticBar) -> tuple:
        about = dict(source="chaboche1989", stop=STEPS, always=True)
        return (
            Exact(
                measure="balance",
                tol=1e-8,
                title="forces are in balance, by Hooke's law from what is displaced and has yielded",
                assumes="none",
                **about,
            ),
            Exact(
                measure="back_stress",
                tol=1 + 1e-9,
                title="the back stress stays below its limit C/D",
                assumes="implicit Euler keeps the ball of that radius",
                **about,
            ),
        )


def _balance(problem, state) -> float:
    """With the stress by Hooke's law from displacement and plastic strain, not the one Newton's method ended on."""
    rise, load = problem.rise(problem.asked, state.k), problem.rotation(state.k) * problem.load
    elastic = problem.strains(state.field) - LAW[1] * rise - state.internal[0]
    stress = LAW[0] * (1 - LAW[7] * rise) * elastic
    return float(np.abs(stress[:-1] - stress[1:] - load).max() / LAW[2])


BALANCE = Measure("balance", "force out of balance", _balance, "max |r|/R", doc="relative to the elastic limit")


OUTSIDE = Measure(
    "back_stress",
    "largest back stress",
    lambda problem, state: float(np.abs(state.internal[1]).max() * LAW[6] / LAW[5]),
    "max |X| D/C",
    log=False,
)


def _along(problem, state):
    """Stress over 100 MPa, accumulated plastic strain in per mille and temperature over 100 K along the bar."""
    shown = {"stress, 100 MPa": state.stress / 100, "accumulated plastic strain, ‰": 1e3 * state.internal[2]}
    return {"x": problem.middles, **shown, "temperature rise, 100 K": problem.rise(problem.asked, state.k) / 100}


PICTURES = (Picture("along-bar", "along the bar", "lines", _along, x="x", of=BarState),)
