"""Fields to compress: a turbulent-looking one, a photograph, a user's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.errors import KnobError
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem
from toolkit.data import bundled
from toolkit.data.images import luminance
from toolkit.data.tables import GRID_VALUES, MOST_VALUES


class Field(Problem):
    """Values on a uniform tensor grid of one to three axes, float32 or float64, finite."""

    @cached_property
    def data(self) -> np.ndarray:
        """The values, read-only."""
        raise NotImplementedError

    @cached_property
    def scale(self) -> float:
        """What tolerances and errors are relative to: the range of the values; of a constant field its size, or 1."""
        with np.errstate(over="ignore"):
            spread = float(np.max(self.data) - np.min(self.data))
        return spread if 0 < spread < np.inf else float(np.max(np.abs(self.data))) or 1.0

    def slice(self, values: np.ndarray) -> np.ndarray | None:
        """Values as a picture: 2D as they are, of 3D the middle slice; None in 1D."""
        if values.ndim == 1:
            return None
        return values if values.ndim == 2 else values[len(values) // 2]


def _frozen(data: np.ndarray, single: bool) -> np.ndarray:
    data = np.ascontiguousarray(data, dtype=np.float32 if single else np.float64)
    data.flags.writeable = False
    return data


@dataclass(frozen=True)
class TurbulentField(Field):
    """A Gaussian random field with energy spectrum E(k) ∝ k^−decay, k ≥ 1, on n^dim nodes of a periodic box.

    The modes of wave vector κ have variance |κ|^−(decay + dim − 1), random phases; the field is scaled to unit
    variance. Decay 5/3 is Kolmogorov's inertial range; larger is smoother.
    Reference: A. N. Kolmogorov, Proc. R. Soc. Lond. A 434 (1991) 9–13, doi:10.1098/rspa.1991.0075.
    """

    title: ClassVar[str] = "turbulent field"
    sources: ClassVar[tuple[str, ...]] = ("kolmogorov1941",)
    dim: int = knob(2, 1, 3, doc="axes")
    n: int = knob(200, 2, 100_000, log=True, doc="nodes along an axis; n^dim is at most 1 048 576")
    decay: float = knob(5 / 3, 0.0, 8.0, symbol="p", doc="exponent of the energy spectrum; larger is smoother")
    single: bool = knob(False, doc="single precision")
    seed: int = seed_knob("the phases")

    def __post_init__(self):
        Field.__post_init__(self)
        if self.n**self.dim > MOST_VALUES:
            most = int(MOST_VALUES ** (1 / self.dim) + 1e-9)
            raise KnobError(
                f"TurbulentField.n = {self.n}: expected at most {most} nodes along each of {self.dim} axes."
            )

    @cached_property
    def data(self) -> np.ndarray:
        shape = (self.n,) * self.dim
        noise = np.fft.rfftn(np.random.default_rng(self.seed).standard_normal(shape))
        waves = [np.fft.fftfreq(self.n, 1 / self.n)] * (self.dim - 1) + [np.fft.rfftfreq(self.n, 1 / self.n)]
        square = sum(k**2 for k in np.meshgrid(*waves, indexing="ij", sparse=True))
        with np.errstate(divide="ignore"):
            noise *= np.where(square > 0, square, np.inf) ** (-(self.decay + self.dim - 1) / 4)
        field = np.fft.irfftn(noise, shape)
        return _frozen(field / (np.std(field) or 1.0), self.single)


@dataclass(frozen=True)
class Photograph(Field):
    """One of scikit-learn's two sample photographs in grey: luminance 0.299 R + 0.587 G + 0.114 B from 0 to 1.

    Every `every`-th pixel of 427 × 640.
    Reference: F. Pedregosa et al., J. Mach. Learn. Res. 12 (2011) 2825–2830, sample images.
    """

    title: ClassVar[str] = "photograph"
    sources: ClassVar[tuple[str, ...]] = ("pedregosa2011",)
    picture: str = knob("china", choices=bundled.PHOTOGRAPHS, doc="which photograph")
    every: int = knob(2, 1, 16, doc="take every so-many-th pixel")
    single: bool = knob(False, doc="single precision")

    @cached_property
    def data(self) -> np.ndarray:
        pixels = bundled.photograph(self.picture)[:: self.every, :: self.every]
        return _frozen(luminance(pixels), self.single)


@dataclass(frozen=True)
class FieldFile(Field):
    """A field of your own from NumPy's .npy: float or whole numbers, one to three axes, at most 1 048 576 values.

    source: a path, or "upload:…", what `accept_upload` returned. Read when the problem is made; nothing in the file is
    ever executed (no pickles). At most 16 MB. Single precision is kept, all else becomes double.
    Reference: NumPy Enhancement Proposal 1 (2007), the .npy format.
    """

    title: ClassVar[str] = "field file (.npy)"
    sources: ClassVar[tuple[str, ...]] = ("harris2020",)
    source: str = knob("", file=GRID_VALUES.endings, doc="a path, or an upload; empty: a sine wave of 257 nodes")

    def __post_init__(self):
        Field.__post_init__(self)
        self.data  # noqa: B018 - a file that cannot be used is refused here, not in mid-run

    @classmethod
    def accept_upload(cls, knob_name: str, filename: str, data: bytes) -> str:
        """The knob's value for an uploaded file, kept by its content; DataError when it cannot be used."""
        return GRID_VALUES.accept(filename, data)

    @cached_property
    def data(self) -> np.ndarray:
        if not self.source:
            return _frozen(np.sin(np.linspace(0, 2 * np.pi, 257)), False)
        return GRID_VALUES.read(self.source)
