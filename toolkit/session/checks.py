"""A claim that is decided when somebody asks (a ladder, a race, a crowd), gathered slice by slice."""

from __future__ import annotations

from toolkit.core.claims import Claim, Verdict, undecided
from toolkit.core.errors import ToolkitError
from toolkit.core.patience import CalledOff
from toolkit.core.study import Checked, checking

SLICE = 0.01


class Check:
    """`study.checking` for a page: a caller's mistake is a verdict too, and what is being done is said in words.

    `go` works for a slice and returns the verdict once there is one; who wants no more of it lets it go.
    """

    def __init__(self, claim: Claim, problem, method, seconds: float = SLICE):
        self.claim = claim
        self._steps = checking(claim, problem, method, seconds)
        self._seen: Checked | None = None

    @property
    def words(self) -> str:
        """What is being done."""
        at = f": run {self._seen.at} of {self._seen.of}" if self._seen is not None else ""
        return f"Checking “{self.claim.title or self.claim.kind}”{at}"

    def go(self) -> Verdict | None:
        """Work for about one slice."""
        try:
            self._seen = next(self._steps)
            return self._seen.verdict
        except ToolkitError as mistake:
            return undecided(str(mistake))
        except CalledOff:
            return undecided("called off")
