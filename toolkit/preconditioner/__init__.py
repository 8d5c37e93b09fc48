"""The preconditioner lab: solvers and preconditioners for linear systems, on model problems and real matrices."""

from toolkit.core.lab import Lab
from toolkit.core.rooms import face

LAB = Lab(
    name="preconditioner",
    title="Preconditioner lab",
    about="Solve A x = b: race solvers and preconditioners, and watch theory hold or fail.",
    families=("systems", "stencils", "stationary", "krylov", "multigrid", "learning"),
    level=1,
    measure="residual",
)
__getattr__, __dir__ = face(__name__)
