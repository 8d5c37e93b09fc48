"""The axes of a plot: what they show, where they end, and how their ticks read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from bokeh.models import CustomJSTicker, CustomJSTickFormatter

from toolkit.session.frame import AGAINST, Frame, nice

DEPTH, GROWN = 1e-18, 1e6  # the deepest ordinate in view, and how far a curve may rise that makes it deeper
GROWTH = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)

# Powers of ten, with 2 and 5 between where there is room; round numbers where less than a decade is in view.
TICKS = """
const low = Math.min(cb_data.range.start, cb_data.range.end), high = Math.max(cb_data.range.start, cb_data.range.end)
const from = Math.log10(low), to = Math.log10(high), found = []
if (!(low > 0) || !isFinite(to)) return found
if (to - from < 0.9) {
  const rough = (high - low) / 5, unit = 10 ** Math.floor(Math.log10(rough))
  const step = unit * [1, 2, 5, 10].find((one) => rough <= one * unit)
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(+(i * step).toPrecision(12))
  return found
}
const stride = Math.ceil((to - from) / most), between = to - from <= most / 3 ? [1, 2, 5] : [1]
for (let e = stride * Math.floor(from / stride); e <= to + 1e-9; e += stride)
  found.push(...between.map((m) => m * 10 ** e))
return found.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9))
"""
POWERS = """
if (tick == 0) return "0"
const e = Math.floor(Math.log10(Math.abs(tick)) + 1e-9), m = +(tick / 10 ** e).toPrecision(3)
if (e >= -2 && e <= 3) return String(+tick.toPrecision(3))
const power = "10" + [...String(e)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("")
return m === 1 ? power : `${m}·${power}`
"""
SI = """
if (tick == 0) return "0"
if (!unit && Math.abs(tick) < 1 && Math.abs(tick) >= 0.001) return String(+tick.toPrecision(4))
const steps = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]]
for (const [size, prefix] of steps)
  if (Math.abs(tick) >= size * 0.9999) return `${+(tick / size).toPrecision(4)} ${prefix}${unit}`.trim()
return tick.toExponential(1)
"""


@dataclass(frozen=True, slots=True)
class Axes:
    """What a plot draws: counter, measure and its label, whether the tolerance belongs to it, the least value to
    make room for, and a hint where there is no curve."""

    against: str
    measure: str
    label: str
    log: bool = True
    goal: bool = False
    low: float = 1e-3
    hint: str = ""
    words: str = "steps"
    abscissa: str = ""

    @property
    def scale(self) -> bool:
        """Whether the abscissa is logarithmic: as was chosen, else where runs grow along a scale (unknowns)."""
        return self.abscissa == "log" if self.abscissa else self.against not in AGAINST

    @property
    def kind(self) -> tuple[bool, bool]:
        """(logarithmic ordinate, logarithmic abscissa): the plot that can draw this."""
        return self.log, self.scale

    @classmethod
    def of(cls, model, frame: Frame) -> Axes:
        """The axes of a LabModel as it stands."""
        named = {one[0]: one for one in frame.measures}
        _, title, unit, log = named.get(model.measure, (model.measure, model.measure.replace("_", " "), "", True))
        unit = unit or (model.lab.unit if model.measure == model.lab.measure else "")
        goal = model.measure == (model.stop.measure or model.lab.measure)
        low = 0.5 * model.stop.rtol if goal and model.stop.rtol > 0 else 1e-3
        hint = {"ready": "Press Start", "empty": "Add a method to the race", "ended": "Not measured here"}
        drawn = any(len(one.curve[0]) for one in frame.traces)
        hint = "" if drawn else hint.get(frame.stage, "")
        words = model.counters().get(model.against, model.against)
        return cls(model.against, model.measure, labelled(title, unit), log, goal, low, hint, words, model.abscissa)


def labelled(title: str, unit: str, most: int = 54) -> str:
    """An axis label: title and unit, or what of them there is room for."""
    whole = f"{title}   {unit}".strip()
    short = title if len(title) <= most else unit or title
    return whole if len(whole) <= most else short if len(short) <= most else f"{short[: most - 1]}…"


@dataclass
class View:
    """The ends of both axes: they grow in steps and never shrink until `forget`, so that nothing moves meanwhile."""

    log: bool
    scale: bool
    x: tuple[float, float] | None = None
    y: tuple[float, float] | None = None
    begun: bool = False
    start: float | None = None

    def forget(self) -> None:
        """Begin anew."""
        self.x, self.y, self.begun, self.start = None, None, False, None

    def across(self, x: np.ndarray) -> np.ndarray:
        """Where abscissae stand: on a logarithmic axis zero, the start, at half of the least that is above it."""
        return onward(x, self.start or 0.5) if self.scale else x

    def widen(self, frame: Frame, axes: Axes) -> None:
        """Make room for a frame."""
        curves = [one.curve for one in frame.traces]
        curves += [(x, y, k) for ghost in frame.ghosts for _, x, y, k in ghost.curves]
        seen = np.concatenate([x for x, *_ in curves] or [np.empty(0)])
        if self.scale and np.any(seen > 0):
            self.start = min(self.start or np.inf, 0.5 * float(seen[seen > 0].min()))
        if len(seen) and not self.begun:  # what was shown before any value has no claim to stay
            self.x, self.y, self.begun = None, None, True
        if not self.scale:
            self.x = self._counted(seen, axes)
        else:
            ends = wide(onward(seen, self.start or 0.5))
            self.x = union(ends, self.x)
        values = np.concatenate([y for _, y, _ in curves] or [np.empty(0)])
        if not self.log:
            ends = room(float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        else:
            begins = [float(y[y > 0][0]) for _, y, _ in curves if np.any(y > 0)]
            ends = self._decades(values[values > 0], frame, axes, max(begins, default=1.0))
        self.y = union(ends, self.y)

    def _counted(self, seen: np.ndarray, axes: Axes) -> tuple[float, float]:
        end = max(self.x[1] / 1.012 if self.x else 0.0, grown(float(seen.max()) if len(seen) else 0.0))
        end = end if len(seen) and end else 10.0 if axes.against != "seconds" else 1.0
        return -0.012 * end, 1.012 * end

    def _decades(self, values: np.ndarray, frame: Frame, axes: Axes, begun: float) -> tuple[float, float]:
        """Whole decades about positive values. Where one curve grows beyond all others, what falls stays in view."""
        values = values if len(values) else np.ones(1)
        goals = [one.goal for one in frame.traces if one.goal > 0 and axes.goal]
        wanted = [0.5 * goal for goal in goals or [axes.low]] if axes.goal or not len(frame.traces) else []
        high = float(values.max())
        if float(values.min()) < DEPTH * high:
            high = min(high, GROWN * begun)
        low = max(min(float(values.min()), high / 10, *wanted), DEPTH * high)
        low, high = 10.0 ** np.floor(np.log10(max(low, 1e-300))), 10.0 ** np.ceil(np.log10(high * 1.5))
        return float(low), float(high)

    @property
    def middle(self) -> tuple[float, float]:
        """The point in the middle, as the axes have it."""
        (left, right), (low, high) = self.x, self.y
        x = float(np.sqrt(left * right)) if self.scale else right / 2
        return x, float(np.sqrt(low * high)) if self.log else (low + high) / 2


def onward(x: np.ndarray, start: float) -> np.ndarray:
    """Abscissae for a logarithmic axis: zero stands at its start."""
    return np.where(x > 0, x, start)


def union(ends: tuple[float, float], old: tuple[float, float] | None) -> tuple[float, float]:
    """Ends that hold the old ones too."""
    return ends if old is None else (min(ends[0], old[0]), max(ends[1], old[1]))


def wide(seen: np.ndarray) -> tuple[float, float]:
    """The ends of a logarithmic abscissa about positive values."""
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (1.0, 100.0)
    return nice(low / 1.05) / 2.5, nice(high * 1.05)


def room(low: float, high: float) -> tuple[float, float]:
    """The ends of a linear axis: zero and a round number beyond the values, or round numbers about a narrow band.

    They change in steps as values come in.
    """
    if low > 0.5 * high or high < 0.5 * low:
        step = nice((high - low) or 0.1 * abs(high)) / 2
        return float(np.floor(low / step) * step), float(np.ceil(high / step) * step)
    low, high = -grown(-low), grown(high)
    pad = 0.03 * ((high - low) or 1.0)
    return low - pad * (low < 0), high + pad if high > low else 1.0


def grown(value: float) -> float:
    """The next of a short list of round numbers at or above a value: an axis that grows in steps."""
    if not value > 0:
        return 0.0
    decade = 10.0 ** np.floor(np.log10(value))
    return float(next(factor * decade for factor in GROWTH if value <= factor * decade * (1 + 1e-9)))


def ticked(axis, most: int, log: bool) -> None:
    """Give a logarithmic axis its ticks, about `most` of them, and either kind numbers that read well."""
    if log:
        axis.ticker = CustomJSTicker(args={"most": most}, major_code=TICKS)
    axis.formatter = CustomJSTickFormatter(code=POWERS)


def counted(axis, log: bool) -> CustomJSTickFormatter:
    """Give an axis that counts something at most about six ticks with SI prefixes; the formatter, which has a unit."""
    if log:
        axis.ticker = CustomJSTicker(args={"most": 7}, major_code=TICKS)
    else:
        axis.ticker.desired_num_ticks = 6
    axis.formatter = CustomJSTickFormatter(args={"unit": ""}, code=SI)
    return axis.formatter
