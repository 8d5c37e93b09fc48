"""Entries to complete: of a planted matrix, and of a photograph with holes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.rank.matrices.problems import PhotographMatrix
from toolkit.rank.recovery.problems import Entries, planted_spectrum, searched

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
