"""Run: the only loop in the house."""

from __future__ import annotations

import copy
import threading
import time
from functools import partialmethod

import numpy as np

from toolkit.core import likeness as likenesses
from toolkit.core import shown
from toolkit.core import spec as specs
from toolkit.core.arguments import looked_over
from toolkit.core.course import Course, planned
from toolkit.core.errors import Breakdown, KnobError, SpecError, ToolkitError
from toolkit.core.history import History, Snapshots
from toolkit.core.knob import brief
from toolkit.core.patience import CalledOff
from toolkit.core.probe import Octaves, Probe, cadence, probe, watched
from toolkit.core.state import COUNTERS, State
from toolkit.core.status import RUNNING, Status
from toolkit.core.stop import Stop
from toolkit.kernels import _clock

_CHUNK = 4096
_RETREAT = 0.1  # seconds of work that may have to be done again when a compiled call goes too far


class Run:
    """A method at work on a problem.

    Parameters
    ----------
    problem, method
        What is asked and how it is answered; neither is changed by running.
    stop : Stop
        When to end.
    probes
        Measures, their names, or Probes. Watching changes nothing: iterates and work are the same with and without.
        What the stopping rule looks at is measured at every step, asked for or not.
    snapshots : int
        Bytes of states kept for `at`; 0 keeps none (then `at` replays from the start).
    changes
        Live knobs to turn on the way, as pairs (step, {name: value}); KnobError for a knob that is not live.

    `step(n)`, `slice(seconds)` and `finish()` go on; iterating goes on and yields the state after every step.
    Trouble is a `status`, not an exception. The clock and the counters see the method's work only: the clock stands
    still while a kernel is compiled, a library imported or the problem's data assembled (`aside`).
    """

    def __init__(self, problem, method, stop: Stop | None = None, probes=(), snapshots: int = 0, changes=()):
        looked_over(problem, method, stop)
        self.problem, self.stop = problem, stop or Stop()
        asked = [probe(problem, method, one) for one in probes if one not in method.monitors]
        self.probes = watched(problem, method, asked, self.stop.measure)
        history = History(method.monitors, tuple(one.name for one in self.probes))
        self.seen: dict = {}
        self._course = Course(method, method, history, Snapshots(snapshots), planned(method, changes))
        self._cancel = threading.Event()
        self._calm = Octaves(8)
        self._guard: State | None = None
        self._guarded = 0.0

    def __repr__(self) -> str:
        return f"Run({brief(self.problem)}, {brief(self.method)}, step {self.k}, {self.status})"

    def _repr_html_(self) -> str:
        return shown.table(self)

    def __deepcopy__(self, memo) -> Run:
        """An independent run at the same step, as ended or as running as this one; problem and method are shared."""
        twin = Run(self.problem, self._course.first, self.stop, self.probes, self._course.snapshots.cap)
        twin._course, twin.seen = self._course.copy(), copy.deepcopy(self.seen, memo)
        return twin

    __copy__ = partialmethod(__deepcopy__, None)

    # -- how it stands ------------------------------------------------------------------------------------------

    @property
    def method(self):
        """The method as its live knobs stand."""
        return self._course.method

    @property
    def state(self) -> State | None:
        """What moves, at the newest step; None before the run has started."""
        return self._course.state

    @property
    def history(self) -> History:
        """What was seen."""
        return self._course.history

    @property
    def seconds(self) -> float:
        """What the method's work took, its set-up included."""
        return self._course.seconds

    @property
    def aside(self) -> float:
        """What took time meanwhile and is not the method's: compiling, importing, assembling the problem's data."""
        return self._course.aside

    @property
    def changes(self) -> list[tuple[int, dict]]:
        """The (step, values) of the live knobs turned so far."""
        return self._course.changes

    @property
    def planned(self) -> list[tuple[int, dict]]:
        """The (step, values) of those to come."""
        return self._course.plan

    @property
    def status(self) -> Status:
        """Why the run ended, or running."""
        course = self._course
        if course.ended.done:
            return course.ended
        return course.state.status if course.state is not None else RUNNING

    @property
    def k(self) -> int:
        """Steps done."""
        return self._course.k

    def solution(self) -> np.ndarray:
        """The current approximation."""
        return self._standing().solution()

    # -- going on -----------------------------------------------------------------------------------------------

    def step(self, n: int = 1) -> Run:
        """Do n steps, fewer if the run ends."""
        self._started()
        goal = self.k + n
        while self.k < goal and not self._halted():
            self._advance(goal - self.k)
        return self

    def slice(self, seconds: float = 0.01, until: int | None = None) -> Run:
        """Go on for about `seconds`, not past step `until`.

        The steps of a compiled call adapt: doubled (eightfold at first), halved.
        """
        end, course = time.perf_counter() + seconds, self._course
        self._started()
        while not self._halted() and (until is None or course.k < until) and time.perf_counter() < end:
            start, first, pace = _clock.now(), course.k, course.pace
            self._advance(pace if until is None else min(pace, until - first))
            spent, done = _clock.now() - start, course.k - first
            if spent > seconds:
                course.pace = max(1, done // 2)
            elif spent < seconds / 2 and done >= pace:  # fewer where a probe was due: says nothing of more
                course.pace = min((8 if spent < seconds / 16 else 2) * pace, _CHUNK)
        return self

    def finish(self, stop: Stop | None = None) -> Run:
        """Go on until the run ends."""
        if stop is not None:
            self.extend(stop)
        while not self.slice(0.04).status.done:
            pass
        return self

    def __iter__(self):
        while not self._started()._halted():
            self._advance(1)
            yield self.state

    def extend(self, stop: Stop) -> Run:
        """Go on under another stopping rule; KnobError when it looks at what this run does not measure."""
        if stop.measure and stop.measure not in self.history:
            known = ", ".join(self.history.names)
            raise KnobError(f"This run does not measure {stop.measure!r}: it has {known}. Start a new run.")
        self.seen = self.seen if stop == self.stop else {}
        self.stop, self._course.ended = stop, RUNNING
        self.probes = watched(self.problem, self.method, self.probes, stop.measure)
        self._cancel.clear()
        if self.state is not None:
            self._judge(len(self.history) - 1)
        return self

    def cancel(self) -> None:
        """End the run within one slice; may be called from another thread."""
        self._cancel.set()

    def turn(self, **values) -> Run:
        """Turn live knobs in mid-run; KnobError for a knob that is not live."""
        self.seen = {}  # it goes another way now
        return self._turn(values)

    def _turn(self, values: dict) -> Run:
        self._started()
        self._course.turn(values)
        self._guard = None
        return self

    def fork(self, **values) -> Run:
        """An independent run that goes on from here, with some live knobs turned; from a cancelled run too."""
        self._standing()
        twin = Run(self.problem, self.method, self.stop, self.probes)
        twin._course = self._course.copy()
        if twin.status.kind == "cancelled":
            twin._course.ended = RUNNING
        return twin.turn(**values) if values else twin

    # -- looking back -------------------------------------------------------------------------------------------

    def snapshot(self) -> State:
        """An independent copy of the state now."""
        return self._standing().copy()

    def at(self, k: int) -> State:
        """The state at an earlier step: the nearest snapshot, then a replay; exact."""
        if not 0 <= k <= self.k:
            raise KnobError(f"step {k} is not in this run: expected a whole number from 0 to {self.k}.")
        if k == self.k:
            return self.snapshot()
        state = self._course.snapshots.before(k) or self._course.first.init(self.problem.worked)
        while state.k < k and not state.status.done:
            method, until = self._course.method_at(state.k)
            state = self._go(method, state, min(until, k, state.k + _CHUNK) - state.k)[0]
        return state

    def likeness(self) -> likenesses.Likeness:
        """Whether this is the run that its spec says was seen: by the hash on a like machine, by values on another."""
        return likenesses.compared(self, self.seen)

    def spec(self, seen: bool = True) -> dict:
        """The run as a small JSON-ready dict: `Run.from_spec` gives the identical trace.

        A run that has begun says what was `seen` of it and on which machine, so that another can be compared with it.
        """
        found = (likenesses.seen(self) or self.seen) if seen else {}
        return self._asked() | ({"seen": found} if found else {})

    def _asked(self) -> dict:
        return {
            "schema": specs.SCHEMA,
            "problem": specs.describe(self.problem),
            "method": specs.describe(self._course.first),
            "stop": specs.values(self.stop),
            "probes": [{"name": one.name, **one.cadence.words()} for one in self.probes],
            "changes": [[k, values] for k, values in self.changes + self.planned],
        }

    @classmethod
    def from_spec(cls, spec: dict, snapshots: int = 0) -> Run:
        """A new run as a spec says, not yet started; SpecError with the reason for anything that is not one."""
        specs.check_schema(spec)
        try:
            problem, method = specs.restore("problem", spec["problem"]), specs.restore("method", spec["method"])
            cadences = {p["name"]: cadence(p) for p in spec.get("probes", ())}
            stop, changes = Stop(**spec.get("stop", {})), spec.get("changes", ())
            run = cls(problem, method, stop, tuple(cadences), snapshots, changes)
            run.seen = likenesses.read(spec.get("seen"))
            named = [Probe(one.measure, cadences.get(one.name, one.cadence)) for one in run.probes]
            run.probes = watched(problem, method, named, stop.measure)
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
            if isinstance(error, ToolkitError):
                raise
            raise SpecError(f"The spec is damaged ({error!r}): expected what Run.spec() returns.") from None
        return run

    # -- the loop -----------------------------------------------------------------------------------------------

    def _started(self) -> Run:
        course = self._course
        if course.state is None and not course.ended.done:
            start, still = _clock.now(), _clock.stood()
            _clock.touch()
            try:
                course.state = course.first.init(self.problem.worked)
            except Breakdown as trouble:
                course.ended = Status("failed", trouble.cause, trouble.advice)
                return self
            finally:
                course.seconds, course.aside = _clock.now() - start, _clock.stood() - still
            monitors = [[getattr(course.state, name) for name in course.method.monitors]]
            course.history.units = self.problem.units
            self._record(np.array(monitors), self._counts()[None], course.seconds, 0.0)
            self._judge(0)
            self._turn_as_planned()
        return self

    def _standing(self) -> State:
        if self._started().state is None:
            raise ToolkitError(f"The run could not start. {self.status}")
        return self.state

    def _halted(self) -> bool:
        if self._cancel.is_set() and not self.status.done:
            self._course.ended = Status("cancelled", f"at step {self.k}", "Press Start to run again")
        return self.status.done

    def _advance(self, n: int) -> None:
        """At most n steps in one go, up to the next probe, snapshot or planned change, not past the stopping row."""
        course = self._course
        n = int(min(n, self._next_due() - course.k, self.stop.outlook(course.history) if n > 1 else 1))
        length = len(course.history)
        if n > 1 and (self._guard is None or course.seconds - self._guarded > _RETREAT):
            self._guard, self._guarded = course.state.copy(self._guard), course.seconds
        self._walk(n)
        row = self._judge(length)
        if row is not None and row < len(course.history) - 1:
            self._retreat(row)
        self._turn_as_planned()

    def _retreat(self, row: int) -> None:
        """Back to the row where the run should have ended: from the guard on, the same steps again."""
        course = self._course
        course.history.truncate(row + 1)
        k, state = int(course.history["k"][row]), self._guard
        while state.k < k:
            state = self._go(course.method, state, min(k - state.k, _CHUNK))[0]
        course.state, self._guard, course.seconds = state, None, float(course.history["seconds"][row])
        self._judge(row)

    def _turn_as_planned(self) -> None:
        course = self._course
        while course.plan and course.plan[0][0] <= course.k:
            self._turn(course.plan.pop(0)[1])

    def _walk(self, n: int) -> None:
        course = self._course
        before, start, still = self._counts(), _clock.now(), _clock.stood()
        course.state, rows, counts = self._go(course.method, course.state, n)
        spent, stood = _clock.now() - start, _clock.stood() - still
        if counts is None:
            i = np.arange(1, len(rows) + 1)[:, None]
            counts = before + (self._counts() - before) * i / max(1, len(rows))  # exact: whole numbers, i comes first
        self._record(rows, np.asarray(counts), course.seconds, spent)
        course.seconds += spent
        course.aside += stood

    def _go(self, method, state: State, n: int):
        """(state, monitors by step, counters by step or None) after at most n steps."""
        rows, problem = np.empty((n, len(method.monitors))), self.problem.worked
        if method.advance is not None:
            first = state.k
            state = method.advance(problem, state, n, rows)
            return state, rows[: state.k - first], None
        counts, done = [], 0
        while done < n and not state.status.done:
            state = method.step(problem, state)
            rows[done] = [getattr(state, name) for name in method.monitors]
            counts.append([getattr(state.work, name) for name in COUNTERS])
            done += 1
        return state, rows[:done], counts

    def _record(self, rows, counts, before: float, spent: float) -> None:
        count, state, history = len(rows), self._course.state, self._course.history
        if count:
            k = np.arange(state.k - count + 1, state.k + 1, dtype=float)
            clock = before + spent * np.arange(1, count + 1) / count
            columns = dict(zip(history.monitors, rows.T)) | dict(zip(COUNTERS, counts.T))
            history.append(k=k, seconds=clock, **columns)
        for one in self.probes:
            if state.status.done or state.k == 0 or one.cadence.next(state.k - 1) == state.k:
                self._look(one)
        snapshots = self._course.snapshots
        if snapshots.cap and (state.k == 0 or self._calm.next(state.k - 1) == state.k):
            snapshots.offer(state)

    def _judge(self, start: int) -> int | None:
        """End the run at the first row from `start` on where the stopping rule holds; that row, or None."""
        found, last = self.stop.first(self.history, max(0, start)), len(self.history) - 1
        if found is None:
            if self.state.status.kind == "converged":
                self._course.ended = self._believed(self.state.status)
            return None
        self._course.ended = found[1]
        if found[0] == last:
            self._course.ended = self._believed(found[1])
            for one in self.probes:
                if np.isnan(self.history[one.name][-1]):
                    self._look(one)
        return found[0]

    def _believed(self, status: Status) -> Status:
        """The status, or what the problem says of it where a run has ended as converged and has not."""
        if status.kind != "converged":
            return status
        return self.problem.doubt(self.state, self.stop.column(self.history), self.stop.goal(self.history)) or status

    def _look(self, one: Probe) -> None:
        try:
            value = one.measure.function(self.problem, self.state)
        except CalledOff:  # a measure changes nothing: the run ends in good order
            self.cancel()
            return
        self.history.note(one.name, value)

    def _next_due(self) -> int:
        course = self._course
        k, cadences = course.k, [one.cadence for one in self.probes]
        if course.snapshots.cap:
            cadences.append(self._calm)
        limits = [k + _CHUNK, *(at for at, _ in course.plan[:1])]
        if self.stop.steps is not None:
            limits.append(max(k + 1, self.stop.steps))
        return min(limits + [one.next(k) for one in cadences])

    def _counts(self):
        return np.array([getattr(self.state.work, name) for name in COUNTERS], dtype=float)
