"""What there is to see of boundary-value problems, and the questions worth a run."""

from __future__ import annotations

import numpy as np

from toolkit.core.lab import Experiment, Picture
from toolkit.core.prediction import YES_NO, Guess, Pick, first_below, lowest, shrunk, whether
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


def promised_fall(runs) -> float:
    """What a halving of the cells divides the energy error of a smooth solution by."""
    return 2.0 ** runs[1].method.degree


def steeper(one: int, other: int):
    """Whether the last halving divided the error of one method by clearly more than that of another."""

    def true(runs):
        falls = [shrunk("energy_error", of)(runs) for of in (one, other)]
        return None if None in falls else falls[0] > 1.25 * falls[1]

    return true


def in_vain(runs) -> float | None:
    """The first step at which the error of the iteration is at most that of the mesh."""
    history = runs[0].history
    there = np.flatnonzero(history["algebraic_error"] <= history["discretisation_error"])
    return float(history["k"][there[0]]) if len(there) else None


EXPERIMENTS = (
    Experiment(
        "smooth_order",
        "Order on a smooth solution",
        ("Four degrees, one smooth solution. Which slope does each line settle on, and who is first at four digits?"),
        Square(),
        tuple(FiniteElements(degree=p) for p in (1, 2, 3, 4)),
        WHOLE,
        measure="energy_error",
        against="unknowns",
        picture="convergence_triangle",
        predict=Guess(
            "By what number does each halving of the cells divide the error of degree two (P2) in the end?",
            shrunk("energy_error", 1),
            1.0,
            32.0,
            theory=promised_fall,
            close=1.1,
        ),
        why=(
            "In a cell of width $h$ a smooth solution looks like its Taylor polynomial, and elements of degree "
            "$p$ miss only what comes after it. So in energy the error falls like $h^p$: a halving divides it by "
            "$2^p$, whatever the constant is. In a picture with logarithmic axes that is a straight line, and the"
            " higher degree has the steeper one."
        ),
        formula=r"\|u-u_h\|_E\le C\,h^{p}\,|u|_{H^{p+1}}",
        level=0,
        minutes=4,
        then="equidistribution",
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
        predict=Pick(
            "Halving the cells: does degree three (P3) divide the error by clearly more than degree one (P1)?",
            whether(steeper(1, 0)),
            theory=1,
            options=YES_NO,
        ),
        why=(
            "At the corner the solution goes like $r^{2/3}$ and its slope is without bound, so that no polynomial"
            r" comes near it. Halving the cells then gives the order $\alpha=2/3$ for every degree; raising the "
            r"degree on the same cells gives twice as much, $p^{-2\alpha}$. Cells that shrink towards the corner "
            "while the degree grows are exponential: a fixed factor a step."
        ),
        formula=r"\|u-u_h\|_E=O(h^{\min(p,\alpha)}),\qquad \|u-u_p\|_E=O(p^{-2\alpha})",
        level=1,
        minutes=6,
        then="corner",
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
        predict=Pick("Who ends with the smallest error?", lowest("energy_error"), theory=2),
        why=(
            "The power of $x$ is rough only at one end. Elements that are all halved spend most unknowns where "
            "nothing happens; hp-elements add one small cell at the end and a degree elsewhere, and gain a fixed "
            "factor with each layer. As $L$ layers make a number $N$ of unknowns that grows like $L^2$, the error"
            " goes like the exponential of a square root. A grading of $1/2$ makes the cells shrink too slowly, "
            "and $b$ is smaller."
        ),
        formula=r"\|u-u_N\|_E\le C\,e^{-b\sqrt{N}}",
        level=2,
        minutes=6,
        then="boundary_layer",
    ),
    Experiment(
        "enough",
        "Stop here",
        "The mesh itself is only so good. From which step on is more iteration in vain, also on a finer one?",
        LShape(),
        (StopHere(), StopHere(preconditioner="SSOR"), StopHere(preconditioner="incomplete Cholesky")),
        SOLVED,
        measure="total_error",
        picture="element_field",
        predict=Guess(
            "From which step on is plain CG's own error smaller than that of the mesh?",
            in_vain,
            1,
            200,
            unit="steps",
            whole=True,
        ),
        why=(
            "The error of the mesh and that of the iteration stand at right angles to each other, so their "
            "squares add up. Once that of the iteration is the smaller one, all further steps together gain no "
            r"more than a factor $\sqrt2$: the total error has a floor. A preconditioner gets there sooner, but "
            "the floor is the mesh's."
        ),
        formula=r"\|u-u_k\|_E^2=\|u-u_h\|_E^2+\|u_h-u_k\|_E^2",
        level=2,
        minutes=5,
        then="power",
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
        predict=Pick(
            "Who is below an error of $10^{-4}$ with the fewest unknowns?", first_below("max_error", 1e-4, "unknowns")
        ),
        why=(
            "The layer is as thin as diffusion over wind, and a method with equal cells sees it only when a cell "
            "is thinner. Until then there is more wind than diffusion in a cell and the values swing. Whoever "
            "knows where the layer is needs few unknowns: hp-elements put one thin cell there, Chebyshev's points"
            " crowd at both ends by themselves."
        ),
        formula=r"\mathrm{Pe}_h=\frac{\beta h}{2\varepsilon}\le 1",
        level=2,
        minutes=6,
        then="fine-patch",
    ),
    Experiment(
        "curved_edge",
        "What a straight edge costs",
        "A disk with straight edges: does a higher degree help, and what if you set the edges to quadratic?",
        Disk(edges="straight"),
        tuple(FiniteElements(degree=p) for p in (1, 2, 3, 4)),
        WHOLE,
        measure="energy_error",
        against="unknowns",
        picture="element_error",
        predict=Pick(
            "Halving the cells: does degree four (P4) divide the error by clearly more than degree two (P2)?",
            whether(steeper(3, 1)),
            theory=1,
            options=YES_NO,
        ),
        why=(
            "Straight edges cut off a strip of the disk that is as thin as $h^2$. The solution on that polygon is"
            " another one, off by $h^{3/2}$ in energy, and no degree inside can mend what the domain has got "
            "wrong. From degree two on all lines are therefore parallel; with curved edges they part again."
        ),
        formula=r"\|u-u_h\|_E=O\!\left(h^{\min(p,\,3/2)}\right)",
        level=1,
        minutes=5,
        then="reentrant",
    ),
)
