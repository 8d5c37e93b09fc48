"""Orders of samplers: what is settled is decided, what is not stays open (`test_claim.py` says when that is)."""

import pytest

import toolkit as tk
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.laws.mixtures import PlaneMixture
from toolkit.sampler.solvers.ddim import EulerSampler, HeunSampler


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
