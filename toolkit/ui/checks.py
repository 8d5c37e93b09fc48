"""A claim about several runs (a ladder, a race), gathered slice by slice so that it can be cancelled."""

from __future__ import annotations

import numpy as np

from toolkit.core.claim import Claim, Verdict
from toolkit.core.errors import Breakdown, ToolkitError
from toolkit.core.probe import Every, Probe
from toolkit.core.run import Run
from toolkit.core.study import rung


class Check:
    """The runs that decide a claim. `go` works on them for a slice and returns the verdict once there is one.

    It decides as `toolkit.check` does; that function runs to the end in one go, this one can stop between slices.
    """

    def __init__(self, claim: Claim, problem, method):
        self.claim = claim
        if claim.evidence == "ladder":
            self._pairs = [rung(problem, method, claim.over, value) for value in claim.values]
        else:
            self._pairs = [(claim.on or problem, one) for one in (method, claim.other)]
        self._runs: list[Run] = []

    @property
    def words(self) -> str:
        """What is being done."""
        return f"Checking “{self.claim.title or self.claim.kind}”: run {max(1, len(self._runs))} of {len(self._pairs)}"

    def go(self, seconds: float) -> Verdict | None:
        """Work for about `seconds`."""
        try:
            if not self._runs or self._runs[-1].status.done:
                if len(self._runs) == len(self._pairs):
                    return self._decided()
                problem, method = self._pairs[len(self._runs)]
                self._runs.append(Run(problem, method, self.claim.stop, _watching(self.claim.measure, problem, method)))
            self._runs[-1].slice(seconds)
            return None
        except Breakdown as trouble:
            return Verdict(False, why=trouble.cause)
        except ToolkitError as mistake:
            return Verdict(None, why=str(mistake))

    def _decided(self) -> Verdict:
        claim = self.claim
        ladder = claim.evidence == "ladder"
        must = not ladder or claim.kind == "flat"
        kinds = ("converged",) if must else ("converged", "budget")
        lost = float("nan") if ladder else float("inf")
        results = [run.history.last(claim.measure) if run.status.kind in kinds else lost for run in self._runs]
        if ladder:
            return claim.decide(np.array(claim.values, dtype=float), np.array(results))
        return claim.decide(*results)


def _watching(measure: str, problem, method) -> tuple[Probe, ...]:
    known = {one.name: one for one in (*problem.measures(), *method.measures(problem))}
    return (Probe(known[measure], Every(1)),) if measure in known and measure not in method.monitors else ()
