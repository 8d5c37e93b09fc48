"""Recycling one vector where all harmonic Ritz values come in complex pairs: none fits, and the run goes on."""

import toolkit as tk
from toolkit.preconditioner import GCRODR, SOR, ShiftedSequence


def test_a_pair_that_does_not_fit_leaves_what_is_recycled():
    problem = ShiftedSequence(count=60, n=6, seed=763537215, tol=5.852446312359581e-07, variance="low")
    method = GCRODR(k=1, m=34, preconditioner=SOR(), sort=False, tol=4.626379277876118e-06)
    assert tk.solve(problem, method).status.done
