"""Fitted, learnt and searched solvers."""

from toolkit.core.rooms import face

TITLE = "fitted, learnt and searched solvers"
ORDER = (
    "integration",
    "compensation",
    "empirical",
    "bespoke",
    "schedule_search",
    "unified",
    "looks",
    "scale_time",
    "training",
)
__getattr__, __dir__ = face(__name__)
