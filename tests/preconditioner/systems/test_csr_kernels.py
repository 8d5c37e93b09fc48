"""Sparse rows: products, sweeps and many-step methods against SciPy, dense algebra and the formulas of the books."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.kernels.sparse import csr, incomplete, krylov

EPS = np.finfo(float).eps
RNG = np.random.default_rng


def vector(n, dtype=float, seed=0):
    rng = RNG(seed)
    v = rng.standard_normal(n)
    return v + 1j * rng.standard_normal(n) if dtype is complex else v


def poisson(m):
    """The 5-point Laplacian on m x m points."""
    one = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(m, m))
    return sorted_csr(sp.kron(one, sp.eye_array(m)) + sp.kron(sp.eye_array(m), one))


def sorted_csr(matrix):
    made = sp.csr_array(matrix)
    made.sort_indices()
    return made


def random_matrix(n, m, density, dtype, seed):
    """Random entries, some rows empty."""
    rng = RNG(seed)
    made = sp.random_array((n, m), density=density, rng=rng, format="csr")
    return sorted_csr(made + 1j * sp.random_array((n, m), density=density, rng=rng) if dtype is complex else made)


def definite(n, dtype, seed=0):
    """Hermitian positive definite by diagonal dominance, sparse, badly scaled diagonal."""
    half = random_matrix(n, n, min(1.0, 4 / n), dtype, seed)
    whole = half + half.conj().T
    scale = 1 + 9 * RNG(seed).random(n)
    return sorted_csr(whole + sp.diags_array(abs(whole).sum(axis=1) + scale))


def rounding(matrix, x):
    """Entrywise bound of the rounding error of A x: γ_m |A| |x|, m entries a row (Higham 2002, eq. 3.12)."""
    longest = int(np.diff(matrix.indptr).max(initial=0)) + 4
    return 2 * longest * EPS * (abs(matrix) @ abs(x)) + np.finfo(float).tiny


dtypes = pytest.mark.parametrize("dtype", [float, complex])
flavours = st.sampled_from([float, complex])


@settings(deadline=None, max_examples=40)
@given(n=st.integers(1, 60), m=st.integers(1, 60), density=st.floats(0, 1), dtype=flavours, seed=st.integers(0, 99))
def test_product_equals_scipys_on_any_matrix(n, m, density, dtype, seed):
    A, x, out = random_matrix(n, m, density, dtype, seed), vector(m, dtype, seed), np.empty(n, dtype)
    csr.product(*csr.views(A), x, out, False)
    assert np.all(abs(out - A @ x) <= rounding(A, x))


def test_a_matrix_that_comes_from_memory():
    """Past `CACHED` entries lines are asked for ahead of their use; the numbers are the same."""
    A, x = poisson(470), vector(470**2)
    assert A.nnz > csr.CACHED
    out, r = np.empty_like(x), np.empty_like(x)
    csr.product(*csr.views(A), x, out, True)
    np.testing.assert_allclose(out, A @ x, atol=16 * EPS * abs(x).max() * 8)
    assert csr.residual(*csr.views(A), x, x, r, True) == pytest.approx(np.sum((x - A @ x) ** 2), rel=1e-12)
    few = sorted_csr(A[:1024])
    csr.product(*csr.views(few), x, rows := np.empty(1024), False)
    assert np.array_equal(rows, out[:1024])


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 60), density=st.floats(0, 1), dtype=flavours, seed=st.integers(0, 99))
def test_residual_and_its_norm(n, density, dtype, seed):
    A, x, b, r = random_matrix(n, n, density, dtype, seed), vector(n, dtype, 1), vector(n, dtype, 2), np.empty(n, dtype)
    square = csr.residual(*csr.views(A), x, b, r, False)
    assert np.all(abs(r - (b - A @ x)) <= rounding(A, x) + 4 * EPS * abs(b))
    assert square == pytest.approx(np.linalg.norm(r) ** 2, rel=(n + 4) * EPS)


@dtypes
@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 5000])
def test_threads_change_no_bit(n, dtype):
    """Blocks are summed in order: one thread, two threads and the serial loop agree exactly."""
    A, x, b = definite(n, dtype), vector(n, dtype, 1), vector(n, dtype, 2)
    d, found, before = 1 / A.diagonal(), [], numba.get_num_threads()
    for threads, wide in ((before, True), (1, True), (before, False)):
        numba.set_num_threads(threads)
        out, r, y = np.empty_like(x), np.empty_like(x), x.copy()
        csr.product(*csr.views(A), x, out, wide)
        square = csr.residual(*csr.views(A), x, b, r, wide)
        rows = np.empty((3, 1))
        csr.jacobi(*csr.views(A), d, 0.7, b, y, r.copy(), 1.0, rows, wide)
        cg, cheb = pcg(A, d, b, 5, wide=wide), semi_iteration(A, d, b, 0.1, 2.0, 5, wide=wide)
        found.append([out, r, y, square, rows, *cg[:3], *cheb[:2]])
    numba.set_num_threads(before)
    for other in found[1:]:
        assert all(np.array_equal(one, two) for one, two in zip(found[0], other))


def test_diagonal_is_found_and_a_missing_entry_is_named():
    A = sorted_csr(np.array([[2.0, 1.0, 0.0], [1.0, 0.0, 3.0], [0.0, 4.0, 5.0]]))
    out = np.empty(3)
    assert csr.diagonal(*csr.views(A), out) == 1
    assert out.tolist() == [2.0, 0.0, 5.0]
    assert csr.diagonal(*csr.views(poisson(3)), np.empty(9)) == -1


def splitting(A, omega, order):
    """M of the sweep x ← x + M⁻¹ (b - A x); Saad (2003), eqs. (4.10), (4.11), (4.27)."""
    dense = A.toarray()
    D, L, U = np.diag(np.diag(dense)), np.tril(dense, -1), np.triu(dense, 1)
    if order:
        return D / omega + (L if order > 0 else U)
    return omega / (2 - omega) * (D / omega + L) @ np.linalg.inv(D) @ (D / omega + U)


@dtypes
@pytest.mark.parametrize("order", [1, -1, 0])
@pytest.mark.parametrize("omega", [1.0, 1.6, 0.4])
def test_sor_is_its_splitting(order, omega, dtype):
    """n sweeps are n steps x ← x + M⁻¹ (b - A x); the reported norm is that of b - A x."""
    A, b, x = definite(30, dtype), vector(30, dtype, 1), vector(30, dtype, 2)
    d, rows, r, expected = 1 / A.diagonal(), np.empty((4, 1)), np.empty_like(b), x.copy()
    assert csr.sor(*csr.views(A), d, omega, b, x, r, 3.0, rows, order, False) == 4
    for row in rows[:, 0]:
        expected += np.linalg.solve(splitting(A, omega, order), b - A @ expected)
        assert row == pytest.approx(np.linalg.norm(b - A @ expected) / 3.0, rel=1e-10)
    np.testing.assert_allclose(x, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(r, b - A @ x, atol=1e-12)


@dtypes
@pytest.mark.parametrize("omega", [1.0, 1.6, 0.4])
def test_sor_and_ssor_as_preconditioners(omega, dtype):
    A, r = definite(30, dtype, 3), vector(30, dtype, 1)
    for apply, order in ((csr.sor_apply, 1), (csr.ssor_apply, 0)):
        z = np.full_like(r, np.nan)
        apply(*csr.views(A), 1 / A.diagonal(), omega, r, z)
        np.testing.assert_allclose(splitting(A, omega, order) @ z, r, atol=1e-12)


@dtypes
def test_jacobi_is_its_splitting(dtype):
    A, b, x = definite(30, dtype), vector(30, dtype, 1), vector(30, dtype, 2)
    d, rows, expected = 1 / A.diagonal(), np.empty((4, 2)), x.copy()
    r = b - A @ x
    assert csr.jacobi(*csr.views(A), d, 0.8, b, x, r, 2.0, rows, False) == 4
    for row in rows[:, 0]:
        expected = expected + 0.8 * d * (b - A @ expected)
        assert row == pytest.approx(np.linalg.norm(b - A @ expected) / 2.0, rel=1e-10)
    np.testing.assert_allclose(x, expected, rtol=1e-12, atol=1e-12)


def test_a_constant_diagonal_may_be_given_once():
    A, b = poisson(7), vector(49)
    one, all_ = np.array([0.25]), np.full(49, 0.25)
    for run in (pcg, lambda A, d, b, n: semi_iteration(A, d, b, 0.1, 2.0, n)):
        np.testing.assert_allclose(run(A, one, b, 6)[0], run(A, all_, b, 6)[0], rtol=1e-12)
    for order in (1, -1, 0):
        x, y, r = np.zeros(49), np.zeros(49), np.empty(49)
        csr.sor(*csr.views(A), one, 1.3, b, x, r, 1.0, np.empty((3, 1)), order, False)
        csr.sor(*csr.views(A), all_, 1.3, b, y, r, 1.0, np.empty((3, 1)), order, False)
        assert np.array_equal(x, y)


def test_a_diverging_iteration_stops_at_the_first_number_that_is_not_finite():
    A, b, x = poisson(5), vector(25), np.zeros(25)
    rows = np.zeros((2000, 1))
    done = csr.jacobi(*csr.views(A), 1 / A.diagonal(), 5.0, b, x, b.copy(), 1.0, rows, False)
    assert done < 2000 and np.isfinite(rows[: done - 1]).all() and not np.isfinite(rows[done - 1, 0])
    rows = np.zeros((20000, 1))
    done = csr.sor(*csr.views(A), 1 / A.diagonal(), 2.5, b, np.zeros(25), b.copy(), 1.0, rows, 1, False)
    assert done < 20000 and np.isfinite(rows[: done - 1]).all() and not np.isfinite(rows[done - 1, 0])


# -- many steps in one call ---------------------------------------------------------------------------------------


def pcg(A, d, b, steps, *, chunk=None, wide=False, norm=1.0):
    """(x, r, rows, steps done, code) of `pcg_diagonal` from x = 0, in calls of `chunk` steps."""
    x, r, p, q, scalars, rows = np.zeros_like(b), b.copy(), np.empty_like(b), np.empty_like(b), np.empty(1), []
    krylov.pcg_start(d, r, p, scalars)
    while steps > 0:
        part = np.full((min(steps, chunk or steps), 1), np.nan)
        done, code = krylov.pcg_diagonal(*csr.views(A), d, x, r, p, q, scalars, norm, part, wide)
        rows.append(part[:done])
        steps -= len(part)
        if code != krylov.DONE:
            break
    rows = np.concatenate(rows)
    return x, r, rows, len(rows), code


def pcg_ic0(A, b, steps, *, chunk=None, wide=False):
    lower = sorted_csr(sp.tril(A))
    indptr, indices, data = csr.views(lower)
    data, d = data.copy(), np.empty(len(b))
    assert incomplete.ic0(indptr, indices, data, d) == -1
    factor = indptr, indices, data, d
    x, r, p, q, z, scalars = np.zeros_like(b), b.copy(), *(np.empty_like(b) for _ in range(3)), np.empty(1)
    krylov.pcg_ic0_start(*factor, r, z, x, p, scalars)
    rows = np.empty((steps, 1))
    for i in range(0, steps, chunk or steps):
        part = rows[i : i + (chunk or steps)]
        _, code = krylov.pcg_ic0(*csr.views(A), *factor, x, r, p, q, z, scalars, 1.0, part, wide)
        if code != krylov.DONE:
            break
    return x, rows, sp.csr_array((data, lower.indices, lower.indptr), shape=A.shape)


def semi_iteration(A, d, b, low, high, steps, *, chunk=None, wide=False):
    x, r, directions, scalars = np.zeros_like(b), b.copy(), np.empty((2, len(b)), b.dtype), np.empty(2)
    krylov.chebyshev_start(d, low, high, r, directions, scalars)
    rows = np.empty((steps, 1))
    for i in range(0, steps, chunk or steps):
        part = rows[i : i + (chunk or steps)]
        krylov.chebyshev(*csr.views(A), d, low, high, x, r, directions, scalars, 1.0, part, wide)
    return x, rows, r


@dtypes
def test_pcg_gives_scipys_iterates(dtype):
    A, b = definite(300, dtype), vector(300, dtype)
    d = 1 / A.diagonal().real
    expected = []
    spla.cg(A, b, rtol=0, atol=0, maxiter=8, M=sp.diags_array(d), callback=lambda x: expected.append(x.copy()))
    for k in range(1, 9):
        x, r, rows, done, code = pcg(A, d, b, k, norm=np.linalg.norm(b))
        assert (done, code) == (k, krylov.DONE)
        np.testing.assert_allclose(x, expected[k - 1], rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(r, b - A @ x, atol=1e-12)
        assert rows[-1, 0] == pytest.approx(np.linalg.norm(r) / np.linalg.norm(b), rel=1e-12)


@dtypes
def test_k_calls_of_one_step_are_one_call_of_k_steps(dtype):
    A, b = definite(1500, dtype), vector(1500, dtype)
    d = 1 / A.diagonal().real
    for run in (
        lambda chunk: pcg(A, d, b, 9, chunk=chunk)[:3],
        lambda chunk: pcg_ic0(A, b, 9, chunk=chunk)[:2],
        lambda chunk: semi_iteration(A, d, b, 0.1, 2.0, 9, chunk=chunk),
    ):
        whole = run(None)
        for chunk in (1, 2):
            assert all(np.array_equal(one, two) for one, two in zip(whole, run(chunk)))


@dtypes
def test_pcg_with_incomplete_cholesky_gives_scipys_iterates(dtype):
    A, b = definite(200, dtype), vector(200, dtype)
    _, _, L = pcg_ic0(A, b, 1)
    dense = L.toarray()
    M = spla.LinearOperator(
        A.shape, dtype=A.dtype, matvec=lambda r: np.linalg.solve(dense.conj().T, np.linalg.solve(dense, r))
    )
    for k in (1, 2, 5):
        x, rows, _ = pcg_ic0(A, b, k)
        expected = spla.cg(A, b, rtol=0, atol=0, maxiter=k, M=M)[0]
        np.testing.assert_allclose(x, expected, rtol=1e-10, atol=1e-12)
        assert rows[-1, 0] == pytest.approx(np.linalg.norm(b - A @ x), rel=1e-6)


def test_an_exact_factor_ends_cg_in_one_step():
    """No fill is lost on a tridiagonal matrix: L Lᵀ = A, and the first step gives A⁻¹ b."""
    A = sorted_csr(sp.diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(40, 40)))
    b = vector(40)
    np.testing.assert_allclose(pcg_ic0(A, b, 1)[0], np.linalg.solve(A.toarray(), b), rtol=1e-12, atol=1e-14)


@dtypes
def test_chebyshev_is_the_shifted_chebyshev_polynomial(dtype):
    """D^½ r_k = T_k((θ - H)/δ) / T_k(θ/δ) D^-½ r_0 with H = D^-½ A D^-½ (Saad 2003, section 12.3.2)."""
    A, b = definite(40, dtype), vector(40, dtype)
    d = 1 / A.diagonal().real
    values, vectors = np.linalg.eigh(np.sqrt(d)[:, None] * A.toarray() * np.sqrt(d))
    low, high = 0.9 * values[0], 1.05 * values[-1]
    theta, delta = (low + high) / 2, (high - low) / 2
    for k in (1, 2, 7):
        x, rows, r = semi_iteration(A, d, b, low, high, k)
        T = np.polynomial.Chebyshev.basis(k)
        expected = vectors @ (T((theta - values) / delta) / T(theta / delta) * (vectors.conj().T @ (np.sqrt(d) * b)))
        np.testing.assert_allclose(np.sqrt(d) * r, expected, atol=1e-12)
        np.testing.assert_allclose(r, b - A @ x, atol=1e-12)
        assert rows[-1, 0] == pytest.approx(np.linalg.norm(r), rel=1e-12)


def test_chebyshev_on_a_single_eigenvalue_is_exact_at_once():
    A, b = sorted_csr(sp.diags_array(np.arange(1.0, 9.0))), vector(8)
    x = semi_iteration(A, 1 / A.diagonal(), b, 1.0, 1.0, 1)[0]
    np.testing.assert_allclose(x, b / np.arange(1.0, 9.0), rtol=1e-15)


def test_an_indefinite_matrix_is_told_and_nothing_is_spoilt():
    A = sorted_csr(np.diag([1.0, -1.0]))
    x, r, _, done, code = pcg(A, np.ones(1), np.array([1.0, 2.0]), 5)
    assert (done, code) == (0, krylov.CURVATURE)
    assert x.tolist() == [0, 0] and r.tolist() == [1, 2]


def test_a_vanished_residual_has_no_curvature():
    assert pcg(poisson(3), np.ones(1), np.zeros(9), 5)[3:] == (0, krylov.CURVATURE)


def test_overflow_is_told():
    A = sorted_csr(np.diag([1.0, 2.0]))
    assert pcg(A, np.ones(1), np.array([np.nan, 1.0]), 5)[3:] == (0, krylov.OVERFLOW)
    assert pcg(A, np.ones(1), np.array([1e200, 1e200]), 5)[3:] == (0, krylov.OVERFLOW)


@pytest.mark.parametrize("n", [1, 5])
def test_the_same_formulas_in_plain_python(n):
    """With the loops run by the interpreter: what is compiled is what is written."""
    A, b = definite(n, float), vector(n)
    views, d = csr.views(A), 1 / A.diagonal()
    compiled, plain = np.empty(n), np.empty(n)
    csr.product(*views, b, compiled, True)
    csr._product_rows.py_func(*views, b, plain, 0, n)
    np.testing.assert_allclose(plain, compiled, rtol=1e-14)
    x, y = np.zeros(n), np.zeros(n)
    csr._relax_rows.py_func(*views, d, 1.2, b, x, 0, n, 1)
    csr.sweep(*views, d, 1.2, b, y, True)
    np.testing.assert_allclose(x, y, rtol=1e-14)
    p, q, s, t = b.copy(), np.empty(n), np.empty(n), np.empty((2, n))
    assert krylov._product_block.py_func(*views, p, q, 0, n) == pytest.approx(b @ (A @ b), rel=1e-13)
    s[:] = b
    rho, square = krylov._residual_block.py_func(0.5, d, q, s, 0, n)
    assert (rho, square) == (pytest.approx(s @ (d * s), rel=1e-13), pytest.approx(s @ s, rel=1e-13))
    s[:] = b
    krylov._chebyshev_block.py_func(*views, d, 0.3, 0.2, np.zeros(n), s, p, t[0], 0, n)
    np.testing.assert_allclose(t[0], 0.3 * b + 0.2 * d * (b - A @ b), rtol=1e-12, atol=1e-13)
