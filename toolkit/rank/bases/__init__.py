"""Local and moving bases."""

from toolkit.core.rooms import face

TITLE = "local and moving bases"
ORDER = ("looks", "lagrangian_bases", "fronts", "registration", "local_bases", "problems", "model_dictionary")
__getattr__, __dir__ = face(__name__)
