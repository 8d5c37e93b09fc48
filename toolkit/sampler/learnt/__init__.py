"""A learnt denoiser, and its training."""

from toolkit.core.rooms import face

TITLE = "a learnt denoiser"
ORDER = ("network", "denoiser", "adam")
__getattr__, __dir__ = face(__name__)
