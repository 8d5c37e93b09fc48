"""Reduced bases with certified bounds."""

from toolkit.core.rooms import face

TITLE = "reduced bases with certified bounds"
ORDER = ("looks", "wave_fields", "thermal_block", "greedy_basis", "online_model", "scattering", "residual_norms")
__getattr__, __dir__ = face(__name__)
