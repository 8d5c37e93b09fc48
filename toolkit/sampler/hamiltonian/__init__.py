"""Hamiltonian sampling."""

from toolkit.core.rooms import face

TITLE = "hamiltonian sampling"
ORDER = ("problems", "sghmc", "rest_bias")
__getattr__, __dir__ = face(__name__)
