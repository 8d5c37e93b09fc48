"""Equations on grids."""

from toolkit.core.rooms import face

TITLE = "equations on grids"
ORDER = (
    "poisson",
    "diffusion",
    "convection",
    "helmholtz",
    "problems",
    "grid_operator",
    "grid_cycle",
    "grid_levels",
    "blackbox",
    "blackbox_levels",
    "couplings",
    "looks",
)
__getattr__, __dir__ = face(__name__)
