"""Scattering in frequency, reduced: a slab on a line, a disk or a square in the plane, with certified bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import eigs

from toolkit.core.arrays import frozen
from toolkit.core.claims import Bound, at_most_one, monotone
from toolkit.core.errors import KnobError
from toolkit.core.knob import knob, seed_knob
from toolkit.core.stop import Stop
from toolkit.rank.interpolation.crosses import Crosses
from toolkit.rank.reduced.helmholtz import Helmholtz
from toolkit.rank.reduced.infsup import InfSup, bracketed, least_singular
from toolkit.rank.reduced.least_residual import LeastResidual

POLES = 12
SHAPES = ("disk", "square")
FINER = 8  # places looked at along the side of a cell


class Scattering(Helmholtz):
    """Base: the parameter is the wavenumber k in [low, high]; A(k) is affine in (1, k, k²), the load is not.

    e^(ik d·x) on the border is interpolated empirically, to rounding. The inf-sup constant β(k) is computed at
    frequencies chosen so that |A(k) − A(k')|_X ≤ |B|_X |k − k'| + |M|_X |k² − k'²| bounds it from below in between.
    u(k) is analytic but for the resonances, the k with a singular A(k). Bounds are those of exact arithmetic: errors
    below `rounding` are the full solves' own.
    """

    tail_source = "trefethen2013"
    terms: ClassVar[int] = 3

    def __post_init__(self):
        super().__post_init__()
        if not self.low < self.high:
            name = type(self).__name__
            raise KnobError(f"{name}.high = {self.high:g}: expected more than {name}.low = {self.low:g}.")

    def weights(self, parameters: np.ndarray) -> np.ndarray:
        """(1, −ik, −k²) at parameters (M, 1)."""
        k = parameters[:, 0]
        return np.stack((np.ones(len(k)), -1j * k, -k * k), axis=1)

    # -- the load, interpolated ---------------------------------------------------------------------------------

    @cached_property
    def _waves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Functions on the border (P, unknowns), their points, and the matrix from values there to coefficients.

        Real and imaginary parts of e^(ik d·x) are interpolated by the same real functions, up to a remainder of ε.
        """
        seen = np.flatnonzero(abs(self.incoming).sum(axis=0))
        ks = np.linspace(self.low, self.high, 120)
        waves = np.exp(1j * np.outer(ks, (self.places @ np.array(self.angles))[seen]))
        crosses = Crosses.of(np.vstack((waves.real, waves.imag)))
        while len(crosses.rows) < len(seen) and crosses.largest > 1e-14:
            crosses = crosses.extended()
        functions = np.zeros((len(crosses.rows), self.unknowns))
        functions[:, seen] = np.stack(crosses.shapes)
        return functions, seen[crosses.columns], np.linalg.inv(crosses.corner)

    @cached_property
    def whitened_loads(self) -> np.ndarray:
        """S q_p for the functions q_p of the interpolation, whitened, (P, unknowns)."""
        return frozen(self.whitened((self.incoming @ self._waves[0].T).T.astype(complex)))

    def load_weights(self, parameters: np.ndarray) -> np.ndarray:
        """Weights of the load's terms at parameters (M, 1): (M, P)."""
        _, points, inverse = self._waves
        at_points = np.exp(1j * np.outer(parameters[:, 0], self.places[points] @ np.array(self.angles)))
        return 1j * parameters * (at_points @ inverse.T)

    def load_norms(self, parameters: np.ndarray) -> np.ndarray:
        return np.linalg.norm(self.load_weights(parameters) @ self.whitened_loads, axis=1)

    # -- stability ----------------------------------------------------------------------------------------------

    @cached_property
    def border_norm(self) -> float:
        """|B|_X, the largest eigenvalue of B against X; that of M is 1/κ², for constants."""
        vertices = np.unique(self.border.nonzero()[0])
        root = np.linalg.cholesky(self.border[vertices][:, vertices].toarray())
        wide = np.zeros((len(vertices), self.unknowns))
        wide[:, vertices] = root.T
        return float(np.linalg.norm(self.whitened(wide), 2) ** 2)

    def apart(self, a, b):
        """A bound of |A(a) − A(b)|_X."""
        return self.border_norm * np.abs(b - a) + np.abs(b * b - a * a) / self.middle**2

    @cached_property
    def infsup(self) -> InfSup:
        """The inf-sup constant at chosen frequencies."""
        return bracketed(self.constant, self.apart, self.low, self.high)

    def constant(self, k: float) -> float:
        """The inf-sup constant β(k)."""
        return least_singular(self.factored(k), self.norm, self.unknowns)

    def stability(self, parameters: np.ndarray) -> np.ndarray:
        """A lower bound of the inf-sup constant at parameters (M, 1): (M,)."""
        return self.infsup.lower(parameters[:, 0])

    @cached_property
    def rounding(self) -> float:
        """What rounding leaves of the residual goes into the error over the inf-sup constant."""
        return super().rounding / min(1.0, float(self.stability(self.test_set).min()))

    @cached_property
    def limit(self) -> float:
        """The largest γ(k) over the bound of β(k) at the test parameters: no effectivity can be larger."""
        k = self.test_set[:, 0]
        continuity = np.maximum(1, (k / self.middle) ** 2) + k * self.border_norm
        return float(np.max(continuity / self.stability(self.test_set)))

    @cached_property
    def resonances(self) -> np.ndarray:
        """The complex k nearest to the middle of the range with A(k) singular, POLES of them at most."""
        size, one = self.unknowns, sp.eye_array(self.unknowns)
        left = sp.block_array([[None, one], [self.stiffness, -1j * self.border]], format="csc")
        right = sp.block_array([[one, None], [None, self.mass]], format="csc")
        start = np.random.default_rng(0).standard_normal(2 * size)
        count = min(POLES, 2 * size - 2)
        return eigs(left, count, M=right, sigma=complex(self.middle), v0=start, return_eigenvectors=False)

    @cached_property
    def tail_rate(self) -> float | None:
        """1/ρ, ρ the parameter of the largest ellipse of Bernstein about [low, high] without a resonance inside.

        None where the resonances that are known do not reach beyond the range.
        """
        z = 2 * (self.resonances - self.middle) / (self.high - self.low)
        known = np.abs(z).max()  # beyond it there may be others
        if known <= 1:
            return None
        rho = np.abs(z + np.sqrt(z - 1) * np.sqrt(z + 1))
        return float(1 / min(rho.min(), known + np.sqrt(known**2 - 1)))

    @cached_property
    def output(self) -> np.ndarray:
        """The functional ℓ: the mean over the vertices of the right side; on the line u(1)."""
        found = np.zeros(self.unknowns)
        found[self.sides[1][2]] = 1 / len(self.sides[1][2])
        return frozen(found)

    # -- reduction ----------------------------------------------------------------------------------------------

    def empty_model(self) -> LeastResidual:
        """No basis function yet."""
        return LeastResidual.empty(self)

    def drawn(self, count: int, seed: int) -> np.ndarray:
        """Wavenumbers drawn uniformly, (count, 1)."""
        return frozen(self.low + (self.high - self.low) * np.random.default_rng(seed).random((count, 1)))

    def certified(self, stop: Stop) -> tuple:
        """The bound is one, too large by γ/β at most, and never grows."""
        about = dict(source="maday2002", assumes="affine; a lower bound of the inf-sup constant", stop=stop)
        return (
            at_most_one("overrun", slack=1e-6, title="certified: no error exceeds its bound", **about),
            Bound(
                measure="effectivity_most",
                curve=lambda k, values: np.full(len(k), self.limit),
                slack=1e-3,
                title="effectivity at most γ(k)/β(k)",
                **about,
            ),
            monotone(
                "bound", floor=1e-11, title="the bound never grows: the least residual over larger spaces", **about
            ),
        )


@dataclass(frozen=True)
class SlabScattering(Scattering):
    """−u″ − k² n(x)² u = 0 on (0, 1), a wave from the left, absorbing ends: a slab of index n in the middle.

    u = e^(ikx) + r e^(−ikx) before the slab, t e^(ikx) behind it; exact, as the ends reflect nothing. For a slab of
    width w, |t|² = 1/(1 + ((n² − 1)/(2n))² sin²(nkw)), and the resonances are
    k_m = (πm − i log((n + 1)/(n − 1)))/(nw): the larger the index, the sharper. The elements keep |r|² + |t|² = 1.
    Reference: M. Born, E. Wolf, Principles of Optics, 7th ed. (1999), section 1.6.4.
    """

    title: ClassVar[str] = "scattering by a slab"
    sources: ClassVar[tuple[str, ...]] = ("born1999", "ihlenburg1998", "huynh2007")
    angles: ClassVar[tuple[float, ...]] = (1.0,)
    n: int = knob(200, 20, 800, log=True, symbol="n", doc="cells")
    index: float = knob(2.5, 1.0, 8.0, symbol="n₁", doc="index of the slab; 1 outside it")
    width: float = knob(0.4, 0.05, 0.9, symbol="w", doc="width of the slab")
    low: float = knob(2.0, 0.5, 30.0, log=True, symbol="k₀", doc="least wavenumber")
    high: float = knob(12.0, 1.0, 40.0, log=True, symbol="k₁", doc="largest wavenumber")
    training: int = knob(200, 10, 2000, log=True, doc="wavenumbers the greedy search looks at")
    tests: int = knob(60, 5, 500, log=True, doc="wavenumbers the true error is measured at")
    seed: int = seed_knob("the training and test wavenumbers")

    @cached_property
    def indices(self) -> np.ndarray:
        middles = (np.arange(self.n) + 0.5) / self.n
        return frozen(np.where(np.abs(middles - 0.5) < self.width / 2, self.index, 1.0))

    @property
    def width_of_cells(self) -> float:
        """The slab's width in whole cells."""
        return int(np.sum(np.abs((np.arange(self.n) + 0.5) / self.n - 0.5) < self.width / 2)) / self.n

    def transmitted(self, k: np.ndarray) -> np.ndarray:
        """|t| in closed form."""
        contrast = (self.index**2 - 1) / (2 * self.index)
        return 1 / np.sqrt(1 + (contrast * np.sin(self.index * k * self.width_of_cells)) ** 2)


@dataclass(frozen=True)
class ObstacleScattering(Scattering):
    """−Δu − k² n(x)² u = 0 on the unit square, a plane wave comes in: a disk or square of index n in the middle.

    The first-order absorbing border lets waves out that meet it at a right angle and reflects a few per cent of others.
    In a cell that is only partly in the obstacle n² is its mean. Full solves by sparse LU.
    Reference: F. Ihlenburg, Finite Element Analysis of Acoustic Scattering, Springer (1998), doi:10.1007/b98828.
    """

    title: ClassVar[str] = "scattering by an obstacle"
    sources: ClassVar[tuple[str, ...]] = ("ihlenburg1998", "huynh2007")
    n: int = knob(28, 6, 36, symbol="n", doc="cells along a side")
    obstacle: str = knob(SHAPES[0], choices=SHAPES, doc="what the wave meets")
    index: float = knob(2.0, 1.0, 3.0, symbol="n₁", doc="index of the obstacle; 1 outside it")
    radius: float = knob(0.2, 0.05, 0.45, symbol="a", doc="radius of the disk, half the side of the square")
    angle: float = knob(20.0, 0.0, 90.0, unit="°", doc="direction of the incident wave against the x axis")
    low: float = knob(3.0, 0.5, 12.0, log=True, symbol="k₀", doc="least wavenumber")
    high: float = knob(9.0, 1.0, 12.0, log=True, symbol="k₁", doc="largest wavenumber")
    training: int = knob(80, 10, 2000, log=True, doc="wavenumbers the greedy search looks at")
    tests: int = knob(40, 5, 500, log=True, doc="wavenumbers the true error is measured at")
    seed: int = seed_knob("the training and test wavenumbers")

    @property
    def angles(self) -> tuple[float, ...]:
        return float(np.cos(np.radians(self.angle))), float(np.sin(np.radians(self.angle)))

    @cached_property
    def indices(self) -> np.ndarray:
        fine = self.n * FINER
        x = np.abs((np.arange(fine) + 0.5) / fine - 0.5)
        far = np.hypot(x[:, None], x) if self.obstacle == SHAPES[0] else np.maximum(x[:, None], x)
        squares = np.where(far < self.radius, self.index**2, 1.0).reshape(self.n, FINER, self.n, FINER)
        return frozen(np.sqrt(squares.mean(axis=(1, 3))))
