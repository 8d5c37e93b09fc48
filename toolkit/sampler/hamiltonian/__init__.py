"""Hamiltonian sampling."""

from toolkit.core.rooms import face

TITLE = "hamiltonian sampling"
ORDER = ("sghmc", "rest_bias")
__getattr__, __dir__ = face(__name__)
