"""One knob against what it costs: a ladder of short races, done slice by slice beside the race itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.core.claims import Flat, Order
from toolkit.core.errors import KnobError, SpecError, ToolkitError
from toolkit.core.history import History
from toolkit.core.knob import Knob, Knobbed, knobs, reach
from toolkit.core.stop import Stop
from toolkit.session import frame
from toolkit.session.lane import Lane

RUNGS, SLICE, PATIENCE = 7, 0.01, 10.0  # rungs of a ladder; s of a slice; s that a rung may take
SHOWN = {"k": "steps", "value": "value", "seconds": "time"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is swept: a knob of the problem (`of` = -1) or of the entry `of`, its values, and who runs on each.

    `runners` are (line style, words, problems by rung, methods by rung).
    """

    of: int
    knob: str
    words: str
    values: tuple
    log: bool
    stop: Stop
    runners: tuple[tuple[int, str, tuple, tuple], ...]


def knob_of(owner: Knobbed, path: str) -> tuple[Knob, object]:
    """A knob by its name or "part.knob", and its value; KnobError where there is none."""
    if path not in reach(owner):
        raise KnobError(f"{type(owner).__name__} has no knob {path!r} to sweep; it has {', '.join(reach(owner))}.")
    head, _, rest = path.partition(".")
    return knob_of(getattr(owner, head), rest) if rest else (knobs(owner)[head], getattr(owner, head))


def numeric(knob: Knob) -> bool:
    """Whether a knob can be swept: a number, not one of a few choices."""
    return knob.kind in (int, float) and knob.family is None and not knob.choices and not knob.file


def rungs(knob: Knob, value, count: int = RUNGS) -> tuple[tuple, bool]:
    """(values about the present one within the knob's bounds, whether they lie on a logarithmic scale)."""
    low = -np.inf if knob.low is None else knob.low
    high = np.inf if knob.high is None else knob.high
    value = knob.default if value is None else value
    value = float(value if value is not None else max(low, min(high, 1.0)))
    log = value > 0 and (knob.log or knob.kind is int or not np.isfinite(high - low))
    if log:
        reach_down, reach_up = (8.0, 4.0) if knob.kind is int else (100.0, 100.0)
        bottom = max(low, value / reach_down) if low > 0 else value / reach_down
        found = np.geomspace(max(bottom, 1.0 if knob.kind is int else 0.0), min(high, value * reach_up), count)
    else:
        bottom = low if np.isfinite(low) else value - (abs(value) or 1.0)
        top = high if np.isfinite(high) and high - bottom < 1000 else max(2 * value, bottom + count - 1)
        found = np.linspace(bottom, top, count)
    if knob.kind is int:
        return tuple(dict.fromkeys(int(one) for one in np.rint(found))), bool(log)
    return tuple(float(f"{one:.3g}") for one in found), bool(log)


def laid(owner: Knobbed, path: str) -> tuple[Knob, tuple[tuple, tuple], bool]:
    """(knob, its values and the owner turned to each, whether the scale is logarithmic); KnobError where none is."""
    knob, value = knob_of(owner, path)
    if not numeric(knob):
        raise KnobError(f"{type(owner).__name__}.{path} is no number: it cannot be swept.")
    values, log = rungs(knob, value)
    made = [(one, _turned(owner, path, one)) for one in values]
    made = [(one, turned) for one, turned in made if turned is not None]
    if len(made) < 2:
        raise KnobError(f"{type(owner).__name__}.{path} has fewer than two values that can be run.")
    return knob, tuple(zip(*made)), log


def checked(problem: Knobbed, methods: list, asked) -> tuple:
    """(of, knob, what is shown) of a link's sweep, nothing where it has none; SpecError or KnobError otherwise."""
    if asked is None:
        return ()
    good = isinstance(asked, (list, tuple)) and len(asked) == 3 and type(asked[0]) is int and type(asked[1]) is str
    if not good or not -1 <= asked[0] < len(methods) or asked[2] not in tuple(SHOWN):
        raise SpecError(f"The link has the sweep {asked!r}; expected an entry, a knob, and what is shown.")
    laid(problem if asked[0] < 0 else methods[asked[0]], asked[1])
    return tuple(asked)


def plan(model, of: int, path: str) -> Plan:
    """The sweep of a knob of a model's problem (-1) or of an entry; KnobError where that cannot be."""
    if not -1 <= of < len(model.entries):
        raise KnobError(f"There is no entry {of} to sweep a knob of.")
    owner = model.problem if of < 0 else model.entries[of].method
    knob, (values, owners), log = laid(owner, path)
    labels, entries = model.labels(), model.entries if of < 0 else [model.entries[of]]
    runners = []
    for one in entries:
        problems = owners if of < 0 else (model.problem,) * len(owners)
        methods = (one.method,) * len(owners) if of < 0 else owners
        runners.append((one.look, labels[one.uid], problems, methods))
    words = f"{path.replace('.', ' ').replace('_', ' ')}{f' {knob.symbol}' if knob.symbol else ''}"
    return Plan(of, path, words, values, log, model.stop, tuple(runners))


def _turned(owner: Knobbed, path: str, value):
    try:
        return owner.turned(**{path: value})
    except ToolkitError:
        return None


@dataclass(frozen=True, slots=True)
class Rung:
    """A run of a sweep that has ended: whose, at which value, and what was seen; its state is let go."""

    look: int
    value: float
    label: str
    status: str
    asked: bool
    history: History | None

    @classmethod
    def of(cls, look: int, value: float, lane: Lane) -> Rung:
        """What is kept of a lane."""
        asked = lane.stop.rtol > 0 or lane.stop.atol > 0
        history = lane.run.history if lane.run is not None else None
        return cls(look, value, lane.method.label(), lane.status.kind, asked, history)

    def shown(self, column: str) -> float:
        """Its last value of a column, or the time of its steps; NaN where there is none."""
        if self.history is None:
            return float("nan")
        return float(self.history.solving) if column == "seconds" else self.history.last(column)

    def counts(self, show: str) -> bool:
        """Whether it says what was asked: steps and time only where it came to its tolerance."""
        return self.status == "converged" or (self.status == "budget" and (show == "value" or not self.asked))


class Sweeping:
    """A plan at work: rung by rung, on every rung one runner after another. Lives in the worker's thread."""

    def __init__(self, plan: Plan):
        self.plan, self.done = plan, False
        self.rows: list[Rung] = []
        self._left = [(i, rung) for rung in range(len(plan.values)) for i in range(len(plan.runners))]
        self._lane: Lane | None = None
        self._promises: dict[int, tuple] = {}

    @property
    def words(self) -> str:
        """What is being done."""
        of = len(self.plan.values) * len(self.plan.runners)
        return "" if self.done else f"Sweep along {self.plan.words}: run {of - len(self._left) + 1} of {of}"

    def go(self) -> None:
        """Work for about one slice."""
        i, rung = self._left[0]
        look, _, problems, methods = self.plan.runners[i]
        if self._lane is None:
            self._lane = Lane(i, problems[rung], methods[rung], self.plan.stop, 0)
        lane = self._lane
        lane.go(SLICE)
        if not lane.status.done and lane.run is not None and lane.run.history.last("seconds") > PATIENCE:
            lane.cancel()
        if lane.status.done:
            self._promises.setdefault(look, tuple(one for one in lane.claims if self._about(one)))
            self.rows.append(Rung.of(look, self.plan.values[rung], lane))
            self._lane = None
            self._left.pop(0)
            self.done = not self._left

    def _about(self, claim) -> bool:
        return isinstance(claim, (Flat, Order)) and bool(claim.values) and claim.over == self.plan.knob

    def seen(self, measure: str, show: str) -> frame.Sweep:
        """How far it is, as immutable data: `show` is steps ("k"), the last value of the measure, or time."""
        column = measure if show == "value" else show
        curves, promises = [], []
        for look, label, *_ in self.plan.runners:
            mine = [one for one in self.rows if one.look == look]
            x = np.array([one.value for one in mine], dtype=float)
            y = np.array([one.shown(column) for one in mine], dtype=float)
            firm = np.array([one.counts(show) for one in mine], dtype=bool) & np.isfinite(y)
            curves.append((look, label, x, y, firm))
            promises += [
                (look, claim.title or claim.kind, x[firm], line(claim, x[firm], y[firm]))
                for claim in self._promises.get(look, ())
                if claim.measure == column and np.any(firm)
            ]
        about = (self.plan.words, self.plan.knob, self.plan.of, self.plan.log, show)
        return frame.Sweep(*about, tuple(curves), tuple(promises), self.done)


def line(claim, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The promised slope: level through the first rung, or with its order through the last one."""
    if isinstance(claim, Flat):
        return np.full(len(x), y[0])
    return y[-1] * (x / x[-1]) ** (claim.p if claim.growing else -claim.p)


def table(seen: Sweeping, measure: str) -> list[list]:
    """Rows of a table of a sweep, with their head."""
    rows = [[seen.plan.knob, "method", "steps", measure, "solve", "status"]]
    for one in seen.rows:
        rows.append([one.value, one.label, one.shown("k"), one.shown(measure), one.shown("seconds"), one.status])
    return rows
