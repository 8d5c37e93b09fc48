"""What there is to see of adaptive elements, and the questions worth a run."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import Guess, Pick, Sketch, first_below, lowest, reached
from toolkit.mesh.adaptive.loop import LEVELS, AdaptiveElements, AdaptiveState
from toolkit.mesh.elements.h_version import WHOLE, FiniteElements
from toolkit.mesh.elements.problems import Disk, LShape, Square
from toolkit.mesh.elements.slope_triangle import Trailed, convergence, narrowing
from toolkit.mesh.elements.your_mesh import YourMesh

DRAWN = 20_000  # cells, at most


def _mesh_picture(name: str, title: str, values, log: bool = False) -> Picture:
    """A picture of `values(state)` at the vertices or in the cells of the mesh, while it is not too fine."""

    def data(problem, state: AdaptiveState):
        mesh = state.level.mesh
        return {"points": mesh.points, "cells": mesh.cells, "values": values(state)}

    few = lambda problem, state: len(state.level.mesh) <= DRAWN  # noqa: E731
    return Picture(name, title, "mesh", data, "x", "y", log, of=AdaptiveState, when=few)


def _decades(squares: np.ndarray) -> np.ndarray:
    """log₁₀ of the roots, of at least 1e-8 of the largest."""
    return 0.5 * np.log10(np.maximum(squares, max(1e-16 * squares.max(), 1e-300)))


CASES = (LShape(), Square("front", width=0.1), Disk())

PICTURES = (
    _mesh_picture("adaptive_mesh", "solution on its mesh", lambda state: state.level.u),
    _mesh_picture("indicator", "log₁₀ η_T in every cell", lambda state: _decades(state.squares), True),
    _mesh_picture(
        "error_density",
        "log₁₀ of the true error over √area",
        lambda state: _decades(state.level.errors / state.level.mesh.areas),
        True,
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
        predict=Sketch(
            "Which slope will refining only where it pays have for linear elements (the first method)?",
            "energy_error",
            order=True,
        ),
        why=(
            "Refining all cells gives $N^{-1/3}$ here, as the corner spoils the order. Refining where the "
            "estimated error is large makes the cells small at the corner only, and the order of a smooth "
            "solution comes back: $N^{-p/2}$ for degree $p$ in the plane. No other choice of triangles has a "
            "better order."
        ),
        formula=r"\|u-u_N\|_E\le C\,N^{-p/2}",
        level=1,
        minutes=5,
        then="trust",
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
        predict=Pick(
            "Whose estimate ends nearer to the true error?", lowest("effectivity"), options=("equilibrated", "residual")
        ),
        why=(
            "Both estimates go down in step with the true error: their ratio stays in a band. The equilibrated "
            "one is a bound without unknown constants, as a flux in equilibrium with the load is at least as far "
            r"from $-\nabla u_h$ as the true one is. The residual one bounds the error only up to a constant that "
            "nobody tells, and what it shows is larger."
        ),
        formula=r"\|u-u_h\|_E\le\|\sigma+\nabla u_h\|\quad\text{if}\quad \nabla\cdot\sigma=f",
        level=2,
        minutes=5,
        then="steep_front",
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
        predict=Guess(
            "With how many unknowns is the first method below an error of 2?",
            reached("energy_error", 2.0, against="unknowns"),
            100.0,
            1e5,
            unit="unknowns",
            close=1.5,
        ),
        why=(
            "On the first meshes the front is thinner than a cell and the estimates are nearly blind. Once a few "
            "cells touch it, those are marked, and again, until the mesh itself shows the front. Then the order "
            "is that of a smooth solution, $N^{-p/2}$; refining everywhere has it too, but only when every cell "
            "is as thin as the front."
        ),
        formula=r"\sum_{T\in M}\eta_T^2\ \ge\ \theta\sum_T\eta_T^2",
        level=2,
        minutes=5,
        then="stiff",
    ),
    Experiment(
        "own_mesh",
        "Your own mesh",
        "Upload a mesh (.msh, .vtu, .obj): does the order hold, and who needs fewer unknowns, all cells or some?",
        YourMesh(data="front"),
        (*(FiniteElements(degree=p) for p in (1, 2, 3)), AdaptiveElements()),
        WHOLE,
        measure="energy_error",
        against="unknowns",
        picture="element_field",
        predict=Pick(
            "Who is first below an error of 0.4, counted in unknowns?", first_below("energy_error", 0.4, "unknowns")
        ),
        why=(
            "The theory asks only that no triangle becomes flat, not that the mesh is regular: on yours the lines"
            " have their slopes too. Halving triangles keeps their angles. Refining some cells saves unknowns "
            "where the solution is steep at one place; a higher degree saves them wherever it is smooth."
        ),
        formula=r"\|u-u_h\|_E\le C(\text{angles})\,h^{p}\,|u|_{H^{p+1}}",
        level=1,
        minutes=6,
        then="smooth_order",
    ),
)
