"""Matrices to recover: planted ones seen through Gaussian sensing or a few entries, and a photograph with holes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem
from toolkit.rank.matrices.problems import PhotographMatrix

UNPLANTED = 12  # columns searched where no rank is planted


def searched():
    """The knob for the number of columns of the factors."""
    return knob(0, 0, 40, symbol="k", doc="columns of the factors that are searched; 0: the rank of the truth")


class Recovery(Problem):
    """Base: an unknown `truth` (m, n), seen through a linear map A with A*A near the identity on matrices of low rank.

    `data` is A(truth) with what spoiled it; `residual(X)` = A(X) − data; `adjoint(r)` = A*(r), an (m, n) matrix.
    `planted` is the rank of the truth, 0 where it has none; `largest` and `smallest` are its singular values σ_1, σ_r.
    `searched` is how many columns the factors of a method have, which need not be the rank.
    """

    planted: ClassVar[int] = 0
    noise: ClassVar[float] = 0.0
    outliers: ClassVar[float] = 0.0
    isometric: ClassVar[bool] = False  # whether every entry is seen: rates are then those of an isometry
    width: int
    condition: float

    @cached_property
    def truth(self) -> np.ndarray:
        """What is to be found, (m, n)."""
        raise NotImplementedError

    @cached_property
    def data(self) -> np.ndarray:
        """A(truth), with what spoiled it."""
        raise NotImplementedError

    def residual(self, matrix: np.ndarray) -> np.ndarray:
        """A(X) − data."""
        raise NotImplementedError

    def adjoint(self, values: np.ndarray) -> np.ndarray:
        """A*(r), (m, n)."""
        raise NotImplementedError

    @property
    def searched(self) -> int:
        """Columns of the factors."""
        return min(self.width or self.planted or UNPLANTED, min(self.truth.shape))

    @property
    def clean(self) -> bool:
        """Whether the data show a planted truth and nothing else."""
        return bool(self.planted) and not self.noise and not self.outliers

    @cached_property
    def norm(self) -> float:
        """‖truth‖_F, or 1 where that is zero."""
        return float(np.linalg.norm(self.truth)) or 1.0

    @cached_property
    def largest(self) -> float:
        """σ_1 of what A*(data) shows of the truth: what step lengths are measured in."""
        return float(np.linalg.norm(self.adjoint(self.data), 2)) if not self.planted else 1.0

    @property
    def smallest(self) -> float:
        """σ_r of a planted truth; σ_1 is 1."""
        return 1 / self.condition if self.planted > 1 else 1.0

    def distance(self, matrix: np.ndarray) -> float:
        """‖X − truth‖_F/‖truth‖_F."""
        return float(np.linalg.norm(matrix - self.truth)) / self.norm


def planted_spectrum(rank: int, condition: float) -> np.ndarray:
    """σ_1 = 1, …, σ_r = 1/κ, with equal quotients."""
    return np.geomspace(1.0, 1.0 / condition, rank) if rank > 1 else np.ones(1)


class Sensing(Recovery):
    """Base: y_i = ⟨A_i, M⟩ + noise, i ≤ m, M positive semidefinite of side n and rank r, eigenvalues from 1 to 1/κ.

    `matrix` holds A with a measurement a row, (rows, n²); None where A is the identity. `count` is m.
    """

    side: int
    rank: int
    samples: float
    seed: int

    @property
    def planted(self) -> int:
        return self.rank

    @cached_property
    def matrix(self) -> np.ndarray | None:
        """A, a measurement a row, (rows, n²); None where it is the identity."""
        raise NotImplementedError

    @cached_property
    def truth(self) -> np.ndarray:
        frame = np.linalg.qr(np.random.default_rng((self.seed, 0)).standard_normal((self.side, self.rank)))[0]
        return frozen(frame * planted_spectrum(self.rank, self.condition) @ frame.T)

    @property
    def count(self) -> int:
        """Measurements."""
        return max(1, round(self.samples * self.side * self.rank))

    def applied(self, matrix: np.ndarray) -> np.ndarray:
        """A(X), a number a row of A."""
        return matrix.ravel().copy() if self.matrix is None else self.matrix @ matrix.ravel()

    def residual(self, matrix: np.ndarray) -> np.ndarray:
        return self.applied(matrix) - self.data

    def adjoint(self, values: np.ndarray) -> np.ndarray:
        """A*(r), (n, n); not symmetric in general."""
        flat = values if self.matrix is None else values @ self.matrix
        return flat.reshape(self.side, self.side)


@dataclass(frozen=True)
class GaussianSensing(Sensing):
    """y_i = ⟨A_i, M⟩ + noise, i ≤ m: M positive semidefinite, rank r, side n; A_i Gaussian, variance 1/m.

    Eigenvalues of M from 1 to 1/κ with equal quotients. Some y_i are grossly wrong: Gaussian errors are added, `size`
    times as large as the y_i. A is near an isometry on rank 2r once m is a good multiple of n r. "all entries": A is
    the identity, what sensing tends to for many measurements.
    Reference: B. Recht, M. Fazel, P. A. Parrilo, SIAM Review 52 (2010) 471–501, doi:10.1137/070697835.
    """

    title: ClassVar[str] = "Gaussian sensing"
    sources: ClassVar[tuple[str, ...]] = ("recht2010",)
    side: int = knob(20, 6, 32, symbol="n", doc="side of the matrix")
    rank: int = knob(2, 1, 4, symbol="r", doc="rank of the truth")
    width: int = searched()
    condition: float = knob(3.0, 1.0, 1000.0, log=True, symbol="κ", doc="σ_1/σ_r of the truth")
    design: str = knob("Gaussian", choices=("Gaussian", "all entries"), doc="what is measured")
    samples: float = knob(10.0, 1.0, 40.0, log=True, symbol="c", doc="measurements over n r")
    noise: float = knob(0.0, 0.0, 1.0, doc="noise over a typical measurement")
    outliers: float = knob(0.0, 0.0, 0.5, doc="share of grossly wrong measurements")
    size: float = knob(10.0, 1.0, 1000.0, log=True, doc="a gross error over a typical measurement")
    seed: int = seed_knob("truth, measurements and errors")

    @property
    def isometric(self) -> bool:
        return self.design == "all entries"

    @cached_property
    def matrix(self) -> np.ndarray | None:
        if self.isometric:
            return None
        draw = np.random.default_rng((self.seed, 1)).standard_normal((self.count, self.side**2))
        return frozen(draw / np.sqrt(self.count))

    @cached_property
    def data(self) -> np.ndarray:
        clean = self.applied(self.truth)
        rng, typical = np.random.default_rng((self.seed, 2)), self.norm / np.sqrt(len(clean))
        noise, gross = rng.standard_normal((2, len(clean)))
        wrong = rng.permutation(len(clean)) < round(self.outliers * len(clean))
        return frozen(clean + typical * (self.noise * noise + self.size * wrong * gross))


@dataclass(frozen=True)
class PlentifulSensing(Sensing):
    """Gaussian sensing with far more measurements than entries, m ≥ n²: what needs a very good isometry is seen here.

    Least squares sees A = Q R only through its triangle R. That of a Gaussian matrix is drawn at once, whatever m:
    R_ii² is χ² with m + 1 − i degrees of freedom, R_ij is normal above the diagonal, all independent (Bartlett). So n²
    turned measurements stand for m, in law exactly; noise stays Gaussian when turned. Signs of single measurements are
    lost: not for ℓ1.
    Reference: T. W. Anderson, An Introduction to Multivariate Statistical Analysis, 3rd ed., Wiley 2003, section 7.2;
    M. S. Bartlett, Proc. R. Soc. Edinburgh 53 (1934) 260–283.
    """

    title: ClassVar[str] = "Gaussian sensing, plentiful"
    sources: ClassVar[tuple[str, ...]] = ("recht2010", "bartlett1934")
    side: int = knob(12, 6, 24, symbol="n", doc="side of the matrix")
    rank: int = knob(2, 1, 4, symbol="r", doc="rank of the truth")
    width: int = searched()
    condition: float = knob(3.0, 1.0, 1000.0, log=True, symbol="κ", doc="σ_1/σ_r of the truth")
    samples: float = knob(1e4, 100.0, 1e6, log=True, symbol="c", doc="measurements over n r")
    noise: float = knob(0.0, 0.0, 1.0, doc="noise over a typical measurement")
    seed: int = seed_knob("truth, measurements and noise")

    @cached_property
    def matrix(self) -> np.ndarray:
        entries, rng = self.side**2, np.random.default_rng((self.seed, 1))
        triangle = np.triu(rng.standard_normal((entries, entries)), 1)
        triangle[np.diag_indices(entries)] = np.sqrt(rng.chisquare(self.count - np.arange(entries)))
        return frozen(triangle / np.sqrt(self.count))

    @cached_property
    def data(self) -> np.ndarray:
        noise = np.random.default_rng((self.seed, 2)).standard_normal(self.side**2)
        return frozen(self.applied(self.truth) + self.noise * self.norm / np.sqrt(self.count) * noise)


class Entries(Recovery):
    """Base: some entries of a matrix; A keeps them, divided by √p, p the share that is seen.

    `seen` (m, n) holds 1 where an entry is known, `filled` the known entries and 0 elsewhere.
    """

    share: float

    @property
    def isometric(self) -> bool:
        return self.share == 1.0

    @cached_property
    def seen(self) -> np.ndarray:
        """Which entries are known: 1 or 0, (m, n)."""
        raise NotImplementedError

    @cached_property
    def filled(self) -> np.ndarray:
        """The known entries, 0 elsewhere, (m, n)."""
        raise NotImplementedError

    @cached_property
    def fraction(self) -> float:
        """Known entries over all."""
        return float(self.seen.mean())

    @cached_property
    def data(self) -> np.ndarray:
        return frozen(self.filled / np.sqrt(self.fraction))

    def residual(self, matrix: np.ndarray) -> np.ndarray:
        return self.seen * matrix / np.sqrt(self.fraction) - self.data

    def adjoint(self, values: np.ndarray) -> np.ndarray:
        return self.seen * values / np.sqrt(self.fraction)


PATTERNS = ("by chance", "exact number")


@dataclass(frozen=True)
class Completion(Entries):
    """A matrix of m × n entries and rank r of which each entry is seen with probability p, or p m n, with noise.

    Singular vectors are orthonormalised Gaussians: no entry stands out (incoherent). Singular values from 1 to 1/κ.
    About r (m + n) log(m + n) entries are needed.
    Reference: E. J. Candès, B. Recht, Found. Comput. Math. 9 (2009) 717–772, doi:10.1007/s10208-009-9045-5.
    """

    title: ClassVar[str] = "entries of a matrix"
    sources: ClassVar[tuple[str, ...]] = ("candes2009",)
    rows: int = knob(60, 10, 300, log=True, symbol="m", doc="rows")
    columns: int = knob(60, 10, 300, log=True, symbol="n", doc="columns")
    rank: int = knob(3, 1, 20, symbol="r", doc="rank of the truth")
    width: int = searched()
    condition: float = knob(3.0, 1.0, 1000.0, log=True, symbol="κ", doc="σ_1/σ_r of the truth")
    share: float = knob(0.5, 0.01, 1.0, symbol="p", doc="probability that an entry is seen, or share of those that are")
    pattern: str = knob(PATTERNS[0], choices=PATTERNS, doc="each entry by chance, or exactly so many of them")
    noise: float = knob(0.0, 0.0, 2.0, doc="noise over a typical entry")
    seed: int = seed_knob("truth, pattern and noise")

    @property
    def planted(self) -> int:
        return min(self.rank, self.rows, self.columns)

    @cached_property
    def truth(self) -> np.ndarray:
        rng = np.random.default_rng((self.seed, 0))
        left, right = (np.linalg.qr(rng.standard_normal((n, self.planted)))[0] for n in (self.rows, self.columns))
        return frozen(left * planted_spectrum(self.planted, self.condition) @ right.T)

    @cached_property
    def seen(self) -> np.ndarray:
        size = self.rows * self.columns
        if self.pattern == PATTERNS[1]:
            order = np.random.default_rng((self.seed, 3)).permutation(size)
            return frozen((order < max(1, round(self.share * size))).reshape(self.rows, self.columns).astype(float))
        seen = np.random.default_rng((self.seed, 1)).random((self.rows, self.columns)) < self.share
        seen[0, 0] |= not seen.any()  # an empty pattern would have nothing to say
        return frozen(seen.astype(float))

    @cached_property
    def filled(self) -> np.ndarray:
        typical = self.norm / np.sqrt(self.rows * self.columns)
        noise = np.random.default_rng((self.seed, 2)).standard_normal((self.rows, self.columns))
        return frozen(self.seen * (self.truth + self.noise * typical * noise))


@dataclass(frozen=True)
class PhotographHoles(Entries):
    """A photograph of which each pixel is seen with probability p, or with scratches across it.

    Luminances less their mean over the known pixels. A photograph has no rank: what is recovered is what few singular
    vectors can say.
    Reference: F. Pedregosa et al., J. Mach. Learn. Res. 12 (2011) 2825–2830, sample images.
    """

    title: ClassVar[str] = "a photograph with holes"
    sources: ClassVar[tuple[str, ...]] = ("pedregosa2011",)
    picture_of: str = knob("china", choices=("china", "flower"), doc="which photograph")
    every: int = knob(4, 3, 16, doc="take every so-many-th pixel")
    width: int = knob(0, 0, 40, symbol="k", doc="columns of the factors that are searched; 0: 12")
    share: float = knob(0.5, 0.1, 1.0, symbol="p", doc="probability that a pixel is seen")
    scratches: int = knob(0, 0, 30, doc="lines without any pixel, drawn across at random")
    seed: int = seed_knob("the holes")

    @cached_property
    def truth(self) -> np.ndarray:
        pixels = PhotographMatrix(picture_of=self.picture_of, every=self.every).matrix
        return frozen(pixels - pixels[self.seen > 0].mean())

    @cached_property
    def seen(self) -> np.ndarray:
        pixels = PhotographMatrix(picture_of=self.picture_of, every=self.every).matrix
        rng = np.random.default_rng((self.seed, 1))
        seen = rng.random(pixels.shape) < self.share
        y, x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]]
        for a, b, angle in rng.random((self.scratches, 3)):
            away = (y - a * len(y)) * np.cos(np.pi * angle) - (x - b * x.shape[1]) * np.sin(np.pi * angle)
            seen &= np.abs(away) > 1.0
        return frozen(seen.astype(float))

    @cached_property
    def filled(self) -> np.ndarray:
        return frozen(self.seen * self.truth)


CASES = (
    GaussianSensing(side=16),
    GaussianSensing(side=16, width=5, samples=20.0),
    GaussianSensing(side=12, samples=40.0, outliers=0.2),
    GaussianSensing(side=12, samples=40.0, outliers=0.2, width=12),
    GaussianSensing(side=12, design="all entries"),
    GaussianSensing(side=12, design="all entries", width=4),
    PlentifulSensing(side=10, width=4),
    Completion(),
    Completion(rows=150, columns=150),
    Completion(rows=200, columns=60, condition=1.0, noise=0.5),
    PhotographHoles(every=16),
)
