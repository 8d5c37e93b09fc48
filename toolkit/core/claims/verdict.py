"""What is made of a claim: a verdict, the figures of a table, a band to draw."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Band:
    """A statistic over seeds at the steps `k`: `lower` ≤ it ≤ `upper`, and what was `promised` (NaN: no curve)."""

    k: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    promised: np.ndarray


@dataclass(frozen=True)
class Verdict:
    """Whether a claim held (None: not decided yet), what was measured, what was promised, where, and why in words.

    A claim tells it in one sentence (`Claim.told`). `at` is the step at which it came nearest to its limit or beyond,
    `end` what was measured and promised last, where the promise is a curve.

    `points` are the (abscissa, value) pairs of the evidence where a slope was fitted, `band` is what a crowd of runs
    looked like.
    """

    holds: bool | None
    measured: float = float("nan")
    promised: float = float("nan")
    window: tuple[float, float] = (float("nan"), float("nan"))
    why: str = ""
    points: tuple[tuple[float, float], ...] = ()
    band: Band | None = field(default=None, compare=False)
    at: float = field(default=float("nan"), compare=False)
    end: tuple[float, float] = field(default=(float("nan"), float("nan")), compare=False)

    def __repr__(self) -> str:
        return f"<Verdict: {self}>"

    def __str__(self) -> str:
        word = {True: "holds", False: "does not hold", None: "open"}[self.holds]
        known = [
            f"{name} {value:.4g}"
            for name, value in (("measured", self.measured), ("promised", self.promised))
            if np.isfinite(value)
        ]
        figures = f" ({', '.join(known)})" if known else ""
        return f"{word}{figures}" + (f": {self.why}" if self.why else "")


def undecided(why: str) -> Verdict:
    """An open verdict: `why` says what is missing."""
    return Verdict(None, why=why)


@dataclass(frozen=True)
class Observed:
    """What a table shows of a claim: observed and promised factors a step, or (`order`) orders of convergence."""

    observed: float
    promised: float
    order: bool = False


@dataclass(frozen=True)
class Figures:
    """The numbers that decide a claim and the ranges they must lie in: three arrays that broadcast to (…, m)."""

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
