"""Legal knobs on which a promise was once broken: it is not made there, or holds."""

import pytest

import toolkit as tk
from toolkit.sampler.backward.adjoint import AdjointDEIS2M
from toolkit.sampler.backward.inversion import DDIMRoundTrip
from toolkit.sampler.backward.problems import LatentGradient
from toolkit.sampler.fitted.schedule_search import ScheduleSearch
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.mixtures import PlaneMixture, SpaceMixture
from toolkit.sampler.solvers.adaptive import AdaptiveSolver
from toolkit.sampler.solvers.ddim import DDPM
from toolkit.sampler.solvers.dpmsolver import DPMSolver3S
from toolkit.sampler.solvers.pndm import SPNDM
from toolkit.sampler.solvers.unipc import UniPC
from toolkit.sampler.stochastic.dpmplusplus import SDEDPMSolverPP2M

DRAWN = [
    (GaussianFlow(particles=24, dimension=9, anisotropy=746.0), DPMSolver3S(grid="uniform", end=5.6e-7)),
    (PlaneMixture(particles=32, shape="spiral", components=2, width=0.2), DDIMRoundTrip(grid="uniform", end=7.1e-9)),
    (SpaceMixture(particles=32, dimension=3, components=5), SDEDPMSolverPP2M(grid="uniform")),
    (PlaneMixture(particles=32, schedule="VP cosine", width=0.46), SPNDM(grid="uniform", steps=77)),
    (SpaceMixture(particles=1, dimension=3, components=7, schedule="VP cosine"), UniPC(grid="uniform")),
    (LatentGradient(law="Gaussian", particles=4, schedule="VP cosine"), AdjointDEIS2M(grid="quadratic")),
    (PlaneMixture(particles=48, schedule="EDM", shape="spiral", components=1, width=4.67), AdaptiveSolver(end=10.0)),
    (GaussianFlow(particles=8, schedule="EDM"), DDPM(grid="uniform")),
    (GaussianFlow(particles=8, anisotropy=1.0, offset=0.0), DDPM(variance="large")),
    (PlaneMixture(particles=64, schedule="VE", shape="moons", components=2), ScheduleSearch(samples=55, generations=4)),
]


@pytest.mark.parametrize("problem, method", DRAWN, ids=lambda one: one.slug())
def test_no_promise_is_broken(problem, method):
    assert all(tk.check(claim, problem, method).holds is not False for claim in method.claims(problem))
