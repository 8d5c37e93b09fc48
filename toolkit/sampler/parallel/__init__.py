"""In parallel rounds."""

from toolkit.core.rooms import face

TITLE = "in parallel rounds"
ORDER = ("problems", "picard", "chain", "descent")
__getattr__, __dir__ = face(__name__)
