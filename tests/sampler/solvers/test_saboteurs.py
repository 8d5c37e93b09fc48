"""Saboteurs of the promises: each is caught."""

import pytest
from sabotage import Saboteur, biased, drifting, rival, turned

from toolkit.sampler import (
    DDIM,
    DDPM,
    DEIS,
    FPNDM,
    SPNDM,
    AdaptiveSolver,
    DPMSolver1,
    DPMSolver2S,
    DPMSolver3S,
    DPMSolverPP2M,
    DPMSolverPP2S,
    DPMSolverPP3M,
    EulerSampler,
    GaussianFlow,
    HeunSampler,
    RhoRungeKutta,
    StepLadder,
    UniP,
    UniPC,
)

LAW = GaussianFlow(particles=8)
ORDERED = [
    *(EulerSampler(), HeunSampler(), DDIM(), DPMSolver1(), DPMSolver2S(), DPMSolver3S(), DPMSolverPP2M(), DEIS()),
    *(RhoRungeKutta(), UniP(), SPNDM(), FPNDM(), DPMSolverPP2S(), DPMSolverPP3M()),
]


def narrow(cls):
    """A tenth of the noise is left out."""

    def moved(self, problem, predict, x, s, t, draws):
        return cls.moved(self, problem, predict, x, s, t, [0.9 * one for one in draws])

    return {"moved": moved}


SABOTEURS = [
    *(
        Saboteur("error at the end", lambda one=one: (LAW, one), drifting("x", max(one.order, 1)), type(one).__name__)
        for one in ORDERED
    ),
    Saboteur("error at the end", lambda: (LAW, UniPC()), drifting("base", 3), "UniPC"),
    Saboteur("each step is DDIM's", lambda: (LAW, DPMSolver1()), biased("x", 1 + 1e-9)),
    Saboteur("each step is DDIM's", lambda: (LAW, UniP(p=1)), biased("x", 1 + 1e-9)),
    Saboteur("at least like the tolerance", lambda: (LAW, AdaptiveSolver()), biased("x", 1 + 1e-4)),
    Saboteur("error at the end", lambda: (LAW, StepLadder()), turned(sampler=EulerSampler())),
    Saboteur("error of the law", lambda: (LAW, DDPM()), rival(narrow)),
    Saboteur("error of the law", lambda: (LAW, DDPM(variance="large")), rival(narrow)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
