"""Krylov methods."""

from toolkit.core.rooms import face

TITLE = "krylov methods"
ORDER = ("cg", "minres", "gmres", "bicgstab", "chebyshev", "gradient", "inner", "looks", "method", "ritz", "basis")
__getattr__, __dir__ = face(__name__)
