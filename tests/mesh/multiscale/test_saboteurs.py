"""What must break each claim about several scales does: linear elements, scales that do not listen, steps at random."""

import pytest
from sabotage import Saboteur, noise, put, replaced, turned

from toolkit.mesh.multiscale.advection import AdvectionDiffusion
from toolkit.mesh.multiscale.contrast import CoefficientSweep, Inclusions
from toolkit.mesh.multiscale.hidenn import CHiDeNN
from toolkit.mesh.multiscale.hot_spot import HotSpot
from toolkit.mesh.multiscale.splitting import DomainSplitting
from toolkit.mesh.multiscale.vms import MultiscaleVMS

PLANE, STEEP = HotSpot(dim=2, width=0.03), MultiscaleVMS(coarse=16, refine=8)
WIDE, NARROW, PLATE, WIND = HotSpot(width=0.1), HotSpot(width=0.02), Inclusions("discs", 16), AdvectionDiffusion(n=36)


def pair(problem, method):
    return lambda: (problem.turned(), method)


def whole(method):
    """The largest system is that of the fine grid itself."""
    honest = type(method).init

    def init(self, problem):
        state = honest(self, problem)
        state.subproblem = float((problem.n - 1) ** problem.dim)
        return state

    return replaced(method, init=init)


def idle(method):
    """Steps that do nothing."""

    def step(self, problem, state):
        state.k += 1
        return state

    return replaced(method, step=step)


SABOTEURS = [
    Saboteur("in energy on linear elements", pair(WIDE, CHiDeNN()), turned(p=1)),
    Saboteur("in L2 on linear elements", pair(WIDE, CHiDeNN()), turned(p=1)),
    Saboteur("the energy error never grows", pair(NARROW, MultiscaleVMS()), noise("energy_error", 0.5)),
    Saboteur("at most 1.1 times the error", pair(PLANE, STEEP), turned(coupling="one-way")),
    Saboteur("distance to the limit", pair(PLATE, CoefficientSweep()), put("distance", lambda d: d**0.5)),
    Saboteur("a better conductor stores less", pair(PLATE, CoefficientSweep()), put("compliance", lambda c: 1 / c)),
    Saboteur("the residual never grows", pair(WIND, DomainSplitting()), noise("residual", 0.5)),
    Saboteur("the merged start", pair(WIND, DomainSplitting()), turned(start="zero")),
    Saboteur("reach the direct solution", pair(WIND, DomainSplitting()), idle),
    Saboteur("those of one dimension less", pair(WIND, DomainSplitting()), whole),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
