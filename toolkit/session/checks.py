"""A claim about several runs (a ladder, a race), gathered slice by slice so that it can be cancelled."""

from __future__ import annotations

from toolkit.core.claim import Claim, Verdict
from toolkit.core.errors import Breakdown, ToolkitError
from toolkit.core.run import Run
from toolkit.core.study import decided, evidence


class Check:
    """The runs that decide a claim. `go` works on them for a slice and returns the verdict once there is one.

    It decides as `toolkit.check` does; that function runs to the end in one go, this one can stop between slices.
    """

    def __init__(self, claim: Claim, problem, method):
        self.claim = claim
        self._total = len(claim.values) if claim.evidence == "ladder" else 2
        self._coming = evidence(claim, problem, method)
        self._runs: list[Run] = []

    @property
    def words(self) -> str:
        """What is being done."""
        return f"Checking “{self.claim.title or self.claim.kind}”: run {max(1, len(self._runs))} of {self._total}"

    def go(self, seconds: float) -> Verdict | None:
        """Work for about `seconds`."""
        try:
            if not self._runs or self._runs[-1].status.done:
                run = next(self._coming, None)
                if run is None:
                    return decided(self.claim, self._runs)
                self._runs.append(run)
            self._runs[-1].slice(seconds)
            return None
        except Breakdown as trouble:
            return Verdict(False, why=trouble.cause)
        except ToolkitError as mistake:
            return Verdict(None, why=str(mistake))
