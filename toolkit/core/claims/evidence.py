"""Evidence: how far a run has gone towards what a claim asks of it, and what is missing where that is not enough."""

from __future__ import annotations

from toolkit.core.history import History
from toolkit.core.run import Run
from toolkit.core.stop import BUDGETS, Stop

GROWING, SHORT, WHOLE = "growing", "short", "whole"
OWN = ("converged", "budget", "cancelled")  # ends that a stopping rule or a person sets; the others are the method's


def stage(stop: Stop, run: Run, share: float = 1.0) -> str:
    """How far a run is: GROWING still, WHOLE once it has ended where `stop` would have ended it, else SHORT.

    One that went the `share` of the way to its tolerance or budget is whole too, and so is one that the method ended
    by itself or that came to grief.
    """
    if not run.status.done:
        return GROWING
    own = run.state is not None and run.state.status.done
    if own or run.status.kind not in OWN or stop.first(run.history, 0) is not None:
        return WHOLE
    return WHOLE if stop.progress(run.history) >= share else SHORT


def missing(stop: Stop, history: History) -> str:
    """What a run still needs to end by this rule, in words: "residual ≤ 1e-10 or 40 more steps"."""
    name, goal, parts = stop.column(history), stop.goal(history), []
    if goal > 0 and name in history:
        parts.append(f"{name.replace('_', ' ')} ≤ {goal:.3g}")
    for budget, column in BUDGETS.items():
        most = getattr(stop, budget)
        if most is not None and len(history) and most > history[column][-1]:
            parts.append(f"{most - history[column][-1]:.6g} more {budget}")
    return " or ".join(parts) or "the end of the run"


def outcome(run: Run, measure: str, must_converge: bool) -> float:
    """The last value of a finished run; infinity where it came to grief, NaN where it was ended too soon to count."""
    if run.status.kind == "converged" and must_converge and not _arrived(run):
        return float("nan")
    if run.status.kind == "converged" or (run.status.kind == "budget" and not must_converge):
        return run.history.last(measure)
    return float("nan") if run.status.kind in OWN else float("inf")


def _arrived(run: Run) -> bool:
    """Whether a run called converged is below the tolerance asked for: a method may have ended at its own last term."""
    name, goal = run.stop.column(run.history), run.stop.goal(run.history)
    return goal <= 0 or name not in run.history or not run.history.last(name) > goal


def unstarted(runs) -> str:
    """Which of some finished runs could not start and why, in words; empty where all could."""
    for run in runs:
        if run.state is None:
            return f"{run.method.label()} could not start: {run.status.cause or run.status.kind}"
    return ""
