"""What there is to see of boundary-value problems, and the questions worth a run."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.mesh.elements.collocation import ChebyshevCollocation, CollocationState, interpolation
from toolkit.mesh.elements.differences import FiniteDifferences, GridState
from toolkit.mesh.elements.h_version import DRAWN, WHOLE, FiniteElements, LadderState
from toolkit.mesh.elements.hp_version import HPVersion, PVersion
from toolkit.mesh.elements.lines import LineElements
from toolkit.mesh.elements.problems import Cube, Disk, Interval, LShape, Square
from toolkit.mesh.elements.stop_here import SOLVED, StopHere, StopHereState
from toolkit.mesh.elements.your_mesh import YourMesh

FINE = 3_000  # cells from which curved functions are drawn by straight ones
DEPTH = 1e-8  # of the largest error density: less is drawn as that


def _solved(state):
    """(space, coefficients) of a state of finite elements."""
    if isinstance(state, LadderState):
        return state.solved.space, state.solved.u
    if isinstance(state, StopHereState):
        return state.discretised.space, state.solution()
    return None, None


def _values(problem, state, x: np.ndarray) -> np.ndarray | None:
    """The approximation at points of the interval."""
    space, u = _solved(state)
    if isinstance(space, LineElements):
        return space.at(u, x)
    if isinstance(state, CollocationState):
        return interpolation(len(state.u) - 1, x) @ state.u
    if isinstance(state, GridState):
        return np.interp(x, np.linspace(0, 1, len(state.u)), state.u)
    return None


def profile(problem, state):
    """The solution along the interval."""
    if not isinstance(problem, Interval):
        return None
    x = np.linspace(0, 1, 601)
    found = _values(problem, state, x)
    return None if found is None else {"x": x, "exact": problem.exact(x[None]), "approximation": found}


def pointwise(problem, state):
    """|u − u_h| along the interval."""
    if not isinstance(problem, Interval):
        return None
    x = np.linspace(0, 1, 601)
    found = _values(problem, state, x)
    return None if found is None else {"x": x, "|u − u_h|": np.abs(problem.exact(x[None]) - found)}


def on_mesh(problem, state):
    """The solution on its mesh; of high degree on smaller pieces."""
    space, u = _solved(state)
    if space is None or problem.dim != 2 or space.mesh.nelements > DRAWN:
        return None
    mesh = space.mesh
    times = 0 if space.p == 1 else next((k for k in (2, 1) if mesh.nelements * 4**k <= FINE), 0)
    if times:
        mesh, u = space.basis.refinterp(u, times)
    return {"points": mesh.p.T, "cells": mesh.t.T, "values": u[: mesh.nvertices]}


def density(problem, state):
    """log₁₀ of the error in energy over the root of the area, cell by cell."""
    if not isinstance(state, LadderState) or problem.dim != 2 or state.solved.space.mesh.nelements > DRAWN:
        return None
    space = state.solved.space
    share = state.solved.shares / space.dx.sum(axis=1)
    values = 0.5 * np.log10(np.maximum(share, max(DEPTH**2 * share.max(), 1e-300)))
    return {"points": space.mesh.p.T, "cells": space.mesh.t.T, "values": values}


def on_grid(problem, state):
    """The solution and its error on the square."""
    if not isinstance(problem, Square) or not isinstance(state, (GridState, CollocationState)):
        return None
    x = np.linspace(0, 1, 97)
    if isinstance(state, CollocationState):
        to = interpolation(len(state.u) - 1, x)
        found = to @ state.u @ to.T
    else:
        x, found = np.linspace(0, 1, len(state.u)), state.u
    e = problem.exact(np.array(np.meshgrid(x, x, indexing="ij"))) - found
    return {"solution": found.T, "error": e.T}


def middle(problem, state):
    """The solution in the middle of the cube, and its error, at the nodes of the mesh nearest to it."""
    space, u = _solved(state)
    if space is None or not isinstance(problem, Cube):
        return None
    n = round((space.mesh.nelements / 6) ** (1 / 3))
    places, values = space.mesh.p, u[space.basis.nodal_dofs[0]]
    flat = np.abs(places[2] - np.floor(n / 2) / n) < 1e-9
    order = np.lexsort((places[0, flat], places[1, flat]))
    grid = values[flat][order].reshape(n + 1, n + 1)
    exact = problem.exact(places[:, flat][:, order]).reshape(n + 1, n + 1)
    return {"solution": grid, "error": exact - grid}


PICTURES = (
    Picture("element_field", "solution on its mesh", "mesh", on_mesh, "x", "y"),
    Picture("element_error", "log₁₀ of the error in energy over √area", "mesh", density, "x", "y"),
    Picture("interval_profile", "solution along the interval", "lines", profile, "x", "u"),
    Picture("interval_error", "error along the interval", "lines", pointwise, "x", "|u − u_h|", log=True),
    Picture("grid_field", "solution and error on the square", "images", on_grid),
    Picture("cube_slice", "solution and error in the middle of the cube", "images", middle),
)

CASES = (
    Interval(),
    Interval(data="corner"),
    Interval(data="layer", width=0.1),
    Interval(data="front", width=0.15),
    Interval(data="cubic"),
    Square(),
    Square(data="layer", width=0.2),
    LShape(data="smooth"),
    Disk(edges="straight"),
    YourMesh(),
)

_LAYER = Interval(data="layer", width=0.02, diffusion=0.02, speed=1.0)

EXPERIMENTS = (
    Experiment(
        "smooth_order",
        "Order on a smooth solution",
        "Four degrees, one smooth solution. Which slope does each line settle on, and who is first at four digits?",
        Square(),
        tuple(FiniteElements(degree=p) for p in (1, 2, 3, 4)),
        WHOLE,
        measure="energy_error",
        against="unknowns",
        picture="convergence_triangle",
    ),
    Experiment(
        "reentrant",
        "A re-entrant corner",
        "Halve the cells, raise the degree, or both where it pays: what does a singular corner leave of each?",
        LShape(),
        (FiniteElements(degree=1), FiniteElements(degree=3), PVersion(), HPVersion()),
        WHOLE,
        measure="energy_error",
        against="unknowns",
        picture="element_error",
    ),
    Experiment(
        "power",
        "The square root of N",
        "A power of x in one dimension: hp-elements go like exp(−b √N). What happens when you turn the grading σ?",
        Interval(data="corner"),
        (FiniteElements(degree=2), PVersion(), HPVersion(), HPVersion(grading=0.5)),
        WHOLE,
        measure="energy_error",
        against="unknowns",
        picture="interval_error",
    ),
    Experiment(
        "enough",
        "Stop here",
        "From which step on is more iteration in vain, as the mesh itself is no better? Turn the halvings up.",
        LShape(),
        (StopHere(), StopHere(preconditioner="SSOR"), StopHere(preconditioner="incomplete Cholesky")),
        SOLVED,
        measure="total_error",
        picture="element_field",
    ),
    Experiment(
        "boundary_layer",
        "Boundary layer",
        "Diffusion of 0.02 against a wind of 1. Who resolves the layer first, and what do they do before?",
        _LAYER,
        (
            FiniteDifferences(levels=8),
            FiniteDifferences(order=4, levels=8),
            FiniteElements(degree=1, levels=10),
            HPVersion(),
            ChebyshevCollocation(),
        ),
        WHOLE,
        measure="max_error",
        against="unknowns",
        picture="interval_profile",
    ),
    Experiment(
        "curved_edge",
        "What a straight edge costs",
        "A disk with straight edges. Raise the degree: does it help? Then set the edges to quadratic.",
        Disk(edges="straight"),
        tuple(FiniteElements(degree=p) for p in (1, 2, 3, 4)),
        WHOLE,
        measure="energy_error",
        against="unknowns",
        picture="element_error",
    ),
)
