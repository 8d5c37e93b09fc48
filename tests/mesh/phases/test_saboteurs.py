"""What must break each claim about phases does: no convexity, too much momentum, half steps."""

import numpy as np
import pytest
from sabotage import Saboteur, half, put, turned

from toolkit.mesh.phases.ginzburg_landau import ConvexSplitting, Momentum
from toolkit.mesh.phases.problems import DigitClasses, PhaseField

DISCS, CIRCLE = PhaseField(n=64, epsilon=0.04), PhaseField(n=64, epsilon=0.04, shape="circle")
NOISE, DIGITS = PhaseField(n=48, epsilon=0.05, shape="noise"), DigitClasses()


def pair(problem, method):
    return lambda: (problem.turned(), method)


def guessing(u):
    """Every image its class by chance."""
    return np.random.default_rng(0).standard_normal(len(u))


SABOTEURS = [
    Saboteur("the energy never grows", pair(NOISE, ConvexSplitting(step_size=1e4)), turned(split=0.0)),
    Saboteur("a disc shrinks by", pair(CIRCLE, ConvexSplitting()), half("u", 0.2)),
    Saboteur("energy and kinetic energy together", pair(DISCS, Momentum()), put("total_energy", lambda e: 2 * e)),
    Saboteur("half the energy in half the steps", pair(DISCS, Momentum()), turned(momentum=0.0)),
    Saboteur("a fiftieth of the energy", pair(NOISE, Momentum()), turned(momentum=0.0)),
    Saboteur("stationary in fewer steps", pair(DIGITS, Momentum()), turned(momentum=0.0)),
    Saboteur("by label spreading", pair(DIGITS, ConvexSplitting()), put("u", guessing)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
