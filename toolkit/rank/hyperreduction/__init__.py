"""Hyper-reduction of a bar that yields."""

from toolkit.core.rooms import face

TITLE = "hyper-reduction of a bar that yields"
ORDER = ("problems", "full_bar", "cubature", "reduced_bar", "adaptive_bar")
__getattr__, __dir__ = face(__name__)
