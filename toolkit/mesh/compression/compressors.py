"""Error-controlled compression of fields: a ladder of tolerances on which MGARD, rounding and ZFP race."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolkit.core.claims import Beats, Bound, Exact, Order, monotone
from toolkit.core.knob import knob
from toolkit.core.lab import Experiment, Picture
from toolkit.core.method import Method
from toolkit.core.probe import Measure
from toolkit.core.state import State
from toolkit.core.status import Status
from toolkit.core.stop import THROUGH, Stop
from toolkit.mesh.compression import codec
from toolkit.mesh.compression.multilevel import hierarchy
from toolkit.mesh.compression.problems import Field, Photograph, TurbulentField
from toolkit.mesh.compression.progressive import LevelByLevel, LevelState


@dataclass(slots=True, kw_only=True)
class StreamState(State):
    """The stream at the tolerance of this step and what comes out of it again. Tolerance and error are relative."""

    stream: bytes
    again: np.ndarray
    tolerance: float
    max_error: float
    ratio: float
    bits: float

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

    def encode(self, field: np.ndarray, tolerance: float) -> bytes:
        """A stream of the field; the tolerance is absolute."""
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
        return fresh

    def _at(self, problem, k: int) -> StreamState:
        tolerance, field = float(self.rung(k)), problem.data
        stream = self.encode(field, tolerance * problem.scale)
        again = self.decode(stream)
        error = float(np.max(np.abs(again.astype(np.float64) - field)) / problem.scale)
        size = dict(ratio=field.nbytes / len(stream), bits=8.0 * len(stream) / field.size)
        state = StreamState(k=k, stream=stream, again=again, tolerance=tolerance, max_error=error, **size)
        state.work.flops = 30.0 * field.size
        if self.rung(k + 1) < self.last * (1 - 1e-9):
            state.status = Status("converged", f"the last tolerance, {tolerance:.2g} of the range, is reached")
        return state

    def claims(self, problem):
        return (self._bound(),)

    def _bound(self) -> Bound:
        words = "|reconstruction − field| ≤ tolerance at every node, at every tolerance"
        curve = lambda k, values: self.rung(k)  # noqa: E731
        about = dict(source=self.sources[0], title=words, stop=THROUGH)
        return Bound(measure="max_error", curve=curve, slack=self.slack, **about)


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
        return codec.compress(field, tolerance, self.budget, self.spend)

    def measures(self, problem):
        return (ROUND_TRIP,)

    def claims(self, problem):
        about = dict(source="ainsworth2019", stop=THROUGH)
        made = [
            self._bound(),
            Exact(measure="round_trip", tol=1e-12, title="nothing rounded, nothing lost", **about),
        ]
        if not self.spend and self.steps_a_decade <= 4:  # of steps that are close, zlib may like the later one better
            title = "a tighter tolerance compresses no better, but for a twentieth"
            made.append(monotone("ratio", slack=0.05, title=title, **about))
        if isinstance(problem, TurbulentField) and problem.n**problem.dim >= 1000:
            sixth = Stop(rtol=0.0, steps=6)
            rough = dict(over="decay", values=(1.0, 2.0, 3.0, 4.0), p=0.0, tol=0.0, at_least=True, growing=True)
            words = "smoother fields compress better"
            made.append(Order(measure="ratio", title=words, source="ainsworth2019", stop=sixth, **rough))
        if isinstance(problem, TurbulentField) and problem.decay >= 5 and problem.n**problem.dim >= 1000:
            to = Stop(measure="max_error", rtol=0.0, atol=1e-4, steps=40)
            words = "on a smooth field fewer bits than rounding and zlib to an error of 1e-4"
            other = Zlib(first=self.first, last=self.last, steps_a_decade=self.steps_a_decade)
            made.append(Beats(other=other, measure="bits", title=words, source="ainsworth2019", stop=to))
        return tuple(made)


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
        return codec.compress_rounded(field, tolerance)


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
        import zfpy

        return zfpy.compress_numpy(np.ascontiguousarray(field), tolerance=tolerance)

    def decode(self, stream):
        import zfpy

        return zfpy.decompress_numpy(stream)

    def claims(self, problem):
        """None in single precision: there ZFP's last tolerances are below what it can hold."""
        return (self._bound(),) if problem.data.dtype == np.float64 else ()


def _triple(problem, state: StreamState | LevelState):
    """The field, what comes out again, and their difference; of three axes the middle slice."""
    field, again = problem.slice(problem.data), problem.slice(np.asarray(state.solution()))
    return {"field": field, "reconstruction": again, "error": again.astype(np.float64) - field}


def _lines(problem, state: StreamState | LevelState):
    """The field along its only axis, and what comes out again."""
    step = max(1, problem.data.size // 2000)
    there = np.arange(problem.data.size)[::step]
    return {"x": there, "field": problem.data[::step], "reconstruction": np.asarray(state.solution())[::step]}


def _many_axes(problem: Field, state) -> bool:
    return problem.data.ndim > 1


def _one_axis(problem: Field, state) -> bool:
    return problem.data.ndim == 1


_IMAGE, _LINE = (dict(of=(StreamState, LevelState), when=when) for when in (_many_axes, _one_axis))

PICTURES = (
    Picture("compressed", "Field, reconstruction, error", "images", _triple, **_IMAGE),
    Picture("compressed_line", "Field and reconstruction", "lines", _lines, x="node", y="value", **_LINE),
)

CASES = (
    TurbulentField(dim=1, n=1000, decay=5.0),
    TurbulentField(dim=2, n=70, decay=5.0),
    TurbulentField(dim=3, n=17, decay=3.0, single=True),
)

_RIVALS = (MGARD(), MGARD(spend=True), Zlib(), *((ZFP(),) if zfp_is_here() else ()))

EXPERIMENTS = (
    Experiment(
        "compress-turbulence",
        "Compress turbulence",
        "How many bits a value does each error cost, and is the tolerance ever exceeded?",
        TurbulentField(dim=2, n=300, decay=3.0),
        _RIVALS,
        THROUGH,
        measure="max_error",
        against="bits",
        picture="compressed",
    ),
    Experiment(
        "compress-photograph",
        "Compress a photograph",
        "Edges are rough: what is left of the gain?",
        Photograph(),
        _RIVALS,
        THROUGH,
        measure="max_error",
        against="bits",
        picture="compressed",
    ),
    Experiment(
        "levels-added",
        "Sharper level by level",
        "What does each level of the pyramid add?",
        Photograph(every=1),
        (LevelByLevel(),),
        THROUGH,
        measure="max_error",
        against="coefficients",
        picture="compressed",
    ),
)
