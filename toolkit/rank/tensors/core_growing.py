"""Core shapes that grow by one rank a step: greedy by singular values, greedy by the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import monotone
from toolkit.core.knob import knob
from toolkit.rank.tensors.core_packing import BUDGETS, SPENT, CoreShapeMethod, captured_error, looked, refined, widened
from toolkit.rank.tensors.core_shape import size, surrogate, tail_energies
from toolkit.rank.tensors.problems import TensorProblem
from toolkit.rank.tensors.tucker import TuckerState


@dataclass(frozen=True)
class GreedyPacking(CoreShapeMethod):
    """Bang for the buck: a step raises the rank whose next energy σ² is largest for the numbers it costs.

    Looks at singular values only; one projection a step. No factor is known for it: a large singular value behind small
    ones is not seen.
    Reference: M. Ghadiri, M. Fahrbach, G. Fu, V. Mirrokni, ICML 2023, arXiv:2302.03886, section 5 (greedy packing).
    """

    title: ClassVar[str] = "greedy packing"
    sources: ClassVar[tuple[str, ...]] = ("ghadiri2023",)
    budget: int = knob(400, 10, 100_000, log=True, symbol="c", doc="numbers the decomposition may have")

    def init(self, problem: TensorProblem) -> TuckerState:
        state = TuckerState(core=np.empty(0), factors=[])
        return self.shaped(problem, state, (1,) * problem.data.ndim)

    def step(self, problem: TensorProblem, state: TuckerState) -> TuckerState:
        state.k += 1
        tails, before = tail_energies(problem), size(problem.shape, state.ranks)
        best, gain = None, -1.0
        for shape in raised(problem, state.ranks, self.budget):
            energy = surrogate(tails, state.ranks) - surrogate(tails, shape)
            if energy / (size(problem.shape, shape) - before) > gain:
                best, gain = shape, energy / (size(problem.shape, shape) - before)
        if best is None:
            state.status = SPENT
            return state
        return self.shaped(problem, state, best)

    def claims(self, problem: TensorProblem) -> tuple:
        return (self.below_surrogate(),)


def raised(problem, ranks, budget):
    """The shapes with one rank raised by one that fit the modes and the budget."""
    for mode, (_, values) in enumerate(problem.modes):
        shape = tuple(r + (k == mode) for k, r in enumerate(ranks))
        if ranks[mode] < len(values) and size(problem.shape, shape) <= budget:
            yield shape


@dataclass(frozen=True)
class LossGreedy(CoreShapeMethod):
    """Greedy by the true loss: a step decomposes with each rank raised in turn, and keeps the least error.

    Every trial starts from the factors at hand and the next singular vector of its mode, so the error never grows. A
    step costs N decompositions of the whole tensor; while others are 1 a rank alone gains nothing: ties go by the
    singular values.
    Reference: M. Ghadiri, M. Fahrbach, G. Fu, V. Mirrokni, ICML 2023, arXiv:2302.03886, section 5 (RRE-greedy).
    """

    title: ClassVar[str] = "greedy by the loss"
    sources: ClassVar[tuple[str, ...]] = ("ghadiri2023",)
    budget: int = knob(400, 10, 100_000, log=True, symbol="c", doc="numbers the decomposition may have")
    sweeps: int = knob(2, 1, 10, doc="sweeps of orthogonal iteration in every trial")

    def init(self, problem: TensorProblem) -> TuckerState:
        state = TuckerState(core=np.empty(0), factors=[])
        return self.shaped(problem, state, (1,) * problem.data.ndim, self.sweeps)

    def step(self, problem: TensorProblem, state: TuckerState) -> TuckerState:
        state.k += 1
        tails, found = tail_energies(problem), []
        for shape in raised(problem, state.ranks, self.budget):
            wider = [widened(left, u, r) for (left, _), u, r in zip(problem.modes, state.factors, shape)]
            core, factors = refined(problem, wider, self.sweeps)
            state.work.solves += 1
            error = captured_error(problem, core)
            found.append((round(error, 12), surrogate(tails, shape), shape, core, factors))
        if not found:
            state.status = SPENT
            return state
        *_, state.core, state.factors = min(found, key=lambda one: one[:3])
        return looked(problem, state)

    def claims(self, problem: TensorProblem) -> tuple:
        return (
            monotone(
                "error",
                floor=1e-12,
                source="ghadiri2023",
                title="the error never grows",
                assumes="a trial starts from the factors at hand",
                stop=BUDGETS,
            ),
        )
