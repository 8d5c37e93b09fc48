"""Whatever arrives (empty blocks, rows of zeros, repeated rows): the updates are the dense decomposition's."""

import numpy as np
import pytest
from given import GivenGrowing, looked
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.rank.matrices.growing_matrix import GrowingMatrix
from toolkit.rank.matrices.svd_update import Recomputed, SparseUpdate, ZhaSimon

FEW = settings(max_examples=25, deadline=None, derandomize=True)
METHODS = (SparseUpdate, ZhaSimon, Recomputed)
PICTURES = tk.lab("rank").pictures


@st.composite
def growing(draw):
    """(problem, rank of all of it): rows of zeros, repeated rows, whole blocks that are empty, or nothing at all."""
    kind = draw(st.sampled_from(["text", "graph"]))
    m, n = draw(st.integers(20, 30)), draw(st.integers(20, 30))
    n = m if kind == "graph" else n
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rank = draw(st.integers(0, 6))
    picked = rng.standard_normal((m, rank)) @ rng.standard_normal((rank, n))
    if draw(st.booleans()):  # sparse, of any rank
        picked = np.where(rng.random((m, n)) < 0.15, rng.standard_normal((m, n)), 0.0)
    for _ in range(draw(st.integers(0, 3))):
        start = rng.integers(m)
        picked[start : start + rng.integers(1, 9)] = 0.0
    if draw(st.booleans()):
        picked[rng.integers(m)] = picked[rng.integers(m)]
    if kind == "graph":
        picked = np.triu(picked, 1) + np.triu(picked, 1).T
    block, start = draw(st.integers(1, 9)), draw(st.sampled_from([0.4, 0.6, 0.9]))
    return GivenGrowing(entries=picked, kind=kind, m=m, n=n, block=block, start=start)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.title)
@FEW
@given(problem=growing(), rank=st.integers(1, 7))
def test_the_vectors_stay_orthonormal_and_rows_raise_no_value_above_the_dense_one(method, problem, rank):
    run = looked(problem, method(rank=rank), 40)
    state, dense = run.state, problem.matrix.toarray()
    exact = np.linalg.svd(dense, compute_uv=False)[:rank]
    size = exact[0] or 1.0
    u, v = state.left.vectors(), state.right.vectors()
    assert run.status.kind == "converged" and run.k == problem.steps
    if problem.kind == "text":
        assert np.all(state.values <= exact + 1e-10 * size)
    np.testing.assert_allclose(u.T @ u, np.eye(rank), atol=1e-9)
    np.testing.assert_allclose(v.T @ v, np.eye(rank), atol=1e-9)
    if np.linalg.matrix_rank(dense, tol=1e-10 * size) <= rank or method is Recomputed:
        np.testing.assert_allclose(state.values, exact, atol=1e-8 * size)
        np.testing.assert_allclose(u * state.values @ v.T @ v, dense @ v, atol=1e-7 * size)


@pytest.mark.parametrize("method", (SparseUpdate, ZhaSimon), ids=lambda m: m.title)
@FEW
@given(problem=growing(), rank=st.integers(1, 8))
def test_an_update_is_the_best_approximation_of_what_was_held_and_what_came(method, problem, rank):
    """Unless values tie where they are cut: then there are several best ones."""
    values, gap = held_by_numpy(problem, rank)
    found = tk.solve(problem, method(rank=rank), tk.Stop(rtol=0.0, steps=40)).state.values
    if gap > 1e-6:
        np.testing.assert_allclose(found, values, atol=1e-8 * (values[0] or 1.0))


def held_by_numpy(problem, rank):
    """(values held after every block, least relative gap where they were cut): best approximations, again and again."""
    whole, gaps = problem.matrix.toarray(), [1.0]

    def best(matrix):
        u, s, vt = np.linalg.svd(matrix, full_matrices=False)
        if rank < len(s) and s[0]:
            gaps.append((s[rank - 1] - s[rank]) / s[0] if s[rank] > 1e-12 * s[0] else 1.0)
        return u[:, :rank] * s[:rank] @ vt[:rank], s[:rank]

    held, values = best(problem.present(0).toarray())
    for step in range(1, problem.steps + 1):
        (old, wide), (new, wider) = problem.extent(step - 1), problem.extent(step)
        held, values = best(np.vstack((held, whole[old:new, :wide])))
        if wider > wide:
            held, values = best(np.column_stack((held, whole[:new, wide:wider])))
    return values, min(gaps)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.title)
@pytest.mark.parametrize("kind", ["text", "graph"])
def test_nothing_arrives_to_nothing(method, kind):
    problem = GivenGrowing(entries=np.zeros((24, 24)), kind=kind, m=24, n=24, block=5)
    run = looked(problem, method(rank=3), 20, PICTURES)
    assert np.all(run.state.values == 0) and np.all(run.history["missing"] == 0)


def test_columns_may_raise_a_value_above_the_dense_one():
    """P A Aᵀ P need not be below A Aᵀ once P is not of A's own vectors: a truncated update may hold too much."""
    rng = np.random.default_rng(0)
    above = []
    for _ in range(20):
        half = np.triu(np.outer(*rng.standard_normal((2, 20))), 1)
        whole = half + half.T
        problem = GivenGrowing(entries=whole, kind="graph", m=20, n=20, block=1, start=0.4)
        above.append(held_by_numpy(problem, 1)[0][0] / np.linalg.norm(whole, 2) - 1)
    assert max(above) > 1e-3


@FEW
@given(st.integers(20, 60), st.floats(1e-4, 0.02), st.integers(0, 99), st.sampled_from(["text", "graph"]))
def test_very_sparse_ones_of_the_lab_are_updated_too(m, density, seed, kind):
    """At these densities blocks without any entry are common."""
    problem = GrowingMatrix(kind=kind, m=m, n=40, density=density, seed=seed, block=3, start=0.3)
    for method in METHODS:
        if not method(rank=4).suits(problem):
            looked(problem, method(rank=4), 40)


def test_more_triplets_than_rows_are_refused_in_words():
    problem = GrowingMatrix(m=20, n=20, start=0.05)
    assert "as many rows and columns" in ZhaSimon(rank=12).suits(problem)


def test_exact_values_stand_beside_those_held_once_somebody_has_asked_for_them():
    problem, method = GrowingMatrix(m=60, n=50, density=0.1, block=10), ZhaSimon(rank=4)
    state = tk.Run(problem, method).step(2).state
    spectrum = next(one for one in PICTURES if one.name == "held-spectrum")
    assert list(spectrum.data(problem, state)) == ["x", "held"]
    exact = problem.exact(2, 4)
    np.testing.assert_array_equal(spectrum.data(problem, state)["exact"], exact)
    assert problem.turned().exact_so_far(2, 4) is None  # another object remembers nothing yet
