"""Saboteurs of the promises: each is caught."""

import pytest
from sabotage import Saboteur, after_each_step, biased, noise, turned

from toolkit.sampler import (
    Chain,
    Descent,
    DescentRounds,
    GaussSeidelJacobi,
    JacobiGaussSeidel,
    JacobiSweeps,
    PicardSampler,
    PlaneMixture,
)

LAW, CHAIN, CALM = (
    PlaneMixture(particles=8),
    Chain(length=24, dimension=6),
    Chain(length=24, dimension=6, coupling=0.05),
)
DESCENT = Descent(length=32, momentum=0.0)


def idle(problem, before, state):
    """Every other round goes for nothing."""
    if state.k % 2:
        state.i, state.remaining = before.i, before.remaining


def both(*spoils):
    """One after another."""

    def by(method):
        for one in spoils:
            method = one(method)
        return method

    return by


SABOTEURS = [
    Saboteur("one more point is settled", lambda: (LAW, PicardSampler(window=1)), lambda m: after_each_step(idle, m)),
    Saboteur("one more point is exact", lambda: (LAW, PicardSampler(tolerance=0.0)), biased("path", 1 + 1e-7)),
    Saboteur("ends at DDIM's own", lambda: (LAW, PicardSampler(tolerance=0.0)), biased("path", 1 + 1e-7)),
    Saboteur("fewer rounds", lambda: (LAW, PicardSampler()), turned(window=1)),
    *(
        Saboteur("exact after each sweep", lambda one=one: (CHAIN, one()), biased("path", 1 + 1e-6), one.__name__)
        for one in (JacobiSweeps, JacobiGaussSeidel, GaussSeidelJacobi)
    ),
    *(
        Saboteur("the sequential result", lambda one=one: (CHAIN, one()), biased("path", 1 + 1e-6), one.__name__)
        for one in (JacobiSweeps, JacobiGaussSeidel, GaussSeidelJacobi)
    ),
    Saboteur("more nodes exact", lambda: (CHAIN, JacobiGaussSeidel(block=8)), turned(block=4)),
    Saboteur("no more sweeps", lambda: (CALM, JacobiGaussSeidel()), both(turned(block=1), noise("path", 1e-6))),
    Saboteur("L^k of the first", lambda: (CHAIN, JacobiSweeps()), biased("path", 1.05)),
    Saboteur("exact after each sweep", lambda: (DESCENT, DescentRounds()), biased("path", 1 + 1e-6), "descent"),
    Saboteur("the sequential result", lambda: (DESCENT, DescentRounds()), biased("path", 1 + 1e-6), "descent"),
    Saboteur("fewer rounds", lambda: (DESCENT, DescentRounds(tolerance=1e-3)), turned(window=1), "descent"),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
