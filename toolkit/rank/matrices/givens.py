"""Givens rotations in working precision: LAPACK's formulas, and one with fewer operations an entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Bound, Exact
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.prediction import Pick, lowest
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.stop import Stop
from toolkit.rank.matrices.random_pairs import RandomPairs

STEPS = Stop(rtol=0.0, steps=40)
ENOUGH = 2000  # pairs whose mean errors tell two formulas apart


def squares(x: np.ndarray) -> np.ndarray:
    """|x|² by two products and a sum."""
    return x.real * x.real + x.imag * x.imag if np.iscomplexobj(x) else x * x


def divided(x: np.ndarray, d: np.ndarray) -> np.ndarray:
    """x/d part by part for real d, one rounding each; NumPy's own multiplies by 1/d, which is two."""
    found = np.empty_like(x)
    found.real, found.imag = x.real / d, x.imag / d
    return found


def scaled(f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(f, g, w): both divided by a power of two u where squares would leave the range, f by a further w where it is
    negligible, so that |f|² is normal; what belongs to f alone is multiplied by w afterwards.

    Reference: E. Anderson, ACM TOMS 44 (2017), algorithm 978; powers of two, so that scaling rounds nothing.
    """
    info, real = np.finfo(f.dtype), f.real.dtype.type
    low, high = real(np.sqrt(info.tiny)), real(np.sqrt(info.max) / 4)
    of_f, of_g = (np.maximum(np.abs(x.real), np.abs(x.imag)) for x in (f, g))
    within = (of_f > low) & (of_f < high) & (of_g > low) & (of_g < high)
    power = np.where(within, 0, np.frexp(np.maximum(of_f, of_g))[1])
    further = np.where(within | (np.ldexp(of_f, -power) >= low), power, np.frexp(of_f)[1])
    w = np.ldexp(np.ones_like(of_f), further - power)
    return shifted(f, -further), shifted(g, -power), w


def shifted(x: np.ndarray, power: np.ndarray) -> np.ndarray:
    """x times 2^power, exact; in two halves, as 2^power alone may leave the range."""
    half = power // 2
    for part in (half, power - half):
        scale = np.ldexp(np.ones(x.shape, dtype=x.real.dtype), part)
        x = x * scale
    return x


def fewer_operations(f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """c = (f₂/h₂)^½ and s = ḡ (f/(f₂ h₂)^½); real: c = |f|/d, s = g/(sgn(f) d). Each entry by itself, no reciprocal."""
    f, g, w = scaled(f, g)
    f2, g2 = squares(f), squares(g)
    h2 = f2 * (w * w) + g2
    if not np.iscomplexobj(f):
        d = np.sqrt(h2)
        return np.abs(f) / d * w, g / np.copysign(d, f)
    info = np.finfo(f.dtype)
    low, high, safe = (f2.dtype.type(x) for x in (np.sqrt(info.tiny), np.sqrt(info.max) / 2, info.tiny))
    c = np.sqrt(f2 / h2)
    plain = (f2 > low) & (h2 < high)
    near = np.conj(g) * np.where(plain, divided(f, np.sqrt(f2 * h2)), divided(divided(f, c), h2))
    d = np.sqrt(f2 * h2)
    usual = f2 >= h2 * safe
    return np.where(usual, c, f2 / d) * w, np.where(usual, near, np.conj(g) * divided(f, d))


def reciprocal(f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p = 1/(f₂ h₂)^½, c = f₂ p, s = ḡ (f p); real: p = 1/d, c = |f| p, s = g sgn(f) p."""
    f, g, w = scaled(f, g)
    f2, g2 = squares(f), squares(g)
    h2 = f2 * (w * w) + g2
    one = f2.dtype.type(1)
    if not np.iscomplexobj(f):
        p = one / np.sqrt(h2)
        return np.abs(f) * p * w, g * np.copysign(p, f)
    info = np.finfo(f.dtype)
    plain = (f2 > f2.dtype.type(np.sqrt(info.tiny))) & (h2 < f2.dtype.type(np.sqrt(info.max) / 2))
    p = one / np.where(plain, np.sqrt(f2 * h2), np.sqrt(f2) * np.sqrt(h2))
    return f2 * p * w, np.conj(g) * (f * p)


def quotient(f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """q = (1 + g₂/f₂)^½, c = 1/q, s = ḡ (f q/(f₂ + g₂)); real: c = f/d, s = g/d, then the sign of f."""
    f, g, w = scaled(f, g)
    f2, g2 = squares(f), squares(g)
    if not np.iscomplexobj(f):
        r = np.sqrt(f2 * (w * w) + g2)
        sign = np.copysign(f2.dtype.type(1), f)
        return sign * (f / r) * w, sign * (g / r)
    one, info = f2.dtype.type(1), np.finfo(f.dtype)
    f2 = f2 * (w * w)
    rare = f2 <= np.maximum(g2, one) * info.tiny
    q = np.sqrt(one + g2 / f2)
    size = np.sqrt(squares(f))  # of f alone, where it is negligible beside g
    far = size / np.sqrt(g2) * w, divided(f, size) * divided(np.conj(g), np.sqrt(g2))
    s = divided((f * w) * q, f2 + g2) * np.conj(g)
    return np.where(rare, far[0], one / q), np.where(rare, far[1], s)


@dataclass(slots=True, kw_only=True)
class RotationState(State):
    """Sums of the errors of c and s, counts, the largest departure from unitarity; in units of round-off."""

    sums: np.ndarray
    count: int = 0
    error_c: float = 0.0
    error_s: float = 0.0
    unitarity: float = 0.0
    failed: float = 0.0
    pairs: float = 0.0

    def solution(self) -> np.ndarray:
        return self.sums


class GivensFormula(Method):
    """What the formulas share: a step is a batch of pairs; mean errors so far."""

    problems: ClassVar[tuple[type, ...]] = (RandomPairs,)
    monitors: ClassVar[tuple[str, ...]] = ("error_c", "error_s", "unitarity", "failed", "pairs")
    chaotic: ClassVar[str] = "it measures rounding itself"
    linear: ClassVar[tuple[str, ...]] = ("failed",)
    scales: ClassVar[tuple[str, ...]] = ("pairs",)
    formula: ClassVar[object] = None

    def init(self, problem: RandomPairs) -> RotationState:
        return self._gathered(problem, RotationState(sums=np.zeros(2)))

    def step(self, problem: RandomPairs, state: RotationState) -> RotationState:
        state.k += 1
        return self._gathered(problem, state)

    def _gathered(self, problem: RandomPairs, state: RotationState) -> RotationState:
        of_c, of_s, off = problem.errors(state.k, type(self).formula)
        good = np.isfinite(of_c) & np.isfinite(of_s) & np.isfinite(off)
        state.sums = state.sums + np.array([of_c[good].sum(), of_s[good].sum()])
        state.count += int(good.sum())
        state.failed += float(np.sum(~good))
        state.error_c, state.error_s = (state.sums / max(1, state.count)).tolist()
        state.unitarity = max(state.unitarity, float(np.max(off[good], initial=0.0)))
        state.pairs += float(problem.batch)
        state.work.nfe += problem.batch
        return state

    def claims(self, problem: RandomPairs) -> tuple:
        about = dict(source="pereira2022", stop=STEPS)
        return (
            Bound(
                measure="unitarity",
                curve=lambda k, values: np.full(len(k), 16.0),
                title="c² + |s|² is one to sixteen units of round-off",
                assumes="each entry of a relative error of eight units at most",
                **about,
            ),
            Exact(measure="failed", tol=0.0, always=True, title="no overflow, no NaN at any scale", **about),
        )


@dataclass(frozen=True)
class FewerOperations(GivensFormula):
    """f₂ = |f|², h₂ = f₂ + |g|²: c = (f₂/h₂)^½, s = ḡ (f/(f₂ h₂)^½). Fewer operations an entry, more in all.

    Real: c = |f|/d, r = sgn(f) d, s = g/r. As LAPACK computes since 3.12, scaled as there.
    Reference: W. S. Pereira, A. Lotfi, J. Langou, arXiv:2211.04010 (2022), the new algorithm.
    """

    title: ClassVar[str] = "fewer operations an entry"
    sources: ClassVar[tuple[str, ...]] = ("pereira2022",)
    formula: ClassVar[object] = staticmethod(fewer_operations)

    def measures(self, problem) -> tuple[Measure, ...]:
        def against(which):
            def share(problem, state):
                mine, theirs = (problem.errors(state.k, one)[which] for one in (type(self).formula, reciprocal))
                good = np.isfinite(mine) & np.isfinite(theirs)
                return float(mine[good].mean() / theirs[good].mean())

            return share

        symbol = "mean error over that of LAPACK 3.10"
        return (
            Measure(
                "share_c", "error of c against LAPACK 3.10", against(0), symbol, log=False, doc="on the last batch"
            ),
            Measure(
                "share_s", "error of s against LAPACK 3.10", against(1), symbol, log=False, doc="on the last batch"
            ),
        )

    def claims(self, problem: RandomPairs) -> tuple:
        if problem.batch < ENOUGH:
            return GivensFormula.claims(self, problem)
        about = dict(source="pereira2022", stop=STEPS, assumes="measured, on batches of 2000 pairs; not a theorem")
        fewer = [
            Bound(
                measure=f"share_{name}",
                curve=lambda k, values: np.full(len(k), 0.99),  # the same formula again is not lower
                slack=0.0,
                title=f"a lower mean error of {name} than by LAPACK 3.10's formula",
                **about,
            )
            for name in "cs"
        ]
        return (*GivensFormula.claims(self, problem), *fewer)


@dataclass(frozen=True)
class ByReciprocal(GivensFormula):
    """p = 1/(f₂ h₂)^½, then products only: c = f₂ p, s = ḡ (f p). LAPACK 3.10.0: one division, more roundings an entry.

    Reference: E. Anderson, ACM TOMS 44 (2017) 1–28, doi:10.1145/3061665; LAPACK 3.10.0, CLARTG and SLARTG.
    """

    title: ClassVar[str] = "LAPACK 3.10"
    name: ClassVar[str] = "givens_reciprocal"
    sources: ClassVar[tuple[str, ...]] = ("anderson2017",)
    formula: ClassVar[object] = staticmethod(reciprocal)


@dataclass(frozen=True)
class ByQuotient(GivensFormula):
    """q = (1 + g₂/f₂)^½: c = 1/q, r = f q, s = ḡ r/(f₂ + g₂). LAPACK 3.2 to 3.9, after Bindel et al.

    Reference: D. Bindel, J. Demmel, W. Kahan, O. Marques, ACM TOMS 28 (2002) 206–238, doi:10.1145/567806.567809.
    """

    title: ClassVar[str] = "LAPACK 3.9"
    name: ClassVar[str] = "givens_quotient"
    sources: ClassVar[tuple[str, ...]] = ("bindel2002",)
    formula: ClassVar[object] = staticmethod(quotient)


FORMULAS = {"new": fewer_operations, "LAPACK 3.10": reciprocal, "LAPACK 3.9": quotient}


def distribution(problem, state):
    """How many pairs of the last batch have more than a given error of s, by formula."""
    shown, levels = problem.turned(batch=min(problem.batch, 5000)), np.linspace(0, 5, 51)
    found = {"x": levels}
    for name, formula in FORMULAS.items():
        errors = np.sort(shown.errors(state.k, formula)[1])
        found[name] = 1 - np.searchsorted(errors, levels, side="right") / len(errors)
    return found


PICTURES = (
    Picture(
        "rotation-errors",
        "share of pairs with a larger error of s",
        "lines",
        distribution,
        "units of u",
        of=RotationState,
    ),
)

EXPERIMENTS = (
    Experiment(
        "fewer-operations",
        "One rounding less",
        "Three formulas for a rotation, algebraically the same: does one operation less in each entry show on average?",
        RandomPairs(),
        (FewerOperations(), ByReciprocal(), ByQuotient()),
        STEPS,
        measure="error_s",
        against="pairs",
        picture="rotation-errors",
        predict=Pick(r"Which formula for $s$ has the smallest error on average?", truth=lowest("error_s")),
        why=r"Every operation rounds, by one unit of round-off $u$ at most, and on average these errors partly cancel"
        r" as in a random walk: the fewer roundings on the way to an entry, the smaller its mean error. LAPACK 3.10"
        r" forms a reciprocal first and multiplies by it, one rounding more in each entry than the newer formula,"
        r" which divides and needs more operations in all. That the mean is lower has been measured over many pairs,"
        r" it is no theorem; theory says of a single pair only that the error stays within a few units.",
        formula=r"c = \sqrt{\frac{|f|^2}{|f|^2 + |g|^2}}, \qquad s = \frac{\bar g\, f}{\sqrt{|f|^2\, (|f|^2 + |g|^2)}}",
        level=2,
        minutes=5,
        then="random-pivots",
    ),
)
