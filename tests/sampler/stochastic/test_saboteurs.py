"""Saboteurs of the promises: each is caught."""

import pytest
from sabotage import Saboteur, drifting, rival, turned

from toolkit.sampler import (
    AcceleratedDDIM,
    AcceleratedDDPM,
    EDMStochastic,
    GaussianFlow,
    SDEDPMSolverPP1,
    SDEDPMSolverPP2M,
)

LAW = GaussianFlow(particles=8)
MANY = GaussianFlow(particles=64)


def narrow(cls):
    """Half of the noise is left out."""

    def moved(self, problem, predict, x, s, t, draws):
        return cls.moved(self, problem, predict, x, s, t, [0.5 * one for one in draws])

    return {"moved": moved}


SABOTEURS = [
    Saboteur("error of the law", lambda: (LAW, EDMStochastic()), turned(churn_noise=1.05)),
    Saboteur("error at the end", lambda: (LAW, EDMStochastic(churn=0.0)), turned(heun=False)),
    Saboteur("strong error", lambda: (MANY, SDEDPMSolverPP1()), drifting("x", 1)),
    Saboteur("strong error", lambda: (MANY, SDEDPMSolverPP2M()), drifting("x", 1)),
    Saboteur("error at the end", lambda: (LAW, AcceleratedDDIM()), turned(accelerated=False)),
    Saboteur("error at the end", lambda: (LAW, AcceleratedDDIM(accelerated=False)), drifting("x", 1)),
    Saboteur("error of the law", lambda: (LAW, AcceleratedDDPM()), rival(narrow)),
    Saboteur("error of the law", lambda: (LAW, AcceleratedDDPM(accelerated=False)), rival(narrow)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
