"""Boundary-value problems: finite elements and their rivals."""

from toolkit.core.rooms import face

TITLE = "boundary-value problems: finite elements and their rivals"
ORDER = ("problems", "your_mesh", "h_version", "hp_version", "differences", "collocation", "stop_here", "looks")
__getattr__, __dir__ = face(__name__)
