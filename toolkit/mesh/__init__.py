"""The mesh lab: discretise, refine, move, and see the order."""

from toolkit.core.registry import Lab, gathered

LAB = Lab(
    name="mesh",
    title="Mesh lab",
    about="Discretise, refine, move: watch the mesh change and the observed order settle on the promised one.",
    cases=gathered(__name__, "CASES"),
    pictures=gathered(__name__, "PICTURES"),
    experiments=gathered(__name__, "EXPERIMENTS"),
    measure="",
)
