"""The elastoviscoplastic bar and its reduced models: the law by SciPy, cubature by SciPy, elasticity in closed form."""

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import toolkit as tk
from toolkit.kernels.points.viscoplastic import respond
from toolkit.rank.hyperreduction.adaptive_bar import AdaptiveReducedBar, widened
from toolkit.rank.hyperreduction.cubature import (
    NonnegativeCubature,
    basis,
    compressed,
    correlation,
    cubature,
    online_error,
    picked,
    works,
)
from toolkit.rank.hyperreduction.full_bar import STEPS, FullBar
from toolkit.rank.hyperreduction.problems import LAW, NEWTON, ViscoplasticBar, newton
from toolkit.rank.hyperreduction.reduced_bar import FixedReducedBar, gappy, orthonormal, spread

BAR = ViscoplasticBar(n=60, steps=16, change=0.0)
MOVED = ViscoplasticBar(n=60, steps=16, shift=0.15, change=0.2)


@pytest.mark.parametrize("count, steps", [(0, 0), (1, 1), (NEWTON, NEWTON), (NEWTON + 1, None)])
def test_newton_is_given_so_many_steps_and_no_more(count, steps):
    """x² = 0 from one: every step halves x, so that the residual is 4^−count after `count` of them."""
    at = []

    def missed(x):
        at[:] = [x]
        return x**2

    found = newton(missed, lambda rest: rest / (2 * at[0]), np.ones(1), 4.0**-count)
    assert (found and found[1]) == steps


def response(strain, rise, dt, old):
    new, stress, tangent = np.empty_like(old), np.empty(len(strain)), np.empty(len(strain))
    respond(strain, rise, dt, LAW, old, new, stress, tangent)
    return new, stress, tangent


def test_the_law_is_the_root_of_the_implicit_euler_equations():
    rng = np.random.default_rng(0)
    strain, rise = 4e-3 * rng.standard_normal(200), 600 * rng.random(200)
    old = np.stack((1e-3 * rng.standard_normal(200), 200 * (2 * rng.random(200) - 1), rng.random(200)))
    new, stress, _ = response(strain, rise, 0.05, old)
    soft = 1 - LAW[7] * rise
    np.testing.assert_allclose(stress, LAW[0] * soft * (strain - LAW[1] * rise - new[0]), rtol=1e-10, atol=1e-9)
    flow, sign = new[2] - old[2], np.sign(stress - new[1])
    over = np.abs(stress - new[1]) - LAW[2] * soft
    yielded = flow > 0
    assert 20 < yielded.sum() < 200 and np.all(over[~yielded] <= 1e-9)
    np.testing.assert_allclose(over[yielded], (LAW[3] * soft * (flow / 0.05) ** 0.2)[yielded], rtol=1e-7)
    np.testing.assert_allclose(new[0] - old[0], sign * flow, atol=1e-16)
    back = new[1] - old[1] - LAW[5] * soft * (new[0] - old[0]) + LAW[6] * new[1] * flow
    np.testing.assert_allclose(back, 0, atol=1e-9)


def test_the_tangent_is_the_derivative_of_the_stress():
    rng = np.random.default_rng(1)
    strain, rise = 4e-3 * rng.standard_normal(100), 500 * rng.random(100)
    old = np.stack((np.zeros(100), 200 * (2 * rng.random(100) - 1), np.zeros(100)))
    h = 1e-9
    slope = (response(strain + h, rise, 0.1, old)[1] - response(strain - h, rise, 0.1, old)[1]) / (2 * h)
    np.testing.assert_allclose(response(strain, rise, 0.1, old)[2], slope, rtol=2e-4)


def test_small_steps_converge_to_the_rate_equations():
    def rates(t, y):
        sigma = LAW[0] * (0.006 * t - y[0])
        over = abs(sigma - y[1]) - LAW[2]
        p = (max(over, 0) / LAW[3]) ** LAW[4]
        flow = np.sign(sigma - y[1]) * p
        return [flow, LAW[5] * flow - LAW[6] * y[1] * p, p]

    truth = scipy.integrate.solve_ivp(rates, (0, 1), [0, 0, 0], method="LSODA", rtol=1e-9, atol=1e-13).y[:, -1]
    errors = []
    for steps in (20, 40, 80):
        old = np.zeros((3, 1))
        for i in range(steps):
            old = response(np.array([0.006 * (i + 1) / steps]), np.zeros(1), 1 / steps, old)[0]
        errors.append(abs(old[0, 0] - truth[0]))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.2) == np.log2(errors[1] / errors[2])


def test_while_it_is_elastic_the_bar_carries_its_heat_as_in_closed_form():
    cool = ViscoplasticBar(n=200, steps=16, heat=50.0, force=0.0, cycles=1, change=0.0)
    rise = cool.rise(cool.asked, 8)
    expected = -LAW[1] * rise.sum() / np.sum(1 / (LAW[0] * (1 - LAW[7] * rise)))  # one stress, no change of length
    np.testing.assert_allclose(cool.truth.stresses[7], expected, rtol=1e-8)
    assert cool.truth.plastic.max() == 0


def test_forces_balance_and_plastic_strain_never_falls():
    for step in (3, 9, 20, 32):
        stress, load = BAR.truth.stresses[step - 1], BAR.rotation(step) * BAR.load
        np.testing.assert_allclose(stress[:-1] - stress[1:], load, atol=1e-6)
    assert np.diff(BAR.truth.plastic, axis=0).min() >= 0 and BAR.truth.plastic.max() > 1e-3


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_the_correlation_is_the_same_however_the_bar_is_cut(parts):
    strains = BAR.strains(BAR.training.fields)
    whole = strains @ strains.T / 60
    np.testing.assert_allclose(correlation(strains, 1 / 60, parts), whole, atol=1e-14 * np.abs(whole).max())


def test_modes_are_orthonormal_and_miss_what_the_singular_values_say():
    strains = BAR.strains(BAR.training.fields)
    values = np.linalg.svd(strains, compute_uv=False)
    for tolerance in (1e-1, 1e-2, 1e-3):
        modes, shapes = compressed(BAR, BAR.training.fields, tolerance)
        np.testing.assert_allclose(shapes @ shapes.T / 60, np.eye(len(modes)), atol=1e-6)
        np.testing.assert_allclose(BAR.strains(modes), shapes)
        missed = np.linalg.norm(strains - (strains @ shapes.T / 60) @ shapes)
        assert missed == pytest.approx(np.linalg.norm(values[len(modes) :]), rel=1e-4)
        assert missed <= tolerance * np.linalg.norm(values) < np.linalg.norm(values[len(modes) - 1 :])


def test_weights_fit_as_well_as_scipys_on_the_same_elements_and_meet_the_tolerance():
    table = basis(BAR, 1e-3)[2]
    goal = table.sum(axis=1)
    points, weights = cubature(table, 1e-3)
    assert weights.min() > 0 and np.linalg.norm(table[:, points] @ weights - goal) <= 1e-3 * np.linalg.norm(goal)
    every = scipy.optimize.nnls(table, goal)
    assert every[1] <= 1e-9 * np.linalg.norm(goal)
    chosen, fitted, misfit = picked(table, goal, [5, 20])
    assert chosen[:2] == [5, 20] and fitted.min() >= 0
    best = min(scipy.optimize.nnls(table[:, [5, 20, e]], goal)[1] for e in range(60))
    assert best <= misfit * np.linalg.norm(goal) * (1 + 1e-12)


def test_works_are_what_balances_the_load():
    strains, table = basis(BAR, 1e-3)[1:]
    modes = basis(BAR, 1e-3)[0]
    loads = np.outer(modes @ BAR.load, [BAR.rotation(s + 1) for s in range(16)]).ravel()
    np.testing.assert_allclose(table.sum(axis=1)[:-1], loads, atol=1e-6)
    assert table.shape == works(strains, BAR.training.stresses, 1 / 60).shape


@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-3])
def test_twice_as_many_points_as_modes_and_one_are_exact_in_a_bar(tolerance):
    table = basis(BAR, tolerance)[2]
    modes = len(basis(BAR, tolerance)[0])
    assert np.linalg.matrix_rank(table, tol=1e-7 * np.linalg.norm(table)) <= 2 * modes + 1
    assert len(cubature(table, 1e-7)[0]) <= 2 * modes + 1


def test_with_all_modes_and_elements_the_reduced_bar_is_the_full_one():
    method = NonnegativeCubature(pod_tolerance=1e-6)
    modes = basis(BAR, 1e-6)[0]
    reduced = method.reduced(BAR, tk.solve(BAR, method, STEPS).state)
    assert len(modes) > 10 and online_error(BAR.turned(cycles=1), reduced) < 2e-5


def test_the_error_in_a_cycle_not_seen_falls_with_the_tolerance_of_the_modes():
    errors = []
    for tolerance in (1e-1, 3e-2, 1e-2, 1e-3, 1e-4):
        method = NonnegativeCubature(pod_tolerance=tolerance)
        errors.append(online_error(BAR, method.reduced(BAR, tk.solve(BAR, method, STEPS).state)))
        assert errors[-1] < 4 * tolerance
    assert all(np.diff(errors) < 0)


def test_gappy_fields_in_the_span_are_found_exactly():
    dual = orthonormal(BAR.training.plastic, 1e-3)
    points = spread(dual, np.array([3]), 5)
    assert 3 not in points and len(points) >= len(dual)
    z = np.arange(1.0, len(dual) + 1)
    residual, found = gappy(dual[:, points], z @ dual[:, points])
    np.testing.assert_allclose(found, z, rtol=1e-7)
    assert residual < 1e-12


def test_a_wider_basis_holds_the_field():
    method = FixedReducedBar()
    reduced = method.init(MOVED).reduced
    field = MOVED.truth.fields[9]
    modes, strains = widened(MOVED, reduced, field)
    np.testing.assert_allclose((MOVED.strains(field) @ strains.T / 60) @ modes, field, atol=1e-12)
    np.testing.assert_allclose(strains @ strains.T / 60, np.eye(len(strains)), atol=1e-6)


def test_where_it_was_not_enriched_the_adaptive_bar_is_the_fixed_one():
    fixed, free = (tk.solve(MOVED, m, STEPS) for m in (FixedReducedBar(), AdaptiveReducedBar(allowed=1.0)))
    np.testing.assert_array_equal(fixed.solution(), free.solution())


def test_enriched_at_every_step_it_is_the_full_model():
    run = tk.solve(MOVED, AdaptiveReducedBar(allowed=1e-6), STEPS, ["full_share"])
    assert run.state.enrichments > 15 and run.history["error"][-1] < 1e-3


@pytest.mark.parametrize("shift", [0.1, 0.2, 0.3])
def test_few_full_steps_control_the_error_that_a_fixed_basis_makes(shift):
    bar = ViscoplasticBar(n=60, steps=16, shift=shift, change=0.2)
    fixed, adaptive = (tk.solve(bar, m, STEPS).state for m in (FixedReducedBar(), AdaptiveReducedBar()))
    assert fixed.worst > 0.1 and adaptive.worst < 0.3 * fixed.worst and adaptive.error < 0.1 * fixed.error
    assert adaptive.enrichments <= 6


def test_over_many_loadings_the_indicator_follows_the_error_of_the_plastic_strain():
    pairs = []
    for shift in (0.0, 0.02, 0.05, 0.1, 0.2):
        run = tk.solve(ViscoplasticBar(n=60, steps=16, shift=shift), FixedReducedBar(), STEPS)
        pairs += [one for one in run.state.seen[8:] if min(one) > 0]
    logs = np.log(np.array(pairs))
    assert np.corrcoef(logs.T)[0, 1] > 0.9 and np.ptp(logs[:, 1]) > 3


def test_the_cost_of_a_reduced_step_does_not_grow_with_the_mesh():
    runs = [tk.solve(ViscoplasticBar(n=n, steps=16), FixedReducedBar(), STEPS) for n in (60, 480)]
    assert runs[1].state.work.nfe < 1.3 * runs[0].state.work.nfe
    full = [tk.solve(ViscoplasticBar(n=n, steps=16), FullBar(), STEPS).state.work.nfe for n in (60, 480)]
    assert full[1] > 6 * full[0]


def test_newtons_method_is_halved_where_whole_steps_would_run_away():
    found, tries = newton(lambda x: np.arctan(x), lambda rest: rest * (1 + np.tan(rest) ** 2), np.array([10.0]), 1e-12)
    assert abs(found[0]) < 1e-11 and tries < 20
    harsh = ViscoplasticBar(n=300, steps=8, cycles=1, heat=300.0, shift=-0.06, change=0.28, force=215.0)
    run = tk.solve(harsh, FullBar(), STEPS, ["balance"])  # plain Newton leaves the reals here
    assert run.status.kind == "converged" and run.history["balance"].max() < 1e-8


def test_trouble_is_told_with_its_cause():
    coarse = FixedReducedBar(pod_tolerance=1e-6, tolerance=0.5, extra=1)
    run = tk.solve(ViscoplasticBar(n=60, steps=16, heat=50.0, change=-0.4, force=600.0), coarse, STEPS)
    assert run.status.kind == "failed" and "Lower `tolerance`" in run.status.advice


def test_fields_that_are_largest_at_one_element_are_told_apart_at_another():
    """Empirical interpolation: what is left of the second field after the first has its own largest element."""
    dual = np.array([[3.0, 1.0, 0.0, 0.0, 0.0, 0.0], [3.0, 0.0, 1.5, 0.0, 0.0, 0.0]])
    assert spread(dual, np.array([5]), 1).tolist() == [0, 2]
    assert spread(dual, np.array([0]), 1).tolist() == [2]


def test_coarse_points_promise_nothing_of_the_modes():
    promised = [one.title for one in NonnegativeCubature().claims(ViscoplasticBar())]
    coarse = [one.title for one in NonnegativeCubature(pod_tolerance=1e-6, tolerance=0.05).claims(ViscoplasticBar())]
    assert any("twice what the modes miss" in one for one in promised)
    assert not any("twice what the modes miss" in one for one in coarse)
