"""Saboteurs of the promises: each is caught."""

import pytest
from sabotage import Saboteur, turned

from toolkit.sampler import Adam, DenoiserTraining

TRAINING = DenoiserTraining(hidden=8, images=16, seed=5)
SABOTEURS = [Saboteur("no weight moves further", lambda: (TRAINING, Adam(steps=60, warm=10)), turned(rate=2e-2))]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
