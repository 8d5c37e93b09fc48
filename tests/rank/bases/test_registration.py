"""Registration of fronts: interpolation, derivatives by differences, and the motion it should find."""

import numpy as np
import pytest
import scipy.interpolate

import toolkit as tk
from toolkit.rank.bases.fronts import KINDS, TravellingFront
from toolkit.rank.bases.lagrangian_bases import shares
from toolkit.rank.bases.registration import STEPS, RegisteredGrid, bends, blurred, decoded, needed, sampled, splines

PULSE = TravellingFront(n=100, times=40)


def test_sampling_is_cubic_hermite_interpolation_and_constant_beyond():
    x, places = np.linspace(0, 1, 20), np.random.default_rng(0).random((50, 2))
    np.testing.assert_allclose(sampled(np.stack((x**2, 1 - x), 1), places)[:, 1], 1 - places[:, 1], atol=1e-13)
    field = np.exp(np.sin(5 * np.linspace(0, 1, 200)))[:, None]
    expected = scipy.interpolate.CubicSpline(np.linspace(0, 1, 200), field[:, 0])(places[:, 0])
    np.testing.assert_allclose(sampled(field, places[:, :1])[:, 0], expected, atol=2e-6)
    assert sampled(field, np.array([[-0.3]]))[0, 0] == field[0, 0] and sampled(field, np.array([[2.0]])) == field[-1, 0]


def test_the_splines_sum_to_one():
    np.testing.assert_allclose(splines(33, 7).sum(axis=1), 1, rtol=1e-13)


def test_blurring_keeps_constants_and_lowers_peaks():
    soft = blurred(PULSE, 0.1)
    assert soft.max() < 0.6 * PULSE.eulerian.max() and blurred(PULSE, 0.0) is PULSE.eulerian


def test_the_slope_of_the_misfit_on_the_grid_is_that_by_differences():
    method = RegisteredGrid(blur=0.0, smoothness=0.0, controls=5)
    state = method.init(PULSE)  # at rest, where all weights are one
    matrix, rest = method._linearised(PULSE, state)
    slope = 2 * matrix.T @ rest

    direction, h = np.random.default_rng(1).standard_normal((2, *state.across.shape)), 1e-5

    def tail(s):  # the norm of what is sampled changes too: the tail itself, not its share
        moved = method.displacement(PULSE, state.across + s * direction[0], state.along + s * direction[1])
        values = np.linalg.svd(sampled(PULSE.eulerian, PULSE.x[:, None] + moved), compute_uv=False)
        return np.sum(values[2:] ** 2) / np.linalg.norm(PULSE.eulerian) ** 2

    found = (tail(h) - tail(-h)) / (2 * h)
    assert found == pytest.approx(slope @ np.concatenate([one.ravel() for one in direction]), rel=2e-3)


def test_the_slope_of_the_curvature_is_that_by_differences():
    method = RegisteredGrid(controls=5, smoothness=0.1)
    state = method.init(PULSE)
    rng = np.random.default_rng(0)
    state.along = rng.standard_normal(state.along.shape)
    matrix, rest = method._bending(state)
    move, h = rng.standard_normal((2, *state.across.shape)), 1e-6

    def bent(s):
        return np.sqrt(0.1) * np.concatenate(
            [o.ravel() for o in bends(state.across + s * move[0], state.along + s * move[1])]
        )

    np.testing.assert_allclose(bent(0), rest, atol=1e-14)
    np.testing.assert_allclose(
        (bent(h) - bent(-h)) / (2 * h), matrix @ np.concatenate([o.ravel() for o in move]), atol=1e-8
    )


@pytest.mark.parametrize("width", [0.04, 0.06, 0.1])
def test_the_learned_grid_follows_the_pulse(width):
    problem = TravellingFront(n=120, times=40, width=width)
    run = tk.solve(problem, RegisteredGrid(), STEPS, ["narrowest"])
    assert run.state.misfit < 2e-3 and run.history["narrowest"].min() > 0
    feet = [np.interp(0.3 + t / 2, grid, problem.x) for t, grid in zip(problem.t, run.state.grid.T)]
    assert np.ptp(feet) < 0.2 * width  # the crest is at one place of the grid at all times
    assert np.linalg.matrix_rank(run.state.grid - problem.x[:, None], tol=1e-10) <= 2


def test_what_was_carried_to_the_grid_and_back_is_what_it_was():
    errors = []
    for n in (60, 120, 240):
        problem = TravellingFront(n=n, times=20, width=0.15)
        method = RegisteredGrid(grid_rank=1, blur=0.0)
        along = 0.1 * np.sin(np.linspace(0, 3, 8))[:, None]
        state = method._on(problem, method.init(problem), np.linspace(0.5, 1, 8)[:, None], along)
        errors.append(np.abs((decoded(problem, state, 20) - problem.eulerian)[n // 6 : -n // 6]).max())
    assert errors[2] < 2e-6 and np.log2(errors[0] / errors[2]) / 2 > 1.9


def test_far_fewer_modes_are_needed_on_the_learned_grid():
    problem = TravellingFront(width=0.03)
    run = tk.solve(problem, RegisteredGrid(), STEPS)
    assert needed(np.linalg.svd(problem.eulerian, compute_uv=False)) >= 8 * needed(run.state.values)


def test_fronts_that_merge_gain_on_a_grid_of_rank_two():
    problem = TravellingFront(kind=KINDS[2], n=100, times=40)
    run = tk.solve(problem, RegisteredGrid(), STEPS)
    assert run.state.misfit < 0.1 * shares(np.linalg.svd(problem.eulerian, compute_uv=False), 2)


def test_to_first_order_the_tail_changes_only_across_the_modes_that_are_kept():
    method = RegisteredGrid(blur=0.0, smoothness=0.0, controls=5)
    state = method.init(PULSE)  # at rest, where all weights are one
    columns = method._linearised(PULSE, state)[0][: PULSE.n * PULSE.times].T.reshape(-1, PULSE.n, PULSE.times)
    size = np.abs(columns).max()
    assert size > 0 and np.abs(state.vectors[:, :2].T @ columns).max() < 1e-10 * size
    assert np.abs(columns @ state.right[:2].T).max() < 1e-10 * size
