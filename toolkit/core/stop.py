"""When a run ends: tolerances on a measure, budgets, stagnation, divergence, non-finite values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.core.history import History
from toolkit.core.knob import Knobbed, knob
from toolkit.core.status import Status

BUDGETS = {"steps": "k", "matvecs": "matvecs", "nfe": "nfe", "flops": "flops", "seconds": "seconds"}


@dataclass(frozen=True)
class Stop(Knobbed):
    """Converged when measure ≤ max(atol, rtol · its first value); ended when a budget is spent or nothing moves.

    A measure with a unit of its own (`Problem.units`) has that in place of its first value: residuals of A x = b are
    relative to ‖b‖ wherever a run starts. Where it is to be the start's, give atol = rtol · ‖b − A x₀‖/‖b‖.
    `measure` is any recorded column; empty means the method's first monitor. Budgets that are None are not limits.
    """

    measure: str = knob("", doc="column that is compared with the tolerances; empty: the method's own residual")
    rtol: float = knob(1e-8, 0, 1, log=True, doc="tolerance relative to the first value, of residuals to ‖b‖")
    atol: float = knob(0.0, 0, doc="absolute tolerance")
    steps: int = knob(10_000, 0, doc="most steps", optional=True)
    matvecs: int = knob(None, 0, kind=int, doc="most operator products")
    nfe: int = knob(None, 0, kind=int, doc="most function evaluations")
    flops: float = knob(None, 0, kind=float, doc="most floating-point operations")
    seconds: float = knob(None, 0, kind=float, unit="s", doc="most seconds")
    divergence: float = knob(1e10, 1, log=True, doc="growth over the first value that counts as divergence")
    stagnation: int = knob(0, 0, doc="steps without a gain of one percent that count as stagnation; 0: never")

    def column(self, history: History) -> str:
        """The column that is compared with the tolerances; empty when nothing is monitored."""
        return self.measure or (history.monitors[0] if history.monitors else "")

    def goal(self, history: History) -> float:
        """The value at which the run has converged; 0 where nothing is compared."""
        name = self.column(history)
        if name not in history or not len(history):
            return 0.0
        unit = history.unit(name)
        return float(max(self.atol, self.rtol * unit) if np.isfinite(unit) else self.atol)

    def progress(self, history: History) -> float:
        """How far a run is, from 0 to 1: along its budget, or its tolerance on a log scale, whichever is further."""
        if not len(history):
            return 0.0
        limits = [(column, getattr(self, budget)) for budget, column in BUDGETS.items()]
        parts = [history[column][-1] / most for column, most in limits if most]
        name, goal = self.column(history), self.goal(history)
        values = history.series(name)[1] if name in history else ()
        if len(values) and 0 < goal < values[0] and values[-1] > 0:
            parts.append(np.log(values[0] / values[-1]) / np.log(values[0] / goal))
        return float(np.clip(max(parts, default=0.0), 0.0, 1.0))

    def outlook(self, history: History) -> float:
        """How far to go in one compiled call without overshooting the tolerance much; infinity where there is none.

        Not more steps than have been seen, and half of those that seem needed by the decline over the last ones, as the
        guess is rough and Krylov methods speed up; but 16 at least, as a call costs about as much.
        """
        name = self.column(history)
        values, goal = history[name][-64:] if name in history.monitors else (), self.goal(history)
        if not len(values) or not goal > 0:
            return np.inf
        needed = np.inf
        if 0 < values[-1] < values[0] < np.inf:
            needed = np.log(values[-1] / goal) / (np.log(values[0] / values[-1]) / (len(values) - 1))
        return max(16.0, min(len(history), np.ceil(needed / 2)))

    def first(self, history: History, start: int) -> tuple[int, Status] | None:
        """(row, status) of the first row from `start` on where the run ends, or None."""
        found = [rule for rule in self._rules(history, start) if rule is not None]
        return min(found, key=lambda rule: rule[0]) if found else None

    def _rules(self, history: History, start: int):
        name = self.column(history)
        for monitor in dict.fromkeys((*history.monitors, name)):
            if monitor in history:
                values = history[monitor][start:]
                bad = np.isinf(values) if monitor in history.probes else ~np.isfinite(values)
                yield _hit(bad, start, "non-finite", f"{monitor} is no longer finite", "Try a smaller parameter")
        if name in history:
            yield from self._tolerances(history, start, name, self.goal(history))
        for budget, column in BUDGETS.items():
            most = getattr(self, budget)
            if most is not None:
                spent = history[column][start:] >= most
                if budget == "seconds":  # a clock is not run back: what was done counts
                    spent[:-1] = False
                yield _hit(spent, start, "budget", f"{most:g} {budget} are spent", f"Raise the budget of {budget}")

    def _tolerances(self, history: History, start: int, name: str, goal: float):
        values, first = history[name], max(history[name][0], history.units.get(name, 0.0))
        yield _hit(values[start:] <= goal, start, "converged", f"{name.replace('_', ' ')} ≤ {goal:.3g}", "")
        if first > 0:
            cause = f"{name} grew {self.divergence:.0e}-fold"
            advice = "The iteration does not converge on this problem"
            yield _hit(values[start:] > self.divergence * first, start, "diverged", cause, advice)
        if self.stagnation:
            since = max(0, start - self.stagnation)
            best = np.fmin(np.fmin.accumulate(values[since:]), np.fmin.reduce(values[: since + 1]))
            old = np.concatenate((np.full(max(0, self.stagnation - start), np.inf), best))[: len(values) - start]
            idle = best[start - since :] > 0.99 * old
            cause = f"{name} gained less than 1 % in {self.stagnation} steps"
            yield _hit(idle, start, "stagnated", cause, "Change the method or its preconditioner")


def _hit(where, start: int, kind: str, cause: str, advice: str):
    rows = np.flatnonzero(where)
    return (start + int(rows[0]), Status(kind, cause, advice)) if len(rows) else None


THROUGH = Stop(rtol=0.0, steps=None)  # to the end that the method itself sets
THROUGH_GROWTH = THROUGH.turned(divergence=1e300)  # the same, where growth is no divergence
