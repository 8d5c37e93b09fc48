"""Legal knobs on which a promise was once broken: it is not made there, or holds."""

import pytest

import toolkit as tk
from toolkit.mesh import ModifiedTASE2, Robertson, VanDerPol

DRAWN = [
    (Robertson(end=0.8070487681669574), ModifiedTASE2(quality=1.9260402797004983, steps=15)),
    (VanDerPol(epsilon=0.3), ModifiedTASE2(refresh=16, steps=6)),
]


@pytest.mark.parametrize("problem, method", DRAWN, ids=lambda one: one.slug())
def test_no_promise_is_broken(problem, method):
    assert all(tk.check(claim, problem, method).holds is not False for claim in method.claims(problem))
