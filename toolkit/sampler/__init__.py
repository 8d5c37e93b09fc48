"""The sampler lab: how few steps are enough."""

from toolkit.core.registry import Lab, gathered

LAB = Lab(
    name="sampler",
    title="Sampler lab",
    about="From noise to data with an exact score: race samplers at equal evaluations and see the order they promise.",
    cases=gathered(__name__, "CASES"),
    pictures=gathered(__name__, "PICTURES"),
    experiments=gathered(__name__, "EXPERIMENTS", ("pictures", "exponential", "unipc", "inversion")),
    measure="",
)
