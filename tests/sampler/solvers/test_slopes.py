"""Orders of samplers: what is settled is decided, what is not stays open (`test_claim.py` says when that is)."""

import pytest

import toolkit as tk
from toolkit.core.registry import find
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.ddim import EulerSampler, HeunSampler
from toolkit.sampler.solvers.sampler import Sampler

SAMPLERS = [name for name, cls in tk.lab("sampler").methods().items() if issubclass(cls, Sampler)]


@pytest.mark.parametrize("name", sorted({*SAMPLERS} - {"picard_sampler"}))  # whose steps are rounds of many
def test_a_step_costs_its_stages(name):
    """The last step of each sampler, when what it begins with is over."""
    problem, method = PlaneMixture(particles=4), find("method", "sampler", name)()
    state = method.init(problem)
    while not state.status.done:
        before = state.work.nfe
        state = method.step(problem, state)
    assert state.work.nfe - before == method.stages


def test_a_wrong_order_is_found_out_on_a_smooth_law():
    """Euler's rule sold as one of order two."""
    problem = GaussianFlow(particles=16)
    (claim,) = HeunSampler().claims(problem)
    assert tk.check(claim, problem, HeunSampler()).holds is True
    assert tk.check(claim, problem, EulerSampler()).holds is False


@pytest.mark.parametrize("method", [EulerSampler(), HeunSampler()])
def test_between_many_modes_the_question_stays_open(method):
    """A spiral of narrow modes: at these steps the slope has not settled, and the verdict says that."""
    problem = PlaneMixture(particles=64, shape="spiral", schedule="VE", components=32)
    (claim,) = method.claims(problem)
    verdict = tk.check(claim, problem, method)
    assert verdict.holds is not False and (verdict.holds or "asymptotic" in verdict.why)
