"""What can be seen of a problem on a grid beside the curves: the medium that something flows through."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Picture
from toolkit.preconditioner.stencils.diffusion import Diffusion


def _medium(problem, state):
    """log₁₀ of the coefficient; of a cube its middle layer."""
    a = problem.coefficient
    return {"z": np.log10(a if a.ndim == 2 else a[len(a) // 2])}


def _varies(problem, state) -> bool:
    return problem.medium != "constant"


PICTURES = (Picture("medium", "log₁₀ of the coefficient", "image", _medium, log=True, of=Diffusion, when=_varies),)
