"""Promises that many families of this lab make in the same words."""

from __future__ import annotations

import numpy as np

from toolkit.core.claim import Bound


def at_most_one(measure: str, **about) -> Bound:
    """A share of a bound, error over bound say, never exceeds one."""
    return Bound(measure=measure, curve=lambda k, values: np.ones(len(k)), **about)
