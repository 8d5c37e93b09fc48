"""A shape to find: balls in a soft union, matched through their mesh by currents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob
from toolkit.core.problem import Problem
from toolkit.kernels.grid.isosurface import current_field
from toolkit.mesh.design.marching_cubes import Surface, extract

REFERENCE = {2: 129, 3: 21}


@dataclass(frozen=True)
class Silhouette(Problem):
    """Find θ such that {s_θ < 0} is the target, s_θ(x) = −(1/k) log Σ_i exp(−k (|x − c_i| − r_i)) on [−1, 1]^d.

    θ holds centre and radius of each ball, (balls, d + 1); k rounds their union. The shape counts through its explicit
    mesh only: F is the squared distance of currents, ‖μ − μ*‖² with μ = Σ_f n_f δ_{x_f} over the simplices (n_f normal
    times area, x_f centre) in the Gaussian kernel of width `width`. Target `one`: a capsule, begun from balls in two
    places, so that two must become one; target `two`: two balls, begun from one heap.
    Reference: M. Vaillant, J. Glaunès, IPMI 2005, LNCS 3565, 381–392, doi:10.1007/11505730_32 (currents).
    """

    title: ClassVar[str] = "silhouette"
    sources: ClassVar[tuple[str, ...]] = ("vaillant2005",)
    dim: int = knob(2, 2, 3, symbol="d", doc="dimension")
    target: str = knob("one", choices=("one", "two"), doc="one capsule, or two balls")
    balls: int = knob(4, 2, 8, doc="balls of the latent shape")
    sharpness: float = knob(12.0, 2.0, 100.0, log=True, symbol="k", doc="how sharply their union is taken")
    width: float = knob(0.4, 0.1, 2.0, log=True, symbol="σ", doc="width of the kernel of the objective")

    @cached_property
    def start(self) -> np.ndarray:
        """θ at first, (balls, d + 1): in two places for the target `one`, in one heap for `two`."""
        theta = np.zeros((self.balls, self.dim + 1))
        side = np.where(np.arange(self.balls) % 2, 1.0, -1.0)
        rank = np.arange(self.balls) // 2 - (np.ceil(self.balls / 2) - 1) / 2
        theta[:, 0] = side * (0.5 if self.target == "one" else 0.14)
        theta[:, 1] = 0.12 * rank + 0.03 * side
        theta[:, -1] = 0.18
        return theta

    def field(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """s_θ at points x, (…, d)."""
        return self._parts(theta, x)[0]

    def _parts(self, theta, x):
        """(s, weights of the balls (…, balls), unit vectors from the centres (…, balls, d))."""
        away = x[..., None, :] - theta[:, :-1]
        distance = np.maximum(np.sqrt((away**2).sum(axis=-1)), 1e-12)
        score = -self.sharpness * (distance - theta[:, -1])
        top = score.max(axis=-1, keepdims=True)
        weights = np.exp(score - top)
        total = weights.sum(axis=-1, keepdims=True)
        value = -(np.log(total) + top)[..., 0] / self.sharpness
        return value, weights / total, away / distance[..., None]

    def derivatives(self, theta: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(∇s (v, d), ∂s/∂θ (v, balls, d + 1)) at points x (v, d)."""
        _, weights, units = self._parts(theta, x)
        towards = weights[..., None] * units
        return towards.sum(axis=1), np.concatenate((-towards, -weights[..., None]), axis=2)

    def grid(self, n: int) -> np.ndarray:
        """n^d points of [−1, 1]^d, (n, …, n, d)."""
        line = np.linspace(-1.0, 1.0, n)
        return np.stack(np.meshgrid(*[line] * self.dim, indexing="ij"), axis=-1)

    def wanted(self, x: np.ndarray) -> np.ndarray:
        """Signed distance to the target."""
        if self.target == "two":
            a, b = (np.linalg.norm(x - side * np.eye(self.dim)[0], axis=-1) - 0.24 for side in (-0.45, 0.45))
            return np.minimum(a, b)
        away = x.copy()
        away[..., 0] -= np.clip(away[..., 0], -0.3, 0.3)
        return np.linalg.norm(away, axis=-1) - 0.28

    @property
    def pieces(self) -> int:
        """Connected pieces of the target."""
        return 2 if self.target == "two" else 1

    @cached_property
    def goal(self) -> Surface:
        """The target as a fine mesh."""
        return extract(self.wanted(self.grid(REFERENCE[self.dim])), -1.0, 1.0)

    @cached_property
    def _goal_norm(self) -> float:
        centres, normals = current(self.goal)
        return float(np.einsum("ij,ij->", normals, self._smoothed(centres, normals, centres, normals)[0]))

    def _smoothed(self, x, m, centres, normals) -> tuple[np.ndarray, np.ndarray]:
        """(Σ_f K(x, x_f) n_f, ∂/∂x of its product with m), each of the shape of x."""
        field, pull = np.empty_like(x), np.empty_like(x)
        current_field(x, m, centres, normals, self.width, field, pull)
        return field, pull

    def objective(self, surface: Surface) -> tuple[float, np.ndarray]:
        """(F, ∂F/∂v (vertices, d)) of a mesh; F is relative to the target's own norm. O(simplices²)."""
        centres, normals = current(surface)
        mine, pull_mine = self._smoothed(centres, normals, centres, normals)
        theirs, pull_theirs = self._smoothed(centres, normals, *current(self.goal))
        value = np.einsum("ij,ij->", normals, mine - 2 * theirs) + self._goal_norm
        by_vertex = _to_vertices(surface, 2 * (pull_mine - pull_theirs), 2 * (mine - theirs))
        return float(value) / self._goal_norm, by_vertex / self._goal_norm


def current(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """(centres, outward normals times length or area) of the simplices, each (f, d)."""
    p = surface.points[surface.simplices]
    if p.shape[1] == 2:
        along = p[:, 1] - p[:, 0]
        return p.mean(axis=1), np.column_stack((along[:, 1], -along[:, 0]))
    return p.mean(axis=1), np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]) / 2


def _to_vertices(surface: Surface, by_centre: np.ndarray, by_normal: np.ndarray) -> np.ndarray:
    """∂F/∂v from the derivatives by centres and normals of the simplices."""
    faces, p = surface.simplices, surface.points[surface.simplices]
    out, corners = np.zeros_like(surface.points), faces.shape[1]
    for k in range(corners):
        if corners == 2:
            turned = np.column_stack((-by_normal[:, 1], by_normal[:, 0])) * (1 if k else -1)
        else:
            turned = np.cross(p[:, (k + 1) % 3] - p[:, (k + 2) % 3], by_normal) / 2
        np.add.at(out, faces[:, k], by_centre / corners + turned)
    return out
