"""Saboteurs of the promises: each is caught."""

import pytest
from sabotage import Saboteur, turned

from toolkit.sampler import SGHMC, MinibatchRegression, StepHalved

LAW = MinibatchRegression(rows=48, features=2, batches=4)
SABOTEURS = [
    Saboteur("bias at rest", lambda: (LAW, StepHalved()), turned(sampler=SGHMC(batching="i.i.d."))),
    Saboteur("bias at rest", lambda: (LAW, StepHalved(sampler=SGHMC(batching="i.i.d."))), turned(sampler=SGHMC())),
    Saboteur(
        *("no bias at rest", lambda: (LAW, SGHMC(batching="full", integrator="exact", step_size=0.1, rounds=400))),
        turned(integrator="Euler"),
    ),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
