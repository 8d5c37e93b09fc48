"""Sequences of systems: the operators are what they say, and the compiled sweep counter is SOR."""

import numpy as np
import pytest
import scipy.fft

from toolkit.kernels.dense.sequence import sor_costs, sor_sweeps
from toolkit.preconditioner.learning.problems import DarcySequence, ShiftedSequence
from toolkit.preconditioner.stencils.grid_levels import build_levels
from toolkit.preconditioner.stencils.poisson import Poisson


def dense_sor(matrix, b, omega, tol):
    """Sweeps of textbook SOR with dense triangles."""
    splitting = np.diag(np.diag(matrix)) / omega + np.tril(matrix, -1)
    x = np.zeros(len(b))
    for k in range(1, 10_000):
        x = x + np.linalg.solve(splitting, b - matrix @ x)
        if np.linalg.norm(b - matrix @ x) < tol * np.linalg.norm(b):
            return k, x
    raise AssertionError


@pytest.mark.parametrize("omega", [0.7, 1.0, 1.4, 1.9])
def test_compiled_sweeps_equal_dense_sor(omega):
    problem = ShiftedSequence(n=7, count=3)
    a = problem.laplacian
    for i in range(3):
        x = np.empty(36)
        sweeps = sor_sweeps(a.indptr, a.indices, a.data, problem.shifts[i], omega, problem.loads[i], x, 1e-8, 10_000)
        expected, solution = dense_sor(problem.system(i).matrix.toarray(), problem.loads[i], omega, 1e-8)
        assert sweeps == expected
        np.testing.assert_allclose(x, solution, rtol=1e-10, atol=1e-12)
        assert (
            sor_costs(a.indptr, a.indices, a.data, problem.shifts, np.array([omega]), problem.loads, 1e-8, 10_000)[i, 0]
            == sweeps
        )


def test_sweeps_without_compilation():
    problem = ShiftedSequence(n=4, count=1)
    a, x, y = problem.laplacian, np.empty(9), np.empty(9)
    arguments = (a.indptr, a.indices, a.data, problem.shifts[0], 1.2, problem.loads[0])
    assert sor_sweeps.py_func(*arguments, x, 1e-8, 500) == sor_sweeps(*arguments, y, 1e-8, 500)
    np.testing.assert_allclose(x, y, rtol=1e-13)


def test_best_omega_is_young_s():
    problem = ShiftedSequence(n=9, count=4)
    for i in range(4):
        a = problem.system(i).matrix.toarray()
        mu = abs(np.linalg.eigvals(np.eye(len(a)) - a / np.diag(a)[:, None])).max()
        assert problem.best_omega(i) == pytest.approx(2 / (1 + np.sqrt(1 - mu**2)), rel=1e-10)


@pytest.mark.parametrize("n", [6, 11, 25])
def test_every_shifted_matrix_is_positive_definite(n):
    problem = ShiftedSequence(n=n, count=2)
    lowest = 8 * np.sin(np.pi / (2 * n)) ** 2
    assert lowest + problem.interval[0] > 0
    assert np.all(problem.shifts >= problem.interval[0]) and np.all(problem.shifts <= problem.interval[1])
    assert np.linalg.eigvalsh(problem.laplacian.toarray())[0] == pytest.approx(lowest)


def test_loads_are_truncated_normal():
    loads = ShiftedSequence(count=400).loads
    assert (loads**2).sum(axis=1).max() <= loads.shape[1]
    assert abs(loads.mean()) < 0.02 and 0.9 < loads.std() < 1.0


def test_darcy_without_spread_is_poisson():
    flat = DarcySequence(n=8, count=2, spread=0.0)
    assert abs(flat.system(1).matrix - Poisson(n=8).matrix).max() == 0


def test_darcy_matrices_are_stieltjes_and_consistent():
    problem = DarcySequence(n=10, count=3, spread=1.5)
    for i in range(3):
        a = problem.system(i).matrix.toarray()
        np.testing.assert_array_equal(a, a.T)
        off = a - np.diag(np.diag(a))
        assert off.max() <= 0 and np.linalg.eigvalsh(a)[0] > 0
        inner = (off != 0).sum(axis=1) == 4
        np.testing.assert_allclose(a.sum(axis=1)[inner], 0, atol=1e-9 * a.max())


def test_darcy_fields_have_the_stated_spread():
    fields = DarcySequence(n=16, count=400, spread=0.7).parameters
    assert fields.std() == pytest.approx(0.7, rel=0.05)
    np.testing.assert_allclose(fields.mean(axis=1), 0, atol=1e-12)


def test_sequences_are_reproducible():
    one, two, other = DarcySequence(n=8), DarcySequence(n=8), DarcySequence(n=8, seed=1)
    np.testing.assert_array_equal(one.parameters, two.parameters)
    assert abs(one.parameters - other.parameters).max() > 0.1


def test_darcy_fields_have_the_stated_covariance():
    """Cosine coefficients of log K fall like (π² |k|² + 9)⁻¹, without a mean: (−Δ + 9)⁻² is their covariance."""
    problem = DarcySequence(n=16, count=500, modes=3, spread=1.0)
    found = scipy.fft.dctn(problem.parameters.reshape(-1, 16, 16), axes=(1, 2), norm="ortho").std(axis=0)
    k = np.arange(3)
    decay = 1 / (np.pi**2 * (k[:, None] ** 2 + k**2) + 9)
    np.testing.assert_allclose(found[:3, :3].ravel()[1:] / found[0, 1], decay.ravel()[1:] / decay[0, 1], rtol=0.15)
    assert found[0, 0] < 1e-12 and abs(found[3:]).max() < 1e-12


@pytest.mark.parametrize("variance, a, b", [("high", 0.5, 1.5), ("low", 2.0, 6.0)])
def test_shifts_have_the_mean_and_variance_of_their_beta_law(variance, a, b):
    problem = ShiftedSequence(count=5000, variance=variance)
    unit = (problem.shifts - problem.interval[0]) / np.ptp(problem.interval)
    assert unit.mean() == pytest.approx(a / (a + b), rel=0.05)
    assert unit.var() == pytest.approx(a * b / ((a + b) ** 2 * (a + b + 1)), rel=0.1)


def test_axes_are_coarsened_from_half_the_strongest_coupling_on():
    assert build_levels(16, (1.0, 0.6), False)[0].coarsened == (1, 0, 1)
    assert build_levels(16, (1.0, 0.4), False)[0].coarsened == (1, 0, 0)
