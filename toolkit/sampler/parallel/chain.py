"""Jacobi and Gauss–Seidel sweeps of a chain of maps, evaluated as a system of equations, not one step at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Bound, Exact
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, needed
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH_GROWTH
from toolkit.sampler.parallel.problems import SETTLED, Chain

TINY = 1e-300


@dataclass(slots=True, kw_only=True)
class ChainState(State):
    """The guess of all nodes (T + 1, d), the change in the latest sweep, and how many maps had to wait for another.

    `first` is the node from which the active block of a method goes on.
    """

    path: np.ndarray
    change: float
    depth: float = 0.0
    first: int = 0

    def solution(self) -> np.ndarray:
        return self.path


class Sweeps(Method):
    """A step is a sweep of evaluations that may run in parallel; it starts from x_0 at every node."""

    sources: ClassVar[tuple[str, ...]] = ("song2021feedforward",)
    chaotic: ClassVar[str] = "it ends where a sweep changes nothing, which rounding decides"
    monitors: ClassVar[tuple[str, ...]] = ("change", "depth")
    linear: ClassVar[tuple[str, ...]] = ("depth",)
    problems: ClassVar[tuple[type, ...]] = (Chain,)
    tolerance: float  # a knob of each

    def init(self, problem):
        path = np.repeat(problem.parts[2][None], problem.length + 1, axis=0)
        return ChainState(path=path, change=float(np.linalg.norm(problem.parts[2])) + 1.0)

    def finished(self, problem, state) -> bool:
        """Whether the sweeps done are enough in any case."""
        raise NotImplementedError

    def sweep(self, problem, state) -> np.ndarray:
        """The new path; counts its evaluations and their depth, and moves `first`."""
        raise NotImplementedError

    def step(self, problem, state):
        path, first = self.sweep(problem, state), state.first
        moved = float(np.linalg.norm(path - state.path, axis=1).max())
        state.path, state.change, state.k = path, max(moved, TINY), state.k + 1
        if self.finished(problem, state) or (moved <= self.tolerance and first == 0 == state.first):
            state.status = Status("converged", f"settled after {state.k} sweeps of a chain of {problem.length}")
        return state

    def promised(self, problem, settled: int) -> list:
        """At least `settled` nodes more are exact after each sweep, and the end is the sequential result."""
        count, about = problem.length, dict(source="song2021feedforward", stop=THROUGH_GROWTH)
        title = (
            f"{settled} more nodes exact after each sweep" if settled > 1 else "one more node exact after each sweep"
        )

        def curve(k, values):
            return np.maximum(count - settled * k, 0.0)

        claims = [Bound(measure="unsettled", curve=curve, title=title, **about)]
        if self.tolerance == 0:
            claims.append(Exact(measure="chain_error", tol=SETTLED, title="the sequential result", **about))
        return claims


@dataclass(frozen=True)
class JacobiSweeps(Sweeps):
    """x_{i+1}^{new} = h_i(x_i^{old}) for all i at once: exact after T sweeps, sooner for contractions.

    A sweep is T evaluations, none of which waits for another. If |h_i(x) − h_i(y)| ≤ L |x − y|, the error after k
    sweeps is at most L^k of the first.
    Reference: Y. Song, C. Meng, R. Liao, S. Ermon (2021), arXiv:2002.03681, Alg. 1 (Jacobi).
    """

    title: ClassVar[str] = "Jacobi sweeps"
    tolerance: float = knob(0.0, 0.0, 1.0, doc="change at which the sweeps end; 0: only when nothing moves")

    def finished(self, problem, state):
        return state.k >= problem.length

    def sweep(self, problem, state):
        state.work.nfe += problem.length
        state.depth += 1
        return np.array([state.path[0], *(problem.node(i, state.path[i]) for i in range(problem.length))])

    def claims(self, problem):
        claims = self.promised(problem, 1)
        if problem.coupling < 1:
            factor, about = (
                problem.coupling,
                dict(source="song2021feedforward", stop=THROUGH_GROWTH, assumes="contractions"),
            )
            about |= dict(curve=lambda k, values: values[0] * factor**k, title="error ≤ L^k of the first")
            claims.append(Bound(measure="chain_error", floor=1e-14, **about))
        return tuple(claims)


@dataclass(frozen=True)
class JacobiGaussSeidel(Sweeps):
    """Blocks of `block` nodes in parallel, the nodes of a block one after another with new values: exact after T/block.

    A sweep waits for `block` evaluations in a row. One block is feed-forward evaluation, blocks of one node are Jacobi.
    Never more sweeps than Jacobi's, as every node sees values at least as new.
    Reference: Y. Song, C. Meng, R. Liao, S. Ermon (2021), arXiv:2002.03681, Sec. 4.3 (Jacobi-GS).
    """

    title: ClassVar[str] = "Jacobi over Gauss–Seidel blocks"
    block: int = knob(8, 1, 512, log=True, doc="nodes in a block")
    tolerance: float = knob(0.0, 0.0, 1.0, doc="change at which the sweeps end; 0: only when nothing moves")

    def label(self):
        return f"{self.title} of {self.block}"

    def finished(self, problem, state):
        return state.k * self.block >= problem.length

    def sweep(self, problem, state):
        state.work.nfe += problem.length
        state.depth += min(self.block, problem.length)
        path = state.path.copy()
        for i in range(problem.length):
            path[i + 1] = problem.node(i, state.path[i] if i % self.block == 0 else path[i])
        return path

    def claims(self, problem):
        title = "no more sweeps than Jacobi's"
        other = JacobiSweeps(tolerance=self.tolerance)
        about = dict(source="song2021feedforward", stop=THROUGH_GROWTH, other=other, measure="k", title=title)
        return (*self.promised(problem, self.block), Beats(**about))


@dataclass(frozen=True)
class GaussSeidelJacobi(Sweeps):
    """Blocks of `block` nodes one after another, each by Jacobi sweeps until it moves no more: exact after T sweeps.

    A sweep is one parallel round in the active block only, and so needs few processors; it pays where a block settles
    in fewer sweeps than it has nodes.
    Reference: Y. Song, C. Meng, R. Liao, S. Ermon (2021), arXiv:2002.03681, Sec. 4.3 (GS-Jacobi).
    """

    title: ClassVar[str] = "Gauss–Seidel over Jacobi blocks"
    block: int = knob(16, 1, 512, log=True, doc="nodes in a block")
    tolerance: float = knob(0.0, 0.0, 1.0, doc="change at which a block is left; 0: only when nothing moves")

    def label(self):
        return f"{self.title} of {self.block}"

    def finished(self, problem, state):
        return state.first >= problem.length

    def sweep(self, problem, state):
        first = state.first
        last = min((first // self.block + 1) * self.block, problem.length)
        state.work.nfe += last - first
        state.depth += 1
        path = state.path.copy()
        path[first + 1 : last + 1] = [problem.node(i, state.path[i]) for i in range(first, last)]
        still = np.flatnonzero(np.linalg.norm(path - state.path, axis=1)[first + 1 : last + 1] > self.tolerance)
        state.first = first + 1 + int(still[0]) if len(still) else last  # what its own predecessor has settled
        path[last + 1 :] = path[last]
        return path

    def claims(self, problem):
        return tuple(self.promised(problem, 1)) if self.tolerance == 0 else ()  # else blocks are left before exact


def nodes(problem, state):
    """The error of every node after this sweep."""
    error = np.linalg.norm(state.path - problem.path, axis=1)
    return {"x": np.arange(len(error)), "error": np.maximum(error, 1e-17)}


PICTURES = (
    Picture("chain_nodes", "error at each node", "lines", nodes, x="node", y="|x − x*|", log=True, of=ChainState),
)
EXPERIMENTS = (
    Experiment(
        "chain-in-parallel",
        "A network without waiting",
        "All layers at once, again and again: how many sweeps make it exact, and what does coupling change?",
        Chain(),
        (JacobiSweeps(), JacobiGaussSeidel(), GaussSeidelJacobi()),
        THROUGH_GROWTH,
        measure="chain_error",
        picture="chain_nodes",
        predict=Guess(
            "Sixty-four layers, in blocks of eight that are passed through in order: how many sweeps are enough?",
            *(needed(1), 1, 64),
            theory=lambda runs: float(-(-runs[1].problem.length // runs[1].method.block)),
            limit=True,
            unit="sweeps",
            whole=True,
        ),
        why=(
            "What is known at the start of a block is known at its end after one sweep, so that every sweep settles a "
            "block, or with Jacobi's a single layer: as many sweeps as there are at most. Coupling $L<1$ makes each "
            "layer a contraction, and then a sweep leaves at most $L$ times the error, long before the last layer "
            "is reached. Raise $L$ above one, and only the first promise is left."
        ),
        formula=r"\|x^{(k)}-x^*\|\le L^k\,\|x^{(0)}-x^*\|",
        level=2,
        then="descent-in-parallel",
    ),
)
