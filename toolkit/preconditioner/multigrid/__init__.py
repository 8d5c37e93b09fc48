"""Multigrid and domain decomposition."""

from toolkit.core.rooms import face

TITLE = "multigrid and domain decomposition"
ORDER = ("geometric", "algebraic", "schwarz", "looks", "failures")
__getattr__, __dir__ = face(__name__)
