"""Compression of fields with a promised error."""

from toolkit.core.rooms import face

TITLE = "compression of fields with a promised error"
ORDER = ("problems", "compressors", "progressive", "looks")
__getattr__, __dir__ = face(__name__)
