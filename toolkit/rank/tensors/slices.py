"""What is seen of any approximation of a tensor: last in the family, so that what a method has of its own is first."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Picture
from toolkit.rank.tensors.problems import TensorProblem
from toolkit.rank.tensors.subspace_power import SubspaceState


def middle_slice(problem, state):
    """The middle slice of the tensor, of its approximation, and their difference."""
    where = (..., *(n // 2 for n in problem.shape[2:]))
    given, found = problem.data[where], np.asarray(state.solution()).reshape(problem.shape)[where]
    return {"given": given, "found": found, "difference": given - found}


def of_entries(problem, state) -> bool:
    """Whether the solution is the tensor, entry by entry; that of the subspace power method is its components."""
    return not isinstance(state, SubspaceState)


PICTURES = (Picture("tensor-slice", "middle slice", "images", middle_slice, of=TensorProblem, when=of_entries),)
