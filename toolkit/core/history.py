"""History: what was seen of a run, as columns, and snapshots of its state under a byte cap."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from toolkit.core.errors import DataError, ToolkitError
from toolkit.core.loading import loading
from toolkit.core.state import COUNTERS, State

FORMAT = "convergence-toolkit history 1"


class History:
    """Columns of equal length, one row a step: `k`, the work counters, `seconds`, the monitors and the probes.

    `history["residual"]` is a view of one column; a value that was not measured at a step is NaN. `seconds` runs from
    the start of the set-up: its first row is what the set-up took. `units` has, for columns that have one (‖b‖ of
    residuals), what a relative tolerance is relative to; for the others it is the first value.
    """

    def __init__(self, monitors: tuple[str, ...] = (), probes: tuple[str, ...] = (), units: dict | None = None):
        self.monitors, self.probes, self.units = tuple(monitors), tuple(probes), dict(units or {})
        names = dict.fromkeys(("k", *COUNTERS, "seconds", *self.monitors, *self.probes))
        self._columns = {name: np.empty(64) for name in names}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name][: self._length]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order in which they were named."""
        return tuple(self._columns)

    @property
    def setup(self) -> float:
        """Seconds that the method's set-up took, before its first step."""
        return float(self["seconds"][0]) if len(self) else 0.0

    @property
    def solving(self) -> float:
        """Seconds that its steps took."""
        return float(self["seconds"][-1]) - self.setup if len(self) else 0.0

    def append(self, **columns: np.ndarray) -> None:
        """Add rows; columns that are not given are NaN."""
        count = len(columns["k"])
        start, stop = self._length, self._length + count
        for name, column in self._columns.items():
            if stop > len(column):
                grown = np.empty(max(stop, 2 * len(column)))
                grown[:start] = column[:start]
                self._columns[name] = column = grown
            column[start:stop] = columns.get(name, np.nan)
        self._length = stop

    def unit(self, name: str) -> float:
        """What a relative tolerance on a column is relative to: what it has of its own, else its first value."""
        return float(self.units.get(name, self[name][0]))

    def note(self, name: str, value: float) -> None:
        """Write a measured value into the last row."""
        self._columns[name][self._length - 1] = value

    def truncate(self, length: int) -> None:
        """Forget the rows from `length` on."""
        self._length = min(self._length, length)

    def last(self, name: str) -> float:
        """The last value that was measured, NaN if there is none."""
        known = self[name][~np.isnan(self[name])] if name in self else ()
        return float(known[-1]) if len(known) else float("nan")

    def series(self, name: str, against: str = "k") -> tuple[np.ndarray, np.ndarray]:
        """(abscissa, values) of a column where it was measured."""
        known = ~np.isnan(self[name])
        return self[against][known], self[name][known]

    def copy(self) -> History:
        """An independent copy."""
        twin = History(self.monitors, self.probes, self.units)
        twin._columns = {name: column[: self._length].copy() for name, column in self._columns.items()}
        twin._length = self._length
        return twin

    def trace_hash(self) -> str:
        """A fingerprint of steps, work and monitors (not of clocks or probes): equal for equal runs."""
        digest = hashlib.blake2b(digest_size=8)
        for name in ("k", *COUNTERS, *self.monitors):
            digest.update(name.encode() + np.ascontiguousarray(self[name]).tobytes())
        return digest.hexdigest()

    def to_pandas(self):
        """The columns as a `pandas.DataFrame`, one row a step; ToolkitError where pandas is not installed."""
        try:
            with loading():
                import pandas
        except ImportError:
            raise ToolkitError("to_pandas needs pandas, which is not installed: pip install pandas.") from None
        return pandas.DataFrame({name: self[name].copy() for name in self.names})

    def save(self, path, spec: dict | None = None) -> None:
        """Write columns and spec to one `.npz` file, without pickle."""
        about = {"format": FORMAT, "monitors": self.monitors, "probes": self.probes, "units": self.units, "spec": spec}
        with Path(path).open("wb") as file:
            np.savez_compressed(file, about=np.array(json.dumps(about)), **{f"c_{n}": self[n] for n in self.names})

    @classmethod
    def load(cls, path) -> tuple[History, dict | None]:
        """(history, spec) from a file written by `save`; DataError for anything else."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                about = json.loads(str(stored["about"]))
                if about.get("format") != FORMAT:
                    raise DataError(f"{path}: format {about.get('format')!r}; expected {FORMAT!r}.")
                history = cls(about["monitors"], about["probes"], about.get("units"))
                history.append(**{name: stored[f"c_{name}"] for name in history.names})
        except FileNotFoundError:
            raise DataError(f"{path}: there is no such file.") from None
        except DataError:
            raise
        except Exception as error:
            raise DataError(
                f"{path} is not a saved history ({error}); expected a file that History.save wrote."
            ) from None
        return history, about["spec"]


class Snapshots:
    """States by step, under a cap in bytes: when it is reached every other one is dropped (the first is kept)."""

    def __init__(self, cap: int):
        self.cap, self._states = cap, {}

    def offer(self, state: State) -> None:
        """Keep a copy of the state, thinning out older ones if there is no room."""
        size = max(1, state.nbytes())
        if size > self.cap:
            return
        self._states[state.k] = state.copy()
        while size * len(self._states) > self.cap:
            kept = sorted(self._states)
            for k in kept[1::2]:
                del self._states[k]

    def before(self, k: int) -> State | None:
        """A copy of the latest state kept at or before step k."""
        kept = [(at, state) for at, state in list(self._states.items()) if at <= k]  # a list: another thread may add
        return max(kept, key=lambda one: one[0])[1].copy() if kept else None

    def copy(self) -> Snapshots:
        """Another collection of the same states."""
        twin = Snapshots(self.cap)
        twin._states = dict(self._states)
        return twin
