"""Adaptive elements: estimate, mark, refine."""

from toolkit.core.rooms import face

TITLE = "adaptive elements: estimate, mark, refine"
ORDER = ("loop", "looks")
__getattr__, __dir__ = face(__name__)
