"""The product of a grid's stencil with a vector, against a copy of the vector: what memory allows.

`pytest tests/bench/bench_mesh_stencil.py`. Both read a vector and write one; the ratio is the copy's time over the
product's, so that 0.67 is one and a half times what memory allows. The copy is a threaded loop of ours.
"""

import numba
import numpy as np
import pytest

from toolkit.kernels._jit import threaded
from toolkit.preconditioner.stencils.grid_operator import GridOperator


@threaded
def copy(out, u):
    for i in numba.prange(u.size):
        out[i] = u[i]


@pytest.mark.parametrize("n, coefficients", [(4097, (1.0, 1.0)), (257, (1.0, 1.0, 1.0))], ids=["5 points", "7 points"])
def test_product_against_a_copy(ratio, n, coefficients):
    operator = GridOperator(n, coefficients)
    u, out = np.random.default_rng(0).standard_normal(operator.size), np.zeros(operator.size)
    ratio(lambda: operator.multiply(u, out), lambda: copy(out, u), target=">= 0.67", rounds=21)
