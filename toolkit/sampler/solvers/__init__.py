"""Solvers of the probability flow."""

from toolkit.core.rooms import face

TITLE = "solvers of the probability flow"
ORDER = (
    "questions",
    "looks",
    "ddim",
    "dpmsolver",
    "deis",
    "unipc",
    "pndm",
    "dpmplusplus",
    "adaptive",
    "step_ladder",
    "stability",
    "sampler",
    "drawing",
)
__getattr__, __dir__ = face(__name__)
