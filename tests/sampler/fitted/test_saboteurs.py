"""Saboteurs of the promises: each is caught."""

import numpy as np
import pytest
from sabotage import Saboteur, biased, drifting, put, rival, turned

from toolkit.sampler import (
    IIADDIM,
    IIAEDM,
    BespokeSolver,
    BespokeTraining,
    DCSolver,
    DPMSolverV3,
    GaussianFlow,
    IIADPMSolver,
    PlaneMixture,
    ScheduleSearch,
    SearchedSolver,
    UnifiedSolver,
)
from toolkit.sampler.fitted.integration import least_squares

LAW, PLANE, EDM = GaussianFlow(particles=32), PlaneMixture(particles=64), GaussianFlow(particles=32, schedule="EDM")


def opposed(cls):
    """Coefficients of the wrong sign."""
    return {"fitted": staticmethod(lambda residual, directions: -least_squares(residual, directions))}


def misled(cls):
    """What was learnt carries other particles elsewhere than it should."""

    def sampled(self, problem, state):
        return cls.sampled(self, problem, state) + (0.5 if state.k else 0.0)

    return {"sampled": sampled}


SABOTEURS = [
    *(Saboteur("no step's fitted", lambda one=one: (PLANE, one()), rival(opposed), one) for one in (IIADDIM, IIAEDM)),
    Saboteur("no step's fitted", lambda: (PLANE, IIADPMSolver()), rival(opposed)),
    Saboteur("below that of DDIM", lambda: (PLANE, IIADDIM()), rival(opposed)),
    Saboteur("below that of DPM-Solver++ 2M", lambda: (LAW, IIADPMSolver()), rival(opposed)),
    Saboteur("below that of Heun", lambda: (EDM, IIAEDM(steps=5)), rival(opposed)),
    Saboteur("not above that of UniPC", lambda: (LAW, DCSolver()), put("ratios", lambda one: 0 * one + 0.3)),
    Saboteur("error at the end ∝", lambda: (LAW, DPMSolverV3()), turned(degree=1)),
    Saboteur("below that with data", lambda: (LAW, DPMSolverV3()), biased("x", 1.2)),
    Saboteur("on other particles", lambda: (PLANE, BespokeTraining(iterations=8)), rival(misled)),
    Saboteur("below that of the plain rule", lambda: (PLANE, BespokeSolver(iterations=8)), biased("x", 1.2)),
    Saboteur("whatever was learnt", lambda: (LAW, BespokeSolver(iterations=8)), drifting("x", 2)),
    Saboteur("the schedule found", lambda: (PLANE, ScheduleSearch(generations=10)), rival(misled)),
    Saboteur(
        *("other particles rank", lambda: (GaussianFlow(particles=64), ScheduleSearch(generations=4))),
        put("errors", lambda one: np.random.default_rng(0).permutation(one)),
    ),
    Saboteur("below that of a fixed schedule", lambda: (PLANE, SearchedSolver(generations=4)), biased("x", 1.1)),
    Saboteur("error at the end ∝", lambda: (LAW, UnifiedSolver()), turned(degree=1)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
