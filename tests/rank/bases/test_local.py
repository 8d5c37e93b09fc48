"""K-medoids, local bases and the dictionary, against exhaustive search, dense algebra and the angles themselves."""

import itertools

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial.distance

import toolkit as tk
from toolkit.rank.bases.local_bases import (
    STEPS,
    LocalBases,
    best_swap,
    built,
    distances,
    finished,
    leading,
    projected,
    sines,
    unit,
)
from toolkit.rank.bases.model_dictionary import DictionaryModels
from toolkit.rank.bases.problems import DIFFUSION, SPEED, SolutionFamily
from toolkit.rank.interpolation.problems import MovingSource, SnapshotFile

RNG = np.random.default_rng(5)
FAMILY = SolutionFamily(n=80, fields=90, draws=200)
FRONT = SolutionFamily(kind="front", n=80, fields=90)


def total(apart, medoids):
    return apart[:, list(medoids)].min(axis=1).sum()


def test_the_sine_is_that_of_the_angle_between_subspaces():
    a, b = RNG.standard_normal((2, 4, 9))
    angles = [[scipy.linalg.subspace_angles(x[:, None], y[:, None])[0] for y in b] for x in a]
    np.testing.assert_allclose(sines(a, b), np.sin(angles), rtol=1e-10)
    np.testing.assert_allclose(sines(-3 * a, 1e-3 * b), sines(a, b), rtol=1e-10)
    np.testing.assert_allclose(distances(a, b), scipy.spatial.distance.cdist(a, b), rtol=1e-10)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_swap_changes_the_sum_by_what_it_says_and_none_is_better(count):
    apart = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(RNG.random((20, 2))))
    medoids = np.arange(count)
    change, out, into = best_swap(apart, medoids)
    every = {
        (i, h): total(apart, [*np.delete(medoids, i), h]) - total(apart, medoids)
        for i in range(count)
        for h in range(count, 20)
    }
    assert change == pytest.approx(min(every.values()), abs=1e-12) == pytest.approx(every[out, into], abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_swaps_end_near_the_best_of_all_choices(seed):
    points = np.random.default_rng(seed).random((14, 2))
    apart = distances(points, points)
    np.fill_diagonal(apart, 0)
    medoids = built(apart, 3)
    while (found := best_swap(apart, medoids))[0] < -1e-12:
        medoids[found[1]] = found[2]
    best = min(total(apart, chosen) for chosen in itertools.combinations(range(14), 3))
    assert best - 1e-12 <= total(apart, medoids) <= 1.05 * best


def test_solutions_satisfy_the_equation():
    h, (place, amplitude, decay) = 1 / 81, FAMILY.parameters[3]
    matrix = np.diag(np.full(80, 2 * DIFFUSION / h**2 + decay))
    matrix += np.diag(np.full(79, -DIFFUSION / h**2 + SPEED / (2 * h)), 1)
    matrix += np.diag(np.full(79, -DIFFUSION / h**2 - SPEED / (2 * h)), -1)
    x = np.arange(1, 81) * h
    load = amplitude * np.exp(-(((x - place) / 0.05) ** 2))
    np.testing.assert_allclose(FAMILY.table[3], np.linalg.solve(matrix, load), rtol=1e-9)
    np.testing.assert_allclose(
        FAMILY.applied(FAMILY.table[3:4]) + decay * FAMILY.table[3:4], load[None], atol=1e-12 * amplitude + 1e-14
    )


def test_with_one_group_it_is_pod_of_the_scaled_solutions():
    state = finished(FAMILY, LocalBases(clusters=1, modes=5))
    values = np.linalg.svd(unit(FAMILY.table), compute_uv=False)
    errors = projected(FAMILY.table, state.owner, state.bases, 5)
    assert np.sum(errors**2) == pytest.approx(np.sum(values[5:] ** 2), rel=1e-10)
    assert state.mean_error == pytest.approx(errors.mean())


@pytest.mark.parametrize("family", [FAMILY, FRONT])
def test_groups_by_angle_do_not_see_the_amplitude(family):
    flat = family.turned(decades=0.0)
    one, two = finished(family, LocalBases()), finished(flat, LocalBases())
    np.testing.assert_array_equal(one.owner, two.owner)
    assert one.mean_error == pytest.approx(two.mean_error, rel=1e-6)
    euclidean = finished(family, LocalBases(dissimilarity="euclidean"))
    assert one.mean_error < 0.1 * euclidean.mean_error


@pytest.mark.parametrize("family", [FAMILY, FRONT])
def test_for_equal_amplitudes_angle_and_distance_are_about_as_good(family):
    flat = family.turned(decades=0.0)
    one, two = (finished(flat, LocalBases(dissimilarity=d)).mean_error for d in ("sine", "euclidean"))
    assert 0.3 < one / two < 3


@pytest.mark.parametrize("family", [FAMILY, FRONT])
@pytest.mark.parametrize("clusters", [3, 6, 10])
def test_the_worst_error_is_below_that_of_one_basis_and_of_euclidean_groups(family, clusters):
    sine, near, one = (
        finished(family, LocalBases(clusters=k, dissimilarity=d)).worst_error
        for k, d in ((clusters, "sine"), (clusters, "euclidean"), (1, "sine"))
    )
    assert sine < near and sine < one


def test_modes_of_large_groups_span_what_singular_vectors_do():
    fields = RNG.standard_normal((450, 500)) * 0.9 ** np.arange(500)
    few, all_of_them = leading(fields, 5), np.linalg.svd(fields)[2][:5]
    np.testing.assert_allclose(few @ few.T, np.eye(5), atol=1e-12)
    assert scipy.linalg.subspace_angles(few.T, all_of_them.T)[0] < 1e-6


def test_with_as_many_groups_as_solutions_nothing_is_left():
    small = SolutionFamily(n=30, fields=20)
    assert tk.solve(small, LocalBases(clusters=20, modes=1), STEPS).state.worst_error < 1e-7


def test_solutions_not_seen_are_near_their_group():
    run = tk.solve(FRONT, LocalBases(), STEPS, ["held_out_error"])
    assert run.history["held_out_error"][-1] < 5 * run.state.mean_error + 1e-3


@pytest.mark.parametrize("fields", [MovingSource(n=10, fields=40), SnapshotFile()])
def test_fields_of_a_file_and_moving_sources_are_grouped_too(fields):
    run = tk.solve(fields, LocalBases(clusters=3, modes=4), STEPS)
    assert run.status.kind == "converged" and run.state.mean_error < run.history["mean_error"][0]


def test_too_many_groups_and_unknown_parameters_are_refused_in_words():
    assert "30 groups of 20" in LocalBases(clusters=30).suits(SolutionFamily(fields=20))
    assert "parameters" in LocalBases(dissimilarity="parameters").suits(SnapshotFile())
    assert "front" in DictionaryModels().suits(FRONT)


def test_a_draw_is_solved_by_galerkin_on_the_basis_of_its_group():
    method = DictionaryModels()
    state = method.init(FAMILY)
    mu = FAMILY.draw_parameters[:3]
    groups = method.classified(FAMILY, mu)
    v = state.bases[groups[1]]
    matrix = FAMILY.applied(np.eye(80)).T + mu[1, 2] * np.eye(80)
    expected = v.T @ np.linalg.solve(v @ matrix @ v.T, v @ FAMILY.load(mu[1:2])[0])
    np.testing.assert_allclose(method._solved(FAMILY, state, mu, groups)[1], expected, rtol=1e-9)


def test_the_dictionary_gives_the_mean_that_one_global_basis_misses():
    local, one = (tk.solve(FAMILY, DictionaryModels(clusters=k), STEPS) for k in (6, 1))
    assert local.state.mean_gap < 0.01 < 0.03 < one.state.mean_gap
    assert local.state.field_error < 0.2 * one.state.field_error
    assert local.history["draws"][-1] == 200
