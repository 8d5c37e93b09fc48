"""Dynamics of tree tensor networks to look at: ranks of the nodes in time, singular values at the edges."""

from __future__ import annotations

import numpy as np

from toolkit.core.registry import Experiment, Picture
from toolkit.rank.dynamics import THROUGH
from toolkit.rank.treebug import ParallelTreeBug, TreeBugSequential, TreeState
from toolkit.rank.treeflows import CubeHeat, SpinChain, TreeFlow
from toolkit.rank.treetensor import leaves

LEAST = 1e-17


def _name(tree, place: int) -> str:
    return "{" + ", ".join(str(axis + 1) for axis in leaves(tree, place)) + "}"


def _mine(problem, state) -> bool:
    return isinstance(problem, TreeFlow) and isinstance(state, TreeState)


def node_ranks(problem, state):
    """The rank at every node but the root over time; a node is named by the axes below it."""
    if not _mine(problem, state):
        return None
    rows = np.unique(np.linspace(0, state.k, min(state.k + 1, 200)).astype(int))
    lines = {"x": problem.end * rows / (len(state.ranks) - 1)}
    inner = [place for place in range(1, len(state.tree)) if state.tree[place].leaf < 0]
    for place in (inner or range(1, len(state.tree)))[:12]:
        if place < state.ranks.shape[1]:
            lines[_name(state.tree, place)] = state.ranks[rows, place]
    return lines


def edge_values(problem, state):
    """Singular values of the matricisations at the inner nodes (of a flat tree: at the leaves)."""
    if not _mine(problem, state):
        return None
    inner = [place for place in range(1, len(state.tree)) if state.tree[place].leaf < 0]
    places = (inner or list(range(1, len(state.tree))))[:8]
    longest = max(len(state.values[place]) for place in places)
    lines = {"x": np.arange(1.0, longest + 1)}
    for place in places:
        padded = np.full(longest, np.nan)
        padded[: len(state.values[place])] = np.maximum(state.values[place], LEAST)
        lines[_name(state.tree, place)] = padded
    return lines


def halves(problem, state):
    """The tensor as a matrix, first half of the axes against the second: approximation, solution, error."""
    if not _mine(problem, state):
        return None
    now, true = state.solution(), problem.reference(state.t)
    rows = int(np.prod(now.shape[: now.ndim // 2]))
    views = {"approximation": np.abs(now), "solution": np.abs(true), "log₁₀ |error|": np.log10(abs(now - true) + 1e-17)}
    return {title: np.ascontiguousarray(values.reshape(rows, -1)[::-1]) for title, values in views.items()}


PICTURES = (
    Picture("tree-ranks", "ranks of the nodes in time", "lines", node_ranks, "t", "rank"),
    Picture("tree-edges", "singular values at the nodes", "lines", edge_values, "j", "σ_j", log=True),
    Picture("tree-halves", "half of the axes against the other", "images", halves),
)

CASES = (SpinChain(sites=5), SpinChain(sites=3, tree="Tucker"), CubeHeat(dimensions=3, n=5), CubeHeat(n=4, kappa=2.0))

EXPERIMENTS = (
    Experiment(
        "tree-spins",
        "Spins that entangle",
        "From all up the ranks grow as the spins entangle. What does it cost to move all factors at the same time?",
        SpinChain(),
        (ParallelTreeBug(), TreeBugSequential(), ParallelTreeBug(steps=400), TreeBugSequential(tolerance=1e-3)),
        THROUGH,
        measure="error",
        against="time",
        picture="tree-ranks",
    ),
    Experiment(
        "tree-small-singular-values",
        "A tree that does not care",
        "Turn σ_min from 0.1 down to 1e-12, in a Tucker format: does the error notice?",
        SpinChain(sites=6, tree="Tucker", sigma_min=1e-10),
        (ParallelTreeBug(tolerance=1e-13), TreeBugSequential(tolerance=1e-13)),
        THROUGH,
        measure="error",
        against="time",
        picture="tree-edges",
    ),
    Experiment(
        "tree-heat",
        "Heat in four dimensions",
        "A slanted hill smoothes out: how do the ranks fall, and what if the coordinates are joined by a potential?",
        CubeHeat(kappa=5.0),
        (ParallelTreeBug(), TreeBugSequential(), TreeBugSequential(tolerance=1e-3)),
        THROUGH,
        measure="error",
        against="time",
        picture="tree-ranks",
    ),
)
