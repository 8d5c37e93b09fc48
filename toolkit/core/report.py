"""What a finished run has to say, printed: how it ended, whether it is the run that was seen, and every verdict."""

from __future__ import annotations

import sys

from toolkit.core.likeness import compared, read
from toolkit.core.plain import spelt
from toolkit.core.run import Run
from toolkit.core.study import verdicts


def report(run: Run, seen: dict | None = None) -> None:
    """Print how a run ended, whether it is the one that was `seen` (as a spec says it), and what became of promises."""
    words = compared(run, read(seen)).words
    trace = run.history.trace_hash() + (f", {words}" if words else "")
    lines = [f"{run.method.label()}: {run.k} steps, {run.status}; trace {trace}"]
    named = {one.name: one.title for one in (*run.problem.measures(), *run.method.measures(run.problem))}
    for claim, verdict in verdicts(run):
        lines.append(f"    {claim.title or claim.kind} – {claim.told(verdict, named.get(claim.about, ''))}")
    if len(lines) == 1:
        lines.append(f"    {run.method.no_claim or 'no claim is known of this method on this problem'}")
    for line in lines:
        print(spelt(line, getattr(sys.stdout, "encoding", None)))
