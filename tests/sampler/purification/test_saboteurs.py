"""Saboteurs of the promises: each is caught."""

import pytest
from sabotage import Saboteur, after_each_step, drifting, rival

from toolkit.sampler import DiffPure, DiffPureLadder, Purification

LINE = Purification(law="line in the plane", particles=12)


def blunt(cls):
    """A gradient off by one in a thousand."""

    def gradient(self, problem, x, key):
        loss, slope = cls.gradient(self, problem, x, key)
        return loss, 1.001 * slope

    return {"gradient": gradient}


def fallen(problem, before, state):
    """The fifth time is the first again."""
    if state.k == 5:
        state.diffusion_time = problem.diffusion.process.end


SABOTEURS = [
    Saboteur("the adjoint's gradient", lambda: (LINE, DiffPure()), rival(blunt)),
    Saboteur("error at the end", lambda: (LINE, DiffPure(eta=0.0, rule="DDIM")), drifting("x", 1)),
    Saboteur("never grows with t*", lambda: (LINE, DiffPureLadder()), lambda m: after_each_step(fallen, m)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
