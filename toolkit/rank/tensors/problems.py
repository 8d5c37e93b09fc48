"""Tensors to decompose: potentials of particles, functions on grids, planted structures, symmetric ones, digits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np
from scipy.special import erf

from toolkit.core.errors import KnobError
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem
from toolkit.data import bundled
from toolkit.rank.tensors.multilinear import (
    checked_tensor,
    component_distance,
    cp_full,
    few_enough,
    kruskal_limit,
    mode_svd,
    noisy,
    projected,
    symmetrised,
    tt_full,
    tucker_full,
)


class TensorProblem(Problem):
    """Base: approximate the tensor `data` of order d. Errors are Frobenius norms relative to the tensor's.

    `factors` are what was planted: a matrix with unit columns a mode, or the cores of a train; None where nothing was.
    `rank_one_terms`: whether what was planted is a sum of rank-one tensors, of which `factors` hold one a column.
    """

    factors: ClassVar[list | None] = None
    rank_one_terms: ClassVar[bool] = False

    def made(self) -> np.ndarray:
        """The tensor, computed anew."""
        raise NotImplementedError

    @cached_property
    def data(self) -> np.ndarray:
        """The tensor; nobody may write to it."""
        found = checked_tensor(type(self).__name__, self.made())
        found.flags.writeable = False
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the modes."""
        return self.data.shape

    @cached_property
    def norm(self) -> float:
        """Frobenius norm; 1 for the zero tensor."""
        return float(np.linalg.norm(self.data)) or 1.0

    @cached_property
    def modes(self) -> tuple:
        """(left singular vectors, singular values) of every unfolding."""
        return tuple(mode_svd(self.data, mode) for mode in range(self.data.ndim))

    @cached_property
    def whole_core(self) -> np.ndarray:
        """The core of the full HOSVD: all-orthogonal, its slices' norms are the singular values of the modes."""
        return projected(self.data, [left for left, _ in self.modes])

    @cached_property
    def gaps(self) -> tuple[np.ndarray, ...]:
        """For every cut of a train, the relative errors of the best approximations of that unfolding, by rank."""
        found = []
        for cut in range(1, self.data.ndim):
            matrix = self.data.reshape(math.prod(self.shape[:cut]), -1)
            found.append(tail(np.linalg.svd(matrix, compute_uv=False)) / self.norm)
        return tuple(found)

    def clipped(self, rank: int) -> tuple[int, ...]:
        """The multilinear rank (rank, rank, …), no larger than the unfoldings allow."""
        return tuple(min(rank, len(values)) for _, values in self.modes)

    def tails(self, ranks) -> np.ndarray:
        """Relative norm of the singular values beyond the ranks, by mode: the best error is no smaller than any."""
        return np.array([np.linalg.norm(s[r:]) for (_, s), r in zip(self.modes, ranks)]) / self.norm

    def distance(self, approximation: np.ndarray) -> float:
        """Relative error of an approximation."""
        return float(np.linalg.norm(self.data - approximation)) / self.norm


def tail(values: np.ndarray) -> np.ndarray:
    """√Σ_{i>r} σ_i² for r = 0 … len(values)."""
    return np.sqrt(np.append(np.cumsum(values[::-1] ** 2)[::-1], 0.0))


@dataclass(frozen=True)
class Potential(TensorProblem):
    """The potential of particles in the cube [−1, 1]³, on a grid and at any point: Σ_p q_p k(|x − x_p|).

    newton: 1/√(r² + δ²), softened; yukawa: e^{−κ r} times it; long range: erf(ω r)/r, what is left of 1/r when the
    Gaussians e^{−t² r²} with t > ω are taken from 1/r = 2/√π ∫ e^{−t² r²} dt: smooth, for all particles together.
    """

    title: ClassVar[str] = "potential of particles"
    sources: ClassVar[tuple[str, ...]] = ("benner2018",)
    kernel: str = knob("newton", choices=("newton", "yukawa", "long range"), doc="potential of one particle")
    arrangement: str = knob("random", choices=("random", "lattice"), doc="where the particles are")
    particles: int = knob(30, 1, 512, log=True, symbol="N", doc="number of particles")
    n: int = knob(40, 8, 64, symbol="n", doc="points of the grid along an axis")
    omega: float = knob(3.0, 0.5, 12.0, log=True, symbol="ω", doc="where the long range ends (1/length)")
    kappa: float = knob(2.0, 0.1, 20.0, log=True, symbol="κ", doc="screening of Yukawa's potential (1/length)")
    softening: float = knob(0.1, 0.01, 1.0, log=True, symbol="δ", doc="length below which 1/r is softened")
    seed: int = seed_knob("places and charges")

    @cached_property
    def particle_table(self) -> tuple[np.ndarray, np.ndarray]:
        """Places (N, 3) and charges (N,)."""
        rng = np.random.default_rng(self.seed)
        if self.arrangement == "random":
            places = rng.uniform(-1, 1, (self.particles, 3))
        else:
            side = math.ceil(self.particles ** (1 / 3) - 1e-9)
            line = (np.arange(side) + 0.5) / side * 2 - 1
            places = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)[: self.particles]
        return places, rng.uniform(0.5, 1.5, self.particles)

    def __call__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The potential on the product grid of three lines: (len x, len y, len z)."""
        return self._summed(x[:, None, None], y[None, :, None], z[None, None, :])

    def at(self, points: np.ndarray) -> np.ndarray:
        """The potential at points (m, 3)."""
        return self._summed(*points.T)

    def _summed(self, x, y, z):
        found = 0.0
        for (a, b, c), charge in zip(*self.particle_table):
            found = found + charge * self._kernel((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2)
        return found

    def _kernel(self, square):
        if self.kernel == "long range":
            r = np.sqrt(square) + 1e-12
            return erf(self.omega * r) / r
        found = 1 / np.sqrt(square + self.softening**2)
        return found * np.exp(-self.kappa * np.sqrt(square)) if self.kernel == "yukawa" else found

    @property
    def line(self) -> np.ndarray:
        """Points of the grid along an axis, (n,)."""
        return np.linspace(-1, 1, self.n)

    def made(self):
        return self(self.line, self.line, self.line)


@dataclass(frozen=True)
class GridFunction(TensorProblem):
    """A function on a grid over [0, 1]^d.

    "inverse": 1/(1 + x₁ + … + x_d); "wave": sin(ω (x₁ + … + x_d)), of rank 2 in every mode and cut; "ridge":
    1/(1 + ω² (x₁ + … + x_d − d/2)²).
    """

    title: ClassVar[str] = "function on a grid"
    shape_name: str = knob("inverse", choices=("inverse", "wave", "ridge"), doc="which function")
    order: int = knob(4, 3, 6, symbol="d", doc="number of variables")
    n: int = knob(14, 2, 64, symbol="n", doc="points along an axis; 262 144 entries in all at most")
    omega: float = knob(4.0, 0.5, 30.0, log=True, symbol="ω", doc="frequency, or steepness")

    def __post_init__(self):
        super().__post_init__()
        few_enough("GridFunction", self.n, self.order)

    def made(self):
        line = np.linspace(0, 1, self.n)
        total = sum(line.reshape((1,) * k + (-1,) + (1,) * (self.order - 1 - k)) for k in range(self.order))
        if self.shape_name == "inverse":
            return 1 / (1 + total)
        if self.shape_name == "wave":
            return np.sin(self.omega * total)
        return 1 / (1 + (self.omega * (total - self.order / 2)) ** 2)


@dataclass(frozen=True)
class PlantedTensor(TensorProblem):
    """A tensor of a known structure with Gaussian factors, and noise of a chosen size relative to it.

    cp: a sum of `rank` rank-one tensors with unit factors, no more than Kruskal's condition lets be unique; tucker: a
    core of multilinear rank (rank, rank, …); tt: a tensor train of that rank.
    """

    title: ClassVar[str] = "planted tensor"
    sources: ClassVar[tuple[str, ...]] = ("kruskal1977",)
    structure: str = knob("cp", choices=("cp", "tucker", "tt"), doc="what is planted")
    order: int = knob(3, 3, 5, symbol="d", doc="number of modes")
    n: int = knob(24, 2, 64, symbol="n", doc="length of every mode; 262 144 entries in all at most")
    rank: int = knob(4, 1, 60, symbol="R", doc="rank of what is planted")
    noise: float = knob(0.0, 0.0, 1.0, doc="norm of the noise over that of what is planted")
    seed: int = seed_knob("factors and noise")

    def __post_init__(self):
        super().__post_init__()
        few_enough("PlantedTensor", self.n, self.order)
        most = kruskal_limit((self.n,) * self.order) if self.structure == "cp" else self.n
        if self.rank > most:
            why = "components, so that they are unique (Kruskal)" if self.structure == "cp" else "the dimension"
            raise KnobError(f"PlantedTensor.rank = {self.rank}: expected at most {most}, {why}, for n = {self.n}.")

    @property
    def rank_one_terms(self) -> bool:
        return self.structure == "cp"

    @cached_property
    def factors(self) -> list[np.ndarray]:
        """cp, tucker: one matrix (n, R) a mode, unit columns; tt: the cores (r, n, r')."""
        rng = np.random.default_rng(self.seed)
        if self.structure == "tt":
            ranks = [1, *(min(self.rank, self.n ** min(k, self.order - k)) for k in range(1, self.order)), 1]
            return [rng.standard_normal((a, self.n, b)) for a, b in pairwise(ranks)]
        drawn = [rng.standard_normal((self.n, self.rank)) for _ in range(self.order)]
        return [one / np.linalg.norm(one, axis=0) for one in drawn]

    def made(self):
        rng = np.random.default_rng([self.seed, 1])
        if self.structure == "cp":
            clean = cp_full(np.ones(self.rank), self.factors)
        elif self.structure == "tt":
            clean = tt_full(self.factors)
        else:
            clean = tucker_full(rng.standard_normal((self.rank,) * self.order), self.factors)
        return noisy(clean, self.noise, rng)

    def component_error(self, factors) -> float:
        """The largest distance of a planted component to the one found for it; infinity where one is missing."""
        return component_distance(self.factors, factors)


@dataclass(frozen=True)
class SymmetricTensor(TensorProblem):
    """Σ_i λ_i a_i^{⊗4} in d dimensions, a_i on the sphere, and symmetric noise.

    The components are unique, and the power method of the subspace finds no others, for R ≤ d(d+1)/2 − d; more of them
    are refused. λ_i is drawn from [1/2, 3/2], a third of them negative where `signs`.
    """

    title: ClassVar[str] = "symmetric tensor of order 4"
    sources: ClassVar[tuple[str, ...]] = ("kileel2025",)
    rank_one_terms: ClassVar[bool] = True
    d: int = knob(10, 2, 20, symbol="d", doc="dimension")
    components: int = knob(30, 1, 190, symbol="R", doc="number of rank-one components")
    signs: bool = knob(False, doc="whether a third of the weights is negative")
    noise: float = knob(0.0, 0.0, 1.0, doc="norm of the noise over that of the tensor")
    seed: int = seed_knob("directions, weights and noise")

    def __post_init__(self):
        super().__post_init__()
        most = max(1, self.d * (self.d + 1) // 2 - self.d)
        if self.components > most:
            raise KnobError(
                f"SymmetricTensor.components = {self.components}: expected at most {most}, as more are not unique to "
                f"the subspace in d = {self.d} dimensions."
            )

    @cached_property
    def directions(self) -> np.ndarray:
        """The components a_i, (d, R), unit columns."""
        drawn = np.random.default_rng(self.seed).standard_normal((self.d, self.components))
        return drawn / np.linalg.norm(drawn, axis=0)

    @cached_property
    def weights(self) -> np.ndarray:
        """λ_i, (R,)."""
        drawn = np.random.default_rng([self.seed, 1]).uniform(0.5, 1.5, self.components)
        return np.where((np.arange(self.components) % 3 == 2) & self.signs, -drawn, drawn)

    @property
    def factors(self) -> list[np.ndarray]:
        """The components once a mode: four times the same matrix (d, R)."""
        return [self.directions] * 4

    def made(self):
        clean = cp_full(self.weights, self.factors)
        if not self.noise:
            return clean
        drawn = symmetrised(np.random.default_rng([self.seed, 2]).standard_normal(clean.shape))
        return clean + drawn * (self.noise * np.linalg.norm(clean) / np.linalg.norm(drawn))

    def component_error(self, factors) -> float:
        """The largest distance of a component to the one found for it, up to sign; infinity where one is missing."""
        return component_distance(self.factors, factors)


@dataclass(frozen=True)
class DigitStack(TensorProblem):
    """Handwritten digits of 8 × 8 pixels stacked: images × rows × columns. The first ones of scikit-learn's set."""

    title: ClassVar[str] = "digits, stacked"
    images: int = knob(200, 10, 1000, log=True, doc="number of images")

    def made(self):
        return bundled.digits()[0].reshape(-1, 8, 8)[: self.images]


CASES = (
    Potential(n=20, particles=8),
    GridFunction(order=4, n=8),
    PlantedTensor(n=12, rank=3),
    PlantedTensor(n=12, rank=3, structure="tucker", noise=0.1),
    PlantedTensor(n=6, rank=3, order=4, structure="tt"),
    SymmetricTensor(d=6, components=8),
)
