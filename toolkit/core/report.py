"""What a finished run has to say, printed: how it ended, whether it is the run that was seen, and every verdict."""

from __future__ import annotations

import sys

from toolkit.core.plain import spelt
from toolkit.core.run import Run
from toolkit.core.study import verdicts


def report(run: Run, seen: str = "") -> None:
    """Print how a run ended, its trace beside the fingerprint `seen` elsewhere, and what became of every promise."""
    found = run.history.trace_hash()
    same = "" if not seen else " as seen" if found == seen else f" but {seen} was seen"
    lines = [f"{run.method.label()}: {run.k} steps, {run.status}; trace {found}{same}"]
    lines += [f"    {claim.title or claim.kind} – {verdict}" for claim, verdict in verdicts(run)]
    if len(lines) == 1:
        lines.append(f"    {run.method.no_claim or 'no claim is known of this method on this problem'}")
    for line in lines:
        print(spelt(line, getattr(sys.stdout, "encoding", None)))
