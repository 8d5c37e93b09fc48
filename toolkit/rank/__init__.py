"""The rank lab: reduce, factor, recover, and know the error."""

from toolkit.core.lab import Lab
from toolkit.core.rooms import face

LAB = Lab(
    name="rank",
    title="Rank lab",
    about="Reduce, factor, recover: turn the rank and see the error beside the bound that is promised.",
    families=(
        "matrices",
        "reduced",
        "recovery",
        "interpolation",
        "tensors",
        "bases",
        "hyperreduction",
        "dynamics",
        "observers",
    ),
    level=3,
)
__getattr__, __dir__ = face(__name__)
