"""Samplers with noise."""

from toolkit.core.rooms import face

TITLE = "samplers with noise"
ORDER = ("edm", "dpmplusplus", "accelerated")
__getattr__, __dir__ = face(__name__)
