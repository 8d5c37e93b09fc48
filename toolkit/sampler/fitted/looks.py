"""Questions to what is fitted, learnt or searched: statistics of the law, and all of them together."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment
from toolkit.core.prediction import YES_NO, Pick, whether
from toolkit.core.stop import THROUGH, THROUGH_GROWTH
from toolkit.sampler.fitted.bespoke import BespokeSolver
from toolkit.sampler.fitted.compensation import DCSolver
from toolkit.sampler.fitted.empirical import SPECIAL, DPMSolverV3
from toolkit.sampler.fitted.integration import IIADPMSolver
from toolkit.sampler.fitted.schedule_search import SearchedSolver
from toolkit.sampler.laws.mixtures import PlaneMixture, SpaceMixture
from toolkit.sampler.solvers.dpmsolver import DPMSolverPP2M
from toolkit.sampler.solvers.step_ladder import StepLadder

TEN = 10  # evaluations


def beats_data(runs) -> bool:
    """Whether the first method, with statistics of the law, ended nearer to the flow than the second, without."""
    return bool(runs[0].history.last("trajectory_error") < runs[1].history.last("trajectory_error"))


def best_at_ten(runs) -> int | None:
    """The method with the lowest error of those sampled with ten evaluations; None where one was not."""
    errors = [run.history["final_error"][run.history["evaluations"] == TEN] for run in runs]
    return int(np.argmin([one[0] for one in errors])) if all(len(one) for one in errors) else None


EXPERIMENTS = (
    Experiment(
        "statistics-of-the-law",
        "Between noise and data prediction",
        "Three statistics of the law choose what is extrapolated. Better than data or noise prediction, and where not?",
        SpaceMixture(particles=256),
        (*(DPMSolverV3(statistics=kind) for kind in ("exact Jacobian", *SPECIAL)), DPMSolverV3(corrector="full")),
        THROUGH,
        measure="trajectory_error",
        against="nfe",
        picture="law_statistics",
        predict=Pick(
            "Does the choice by statistics end nearer to the flow than data prediction?",
            whether(beats_data),
            theory=0,
            options=YES_NO,
        ),
        why=(
            "What a sampler extrapolates should change as little as may be. Data prediction and noise prediction are "
            "two choices of the same three numbers $l,s,b$, made once for all; here they are chosen at every noise "
            "level so that $f$ changes least for this law. With eight steps that ends far nearer to the flow than "
            "either, and a corrector brings it nearer still. Raise the steps, and the order, the same for all, decides."
        ),
        formula=(
            r"f=\frac{\sigma\,\varepsilon-l\,x}{\alpha},\qquad "
            r"(l,s,b)=(1,0,0)\ \text{: data},\quad (0,-1,0)\ \text{: noise}"
        ),
        level=3,
        minutes=6,
        then="train-bespoke",
    ),
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
        predict=Pick("Which has the lowest error at ten evaluations?", best_at_ten),
        why=(
            "All but the first spend evaluations beforehand to learn something of the law: a correction for each step, "
            "a place to look at, statistics, a schedule, a clock. At ten evaluations whoever may choose times, orders "
            "and predictions together wins clearly; the others end near the solver that has learnt nothing, and not "
            "all below it. What was learnt is of this law; for another it has to be learnt anew."
        ),
        formula=(r"\theta^*=\arg\min_\theta\ \frac1n\sum_{i=1}^n\bigl\|x_N^\theta(z_i)-x^*(z_i)\bigr\|^2"),
        level=3,
        minutes=8,
        then="gradient-to-the-noise",
    ),
)
