"""What a table shows of a measure, gathered from the claims that are about it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.core.claims.base import Claim
from toolkit.core.claims.rate import factor_of
from toolkit.core.claims.verdict import Observed, Verdict
from toolkit.core.history import History


def figures(claims: tuple[Claim, ...], verdicts: dict[int, Verdict], history: History, measure: str) -> Observed:
    """What a table shows of a measure: the order of convergence where a claim promises one of it, else the factor.

    Of several factors it is the smallest that is promised; without a claim there is only the observed one.
    """
    rates = []
    for i, claim in enumerate(claims):
        seen = claim.observed(history) if claim.about == measure and measure in history else None
        if seen is not None and seen.order:
            return replace(seen, observed=verdicts[i].measured if i in verdicts else seen.observed)
        rates += [seen] if seen is not None and np.isfinite(seen.promised) else []
    return min(rates, key=lambda one: one.promised, default=Observed(factor_of(history, measure), float("nan")))
