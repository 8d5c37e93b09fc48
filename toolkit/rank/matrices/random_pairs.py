"""Pairs of numbers to rotate, and how far a formula errs on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem

PRECISIONS = {"single": (np.float32, np.float64), "double": (np.float64, np.longdouble)}


@dataclass(frozen=True)
class RandomPairs(Problem):
    """Pairs (f, g) in working precision, batch by batch: Gaussian, each times 10^x with x uniform in ± `decades`.

    Reference values come from the next precision: of single from double, of double from the long double of the machine.
    Reference: W. S. Pereira, A. Lotfi, J. Langou, arXiv:2211.04010 (2022), section 4.
    """

    title: ClassVar[str] = "pairs to rotate"
    sources: ClassVar[tuple[str, ...]] = ("pereira2022",)
    field: str = knob("complex", choices=("complex", "real"), doc="what f and g are")
    precision: str = knob("single", choices=("single", "double"), doc="working precision")
    decades: float = knob(0.0, 0.0, 37.0, doc="how far the sizes of f and g spread, decimal orders either way")
    batch: int = knob(20_000, 100, 200_000, log=True, symbol="N", doc="pairs a step")
    seed: int = seed_knob("the pairs")

    @property
    def unit(self) -> float:
        """Unit round-off u of the working precision."""
        return float(np.finfo(PRECISIONS[self.precision][0]).eps) / 2

    def pairs(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """(f, g) of a batch, in working precision."""
        rng, real = np.random.default_rng([self.seed, step]), PRECISIONS[self.precision][0]
        size = 10.0 ** rng.uniform(-self.decades, self.decades, (2, self.batch))
        drawn = rng.standard_normal((2, self.batch)) * size
        if self.field == "complex":
            drawn = drawn + 1j * rng.standard_normal((2, self.batch)) * size
        f, g = drawn.astype(np.result_type(real, np.complex64) if self.field == "complex" else real)
        return f, g

    def rotation(self, f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """c = |f|/h and s = sgn(f) ḡ/h with h² = |f|² + |g|², in the precision of reference."""
        wide = PRECISIONS[self.precision][1]
        f, g = (x.astype(np.result_type(wide, np.complex64) if self.field == "complex" else wide) for x in (f, g))
        h = np.hypot(np.abs(f), np.abs(g))
        return np.abs(f) / h, f / np.abs(f) * np.conj(g) / h

    def errors(self, step: int, formula) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(relative errors of c, of s, |c² + |s|² − 1|) in units of u, of a formula on a batch; infinite if it failed.

        Below the smallest normal number errors are relative to that.
        """
        f, g = self.pairs(step)
        wide = PRECISIONS[self.precision][1]
        with np.errstate(all="ignore"):
            c, s = formula(f, g)
            true_c, true_s = self.rotation(f, g)
            least = wide(np.finfo(f.dtype).tiny)
            c, s = c.astype(wide), s.astype(true_s.dtype)
            of_c = np.abs(c - true_c) / np.maximum(true_c, least)
            of_s = np.abs(s - true_s) / np.maximum(np.abs(true_s), least)
            off = np.abs(c**2 + s.real**2 + s.imag**2 - 1)
        return tuple(np.where(np.isfinite(x), x, np.inf).astype(float) / self.unit for x in (of_c, of_s, off))


CASES = (
    RandomPairs(batch=5000),
    RandomPairs(batch=5000, field="real"),
    RandomPairs(batch=5000, decades=37.0),
)
