"""Recovery against dense least squares, adjoint identities and the proximal map's optimality."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import toolkit as tk
from toolkit.rank.recovery.alternating import AltMin, SketchedAltMin, exact_rows, sketched_rows
from toolkit.rank.recovery.completion import Completion
from toolkit.rank.recovery.factor_descent import AsymmetricDescent, SymmetricDescent
from toolkit.rank.recovery.nuclear_norm import FistaCompletion, SvtCompletion, shrunk
from toolkit.rank.recovery.phase_diagram import PhaseDiagram, Recoverability, ordered, swept
from toolkit.rank.recovery.problems import GaussianSensing, PlentifulSensing
from toolkit.rank.recovery.scaled_descent import ScaledDescent, ScaledPair
from toolkit.rank.recovery.subgradient import SubgradientDescent
from toolkit.rank.recovery.thresholded_svd import ThresholdedSvd, distances, predictions, unfairness


@pytest.mark.parametrize("problem", [GaussianSensing(side=8), Completion(rows=12, columns=10)])
def test_the_adjoint_is_the_adjoint(problem):
    rng = np.random.default_rng(0)
    X, r = rng.standard_normal(problem.truth.shape), rng.standard_normal(problem.data.shape)
    image = problem.residual(X) - problem.residual(0 * X)
    assert np.vdot(image, r) == pytest.approx(np.vdot(X, problem.adjoint(r)), rel=1e-12)


@pytest.mark.parametrize("sketched", [False, True])
def test_rows_are_least_squares(sketched):
    p, rng = Completion(rows=12, columns=40, share=0.6, noise=0.1), np.random.default_rng(1)
    V, before = rng.standard_normal((40, 3)), rng.standard_normal((12, 3))
    given = (p.seen, p.filled, V, before)
    rows = sketched_rows(*given, 1e-12, 12, rng)[0] if sketched else exact_rows(*given)[0]
    for i, seen in enumerate(p.seen > 0):
        np.testing.assert_allclose(rows[i], np.linalg.lstsq(V[seen], p.filled[i, seen])[0], rtol=1e-7, atol=1e-9)


def test_shrinking_is_the_proximal_map():
    """Y − D_τ(Y) is τ times a sub-gradient of the nuclear norm: ‖·‖₂ ≤ τ, and it meets D_τ(Y) with equality."""
    Y = np.random.default_rng(2).standard_normal((9, 6))
    X = shrunk(Y, 1.0)[0]
    assert np.linalg.norm(Y - X, 2) <= 1 + 1e-12
    assert np.vdot(Y - X, X) == pytest.approx(np.linalg.norm(X, "nuc"), rel=1e-12)


def test_the_direction_is_the_gradient():
    """−(X₁ − X₀)/η against central differences of ¼‖A(X Xᵀ) − y‖²."""
    p, method = GaussianSensing(side=6, rank=2), SymmetricDescent()
    state = method.init(p)
    X = state.left.copy()
    moved = (X - method.step(p, state).left) / method.eta
    D, h = np.random.default_rng(3).standard_normal(X.shape), 1e-5
    f = [0.25 * np.sum(p.residual((X + t * D) @ (X + t * D).T) ** 2) for t in (h, -h)]
    assert np.vdot(moved, D) == pytest.approx((f[0] - f[1]) / (2 * h), rel=1e-7)


@pytest.mark.parametrize("method, problem", [(AltMin(), Completion()), (ScaledDescent(), GaussianSensing())])
def test_the_truth_is_recovered(method, problem):
    run = tk.solve(problem, method, tk.Stop(measure="error", rtol=0.0, atol=1e-6, steps=500))
    assert np.linalg.norm(run.solution() - problem.truth) < 2e-6 * np.linalg.norm(problem.truth)


def test_fista_ends_where_the_proximal_step_rests():
    p, method = Completion(rows=20, columns=20, rank=1), FistaCompletion(penalty=0.1)
    X = tk.solve(p, method, tk.Stop(rtol=0.0, steps=400)).solution()
    weight = 0.1 * np.linalg.norm(p.filled, 2)
    np.testing.assert_allclose(shrunk(X + p.filled - p.seen * X, weight)[0], X, atol=1e-6)


def test_the_triangle_has_the_law_of_many_gaussian_measurements():
    """Eigenvalues of RᵀR within the Marchenko–Pastur edges (1 ± √(n²/m))²; moments of a Wishart matrix over m."""
    p = PlentifulSensing(side=16, rank=1, samples=100.0)
    gram, m, N = p.matrix.T @ p.matrix, p.count, p.side**2
    values, ratio = np.linalg.eigvalsh(gram), np.sqrt(p.side**2 / p.count)
    assert (1 - ratio) ** 2 * 0.9 < values[0] < (1 - ratio) ** 2 * 1.1
    assert (1 + ratio) ** 2 * 0.95 < values[-1] < (1 + ratio) ** 2 * 1.05
    above = gram[np.triu_indices(N, 1)]
    assert np.mean(above) == pytest.approx(0, abs=4 / np.sqrt(m * len(above)))
    assert np.var(above) == pytest.approx(1 / m, rel=0.05)
    assert np.mean(np.diag(gram)) == pytest.approx(1, abs=5 * np.sqrt(2 / (m * N)))
    assert np.var(np.diag(gram)) == pytest.approx(2 / m, rel=0.5)


def test_the_triangle_is_what_the_orthogonal_factor_leaves():
    """Least squares on (A, y) and on its turned, shortened self (R, Qᵀy) have the same slopes."""
    p, rng = GaussianSensing(side=6, samples=30.0), np.random.default_rng(4)
    X = rng.standard_normal((6, 6))
    Q, R = np.linalg.qr(p.matrix)
    turned = R.T @ (R @ X.ravel() - Q.T @ p.data)
    np.testing.assert_allclose(p.adjoint(p.residual(X)).ravel(), turned, atol=1e-12)


@pytest.mark.parametrize("alpha", [1e-7, 1e-10])
def test_too_many_columns_and_a_tiny_start_find_the_truth_whatever_the_condition(alpha):
    """ScaledGD(λ): steps within a factor of 2 for κ = 1 … 100, the recovered spectrum right to σ_r included."""
    steps = []
    for condition in (1.0, 10.0, 100.0):
        p = PlentifulSensing(condition=condition, width=4)
        run = tk.solve(p, ScaledDescent(alpha=alpha), tk.Stop(measure="error", rtol=0.0, atol=1e-5, steps=200))
        values = np.linalg.svd(run.solution(), compute_uv=False)
        np.testing.assert_allclose(values[:2], [1.0, 1 / condition], rtol=2e-3)
        steps.append(run.state.k)
    assert max(steps) <= 2 * min(steps)


@pytest.mark.parametrize("order", ["random", "row by row", "spiral"])
def test_every_cell_gets_its_trials(order):
    made = ordered((3, 5), 2, order, 0)
    assert len(np.unique(made, axis=0)) == len(made) == 30


def test_an_executor_fills_the_same_phase_diagram():
    problem, seen = Recoverability(side=12, ranks=2, numbers=5, trials=2), []
    run = tk.solve(problem, PhaseDiagram(), tk.Stop(rtol=0.0, steps=100))
    with ThreadPoolExecutor(2) as pool:
        wins = swept(problem, pool, lambda *one: seen.append(one))
    np.testing.assert_array_equal(wins, run.state.wins)
    assert len(seen) == 20 and sum(won for *_, won in seen) == wins.sum() > 0


def test_what_is_recovered_is_locally_unique():
    """A won trial: seen entries of the tangent space Ṁ = A Vᵀ + U Bᵀ have its full dimension r (2n − r)."""
    p, method = Recoverability(side=12, ranks=3, numbers=12, trials=1), PhaseDiagram()
    state, won = method.init(p), 0
    for row, column, number in state.order.tolist():
        trial = p.trial(row, column, number)
        assert trial.seen.sum() == p.entries[column]
        if not method.recovers(trial, state):
            continue
        U, _, Vt = np.linalg.svd(trial.truth)
        U, V, eye = U[:, : row + 1], Vt[: row + 1].T, np.eye(12)
        tangent = np.concatenate([np.kron(eye, V), np.kron(U, eye)], axis=1)
        assert np.linalg.matrix_rank(tangent[trial.seen.ravel() > 0]) == p.freedom[row]
        won += 1
    assert won > 10


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
def test_sketched_sweeps_follow_exact_ones(tolerance):
    """Sweep by sweep the errors differ by a few per cent and the tolerance."""
    p, stop = Completion(rows=100, columns=100), tk.Stop(rtol=0.0, steps=12)
    exact, rough = (tk.solve(p, m, stop).history["error"] for m in (AltMin(), SketchedAltMin(tolerance=tolerance)))
    assert np.all(np.abs(rough - exact) <= 0.05 * exact + 3 * tolerance)
    assert exact[-1] < 1e-7
    assert rough[-1] > 0.1 * tolerance  # and they stop there


def test_distances_and_their_ratios_are_those_of_every_pair():
    from scipy.spatial.distance import pdist

    rows, said = np.random.default_rng(5).standard_normal((9, 4)), np.arange(9.0) ** 2
    np.testing.assert_allclose(distances(rows), pdist(rows), rtol=1e-12)
    ratios = pdist(said[:, None]) / pdist(rows)
    assert unfairness(said, pdist(rows)) == pytest.approx(np.quantile(ratios, 0.95), rel=1e-12)


def test_the_predictor_sees_labels_of_the_first_half_only():
    """Of least norm, and exact to the labels' noise where the features are the truth and few."""
    p = Completion(rows=40, columns=12, rank=2)
    said = predictions(p, p.truth)
    np.testing.assert_allclose(said, p.truth @ (np.linalg.pinv(p.truth[:20]) @ said[:20]), atol=1e-12)
    assert np.linalg.matrix_rank(np.column_stack([p.truth, said]), tol=1e-10) == 2


@pytest.mark.parametrize("share, noise", [(0.3, 0.0), (0.5, 0.5), (0.7, 1.0)])
def test_cleaned_tables_are_fairer_and_no_worse(share, noise):
    """Over six tables: every ratio below 1, prediction errors below 1 on average."""
    found, table = [], Completion(rows=200, columns=60, condition=1.0, share=share, noise=noise)
    for p in (table.turned(seed=seed) for seed in range(6)):
        state = tk.solve(p, ThresholdedSvd(), tk.Stop(rtol=0.0, steps=60)).state
        asked = {one.name: one.function(p, state) for one in ThresholdedSvd().measures(p)}
        found.append((asked["ratio_share"], asked["prediction_share"], asked["distance_share"]))
    assert np.max(found, axis=0)[[0, 2]].max() < 1
    assert np.mean(found, axis=0)[1] < 0.9


def on_the_factors(problem, shape):
    """½‖A(F Gᵀ) − y‖² and its gradient over (F, G) laid out flat, for scipy.optimize."""
    (m, n), k = problem.truth.shape, shape[1]

    def value(flat):
        F, G = flat[: m * k].reshape(m, k), flat[m * k :].reshape(n, k)
        residual = problem.residual(F @ G.T)
        slope = problem.adjoint(residual)
        return 0.5 * np.vdot(residual, residual), np.concatenate([(slope @ G).ravel(), (slope.T @ F).ravel()])

    return value


NOISY = (
    GaussianSensing(side=8, samples=12.0, noise=0.3),
    Completion(rows=14, columns=12, rank=2, share=0.8, noise=0.3),
)


@pytest.mark.parametrize("problem", NOISY)
@pytest.mark.parametrize("method", [AsymmetricDescent(start="spectral", eta=0.3), ScaledPair(eta=0.3)])
def test_descents_end_in_the_minimiser_of_quasi_newton(problem, method):
    """With noise the least-squares minimiser is not the truth: BFGS on the same loss finds the same matrix."""
    from scipy.optimize import minimize

    state = tk.solve(problem, method, tk.Stop(rtol=0.0, steps=6000)).state
    start = np.concatenate([x.ravel() for x in method.first(problem)])
    found = minimize(on_the_factors(problem, state.left.shape), start, jac=True, method="BFGS", options={"gtol": 1e-10})
    m, k = state.left.shape
    X = found.x[: m * k].reshape(m, k) @ found.x[m * k :].reshape(-1, k).T
    np.testing.assert_allclose(state.solution(), X, atol=1e-6)
    assert problem.distance(X) > 0.01


def test_alternating_minimisation_ends_in_the_minimiser_of_quasi_newton():
    from scipy.optimize import minimize

    problem = NOISY[1]
    state = tk.solve(problem, AltMin(), tk.Stop(rtol=0.0, steps=300)).state
    start = np.concatenate([state.left.ravel(), state.right.ravel()]) + 1e-2
    found = minimize(on_the_factors(problem, state.left.shape), start, jac=True, method="BFGS", options={"gtol": 1e-10})
    X = found.x[: 14 * 2].reshape(14, 2) @ found.x[14 * 2 :].reshape(12, 2).T
    np.testing.assert_allclose(state.solution(), X, atol=1e-6)


def test_fista_meets_the_conditions_of_optimality():
    """P_Ω(M − X) = λ (U Vᵀ + W): U Vᵀ of the singular vectors of X, W orthogonal to them with ‖W‖₂ ≤ 1."""
    p, method = Completion(rows=20, columns=16, rank=2, noise=0.2), FistaCompletion(penalty=0.1)
    X = tk.solve(p, method, tk.Stop(rtol=0.0, steps=1500)).solution()
    G = (p.filled - p.seen * X) / (0.1 * np.linalg.norm(p.filled, 2))
    U, values, Vt = np.linalg.svd(X)
    r = int(np.count_nonzero(values > 1e-8))
    assert 0 < r < 16
    W = G - U[:, :r] @ Vt[:r]
    np.testing.assert_allclose(U[:, :r].T @ W, 0, atol=1e-6)
    np.testing.assert_allclose(W @ Vt[:r].T, 0, atol=1e-6)
    assert np.linalg.norm(W, 2) <= 1 + 1e-6


def test_fista_finds_the_minimum_of_a_smooth_convex_solve():
    """‖X‖_* is the least ½(‖F‖² + ‖G‖²) over F Gᵀ = X, full width: L-BFGS on that smooth problem, dense."""
    from scipy.optimize import minimize

    p, penalty = Completion(rows=10, columns=10, rank=1, share=0.7), 0.05
    weight, method = penalty * np.linalg.norm(p.filled, 2), FistaCompletion(penalty=penalty)
    rng = np.random.default_rng(6)

    def value(flat):
        F, G = flat.reshape(2, 10, 10)
        misfit = p.seen * (F @ G.T) - p.filled
        total = 0.5 * np.sum(misfit**2) + 0.5 * weight * np.sum(flat**2)
        return total, np.concatenate([(misfit @ G + weight * F).ravel(), (misfit.T @ F + weight * G).ravel()])

    found = minimize(
        value,
        0.1 * rng.standard_normal(200),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 20000, "ftol": 0.0, "gtol": 1e-9},
    )
    X = tk.solve(p, method, tk.Stop(rtol=0.0, steps=800)).solution()
    assert method.objective(p, X) == pytest.approx(found.fun, rel=1e-8)
    F, G = found.x.reshape(2, 10, 10)
    np.testing.assert_allclose(X, F @ G.T, atol=1e-4)


def test_thresholding_meets_the_conditions_of_its_own_problem():
    """min τ‖X‖_* + ½‖X‖² with the known entries fixed: Y = X + τ (U Vᵀ + W) for a Y that lives on the known entries."""
    p, method = Completion(rows=20, columns=16, rank=1, share=0.8), SvtCompletion(threshold=0.5)
    state = tk.solve(p, method, tk.Stop(rtol=0.0, steps=2000)).state
    X, Y, tau = state.iterate, state.carrier, 0.5 * np.linalg.norm(p.filled, 2)
    np.testing.assert_allclose(p.seen * X, p.filled, atol=1e-6)
    np.testing.assert_array_equal(Y[p.seen == 0], 0.0)
    U, values, Vt = np.linalg.svd(X)
    r = int(np.count_nonzero(values > 1e-8))
    W = (Y - X) / tau - U[:, :r] @ Vt[:r]
    assert np.linalg.norm(W, 2) <= 1 + 1e-5
    np.testing.assert_allclose(U[:, :r].T @ W, 0, atol=1e-5)


@pytest.mark.parametrize("width", [2, 10])
def test_lengths_by_the_misfit_recover_without_outliers(width):
    """η_t in proportion to the mean |r|: no ρ to choose, and columns nobody needs do no harm down to the floor."""
    p, method = GaussianSensing(side=10, samples=40.0, width=width), SubgradientDescent(lengths="misfit", eta=0.3)
    run = tk.solve(p, method, tk.Stop(measure="error", rtol=0.0, atol=1e-4, steps=1000))
    assert run.history["error"][-1] <= 1e-4


def test_the_direction_of_signs_is_the_gradient_of_the_sum():
    """Of ‖A(X) − y‖₁ along symmetric D, by central differences: the step takes it over its own spectral norm."""
    p, rng = GaussianSensing(side=8, samples=20.0, outliers=0.2), np.random.default_rng(7)
    X, *others = ((B + B.T) / 2 for B in rng.standard_normal((6, 8, 8)))
    slope, h = SubgradientDescent().pulled(p, p.residual(X)), 1e-7
    assert np.linalg.norm(slope, 2) == pytest.approx(1, rel=1e-12)
    found = [(np.abs(p.residual(X + h * D)).sum() - np.abs(p.residual(X - h * D)).sum()) / (2 * h) for D in others]
    ratios = np.array(found) / [np.vdot(slope, D) for D in others]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-5)
    assert ratios[0] > 0


def test_from_a_tiny_start_damped_steps_are_a_power_method():
    """X Xᵀ negligible: X₁ = (I + η/λ M) X₀; and from a large start the formula, its inverse formed."""
    p, method = GaussianSensing(side=8, design="all entries"), ScaledDescent(eta=0.3, damping=0.1)
    state = method.init(p)
    X, weight = state.left.copy(), 0.3 / (0.1 * p.smallest)
    np.testing.assert_allclose(method.step(p, state).left, X + weight * p.truth @ X, rtol=1e-6, atol=1e-18)
    state = ScaledDescent(alpha=3.0).init(p)
    X, gram = state.left.copy(), state.left.T @ state.left
    pulled = (X @ X.T - p.truth) @ X @ np.linalg.inv(gram + 0.1 * p.smallest * np.eye(2))
    np.testing.assert_allclose(method.step(p, state).left, X - 0.3 * pulled, rtol=1e-9)


def test_scaled_descent_asks_for_no_knob_that_its_problem_has_not():
    """With plentiful measurements, but not so many that a race with more columns is decided, there is none."""
    problem = PlentifulSensing(side=19, rank=3, samples=6000.0)
    assert [claim.kind for claim in ScaledDescent(alpha=1e-9).claims(problem)] == ["flat"]


def test_what_is_said_of_the_estimate_waits_for_its_last_term():
    """After one of three terms predictions are worse than from raw data: that decides nothing yet."""
    problem, method = Completion(condition=1.0, noise=0.765148559949471, rows=200), ThresholdedSvd()
    (claim,) = [one for one in method.claims(problem) if one.measure == "prediction_share"]
    (run,) = claim.runs(problem, method)
    run.step(1)
    assert run.history.last("prediction_share") > 1.05 and tk.judge(claim, run).holds is None
    assert tk.judge(claim, run.finish()).holds
