"""Equations on grids."""

from toolkit.core.rooms import face

TITLE = "equations on grids"
ORDER = (
    "poisson",
    "diffusion",
    "convection",
    "problems",
    "grid_operator",
    "grid_cycle",
    "grid_levels",
    "blackbox",
    "couplings",
)
__getattr__, __dir__ = face(__name__)
