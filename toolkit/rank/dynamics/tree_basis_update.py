"""Basis update and Galerkin on trees: all bases and cores in parallel, and from the leaves to the root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Flat, Order
from toolkit.core.method import Method
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH
from toolkit.rank.dynamics.basis_update import most_knob, tolerance_knob, widened
from toolkit.rank.dynamics.integrator import BLOWN_UP, REACHED, SMALLER, runge_kutta, steps_knob, worn
from toolkit.rank.dynamics.tree_problems import SpinChain, TreeFlow
from toolkit.rank.dynamics.tree_tensor import (
    decomposed,
    dense,
    expected,
    folded,
    projected,
    terms,
    times,
    truncated_tree,
    unfolded,
    upwards,
)

SHOWN = 32  # nodes whose ranks are kept of every step


@dataclass(slots=True, kw_only=True)
class TreeState(State):
    """Bases of the leaves (n, r) and cores (r₀, r₁, …) by node; singular values at every node; ranks of every step."""

    tree: tuple
    arrays: list
    values: list
    rank: float = 0.0
    t: float = 0.0
    time: float = 0.0
    unknowns: float = 0.0
    ranks: np.ndarray

    def solution(self) -> np.ndarray:
        return dense(self.tree, self.arrays)


@dataclass(slots=True)
class Opening:
    """What a node is handed at the start of a step, from above: nothing in it comes from another node's update.

    `start`: K or core with the weight of the rest moved in; `around` (K, r, r): what the rest makes of every term;
    `frames`: for every child Q of Mat_i(start)ᵀ = Q R, folded.
    """

    start: np.ndarray
    around: np.ndarray
    frames: list


def openings(problem: TreeFlow, arrays: list, within: list) -> list[Opening]:
    """The initial values and surroundings of all sub-problems of a step, from the root down."""
    tree, count = problem.nodes, len(problem.operators[0])
    found: list = [None] * len(tree)
    found[0] = Opening(arrays[0], np.ones((count, 1, 1)), [])
    for place, node in enumerate(tree):
        mine = found[place]
        for i, child in enumerate(node.children):
            q, r = np.linalg.qr(unfolded(mine.start, i + 1).T)
            frame = folded(q.T, mine.start.shape, i + 1)
            others = [within[other] if other != child else None for other in node.children]
            around = expected(frame, terms(frame, [mine.around, *others]), i + 1)
            start = arrays[child] @ r.T if tree[child].leaf >= 0 else times(arrays[child], r, 0)
            mine.frames.append(frame)
            found[child] = Opening(start, around, [])
    return found


def evolved(problem: TreeFlow, opening: Opening, node, within: list, t: float, h: float) -> np.ndarray:
    """The sub-problem of one node: K′ = c Σ hᵏ K Eᵏᵀ at a leaf, C′ = c Σ (Eᵏ, M₁ᵏ, M₂ᵏ, …) C at a core."""
    steps = max(1, int(np.ceil(h * problem.stiffness - 1e-9)))
    matrices = [problem.operators[node.leaf], opening.around] if node.leaf >= 0 else [opening.around, *within]

    def f(_, x):
        return problem.factor * terms(x, matrices).sum(0)

    return runge_kutta(f, t, h, opening.start, steps)


def grown(arrays: np.ndarray, wide: tuple) -> np.ndarray:
    """A core with zeros appended to the modes of its children."""
    return np.pad(arrays, [(0, 0)] + [(0, n - m) for n, m in zip(wide, arrays.shape[1:])])


class TreeBug(Method):
    """What both share: the state, the frame of a step, and the widening of bases from the leaves to the root."""

    problems: ClassVar[tuple[type, ...]] = (TreeFlow,)
    monitors: ClassVar[tuple[str, ...]] = ("rank", "unknowns", "time")
    linear: ClassVar[tuple[str, ...]] = ("rank", "time")
    scales: ClassVar[tuple[str, ...]] = ("time",)
    steps: int
    tolerance: float
    most: int

    def leap(self, problem: TreeFlow, arrays: list, t: float, h: float) -> list:
        """All bases and cores, widened, at t + h."""
        raise NotImplementedError

    def init(self, problem: TreeFlow) -> TreeState:
        tree = problem.nodes
        arrays, values = truncated_tree(
            tree, decomposed(tree, problem.initial, self.tolerance), self.tolerance, self.most
        )
        ranks = np.full((self.steps + 1, min(SHOWN, len(tree))), np.nan)
        return self._noted(TreeState(tree=tree, arrays=arrays, values=values, ranks=ranks))

    def step(self, problem: TreeFlow, state: TreeState) -> TreeState:
        state.k += 1
        start, stop = (problem.end * (i / self.steps) for i in (state.k - 1, state.k))
        wide = self.leap(problem, state.arrays, start, stop - start)
        state.work.nfe += 4 * len(state.tree) * max(1, int(np.ceil((stop - start) * problem.stiffness - 1e-9)))
        if not np.linalg.norm(wide[0]) <= BLOWN_UP * (1 + np.linalg.norm(problem.initial)):
            state.status = Status("diverged", f"the factors grew out of all bounds after t = {start:.3g}", "More steps")
            return state
        state.arrays, state.values = truncated_tree(state.tree, wide, self.tolerance, self.most)
        state.t = stop
        if state.k >= self.steps:
            state.status = REACHED
        return self._noted(state)

    def _noted(self, state: TreeState) -> TreeState:
        ranks = [float(len(values)) for values in state.values]
        shown = ranks[: state.ranks.shape[1]]
        state.ranks[state.k, : len(shown)] = shown
        state.rank, state.time = max(ranks), state.t
        state.unknowns = float(sum(array.size for array in state.arrays))
        return state

    def claims(self, problem: TreeFlow) -> tuple:
        roomy = isinstance(problem, SpinChain) and self.most >= 2 ** (problem.sites // 2)
        if not roomy or self.tolerance > 1e-6:
            return ()
        about = dict(measure="error", source=self.sources[0], stop=THROUGH)
        assumes = "truncation below the error of a step"
        here = dict(p=1, over="steps", values=(20, 40, 80), tol=0.25, at_least=True, assumes=assumes)
        found = (Order(title="error at the end of order h at least", **here, **about),)
        if (
            problem.sites >= 5 and problem.tree != "Tucker"
        ):  # else the bases are full, and the sub-problem is the problem
            title = "error untouched by σ_min from 1e-3 to 1e-12"
            slack = 10 * self.tolerance
            found += (Flat(over="sigma_min", values=SMALLER, growth=2.0, slack=slack, title=title, **about),)
        return found


@dataclass(frozen=True)
class ParallelTreeBug(TreeBug):
    """Parallel BUG on a tree: every basis and every core moves at the same time, from the old network only.

    Leaves: K′ = c Σ hᵏ K Eᵏᵀ; cores: C′ = c Σ (Eᵏ, Mᵏ, …) C, in the old bases. Then, from the leaves up: Û = (U, Ũ)
    holds K₁, and the widened core holds C₁ where all indices are old, Ũᴴ K₁ (folded with Q) where one is new, zeros
    where more are. Truncated from the root down by ϑ, of which h must not be less: what a step adds would be cut again.
    Order one, whatever the singular values. A flat tree is the Tucker format, two leaves are the matrix case.
    Reference: G. Ceruti, J. Kusch, C. Lubich, D. Sulz, arXiv:2412.00858, sections 3 and 4.
    """

    title: ClassVar[str] = "BUG on a tree, parallel"
    name: ClassVar[str] = "tree_bug_parallel"
    sources: ClassVar[tuple[str, ...]] = ("ceruti2024trees", "grasedyck2010")
    steps: int = steps_knob()
    tolerance: float = tolerance_knob()
    most: int = most_knob()

    def leap(self, problem, arrays, t, h):
        tree, within = problem.nodes, upwards(problem.nodes, arrays, problem.operators)
        opened = openings(problem, arrays, within)
        moved = [
            evolved(problem, opened[i], node, [within[j] for j in node.children], t, h) for i, node in enumerate(tree)
        ]
        return joined(tree, arrays, opened, moved)


def joined(tree, arrays: list, opened: list[Opening], moved: list) -> list:
    """The widened network, from the leaves to the root: old bases first, then what the new ones add."""
    wide: list = [None] * len(tree)
    news: list = [None] * len(tree)  # Ũᴴ K₁ of every node
    for place in range(len(tree) - 1, -1, -1):
        node, old, now = tree[place], arrays[place], moved[place]
        if node.leaf >= 0:
            wide[place] = widened(old, now)
            news[place] = wide[place][:, old.shape[1] :].conj().T @ now
            continue
        sizes = tuple(old.shape[i + 1] + len(news[child]) for i, child in enumerate(node.children))
        core = grown(now, sizes)
        for i, child in enumerate(node.children):
            block = times(opened[place].frames[i], news[child], i + 1)
            where = [slice(0, n) for n in now.shape]
            where[i + 1] = slice(now.shape[i + 1], None)
            core[tuple(where)] = block
        wide[place], news[place] = (core, None) if place == 0 else widened_core(grown(old, sizes), core)
    return wide


def widened_core(old: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(core of the widened basis of a node, Ũᴴ of the new value): rows of Mat₀ are the basis."""
    before, after = unfolded(old, 0).T, unfolded(now, 0).T
    basis = widened(before, after)
    return basis.T.reshape(-1, *old.shape[1:]), basis[:, before.shape[1] :].conj().T @ after


@dataclass(frozen=True)
class TreeBugSequential(TreeBug):
    """Rank-adaptive BUG on a tree, from the leaves to the root: a core moves in the widened bases of its children.

    Leaves as in the parallel one; then C′ = c Σ (Eᵏ, M̂ᵏ, …) C with M̂ᵏ = Ûᴴ hᵏ Û, from the old core with zeros appended:
    up to 2^m times as many entries, one level after the other; norm and energy are kept up to ϑ.
    Reference: G. Ceruti, C. Lubich, D. Sulz, SIAM J. Numer. Anal. 61 (2023) 194–222, doi:10.1137/22M1473790.
    """

    title: ClassVar[str] = "BUG on a tree, leaves to root"
    name: ClassVar[str] = "tree_bug_sequential"
    sources: ClassVar[tuple[str, ...]] = ("ceruti2023trees", "grasedyck2010")
    steps: int = steps_knob()
    tolerance: float = tolerance_knob()
    most: int = most_knob()

    def leap(self, problem, arrays, t, h):
        tree, within = problem.nodes, upwards(problem.nodes, arrays, problem.operators)
        opened = openings(problem, arrays, within)
        wide: list = [None] * len(tree)
        inside: list = [None] * len(tree)
        for place in range(len(tree) - 1, -1, -1):
            node, opening = tree[place], opened[place]
            below = [inside[child] for child in node.children]
            if node.leaf < 0:
                sizes = tuple(one.shape[-1] for one in below)
                opening = Opening(grown(opening.start, sizes), opening.around, [])
            now = evolved(problem, opening, node, below, t, h)
            if place == 0:
                wide[0] = now
                break
            wide[place] = (
                widened(arrays[place], now) if node.leaf >= 0 else widened_core(grown(arrays[place], sizes), now)[0]
            )
            inside[place] = projected(node, wide[place], problem.operators, below)
        return wide

    def claims(self, problem):
        found = super().claims(problem)
        if isinstance(problem, SpinChain) and self.tolerance <= 1e-6 and self.most >= 2 ** (problem.sites // 2):
            title = "the norm is kept up to what truncation leaves out, and what Runge and Kutta's method damps"
            cut = self.steps * len(problem.nodes) * self.tolerance**2  # orthogonal to what is left
            damped = worn(self.steps, problem.end / self.steps, problem.stiffness, 1)
            about = dict(source=self.sources[0], stop=THROUGH, title=title)
            found += (Exact(measure="norm_drift", tol=1e-12 + cut + damped, **about),)
        return found
