"""One entry of a race at work: its run, what it promised and how that stands. Lives in the worker thread only."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from toolkit.core.claims import Claim, Observed, Verdict, figures, undecided
from toolkit.core.errors import Breakdown, ToolkitError
from toolkit.core.likeness import Likeness
from toolkit.core.likeness import seen as seen_of
from toolkit.core.patience import CalledOff
from toolkit.core.probe import Measure
from toolkit.core.run import Run
from toolkit.core.status import RUNNING, Status
from toolkit.core.stop import Stop
from toolkit.core.study import judge
from toolkit.session import compiling, frame

log = logging.getLogger(__name__)


class Lane:
    """A run that is made when it is first wanted, and every trouble it may meet as a Status.

    `goal` holds the run at a step (a fork catching up, a shared link); `changes` are live knobs to turn on the way;
    `seen` is what somebody else saw of this run, until it goes another way.
    """

    def __init__(
        self, uid: int, problem, method, stop: Stop, snapshots: int, changes=(), goal: int | None = None, seen=None
    ):
        self.uid, self.problem, self.method, self.stop = uid, problem, method, stop
        self.goal, self.snapshots, self._changes = goal, snapshots, tuple(changes)
        self.run: Run | None = None
        self.claims: tuple[Claim, ...] = ()
        self.measures: dict[str, Measure] = {}
        self.verdicts: dict[int, Verdict] = {}
        self._trouble = RUNNING
        self._judged = (0.0, -1)
        self._seen: dict = seen or {}
        self._shown: tuple[int, dict] = (-1, {})
        self._alike = Likeness()

    @property
    def status(self) -> Status:
        """How the run stands, with the trouble met before it could be made."""
        if self._trouble.done or self.run is None:
            return self._trouble
        return self.run.status

    @property
    def about(self) -> tuple:
        """What it is a run of: problem, method, stopping rule, and what was turned on the way."""
        run = self.run
        changes = self._changes if run is None else (*run.changes, *run.planned)
        return self.problem, self.method, self.stop, tuple((k, tuple(values.items())) for k, values in changes)

    @property
    def k(self) -> int:
        """Steps done."""
        return self.run.k if self.run is not None else 0

    @property
    def held(self) -> bool:
        """Whether there is nothing to do: ended, or at the step where it shall wait."""
        return self.status.done or (self.goal is not None and self.k >= self.goal)

    def go(self, seconds: float) -> None:
        """Work for about one slice."""
        self._guard(lambda: self._made().slice(seconds, self.goal))

    def step(self) -> None:
        """Do one step."""
        self._guard(lambda: self._made().step(1))

    def cancel(self) -> None:
        """End here; one that has not begun is called off."""
        if self.run is None:
            self._trouble = Status("cancelled", "before its first step", "Press Start to run it")
        else:
            self.run.cancel()
            self._guard(lambda: self.run.slice(0.0))

    def prepare(self) -> None:
        """Make the run and its first row without stepping."""
        self._guard(lambda: self._made())

    def turn(self, values: dict) -> None:
        """Turn live knobs."""
        self._forget_seen()
        self._guard(lambda: self._made().turn(**values))

    def extend(self, stop: Stop) -> None:
        """Go on under another stopping rule; start anew where that rule would have ended the run earlier."""
        self.stop = stop
        self._forget_seen()
        if self.run is None or self.run.state is None:
            return
        found = stop.first(self.run.history, 0)
        if found is not None and found[0] < len(self.run.history) - 1:
            self._changes = tuple(self.run.changes + self.run.planned)
            self.run, self._trouble, self.verdicts = None, RUNNING, {}
        elif self.status.kind in ("running", "converged", "budget"):
            self.run.extend(stop)
        self._judged = (0.0, -1)

    def fork(self, uid: int) -> Lane:
        """Another lane that goes on from here."""
        run = self._made().fork()
        twin = Lane(uid, self.problem, self.method, self.stop, self.snapshots, goal=self.goal)
        twin.run, twin.claims, twin.measures, twin.verdicts = run, self.claims, self.measures, dict(self.verdicts)
        return twin

    @classmethod
    def of(cls, uid: int, run: Run) -> Lane:
        """The lane of a run that was made elsewhere."""
        lane = cls(uid, run.problem, run.method, run.stop, 0)
        lane.run = run
        lane._guard(lane._promise)
        return lane

    def _suits(self) -> None:
        reason = self.method.suits(self.problem)
        if reason:
            raise Breakdown(f"{self.method.label()} does not suit this problem", reason)

    def _promise(self) -> None:
        self._suits()
        self.claims = tuple(self.method.claims(self.problem))

    def _made(self) -> Run:
        if self.run is None:
            self._suits()
            measures = {m.name: m for m in (*self.problem.measures(), *self.method.measures(self.problem))}
            run = Run(self.problem, self.method, self.stop, tuple(measures.values()), self.snapshots, self._changes)
            self.measures, run.seen = measures, self._seen
            self.run = run.slice(0.0)
            if run.state is not None:
                self._promise()
        return self.run

    def _forget_seen(self) -> None:
        self._seen, self._alike = {}, Likeness()
        if self.run is not None:
            self.run.seen = {}

    def likeness(self) -> Likeness:
        """Whether this is the run that was seen elsewhere, as soon as it has come as far."""
        run = self.run
        if not self._alike.words and run is not None and run.seen and (self.k >= run.seen["k"] or self.status.done):
            self._alike = run.likeness()
        return self._alike

    def _guard(self, action: Callable) -> None:
        try:
            with compiling.about(self.method.label(), lambda: self.k == 0):
                action()
        except CalledOff:
            self._called_off()
        except Breakdown as trouble:
            self._trouble = Status("failed", trouble.cause, trouble.advice)
        except ToolkitError as mistake:
            self._trouble = Status("failed", str(mistake))
        except MemoryError:
            self._trouble = Status("failed", "there is not enough memory", "Choose a smaller problem")
        except Exception as error:
            log.exception("%s on %s", self.method, self.problem)
            self._trouble = Status("failed", f"{type(error).__name__}: {error}", "Change a knob and start again")

    def _called_off(self) -> None:
        """What was on its way is not wanted: a run that has steps to show ends where it stands."""
        if self.k:
            self.run.cancel()
            self.run.slice(0.0)
        else:
            self.run, self._trouble = None, Status("cancelled", "before its first step", "Press Start to run it")

    def promised(self) -> list[tuple[Claim, Verdict]]:
        """Every promise, and how it stands."""
        if self.run is not None and self.run.state is not None:
            self._judged = (0.0, -1)
            self._judge()
        return [(claim, self.verdicts.get(i, claim.waiting)) for i, claim in enumerate(self.claims)]

    # -- what there is to draw ----------------------------------------------------------------------------------

    def trace(self, label: str, measure: str, against: str, at: int | None, stage: str) -> frame.Trace:
        """This entry as immutable data."""
        about = dict(uid=self.uid, label=label, status=self.status)
        run = self.run
        if run is None or run.state is None or not len(run.history):
            return frame.Trace(**about, stage="ended" if self.status.done else stage, no_claim=self.method.no_claim)
        history = run.history
        x, y, k = frame.curve(history, measure, against)
        pick = frame.thin(y)
        promises = self._promises(measure, against)
        seen = self._figures(measure)
        row = len(history) - 1 if at is None else min(at, len(history) - 1)
        work = {name: float(history[name][row]) for name in history.names if name not in history.probes}
        work |= {"k": float(history["k"][row]), "setup": history.setup}
        return frame.Trace(
            **about,
            stage="ended" if self.status.done else "held" if self.held else stage,
            k=run.k,
            progress=1.0 if self.status.done else min(0.99, self.stop.progress(history)),
            curve=(x[pick], y[pick], k[pick]),
            marks=tuple(frame.marked(len(pick)).tolist()),
            mark=None if at is None else _point(history, measure, against, row),
            enough=self._enough(measure, against),
            promises=promises,
            no_claim=self.method.no_claim,
            value=_value(history, measure, row),
            goal=self.stop.goal(history),
            observed=seen.observed,
            promised=seen.promised,
            order=seen.order,
            work=work,
            changes=tuple((k, dict(values)) for k, values in run.changes + run.planned),
            seen=self._seen_now(stage),
            likeness=self.likeness(),
        )

    def _figures(self, measure: str) -> Observed:
        """Observed and promised orders, or factors per step; a share or a count has no factor."""
        seen, known = figures(self.claims, self.verdicts, self.run.history, measure), self.measures.get(measure)
        if any(k for k, _ in self.run.changes):
            seen = replace(seen, promised=float("nan"))  # it was promised of other knobs
        linear = measure in self.method.linear or (known is not None and not known.log)
        return Observed(float("nan"), float("nan")) if linear and not seen.order else seen

    def _enough(self, measure: str, against: str) -> tuple[float, float] | None:
        k = self.run.method.enough(self.run.history)
        return None if k is None else _point(self.run.history, measure, against, k)

    def _seen_now(self, stage: str) -> dict:
        """What a link says of the run; nothing while it goes on."""
        if stage == "running" and not self.status.done:
            return {}
        if self._shown[0] != self.k or self._shown[1].get("status") != self.status.kind:
            self._shown = (self.k, seen_of(self.run))
        return self._shown[1]

    def _promises(self, measure: str, against: str) -> tuple[frame.Promise, ...]:
        self._judge()
        found = []
        for i, claim in enumerate(self.claims):
            verdict, curve, band = self.verdicts.get(i, claim.waiting), frame.EMPTY, frame.EMPTY
            if claim.about == measure:
                curve, band = frame.banded(verdict.band, against)
                curve = curve if len(curve[0]) else frame.overlay(claim, self.run.history, against)
            about = (claim.title or claim.kind, claim.kind, claim.about, claim.source, claim.assumes, claim.evidence)
            along = claim.along.replace("_", " ")
            known = self.measures.get(claim.about)
            called = known.title if known else ""
            words = dict(told=claim.told(verdict, called), formula=claim.typeset(called))
            found.append(frame.Promise(*about, along, verdict, curve, band, asked=not claim.while_running, **words))
        return tuple(found)

    def _judge(self) -> None:
        """Judge the claims about one run, not more than a few times a second."""
        now = time.perf_counter()
        if (self._judged[1] == self.k and self._judged[0]) or (now - self._judged[0] < 0.3 and not self.held):
            return
        for i, claim in enumerate(self.claims):
            if claim.while_running:
                try:
                    self.verdicts[i] = judge(claim, self.run)
                except Exception as error:
                    log.exception("claim %s of %s", claim.title, self.method)
                    self.verdicts[i] = undecided(f"could not be judged: {error}")
        self._judged = (now, self.k if self.status.done else -1)


def _point(history, measure: str, against: str, row: int) -> tuple[float, float] | None:
    value = _value(history, measure, row)
    return (float(history[against][row]), value) if np.isfinite(value) and against in history else None


def _value(history, measure: str, row: int) -> float:
    """The last value that was measured up to a row."""
    if measure not in history:
        return float("nan")
    seen = history[measure][: row + 1]
    known = np.flatnonzero(~np.isnan(seen))
    return float(seen[known[-1]]) if len(known) else float("nan")
