"""Matérn smoothers against dense Gaussian processes, messages against full matrices, prediction against bins."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg as sla

import toolkit as tk
from toolkit.rank.tensors.functional_tucker import BinnedTucker, ContinuousEntries, FunctionalTucker, rows_kron
from toolkit.rank.tensors.matern import dense_posterior, matern, matern_sde, transitions

SMALL = ContinuousEntries(observations=60, tests=20)
SMOOTHNESS = ["1/2", "3/2", "5/2"]


@pytest.mark.parametrize("nu", SMOOTHNESS)
class TestMatern:
    def test_the_equation_has_the_covariance(self, nu):
        """Stationary: F P + P Fᵀ is minus the noise, of rank one; and (e^{F Δ} P)₀₀ is the kernel."""
        nilpotent, rate, stationary = matern_sde(nu, 0.4)
        drift = nilpotent - rate * np.eye(len(nilpotent))
        noise = -(drift @ stationary + stationary @ drift.T)
        rest = noise.copy()
        rest[-1, -1] = 0.0
        assert noise[-1, -1] > 0 and np.abs(rest).max() < 1e-12 * noise[-1, -1]
        for gap in (0.0, 0.03, 0.5, 2.0):
            found = (sla.expm(drift * gap) @ stationary)[0, 0]
            np.testing.assert_allclose(found, matern(nu, 0.4, np.array(gap)), rtol=1e-11, atol=1e-14)

    def test_transitions_are_exponentials(self, nu):
        times = np.array([0.0, 0.02, 0.3, 1.1])
        step, noise, stationary = transitions(nu, 0.4, times)
        nilpotent, rate, _ = matern_sde(nu, 0.4)
        for k in (1, 2, 3):
            exact = sla.expm((nilpotent - rate * np.eye(len(nilpotent))) * (times[k] - times[k - 1]))
            np.testing.assert_allclose(step[k], exact, rtol=1e-10, atol=1e-12 * np.abs(exact).max())
            assert np.linalg.eigvalsh(noise[k]).min() > -1e-12 * np.abs(stationary).max()

    def test_the_kernel_is_scikit_learns(self, nu):
        kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
        x = np.linspace(0, 1, 7)
        theirs = kernels.Matern(length_scale=0.4, nu=float(Fraction(nu)))(x[:, None])
        np.testing.assert_allclose(matern(nu, 0.4, x[:, None] - x), theirs, atol=1e-13)

    def test_the_smoother_is_the_dense_process(self, nu):
        """Three coupled components, messages of any rank, some times without any: 1e-8."""
        rng = np.random.default_rng(3)
        problem, r = SMALL, 3
        times = problem.axes[0][0]
        roots = rng.standard_normal((len(times), r, 2)) * rng.choice([0.0, 1.0, 30.0], len(times))[:, None, None]
        precision, weighted = roots @ roots.transpose(0, 2, 1), (roots @ rng.standard_normal((2, 1)))[:, :, 0]
        found = FunctionalTucker(rank=r, nu=nu, length=0.2).posterior(problem, 0, precision, weighted)
        dense = dense_posterior(nu, 0.2, times, precision, weighted)
        np.testing.assert_allclose(found[0], dense[0], atol=1e-8)
        np.testing.assert_allclose(found[1], dense[1], atol=1e-8)


def test_dense_process_is_scikit_learns_regression():
    gp = pytest.importorskip("sklearn.gaussian_process")
    times, y = np.linspace(0, 1, 12), np.sin(5 * np.linspace(0, 1, 12))
    kernel = gp.kernels.Matern(length_scale=0.3, nu=1.5)
    theirs = gp.GaussianProcessRegressor(kernel, alpha=0.04, optimizer=None).fit(times[:, None], y)
    mean, deviation = theirs.predict(times[:, None], return_std=True)
    ours = dense_posterior("3/2", 0.3, times, np.full((12, 1, 1), 25.0), 25.0 * y[:, None])
    np.testing.assert_allclose(ours[0][:, 0], mean, atol=1e-10)
    np.testing.assert_allclose(ours[1][:, 0, 0], deviation**2, atol=1e-10)


class TestMessages:
    def test_expectations_are_those_of_samples(self):
        """E[a aᵀ] and E[a] over independent Gaussian core and factors: 200 000 samples, five standard errors."""
        problem, method = ContinuousEntries(observations=30, tests=20), FunctionalTucker()
        state = method.init(problem)
        rng = np.random.default_rng(0)
        precision, weighted = method._message(problem, state, 1)
        node, entry = problem.axes[1][1][0], 0
        core = rng.multivariate_normal(state.core, state.core_cov, 200_000).reshape(-1, 2, 2, 2)
        u, w = (
            rng.multivariate_normal(state.means[k][problem.axes[k][1][entry]], 0.1 * np.eye(2), 200_000) for k in (0, 2)
        )
        a = np.einsum("nijk,ni,nk->nj", core, u, w)
        squares = a[:, :, None] * a[:, None, :]
        slack = 5 * squares.std(axis=0) / np.sqrt(len(a))
        assert np.all(np.abs(squares.mean(axis=0) - precision[node] / state.precision) <= slack)
        slack = 5 * a.std(axis=0) / np.sqrt(len(a))
        assert np.all(np.abs(a.mean(axis=0) - weighted[node] / problem.table[1][0] / state.precision) <= slack)

    def test_rows_of_kronecker_products(self):
        rng = np.random.default_rng(0)
        a, b = rng.standard_normal((4, 2)), rng.standard_normal((4, 3))
        np.testing.assert_allclose(rows_kron([a, b])[2], np.kron(a[2], b[2]))
        a, b = rng.standard_normal((4, 2, 2)), rng.standard_normal((4, 3, 3))
        np.testing.assert_allclose(rows_kron([a, b])[2], np.kron(a[2], b[2]))

    def test_the_core_is_ridge_regression_when_modes_are_certain(self):
        problem, method = SMALL, FunctionalTucker()
        state = method.init(problem)
        state.covs = [0 * one for one in state.covs]
        method._core(problem, state)
        basis = rows_kron([state.means[k][problem.axes[k][1]] for k in range(3)])
        y, precision = problem.table[1], 1.0
        for _ in range(2):  # the core for a precision, then the precision for the core
            used, cov = precision, np.linalg.inv(np.eye(8) + precision * basis.T @ basis)
            core = used * cov @ basis.T @ y
            misfit = np.sum((y - basis @ core) ** 2) + np.trace(basis @ cov @ basis.T)
            precision = (1e-3 + 30) / (1e-3 + misfit / 2)
        np.testing.assert_allclose(state.core, core, rtol=1e-9)
        np.testing.assert_allclose(state.precision, precision, rtol=1e-9)


class TestPrediction:
    @pytest.mark.parametrize("seed", [0, 2, 5, 7])
    def test_functions_predict_better_than_any_bins(self, seed):
        problem, stop = ContinuousEntries(observations=250, seed=seed), tk.Stop(rtol=0.0, steps=15)
        ours = tk.solve(problem, FunctionalTucker(), stop).history["error"][-1]
        binned = [tk.solve(problem, BinnedTucker(bins=b), stop).history["error"][-1] for b in (5, 10, 20, 40)]
        assert ours < min(binned)

    def test_several_starts_find_what_the_first_misses(self):
        problem, stop = ContinuousEntries(observations=250, seed=2), tk.Stop(rtol=0.0, steps=15)
        one, many = (tk.solve(problem, FunctionalTucker(starts=count), stop).history["error"][-1] for count in (1, 6))
        assert one > 0.2 and many < 0.06

    def test_the_noise_is_found(self):
        run = tk.solve(ContinuousEntries(noise=0.05), FunctionalTucker(nu="5/2"), tk.Stop(rtol=0.0, steps=15))
        np.testing.assert_allclose(run.state.precision**-0.5, 0.05, rtol=0.1)
        assert run.history["error"][-1] < 0.05

    def test_a_case_without_noise_is_nearly_met(self):
        run = tk.solve(ContinuousEntries(noise=0.0), FunctionalTucker(nu="5/2"), tk.Stop(rtol=0.0, steps=15))
        assert run.history["error"][-1] < 0.02
