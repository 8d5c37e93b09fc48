"""One run that carries many seeds side by side, taken apart into what each of them would have shown alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toolkit.core.history import History
from toolkit.core.probe import Every, Measure, Probe
from toolkit.core.run import Run
from toolkit.core.state import COUNTERS, State
from toolkit.core.status import Status


@dataclass(frozen=True)
class Replica:
    """What a run has shown of one of its seeds: a claim judges it as it judges a run."""

    history: History
    status: Status
    state: State | None


class _Shared:
    """A measure whose array over seeds is computed once a step, whichever of its entries is asked for first."""

    def __init__(self, function: Callable):
        self.function, self._at, self._values = function, None, None

    def entry(self, i: int) -> Callable:
        """The function that measures seed i."""

        def measured(problem, state) -> float:
            if self._at != state.k:
                self._at, self._values = state.k, self.function(problem, state)
            return float(self._values[i])

        return measured


def carried(claim, seeds: int, problem, method) -> tuple | None:
    """(problem, method) of one run that shows what `claim` looks at for all seeds at once, or None.

    Only where the method offers it, where the claim is about a measure (a monitor is one number), and where the run
    ends by its budget: each seed alone would have gone on to the same step.
    """
    if claim.stop.rtol > 0 or claim.stop.atol > 0 or claim.about in method.monitors:
        return None
    return method.replicates(problem, seeds)


def probes(claim, seeds: int, problem, method) -> tuple[Probe, ...]:
    """A probe a seed, at every step, of what the claim is about."""
    known = {one.name: one for one in (*problem.measures(), *method.measures(problem))}
    if claim.about not in known:
        return ()
    shared = _Shared(known[claim.about].function)
    return tuple(
        Probe(Measure(_column(claim.about, i), known[claim.about].title, shared.entry(i)), Every(1))
        for i in range(seeds)
    )


def carries(run: Run, measure: str) -> bool:
    """Whether a run carries seeds side by side."""
    return _column(measure, 0) in run.history


def taken_apart(run: Run, measure: str, seeds: int) -> list[Replica]:
    """What a run has shown of each of its seeds: its own steps, work and monitors, and the measure of that seed."""
    found, whole = [], run.history
    for i in range(seeds):
        history = History(whole.monitors, (measure,))
        columns = {name: whole[name] for name in ("k", *COUNTERS, "seconds", *whole.monitors)}
        history.append(**columns, **{measure: whole[_column(measure, i)]})
        found.append(Replica(history, run.status, run.state))
    return found


def _column(measure: str, seed: int) -> str:
    return f"{measure}[{seed}]"
