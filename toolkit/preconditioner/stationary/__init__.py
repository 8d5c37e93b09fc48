"""Stationary methods and preconditioners."""

from toolkit.core.rooms import face

TITLE = "stationary methods and preconditioners"
ORDER = ("relaxation", "incomplete", "shifted_laplace", "polynomial", "deflation", "preconditioning")
__getattr__, __dir__ = face(__name__)
