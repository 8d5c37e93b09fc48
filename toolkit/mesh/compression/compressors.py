"""Error-controlled compression of fields: a ladder of tolerances on which MGARD, rounding and ZFP race."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import FEWER, Beats, Bound, Exact, Order, monotone
from toolkit.core.knob import knob
from toolkit.core.loading import loading
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import Stop
from toolkit.mesh.compression import codec
from toolkit.mesh.compression.multilevel import hierarchy
from toolkit.mesh.compression.problems import Field, TurbulentField

LADDER = Stop(measure="tolerance", rtol=0.0, steps=None)  # through all tolerances, though an error be zero
COMPARED = 1e-3  # tolerance at which ratios are compared


@dataclass(slots=True, kw_only=True)
class StreamState(State):
    """The stream at the tolerance of this step and what comes out of it again. Tolerance and errors are relative.

    `unchecked` is the error of the field as it was rounded, before any check; `fallbacks` counts the streams so far
    that hold the field without loss.
    """

    stream: bytes
    again: np.ndarray
    tolerance: float
    max_error: float
    ratio: float
    bits: float
    unchecked: float
    fallbacks: float = 0.0

    def solution(self) -> np.ndarray:
        return self.again


class Compressor(Method):
    """A step is the next tolerance: 10^(−k / steps_a_decade) · first, relative to the range of the field."""

    problems: ClassVar[tuple[type, ...]] = (Field,)
    monitors: ClassVar[tuple[str, ...]] = ("max_error", "tolerance", "ratio", "bits")
    scales: ClassVar[tuple[str, ...]] = ("bits",)
    slack: ClassVar[float] = 1e-12
    first: float
    last: float
    steps_a_decade: int

    def encode(self, field: np.ndarray, tolerance: float) -> codec.Coded:
        """A stream of the field, and its error before any check; the tolerance is absolute."""
        raise NotImplementedError

    def decode(self, stream: bytes) -> np.ndarray:
        """The field of a stream."""
        return codec.decompress(stream)

    def rung(self, k) -> float:
        """The tolerance of step k."""
        return self.first * 10.0 ** (-np.asarray(k, dtype=float) / self.steps_a_decade)

    def init(self, problem):
        return self._at(problem, 0)

    def step(self, problem, state):
        fresh = self._at(problem, state.k + 1)
        fresh.work.flops += state.work.flops
        fresh.fallbacks += state.fallbacks
        return fresh

    def _at(self, problem, k: int) -> StreamState:
        tolerance, field = float(self.rung(k)), problem.data
        coded = self.encode(field, tolerance * problem.scale)
        stream = coded.stream
        again = self.decode(stream)
        error = float(np.max(np.abs(again.astype(np.float64) - field)) / problem.scale)
        size = dict(ratio=field.nbytes / len(stream), bits=8.0 * len(stream) / field.size)
        seen = dict(unchecked=coded.unchecked / problem.scale, fallbacks=float(coded.lossless))
        state = StreamState(k=k, stream=stream, again=again, tolerance=tolerance, max_error=error, **size, **seen)
        state.work.flops = 30.0 * field.size
        if self.rung(k + 1) < self.last * (1 - 1e-9):
            state.status = Status("converged", f"the last tolerance, {tolerance:.2g} of the range, is reached")
        return state

    def measures(self, problem):
        return (UNCHECKED, FALLBACKS)

    def claims(self, problem):
        return self._bounds()

    def _bounds(self) -> tuple:
        """That of what is decoded, where there are two tolerances to see it at, and that of what was rounded."""
        about = dict(source=self.sources[0], stop=LADDER)
        words = "|reconstruction − field| ≤ tolerance at every node, at every tolerance"
        curve = lambda k, values: self.rung(k)  # noqa: E731
        found = (Bound(measure="max_error", curve=curve, slack=self.slack, title=words, **about),)
        title = "the rounding keeps the tolerance by itself, before any check"
        proven = Exact(measure="unchecked_share", tol=1.0 + self.slack, always=True, title=title, **about)
        return (*(found if self._counted(2) else ()), proven)

    def _counted(self, rungs: int) -> bool:
        """Whether there are so many tolerances at least."""
        return self.rung(rungs - 1) >= self.last * (1 - 1e-9)


def _unchecked_share(problem, state: StreamState) -> float:
    return state.unchecked / state.tolerance


UNCHECKED = Measure(
    "unchecked_share",
    "error before any check over the tolerance",
    _unchecked_share,
    "max |rounded − field| / τ",
    log=False,
    doc="of the coefficients as they were first rounded; 0 where nothing was",
)
FALLBACKS = Measure(
    "fallbacks",
    "streams without loss so far",
    lambda problem, state: state.fallbacks,
    "fallbacks",
    log=False,
    doc="fields stored as they are, as rounding decides or a check found the tolerance exceeded",
)


def _round_trip(problem, state) -> float:
    """max |recompose(decompose(u)) − u| / max |u|, in double precision."""
    field = problem.data.astype(np.float64)
    levels = hierarchy(field.shape)
    again = levels.recompose(levels.decompose(field), overwrite=True)
    return float(np.max(np.abs(again - field)) / (np.max(np.abs(field)) or 1.0))


ROUND_TRIP = Measure(
    "round_trip", "round trip", _round_trip, "max |u' − u| / max |u|", doc="decomposed, recomposed, nothing rounded"
)


@dataclass(frozen=True)
class MGARD(Compressor):
    """MGARD: multilevel coefficients, rounded level by level so that the maximum norm of the error is proven, zlib.

    u = Σ_l (I − Q_{l−1}) u_l: coefficients by linear interpolation from every second node, an L² projection to the
    next grid, and again; any number of nodes along an axis. The bound rests on the exact maximum norms of I − Q at
    each level (about 1, 2.5 and 5.5 in one, two and three dimensions), sharper than the 1 + 3^d of the reference.
    A step costs about four passes over the field and zlib. Below 1e-13 of the largest value (1e-7 in single
    precision) the field is stored without loss.
    Reference: M. Ainsworth, O. Tugluk, B. Whitney, S. Klasky, SIAM J. Sci. Comput. 41 (2019) A1278–A1303,
    doi:10.1137/18M1166651; Q. Gong et al., SoftwareX 24 (2023) 101590, arXiv:2401.05994.
    """

    title: ClassVar[str] = "MGARD"
    name: ClassVar[str] = "mgard"
    sources: ClassVar[tuple[str, ...]] = ("ainsworth2019", "ainsworth2018", "gong2023")
    first: float = knob(1e-1, 1e-12, 1.0, log=True, symbol="τ₀", doc="first tolerance, relative to the range")
    last: float = knob(1e-8, 1e-16, 1.0, log=True, doc="last tolerance, relative to the range")
    steps_a_decade: int = knob(2, 1, 20, doc="tolerances a decade")
    budget: str = knob(
        "by count", choices=codec.BUDGETS, doc="how the tolerance is shared: by a level's coefficients, or alike"
    )
    spend: bool = knob(False, doc="coarsen the numbers until the measured error, not its bound, meets the tolerance")

    def encode(self, field, tolerance):
        return codec.multilevel_coded(field, tolerance, self.budget, self.spend)

    def measures(self, problem):
        return (*super().measures(problem), ROUND_TRIP)

    def claims(self, problem):
        about = dict(source="ainsworth2019", stop=LADDER)
        made = [
            *self._bounds(),
            Exact(measure="round_trip", tol=1e-12, title="nothing rounded, nothing lost", **about),
        ]
        if not self.spend and self.steps_a_decade <= 4 and self._counted(2):
            # of steps that are closer, zlib may like the later one better
            title = "a tighter tolerance compresses no better, but for a twentieth"
            made.append(monotone("ratio", slack=0.05, title=title, **about))
        if isinstance(problem, TurbulentField) and problem.n**problem.dim >= 1000:
            made += self._smooth(problem)
        return tuple(made)

    def _smooth(self, problem):
        """What smoothness saves, where the ladder has the tolerances at which to see it."""
        if self.last <= COMPARED <= self.first:
            there = Stop(measure="tolerance", rtol=0.0, atol=COMPARED * (1 + 1e-9), steps=None)
            more = dict(over="decay", values=(1.0, 2.0, 3.0, 4.0), p=0.1, tol=0.0, at_least=True, growing=True)
            words = "smoother fields compress better"
            yield Order(measure="ratio", title=words, source="ainsworth2019", stop=there, **more)
        if problem.decay >= 5 and self.last <= 1e-4 <= 0.1 * self.first:
            to = Stop(measure="max_error", rtol=0.0, atol=1e-4, steps=None)
            words = "on a smooth field fewer bits than rounding and zlib to an error of 1e-4"
            other = Zlib(first=self.first, last=self.last, steps_a_decade=self.steps_a_decade)
            yield Beats(other=other, measure="bits", factor=FEWER, title=words, source="ainsworth2019", stop=to)


@dataclass(frozen=True)
class Zlib(Compressor):
    """Rounding to multiples of twice the tolerance, then zlib's deflate: the plain way.

    Costs a pass over the field and zlib. Has no notion of neighbours beyond repeated bytes.
    Reference: P. Deutsch, RFC 1951 (1996), doi:10.17487/RFC1951.
    """

    title: ClassVar[str] = "rounding + zlib"
    sources: ClassVar[tuple[str, ...]] = ("deutsch1996",)
    first: float = knob(1e-1, 1e-12, 1.0, log=True, symbol="τ₀", doc="first tolerance, relative to the range")
    last: float = knob(1e-8, 1e-16, 1.0, log=True, doc="last tolerance, relative to the range")
    steps_a_decade: int = knob(2, 1, 20, doc="tolerances a decade")

    def encode(self, field, tolerance):
        return codec.rounded_coded(field, tolerance)


def zfp_is_here() -> bool:
    """Whether the Python package of ZFP is installed."""
    return importlib.util.find_spec("zfpy") is not None


@dataclass(frozen=True)
class ZFP(Compressor):
    """ZFP in fixed-accuracy mode: blocks of 4^d values, an orthogonal-like transform, bit planes.

    Needs the package zfpy.
    Reference: P. Lindstrom, IEEE Trans. Vis. Comput. Graph. 20 (2014) 2674–2683, doi:10.1109/TVCG.2014.2346458.
    """

    title: ClassVar[str] = "ZFP"
    name: ClassVar[str] = "zfp"
    sources: ClassVar[tuple[str, ...]] = ("lindstrom2014",)
    no_claim: ClassVar[str] = "in double precision, and with zfpy installed, it keeps the tolerance; else none is made"
    first: float = knob(1e-1, 1e-12, 1.0, log=True, symbol="τ₀", doc="first tolerance, relative to the range")
    last: float = knob(1e-8, 1e-16, 1.0, log=True, doc="last tolerance, relative to the range")
    steps_a_decade: int = knob(2, 1, 20, doc="tolerances a decade")

    def suits(self, problem):
        reason = super().suits(problem)
        return reason or ("" if zfp_is_here() else "it needs the Python package zfpy, which is not installed")

    def encode(self, field, tolerance):
        with loading():
            import zfpy

        stream = zfpy.compress_numpy(np.ascontiguousarray(field), tolerance=tolerance)
        return codec.Coded(stream, float(np.max(np.abs(self.decode(stream) - field))), False)

    def decode(self, stream):
        with loading():
            import zfpy

        return zfpy.decompress_numpy(stream)

    def claims(self, problem):
        """None in single precision: there ZFP's last tolerances are below what it can hold."""
        return self._bounds() if problem.data.dtype == np.float64 else ()
