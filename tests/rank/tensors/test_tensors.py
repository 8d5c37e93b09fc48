"""Tensor decompositions against plain NumPy: unfoldings written out, least squares, Pythagoras, planted components."""

import numpy as np
import pytest
import scipy.linalg

import toolkit as tk
from toolkit.kernels.dense.tensor import subspace_power
from toolkit.rank.tensors.cp import CpAls
from toolkit.rank.tensors.multilinear import kruskal_limit, maxvol, times
from toolkit.rank.tensors.problems import GridFunction, PlantedTensor, Potential, SymmetricTensor
from toolkit.rank.tensors.subspace_power import SHIFT, SubspacePower
from toolkit.rank.tensors.tensor_train import TrainCross, TrainSvd
from toolkit.rank.tensors.tucker import Hooi, Hosvd, SequentialHosvd

LONG = tk.Stop(rtol=0.0, steps=300)


def unfolded(tensor, mode):
    return np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)


def khatri_rao(factors):
    found = factors[0]
    for factor in factors[1:]:
        found = np.einsum("ir,jr->ijr", found, factor).reshape(-1, factor.shape[1])
    return found


@pytest.mark.parametrize("order, n", [(3, 6), (4, 5), (5, 3)])
def test_a_sweep_of_als_is_a_least_squares_problem_a_mode(order, n):
    problem, method = PlantedTensor(order=order, n=n, rank=2, noise=0.3), CpAls(rank=3, seed=5)
    state = method.init(problem)
    factors = [factor.copy() for factor in state.factors]
    for _ in range(2):
        state = method.step(problem, state)
        for mode in range(order):
            others = khatri_rao([factor for j, factor in enumerate(factors) if j != mode])
            fresh = np.linalg.lstsq(others, unfolded(problem.data, mode).T, rcond=None)[0].T
            weights = np.linalg.norm(fresh, axis=0)
            factors[mode] = fresh / weights
        full = (khatri_rao(factors) * weights).sum(axis=1).reshape(problem.shape)
        np.testing.assert_allclose(state.solution(), full, atol=1e-9)
        assert state.error == pytest.approx(np.linalg.norm(problem.data - full) / problem.norm, rel=1e-8)


def test_als_finds_planted_components():
    problem = PlantedTensor(n=12, rank=3)
    run = tk.solve(problem, CpAls(rank=3), LONG)
    assert problem.component_error(run.state.factors) < 1e-6


def test_als_with_components_to_spare_ends_before_its_error_grows():
    run = tk.solve(PlantedTensor(n=8, rank=1), CpAls(rank=4, start="singular vectors"), LONG)
    assert run.status.kind in ("converged", "stagnated") and run.history["error"][-1] < 1e-9


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_the_product_along_a_mode_is_that_of_the_unfolding(mode):
    rng = np.random.default_rng(0)
    tensor, matrix = rng.standard_normal((3, 4, 5)), rng.standard_normal((6, 3 + mode))
    np.testing.assert_allclose(unfolded(times(tensor, matrix, mode), mode), matrix @ unfolded(tensor, mode), atol=1e-13)


def test_a_fixed_point_of_orthogonal_iteration_holds_the_leading_vectors_of_what_the_others_leave():
    problem = Potential(n=14, particles=6)
    run = tk.solve(problem, Hooi(rank=3), LONG)
    assert run.status.kind == "converged"
    for mode, factor in enumerate(run.state.factors):
        rest = problem.data
        for other, its in enumerate(run.state.factors):
            rest = rest if other == mode else np.moveaxis(np.tensordot(its.T, rest, (1, other)), 0, other)
        left = np.linalg.svd(unfolded(rest, mode))[0][:, :3]
        np.testing.assert_allclose(factor @ factor.T, left @ left.T, atol=1e-5)
    start = tk.solve(problem, SequentialHosvd(rank=3), LONG).history["error"][-1]
    assert run.history["error"][-1] <= start


@pytest.mark.parametrize("seed", range(12))
def test_the_volume_of_the_chosen_rows_is_within_a_factor_of_the_largest(seed):
    """No entry of A Â⁻¹ exceeds 1.02: the chosen volume is nearly that of the best of all triples."""
    from itertools import combinations

    matrix = np.linalg.qr(np.random.default_rng(seed).standard_normal((12, 3)))[0]
    rows = maxvol(matrix)
    assert np.abs(matrix @ np.linalg.inv(matrix[rows])).max() <= 1.02 + 1e-12
    best = max(abs(np.linalg.det(matrix[list(one)])) for one in combinations(range(12), 3))
    assert abs(np.linalg.det(matrix[rows])) >= best / (3**1.5 * 1.02**3)


@pytest.mark.parametrize("seed", range(6))
def test_many_exchanges_of_rows_leave_no_entry_above_one(seed):
    """Rows are exchanged until A Â⁻¹, updated by rank one each time, is below 1.02: so it is when computed anew."""
    matrix = np.linalg.qr(np.random.default_rng(seed).standard_normal((300, 14)))[0]
    pivots = np.arange(300)
    for i, j in enumerate(scipy.linalg.lu_factor(matrix)[1]):
        pivots[[i, j]] = pivots[[j, i]]
    rows = maxvol(matrix)
    assert len({*pivots[:14].tolist()} - {*rows.tolist()}) >= 2
    assert np.abs(matrix @ np.linalg.inv(matrix[rows])).max() <= 1.02 + 1e-10
    assert len(set(rows.tolist())) == 14


def test_crosses_find_a_wave_of_rank_two_from_few_entries():
    problem = GridFunction(shape_name="wave", order=5, n=10)
    run = tk.solve(problem, TrainCross(rank=2), LONG)
    assert np.abs(run.solution() - problem.data).max() < 1e-10
    assert run.history["entries"][1] < 0.02 * problem.data.size


def test_a_train_of_a_wave_has_rank_two():
    problem = GridFunction(shape_name="wave", order=4, n=8)
    run = tk.solve(problem, TrainSvd(rank=2), LONG)
    np.testing.assert_allclose(run.solution(), problem.data, atol=1e-13)


@pytest.mark.parametrize("signs", [False, True])
def test_thirty_components_of_a_symmetric_tensor_are_found(signs):
    """Order 4, ten dimensions, to 1e-6: more components than dimensions."""
    problem = SymmetricTensor(d=10, components=30, signs=signs)
    run = tk.solve(problem, SubspacePower(), LONG)
    assert run.status.kind == "converged" and run.state.directions.shape == (10, 30)
    assert problem.component_error(run.state.factors) < 1e-6
    cosines = np.abs(problem.directions.T @ run.state.directions)
    weights = run.state.weights[np.argmax(cosines, axis=1)]
    np.testing.assert_allclose(weights, problem.weights, rtol=1e-6)


@pytest.mark.parametrize(
    "shape, most", [((2, 2, 2), 2), ((3, 3, 3), 3), ((4, 4, 4), 5), ((3, 3, 3, 3), 4), ((5, 5, 2), 5)]
)
def test_kruskals_limit(shape, most):
    """Σ min(n_k, R) ≥ 2 R + d − 1 by hand."""
    assert kruskal_limit(shape) == most


@pytest.mark.parametrize("d, half", [(4, 2), (3, 3)])
def test_the_subspace_power_iteration_by_plain_contractions(d, half):
    """x ← (∇F(x)/2n + γ x) to length one, F = ‖Vᵀ x^⊗n‖², γ = c √(f (1 − f)), f = F held above the clamp."""
    rng = np.random.default_rng(half)
    basis = np.linalg.qr(rng.standard_normal((d**half, 3)))[0]
    start, shift, clamp = rng.standard_normal(d), 0.7, 0.4
    start /= np.linalg.norm(start)
    x, trace, expected = start.copy(), np.zeros(6), []
    assert subspace_power(basis.reshape(d, -1, 3).copy(), x, half, shift, clamp, 0.0, trace) == 6
    y = start
    for _ in range(6):
        power = np.ones(1)
        for _ in range(half - 1):
            power = np.kron(power, y)
        columns = np.einsum("iec,e->ic", basis.reshape(d, -1, 3), power)
        expected.append(np.sum((y @ columns) ** 2))
        f = max(expected[-1], clamp)
        y = columns @ (y @ columns) + shift * np.sqrt(f * (1 - f)) * y
        y /= np.linalg.norm(y)
    np.testing.assert_allclose(trace, expected, rtol=1e-12)
    np.testing.assert_allclose(x, y, rtol=0, atol=1e-13)


def test_no_start_of_the_experiment_on_sweeps_is_the_planted_tensor():
    """Factors drawn with the tensor's own seed and rank are its own: rounding after one sweep would show nothing."""
    shown = tk.lab("rank").experiment("als-sweeps")
    steps = [tk.solve(shown.problem, method, shown.stop).state.k for method in shown.methods]
    assert min(steps) > 10 and max(steps) > 2 * min(steps)


class TestPromisesFitTheKnobs:
    """Nothing is promised, or what is holds, wherever the knobs of a method stand."""

    @pytest.mark.parametrize(
        "knobs",
        [
            dict(threshold=0.3),
            dict(threshold=1e-14),
            dict(tries=1, floor=0.0),
            dict(floor=1.0, tries=2),
            dict(iterations=10),
            dict(rank=3),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("components", [1, 8])
    def test_subspace_power(self, knobs, components):
        problem, method = SymmetricTensor(d=6, components=components), SubspacePower(**knobs)
        for claim in method.claims(problem):
            assert tk.check(claim, problem, method).holds is True, claim.title

    def test_squares_tell_tails_to_half_of_the_digits(self):
        problem, method = Potential(particles=1), SequentialHosvd(rank=16, by="gram")
        for claim in method.claims(problem):
            assert tk.check(claim, problem, method).holds is True, claim.title

    def test_a_wave_of_rank_two_has_no_second_rank_to_be_judged_at(self):
        problem = GridFunction(shape_name="wave", order=4, n=8)
        for method in (TrainSvd(), Hosvd()):
            assert "quasi" not in " ".join(claim.measure for claim in method.claims(problem))

    def test_the_shift_is_that_of_the_lemma(self):
        """γ = C √(f (1 − f)), C = √(2(n − 1)/n) for order 2n = 4, found in one step from a known start."""
        basis = np.linalg.qr(np.random.default_rng(0).standard_normal((9, 2)))[0].reshape(3, 3, 2)
        basis = basis + basis.transpose(1, 0, 2)
        basis = np.linalg.qr(basis.reshape(9, 2))[0]
        start = np.array([0.6, 0.0, 0.8])
        x, trace = start.copy(), np.empty(1)
        subspace_power(np.ascontiguousarray(basis.reshape(3, 3, 2)), x, 2, SHIFT, 0.5, 0.0, trace)
        square = basis @ (basis.T @ np.kron(start, start))
        f = max(float(square @ square), 0.5)
        moved = square.reshape(3, 3) @ start + np.sqrt(2 * (2 - 1) / 2) * np.sqrt(f * (1 - f)) * start
        np.testing.assert_allclose(np.abs(x @ moved) / np.linalg.norm(moved), 1.0, atol=1e-12)
