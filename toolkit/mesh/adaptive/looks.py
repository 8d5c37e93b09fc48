"""What there is to see of adaptive elements, and the questions worth a run."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.mesh.adaptive.loop import LEVELS, AdaptiveElements, AdaptiveState
from toolkit.mesh.elements.h_version import WHOLE, FiniteElements
from toolkit.mesh.elements.problems import Disk, LShape, Square
from toolkit.mesh.elements.slope_triangle import Trailed, convergence, narrowing
from toolkit.mesh.elements.your_mesh import YourMesh

DRAWN = 20_000  # cells, at most


def _mesh_picture(name: str, title: str, values) -> Picture:
    """A picture of `values(state)` at the vertices or in the cells of the mesh, while it is not too fine."""

    def data(problem, state: AdaptiveState):
        mesh = state.level.mesh
        return {"points": mesh.points, "cells": mesh.cells, "values": values(state)}

    few = lambda problem, state: len(state.level.mesh) <= DRAWN  # noqa: E731
    return Picture(name, title, "mesh", data, "x", "y", of=AdaptiveState, when=few)


def _decades(squares: np.ndarray) -> np.ndarray:
    """log₁₀ of the roots, of at least 1e-8 of the largest."""
    return 0.5 * np.log10(np.maximum(squares, max(1e-16 * squares.max(), 1e-300)))


CASES = (LShape(), Square("front", width=0.1), Disk())

PICTURES = (
    _mesh_picture("adaptive_mesh", "solution on its mesh", lambda state: state.level.u),
    _mesh_picture("indicator", "log₁₀ η_T in every cell", lambda state: _decades(state.squares)),
    _mesh_picture(
        "error_density",
        "log₁₀ of the true error over √area",
        lambda state: _decades(state.level.errors / state.level.mesh.areas),
    ),
    # of all ladders of spaces; here, as where there is a mesh to be seen the mesh comes first
    Picture(
        "convergence_triangle",
        "convergence triangle",
        "lines",
        convergence,
        "log₁₀ h",
        "log₁₀ error",
        of=Trailed,
        when=narrowing,
    ),
)

EXPERIMENTS = (
    Experiment(
        "corner",
        "A corner worth refining",
        "The solution is singular in one corner. How many unknowns does it cost to refine everywhere instead of there?",
        LShape(),
        (
            AdaptiveElements(),
            AdaptiveElements("residual"),
            AdaptiveElements("residual", degree=2),
            AdaptiveElements(marking="maximum"),
            AdaptiveElements(marking="uniform"),
        ),
        LEVELS,
        measure="energy_error",
        against="unknowns",
        picture="adaptive_mesh",
    ),
    Experiment(
        "trust",
        "Trust the bound",
        "Both say how large the error is without knowing the solution. Which one may be believed to the letter?",
        LShape(),
        (AdaptiveElements(), AdaptiveElements("residual")),
        LEVELS,
        measure="effectivity",
        against="unknowns",
        picture="indicator",
    ),
    Experiment(
        "steep_front",
        "A steep front",
        "A front a hundredth wide, and nobody said where. When do the estimates find it, and what do they make of it?",
        Square("front", width=0.01),
        (
            AdaptiveElements(),
            AdaptiveElements(theta=0.3),
            AdaptiveElements("residual"),
            AdaptiveElements(marking="uniform"),
        ),
        LEVELS,
        measure="energy_error",
        against="unknowns",
        picture="adaptive_mesh",
    ),
    Experiment(
        "own_mesh",
        "Your own mesh",
        "Upload a mesh (.msh, .vtu, .obj): does the order hold on it too? Who needs fewer unknowns, all cells or some?",
        YourMesh(data="front"),
        (*(FiniteElements(degree=p) for p in (1, 2, 3)), AdaptiveElements()),
        WHOLE,
        measure="energy_error",
        against="unknowns",
        picture="element_field",
    ),
)
