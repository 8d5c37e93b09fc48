"""Purification of attacked points."""

from toolkit.core.rooms import face

TITLE = "purification of attacked points"
ORDER = ("problems", "diffpure", "noise_ladder", "looks")
__getattr__, __dir__ = face(__name__)
