"""Sparse rows against SciPy: products, Jacobi-preconditioned CG a step. `pytest tests/bench/bench_csr.py`.

Both sides start from the same matrix and vectors; what SciPy's functions allocate is part of their time.
"""

import toolkit  # noqa: F401, I001 - first: it keeps BLAS threads from spinning on the second core, for both sides
import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from toolkit.kernels.sparse import csr
from toolkit.kernels.sparse import krylov

SIDES = [256, 1024]


def poisson(m):
    one = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(m, m))
    A = sp.csr_array(sp.kron(one, sp.eye_array(m)) + sp.kron(sp.eye_array(m), one))
    A.sort_indices()
    return A, np.random.default_rng(0).standard_normal(m * m)


@pytest.mark.parametrize("m", SIDES)
def test_product(ratio, m):
    A, x = poisson(m)
    views, out, wide = csr.views(A), np.empty_like(x), csr.is_wide(A.nnz)
    ratio(lambda: csr.product(*views, x, out, wide), lambda: A @ x, target="1.8" if m > 256 else "1", rounds=41)


@pytest.mark.parametrize("m", SIDES)
def test_jacobi_pcg_step(ratio, m):
    A, b = poisson(m)
    d, steps, wide = 1 / A.diagonal(), 2_000_000 // (m * m) + 8, krylov.is_wide(A.nnz)
    views, norm, M = csr.views(A), np.linalg.norm(b), spla.LinearOperator(A.shape, lambda r: d * r, dtype=float)
    rows, scalars = np.empty((steps, 1)), np.empty(1)
    x, r, p, q = (np.empty_like(b) for _ in range(4))

    def ours():
        x[:], r[:] = 0, b
        krylov.pcg_start(d, r, p, scalars)
        krylov.pcg_diagonal(*views, d, x, r, p, q, scalars, norm, rows, wide)

    def peer():
        return spla.cg(A, b, rtol=0, atol=0, maxiter=steps, M=M)[0]

    ratio(ours, peer, target="1.7" if m > 256 else "1")
    np.testing.assert_allclose(x, peer(), rtol=1e-8, atol=1e-10)
