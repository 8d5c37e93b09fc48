"""Dynamics on low rank."""

from toolkit.core.rooms import face

TITLE = "dynamics on low rank"
ORDER = (
    "looks",
    "problems",
    "transport_riccati",
    "basis_update",
    "projector_splitting",
    "tree_problems",
    "tree_basis_update",
    "digits_training",
    "low_rank_training",
)
__getattr__, __dir__ = face(__name__)
