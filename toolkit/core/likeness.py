"""Whether a run is the one that was seen: by its hash on a like machine, by its values on another.

Where the machine is that of the record a trace repeats bit for bit, and one that does not is an alarm. On another sums
are taken in another order: then status and steps must be the same, and the last values of the monitors to `DIGITS`
digits of the largest value that each had in the run; how many there are is told. A run in which rounding decides what
comes later says so itself (`chaotic` of its method, a part of it, or its problem); then other digits are no alarm.
Of 889 runs (every method on small cases, every experiment) made for two narrower processors, all but those keep seven.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolkit.core.errors import SpecError
from toolkit.core.history import History
from toolkit.core.knob import Knobbed, knobs
from toolkit.core.machine import Machine, machine
from toolkit.core.status import KINDS

DIGITS = 6  # that must agree
TOLD = 12  # of those that do, at most
SHORT = 8  # characters of a hash in a link
ON_THE_WAY = ("running", "cancelled")


@dataclass(frozen=True, slots=True)
class Likeness:
    """Whether a run is the one that was seen (None: not decided), in words, and the digits that agree."""

    same: bool | None = None
    words: str = ""
    digits: int | None = None

    def __str__(self) -> str:
        return self.words


def seen(run) -> dict:
    """What a spec carries of a run that has begun, so that it can be compared elsewhere; empty before."""
    history = run.history
    if not len(history):
        return {}
    last = {name: _plain(history[name][-1]) for name in history.monitors}
    return {
        "machine": machine().words(),
        "trace": history.trace_hash(),
        "status": run.status.kind,
        "k": run.k,
        "last": last,
    }


def read(found, k: int = 0) -> dict:
    """What `seen` wrote, or the short form of a link (with its step k), checked; SpecError where it is neither."""
    if isinstance(found, list) and len(found) >= 3:
        trace, status, *last = found[:3]
        found = {"trace": trace, "status": status, "k": k, "last": last[0]}
    if not found:
        return {}
    try:
        kept = {"trace": str(found["trace"])[:16], "status": str(found["status"]), "k": int(found["k"])}
        kept["last"] = {str(name): value if value is None else float(value) for name, value in found["last"].items()}
        if kept["status"] not in KINDS or kept["k"] < 0 or not kept["trace"].isalnum():
            raise ValueError(kept)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpecError(f"What was seen of the run is damaged ({error!r}): expected what Run.spec() wrote.") from None
    return kept | {"machine": Machine.read(found.get("machine")).words()}


def shortened(found: dict) -> list:
    """The same for a link: the head of the hash, the status, and the first monitor's value to `TOLD` digits."""
    last = {name: value if value is None else float(f"{value:.{TOLD}g}") for name, value in found["last"].items()}
    return [found["trace"][:SHORT], found["status"], dict(list(last.items())[:1])]


def compared(run, found: dict) -> Likeness:
    """Whether a run is the one that was seen, as far as both go. `found` is what `seen` or `read` gave."""
    history = run.history
    if not found or not len(history):
        return Likeness()
    k, midway = found["k"], found["status"] in ON_THE_WAY or run.stop.seconds is not None
    if run.k < k and not run.status.done:
        return Likeness(words=f"step {run.k} of the {k} that were seen")
    at = history if run.k <= k or not midway else _until(history, k)
    ended = run.status.kind if at is history else found["status"]
    told = [] if int(at["k"][-1]) == k else [f"{int(at['k'][-1])} steps instead of {k}"]
    if ended != found["status"] and not midway:
        told.append(f"{ended} instead of {found['status']}")
    trace = at.trace_hash()
    if not told and trace.startswith(found["trace"]):
        return Likeness(True, "as seen", TOLD)
    was = Machine.read(found.get("machine"))
    digits, name = _digits(at, found["last"])
    if not told and digits < DIGITS:
        told.append(f"{name} {at[name][-1]:.{TOLD}g} instead of {found['last'][name]:.{TOLD}g}: {_counted(digits)}")
    return _judged(run, found["trace"], was, told, digits)


def _judged(run, trace: str, was: Machine, told: list[str], digits: int) -> Likeness:
    """What becomes of a run whose hash is another: `told` is where it differs by more than rounding may."""
    apart = ", ".join(told) or f"the same to {_counted(digits)}"
    if was == Machine():
        return Likeness(None, f"but {trace} was seen, on a machine that is not told: {apart}", digits)
    why = "; ".join(was.other(machine()))
    if not why:
        return Likeness(False, f"but {trace} was seen, on a machine like this one: {apart}", digits)
    chaotic = next(filter(None, map(_chaotic, (run.method, run.problem))), "")
    if told and chaotic:
        return Likeness(None, f"{apart}, as is to be expected: {chaotic}; {why}", digits)
    if told:
        return Likeness(False, f"not as seen: {apart}, which is more than rounding makes; {why}", digits)
    return Likeness(True, f"{apart}; {why}", digits)


def _chaotic(owner: Knobbed) -> str:
    """Why rounding decides what becomes of a run, as a method, a problem or a part of either says it."""
    parts = (getattr(owner, name) for name in knobs(owner))
    return owner.chaotic or next(filter(None, (_chaotic(part) for part in parts if isinstance(part, Knobbed))), "")


def _counted(digits: int) -> str:
    return f"{digits} digit{'' if digits == 1 else 's'}"


def _until(history: History, k: int) -> History:
    found = history.copy()
    found.truncate(int(np.searchsorted(history["k"], k, side="right")))
    return found


def _digits(history: History, last: dict) -> tuple[int, str]:
    """The fewest digits to which a monitor's last value is the one seen, and its name; `TOLD` where none is told."""
    found = [(digits(history[name], value), name) for name, value in last.items() if name in history]
    return min(found, key=lambda one: one[0], default=(TOLD, ""))


def digits(column: np.ndarray, was: float | None, row: int = -1) -> int:
    """To how many digits of the largest value of a column one of them is the one that was seen; `TOLD` at most."""
    now = float(column[row])
    if was is None or not math.isfinite(now):
        return TOLD if was is None and not math.isfinite(now) else 0
    sizes = np.abs(column[np.isfinite(column)])
    gap = abs(now - was)
    if gap <= 10.0**-TOLD * sizes.max():
        return TOLD
    return max(0, math.floor(-math.log10(gap / sizes.max()))) if sizes.max() > 0 else 0


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
