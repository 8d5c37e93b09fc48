"""Core shapes: Tucker packing of tail energies into a budget of numbers, and tensors whose modes decay unequally."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob, seed_knob
from toolkit.core.loading import loading
from toolkit.rank.tensors.multilinear import tucker_full
from toolkit.rank.tensors.problems import TensorProblem, tail


@dataclass(frozen=True)
class UnequalTensor(TensorProblem):
    """A Tucker tensor whose modes have different lengths and different decays: no cube of a core suits it.

    Entry (i, j, k) of the core is Gaussian times i^(−s) j^(−s q) k^(−s q²), the factors are orthonormal and the lengths
    n, 2n/3, n/2.
    """

    title: ClassVar[str] = "tensor of unequal modes"
    sources: ClassVar[tuple[str, ...]] = ("ghadiri2023",)
    n: int = knob(24, 6, 60, symbol="n", doc="length of the first mode; the others have 2n/3 and n/2")
    decay: float = knob(0.7, 0.0, 4.0, symbol="s", doc="decay of the first mode's slices, a power")
    skew: float = knob(1.6, 1.0, 3.0, symbol="q", doc="by how much faster each further mode decays")
    seed: int = seed_knob("core and factors")

    def made(self):
        rng = np.random.default_rng(self.seed)
        lengths = (self.n, 2 * self.n // 3, self.n // 2)
        core = rng.standard_normal(lengths)
        for mode, length in enumerate(lengths):
            weights = np.arange(1.0, length + 1) ** (-self.decay * self.skew**mode)
            core *= weights.reshape([-1 if k == mode else 1 for k in range(3)])
        return tucker_full(core, [np.linalg.qr(rng.standard_normal((m, m)))[0] for m in lengths])


def tail_energies(problem: TensorProblem) -> list[np.ndarray]:
    """For every mode Σ_{i>r} σ_i² over the tensor's squared norm, r = 0 … number of its singular values."""
    return [(tail(values) / problem.norm) ** 2 for _, values in problem.modes]


def size(shape, ranks) -> int:
    """Numbers of a Tucker decomposition: ∏ r_n + Σ I_n r_n."""
    return math.prod(ranks) + sum(n * r for n, r in zip(shape, ranks))


def least_size(shape) -> int:
    """The size of core shape (1, …, 1): no budget may be smaller."""
    return 1 + sum(shape)


def feasible(tails, shape, budget: float) -> tuple[np.ndarray, np.ndarray]:
    """Every undominated core shape in a budget: the ranks (m, N), and which energies they leave (m, N).

    All ranks of all modes but the one with most ranks are tried; that one takes what is left, as more is never worse.
    O(N ∏ of the other modes).
    """
    order = np.argsort([len(one) for one in tails], kind="stable")
    *others, last = order.tolist()
    lines = np.meshgrid(*[np.arange(1, len(tails[k])) for k in others], indexing="ij")
    ranks = np.ones((lines[0].size, len(tails)), dtype=np.int64)
    for k, line in zip(others, lines):
        ranks[:, k] = line.ravel()
    core, spent = np.prod(ranks, axis=1), ranks[:, others] @ np.array([shape[k] for k in others])
    ranks[:, last] = np.minimum((budget - spent) // (core + shape[last]), len(tails[last]) - 1)
    ranks = ranks[ranks[:, last] >= 1]
    return ranks, np.stack([one[ranks[:, k]] for k, one in enumerate(tails)], axis=1)


def packed(tails, shape, budget: float) -> tuple[int, ...]:
    """Tucker packing, exactly: the core shape of size ≤ budget that leaves the least Σ_n Σ_{i>r_n} σ_i^{(n)2}.

    Reference: M. Ghadiri, M. Fahrbach, G. Fu, V. Mirrokni, ICML 2023, arXiv:2302.03886, section 3: the problem.
    """
    ranks, left = feasible(tails, shape, budget)
    return tuple(ranks[np.argmin(left.sum(axis=1))].tolist())


def optimum_floor(tails, shape, budget: float) -> float:
    """A number no Tucker decomposition in the budget has a smaller squared error than: min_r max_n Σ_{i>r_n} σ_i²."""
    return float(feasible(tails, shape, budget)[1].max(axis=1).min())


def surrogate(tails, ranks) -> float:
    """Σ_n Σ_{i>r_n} σ_i^{(n)2} / ‖T‖²: at least the squared error of the best of that shape, at most N times it."""
    return float(sum(one[r] for one, r in zip(tails, ranks)))


def split_packed(tails, shape, budget: float, core_size: float, incumbent: float) -> tuple[int, ...] | None:
    """Packing with ∏ r_n ≤ core_size and Σ I_n r_n ≤ budget − core_size; None if nothing is below the incumbent.

    With the budget split the core's size is a knapsack in log r_n, the factors' a second one, and one rank a mode the
    matroid: an integer program, solved by branch and bound (HiGHS). Ranks whose own tail is above the incumbent are
    left out and energies are taken relative to it, so that the solver's tolerance 10⁻⁶ is relative to the result.
    Reference: M. Ghadiri, M. Fahrbach, G. Fu, V. Mirrokni, ICML 2023, arXiv:2302.03886, section 4: the reduction to a
    two-dimensional knapsack with a partition matroid.
    """
    with loading():
        from scipy.optimize import Bounds, LinearConstraint, milp

    options = [
        (k, r, one[r] / incumbent)
        for k, one in enumerate(tails)
        for r in range(1, len(one))
        if one[r] < incumbent and r <= core_size and shape[k] * r <= budget - core_size
    ]
    mode, rank, energy = (np.array(column) for column in zip(*options)) if options else (np.empty(0),) * 3
    if len(set(mode.tolist())) < len(shape):
        return None
    rows = np.stack([np.log(rank), rank * np.array(shape)[mode], *(mode == k for k in range(len(shape)))])
    low = np.concatenate(([-np.inf, -np.inf], np.ones(len(shape))))
    high = np.concatenate(([math.log(core_size) + 1e-9, budget - core_size], np.ones(len(shape))))
    found = milp(
        energy,
        constraints=LinearConstraint(rows, low, high),
        integrality=np.ones(len(energy)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None or found.fun >= 1:
        return None
    chosen = found.x > 0.5
    return tuple(int(rank[chosen & (mode == k)][0]) for k in range(len(shape)))


CASES = (UnequalTensor(n=15),)
