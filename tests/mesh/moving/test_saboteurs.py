"""What must break each claim about moving meshes does: meshes that stay, snap to a coarse grid, or lose their order."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, biased, put, replaced, turned

from toolkit.mesh.moving.de_boor import DeBoor
from toolkit.mesh.moving.monge_ampere import NewtonMongeAmpere, ParabolicMongeAmpere
from toolkit.mesh.moving.problems import Feature, SteepCurve

RING, CURVE = Feature(n=24, width=0.06), SteepCurve(n=40)


def pair(problem, method):
    return lambda: (problem.turned(), method)


def still(method):
    """A mesh that does not move."""
    return replaced(method, direction=lambda self, problem, state: np.zeros_like(state.phi))


def resting(method):
    """Nodes on a line that do not move."""

    def step(self, problem, state):
        state.k += 1
        return self._weigh(problem, state)

    return replaced(method, step=step)


def exchanged(method):
    """Two nodes change places."""
    honest = type(method).step

    def step(self, problem, state):
        state = honest(self, problem, state)
        state.x[[3, 4]] = state.x[[4, 3]]
        return self._weigh(problem, state)

    return replaced(method, step=step)


def rising(method):
    """A residual that grows."""

    def spoil(problem, before, state):
        state.residual = before.residual * 1.01

    return after_each_step(spoil, method)


def snapped(parts):
    """Nodes on a coarse grid only."""
    return put("x", lambda x: np.round(x * parts) / parts)


SABOTEURS = [
    Saboteur("every corner of every cell", pair(RING, NewtonMongeAmpere()), put("tangled", lambda t: 1.0)),
    Saboteur("the cells fill the square", pair(RING, NewtonMongeAmpere()), biased("area", 1 + 1e-11)),
    Saboteur("residual never grows", pair(RING, NewtonMongeAmpere()), rising),
    Saboteur("equation is solved", pair(RING, NewtonMongeAmpere()), still),
    Saboteur("interpolation error below", pair(RING, NewtonMongeAmpere()), still),
    Saboteur("interpolation error ∝ 1/n²", pair(RING, NewtonMongeAmpere()), snapped(12)),
    Saboteur(
        "a fifth of the steps", pair(RING, NewtonMongeAmpere()), lambda method: ParabolicMongeAmpere(method.monitor)
    ),
    Saboteur("nodes stay in order", pair(CURVE, DeBoor()), exchanged),
    Saboteur("the mesh becomes even", pair(CURVE, DeBoor()), resting),
    Saboteur("differ by a factor of 1 + 1/γ", pair(CURVE, DeBoor()), turned(smoothing=0.0)),
    Saboteur("interpolation error below", pair(CURVE, DeBoor()), resting),
    Saboteur("largest error ∝ 1/N²", pair(CURVE, DeBoor()), snapped(160)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
