"""Matrices of low rank."""

from toolkit.core.rooms import face

TITLE = "matrices of low rank"
ORDER = (
    "looks",
    "lowrank",
    "problems",
    "sketching",
    "columns",
    "svd_update",
    "growing_matrix",
    "random_pivots",
    "gram_matrix",
    "random_pairs",
    "givens",
)
__getattr__, __dir__ = face(__name__)
