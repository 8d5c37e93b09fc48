"""What samplers say of themselves is what they do."""

import pytest
from every import methods

import toolkit as tk
from toolkit.core import registry
from toolkit.sampler.laws.gaussian import GaussianFlow
from toolkit.sampler.parallel.picard import PicardSampler
from toolkit.sampler.solvers.sampler import Sampler

LAW = GaussianFlow(particles=4)


@pytest.mark.parametrize("lab, name", [one for one in methods() if one.values[0] == "sampler"])
def test_a_step_under_way_costs_its_stages(lab, name):
    """Evaluations of all particles in the last of 64 steps."""
    cls = registry.find("method", lab, name)
    if not issubclass(cls, Sampler) or cls is PicardSampler or cls().suits(LAW) or "tolerance" in tk.knobs(cls):
        pytest.skip("no step of a fixed number of evaluations")
    off = [{one: False} for one in ("heun", "accelerated") if one in tk.knobs(cls)]
    for knobs in ({}, *off):
        method = cls(steps=64, **knobs)
        run = tk.Run(LAW, method, tk.Stop(rtol=0, steps=None)).step(63)
        before = run.state.work.nfe
        assert run.step().state.work.nfe - before == method.stages, method
