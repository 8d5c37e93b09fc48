"""Shapes as zero sets of a latent vector: differentiate through marching squares and cubes, and descend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Exact, Order, monotone
from toolkit.core.errors import Breakdown
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.memo import remembered
from toolkit.core.method import Method
from toolkit.core.prediction import Guess, Pick, lowest, reached
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.mesh.design.marching_cubes import Surface, extract
from toolkit.mesh.design.silhouette import Silhouette

HALVINGS = 25


@dataclass(slots=True, kw_only=True)
class LatentState(State):
    """θ, its mesh (points, simplices, edges), the objective with its gradient, the last step length."""

    theta: np.ndarray
    points: np.ndarray
    simplices: np.ndarray
    edges: np.ndarray
    gradient: np.ndarray
    objective: float
    alpha: float
    pieces: float
    n: int

    @property
    def surface(self) -> Surface:
        """The mesh of this step."""
        return Surface(self.points, self.simplices, self.edges)

    def solution(self) -> np.ndarray:
        return self.theta


@dataclass(frozen=True)
class DeepMesh(Method):
    """Gradient descent on θ through the mesh: dF/dθ = Σ_v ∂F/∂v · ∂v/∂s ∂s/∂θ with ∂v/∂s = −n/|∇s|, n = ∇s/|∇s|.

    Marching squares (d = 2) or cubes (d = 3) on n^d points gives the mesh; it is not differentiated, the vertex only
    moves along the normal as the field changes there. So topology may change between steps. Step length: twice the
    last one, halved until Armijo's rule holds. A trial costs n^d values of s and F's O(simplices²).
    Ends as stagnated where the mesh's own error, O(n⁻²), hides any further descent.
    Reference: B. Guillard et al., DeepMesh, arXiv:2106.11795, Theorem 1.
    """

    title: ClassVar[str] = "DeepMesh descent"
    chaotic: ClassVar[str] = "its descent multiplies what is rounded off, and ends where it stagnates"
    sources: ClassVar[tuple[str, ...]] = ("guillard2021", "lorensen1987")
    problems: ClassVar[tuple[type, ...]] = (Silhouette,)
    monitors: ClassVar[tuple[str, ...]] = ("objective", "pieces")
    linear: ClassVar[tuple[str, ...]] = ("pieces",)
    slow: ClassVar[bool] = True
    n: int = knob(33, 9, 129, log=True, doc="grid points a side; half as many, at most 33, in three dimensions")

    def label(self) -> str:
        return f"{self.title}, n = {self.n}"

    def _side(self, problem) -> int:
        return min(self.n // 2 + 1, 33) if problem.dim == 3 else self.n

    def _mesh(self, problem, theta) -> Surface:
        return extract(problem.field(theta, problem.grid(self._side(problem))), -1.0, 1.0)

    def init(self, problem: Silhouette) -> LatentState:
        surface = self._mesh(problem, problem.start)
        if surface.empty:
            raise Breakdown("the first shape has no surface on this grid", "Raise n")
        start = dict(theta=problem.start.copy(), alpha=0.0, pieces=0.0, objective=0.0, gradient=0 * problem.start)
        state = LatentState(
            n=self._side(problem), points=surface.points, simplices=surface.simplices, edges=surface.edges, **start
        )
        self._take(problem, state, problem.start.copy(), surface, *problem.objective(surface))
        state.alpha = 0.05 / max(float(np.abs(state.gradient).max()), 1e-300)
        return state

    def _take(self, problem, state, theta, surface, value, by_vertex) -> None:
        state.theta, state.objective = theta, value
        state.points, state.simplices, state.edges = surface.points, surface.simplices, surface.edges
        state.gradient = pulled_back(problem, theta, surface, by_vertex)
        state.pieces = float(surface.components())

    def step(self, problem: Silhouette, state: LatentState) -> LatentState:
        state.alpha *= 2
        slope = float((state.gradient**2).sum())
        state.k += 1
        for _ in range(HALVINGS):
            theta = state.theta - state.alpha * state.gradient
            surface = self._mesh(problem, theta)
            state.work.nfe += 1
            if not surface.empty:
                value, by_vertex = problem.objective(surface)
                if value <= state.objective - 1e-4 * state.alpha * slope:
                    self._take(problem, state, theta, surface, value, by_vertex)
                    return state
            state.alpha /= 2
        state.status = Status("stagnated", "no descent along the gradient", "Raise n: the mesh's error hides the rest")
        return state

    def measures(self, problem):
        return (VERTEX_ERROR, ACROSS_ERROR, GRADIENT_ERROR, PIECES_ERROR)

    def claims(self, problem) -> tuple:
        """∂v/∂s against differences as the grid is refined, and descent through the change of topology."""
        if self.suits(problem):
            return ()
        source = "guillard2021"
        run, once = Stop(measure="objective", rtol=0.0, steps=40), Stop(measure="objective", rtol=0.0, steps=0)
        grids = (17, 33, 65, 129) if problem.dim == 2 else (25, 33, 49, 65)
        about = dict(p=1.0, over="n", values=grids, source=source, stop=once, at_least=True)
        falls = "the objective falls through the change of topology"
        found = [
            monotone("objective", title=falls, source=source, stop=run),
            Order(measure="vertex_error", title="vertices move by −n/|∇s|, in the mean to O(h)", **about),
        ]
        if problem.dim == 2:  # in space, grids that are fine enough for the worst vertex take too long
            title = "every vertex to O(h), by the angle of its edge to the normal"
            found.append(Order(measure="across_error", title=title, **about))
        if self.n >= 25 and problem.width <= 1:  # a kernel as wide as the shapes does not tell one from two
            title = "as many pieces as the target"
            found.append(Exact(measure="pieces_error", tol=0.0, title=title, source=source, stop=run))
        return tuple(found)


def pulled_back(problem: Silhouette, theta, surface: Surface, by_vertex: np.ndarray) -> np.ndarray:
    """dF/dθ = −Σ_v (∂F/∂v · n) ∂s/∂θ(v) / |∇s|, (balls, d + 1)."""
    slope, by_theta = problem.derivatives(theta, surface.points)
    along = (by_vertex * slope).sum(axis=1) / (slope**2).sum(axis=1)
    return -np.einsum("v,vbk->bk", along, by_theta)


def normal_speeds(problem: Silhouette, theta, surface: Surface, direction: np.ndarray, n: int, eps: float = 1e-6):
    """(predicted, measured, length or area about, |n · e|) of every vertex, e the direction of its grid edge.

    The normal speeds as θ moves along `direction`. Predicted: −(∂s/∂θ · direction)/|∇s|. Measured:
    n · (v(θ + ε δ) − v(θ − ε δ))/2ε of the meshes extracted anew, vertices matched by their grid edges; those whose
    edge is not crossed in both are left out.
    """
    slope, by_theta = problem.derivatives(theta, surface.points)
    size = np.linalg.norm(slope, axis=1)
    predicted = -np.einsum("vbk,bk->v", by_theta, direction) / size
    places = []
    for sign in (1, -1):
        moved = extract(problem.field(theta + sign * eps * direction, problem.grid(n)), -1.0, 1.0)
        places.append({tuple(edge): point for edge, point in zip(moved.edges.tolist(), moved.points)})
    kept = [k for k, edge in enumerate(map(tuple, surface.edges.tolist())) if all(edge in place for place in places)]
    edges = [tuple(surface.edges[k]) for k in kept]
    speed = np.array([(places[0][edge] - places[1][edge]) / (2 * eps) for edge in edges])
    about = np.zeros(len(surface.points))
    for k in range(surface.simplices.shape[1]):
        np.add.at(about, surface.simplices[:, k], surface.measure() / surface.simplices.shape[1])
    across = np.abs(slope[np.arange(len(slope)), surface.edges[:, 0]]) / size
    return predicted[kept], (speed * slope[kept]).sum(axis=1) / size[kept], about[kept], across[kept]


def _direction(theta: np.ndarray) -> np.ndarray:
    """A fixed direction in which no symmetry of the shape can hide an error."""
    return np.cos(1.0 + np.arange(theta.size)).reshape(theta.shape)


def speed_errors(problem: Silhouette, start: np.ndarray, n: int) -> tuple[float, float]:
    """Errors of the normal speeds, (relative in the mean, largest by |n · e|): means of eight shifts of the shape.

    start: θ (balls, d + 1) of the shape; n: grid points a side.
    """
    mean, most, direction = 0.0, 0.0, _direction(start)
    for k in range(8):
        theta = start.copy()
        shift = np.modf((k + 0.5) * np.array([0.618034, 0.754878, 0.569840]))[0] - 0.5
        theta[:, :-1] += 2 / (n - 1) * shift[: problem.dim]
        surface = extract(problem.field(theta, problem.grid(n)), -1.0, 1.0)
        predicted, measured, about, across = normal_speeds(problem, theta, surface, direction, n)
        gap = np.abs(predicted - measured)
        mean += float(about @ gap / (about @ np.abs(predicted))) / 8
        most += float((across * gap).max() / np.abs(predicted).max()) / 8
    return mean, most


def _seen(problem, state) -> tuple[float, float]:
    """Both errors of the shape at hand: two measures ask for them."""
    key = ("speed errors", state.n, state.theta.tobytes())
    return remembered(problem, key, lambda: speed_errors(problem, state.theta, state.n))


def _vertex_error(problem, state) -> float:
    """∫|predicted − measured| / ∫|predicted| over the mesh, mean of eight shifts of the shape by parts of a cell.

    In the mean a vertex errs by O(h), but single ones on edges almost tangent to the surface by O(1): hence the
    integral, and the shifts, which take the luck of a grid out of it.
    """
    return _seen(problem, state)[0]


def _across_error(problem, state) -> float:
    """The largest |n · e| |predicted − measured| of all vertices over the largest speed, mean of the eight shifts.

    The chord along an edge errs by O(h) in the slope of the field there, |∇s| |n · e|: a vertex by O(h/|n · e|), which
    is O(1) on edges that are tangent. With the factor |n · e| it is O(h) at every vertex.
    """
    return _seen(problem, state)[1]


def _gradient_error(problem, state) -> float:
    direction, eps = _direction(state.theta), 1e-5
    values = []
    for sign in (1, -1):
        field = problem.field(state.theta + sign * eps * direction, problem.grid(state.n))
        values.append(problem.objective(extract(field, -1.0, 1.0))[0])
    scale = float(np.linalg.norm(state.gradient) * np.linalg.norm(direction)) or 1.0
    return abs(float(np.vdot(state.gradient, direction)) - (values[0] - values[1]) / (2 * eps)) / scale


def _contour_picture(problem, state: LatentState):
    """The vertices of the shape and of its target."""
    return {"target": tuple(problem.goal.points[:, :2].T), "shape": tuple(state.points[:, :2].T)}


def _solid_picture(problem, state: LatentState):
    """The triangles that face the viewer, farthest first, as bright as they face the light."""
    p = state.points[state.simplices]
    normals = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    light = normals @ np.array([0.3, 0.4, 0.87]) / np.maximum(np.linalg.norm(normals, axis=1), 1e-300)
    order = np.argsort(p.mean(axis=1)[:, 2], kind="stable")
    order = order[normals[order, 2] > 0]
    return {"points": state.points[:, :2], "cells": state.simplices[order], "values": light[order]}


def _flat(problem: Silhouette, state) -> bool:
    return problem.dim == 2


def _solid(problem: Silhouette, state) -> bool:
    return problem.dim == 3


VERTEX_ERROR = Measure(
    "vertex_error",
    "error of ∂v/∂s",
    _vertex_error,
    "∫|n·Δv/Δθ + ∂s/∂θ/|∇s||",
    doc="normal speed of the vertices, against central differences of meshes extracted anew",
)
ACROSS_ERROR = Measure(
    "across_error",
    "largest error of ∂v/∂s",
    _across_error,
    "max |n·e| |n·Δv/Δθ + ∂s/∂θ/|∇s||",
    doc="at any vertex, by the cosine of the angle between its grid edge e and the normal",
)
GRADIENT_ERROR = Measure(
    "gradient_error",
    "error of dF/dθ",
    _gradient_error,
    "|⟨g, δ⟩ − ΔF/Δθ| / ‖g‖‖δ‖",
    doc="slope of the objective in one direction, against a central difference of meshes extracted anew",
)
PIECES_ERROR = Measure(
    "pieces_error",
    "pieces too many or too few",
    lambda problem, state: abs(state.pieces - problem.pieces),
    "|#pieces − #target|",
    log=False,
)
CASES = (Silhouette(), Silhouette(target="two"), Silhouette(dim=3, balls=2))
PICTURES = (
    Picture("contour", "contour", "points", _contour_picture, "x", "y", of=LatentState, when=_flat),
    Picture("solid", "surface", "mesh", _solid_picture, "x", "y", of=LatentState, when=_solid),
)
EXPERIMENTS = (
    Experiment(
        "silhouette",
        "Two become one",
        "Marching squares cannot be differentiated, yet the shape finds its silhouette. On how fine a grid?",
        Silhouette(),
        (DeepMesh(), DeepMesh(n=17), DeepMesh(n=97)),
        Stop(measure="objective", rtol=1e-5, steps=150),
        measure="objective",
        picture="contour",
        predict=Pick("Which grid ends with the smallest misfit?", lowest("objective")),
        why=(
            "How marching squares join the points cannot be differentiated, but where a point of the contour goes"
            " when the field changes can: along the normal, by $-1$ over the slope of the field. That is enough "
            "for a gradient, and the topology may change between two steps. A coarse grid comes down less far, as"
            " the mesh's own error hides the rest."
        ),
        formula=r"\frac{\partial v}{\partial s}=-\frac{n}{|\nabla s|},\qquad n=\frac{\nabla s}{|\nabla s|}",
        level=2,
        minutes=5,
        then="silhouette_solid",
    ),
    Experiment(
        "silhouette_solid",
        "Two become one, solid",
        "The same in three dimensions, through marching cubes: after how many steps do the bodies meet?",
        Silhouette(dim=3),
        (DeepMesh(n=41),),
        Stop(measure="objective", rtol=1e-4, steps=80),
        measure="objective",
        picture="solid",
        predict=Guess(
            "After how many steps are the two bodies one?",
            reached("pieces", 1.0),
            1,
            100,
            unit="steps",
            whole=True,
            close=1.5,
        ),
        why=(
            "The surface is where a smooth function of space is zero, and the descent changes that function, not "
            "a list of triangles. Two bodies become one when the function between them takes the sign that it has"
            " inside; the mesh of the next step simply shows it. Each vertex follows the field along the normal, "
            "as in the plane."
        ),
        formula=(
            r"\frac{dF}{d\theta}=\sum_v\frac{\partial F}{\partial v}\cdot\frac{\partial v}{\partial "
            r"s}\,\frac{\partial s}{\partial\theta}"
        ),
        level=2,
        minutes=5,
        then="enough",
    ),
)
