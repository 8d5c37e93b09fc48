"""Claim: the base of every kind. A claim says itself which runs decide it and what it makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from toolkit.core.claims import evidence as gathered
from toolkit.core.claims.verdict import Figures, Observed, Verdict, undecided
from toolkit.core.claims.words import HELD, counted, spoken
from toolkit.core.history import History
from toolkit.core.probe import Every, Probe
from toolkit.core.run import Run
from toolkit.core.stop import Stop


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Base of every kind of claim; a new kind is one file beside this one and a line in the package's face.

    `source` is a key in references.bib, `assumes` says in words what must be true of problem and method, `title` is the
    promise in words, `formula` the same typeset (TeX, without dollar signs; empty: as its kind writes it), `stop` ends
    the runs that decide it.

    A verdict is True, False or open, and an open one says what would decide it. False is final: a kind gives it only
    where more of the same run could not undo it.

    A kind says which runs decide it (`pairs`, from which `runs` makes them) and what it makes of them (`verdict`). One
    that a single run decides writes `weigh` only. What a table shows of it is `observed`, what a plot draws `overlay`.
    `table`, `weigh` and `figures` are what a statement over seeds needs of the claim it wraps: the numbers a claim
    looks at, the verdict on such numbers, and those that must lie in a range.
    """

    source: str
    assumes: str = ""
    title: str = ""
    formula: str = ""
    stop: Stop = field(default_factory=lambda: Stop(rtol=1e-10, steps=2000))
    evidence = "run"  # what decides it, for a sentence; `while_running` is what to ask
    fitted = False  # whether it fits one law to all that a run has shown: then no knob may be turned on the way
    share = 1.0  # of the way to its stopping rule that a run must have gone to decide it

    @property
    def kind(self) -> str:
        """The name of its kind, for tables and catalogues."""
        return type(self).__name__.lower()

    @property
    def about(self) -> str:
        """The column it makes a statement about."""
        return self.measure

    @property
    def along(self) -> str:
        """The knob or column that it goes along; empty where there is none."""
        return ""

    @property
    def size(self) -> int:
        """How many runs decide it."""
        return 1

    @property
    def while_running(self) -> bool:
        """Whether one run decides it, judged while it grows; the others are decided when somebody asks."""
        return True

    @property
    def waiting(self) -> Verdict:
        """The verdict of a claim that other runs decide, before there are any."""
        return undecided(f"decided by a {self.evidence}")

    # -- the runs that decide it --------------------------------------------------------------------------------

    def pairs(self, problem, method) -> Sequence[tuple]:
        """The (problem, method) of each run that decides it."""
        return ((problem, method),)

    def runs(self, problem, method) -> Iterator[Run]:
        """The runs that decide it, one after another, none of them begun."""
        for pair in self.pairs(problem, method):
            yield Run(*pair, self.stop, self.probes(*pair))

    def probes(self, problem, method) -> tuple[Probe, ...]:
        """Probes at every step for what it or its stopping rule looks at and the method does not monitor by itself."""
        known = {one.name: one for one in (*problem.measures(), *method.measures(problem))}
        wanted = dict.fromkeys((self.about, self.stop.measure))
        return tuple(Probe(known[name], Every(1)) for name in wanted if name in known and name not in method.monitors)

    def seeded(self, over: str, value) -> Claim:
        """The claim for one value of the knob of seeds; differs where a claim names problems or methods of its own."""
        return self

    # -- what it makes of them ----------------------------------------------------------------------------------

    def verdict(self, runs: Sequence[Run]) -> Verdict:
        """The verdict on its `runs`, finished or still growing."""
        (run, *_) = runs
        return self.unjudged(run) or self.judge(run.history, gathered.stage(self.stop, run, self.share))

    def unjudged(self, run: Run) -> Verdict | None:
        """The verdict on a run that shows nothing to judge, or None."""
        if self.about not in run.history:
            return undecided(f"{self.about} was not measured")
        turned = next((k for k, _ in run.changes if k), None) if self.fitted else None
        if turned is not None:
            return undecided(f"needs a run of one setting: a knob was turned at step {turned}")
        return Verdict(False, why=run.status.cause) if run.status.kind == "non-finite" else None

    def judge(self, history: History, stage: str = gathered.WHOLE) -> Verdict:
        """The verdict on a run so far, at one of the stages of `evidence.stage`."""
        return self.weigh(self.rows(history))

    def observed(self, history: History) -> Observed | None:
        """What a table shows of it beside a run, or None."""
        return None

    # -- how it is told -----------------------------------------------------------------------------------------

    def told(self, verdict: Verdict, called: str = "") -> str:
        """How it stands, in one sentence; `called` is what its measure is called (empty: by its name)."""
        if verdict.holds is None:
            if not verdict.why or verdict.why == self.waiting.why:
                return f"{HELD[None]}: a {self.evidence} of {self.size} runs decides it"
            return f"{HELD[None]}: {spoken(verdict.why).removeprefix('not decided: ')}"
        words = self.seen(verdict, called or counted(self.about)) if np.isfinite(verdict.measured) else ""
        words = words or spoken(verdict.why)
        where = f" at step {verdict.at:g}" if verdict.holds is False and np.isfinite(verdict.at) else ""
        return f"{HELD[verdict.holds]}{where}" + (f": {words}" if words else "")

    def seen(self, verdict: Verdict, called: str) -> str:
        """What a decided verdict with a measured number says of it, behind "Held: " or "Broken: "."""
        return f"{called} {verdict.measured:.4g}, promised {verdict.promised:.4g}"

    def typeset(self, called: str = "") -> str:
        """Its formula with its numbers, as TeX without dollar signs; empty where its kind has none to write."""
        return self.formula or self.usual(called or counted(self.about))

    def usual(self, called: str) -> str:
        """The formula that its kind writes where none is given."""
        return ""

    # -- what there is to draw ----------------------------------------------------------------------------------

    def overlay(self, history: History) -> tuple[np.ndarray, np.ndarray] | None:
        """(k, promised value) to draw over a run, or None when the claim is not a curve."""
        return None

    def drawn(self, history: History) -> tuple[np.ndarray, np.ndarray] | None:
        """The overlay where it is a curve of its own, not the measured one again; else None."""
        return self.overlay(history)

    # -- what a statement over seeds needs ----------------------------------------------------------------------

    def rows(self, history: History) -> np.ndarray:
        """What it looks at in one run: an array (rows, columns), the step first, the measured value last."""
        return np.column_stack(history.series(self.measure))

    def table(self, runs: Sequence[Run]) -> np.ndarray:
        """What it looks at in its finished runs, as `rows`: a row a step, a rung or a rival."""
        return self.rows(runs[0].history)

    def weigh(self, table: np.ndarray) -> Verdict:
        """The verdict on one table."""
        raise NotImplementedError

    def figures(self, tables: np.ndarray) -> Figures:
        """The numbers that decide it on tables (n, rows, columns), NaN where there are too few of them."""
        raise NotImplementedError
