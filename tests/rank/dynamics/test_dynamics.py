"""Low-rank dynamics against dense integration by SciPy, dense projections, and what the theory says of them."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.rank.dynamics.basis_update import AugmentedBug, Bug, ParallelBug, sideways, truncated, widened
from toolkit.rank.dynamics.digits_training import DigitsTraining, gradients
from toolkit.rank.dynamics.integrator import Substeps, orthogonal, runge_kutta, truncation, worn
from toolkit.rank.dynamics.low_rank_training import FullDescent, LowRankTraining
from toolkit.rank.dynamics.problems import HeatFlow, PlantedFlow, SchroedingerFlow
from toolkit.rank.dynamics.projector_splitting import FactorEquations, ProjectorSplitting, backwards, forwards
from toolkit.rank.dynamics.transport_riccati import RiccatiFlow, TransportFlow
from toolkit.rank.dynamics.tree_basis_update import ParallelTreeBug, TreeBugSequential, evolved, joined, openings
from toolkit.rank.dynamics.tree_problems import CubeHeat, SpinChain, TreeFlow, sum_of_sites
from toolkit.rank.dynamics.tree_tensor import (
    decomposed,
    dense,
    leaves,
    planted_tree,
    tree_shape,
    truncated_tree,
    upwards,
)

FLOWS = (
    PlantedFlow(n=10, epsilon=0.05),
    HeatFlow(n=10),
    SchroedingerFlow(n=8),
    TransportFlow(n=12, directions=6, scattering=0.7),
    RiccatiFlow(n=10, gain=3.0),
)


def at_end(problem, method, *measures):
    """Measures at the final time."""
    history = tk.solve(problem, method, THROUGH, measures).history
    return [history[name][-1] for name in measures]


def dense_slope(problem, t, y):
    p, q = problem.slope(t, y, np.eye(y.shape[1]))
    return p @ q.conj().T


class TestFlows:
    @pytest.mark.parametrize("problem", FLOWS, ids=lambda p: p.slug())
    def test_the_reference_solves_the_equation(self, problem):
        start = problem.initial
        dtype = complex if isinstance(problem, SchroedingerFlow) else float

        def f(t, y):
            return dense_slope(problem, t, y.reshape(start.shape)).ravel()

        y0 = start.ravel().astype(dtype)
        found = solve_ivp(f, (0, problem.end), y0, method="DOP853", rtol=1e-11, atol=1e-13).y[:, -1]
        x = problem.reference(problem.end)
        assert np.linalg.norm(found - x.ravel()) < 1e-10 * np.linalg.norm(x)
        np.testing.assert_allclose(problem.reference(0.0), start, atol=1e-12)

    @pytest.mark.parametrize("problem", FLOWS, ids=lambda p: p.slug())
    def test_a_factored_slope_is_the_slope(self, problem):
        rng = np.random.default_rng(1)
        m, n = problem.initial.shape
        left, right = rng.standard_normal((m, 3)), rng.standard_normal((n, 3))
        p, q = problem.slope(0.3, left, right)
        np.testing.assert_allclose(p @ q.conj().T, dense_slope(problem, 0.3, left @ right.T), atol=1e-9)

    def test_planted_without_bending_is_a_product_of_exponentials(self):
        problem = PlantedFlow(n=9, rank=3, epsilon=0.0, quadratic=0.0)
        a, b = problem.parts[:2]
        x = expm(0.7 * a) @ problem.initial @ expm(0.7 * b).T
        np.testing.assert_allclose(problem.reference(0.7), x, atol=1e-13)
        np.testing.assert_allclose(a + a.T, np.eye(9), atol=1e-14)

    def test_planted_keeps_its_rank_without_a_normal_part(self):
        problem = PlantedFlow(n=12, rank=4, epsilon=0.0, sigma_min=1e-3)
        values = np.linalg.svd(problem.reference(1.0), compute_uv=False)
        assert values[3] > 1e-4 and values[4] < 1e-14

    def test_heat_is_that_of_the_five_point_stencil(self):
        problem = HeatFlow(n=8, source=0.0)
        y = np.random.default_rng(0).standard_normal((8, 8))
        wide = np.pad(y, 1)
        stencil = wide[2:, 1:-1] + wide[:-2, 1:-1] + wide[1:-1, 2:] + wide[1:-1, :-2] - 4 * y
        np.testing.assert_allclose(dense_slope(problem, 0.0, y), problem.nu * 81 * stencil, atol=1e-12)

    def test_transport_conserves_particles_when_none_is_absorbed(self):
        problem = TransportFlow(n=12, directions=6, scattering=1.0)
        root = problem.parts[2]
        one, other = (float((problem.reference(t) @ root).sum()) for t in (0.0, 0.5))
        assert one == pytest.approx(other, rel=1e-12)

    def test_the_riccati_flow_settles_at_the_algebraic_solution(self):
        from scipy.linalg import solve_continuous_are

        problem = RiccatiFlow(n=12, gain=5.0, nu=0.2, end=5.0)
        a, b, c = problem.parts
        # X solves A X + X Aᵀ + B Bᵀ − g X Cᵀ C X = 0
        steady = solve_continuous_are(a.T, c, b @ b.T, np.eye(2) / problem.gain)
        np.testing.assert_allclose(problem.reference(5.0), steady, atol=1e-7)


class TestSubsteps:
    def test_runge_kutta_has_order_four(self):
        errors = [abs(runge_kutta(lambda t, y: -2 * t * y, 0.0, 1.0, 1.0, m) - np.exp(-1)) for m in (8, 16, 32)]
        assert np.all(np.abs(np.log2(np.array(errors[:-1]) / errors[1:]) - 4) < 0.3)

    @pytest.mark.parametrize("problem", FLOWS, ids=lambda p: p.slug())
    def test_the_three_sub_problems_are_the_projected_equation(self, problem):
        u, values, vh = np.linalg.svd(problem.reference(0.1 * problem.end))
        u, s, v = u[:, :3], np.diag(values[:3]), vh[:3].conj().T
        h = 1e-6
        sub = Substeps(problem, tk.core.state.Work(), 0.0, h)
        f = dense_slope(problem, 0.0, u @ s @ v.conj().T)
        size = np.linalg.norm(f)
        assert np.linalg.norm((sub.left(u @ s, v) - u @ s) / h - f @ v) < 1e-2 * size
        assert np.linalg.norm((sub.right(u, v @ s) - v @ s) / h - f.conj().T @ u) < 1e-2 * size
        assert np.linalg.norm((sub.core(u, s, v) - s) / h - u.conj().T @ f @ v) < 1e-2 * size
        assert np.linalg.norm((sub.core(u, s, v, -1.0) - s) / h + u.conj().T @ f @ v) < 1e-2 * size

    def test_parallel_sub_problems_know_the_old_factors_only(self):
        """K₁, L₁ and S₁ are the same one by one, in any order, and whatever became of the others."""
        problem = SchroedingerFlow(n=10)
        u, values, vh = problem.factors
        u, s, v = u[:, :3].copy(), np.diag(values[:3]).astype(complex), vh[:3].conj().T.copy()
        for one in (u, s, v):
            one.flags.writeable = False
        together = sideways(Substeps(problem, tk.core.state.Work(), 0.0, 0.1), u, s, v)
        alone = [Substeps(problem, tk.core.state.Work(), 0.0, 0.1) for _ in range(3)]
        core, right, left = alone[0].core(u, s, v), alone[1].right(u, v @ s.conj().T), alone[2].left(u @ s, v)
        for mine, its in zip((left, right, core), together):
            np.testing.assert_array_equal(mine, its)

    def test_truncation_leaves_out_no_more_than_the_tolerance(self):
        rng = np.random.default_rng(3)
        u, v, s = (
            orthogonal(rng.standard_normal((9, 5))),
            orthogonal(rng.standard_normal((8, 5))),
            rng.standard_normal((5, 5)),
        )
        values = np.linalg.svd(s, compute_uv=False)
        for r in range(1, 5):
            tail = np.sqrt(np.sum(values[r:] ** 2))
            x = u @ s @ v.T
            p, core, q = truncated(u, s, v, tail * (1 + 1e-12), 9)
            assert len(core) == r and np.linalg.norm(x - p @ core @ q.T) == pytest.approx(tail)
            assert truncation(values, tail * (1 - 1e-9), 9) == r + 1
        assert truncation(np.zeros(4), 1e-3, 9) == 1 and truncation(values, 0.0, 2) == 2

    def test_widening_keeps_the_old_basis_and_holds_the_new(self):
        rng = np.random.default_rng(4)
        old, new = orthogonal(rng.standard_normal((9, 4))), rng.standard_normal((9, 4))
        wide = widened(old, new)
        np.testing.assert_array_equal(wide[:, :4], old)
        np.testing.assert_allclose(wide.T @ wide, np.eye(8), atol=1e-13)
        np.testing.assert_allclose(wide @ (wide.T @ new), new, atol=1e-12)
        assert widened(old[:6, :4], new[:6]).shape == (6, 6)


class TestExactness:
    GIVEN = PlantedFlow(n=20, rank=5, epsilon=0.0, sigma_min=1e-10, form="given")

    @pytest.mark.parametrize(
        "method", (Bug(rank=5), ProjectorSplitting(rank=5), ProjectorSplitting(rank=5, scheme="Strang"))
    )
    @pytest.mark.parametrize("steps", (2, 30))
    def test_a_given_matrix_of_the_rank_is_reproduced(self, method, steps):
        (error,) = at_end(self.GIVEN, method.turned(steps=steps), "error")
        assert error < 1e-13

    def test_the_adaptive_one_reproduces_up_to_its_tolerance(self):
        for tolerance in (1e-4, 1e-8, 1e-12):
            (error,) = at_end(self.GIVEN, AugmentedBug(steps=20, tolerance=tolerance), "error")
            assert error < 20 * tolerance

    def test_the_parallel_one_does_not_and_is_of_order_one_at_least(self):
        errors = [at_end(self.GIVEN, ParallelBug(steps=m, tolerance=1e-12), "error")[0] for m in (20, 40, 80)]
        assert errors[-1] > 1e-6
        assert np.all(np.log2(np.array(errors[:-1]) / errors[1:]) > 0.9)

    def test_one_step_of_splitting_is_its_formula(self):
        """For Y′ = A′(t): Y₁ = Y₀ + ΔA P₀ − Q₁ ΔA P₀ + Q₁ ΔA, P₀ and Q₁ the projections on the rows and columns."""
        problem = self.GIVEN.turned(rank=8, sigma_min=0.1)
        u, values, vh = problem.factors
        start = (u[:, :3], np.diag(values[:3]), vh[:3].T)
        y, d = start[0] @ start[1] @ start[2].T, problem.given(0.1) - problem.given(0.0)
        u1, s1, v1 = forwards(Substeps(problem, tk.core.state.Work(), 0.0, 0.1), *start)
        p, q = start[2] @ start[2].T, u1 @ u1.T
        np.testing.assert_allclose(u1 @ s1 @ v1.T, y + d @ p - q @ d @ p + q @ d, atol=1e-12)
        one, core, other = backwards(Substeps(problem, tk.core.state.Work(), 0.0, 0.1), *start)
        p, q = start[0] @ start[0].T, other @ other.T
        np.testing.assert_allclose(one @ core @ other.T, y + p @ d - p @ d @ q + d @ q, atol=1e-12)


class TestRobustness:
    @pytest.mark.parametrize(
        "method", (Bug(rank=4), AugmentedBug(), ParallelBug(), ProjectorSplitting(rank=4), FactorEquations(rank=4))
    )
    def test_errors_without_small_singular_values_fall_with_the_step(self, method):
        problem = PlantedFlow(n=16, rank=4, sigma_min=0.1, epsilon=0.0)
        errors = [at_end(problem, method.turned(steps=m), "error")[0] for m in (40, 160)]
        assert errors[1] < errors[0] / 3.5

    @pytest.mark.parametrize("method", (Bug(rank=4), AugmentedBug(), ParallelBug(), ProjectorSplitting(rank=4)))
    def test_tiny_singular_values_do_no_harm(self, method):
        problems = [PlantedFlow(n=16, rank=4, sigma_min=value, epsilon=1e-6) for value in (0.1, 1e-6, 1e-12)]
        errors = [at_end(problem, method.turned(steps=40), "error")[0] for problem in problems]
        assert max(errors) < 2.5 * errors[0]

    def test_the_equations_of_the_factors_break_down(self):
        run = tk.solve(PlantedFlow(n=16, rank=4, sigma_min=1e-12), FactorEquations(rank=4, steps=40), THROUGH)
        assert run.status.kind == "diverged" and "inverse" in run.status.advice
        (error,) = at_end(PlantedFlow(n=16, rank=4, sigma_min=0.1, epsilon=0.0), FactorEquations(rank=4), "error")
        assert error < 1e-7

    def test_strang_is_of_order_two(self):
        problem = PlantedFlow(n=16, rank=4, sigma_min=1e-3, epsilon=0.0)
        strang = ProjectorSplitting(rank=4, scheme="Strang")
        errors = np.array([at_end(problem, strang.turned(steps=m), "error")[0] for m in (20, 40, 80)])
        np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), 2.0, atol=0.1)

    @pytest.mark.parametrize("method", (Bug(rank=10), ProjectorSplitting(rank=10), ParallelBug(tolerance=1e-13)))
    def test_of_full_rank_every_one_solves_the_equation_itself(self, method):
        """The projection is the identity: what is left is the error of the inner Runge–Kutta steps."""
        (error,) = at_end(SchroedingerFlow(n=10, terms=10), method, "error")
        assert error < 1e-7

    def test_bug_is_of_order_one_and_not_of_two(self):
        problem = PlantedFlow(n=16, rank=4, sigma_min=0.05, epsilon=0.0)
        errors = np.array([at_end(problem, Bug(rank=4, steps=m), "error")[0] for m in (40, 80, 160)])
        np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), 1.0, atol=0.1)


class TestRank:
    def test_the_error_is_near_the_best_of_its_rank(self):
        error, best = at_end(HeatFlow(n=16), AugmentedBug(steps=50, tolerance=1e-6), "error", "best")
        assert best <= error < 3 * best

    def test_the_rank_follows_the_tolerance(self):
        problem = HeatFlow(n=16, end=0.5)
        for tolerance in (1e-8, 1e-5, 1e-2):
            values = np.linalg.svd(problem.reference(0.5), compute_uv=False)
            needed = next(r for r in range(17) if np.linalg.norm(values[r:]) <= tolerance)
            for cls in (AugmentedBug, ParallelBug):
                run = tk.solve(problem, cls(steps=50, tolerance=tolerance), THROUGH)
                assert abs(run.history["rank"][-1] - needed) <= 1

    def test_norm_is_kept_by_splitting_and_by_augmented_bases_and_not_by_new_ones(self):
        problem = SchroedingerFlow(n=14, terms=6)
        kept = [
            at_end(problem, method, "norm_drift")[0]
            for method in (ProjectorSplitting(), AugmentedBug(tolerance=1e-9), Bug(rank=4))
        ]
        assert kept[0] < 1e-7 and kept[1] < 1e-7 and kept[2] > 1e-4

    def test_bases_stay_orthonormal(self):
        for method in (Bug(), AugmentedBug(), ParallelBug(), ProjectorSplitting(), ProjectorSplitting(scheme="Strang")):
            state = tk.solve(SchroedingerFlow(n=14, terms=6), method, THROUGH).state
            for basis in (state.u, state.v):
                np.testing.assert_allclose(basis.conj().T @ basis, np.eye(basis.shape[1]), atol=1e-12)

    def test_a_tolerance_can_swallow_what_is_being_born(self):
        """A pulse of rank one: with ϑ above what a step adds, the rank stays as it was."""
        problem = TransportFlow(n=20, directions=8)
        small, large = (tk.solve(problem, AugmentedBug(tolerance=x), THROUGH).history["rank"][-1] for x in (1e-6, 0.2))
        assert small == 8 and large == 1


class TwoLeaves(TreeFlow):
    """The heat equation on a square without a source, as a tree of two leaves; stands in no registry."""

    square = HeatFlow(n=8, source=0.0, end=0.3)
    tree, order, factor, end = "binary", 2, 1.0, 0.3

    @property
    def operators(self):
        return sum_of_sites([(0, self.square.matrix), (1, self.square.matrix)], [], 2)

    @property
    def stiffness(self):
        return self.square.stiffness

    @property
    def initial(self):
        return self.square.initial

    def reference(self, t):
        return self.square.reference(t)


def whole_operator(problem):
    """H as a dense matrix."""
    found = 0.0
    for k in range(len(problem.operators[0])):
        term = np.ones((1, 1))
        for stack in problem.operators:
            term = np.kron(term, stack[k])
        found = found + term
    return problem.factor * found


def rows_first(problem, y, place):
    """Mat of a tensor: the axes below a node against the others."""
    axes = leaves(problem.nodes, place)
    rest = [axis for axis in range(y.ndim) if axis not in axes]
    size = int(np.prod([y.shape[a] for a in axes]))
    return np.transpose(y, axes + rest).reshape(size, -1)


class TestTrees:
    TREES = ("binary", "train", "Tucker")

    @pytest.mark.parametrize("kind", TREES)
    def test_decomposition_gives_the_tensor_back_with_orthonormal_bases(self, kind):
        rng = np.random.default_rng(0)
        y = rng.standard_normal((2, 3, 4, 2, 3)) + 1j * rng.standard_normal((2, 3, 4, 2, 3))
        tree = planted_tree(tree_shape(kind, 5))
        arrays = decomposed(tree, y, 0.0)
        np.testing.assert_allclose(dense(tree, arrays), y, atol=1e-12)
        for node, array in list(zip(tree, arrays))[1:]:
            basis = array if node.leaf >= 0 else array.reshape(len(array), -1).T
            np.testing.assert_allclose(basis.conj().T @ basis, np.eye(basis.shape[1]), atol=1e-12)

    @pytest.mark.parametrize("kind", TREES)
    def test_truncation_knows_the_singular_values_and_keeps_its_bound(self, kind):
        y = np.random.default_rng(1).standard_normal((3, 4, 3, 4))
        y = y * 0.5 ** np.add.outer(np.add.outer(np.arange(3), np.arange(4)), np.add.outer(np.arange(3), np.arange(4)))
        problem = CubeHeat(n=4, tree=kind)
        arrays = decomposed(problem.nodes, y, 0.0)
        _, values = truncated_tree(problem.nodes, arrays, 0.0, 99)
        for place in range(1, len(problem.nodes)):
            true = np.linalg.svd(rows_first(problem, y, place), compute_uv=False)[: len(values[place])]
            np.testing.assert_allclose(values[place], true, atol=1e-12)
        for tolerance in (0.3, 0.03):
            cut_arrays, _ = truncated_tree(problem.nodes, arrays, tolerance, 99)
            gap = np.linalg.norm(dense(problem.nodes, cut_arrays) - y)
            assert 0 < gap <= tolerance * np.sqrt(len(problem.nodes) - 1)

    @pytest.mark.parametrize("problem", (SpinChain(sites=5), CubeHeat(dimensions=3, n=4, kappa=3.0), CubeHeat(n=4)))
    def test_the_reference_is_the_exponential_of_the_dense_operator(self, problem):
        x = expm(0.4 * whole_operator(problem)) @ problem.initial.ravel()
        np.testing.assert_allclose(problem.reference(0.4).ravel(), x, atol=1e-11)
        assert np.linalg.norm(whole_operator(problem), 2) <= problem.stiffness + 1e-12

    def test_the_chain_is_that_of_pauli_matrices(self):
        """Two neighbours and one far apart, energies of all up: −J Σ 1/s^α; a flipped spin costs 2J on each bond."""
        problem = SpinChain(sites=3, field=0.7, coupling=0.5, alpha=2.0)
        h = 1j * whole_operator(problem)
        assert h[0, 0] == pytest.approx(-0.5 * (1 + 1 + 0.25))
        assert h[4, 4] - h[0, 0] == pytest.approx(2 * 0.5 * (1 + 0.25))  # spin 1 down
        assert h[2, 2] - h[0, 0] == pytest.approx(2 * 0.5 * 2)  # the middle one down
        assert h[0, 1] == h[0, 2] == h[0, 4] == pytest.approx(-0.7) and h[0, 3] == 0

    @pytest.mark.parametrize("kind", TREES)
    def test_the_sub_problems_are_projections_of_the_whole_equation(self, kind):
        """K = U R at every node, Vᴴ what the tensor is of it: c Σ (h, E) K is Mat(c H Y) V, made densely."""
        problem = SpinChain(sites=5, tree=kind)
        rng = np.random.default_rng(2)
        y = rng.standard_normal((2,) * 5) + 1j * rng.standard_normal((2,) * 5)
        tree = problem.nodes
        arrays, _ = truncated_tree(tree, decomposed(tree, y, 0.0), 0.0, 2)
        y = dense(tree, arrays)
        moved = (whole_operator(problem) @ y.ravel()).reshape(y.shape)
        within = upwards(tree, arrays, problem.operators)
        opened = openings(problem, arrays, within)
        for place, node in enumerate(tree):
            if node.leaf < 0:
                continue
            k = opened[place].start
            vh = np.linalg.lstsq(k, rows_first(problem, y, place), rcond=None)[0]
            np.testing.assert_allclose(vh @ vh.conj().T, np.eye(len(vh)), atol=1e-10)
            h = 1e-7
            slope = (evolved(problem, opened[place], node, [], 0.0, h) - k) / h
            np.testing.assert_allclose(slope, rows_first(problem, moved, place) @ vh.conj().T, atol=1e-4)

    @pytest.mark.parametrize("kind", TREES)
    def test_the_root_moves_by_the_galerkin_equation_in_the_bases(self, kind):
        problem = SpinChain(sites=4, tree=kind)
        rng = np.random.default_rng(3)
        tree = problem.nodes
        y = rng.standard_normal((2,) * 4) + 1j * rng.standard_normal((2,) * 4)
        arrays, _ = truncated_tree(tree, decomposed(tree, y, 0.0), 0.0, 2)
        y = dense(tree, arrays)
        root, h = tree[0], 1e-7
        within = upwards(tree, arrays, problem.operators)
        opening = openings(problem, arrays, within)[0]
        now = evolved(problem, opening, root, [within[i] for i in root.children], 0.0, h)
        slope = dense(tree, [(now - opening.start) / h, *arrays[1:]])
        moved = (whole_operator(problem) @ y.ravel()).reshape(y.shape)
        for child in root.children:  # P = ⊗ U Uᴴ
            rows = rows_first(problem, y, child)
            u, values, _ = np.linalg.svd(rows, full_matrices=False)
            u = u[:, values > 1e-10]
            axes = leaves(tree, child)
            rest = [axis for axis in range(4) if axis not in axes]
            flat = u @ (u.conj().T @ rows_first(problem, moved, child))
            shape = [2] * 4
            moved = np.transpose(flat.reshape(shape), np.argsort(axes + rest))
        np.testing.assert_allclose(slope, moved, atol=1e-4)

    def test_two_leaves_are_the_matrix_case(self):
        problem = TwoLeaves()
        for tree_method, method in ((ParallelTreeBug, ParallelBug), (TreeBugSequential, AugmentedBug)):
            knobs = dict(steps=20, tolerance=1e-6)
            tree, matrix = tk.Run(problem, tree_method(**knobs)), tk.Run(problem.square, method(**knobs))
            one, other = tree.step(5).solution(), matrix.step(5).solution()
            assert tree.state.rank == matrix.state.rank
            np.testing.assert_allclose(one, other, atol=1e-11)

    def test_updates_know_the_old_network_only(self):
        """Each sub-problem alone, from frozen arrays, in reverse order: the same network to the last bit."""
        problem = SpinChain(sites=5)
        tree = problem.nodes
        arrays = tk.Run(problem, ParallelTreeBug()).step(4).snapshot().arrays
        for array in arrays:
            array.flags.writeable = False
        within = upwards(tree, arrays, problem.operators)
        opened = openings(problem, arrays, within)
        moved = [None] * len(tree)
        for place in reversed(range(len(tree))):
            node = tree[place]
            moved[place] = evolved(problem, opened[place], node, [within[i] for i in node.children], 0.04, 0.01)
        for mine, its in zip(joined(tree, arrays, opened, moved), ParallelTreeBug().leap(problem, arrays, 0.04, 0.01)):
            np.testing.assert_array_equal(mine, its)

    def test_widening_does_not_touch_the_old_part(self):
        """Ûᴴ of the widened network in the old bases is what the old equations gave: nothing leaks between blocks."""
        problem = SpinChain(sites=4)
        arrays = tk.Run(problem, ParallelTreeBug()).step(3).snapshot().arrays
        wide = ParallelTreeBug().leap(problem, arrays, 0.0, 0.0)
        np.testing.assert_allclose(dense(problem.nodes, wide), dense(problem.nodes, arrays), atol=1e-12)

    @pytest.mark.parametrize("kind", ("binary", "train"))
    def test_order_one_down_to_the_tolerance(self, kind):
        problem = SpinChain(sites=5, tree=kind, sigma_min=1e-12)
        errors = [at_end(problem, ParallelTreeBug(steps=m, tolerance=1e-13), "error")[0] for m in (20, 40, 80)]
        assert np.all(np.log2(np.array(errors[:-1]) / errors[1:]) > 0.9)
        floor = at_end(problem, TreeBugSequential(steps=80, tolerance=1e-3), "error")[0]
        assert floor > 10 * at_end(problem, TreeBugSequential(steps=80, tolerance=1e-13), "error")[0]

    def test_the_smallest_singular_value_does_not_matter(self):
        errors = [
            at_end(SpinChain(sites=5, sigma_min=value), ParallelTreeBug(steps=40, tolerance=1e-14), "error")[0]
            for value in (1e-5, 1e-7, 1e-9, 1e-12)
        ]
        assert max(errors) < 1.1 * min(errors)

    def test_heat_in_a_hypercube_reaches_its_reference(self):
        for kind in self.TREES:
            problem = CubeHeat(n=5, tree=kind)
            assert at_end(problem, TreeBugSequential(steps=40), "error")[0] < 2e-5


class TestNorm:
    @pytest.mark.parametrize("scheme", ["Lie", "Strang"])
    @pytest.mark.parametrize("steps", [2, 5, 20])
    def test_the_norm_wears_off_no_faster_than_the_inner_method_damps(self, scheme, steps):
        """Few steps wear it, many do not: what is promised follows 1 − z⁶/144 of the inner method."""
        problem, method = SchroedingerFlow(n=12, terms=4), ProjectorSplitting(steps=steps, rank=4, scheme=scheme)
        (claim,) = method.claims(problem)
        assert tk.check(claim, problem, method).holds is True

    def test_one_step_of_the_fastest_wave_is_damped_just_so(self):
        z = 0.9
        damped = abs(runge_kutta(lambda t, y: 1j * z * y, 0.0, 1.0, np.ones(1, complex), 1)[0])
        assert 1 - damped == pytest.approx(worn(1, 1.0, z, 1), rel=0.2) and 1 - damped <= worn(1, 1.0, z, 1)


class TestTraining:
    SMALL = DigitsTraining(images=60, hidden=12, start_rank=4, sigma_min=0.1)

    def test_gradients_are_those_of_finite_differences(self):
        state = tk.Run(self.SMALL, LowRankTraining()).step(3).state
        factors, rng = state.factors(), np.random.default_rng(0)
        for place in (0, 1):
            slope = state.deltas[place].T @ state.inputs[place]
            d, h = rng.standard_normal(slope.shape), 1e-6
            losses = []
            for sign in (1, -1):
                moved = [(p @ q.T, np.eye(len(q))) for p, q in factors]
                moved[place] = (moved[place][0] + sign * h * d, moved[place][1])
                losses.append(gradients(moved, state.dense, *self.SMALL.data[:2])[0])
            assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(np.sum(slope * d), rel=1e-5)

    @pytest.mark.parametrize("place", range(4))
    def test_those_of_biases_and_of_the_last_matrix_too(self, place):
        state = tk.Run(self.SMALL, LowRankTraining()).step(3).state
        d, h, losses = np.random.default_rng(place).standard_normal(state.dense[place].shape), 1e-5, []
        for sign in (1, -1):
            moved = [part + sign * h * d if i == place else part for i, part in enumerate(state.dense)]
            losses.append(gradients(state.factors(), moved, *self.SMALL.data[:2])[0])
        assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(np.sum(state.slopes[place] * d), rel=1e-7)

    def test_a_cut_may_raise_the_loss_and_the_step_before_it_does_not(self):
        """What is promised is the descent before the cut; after it the loss may rise by what was cut."""
        problem = DigitsTraining(images=60, hidden=16, start_rank=10, sigma_min=0.5)
        method = LowRankTraining(steps=20, tolerance=0.3)
        run = tk.solve(problem, method, THROUGH, ("rise", "cut_share"))
        assert np.any(np.diff(run.history["loss"]) > 0)
        assert np.nanmax(run.history["rise"]) == 0.0 and 0.5 < np.nanmax(run.history["cut_share"]) <= 1
        (claim,) = (one for one in method.claims(problem) if one.measure == "rise")
        assert tk.check(claim, problem, method).holds is True and np.all(np.isfinite(claim.tol))

    def test_with_full_rank_it_is_descent_on_full_matrices(self):
        problem = self.SMALL.turned(start_rank=12)
        low, full = (tk.Run(problem, m).step(6).solution() for m in (LowRankTraining(tolerance=0.0), FullDescent()))
        np.testing.assert_allclose(low, full, atol=1e-11)

    def test_the_rank_follows_the_tolerance(self):
        ranks = [tk.Run(self.SMALL, LowRankTraining(tolerance=x)).step(20).state.rank for x in (1e-4, 0.05, 0.5)]
        assert ranks[0] > ranks[1] > ranks[2]

    def test_small_singular_values_hold_up_two_factors_and_not_this(self):
        problem = DigitsTraining(images=200, sigma_min=1e-12)
        low, full = LowRankTraining(rate=0.3, steps=150, tolerance=0.0), FullDescent(rate=0.3, steps=150)
        (claim,) = (one for one in low.claims(problem) if one.kind == "beats")
        verdict = tk.check(claim, problem, low)
        assert verdict.holds and verdict.measured < 0.75 * verdict.promised / claim.factor
        assert tk.solve(problem, full, claim.stop).k == pytest.approx(verdict.measured, rel=0.1)
