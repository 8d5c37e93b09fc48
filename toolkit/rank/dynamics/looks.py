"""Low-rank dynamics to look at: singular values in time, the field and its error; cases and experiments."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.stop import THROUGH
from toolkit.rank.dynamics.basis_update import AugmentedBug, Bug, ParallelBug
from toolkit.rank.dynamics.integrator import LowRankState
from toolkit.rank.dynamics.problems import HeatFlow, PlantedFlow, SchroedingerFlow
from toolkit.rank.dynamics.projector_splitting import FactorEquations, ProjectorSplitting
from toolkit.rank.dynamics.transport_riccati import RiccatiFlow, TransportFlow
from toolkit.rank.dynamics.tree_basis_update import ParallelTreeBug, TreeBugSequential, TreeState
from toolkit.rank.dynamics.tree_problems import CubeHeat, SpinChain
from toolkit.rank.dynamics.tree_tensor import leaves

DRAWN = 12
LEAST = 1e-17


def singular_values(problem, state):
    """σ_j of the approximation over time; those of the solution, now, at the right end."""
    rows = np.unique(np.linspace(0, state.k, min(state.k + 1, 200)).astype(int))
    spectra = state.spectra[rows]
    lines = {"x": problem.end * rows / (len(state.spectra) - 1)}
    for j in range(min(DRAWN, spectra.shape[1])):
        if np.isfinite(spectra[:, j]).any():
            lines[f"σ{j + 1}"] = np.maximum(spectra[:, j], LEAST)
    return lines


def spectrum_now(problem, state):
    """Singular values of the approximation and of the solution."""
    mine, true = np.linalg.svd(state.s, compute_uv=False), problem.known(state.t)[1]
    shown = min(len(true), 40)
    padded = np.full(shown, np.nan)
    padded[: min(shown, len(mine))] = mine[:shown]
    found = {"approximation": padded, "solution": true[:shown]}
    return {"x": np.arange(1.0, shown + 1)} | {name: np.maximum(values, LEAST) for name, values in found.items()}


def field(problem, state):
    """The approximation, the solution, and how far apart they are, as the logarithm of it."""
    now, true = state.solution(), problem.known(state.t)[0]
    gap = np.log10(np.abs(now - true) + 1e-17)
    if np.iscomplexobj(now):
        now, true = np.abs(now), np.abs(true)
    views = {"approximation": now, "solution": true, "log₁₀ |error|": gap}
    return {title: np.ascontiguousarray(values[::-1]) for title, values in views.items()}


def _of_flow(*words, **more) -> Picture:
    return Picture(*words, of=LowRankState, **more)


PICTURES = (
    _of_flow("flow-singular-values", "singular values in time", "lines", singular_values, "t", "σ_j", log=True),
    _of_flow("flow-spectrum", "singular values now, and the solution's", "lines", spectrum_now, "j", "σ_j", log=True),
    _of_flow("flow-field", "approximation, solution, error", "images", field),
)

CASES = (
    PlantedFlow(n=16),
    PlantedFlow(n=16, epsilon=0.0, sigma_min=1e-12, form="given"),
    PlantedFlow(n=16, epsilon=0.0, sigma_min=0.03),
    HeatFlow(n=16, end=0.5),
    SchroedingerFlow(n=14, terms=6),
    TransportFlow(n=20, directions=8),
    RiccatiFlow(n=14),
)

EXPERIMENTS = (
    Experiment(
        "flow-small-singular-values",
        "Who does not care about small singular values?",
        "Turn σ_min from 0.1 down to 1e-12: which integrator falls apart, and which ones do not even notice?",
        PlantedFlow(sigma_min=1e-4, epsilon=1e-6),
        (FactorEquations(), Bug(), AugmentedBug(), ParallelBug(), ProjectorSplitting()),
        THROUGH,
        measure="error",
        against="time",
        picture="flow-singular-values",
    ),
    Experiment(
        "flow-given-matrix",
        "A matrix is given: who reproduces it?",
        "X(t) of rank six is handed over in increments. Who returns it to the last digit, and what does parallel cost?",
        PlantedFlow(form="given", epsilon=0.0, sigma_min=1e-10),
        (ProjectorSplitting(), Bug(), AugmentedBug(tolerance=1e-12), ParallelBug(tolerance=1e-12)),
        THROUGH,
        measure="error",
        against="time",
        picture="flow-singular-values",
    ),
    Experiment(
        "flow-heat-rank",
        "How much rank does heat need?",
        "Turn the tolerance: does the rank follow it, and how near is the error to the best of that rank?",
        HeatFlow(),
        (AugmentedBug(tolerance=1e-3), AugmentedBug(tolerance=1e-6), ParallelBug(tolerance=1e-6), Bug(rank=8)),
        THROUGH,
        measure="error",
        against="time",
        picture="flow-field",
    ),
    Experiment(
        "flow-schroedinger",
        "Entangled: the rank grows",
        "The potential couples both directions. Who keeps the norm, who the error, and when is rank six not enough?",
        SchroedingerFlow(),
        (AugmentedBug(tolerance=1e-4), ParallelBug(tolerance=1e-4), Bug(), ProjectorSplitting(scheme="Strang")),
        THROUGH,
        measure="error",
        against="time",
        picture="flow-spectrum",
    ),
    Experiment(
        "flow-transport",
        "Particles spread",
        "A pulse of rank one streams in all directions. What if the tolerance swallows what is just being born?",
        TransportFlow(),
        (AugmentedBug(tolerance=1e-4), AugmentedBug(tolerance=1e-2), ParallelBug(tolerance=1e-4), Bug(rank=10)),
        THROUGH,
        measure="error",
        against="time",
        picture="flow-field",
    ),
    Experiment(
        "flow-riccati",
        "A gain that settles",
        "The Riccati flow drives few directions: which rank is enough, and how fast do the singular values fall?",
        RiccatiFlow(),
        (AugmentedBug(tolerance=1e-6), ParallelBug(tolerance=1e-6), ProjectorSplitting(rank=8), Bug(rank=8)),
        THROUGH,
        measure="error",
        against="time",
        picture="flow-spectrum",
    ),
)


def _name(tree, place: int) -> str:
    return "{" + ", ".join(str(axis + 1) for axis in leaves(tree, place)) + "}"


def node_ranks(problem, state):
    """The rank at every node but the root over time; a node is named by the axes below it."""
    rows = np.unique(np.linspace(0, state.k, min(state.k + 1, 200)).astype(int))
    lines = {"x": problem.end * rows / (len(state.ranks) - 1)}
    inner = [place for place in range(1, len(state.tree)) if state.tree[place].leaf < 0]
    for place in (inner or range(1, len(state.tree)))[:12]:
        if place < state.ranks.shape[1]:
            lines[_name(state.tree, place)] = state.ranks[rows, place]
    return lines


def edge_values(problem, state):
    """Singular values of the matricisations at the inner nodes (of a flat tree: at the leaves)."""
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
    now, true = state.solution(), problem.reference(state.t)
    rows = int(np.prod(now.shape[: now.ndim // 2]))
    views = {"approximation": np.abs(now), "solution": np.abs(true), "log₁₀ |error|": np.log10(abs(now - true) + 1e-17)}
    return {title: np.ascontiguousarray(values.reshape(rows, -1)[::-1]) for title, values in views.items()}


PICTURES += (
    Picture("tree-ranks", "ranks of the nodes in time", "lines", node_ranks, "t", "rank", of=TreeState),
    Picture("tree-edges", "singular values at the nodes", "lines", edge_values, "j", "σ_j", log=True, of=TreeState),
    Picture("tree-halves", "half of the axes against the other", "images", halves, of=TreeState),
)

CASES += (SpinChain(sites=5), SpinChain(sites=3, tree="Tucker"), CubeHeat(dimensions=3, n=5), CubeHeat(n=4, kappa=2.0))

EXPERIMENTS += (
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
