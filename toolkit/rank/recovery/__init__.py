"""Matrices recovered from few numbers."""

from toolkit.core.rooms import face

TITLE = "matrices recovered from few numbers"
ORDER = (
    "looks",
    "problems",
    "completion",
    "factor_descent",
    "scaled_descent",
    "subgradient",
    "alternating",
    "nuclear_norm",
    "thresholded_svd",
    "phase_diagram",
)
__getattr__, __dir__ = face(__name__)
