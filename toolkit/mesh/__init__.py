"""The mesh lab: discretise, refine, move, and see the order."""

from toolkit.core.lab import Lab
from toolkit.core.rooms import face

LAB = Lab(
    name="mesh",
    title="Mesh lab",
    about="Discretise, refine, move: watch the mesh change and the observed order settle on the promised one.",
    families=(
        "elements",
        "adaptive",
        "steps",
        "moving",
        "splines",
        "multiscale",
        "phases",
        "quantum",
        "design",
        "compression",
    ),
    level=2,
)
__getattr__, __dir__ = face(__name__)
