"""Fronts in closed form, and the reduced models at rest and with the flow, against dense algebra and SciPy."""

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import toolkit as tk
from toolkit.rank.bases.fronts import KINDS, TravellingFront, runge_kutta, slopes, stiffness
from toolkit.rank.bases.lagrangian_bases import EulerianPod, LagrangianPod

STOP = tk.Stop(rtol=0.0, steps=12)
VISCOUS = TravellingFront(kind=KINDS[2], n=120, times=60)


def column(problem, x, t):
    return problem.exact(np.atleast_2d(x).T, np.array([t]))[:, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_closed_form_satisfies_the_equation(kind):
    problem = TravellingFront(kind=kind, width=0.15, last=0.6)
    x, h = np.linspace(0.1, 0.9, 41), 1e-3
    t = problem.t[-1] / 2
    at = lambda dx, dt: column(problem, x + dx, t + dt)  # noqa: E731
    u = at(0, 0)
    first = (8 * (at(h, 0) - at(-h, 0)) - at(2 * h, 0) + at(-2 * h, 0)) / (12 * h)
    rate = (8 * (at(0, h) - at(0, -h)) - at(0, 2 * h) + at(0, -2 * h)) / (12 * h)
    second = (16 * (at(h, 0) + at(-h, 0)) - at(2 * h, 0) - at(-2 * h, 0) - 30 * u) / (12 * h * h)
    speed, viscosity = (0.5, 0.0) if kind == KINDS[0] else (u, problem.viscosity * (kind == KINDS[2]))
    np.testing.assert_allclose(rate + speed * first, viscosity * second, atol=1e-6)


def test_the_foot_of_a_characteristic_is_the_root_a_bracketing_method_finds():
    problem = TravellingFront(kind=KINDS[1], last=0.98)
    t = problem.t[-1]
    for place in (0.2, 0.31, 0.36, 0.4):
        foot = scipy.optimize.brentq(lambda s: s + t * problem.pulse(s) - place, -1, 2, xtol=1e-15)  # noqa: B023
        assert column(problem, place, t)[0] == pytest.approx(float(problem.pulse(foot)), rel=1e-9)


def test_the_paths_of_particles_are_those_of_another_integrator():
    found = scipy.integrate.solve_ivp(
        lambda t, x: VISCOUS.merging(x, t)[0], (0, VISCOUS.t[-1]), VISCOUS.x, rtol=1e-11, atol=1e-12
    )
    np.testing.assert_allclose(VISCOUS.lagrangian[0][:, -1], found.y[:, -1], atol=1e-8)


def test_the_slope_of_the_viscous_fronts_is_the_derivative():
    x = np.linspace(0, 1, 400)
    u, slope = VISCOUS.merging(x, 0.3)
    np.testing.assert_allclose(slopes(u[:, None], x)[4:-4, 0], slope[4:-4], atol=1e-5 * np.abs(slope).max())


def test_mass_and_stiffness_integrate_linear_fields_exactly():
    x = np.cumsum(np.random.default_rng(0).random(30))
    fields = np.stack((np.ones(30), x), axis=1)
    mass, stiff = stiffness(fields, x)
    length = x[-1] - x[0]
    assert mass[0, 0] == pytest.approx(length) and mass[0, 1] == pytest.approx((x[-1] ** 2 - x[0] ** 2) / 2)
    np.testing.assert_allclose(stiff, [[0, 0], [0, length]], atol=1e-12)


def test_the_integrator_has_order_four():
    errors = [abs(runge_kutta(lambda t, y: -t * y, 0.0, 2.0, np.ones(1), n)[0] - np.exp(-2)) for n in (10, 20, 40)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.2) == np.log2(errors[1] / errors[2])


@pytest.mark.parametrize("kind", KINDS[:2])
def test_positions_have_rank_two_and_states_rank_one(kind):
    places, states = TravellingFront(kind=kind).lagrangian
    assert np.linalg.matrix_rank(places, tol=1e-12) == 2 and np.linalg.matrix_rank(states, tol=1e-12) == 1
    assert np.linalg.matrix_rank(TravellingFront(kind=kind).eulerian, tol=1e-6) > 8


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("window", [0.2, 1.0])
def test_three_moving_modes_are_exact_beyond_the_window_too(kind, window):
    problem = TravellingFront(kind=kind, window=window)
    moving = tk.solve(problem, LagrangianPod(), STOP, ["reduced_error"]).history
    resting = tk.solve(problem, EulerianPod(), tk.Stop(rtol=0.0, steps=3), ["reduced_error"]).history
    assert moving["unknowns"][1] == 3 and moving["reduced_error"][1] < 1e-11 < 1e-2 < resting["reduced_error"][-1]


def test_with_viscosity_the_moving_model_converges_to_the_accuracy_of_its_grid():
    ends = []
    for n in (60, 120):
        problem = TravellingFront(kind=KINDS[2], n=n, times=n)
        ends.append(tk.solve(problem, LagrangianPod(), STOP, ["reduced_error"]).history["reduced_error"][-1])
    assert ends[1] < 1e-4 and np.log2(ends[0] / ends[1]) == pytest.approx(2, abs=0.3)


def test_the_model_at_rest_is_galerkin():
    problem = TravellingFront(kind=KINDS[1], n=80, times=20)
    state = tk.solve(problem, EulerianPod(), tk.Stop(rtol=0.0, steps=5)).state
    phi = state.vectors[:, :5]
    rate = lambda t, a: -phi.T @ ((phi @ a) * slopes((phi @ a)[:, None], problem.x)[:, 0])  # noqa: E731
    start = phi.T @ problem.eulerian[:, 0]
    found = scipy.integrate.solve_ivp(rate, (0, problem.t[-1]), start, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(EulerianPod().reduced(problem, state)[:, -1], phi @ found.y[:, -1], atol=1e-6)


def test_the_misfit_is_what_projection_leaves():
    state = tk.solve(VISCOUS, EulerianPod(), tk.Stop(rtol=0.0, steps=6)).state
    basis = np.linalg.qr(state.solution())[0]
    rest = VISCOUS.eulerian - basis @ (basis.T @ VISCOUS.eulerian)
    assert np.linalg.norm(rest) / np.linalg.norm(VISCOUS.eulerian) == pytest.approx(state.misfit, rel=1e-8)
