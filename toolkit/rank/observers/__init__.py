"""Observers of few states."""

from toolkit.core.rooms import face

TITLE = "observers of few states"
ORDER = ("few_states", "problems")
__getattr__, __dir__ = face(__name__)
