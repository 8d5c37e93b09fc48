"""What is seen of tensors: the whole core and what is kept of it; planted components beside those found."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import YES_NO, Pick, whether
from toolkit.core.stop import Stop
from toolkit.rank.tensors.core_growing import GreedyPacking, LossGreedy
from toolkit.rank.tensors.core_packing import PackedCore
from toolkit.rank.tensors.core_shape import UnequalTensor
from toolkit.rank.tensors.cp import CpState
from toolkit.rank.tensors.subspace_power import SubspaceState
from toolkit.rank.tensors.tucker import TuckerState


def core_blocks(problem, state):
    """How large the core is in the whole core of the HOSVD: log₁₀ |entries|, and what of them is kept."""
    whole = np.log10(np.abs(problem.whole_core).max(axis=2) / problem.norm + 1e-12)
    kept = whole.copy()
    kept[state.ranks[0] :], kept[:, state.ranks[1] :] = -12, -12
    return {"whole core, largest over mode 3": whole, "kept": kept}


def comparable(problem, state) -> bool:
    """Whether something was planted that can be compared: matrices with as many rows a mode, all as many columns."""
    true, found = problem.factors, state.factors
    if true is None or len(found) != len(true) or len({b.shape[1:] for b in found}) > 1:
        return False
    return all(a.shape[:1] == b.shape[:1] and a.ndim == b.ndim == 2 for a, b in zip(true, found))


def component_match(problem, state):
    """|cosines| of planted components (rows) with those found (columns)."""
    true, found = problem.factors, state.factors
    sizes = [np.maximum(np.linalg.norm(b, axis=0), 1e-300) for b in found]
    return {"z": np.abs(np.prod([a.T @ (b / s) for a, b, s in zip(true, found, sizes)], axis=0))}


def loss_pays(runs) -> bool:
    """Whether the last method, which looks at the true loss, ended below both others."""
    ends = [run.history.last("error") for run in runs]
    return ends[-1] < 0.99 * min(ends[:-1])


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
        predict=Pick(
            "One of the three decomposes the tensor anew for every rank it might raise. Does that pay: does it end"
            " with a smaller error, by one per cent or more?",
            truth=whether(loss_pays),
            options=YES_NO,
        ),
        why=r"The tails of the singular values, summed over the modes, lie between the squared error of a core shape"
        r" and $N$ times it: the shape with the least sum that fits the budget is at most $\sqrt N$ times worse than"
        r" the best, whatever the tensor. Finding it is a knapsack problem with numbers known once and for all. Greedy"
        r" by singular values nearly solves it; greedy by the true loss decomposes the whole tensor at every trial,"
        r" and gains nothing here, as the sum of the tails tells the error well.",
        formula=r"L(r) \ \le\ \sum_{n=1}^{N} \sum_{i>r_n} \big(\sigma_i^{(n)}\big)^2 \ \le\ N\, L(r)",
        level=2,
        minutes=7,
        then="train-cross",
    ),
)


PICTURES = (
    Picture(
        "core-shape",
        "core and what is kept of it",
        "images",
        core_blocks,
        of=TuckerState,
        when=lambda problem, state: problem.data.ndim == 3,
    ),
    Picture(
        "component-match",
        "planted against found: |cosine|",
        "image",
        component_match,
        of=(CpState, SubspaceState, TuckerState),
        when=comparable,
    ),
)
