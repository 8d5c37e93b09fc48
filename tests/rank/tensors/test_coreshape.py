"""Core shapes against brute force over every shape, SciPy's solver, and the claims of the packing."""

import itertools

import numpy as np
import pytest

import toolkit as tk
from toolkit.rank.tensors.core_growing import GreedyPacking, LossGreedy
from toolkit.rank.tensors.core_packing import PackedCore, SplitPacking, refined
from toolkit.rank.tensors.core_shape import (
    UnequalTensor,
    feasible,
    least_size,
    optimum_floor,
    packed,
    size,
    split_packed,
    surrogate,
    tail_energies,
)
from toolkit.rank.tensors.multilinear import tucker_full
from toolkit.rank.tensors.problems import GridFunction, PlantedTensor, Potential, TensorProblem

TO_THE_END = tk.Stop(rtol=0.0, steps=400)
PROBLEMS = [UnequalTensor(n=9), Potential(n=8, particles=6), GridFunction(order=4, n=5), PlantedTensor(n=7, noise=0.3)]


class Tiny(TensorProblem):
    """Noise with a decaying core, 4 × 5 × 3."""

    def made(self):
        rng = np.random.default_rng(5)
        return rng.standard_normal((4, 5, 3)) * 0.6 ** np.arange(4)[:, None, None] * 0.7 ** np.arange(5)[:, None]


def every_shape(problem, budget):
    """All shapes in the budget, one by one."""
    ranges = [range(1, len(values) + 1) for _, values in problem.modes]
    return [r for r in itertools.product(*ranges) if size(problem.shape, r) <= budget]


def best_loss(problem, ranks):
    """Squared relative error of orthogonal iteration from the HOSVD and three random starts: the least found."""
    rng, found = np.random.default_rng(0), []
    starts = [[left[:, :r] for (left, _), r in zip(problem.modes, ranks)]]
    for _ in range(3):
        starts.append([np.linalg.qr(rng.standard_normal((n, r)))[0] for n, r in zip(problem.shape, ranks)])
    for factors in starts:
        core, factors = refined(problem, factors, 40)
        found.append(problem.distance(tucker_full(core, factors)) ** 2)
    return min(found)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.slug())
class TestPacking:
    def test_the_packing_is_the_best_of_every_shape(self, problem):
        tails, least = tail_energies(problem), least_size(problem.shape)
        for budget in (least, int(1.7 * least), 3 * least, 10 * least):
            best = min(surrogate(tails, ranks) for ranks in every_shape(problem, budget))
            found = packed(tails, problem.shape, budget)
            assert size(problem.shape, found) <= budget
            np.testing.assert_allclose(surrogate(tails, found), best, rtol=1e-12, atol=1e-30)

    def test_the_floor_is_the_least_of_every_shape(self, problem):
        tails, budget = tail_energies(problem), 3 * least_size(problem.shape)
        least = min(max(t[r] for t, r in zip(tails, ranks)) for ranks in every_shape(problem, budget))
        np.testing.assert_allclose(optimum_floor(tails, problem.shape, budget), least, rtol=1e-12, atol=1e-30)

    def test_no_shape_that_fits_is_forgotten(self, problem):
        tails, budget = tail_energies(problem), 2 * least_size(problem.shape)
        ranks, _ = feasible(tails, problem.shape, budget)
        kept = {tuple(one) for one in ranks.tolist()}
        for shape in every_shape(problem, budget):
            assert any(all(a >= b for a, b in zip(one, shape)) for one in kept)

    def test_a_split_solves_its_integer_program(self, problem):
        tails, budget = tail_energies(problem), 4 * least_size(problem.shape)
        for core in (2.0, 6.0, 25.0):
            fitting = [
                r
                for r in every_shape(problem, 10**9)
                if np.prod(r) <= core + 1e-6 and np.dot(problem.shape, r) <= budget - core
            ]
            best = min(surrogate(tails, r) for r in fitting)
            found = split_packed(tails, problem.shape, budget, core, 1.01 * len(problem.shape))
            assert found in fitting
            assert surrogate(tails, found) <= best + 1e-5 * len(problem.shape)


class TestTheorem:
    def test_the_squared_error_is_at_most_n_times_the_optimum(self):
        """Over all shapes of a tiny tensor, each with the best decomposition that many starts find."""
        problem = Tiny()
        tails = tail_energies(problem)
        losses = {ranks: best_loss(problem, ranks) for ranks in every_shape(problem, 60)}
        for budget in (13, 20, 27, 35, 45, 60):
            optimum = min(loss for ranks, loss in losses.items() if size(problem.shape, ranks) <= budget)
            ranks = packed(tails, problem.shape, budget)
            hosvd = problem.distance(
                tucker_full(*refined(problem, [u[:, :r] for (u, _), r in zip(problem.modes, ranks)], 0))
            )
            assert optimum_floor(tails, problem.shape, budget) <= optimum * (1 + 1e-10) + 1e-28
            assert hosvd**2 <= 3 * optimum + 1e-28
        for ranks, loss in losses.items():
            assert loss <= surrogate(tails, ranks) + 1e-14 and surrogate(tails, ranks) <= 3 * loss + 1e-14

    def test_the_factor_is_not_idle(self):
        """The HOSVD of the packed shape is not the best of its size: a bound of one would fail."""
        run = tk.solve(UnequalTensor(n=12), PackedCore(budget=300), TO_THE_END, measures("optimum_ratio", PackedCore))
        ratio = run.history["optimum_ratio"]
        assert 1.05 < np.nanmax(ratio) <= np.sqrt(3)


def measures(name, cls):
    return [tk.Probe(m, tk.Every(1)) for m in cls().measures(UnequalTensor(n=12)) if m.name == name]


class TestMethods:
    def test_more_budget_is_never_a_worse_surrogate_and_fits(self):
        problem, method = UnequalTensor(n=20), PackedCore(budget=900)
        run = tk.solve(problem, method, TO_THE_END, measures("surrogate", PackedCore))
        assert run.status.kind == "converged" and np.all(np.diff(run.history["surrogate"]) <= 1e-15)
        assert run.history["unknowns"][-1] <= 900
        assert all(u <= method.allowed(problem.shape, int(k)) for k, u in enumerate(run.history["unknowns"]))

    def test_splits_come_within_their_promise_of_the_exact_packing(self):
        problem = UnequalTensor(n=24)
        tails = tail_energies(problem)
        run = tk.solve(problem, SplitPacking(budget=900, epsilon=0.1), TO_THE_END)
        found = surrogate(tails, run.state.ranks)
        assert surrogate(tails, packed(tails, problem.shape, 900)) <= found * (1 + 1e-12)
        assert found <= surrogate(tails, packed(tails, problem.shape, 900 / 1.1)) * (1 + 1e-5)

    @pytest.mark.parametrize("problem", [UnequalTensor(n=24), Potential(n=16)])
    def test_packing_competes_with_the_true_loss_and_is_cheaper(self, problem):
        """Refined as the greedy one's trials: an error within five percent for a tenth of the decompositions."""
        greedy = tk.solve(problem, LossGreedy(budget=600), TO_THE_END)
        exact = tk.solve(problem, PackedCore(budget=600, growth=4.0, sweeps=2), TO_THE_END)
        assert exact.history["error"][-1] <= 1.05 * greedy.history["error"][-1]
        assert exact.state.work.solves <= 0.1 * greedy.state.work.solves

    def test_on_flat_spectra_it_is_only_within_its_factor(self):
        """Tails that hardly fall say little of the loss: greedy is better there, by less than √N."""
        problem = UnequalTensor(n=24, decay=0.2, seed=3)
        greedy = tk.solve(problem, LossGreedy(budget=600), TO_THE_END).history["error"][-1]
        exact = tk.solve(problem, PackedCore(budget=600), TO_THE_END).history["error"][-1]
        assert 1.05 * greedy < exact <= np.sqrt(3) * greedy

    def test_the_loss_of_the_greedy_one_is_what_it_says(self):
        run = tk.solve(UnequalTensor(n=12), LossGreedy(budget=300), TO_THE_END)
        assert run.history["error"][-1] == UnequalTensor(n=12).distance(run.solution())
        assert run.history["unknowns"][-1] > 300 - 40 and run.status.kind == "converged"
        for factor in run.state.factors:
            np.testing.assert_allclose(factor.T @ factor, np.eye(factor.shape[1]), atol=1e-12)

    def test_greedy_packing_prefers_the_cheap_mode(self):
        """Of equal energies the shorter mode is raised first."""

        class Cross(TensorProblem):
            def made(self):
                found = np.zeros((6, 3, 3))
                found[0, 0, 0], found[1, 1, 1] = 2.0, 1.0
                return found

        run = tk.solve(Cross(), GreedyPacking(budget=40), tk.Stop(rtol=0.0, steps=1))
        assert run.state.ranks == (1, 2, 1)

    def test_a_budget_too_small_is_refused(self):
        assert "below the" in PackedCore(budget=20).suits(UnequalTensor(n=24))
