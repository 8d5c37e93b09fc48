"""Tensors in few numbers."""

from toolkit.core.rooms import face

TITLE = "tensors in few numbers"
ORDER = (
    "looks",
    "problems",
    "cp",
    "subspace_power",
    "tensor_train",
    "core_shape",
    "core_packing",
    "core_growing",
    "chebyshev_tucker",
    "functional_tucker",
    "tucker",
    "slices",
)
__getattr__, __dir__ = face(__name__)
