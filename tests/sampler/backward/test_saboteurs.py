"""Saboteurs of the promises: each is caught."""

import pytest
from sabotage import Saboteur, after_each_step, biased, drifting, rival

from toolkit.sampler import (
    BDIA,
    AdjointDEIS1,
    AdjointDEIS1SDE,
    AdjointDEIS2M,
    AdjointDEIS2MSDE,
    BDIARoundTrip,
    DDIMRoundTrip,
    GaussianFlow,
    LatentGradient,
    PathGradient,
)
from toolkit.sampler.backward.adjoint import held

LAW, LATENT = GaussianFlow(particles=8), LatentGradient(law="Gaussian", particles=8)
PATH = PathGradient(law="Gaussian", particles=8)


def hoarding(problem, before, state):
    """All states of the way are kept."""
    state.before = (*state.before, *[state.x.copy() for _ in range(state.k)])
    state.kept_bytes = held(state)


def shallow(cls):
    """The means of order 1."""
    return {"means": lambda self, before, now, h: now[1:], "mean": lambda self, before, now, h: now[1]}


def steep(cls):
    """A fifth too much of the adjoint's slope."""
    return {"mean": lambda self, before, now, h: 1.2 * cls.mean(self, before, now, h)}


SABOTEURS = [
    Saboteur("error at the end", lambda: (LAW, BDIA()), drifting("x", 2)),
    Saboteur("round trip misses", lambda: (LAW, DDIMRoundTrip()), drifting("x", 1)),
    Saboteur("back at the noise", lambda: (LAW, BDIARoundTrip()), biased("x", 1 + 1e-8)),
    Saboteur("error of the gradient", lambda: (LATENT, AdjointDEIS1()), drifting("adjoint", 1)),
    Saboteur("error of the gradient", lambda: (LATENT, AdjointDEIS2M()), rival(shallow)),
    *(
        Saboteur("memory does not grow", lambda one=one: (LATENT, one()), lambda m: after_each_step(hoarding, m), one)
        for one in (AdjointDEIS1, AdjointDEIS2M)
    ),
    Saboteur("error of the gradient", lambda: (PATH, AdjointDEIS1SDE()), rival(steep)),
    Saboteur("error of the adjoint", lambda: (PATH, AdjointDEIS1SDE()), rival(steep)),
    Saboteur("error of the gradient", lambda: (PATH, AdjointDEIS2MSDE()), rival(steep)),
    Saboteur("error of the adjoint", lambda: (PATH, AdjointDEIS2MSDE()), rival(shallow)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
