"""SVD updates against dense decompositions; random pivots against LAPACK; rotations against longer precision."""

import numpy as np
import pytest
import scipy.sparse as sp

import toolkit as tk
from toolkit.kernels.sparse.update import gathered, gram, scattered
from toolkit.rank.matrices.givens import FORMULAS, divided
from toolkit.rank.matrices.gram_matrix import GramMatrix, departure, potentials
from toolkit.rank.matrices.growing_matrix import GrowingMatrix
from toolkit.rank.matrices.random_pairs import RandomPairs
from toolkit.rank.matrices.random_pivots import (
    RandomCholesky,
    RandomGramSchmidt,
    RandomJacobi,
    RandomOneSidedJacobi,
)
from toolkit.rank.matrices.svd_update import Recomputed, SparseUpdate, ZhaSimon

TEXTS = GrowingMatrix(m=120, n=100, density=0.05, block=10)
GRAPH = GrowingMatrix(kind="graph", m=100, density=0.06, block=8)
ALL = tk.Stop(rtol=0.0, steps=100)


def block(rows=7, n=40, seed=0):
    found = sp.random_array((rows, n), density=0.1, rng=np.random.default_rng(seed), format="csr")
    found.sort_indices()
    return found


def with_matrix(matrix, **knobs):
    """A growing matrix of one's own."""
    problem = GrowingMatrix(m=matrix.shape[0], n=matrix.shape[1], **knobs)
    object.__setattr__(problem, "matrix", sp.csr_array(matrix))
    return problem


class TestKernels:
    def test_they_are_sparse_products(self):
        E, rng = block(), np.random.default_rng(1)
        V, P = rng.standard_normal((40, 3)), rng.standard_normal((7, 3))
        sparse, dense = (E.indptr, E.indices, E.data), E.toarray()
        np.testing.assert_allclose(gathered(*sparse, V), dense @ V)
        np.testing.assert_allclose(gram(*sparse, 40), dense @ dense.T)
        expected = V + dense.T @ P
        scattered(*sparse, P, V)
        np.testing.assert_allclose(V, expected)


class TestGrowing:
    @pytest.mark.parametrize("problem", [TEXTS, GRAPH], ids=["text", "graph"])
    def test_blocks_make_up_the_matrix(self, problem):
        A = problem.present(0).toarray()
        for step in range(1, problem.steps + 1):
            rows, columns = problem.arriving(step)
            A = np.vstack((A, rows.toarray()))
            if columns is not None:
                A = np.hstack((A, columns.toarray().T))
        np.testing.assert_array_equal(A, problem.matrix.toarray())

    def test_a_graph_is_symmetric_and_about_as_dense_as_asked(self):
        A = GRAPH.matrix
        assert (A != A.T).nnz == 0 and 0.3 * GRAPH.density < A.nnz / 100**2 < 1.5 * GRAPH.density


class TestUpdates:
    @pytest.mark.parametrize("method", [ZhaSimon(rank=60), SparseUpdate(rank=60)], ids=lambda m: m.label())
    def test_nothing_is_lost_below_the_rank(self, method):
        """A matrix of rank 5 is kept whole by any update of rank five or more."""
        problem = GrowingMatrix(m=120, n=100, density=0.05, block=10)
        rng = np.random.default_rng(0)
        low = sp.csr_array(rng.standard_normal((120, 5)) @ rng.standard_normal((5, 100)))
        object.__setattr__(problem, "matrix", low)
        method = method.turned(rank=8)
        run = tk.solve(problem, method, ALL)
        exact = np.linalg.svd(low.toarray(), compute_uv=False)[:8]
        np.testing.assert_allclose(run.solution(), exact, atol=1e-6 * exact[0])  # roots of rounding below rank 5
        np.testing.assert_allclose(run.solution()[:5], exact[:5], rtol=1e-10)

    @pytest.mark.parametrize("problem", [TEXTS, GRAPH], ids=["text", "graph"])
    def test_one_block_is_the_svd_of_what_is_held_and_the_block(self, problem):
        """[A_k; E] decomposed densely; a graph's columns likewise, after the truncation between."""
        k = 6
        u, s, v = problem.initial(k)
        rows, columns = problem.arriving(1)
        held = np.linalg.svd(np.vstack((u * s @ v.T, rows.toarray())), full_matrices=False)
        if columns is not None:
            held = (held[0][:, :k] * held[1][:k]) @ held[2][:k]
            held = np.linalg.svd(np.hstack((held, columns.toarray().T)), full_matrices=False)
        for method in (ZhaSimon(rank=k), SparseUpdate(rank=k)):
            state = method.step(problem, method.init(problem))
            np.testing.assert_allclose(state.values, held[1][:k], rtol=1e-10)
            rows_there, columns_there = problem.extent(1)
            left, right = state.left.vectors()[:rows_there], state.right.vectors()[:columns_there]
            np.testing.assert_allclose(
                left * state.values @ right.T, (held[0][:, :k] * held[1][:k]) @ held[2][:k], atol=1e-9
            )

    @pytest.mark.parametrize("problem", [TEXTS, GRAPH], ids=["text", "graph"])
    def test_sparse_and_dense_updates_agree_to_the_end(self, problem):
        sparse, dense = (tk.solve(problem, one, ALL) for one in (SparseUpdate(), ZhaSimon()))
        np.testing.assert_allclose(sparse.solution(), dense.solution(), rtol=1e-8)
        one, other = (run.state.right.vectors() for run in (sparse, dense))
        np.testing.assert_allclose(np.linalg.svd(one.T @ other, compute_uv=False), 1.0, atol=1e-8)

    def test_repeated_and_empty_rows_are_no_trouble(self):
        problem = GrowingMatrix(m=120, n=100, density=0.05, block=10)
        rows = problem.matrix.toarray()
        rows[70:80], rows[90:100] = rows[0], 0.0
        object.__setattr__(problem, "matrix", sp.csr_array(rows))
        sparse, dense = (tk.solve(problem, one, ALL) for one in (SparseUpdate(), ZhaSimon()))
        np.testing.assert_allclose(sparse.solution(), dense.solution(), rtol=1e-8)

    @pytest.mark.parametrize("new", [1e-3, 1e-5, 1e-7, 1e-9, 1e-12])
    @pytest.mark.parametrize("rank", [8, 12])
    def test_rows_that_bring_nearly_nothing_new_leave_orthonormal_vectors(self, new, rank):
        """Rank five but for a little: a Gram matrix holds its square and tells no direction from that."""
        rng = np.random.default_rng(0)
        low = rng.standard_normal((60, 5)) @ rng.standard_normal((5, 40)) + new * rng.standard_normal((60, 40))
        problem = with_matrix(low, block=6)
        sparse, dense = (tk.solve(problem, one, ALL) for one in (SparseUpdate(rank=rank), ZhaSimon(rank=rank)))
        np.testing.assert_allclose(sparse.solution(), dense.solution(), atol=1e-13 * dense.solution()[0])
        for side in (sparse.state.left, sparse.state.right):
            np.testing.assert_allclose(side.vectors().T @ side.vectors(), np.eye(rank), atol=1e-13)

    def test_nothing_is_said_of_values_once_a_cut_has_parted_two_that_are_alike(self):
        """Forty orthonormal rows: which of equal singular values are kept rounding decides, and later values differ."""
        rng = np.random.default_rng(0)
        problem = with_matrix(np.vstack((np.eye(40, 60), rng.standard_normal((30, 60)))), block=5, start=0.3)
        sparse, dense = (tk.solve(problem, one, ALL).solution() for one in (SparseUpdate(), ZhaSimon()))
        assert np.abs(sparse - dense).max() > 1e-5
        (claim,) = [one for one in SparseUpdate().claims(problem) if one.measure == "zha_simon_gap"]
        run = tk.solve(problem, SparseUpdate(), ALL, ("zha_simon_gap",))
        assert np.isnan(run.history["zha_simon_gap"][-1])
        assert tk.check(claim, problem, SparseUpdate()).holds is True  # of the blocks before
        assert "alike" in claim.assumes

    def test_a_small_factor_out_of_shape_is_multiplied_out(self):
        state = SparseUpdate().init(TEXTS)
        before = state.right.vectors()
        factor = np.diag(np.logspace(0, -6, before.shape[1]))
        state.right.turned(factor)
        np.testing.assert_array_equal(state.right.small, np.eye(before.shape[1]))
        np.testing.assert_allclose(state.right.vectors(), before @ factor, atol=1e-15)

    def test_recomputing_is_scipys(self):
        run = tk.solve(TEXTS, Recomputed(), ALL)
        expected = np.linalg.svd(TEXTS.matrix.toarray(), compute_uv=False)[:12]
        np.testing.assert_allclose(run.solution(), expected, rtol=1e-12)


PIVOTING = [RandomJacobi(), RandomOneSidedJacobi(), RandomCholesky(), RandomGramSchmidt()]


class TestRandomPivots:
    def test_the_potential_is_zero_for_diagonal_matrices_only(self):
        B = GramMatrix(n=6).gram
        assert potentials(np.diag(np.arange(1.0, 7))[None])[0][0] == pytest.approx(0.0, abs=1e-14)
        assert potentials(B[None])[0][0] > 0.1

    @pytest.mark.parametrize("method", PIVOTING, ids=lambda m: m.slug())
    @pytest.mark.parametrize("size", [2, 3])
    def test_one_pivot_over_all_subsets_contracts_exactly(self, method, size):
        """The mean of Γ over all subsets of the size is (1 − k(k − 1)/(n(n − 1))) Γ, whichever factorisation it is."""
        from itertools import combinations

        problem, method = GramMatrix(n=7, condition=50.0), method.turned(block=size)
        subsets = np.array(list(combinations(range(7), size)))
        state = method.turned(repetitions=len(subsets)).init(problem)
        before = state.gamma[0]
        method._pivot(state, np.arange(len(subsets)), subsets)
        after = potentials(method.grams(state.work_on))[0]
        assert np.mean(after) == pytest.approx((1 - size * (size - 1) / 42) * before, rel=1e-11)

    @pytest.mark.parametrize("method", PIVOTING, ids=lambda m: m.slug())
    def test_the_whole_matrix_as_a_pivot_is_the_factorisation(self, method):
        problem = GramMatrix(n=6, condition=50.0)
        run = tk.solve(problem, method.turned(block=6, repetitions=2), tk.Stop(rtol=0.0, steps=1))
        np.testing.assert_allclose(method.answer(run.state), method.expected(problem), atol=1e-12)

    def test_the_departure_from_diagonal_is_below_what_the_potential_allows(self):
        """|DBD − I| of random matrices against the bound by Γ, which is met to second order."""
        for seed in range(40):
            size = 10.0 ** -(seed % 8)
            E = np.random.default_rng(seed).standard_normal((5, 5))
            C = np.eye(5) + size * (E + E.T - 2 * np.diag(np.diag(E))) / 12
            D = np.diag(np.logspace(-2, 2, 5))
            gamma, apart = potentials((D @ C @ D)[None])[0][0], np.linalg.norm(C - np.eye(5))
            assert apart <= departure(gamma + 1e-14) and departure(max(gamma, 0)) <= 1.6 * apart + 1e-6

    @pytest.mark.parametrize("method", PIVOTING, ids=lambda m: m.slug())
    def test_promises_fit_the_matrix(self, method):
        """All columns at once are no mean of anything; a diagonal matrix has nothing to contract."""
        whole = [one.measure for one in method.turned(block=6).claims(GramMatrix(n=6))]
        assert whole == ["factor_share", "potential"]
        assert method.claims(GramMatrix(n=6, condition=1.0)) == ()
        for claim in method.turned(block=6, repetitions=4).claims(GramMatrix(n=6)):
            assert tk.check(claim, GramMatrix(n=6), method.turned(block=6, repetitions=4)).holds is True

    @pytest.mark.parametrize("method", PIVOTING, ids=lambda m: m.slug())
    def test_what_it_tends_to_is_lapacks(self, method):
        problem = GramMatrix(n=6, condition=20.0)
        run = tk.solve(problem, method.turned(repetitions=4), tk.Stop(rtol=0.0, steps=3000))
        assert run.status.kind == "converged"
        sharp = 1e-11 if method.slug().endswith("jacobi") else 1e-5  # of second order, and of first
        np.testing.assert_allclose(method.answer(run.state), method.expected(problem), atol=sharp)


class TestRotations:
    @pytest.mark.parametrize("name", FORMULAS)
    @pytest.mark.parametrize("field", ["real", "complex"])
    @pytest.mark.parametrize("precision", ["single", "double"])
    def test_every_formula_rotates_to_a_few_units(self, name, field, precision):
        problem = RandomPairs(field=field, precision=precision, batch=2000)
        of_c, of_s, off = problem.errors(0, FORMULAS[name])
        assert of_c.max() < 8 and of_s.max() < 8 and off.max() < 16

    @pytest.mark.parametrize("name", FORMULAS)
    @pytest.mark.parametrize("field", ["real", "complex"])
    def test_no_scale_overflows(self, name, field):
        problem = RandomPairs(field=field, decades=37.0, batch=20_000)
        assert all(np.all(np.isfinite(errors)) for errors in problem.errors(0, FORMULAS[name]))

    @pytest.mark.parametrize("precision", ["single", "double"])
    def test_a_complex_number_is_divided_part_by_part(self, precision):
        """A quotient is rounded once: nearer to the one in longer precision than by half a unit in either part."""
        f, _ = RandomPairs(precision=precision, batch=2000).pairs(0)
        d = np.abs(RandomPairs(precision=precision, batch=2000).pairs(1)[0])
        wide = np.longdouble if precision == "double" else np.float64
        for part in ("real", "imag"):
            exact = getattr(f, part).astype(wide) / d.astype(wide)
            off = np.abs(getattr(divided(f, d), part) - exact) / np.spacing(np.abs(exact).astype(d.dtype))
            assert off.max() <= 0.5 + 1e-6

    def test_the_second_entry_is_annihilated(self):
        f, g = RandomPairs(precision="double", batch=500).pairs(0)
        c, s = FORMULAS["new"](f, g)
        np.testing.assert_allclose(-np.conj(s) * f + c * g, 0.0, atol=1e-14 * 10)

    def test_the_real_one_is_scipys(self):
        from scipy.linalg.lapack import slartg

        f, g = RandomPairs(field="real", batch=300).pairs(0)
        c, s = FORMULAS["new"](f, g)
        for i in range(300):
            theirs_c, theirs_s, _ = slartg(f[i], g[i])
            sign = np.sign(theirs_c) * np.sign(c[i])
            np.testing.assert_allclose([c[i], s[i]], [sign * theirs_c, sign * theirs_s], rtol=1e-6)
