"""Orders that are judged only where the errors have settled on a power of the step."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from toolkit.core.claim import Order

ROUNDING = 1e-11  # errors at the end below it are not the sampler's alone


@dataclass(frozen=True, kw_only=True)
class SettledOrder(Order):
    """An order of convergence, broken only where the errors have settled on a lower one.

    Order is a statement about small steps. Particles that pass between modes far apart may need smaller ones than any
    ladder has: then the slope still changes from rung to rung, by more than `tol`, or that of the two finest rungs is
    the promised one. And on a special law (one round Gaussian) the leading term may vanish: the slope settles on a
    higher one. Neither breaks the promise nor shows it; the verdict leaves it open and says why.
    Reference: P. J. Roache (1994), doi:10.1115/1.2910291 (whether a range is asymptotic is itself to be checked).
    """

    kind = "order"

    def decide(self, rungs, results):
        verdict = super().decide(rungs, results)
        if verdict.holds or not np.all(results > 0):
            return verdict
        slopes = np.diff(np.log(results)) / np.diff(np.log(rungs)) * (1 if self.growing else -1)
        told = ", ".join(f"{slope:.2f}" for slope in slopes)
        if np.any(results < ROUNDING):
            why = "errors as small as rounding's"
        elif abs(slopes[-1] - self.p) <= self.tol or np.ptp(slopes[-2:]) > self.tol:
            why = f"the steps are not in the asymptotic range yet, slopes from rung to rung {told}"
        elif slopes[-1] > self.p:
            why = f"a higher order than promised, as the leading term vanishes on this law; slopes {told}"
        else:
            return verdict
        return replace(verdict, holds=None, why=f"not decided: {why}")
