"""Matrices to recover: what they share, those seen through Gaussian sensing, and what those of few entries share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem

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
