"""Matrices to approximate: a photograph, handwritten digits, prescribed spectra, Kahan, Cauchy and kernel matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.errors import KnobError
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem
from toolkit.data import bundled
from toolkit.data.images import IMAGE, luminance
from toolkit.data.reader import Found

MOST_CELLS = 20_000  # of a picture


class DenseMatrix(Problem):
    """Base: `matrix` (m, n) real, read-only; its singular value decomposition is made once, when first asked for."""

    definite: ClassVar[bool] = False
    exact_rank: ClassVar[int] = 0  # where the matrix is made to have one; 0: it is not known

    @cached_property
    def matrix(self) -> np.ndarray:
        """The entries."""
        raise NotImplementedError

    @cached_property
    def decomposition(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """U (m, r), σ (r,) and Vᵀ (r, n), r = min(m, n), by LAPACK's divide and conquer."""
        left, values, right = np.linalg.svd(self.matrix, full_matrices=False)
        return frozen(left), frozen(values), frozen(right)

    @property
    def singular(self) -> np.ndarray:
        """The singular values, largest first."""
        return self.decomposition[1]

    @cached_property
    def norm(self) -> float:
        """Frobenius norm; 1 for the zero matrix, so that relative errors are defined."""
        return float(np.linalg.norm(self.matrix)) or 1.0

    def tail(self, rank: int) -> float:
        """(Σ_{j>k} σ_j²)^½: the least Frobenius error of rank k."""
        return float(np.linalg.norm(self.singular[rank:]))

    def after(self, rank: int) -> float:
        """σ_{k+1}: the least spectral error of rank k."""
        return float(self.singular[rank]) if rank < len(self.singular) else 0.0

    def picture(self, values: np.ndarray) -> np.ndarray:
        """A matrix of the same shape as an image, thinned to what is worth drawing."""
        stride = int(np.ceil(np.sqrt(values.size / MOST_CELLS)))
        return values[::stride, ::stride]


@dataclass(frozen=True)
class SpectrumMatrix(DenseMatrix):
    """A = U diag(σ) Vᵀ with U, V random orthogonal (Haar) and a prescribed spectrum, σ_1 = 1.

    "algebraic": σ_j = j^−p; "exponential": σ_j = 10^(−p (j − 1)/10); "step": one up to `knee`, then 10^−p;
    "exact rank": one up to `knee`, then zero.
    Reference: N. Halko, P.-G. Martinsson, J. A. Tropp, SIAM Review 53 (2011) 217–288, doi:10.1137/090771806; random
    orthogonal factors: F. Mezzadri, Notices AMS 54 (2007) 592–604.
    """

    title: ClassVar[str] = "prescribed spectrum"
    sources: ClassVar[tuple[str, ...]] = ("halko2011", "mezzadri2007")
    kind: str = knob(
        "algebraic", choices=("algebraic", "exponential", "step", "exact rank"), doc="how the singular values decay"
    )
    m: int = knob(200, 2, 600, log=True, symbol="m", doc="rows")
    n: int = knob(150, 2, 600, log=True, symbol="n", doc="columns")
    decay: float = knob(1.0, 0.0, 12.0, symbol="p", doc="exponent of the decay; of a step its depth in digits")
    knee: int = knob(15, 1, 600, log=True, symbol="r", doc="where the step is; the rank of 'exact rank'")
    seed: int = seed_knob("the orthogonal factors")

    @property
    def exact_rank(self) -> int:
        return self.knee if self.kind == "exact rank" else 0

    @cached_property
    def spectrum(self) -> np.ndarray:
        """The singular values asked for."""
        j = np.arange(1.0, min(self.m, self.n) + 1)
        if self.kind == "algebraic":
            return j**-self.decay
        if self.kind == "exponential":
            return 10 ** (-self.decay * (j - 1) / 10)
        return np.where(j <= self.knee, 1.0, 10.0**-self.decay if self.kind == "step" else 0.0)

    @cached_property
    def matrix(self) -> np.ndarray:
        rng, size = np.random.default_rng(self.seed), min(self.m, self.n)
        left, right = haar(rng, self.m, size), haar(rng, self.n, size)
        return frozen(left * self.spectrum @ right.T)


def haar(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """The first columns of a random orthogonal matrix of Haar's distribution: QR with the signs of R's diagonal."""
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


@dataclass(frozen=True)
class PhotographMatrix(DenseMatrix):
    """One of scikit-learn's two sample photographs in grey, luminance from 0 to 1, every so-many-th pixel of 427 × 640.

    Reference: F. Pedregosa et al., J. Mach. Learn. Res. 12 (2011) 2825–2830, sample images.
    """

    title: ClassVar[str] = "a photograph's pixels"
    sources: ClassVar[tuple[str, ...]] = ("pedregosa2011",)
    picture_of: str = knob("flower", choices=bundled.PHOTOGRAPHS, doc="which photograph")
    every: int = knob(3, 2, 16, doc="take every so-many-th pixel")

    @cached_property
    def matrix(self) -> np.ndarray:
        pixels = bundled.photograph(self.picture_of)[:: self.every, :: self.every]
        return frozen(np.ascontiguousarray(luminance(pixels)))


@dataclass(frozen=True)
class OwnPhotograph(DenseMatrix):
    """A photograph of your own in grey, luminance from 0 to 1: PNG, JPEG, BMP, GIF, TIFF or WebP, at most 16 MB.

    Turned upright as EXIF says and shrunk by whole factors to at most 400 pixels a side. Colour becomes luminance,
    transparency stands on white, sixteen bits are scaled by their range, more by the range of what they hold; of an
    animation the first frame. source: a path, or "upload:…", what
    `accept_upload` returned; read when the problem is made.
    Reference: luminance: Recommendation ITU-R BT.601-7 (2011), section 2.5.1.
    """

    title: ClassVar[str] = "your own photograph"
    sources: ClassVar[tuple[str, ...]] = ("bt601",)
    source: str = knob("", file=IMAGE.endings, doc="a path, or an upload; empty: a disc on a slope")

    def __post_init__(self):
        DenseMatrix.__post_init__(self)
        self.matrix  # noqa: B018 - a file that cannot be used is refused here, not in mid-run

    @classmethod
    def accept_upload(cls, knob_name: str, filename: str, data: bytes) -> str:
        """The knob's value for an uploaded file, kept by its content; DataError when it cannot be used."""
        return IMAGE.accept(filename, data)

    @cached_property
    def _found(self) -> Found:
        if self.source:
            return IMAGE.look(self.source)
        y, x = np.mgrid[0:90, 0:120] / 90
        return Found(np.where((x - 0.6) ** 2 + (y - 0.5) ** 2 < 0.1, 0.9, 0.4 * x))

    def caption(self) -> str:
        """What was turned or assumed of the file."""
        return " ".join(self._found.remarks)

    @cached_property
    def matrix(self) -> np.ndarray:
        return frozen(self._found.value)


@dataclass(frozen=True)
class DigitsMatrix(DenseMatrix):
    """Handwritten digits, one a row of 64 pixels, grey from 0 to 16: scikit-learn's copy of the UCI test set.

    Reference: E. Alpaydin, C. Kaynak, UCI Machine Learning Repository (1998), doi:10.24432/C50P49.
    """

    title: ClassVar[str] = "handwritten digits"
    sources: ClassVar[tuple[str, ...]] = ("alpaydin1998",)
    digits: int = knob(400, 10, bundled.DIGITS, log=True, symbol="m", doc="how many digits, each a row")

    @cached_property
    def matrix(self) -> np.ndarray:
        return frozen(np.ascontiguousarray(bundled.digits()[0][: self.digits]))

    def picture(self, values: np.ndarray) -> np.ndarray:
        """The first 24 digits, four rows of six."""
        shown = np.zeros((24, 8, 8))
        few = min(24, len(values))
        shown[:few] = values[:few].reshape(few, 8, 8)
        return shown.reshape(4, 6, 8, 8).transpose(0, 2, 1, 3).reshape(32, 48)


@dataclass(frozen=True)
class KahanMatrix(DenseMatrix):
    """Kahan's upper triangular matrix: row i is s^i (0, …, 0, 1, −c, …, −c), c = cos θ, s = sin θ.

    Column pivoting does not move a column of it, and leaves a last pivot far above σ_n: rank-revealing it is not.
    Reference: W. Kahan, Canad. Math. Bull. 9 (1966) 757–801, doi:10.4153/CMB-1966-083-2.
    """

    title: ClassVar[str] = "Kahan's matrix"
    sources: ClassVar[tuple[str, ...]] = ("kahan1966",)
    n: int = knob(90, 2, 400, log=True, symbol="n", doc="rows and columns")
    theta: float = knob(1.2, 0.1, 1.5, symbol="θ", doc="angle")

    @cached_property
    def matrix(self) -> np.ndarray:
        upper = np.eye(self.n) - np.cos(self.theta) * np.triu(np.ones((self.n, self.n)), 1)
        return frozen(np.sin(self.theta) ** np.arange(self.n)[:, None] * upper)


@dataclass(frozen=True)
class CauchyMatrix(DenseMatrix):
    """a_ij = 1/(x_i + y_j), x and y equispaced on [gap, 1 + gap]: singular values fall exponentially.

    With logarithmic decay rate about π²/log(16 γ) a singular value, γ a cross-ratio of the two intervals.
    Reference: B. Beckermann, A. Townsend, SIAM Review 61 (2019) 319–344, doi:10.1137/19M1244433, section 4.2.
    """

    title: ClassVar[str] = "Cauchy matrix"
    sources: ClassVar[tuple[str, ...]] = ("beckermann2019",)
    m: int = knob(150, 2, 600, log=True, symbol="m", doc="rows")
    n: int = knob(120, 2, 600, log=True, symbol="n", doc="columns")
    gap: float = knob(0.01, 1e-6, 1.0, log=True, doc="distance of the points from zero")

    @cached_property
    def matrix(self) -> np.ndarray:
        x, y = (self.gap + np.linspace(0, 1, size) for size in (self.m, self.n))
        return frozen(1 / (x[:, None] + y))


@dataclass(frozen=True)
class KernelMatrix(DenseMatrix):
    """K_ij = κ(|x_i − x_j|/w) of random points in a square: symmetric positive semidefinite.

    "gaussian": exp(−d²/2); "exponential": exp(−d) (Matérn ½); "matern 3/2": (1 + √3 d) exp(−√3 d).
    Reference: C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), section 4.2.
    """

    title: ClassVar[str] = "kernel matrix"
    sources: ClassVar[tuple[str, ...]] = ("rasmussen2006",)
    definite: ClassVar[bool] = True
    kernel: str = knob("matern 3/2", choices=("gaussian", "exponential", "matern 3/2"), doc="covariance function")
    n: int = knob(200, 2, 600, log=True, symbol="n", doc="points")
    width: float = knob(0.3, 0.01, 10.0, log=True, symbol="w", doc="correlation length over the side of the square")
    seed: int = seed_knob("the points")

    @cached_property
    def matrix(self) -> np.ndarray:
        points = np.random.default_rng(self.seed).random((self.n, 2))
        points = points[np.argsort(points[:, 0])]
        d = np.sqrt(np.sum((points[:, None] - points) ** 2, axis=2)) / self.width
        if self.kernel == "gaussian":
            return frozen(np.exp(-(d**2) / 2))
        return frozen(np.exp(-d) if self.kernel == "exponential" else (1 + np.sqrt(3) * d) * np.exp(-np.sqrt(3) * d))


def checked_rank(owner: str, rank: int, problem: DenseMatrix) -> int:
    """The rank, or KnobError when the matrix has not so many rows and columns."""
    most = min(problem.matrix.shape)
    if rank > most:
        shape = " × ".join(map(str, problem.matrix.shape))
        raise KnobError(f"{owner} = {rank}: expected at most {most}, the smaller side of the {shape} matrix.")
    return rank


CASES = (
    SpectrumMatrix(m=60, n=45),
    SpectrumMatrix(kind="exact rank", m=50, n=40, knee=8),
    KernelMatrix(n=50),
    CauchyMatrix(m=50, n=40),
    KahanMatrix(n=40),
)
