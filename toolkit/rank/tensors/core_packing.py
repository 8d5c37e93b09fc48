"""Methods that choose a core shape within a budget: exact packing, and packing by splits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, Exact, at_most_one, monotone
from toolkit.core.knob import knob
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.rank.tensors.core_shape import (
    least_size,
    optimum_floor,
    packed,
    size,
    split_packed,
    surrogate,
    tail_energies,
)
from toolkit.rank.tensors.multilinear import leading, projected, times
from toolkit.rank.tensors.problems import TensorProblem
from toolkit.rank.tensors.tucker import RESOLVED, TuckerState

SPENT = Status("converged", "the budget is spent", "Raise `budget` to go on")
SPLITS_DONE = Status("converged", "every split of the budget has been tried", "Lower `epsilon` for finer splits")
BUDGETS = Stop(rtol=0.0, steps=300)


def refined(problem: TensorProblem, factors: list, sweeps: int) -> tuple[np.ndarray, list]:
    """Core and factors after sweeps of orthogonal iteration; none: the tensor projected on the factors."""
    factors = list(factors)
    for _ in range(sweeps):
        for mode, factor in enumerate(factors):
            part = projected(problem.data, factors, skip=mode)
            better = leading(part, mode, factor.shape[1])[0]  # fewer columns where the other ranks are small
            factors[mode] = widened(problem.modes[mode][0], better, factor.shape[1])
    if not sweeps:
        return projected(problem.data, factors), factors
    return times(part, factors[-1].T, len(factors) - 1), factors


def captured_error(problem, core) -> float:
    """Relative error of an orthogonal projection: √(1 − ‖G‖²/‖T‖²)."""
    return math.sqrt(max(0.0, 1 - (float(np.linalg.norm(core)) / problem.norm) ** 2))


class CoreShapeMethod(Method):
    """Base: a core shape r with ∏ r_n + Σ I_n r_n ≤ budget."""

    monitors: ClassVar[tuple[str, ...]] = ("error", "unknowns")
    scales: ClassVar[tuple[str, ...]] = ("unknowns",)
    problems: ClassVar[tuple[type, ...]] = (TensorProblem,)

    def suits(self, problem) -> str:
        refused = super().suits(problem)
        if not refused and self.budget < least_size(problem.shape):
            return f"its budget {self.budget} is below the {least_size(problem.shape)} numbers of core shape (1, …, 1)"
        return refused

    def shaped(self, problem, state, ranks, sweeps: int = 0) -> TuckerState:
        """The state with a new shape: leading singular vectors of every mode, then sweeps of orthogonal iteration."""
        factors = [np.ascontiguousarray(left[:, :r]) for (left, _), r in zip(problem.modes, ranks)]
        state.core, state.factors = refined(problem, factors, sweeps)
        state.work.solves += 1
        return looked(problem, state)

    def measures(self, problem) -> tuple[Measure, ...]:
        return SURROGATE, SURROGATE_SHARE, FLOOR_RATIO

    def below_surrogate(self) -> Bound:
        """The tails of all modes together are never exceeded."""
        return at_most_one(
            "surrogate_share",
            title="the tail energies are an upper bound of the squared error",
            assumes="any tensor and shape; judged above rounding",
            source="ghadiri2023",
            stop=BUDGETS,
        )


def looked(problem, state):
    """Error and size of a state."""
    state.error = problem.distance(state.solution())
    state.unknowns = float(size(problem.shape, state.ranks))
    return state


@dataclass(frozen=True)
class PackedCore(CoreShapeMethod):
    """Tucker packing solved exactly, then the HOSVD of that shape; a step raises the budget by a factor.

    The shape minimises Σ_n Σ_{i>r_n} σ_i^{(n)2}, which lies between the least squared error L of a shape and N L: the
    squared error found is at most N times the least any shape in the budget has. Needs the singular values of the N
    unfoldings once; then a budget costs a search of ∏ of all mode lengths but the longest, and one projection.
    NP-hard in N: see the packing by splits for tensors of high order.
    Reference: M. Ghadiri, M. Fahrbach, G. Fu, V. Mirrokni, ICML 2023, arXiv:2302.03886, sections 2 and 3.
    """

    title: ClassVar[str] = "Tucker packing"
    sources: ClassVar[tuple[str, ...]] = ("ghadiri2023",)
    budget: int = knob(400, 10, 100_000, log=True, symbol="c", doc="numbers the decomposition may have")
    growth: float = knob(1.2, 1.05, 4.0, doc="ratio of one budget to the one before")
    sweeps: int = knob(0, 0, 10, doc="sweeps of orthogonal iteration after the HOSVD")

    def allowed(self, shape, k: int) -> float:
        """The budget of step k."""
        return min(float(self.budget), math.floor(least_size(shape) * self.growth**k + 1e-9))

    def init(self, problem: TensorProblem) -> TuckerState:
        return self._at(problem, TuckerState(core=np.empty(0), factors=[]))

    def step(self, problem: TensorProblem, state: TuckerState) -> TuckerState:
        state.k += 1
        return self._at(problem, state)

    def _at(self, problem, state):
        allowed = self.allowed(problem.shape, state.k)
        ranks = packed(tail_energies(problem), problem.shape, allowed)
        if state.k and allowed >= self.budget:
            state.status = SPENT
        return self.shaped(problem, state, ranks, self.sweeps)

    def claims(self, problem: TensorProblem) -> tuple:
        order = problem.data.ndim

        def floors(k, v):
            tails = tail_energies(problem)
            least = [optimum_floor(tails, problem.shape, self.allowed(problem.shape, int(one))) for one in k]
            return np.sqrt(order * np.array(least))

        return (
            Bound(
                measure="error",
                curve=floors,
                floor=1e-12,
                title=f"squared error at most {order} times the least of any core shape in the budget",
                assumes="any tensor; the least is replaced by a number below it, min_r max_n of the tails",
                source="ghadiri2023",
                stop=BUDGETS,
            ),
            self.below_surrogate(),
        )


@dataclass(frozen=True)
class SplitPacking(CoreShapeMethod):
    """Tucker packing by splits: a step reserves (1 + ε)^k numbers for the core and packs the rest with factors.

    Each split is an integer program with two knapsacks, polynomial in number for any order; the best shape so far is
    kept. After the last split its surrogate is no larger than the optimum of the budget c/(1 + ε): some split rounds
    the optimal core up by 1 + ε at most, and that still fits. ln c / ln(1 + ε) programs in all.
    Reference: M. Ghadiri, M. Fahrbach, G. Fu, V. Mirrokni, ICML 2023, arXiv:2302.03886, section 4, with the integer
    programming solver of their experiments in place of the enumeration of large items.
    """

    title: ClassVar[str] = "Tucker packing by splits"
    sources: ClassVar[tuple[str, ...]] = ("ghadiri2023",)
    scales: ClassVar[tuple[str, ...]] = ()
    budget: int = knob(400, 10, 100_000, log=True, symbol="c", doc="numbers the decomposition may have")
    epsilon: float = knob(0.3, 0.02, 2.0, log=True, symbol="ε", doc="ratio of one split to the one before, less one")
    sweeps: int = knob(0, 0, 10, doc="sweeps of orthogonal iteration after the HOSVD")

    def init(self, problem: TensorProblem) -> TuckerState:
        state = TuckerState(core=np.empty(0), factors=[])
        return self.shaped(problem, state, (1,) * problem.data.ndim, self.sweeps)

    def step(self, problem: TensorProblem, state: TuckerState) -> TuckerState:
        core = (1 + self.epsilon) ** state.k
        state.k += 1
        tails = tail_energies(problem)
        best = surrogate(tails, state.ranks)
        if best > 0:
            ranks = split_packed(tails, problem.shape, self.budget, core, best)
            if ranks is not None and surrogate(tails, ranks) < best:
                self.shaped(problem, state, ranks, self.sweeps)
        state.work.matvecs += 1
        if core * (1 + self.epsilon) > self.budget - sum(problem.shape):
            state.status = SPLITS_DONE
        return state

    def measures(self, problem) -> tuple[Measure, ...]:
        def excess(problem, state):
            smaller, tails = self.budget / (1 + self.epsilon), tail_energies(problem)
            if smaller < least_size(problem.shape):
                return 0.0
            best = surrogate(tails, packed(tails, problem.shape, smaller))
            return max(0.0, surrogate(tails, state.ranks) - best) / max(best, RESOLVED**2)

        doc = "surrogate over the least one of the budget c/(1 + ε), less one; zero where it is smaller"
        return (*super().measures(problem), Measure("split_excess", "packing against the exact one", excess, doc=doc))

    def claims(self, problem: TensorProblem) -> tuple:
        return (
            Exact(
                measure="split_excess",
                tol=1e-5,
                title="no worse than the best packing of the budget c/(1 + ε)",
                assumes="all splits tried; integer programs solved to 10⁻⁶ of the result",
                source="ghadiri2023",
                stop=BUDGETS,
            ),
            monotone("surrogate", floor=1e-13, source="ghadiri2023", title="the surrogate never grows", stop=BUDGETS),
            self.below_surrogate(),
        )


def widened(left, factor, rank: int) -> np.ndarray:
    """An orthonormal factor (n, rank) that contains the given one; new columns are from the leading `left` vectors."""
    while factor.shape[1] < rank:
        rest = left[:, :rank] - factor @ (factor.T @ left[:, :rank])
        new = rest[:, [np.argmax(np.linalg.norm(rest, axis=0))]]
        new = new - factor @ (factor.T @ new)
        factor = np.hstack((factor, new / np.linalg.norm(new)))
    return factor


def _surrogate(problem, state) -> float:
    return math.sqrt(surrogate(tail_energies(problem), state.ranks))


def _share(problem, state) -> float:
    above = _surrogate(problem, state)
    return state.error / above if above > RESOLVED else math.nan


def _floor_ratio(problem, state) -> float:
    least = math.sqrt(optimum_floor(tail_energies(problem), problem.shape, state.unknowns))
    return state.error / least if least > RESOLVED else math.nan


SURROGATE = Measure(
    "surrogate",
    "tails of all modes together",
    _surrogate,
    "√Σ_n Σ_{i>r_n} σ_i^{(n)2} / ‖T‖",
    doc="what the packing makes least: at least the error, at most √N times it",
)
SURROGATE_SHARE = Measure("surrogate_share", "error over the surrogate", _share, log=False, doc="at most one by theory")
FLOOR_RATIO = Measure(
    "optimum_ratio",
    "error over a lower bound of the best shape's",
    _floor_ratio,
    "‖T − X‖ / min_r max_n (tails)",
    log=False,
    doc="best of all shapes of no more numbers; one: optimal",
)
