"""Low-rank dynamics to look at: singular values in time, the field and its error; cases and experiments."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import YES_NO, Guess, Pick, Truth, last, lowest, whether
from toolkit.core.stop import THROUGH
from toolkit.rank.dynamics.basis_update import AugmentedBug, Bug, ParallelBug
from toolkit.rank.dynamics.integrator import LowRankState, truncation
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


def largest_error(runs) -> int | None:
    """The method that ends with the largest error; None where one has not come to the end."""
    errors = [run.history.last("error") for run in runs]
    through = all(run.status.kind == "converged" for run in runs)
    return int(np.argmax(errors)) if through and np.all(np.isfinite(errors)) else None


def lost(runs) -> int | None:
    """Which of the four, if only one, does not return a given matrix to ten digits."""
    missed = [i for i, run in enumerate(runs) if not run.history.last("error") <= 1e-10]
    return missed[0] if len(missed) == 1 else None


def wanted_rank(of: int) -> Truth:
    """How many singular values of the solution at the end its tolerance leaves a method."""

    def truth(runs):
        problem, method = runs[of].problem, runs[of].method
        return float(truncation(problem.known(problem.end)[1], method.tolerance, method.most))

    return truth


def alike(runs) -> int | None:
    """0 where both errors are the same within one per cent, else which one is smaller."""
    one, other = (float(run.history.last("error")) for run in runs)
    if not np.isfinite(one + other):
        return None
    return 0 if abs(one - other) <= 0.01 * min(one, other) else 1 if one < other else 2


def under(level: float, of: int) -> Truth:
    """Yes where a method's error ends below a level."""
    return whether(lambda runs: bool(runs[of].history.last("error") < level))


def times_worse(factor: float, one: int, other: int) -> Truth:
    """Yes where the one method's error ends above so many times the other's."""
    return whether(lambda runs: bool(runs[one].history.last("error") > factor * runs[other].history.last("error")))


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
        predict=Pick(
            "The first integrator divides by singular values, one of which is $10^{-4}$. Is its error the "
            "largest of the five already?",
            whether(lambda runs: None if (worst := largest_error(runs)) is None else worst == 0),
            options=YES_NO,
        ),
        why="The equations of the factors hold $S^{-1}$, so their time step must be small against the smallest "
        "singular value; here it still is small enough, and a method of order four is accurate while it "
        r"lasts. The other four never invert $S$: their error is bounded by $c_1 h + c_2 \varepsilon$ with "
        r"constants that do not know $\sigma_{\min}$, which is robust and need not be small. Turn "
        r"$\sigma_{\min}$ down: theirs stay, and the first one falls apart.",
        formula=r"\|Y_k - X(t_k)\| \le c_1 h + c_2 \varepsilon, \qquad \dot U = (I - U U^{\mathsf T}) F(Y) V S^{-1}",
        level=3,
        minutes=6,
        then="flow-heat-rank",
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
        predict=Pick("Three give the matrix back to ten digits. Which one does not?", lost, theory=3),
        why="If $X(t)$ of rank $r$ is given, the first sub-step finds the new columns as $X(t_1) V$, and the "
        "others only have to agree with it: projector splitting and both BUG methods in sequence are "
        "exact, whatever the singular values. The parallel one moves bases and core at the same time, so "
        "that the core cannot know what stands in new rows and new columns at once: it has a block of "
        "zeros there, and that is the price of doing all together.",
        formula=r"\hat S = \begin{pmatrix} \bar S_1 & L_1^{\mathsf T} \tilde V \\ \tilde U^{\mathsf T} K_1 & 0 "
        r"\end{pmatrix}",
        level=2,
        minutes=5,
        then="flow-small-singular-values",
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
        predict=Guess(
            r"Which rank does rank-adaptive BUG end with, if its tolerance is $10^{-6}$?",
            last("rank", 1),
            low=1,
            high=30,
            theory=wanted_rank(1),
            unit="columns",
            whole=True,
        ),
        why="Heat smoothes: the singular values of the field fall within a few powers of ten to nothing, and "
        "the rank-adaptive method keeps those that the tolerance leaves. So its rank is that which the "
        "solution needs, within one, at all times, and a tolerance a thousand times smaller costs a few "
        "columns more. BUG of fixed rank has more columns at the end and a larger error: it gives the old "
        "basis up at every step, while the adaptive ones keep it beside the new one.",
        formula=r"r(t) = \min \Bigl\{ r : \bigl( \textstyle\sum_{j > r} \sigma_j(t)^2 \bigr)^{1/2} \le \vartheta "
        r"\Bigr\}",
        level=1,
        minutes=5,
        then="flow-riccati",
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
        predict=Pick("Who has the smallest error at the end?", lowest("error")),
        why="A potential that depends on one direction alone would leave the singular values where they are; "
        "one that couples both entangles them, and what was small grows. An integrator of rank six must "
        "leave out the seventh direction, and no time step mends that: all errors end near each other. "
        "Projector splitting keeps the norm, as each of its sub-steps is a rotation; the adaptive methods "
        "keep it up to what they cut.",
        formula=r"i \dot Y = -\tfrac{1}{2} (D Y + Y D) + V Y V, \qquad \frac{\mathrm{d}}{\mathrm{d}t} \|Y\|_F = 0",
        level=2,
        minutes=5,
        then="flow-transport",
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
        predict=Pick(
            r"Does the rank-adaptive method with a tolerance of $10^{-2}$ end with an error below a tenth?",
            under(0.1, 1),
            options=YES_NO,
        ),
        why="At first the pulse is the same in all directions: rank one. In one step streaming makes a second "
        "singular value of the order of the step, $h = 0.005$, and a tolerance of one hundredth cuts it "
        "off before it can grow: the rank stays one for ever, and the particles do not spread as they "
        "should. In the parallel method what is born shows in the singular values by $h^2$ only, so that "
        "its tolerance must be smaller still.",
        formula=r"\sigma_2(\hat Y_k) = O(h) \le \vartheta \implies \operatorname{rank} Y_k = 1",
        level=2,
        minutes=5,
        then="tree-small-singular-values",
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
        predict=Guess(
            r"Which rank does rank-adaptive BUG end with, if its tolerance is $10^{-6}$?",
            last("rank", 0),
            low=1,
            high=50,
            unit="columns",
            whole=True,
        ),
        why=r"Heating enters in few places and the regulator looks at few: $B B^{\mathsf T}$ and $C^{\mathsf T} "
        "C$ have low rank, diffusion smoothes what they do, and the singular values of the gain fall fast. "
        "Nothing promises a number of them here. The gain settles, and so does the rank that the tolerance "
        "leaves.",
        formula=r"\dot Y = A Y + Y A^{\mathsf T} + B B^{\mathsf T} - g \, Y C^{\mathsf T} C \, Y",
        level=2,
        minutes=4,
        then="flow-schroedinger",
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
        predict=Pick(
            "At a hundred steps and the same tolerance, is the error of moving all at once more than ten "
            "times that of going from the leaves to the root?",
            times_worse(10.0, 0, 1),
            options=YES_NO,
        ),
        why="Both are of order one, and both do not care how small the singular values are. From the leaves to "
        "the root each core moves in bases that are new already; in parallel it moves in the old ones, and "
        "the new meet it in blocks that are right to first order only. That costs a constant, and pays "
        "where processors wait. More steps at the same tolerance do not help: what one step adds is then "
        "below the tolerance, and is cut off again.",
        formula=r"\|Y_k - X(t_k)\| \le c_1 h + c_2 \varepsilon + c_3 \frac{\vartheta}{h}",
        level=3,
        minutes=6,
        then="tree-heat",
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
        predict=Pick(
            r"Some singular values are $10^{-10}$. How do the errors of the two methods compare?",
            alike,
            theory=0,
            options=("the same, within one per cent", "parallel is better", "leaves to root is better"),
        ),
        why="A spin has two states, so that in the Tucker format each basis of rank two is the whole space of "
        "its axis: nothing can be missing, and both methods just move the core, as the full problem would. "
        "The singular values, however small, are never divided by, and the error is that of the time steps "
        "inside. On a binary tree the inner nodes have room to grow, and there the two methods differ.",
        formula=r"\dot Y = \Bigl( \nu \sum_{i} \Delta_i - \kappa \sum_{i} x_i x_{i+1} \Bigr) Y",
        level=2,
        minutes=4,
        then="tree-spins",
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
        predict=Guess(
            r"Which is the largest rank of a node at the end, if the tolerance is $10^{-3}$?",
            last("rank", 2),
            low=1,
            high=8,
            unit="columns",
            log=False,
            whole=True,
            close=1.1,
        ),
        why="Heat alone acts on each axis by itself, and smoothing brings the ranks down. The potential joins "
        "the coordinates and first makes them rise; in the end smoothing has the better of it. A tolerance "
        "keeps the columns that matter to so many digits, and in four dimensions each column less saves "
        "whole slices of the cores.",
        formula=r"\dot Y = \nu \sum_{i=1}^{d} \Delta_i Y - V Y, \qquad V \text{ joins the axes by } \kappa",
        level=2,
        minutes=5,
        then="training-lottery",
    ),
)
