"""Incomplete factorisations: what defines them, where they are exact, and how they fail."""

import numpy as np
import pytest
import scipy.linalg as sl
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.kernels.sparse import csr, incomplete


def sorted_csr(matrix):
    made = sp.csr_array(matrix)
    made.sort_indices()
    return made


def dominant(n, density, dtype, seed, hermitian):
    """Strictly diagonally dominant with positive diagonal: both factorisations exist (an H-matrix)."""
    rng = np.random.default_rng(seed)
    half = sp.random_array((n, n), density=density, rng=rng, data_sampler=rng.standard_normal)
    if dtype is complex:
        half = half + 1j * sp.random_array((n, n), density=density, rng=rng, data_sampler=rng.standard_normal)
    whole = half + half.conj().T if hermitian else half
    whole = whole - sp.diags_array(whole.diagonal())
    return sorted_csr(whole + sp.diags_array(abs(whole).sum(axis=1) + 1 + rng.random(n)))


def tridiagonal(n, dtype, hermitian=True):
    upper = -0.9 + (0.4j if dtype is complex else 0)
    lower = np.conj(upper) if hermitian else -0.3
    return sorted_csr(sp.diags_array([lower, 2.5, upper], offsets=[-1, 0, 1], shape=(n, n), dtype=dtype))


def ilu0(A):
    """(L, U, row of failure, solve) as dense factors."""
    n, (indptr, indices, data) = A.shape[0], csr.views(A)
    data, middle, d = data.copy(), np.empty(n, indices.dtype), np.full(n, np.nan, A.dtype)
    assert incomplete.find_diagonal(indptr, indices, middle) == -1
    failed = incomplete.ilu0(indptr, indices, data, middle, d)
    both = sp.csr_array((data, A.indices, A.indptr), shape=A.shape).toarray()

    def solve(r):
        z = np.empty_like(r)
        incomplete.ilu0_solve(indptr, indices, data, middle, d, r, z)
        return z

    return np.tril(both, -1) + np.eye(n), np.triu(both), failed, solve


def ic0(A):
    """(L, row of failure, solve) with L dense."""
    lower = sorted_csr(sp.tril(A))
    indptr, indices, data = csr.views(lower)
    data, d = data.copy(), np.full(A.shape[0], np.nan)
    failed = incomplete.ic0(indptr, indices, data, d)

    def solve(r):
        z = np.empty_like(r)
        return incomplete.ic0_solve(indptr, indices, data, d, r, z), z

    return sp.csr_array((data, lower.indices, lower.indptr), shape=A.shape).toarray(), failed, solve


def vector(n, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(n) + (1j * rng.standard_normal(n) if dtype is complex else 0)


dtypes = pytest.mark.parametrize("dtype", [float, complex])
random = given(
    n=st.integers(1, 40), density=st.floats(0, 0.5), dtype=st.sampled_from([float, complex]), seed=st.integers(0, 999)
)


@settings(deadline=None, max_examples=40)
@random
def test_ilu0_agrees_with_A_on_its_pattern(n, density, dtype, seed):
    """(L U)_ij = a_ij wherever a_ij is stored, and L, U live on the pattern of A (Saad 2003, Prop. 10.4)."""
    A = dominant(n, density, dtype, seed, hermitian=False)
    L, U, failed, solve = ilu0(A)
    stored, dense = A.toarray() != 0, A.toarray()
    assert failed == -1
    assert abs((L @ U - dense)[stored]).max() <= 1e-13 * abs(dense).max()
    assert not np.any((L - np.eye(n))[~stored]) and not np.any(U[~stored])
    r = vector(n, dtype, seed)
    np.testing.assert_allclose(L @ (U @ solve(r)), r, atol=1e-12 * abs(r).max())


@settings(deadline=None, max_examples=40)
@random
def test_ic0_agrees_with_A_on_its_pattern(n, density, dtype, seed):
    """(L Lᴴ)_ij = a_ij wherever a_ij is stored; L lives on the lower pattern (Meijerink & van der Vorst 1977)."""
    A = dominant(n, density, dtype, seed, hermitian=True)
    L, failed, solve = ic0(A)
    stored, dense = A.toarray() != 0, A.toarray()
    assert failed == -1
    assert abs((L @ L.conj().T - dense)[stored]).max() <= 1e-13 * abs(dense).max()
    assert not np.any(L[~stored]) and not np.any(np.triu(L, 1)) and np.all(np.diag(L).real > 0)
    r = vector(n, dtype, seed)
    product, z = solve(r)
    np.testing.assert_allclose(L @ (L.conj().T @ z), r, atol=1e-12 * abs(r).max())
    assert product == pytest.approx(np.vdot(r, z).real, rel=1e-12)


@dtypes
@pytest.mark.parametrize("n", [1, 2, 30])
def test_without_fill_they_are_cholesky_and_lu(n, dtype):
    """A tridiagonal matrix has no fill: nothing is left out."""
    A = tridiagonal(n, dtype)
    np.testing.assert_allclose(ic0(A)[0], sl.cholesky(A.toarray(), lower=True), rtol=1e-14, atol=1e-15)
    B = tridiagonal(n, dtype, hermitian=False)
    L, U, _, solve = ilu0(B)
    np.testing.assert_allclose(L @ U, B.toarray(), rtol=1e-14, atol=1e-15)
    r = vector(n, dtype)
    np.testing.assert_allclose(solve(r), np.linalg.solve(B.toarray(), r), rtol=1e-12, atol=1e-14)


@dtypes
def test_on_a_full_pattern_they_are_cholesky_and_lu(dtype):
    A = dominant(12, 1.0, dtype, 1, hermitian=True)
    np.testing.assert_allclose(ic0(A)[0], sl.cholesky(A.toarray(), lower=True), rtol=1e-13, atol=1e-14)
    L, U, _, _ = ilu0(A)
    reference = sl.lu_factor(A.toarray())[0]  # dominant by columns too: no rows are exchanged
    np.testing.assert_allclose(np.tril(L, -1) + U, reference, rtol=1e-12, atol=1e-13)


def test_for_a_symmetric_matrix_the_two_are_one():
    """U = D Lᵀ: ILU(0) is IC(0) with the pivots moved."""
    A = dominant(30, 0.2, float, 5, hermitian=True)
    L, U, _, _ = ilu0(A)
    np.testing.assert_allclose(L * np.sqrt(np.diag(U)), ic0(A)[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_pivot_that_is_not_positive_is_named(row):
    dense = np.diag([4.0, 4.0, 4.0])
    dense[row, row] = -1.0
    assert ic0(sorted_csr(dense))[1] == row
    dense = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])  # indefinite: 1 - 2² < 0 in row 1
    assert ic0(sorted_csr(dense))[1] == 1


def test_a_zero_pivot_is_named():
    assert ilu0(sorted_csr(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])))[2] == 1
    assert ilu0(sorted_csr(np.array([[np.nan, 1.0], [1.0, 1.0]])))[2] == 0


def test_a_missing_diagonal_entry_is_named():
    indptr, indices, _ = csr.views(sorted_csr(np.array([[1.0, 2.0], [3.0, 0.0]])))
    assert incomplete.find_diagonal(indptr, indices, np.empty(2, np.uint32)) == 1


def test_the_kershaw_matrix_breaks_ic0_though_it_is_positive_definite():
    """D. S. Kershaw, J. Comput. Phys. 26 (1978) 43–65, doi:10.1016/0021-9991(78)90098-0: the last pivot is -5."""
    A = np.array([[3.0, -2, 0, 2], [-2, 3, -2, 0], [0, -2, 3, -2], [2, 0, -2, 3]])
    assert np.linalg.eigvalsh(A)[0] > 0
    assert ic0(sorted_csr(A))[1] == 3
    assert np.diag(ilu0(sorted_csr(A))[1])[3] == pytest.approx(-5.0)


def test_the_same_formulas_in_plain_python():
    A = dominant(8, 0.4, float, 2, hermitian=True)
    lower = sorted_csr(sp.tril(A))
    indptr, indices, data = csr.views(lower)
    values, d, r = data.copy(), np.empty(8), vector(8, float)
    assert incomplete.ic0.py_func(indptr, indices, values, d) == -1
    np.testing.assert_allclose(sp.csr_array((values, lower.indices, lower.indptr)).toarray(), ic0(A)[0], rtol=1e-13)
    z = np.empty(8)
    incomplete.ic0_forward.py_func(indptr, indices, values, d, r, z)
    incomplete.ic0_backward.py_func(indptr, indices, values, d, z)
    np.testing.assert_allclose(z, ic0(A)[2](r)[1], rtol=1e-12)
    indptr, indices, data = csr.views(A)
    values, middle = data.copy(), np.empty(8, np.uint32)
    incomplete.find_diagonal.py_func(indptr, indices, middle)
    assert incomplete.ilu0.py_func(indptr, indices, values, middle, d) == -1
    incomplete.ilu0_solve.py_func(indptr, indices, values, middle, d, r, z)
    np.testing.assert_allclose(z, ilu0(A)[3](r), rtol=1e-12)
