"""Sequences of systems: recycling and learning."""

from toolkit.core.rooms import face

TITLE = "sequences of systems: recycling and learning"
ORDER = ("problems", "bandits", "recycling", "looks")
__getattr__, __dir__ = face(__name__)
