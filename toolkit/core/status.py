"""How a run stands: running, or ended with a cause and a next step."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("running", "converged", "budget", "stagnated", "diverged", "non-finite", "breakdown", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Status:
    """One of `KINDS`, its cause in words, and what to do next."""

    kind: str = "running"
    cause: str = ""
    advice: str = ""

    @property
    def done(self) -> bool:
        """Whether the run has ended."""
        return self.kind != "running"

    def __str__(self) -> str:
        return ". ".join(
            part for part in (f"{self.kind}: {self.cause}" if self.cause else self.kind, self.advice) if part
        )


RUNNING = Status()
