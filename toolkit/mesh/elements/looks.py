"""What there is to see of boundary-value problems, and the questions worth a run."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.mesh.elements.collocation import ChebyshevCollocation, CollocationState
from toolkit.mesh.elements.differences import FiniteDifferences, GridState
from toolkit.mesh.elements.galerkin import Approximation, InSpace
from toolkit.mesh.elements.h_version import DRAWN, WHOLE, FiniteElements, LadderState
from toolkit.mesh.elements.hp_version import HPVersion, PVersion
from toolkit.mesh.elements.problems import Cube, Disk, Interval, LShape, Square
from toolkit.mesh.elements.stop_here import SOLVED, StopHere
from toolkit.mesh.elements.your_mesh import YourMesh

FINE = 3_000  # cells from which curved functions are drawn by straight ones
DEPTH = 1e-8  # of the largest error density: less is drawn as that


def profile(problem, state: Approximation):
    """The solution along the interval."""
    x = np.linspace(0, 1, 601)
    return {"x": x, "exact": problem.exact(x[None]), "approximation": state.at(x)}


def pointwise(problem, state: Approximation):
    """|u − u_h| along the interval."""
    x = np.linspace(0, 1, 601)
    return {"x": x, "|u − u_h|": np.abs(problem.exact(x[None]) - state.at(x))}


def on_mesh(problem, state: InSpace):
    """The solution on its mesh; of high degree on smaller pieces."""
    space, u = state.space, state.solution()
    mesh = space.mesh
    times = 0 if space.p == 1 else next((k for k in (2, 1) if mesh.nelements * 4**k <= FINE), 0)
    if times:
        mesh, u = space.basis.refinterp(u, times)
    return {"points": mesh.p.T, "cells": mesh.t.T, "values": u[: mesh.nvertices]}


def density(problem, state: LadderState):
    """log₁₀ of the error in energy over the root of the area, cell by cell."""
    space = state.space
    share = state.solved.shares / space.dx.sum(axis=1)
    values = 0.5 * np.log10(np.maximum(share, max(DEPTH**2 * share.max(), 1e-300)))
    return {"points": space.mesh.p.T, "cells": space.mesh.t.T, "values": values}


def on_grid(problem, state: GridState | CollocationState):
    """The solution and its error on the square."""
    x, found = state.lattice()
    e = problem.exact(np.array(np.meshgrid(x, x, indexing="ij"))) - found
    return {"solution": found.T, "error": e.T}


def middle(problem, state: InSpace):
    """The solution in the middle of the cube, and its error, at the nodes of the mesh nearest to it."""
    space, u = state.space, state.solution()
    n = round((space.mesh.nelements / 6) ** (1 / 3))
    places, values = space.mesh.p, u[space.basis.nodal_dofs[0]]
    flat = np.abs(places[2] - np.floor(n / 2) / n) < 1e-9
    order = np.lexsort((places[0, flat], places[1, flat]))
    grid = values[flat][order].reshape(n + 1, n + 1)
    exact = problem.exact(places[:, flat][:, order]).reshape(n + 1, n + 1)
    return {"solution": grid, "error": exact - grid}


def _on_a_line(problem, state) -> bool:
    return problem.dim == 1


def _in_the_plane(problem, state) -> bool:
    return problem.dim == 2


def _drawable(problem, state: InSpace) -> bool:
    """Whether the mesh is in the plane and not too fine."""
    return problem.dim == 2 and state.space.mesh.nelements <= DRAWN


def _in_the_cube(problem, state) -> bool:
    return isinstance(problem, Cube)


_OVER_AREA = "log₁₀ of the error in energy over √area"
_LINE = dict(x="x", of=Approximation, when=_on_a_line)
_MESH = dict(x="x", y="y", when=_drawable)
_SQUARE = dict(of=(GridState, CollocationState), when=_in_the_plane)
_CUBE = dict(of=InSpace, when=_in_the_cube)

PICTURES = (
    Picture("element_field", "solution on its mesh", "mesh", on_mesh, of=InSpace, **_MESH),
    Picture("element_error", _OVER_AREA, "mesh", density, of=LadderState, **_MESH),
    Picture("interval_profile", "solution along the interval", "lines", profile, y="u", **_LINE),
    Picture("interval_error", "error along the interval", "lines", pointwise, y="|u − u_h|", log=True, **_LINE),
    Picture("grid_field", "solution and error on the square", "images", on_grid, **_SQUARE),
    Picture("cube_slice", "solution and error in the middle of the cube", "images", middle, **_CUBE),
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
