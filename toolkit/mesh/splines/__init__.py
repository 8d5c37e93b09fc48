"""Splines: projection and fractional diffusion."""

from toolkit.core.rooms import face

TITLE = "splines: projection and fractional diffusion"
ORDER = ("projection", "riesz")
__getattr__, __dir__ = face(__name__)
