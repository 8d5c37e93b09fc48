"""A question to all that are fitted, learnt or searched."""

from __future__ import annotations

from toolkit.core.lab import Experiment
from toolkit.core.stop import THROUGH_GROWTH
from toolkit.sampler.fitted.bespoke import BespokeSolver
from toolkit.sampler.fitted.compensation import DCSolver
from toolkit.sampler.fitted.empirical import DPMSolverV3
from toolkit.sampler.fitted.integration import IIADPMSolver
from toolkit.sampler.fitted.schedule_search import SearchedSolver
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M
from toolkit.sampler.solvers.step_ladder import StepLadder

EXPERIMENTS = (
    Experiment(
        "learn-solver",
        "What is worth learning of a law?",
        "All but the first have met the law: coefficients, statistics, schedules. Which wins at ten evaluations?",
        PlaneMixture(particles=256),
        tuple(
            StepLadder(sampler=one, first=4, factor=1.26, rungs=7, most=16)
            for one in (
                DPMSolverPP2M(),
                IIADPMSolver(),
                DCSolver(p=3),
                DPMSolverV3(),
                SearchedSolver(),
                BespokeSolver(),
            )
        ),
        THROUGH_GROWTH,
        measure="final_error",
        against="evaluations",
    ),
)
