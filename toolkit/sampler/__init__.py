"""The sampler lab: how few steps are enough."""

from toolkit.core.lab import Lab
from toolkit.core.rooms import face

LAB = Lab(
    name="sampler",
    title="Sampler lab",
    about="From noise to data with an exact score: race samplers at equal evaluations and see the order they promise.",
    families=(
        "laws",
        "solvers",
        "stochastic",
        "fitted",
        "parallel",
        "backward",
        "purification",
        "hamiltonian",
        "learnt",
    ),
    level=4,
)
__getattr__, __dir__ = face(__name__)
