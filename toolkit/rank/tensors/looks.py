"""What is seen of core shapes: the whole core, and what is kept of it."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.stop import Stop
from toolkit.rank.tensors.core_growing import GreedyPacking, LossGreedy
from toolkit.rank.tensors.core_packing import PackedCore
from toolkit.rank.tensors.core_shape import UnequalTensor
from toolkit.rank.tensors.problems import TensorProblem
from toolkit.rank.tensors.tucker import TuckerState


def core_blocks(problem, state):
    """How large the core is in the whole core of the HOSVD: log₁₀ |entries|, and what of them is kept."""
    if not isinstance(problem, TensorProblem) or not isinstance(state, TuckerState) or problem.data.ndim != 3:
        return None
    whole = np.log10(np.abs(problem.whole_core).max(axis=2) / problem.norm + 1e-12)
    kept = whole.copy()
    kept[state.ranks[0] :], kept[:, state.ranks[1] :] = -12, -12
    return {"whole core, largest over mode 3": whole, "kept": kept}


EXPERIMENTS = (
    Experiment(
        "core-budget",
        "Which core for a budget of numbers?",
        "Singular values alone against the true loss at every step: who finds the better core shape, at what cost?",
        UnequalTensor(n=24),
        (PackedCore(budget=1500), GreedyPacking(budget=1500), LossGreedy(budget=1500)),
        Stop(rtol=0.0, steps=60),
        measure="error",
        against="unknowns",
        picture="core-shape",
    ),
)


PICTURES = (Picture("core-shape", "core and what is kept of it", "images", core_blocks),)
