"""Empirical interpolation."""

from toolkit.core.rooms import face

TITLE = "empirical interpolation"
ORDER = ("looks", "problems", "eim", "deim", "inclusion", "nonintrusive", "matrix_powers", "kernel_sums")
__getattr__, __dir__ = face(__name__)
