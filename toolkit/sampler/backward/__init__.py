"""From data back to noise."""

from toolkit.core.rooms import face

TITLE = "from data back to noise"
ORDER = ("problems", "inversion", "adjoint", "path_adjoint")
__getattr__, __dir__ = face(__name__)
