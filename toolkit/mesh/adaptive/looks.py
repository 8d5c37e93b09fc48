"""What there is to see of adaptive elements, and the questions worth a run."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.mesh.adaptive.loop import LEVELS, AdaptiveElements, AdaptiveState
from toolkit.mesh.elements.h_version import WHOLE, FiniteElements
from toolkit.mesh.elements.problems import Disk, LShape, Square
from toolkit.mesh.elements.your_mesh import YourMesh

DRAWN = 20_000  # cells, at most


def _drawn(values):
    """A picture's data function of values on the mesh, of states of this method."""

    def data(problem, state):
        if not isinstance(state, AdaptiveState) or len(state.level.mesh) > DRAWN:
            return None
        mesh = state.level.mesh
        return {"points": mesh.points, "cells": mesh.cells, "values": values(state)}

    return data


def _decades(squares: np.ndarray) -> np.ndarray:
    """log₁₀ of the roots, of at least 1e-8 of the largest."""
    return 0.5 * np.log10(np.maximum(squares, max(1e-16 * squares.max(), 1e-300)))


CASES = (LShape(), Square("front", width=0.1), Disk())

PICTURES = (
    Picture("adaptive_mesh", "solution on its mesh", "mesh", _drawn(lambda state: state.level.u), "x", "y"),
    Picture("indicator", "log₁₀ η_T in every cell", "mesh", _drawn(lambda state: _decades(state.squares)), "x", "y"),
    Picture(
        "error_density",
        "log₁₀ of the true error over √area",
        "mesh",
        _drawn(lambda state: _decades(state.level.errors / state.level.mesh.areas)),
        "x",
        "y",
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
