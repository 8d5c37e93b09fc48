"""What there is to draw at one moment, as immutable data: made by the worker, read by any screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from toolkit.core.claims import Band, Claim, Verdict
from toolkit.core.history import History
from toolkit.core.likeness import Likeness
from toolkit.core.prediction import Outcome
from toolkit.core.probe import Measure
from toolkit.core.status import RUNNING, Status

POINTS = 800
MARKS = 10
AGAINST = {
    "k": "steps",
    "matvecs": "operator products",
    "nfe": "function evaluations",
    "flops": "flops",
    "seconds": "time",
}
LOG = "log₁₀"  # how the title of a picture of logarithms begins
ABSCISSAE = ("", "linear", "log")
EMPTY = (np.empty(0), np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class Promise:
    """A claim on the screen: its words, its overlay (empty when it is not a curve of this plot) and its verdict.

    `evidence` says in a word what decides it, `asked` whether that is gathered only when somebody asks. `band` holds
    abscissa, lower and upper ends of what a crowd of runs looked like, empty for other claims and until it has run.
    `told` is the verdict in one sentence, `formula` the promise as TeX.
    """

    title: str
    kind: str
    measure: str
    source: str
    assumes: str
    evidence: str
    over: str
    verdict: Verdict
    curve: tuple[np.ndarray, np.ndarray, np.ndarray] = EMPTY
    band: tuple[np.ndarray, np.ndarray, np.ndarray] = EMPTY
    asked: bool = False
    told: str = ""
    formula: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """One entry of the race as it stands: its curve, its promises, and the numbers of its row in the table.

    `curve` holds abscissa, values and steps, `marks` the places of its markers, `mark` is the point at the scrubbed
    step, `enough` that from which on more steps are in vain, `changes` the live knobs turned or to be turned, by step.
    `observed` and `promised` are factors a step, or (`order`) orders of convergence. `seen` is what a link says of the
    run, empty while it goes on; `likeness` whether it is the one that a link says was seen.
    """

    uid: int
    label: str
    status: Status = RUNNING
    stage: str = "ready"
    k: int = 0
    progress: float = 0.0
    curve: tuple[np.ndarray, np.ndarray, np.ndarray] = EMPTY
    marks: tuple[int, ...] = ()
    mark: tuple[float, float] | None = None
    enough: tuple[float, float] | None = None
    promises: tuple[Promise, ...] = ()
    no_claim: str = ""
    value: float = float("nan")
    goal: float = float("nan")
    observed: float = float("nan")
    promised: float = float("nan")
    order: bool = False
    work: dict = field(default_factory=dict)
    changes: tuple[tuple[int, dict], ...] | None = None
    seen: dict = field(default_factory=dict)
    likeness: Likeness = Likeness()

    @property
    def hash(self) -> str:
        """Its fingerprint, empty while it goes on."""
        return self.seen.get("trace", "")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture as it stands: `empty` says why there is none.

    Eight-bit `images`, each with its title, the ends of its scale and whether that is symmetric about zero, `grey` if
    they are photographs; `series` of (label, x, y) as lines or points; or a mesh: `cells` (m, 3 or 4, 2) with an
    eight-bit `shade` and one scale.
    `offered`: the names of the pictures that have something to show of this run; empty where that is not known yet.
    """

    kind: str = "empty"
    title: str = ""
    labels: tuple[str, str] = ("", "")
    log: bool = False
    images: tuple[tuple[str, np.ndarray, tuple[float, float], bool], ...] = ()
    grey: bool = False
    cells: np.ndarray | None = None
    shade: np.ndarray | None = None
    scale: tuple[float, float] = (0.0, 1.0)
    signed: bool = False
    series: tuple[tuple[str, np.ndarray, np.ndarray], ...] = ()
    empty: str = ""
    k: int = 0
    uid: int = 0
    offered: tuple[str, ...] = ()

    @property
    def look(self) -> tuple[str, bool]:
        """What a plot is built for: drawings of one look are patched into one plot."""
        return self.kind, self.log


@dataclass(frozen=True, slots=True)
class Ghost:
    """What a person has left, faintly: its words, and (line style, abscissa, values, steps) of each of its runs."""

    number: int
    label: str
    curves: tuple[tuple[int, np.ndarray, np.ndarray, np.ndarray], ...] = ()


@dataclass(frozen=True, slots=True)
class Sweep:
    """A ladder along a knob: curves of (line style, label, knob values, results, which of them count) and promises of
    (line style, title, knob values, promised results). `show` says what the results are; `of` is -1 for the problem.
    """

    words: str
    knob: str
    of: int
    log: bool
    show: str
    curves: tuple[tuple[int, str, np.ndarray, np.ndarray, np.ndarray], ...] = ()
    promises: tuple[tuple[int, str, np.ndarray, np.ndarray], ...] = ()
    done: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything to draw at one moment. `version` grows by one with every frame of a session.

    `outcome` is what came of the experiment's prediction, None until its runs have ended. `ghosts` are the curves that
    a person has left; `scene` grows whenever the problem has become another one: axes begin anew.
    """

    version: int = 0
    stage: str = "ready"
    busy: str = ""
    traces: tuple[Trace, ...] = ()
    drawing: Drawing = Drawing()
    measures: tuple[tuple[str, str, str, bool], ...] = ()
    at: int | None = None
    last: int = 0
    outcome: Outcome | None = None
    ghosts: tuple[Ghost, ...] = ()
    scene: int = 0
    sweep: Sweep | None = None


def thin(y: np.ndarray, most: int = POINTS) -> np.ndarray:
    """Indices of at most about `most` points of a curve: the lowest and highest of every bin, and both ends.

    Bins are a power of two wide and start at the first point, so that those drawn before stay as the curve grows.
    """
    n = len(y)
    if n <= most:
        return np.arange(n)
    width = 1 << int(np.ceil(np.log2(2 * n / most)))
    bins = n // width
    block = y[: bins * width].reshape(bins, width)
    picked = np.column_stack((block.argmin(axis=1), block.argmax(axis=1))) + np.arange(bins)[:, None] * width
    return np.unique(np.concatenate((picked.ravel(), np.arange(bins * width, n, max(1, width // 2)), [0, n - 1])))


def marked(n: int, most: int = MARKS) -> np.ndarray:
    """Indices of the markers of a curve of n points: a power-of-two stride, so that they stay as the curve grows."""
    if n == 0:
        return np.arange(0)
    stride = 1 << max(0, int(np.ceil(np.log2(n / most))))
    chosen = np.arange(0, n, stride)
    crowded = len(chosen) > 1 and n - 1 - chosen[-1] < stride / 2
    return np.unique(np.append(chosen[:-1] if crowded else chosen, n - 1))


def curve(history: History, measure: str, against: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(abscissa, values, steps) of a measure where it was measured and is finite; copies, safe in another thread."""
    if measure not in history or against not in history:
        return EMPTY
    good = np.isfinite(history[measure])
    return tuple(history[name][good] for name in (against, measure, "k"))


def overlay(claim: Claim, history: History, against: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(abscissa, promised values, steps) of a claim over a run, empty when the claim is not a curve."""
    if claim.about not in history or against not in history:
        return EMPTY
    found = claim.drawn(history)
    if found is None:
        return EMPTY
    y = np.asarray(found[1], dtype=float)
    known, good = ~np.isnan(history[claim.about]), np.isfinite(y)
    pick = thin(y[good], 200)
    return history[against][known][good][pick], y[good][pick], history["k"][known][good][pick]


def banded(band: Band | None, against: str) -> tuple[tuple, tuple]:
    """(promised curve, band) of a crowd as a Promise holds them; empty without one, and against anything but steps."""
    if band is None or against != "k":
        return EMPTY, EMPTY
    seen, good = np.isfinite(band.lower) & np.isfinite(band.upper), np.isfinite(band.promised)
    curve = (band.k[good], band.promised[good], band.k[good]) if np.any(good) else EMPTY
    return curve, (band.k[seen], band.lower[seen], band.upper[seen])


def monitored(method) -> dict[str, tuple[str, str, str, bool]]:
    """(name, title, unit, whether its axis is logarithmic) of what a method monitors, by name."""
    return {name: (name, name.replace("_", " "), "", name not in method.linear) for name in method.monitors}


def measured(measures: Iterable[Measure]) -> dict[str, tuple[str, str, str, bool]]:
    """The same of measures; the unit is the symbol where there is one."""
    return {one.name: (one.name, one.title, one.symbol or one.unit, one.log) for one in measures}


def drawing(picture, found: dict | None, k: int, uid: int) -> Drawing:
    """A picture's arrays made ready for the screen."""
    about = dict(kind=picture.kind, title=picture.title, labels=(picture.x, picture.y), log=picture.log, k=k, uid=uid)
    if found is None:
        return Drawing(title=picture.title, empty=f"{picture.title.capitalize()}: nothing to show here.", k=k, uid=uid)
    if picture.kind in ("image", "images"):
        images = {"": found["z"]} if picture.kind == "image" else found
        made = [
            (title, *quantised(np.asarray(z, dtype=float), log=picture.log or (title or picture.title).startswith(LOG)))
            for title, z in images.items()
        ]
        return Drawing(**about, images=tuple(made), grey=picture.grey)
    if picture.kind == "mesh":
        cells, values = np.asarray(found["cells"]), np.asarray(found["values"], dtype=float)
        per_cell = values if len(values) == len(cells) else values[cells].mean(axis=1)
        shade, scale, signed = shaded(per_cell, picture.log or picture.title.startswith(LOG))
        return Drawing(**about, cells=np.asarray(found["points"])[cells], shade=shade, scale=scale, signed=signed)
    if picture.kind == "points":
        series = [(label, np.asarray(x, float), np.asarray(y, float)) for label, (x, y) in found.items()]
    else:
        x = np.asarray(found["x"], dtype=float)
        series = [(label, x, np.asarray(y, dtype=float)) for label, y in found.items() if label != "x"]
        series = [(label, x[pick], y[pick]) for label, x, y in series for pick in (thin(y),)]
    return Drawing(**about, series=tuple(series))


def quantised(z: np.ndarray, most: int = 256, log: bool = False) -> tuple[np.ndarray, tuple[float, float], bool]:
    """(eight-bit image of at most `most` a side, its scale, whether that is symmetric), as `shaded` makes them."""
    step = max(1, -(-max(z.shape) // most))
    if step > 1:
        rows, cols = (n // step * step for n in z.shape)
        z = z[:rows, :cols].reshape(rows // step, step, cols // step, step).mean(axis=(1, 3))
    return shaded(z, log)


def shaded(z: np.ndarray, log: bool = False) -> tuple[np.ndarray, tuple[float, float], bool]:
    """(eight-bit values, (low, high) of their scale, whether the scale is symmetric about zero).

    The ends of the scale are 1, 2 or 5 times a power of ten, so that a shrinking error changes its scale in steps.
    `log`: the values are logarithms, whose sign says nothing: from one whole number to another, never symmetric.
    """
    if log:
        known = z[np.isfinite(z)]
        low, high = (float(np.floor(known.min())), float(np.ceil(known.max()))) if len(known) else (0.0, 1.0)
        high = max(high, low + 1.0)
        scaled = (np.where(np.isfinite(z), z, low) - low) * (255.0 / (high - low))
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8), (low, high), False
    z = np.where(np.isfinite(z), z, 0.0)
    low, high = float(z.min()), float(z.max())
    signed = (low < -0.02 * abs(high) and high > 0) or high <= 0 > low
    top = nice(max(abs(low), abs(high)))
    low, high = (-top, top) if signed else (0.0, top)
    scaled = (z - low) * (255.0 / (high - low))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8), (low, high), signed


def nice(value: float) -> float:
    """The next number of the form 1, 2 or 5 times a power of ten at or above a positive value; 1 for zero."""
    if not value > 0 or not np.isfinite(value):
        return 1.0
    decade = 10.0 ** np.floor(np.log10(value))
    for factor in (1.0, 2.0, 5.0, 10.0):
        if value <= factor * decade * (1 + 1e-12):
            return float(factor * decade)
    return float(10 * decade)
