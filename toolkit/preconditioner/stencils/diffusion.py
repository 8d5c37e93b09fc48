"""Diffusion with a variable coefficient: checkerboards, random fields, channels, and a photograph as permeability."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
import scipy.fft
import scipy.sparse as sp
from scipy.ndimage import map_coordinates

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.data import bundled
from toolkit.data.images import luminance
from toolkit.preconditioner.stencils.blackbox import BlackBox, BlackBoxCG
from toolkit.preconditioner.stencils.poisson import Poisson
from toolkit.preconditioner.stencils.problems import LOADS, GridProblem, stencil_matrix
from toolkit.preconditioner.systems.problems import LinearSystem

MODES = 64
REFINED_LIMIT = 300_000


@dataclass(frozen=True)
class Diffusion(GridProblem):
    """−∇·(a ∇u) = f on (0, 1)^d, u = 0 on the boundary, a constant on each of the n^d cells, 1 ≤ a ≤ contrast.

    (A u)_p = h⁻² Σ_q a_pq (u_p − u_q) over the 2 d neighbours, a_pq the mean of the 2 (2D) or 4 (3D) cells that border
    the edge. Symmetric positive definite; λ(A) lies between those of Poisson and contrast times those.
    medium: "constant" 1; "checkerboard" of `features` squares a side, 1 and contrast; "log-normal" exp of a Gaussian
    random field of Matérn covariance with correlation length 1/features, scaled to the contrast; "channels": `features`
    wavy channels of high permeability; "photograph": contrast to the power of the brightness.
    Reference: F. Lindgren, H. Rue, J. Lindström, J. R. Stat. Soc. B 73 (2011) 423–498,
    doi:10.1111/j.1467-9868.2011.00777.x (the random field).
    """

    title: ClassVar[str] = "diffusion"
    sources: ClassVar[tuple[str, ...]] = ("saad2003", "lindgren2011")
    symmetric: ClassVar[bool] = True
    definite: ClassVar[bool] = True
    cellwise: ClassVar[bool] = True
    dim: int = knob(2, 2, 3, doc="space dimensions")
    n: int = knob(64, 4, 2048, log=True, doc="intervals a side")
    medium: str = knob(
        "log-normal",
        choices=("constant", "checkerboard", "log-normal", "channels", "photograph"),
        doc="how the coefficient varies",
    )
    contrast: float = knob(1e3, 1.0, 1e6, log=True, doc="largest over smallest coefficient")
    features: int = knob(8, 1, 64, log=True, doc="squares, channels or correlation lengths a side")
    photo: str = knob("china", choices=bundled.PHOTOGRAPHS, doc="photograph from scikit-learn")
    load: str = knob("one", choices=LOADS, doc="right-hand side f")
    seed: int = seed_knob("the random field and the noise")

    @cached_property
    def coefficient(self) -> np.ndarray:
        """a on the cells, shape (n,) · dim, axis 0 the slowest."""
        share = _MEDIA[self.medium](self)
        return frozen(np.exp(np.log(self.contrast) * share) if share is not None else np.ones((self.n,) * self.dim))

    @property
    def cells(self) -> np.ndarray | None:
        """The coefficient of a plane problem, shape (n, n); None in space."""
        return self.coefficient if self.dim == 2 else None

    @property
    def gentle(self) -> bool:
        return self.medium in ("constant", "log-normal", "photograph") and self.contrast <= 1e4

    @cached_property
    def matrix(self) -> sp.csr_array:
        return stencil_matrix(self.shape, edge_stencil(self.coefficient))

    @property
    def matvec_flops(self) -> float:
        return 2.0 * self.entries

    @property
    def solvable(self) -> bool:
        """By elimination, or in the plane up to REFINED_LIMIT unknowns by multigrid: some two seconds."""
        refined = self.dim == 2 and self.size <= REFINED_LIMIT
        return refined or self.medium == "constant" or LinearSystem.solvable.fget(self)

    @property
    def direct_limit(self) -> int:
        return 40_000 if self.dim == 2 else GridProblem.direct_limit.fget(self)

    @cached_property
    def exact(self) -> np.ndarray | None:
        """By sine transform, elimination, or in the plane beyond its reach by multigrid to the attainable accuracy."""
        if self.medium == "constant":
            return Poisson(dim=self.dim, n=self.n, load=self.load, seed=self.seed).exact
        if LinearSystem.solvable.fget(self):
            return LinearSystem.exact.func(self)
        return _refined(self) if self.solvable else None

    @cached_property
    def extremes(self) -> tuple[float, float] | None:
        if self.medium == "constant":
            return Poisson(dim=self.dim, n=self.n).extremes
        return LinearSystem.extremes.func(self)

    @property
    def enclosure(self) -> tuple[float, float]:
        """(low, high) around the spectrum: min a λmin(−Δ) and max a λmax(−Δ)."""
        low, high = Poisson(dim=self.dim, n=self.n).extremes
        return float(self.coefficient.min()) * low, float(self.coefficient.max()) * high


def edge_stencil(a: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    """The stencil of −∇·(a ∇u) on the interior points from a cell-wise a of shape (n,) · dim."""
    n, dim = len(a), a.ndim
    centre, stencil = np.zeros((n - 1,) * dim), {}
    for axis in range(dim):
        edge = a * float(n**2)
        for other in range(dim):
            if other != axis:
                low, high = _cut(edge, other, 0, -1), _cut(edge, other, 1, None)
                edge = (low + high) / 2
        for step, part in ((-1, _cut(edge, axis, 0, -1)), (1, _cut(edge, axis, 1, None))):
            centre += part
            stencil[tuple(step * (other == axis) for other in range(dim))] = -part
    return stencil | {(0,) * dim: centre}


def _cut(a: np.ndarray, axis: int, start, stop) -> np.ndarray:
    return a[tuple(slice(start, stop) if other == axis else slice(None) for other in range(a.ndim))]


def _refined(problem: Diffusion) -> np.ndarray | None:
    """The solution by black-box multigrid in double CG, restarted from the true residual until that stops falling."""
    hierarchy = BlackBox.from_cells(problem.cells)
    solver, x, best = BlackBoxCG(hierarchy), None, np.inf
    for _ in range(6):
        norm = solver.start(problem.rhs, x)
        if norm > 0.5 * best:
            break
        best = norm
        for _ in range(40):
            if solver.step() <= 1e-6 * norm:
                break
        x = solver.x.copy()
    return frozen(x) if best <= 1e-9 * problem.norm else None


# -- media: log a over log contrast on the cells, from 0 to 1; each the same function of place whatever n is ---------


def _centres(problem: Diffusion) -> list[np.ndarray]:
    """Coordinates of the cells' centres, one array an axis, made to broadcast; the last is the fastest."""
    line = (np.arange(problem.n) + 0.5) / problem.n
    return np.meshgrid(*[line] * problem.dim, indexing="ij", sparse=True)


def _unit(field: np.ndarray) -> np.ndarray:
    """Shifted and scaled to the range from 0 to 1."""
    low, high = field.min(), field.max()
    return (field - low) / (high - low)


def _constant(problem: Diffusion) -> None:
    return None


def _checkerboard(problem: Diffusion) -> np.ndarray:
    squares = sum(np.floor(problem.features * x).astype(int) for x in _centres(problem))
    return (squares % 2).astype(float)


def _log_normal(problem: Diffusion) -> np.ndarray:
    """A cosine series with Matérn weights (1 + (π|j|/features)²)⁻¹, its first MODES terms an axis."""
    modes = MODES if problem.dim == 2 else MODES // 4
    noise = np.random.default_rng(problem.seed).standard_normal((modes,) * problem.dim)
    kept = min(modes, problem.n)
    noise = noise[(slice(kept),) * problem.dim]
    squares = sum(j.astype(float) ** 2 for j in np.ogrid[(slice(kept),) * problem.dim])
    weights = noise / (1.0 + np.pi**2 * squares / problem.features**2)
    weights[(0,) * problem.dim] = 0.0
    grown = scipy.fft.idctn(weights, s=(problem.n,) * problem.dim, norm="ortho")
    return _unit(grown) if np.ptp(grown) > 0 else np.zeros_like(grown)


def _channels(problem: Diffusion) -> np.ndarray:
    """Channels along the last axis that wander by a third of their distance; in space sheets."""
    *across, along = _centres(problem)
    phase = problem.features * across[0] + np.sin(2 * np.pi * along) / 3 + np.zeros((problem.n,) * problem.dim)
    return (np.abs(phase % 1.0 - 0.5) < 0.125).astype(float)


def _photograph(problem: Diffusion) -> np.ndarray:
    """Brightness of the middle square of the photograph, by linear interpolation; in space the same in every layer."""
    picture = _brightness(problem.photo)
    x = (np.arange(problem.n) + 0.5) / problem.n * len(picture) - 0.5
    plane = _unit(map_coordinates(picture, np.meshgrid(x, x, indexing="ij"), order=1, mode="nearest"))
    return plane if problem.dim == 2 else np.broadcast_to(plane, (problem.n,) * 3)


@lru_cache(maxsize=2)
def _brightness(name: str) -> np.ndarray:
    grey = luminance(bundled.photograph(name))
    side = min(grey.shape)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    return frozen(np.ascontiguousarray(grey[top : top + side, left : left + side]))


_MEDIA = {
    "constant": _constant,
    "checkerboard": _checkerboard,
    "log-normal": _log_normal,
    "channels": _channels,
    "photograph": _photograph,
}
