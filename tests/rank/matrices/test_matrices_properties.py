"""Whatever the matrix (any shape and rank, zero, float32): no approximation beats the SVD, and all end in words."""

import numpy as np
import pytest
from given import GivenMatrix, looked
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.rank.matrices.columns import ACA, DEIMCUR, LeverageCUR
from toolkit.rank.matrices.lowrank import RandomisedSVD, TruncatedSVD
from toolkit.rank.matrices.sketching import VIEWS, GeneralisedNystrom, MetaFactorisation, Nystrom

FEW = settings(max_examples=15, deadline=None, derandomize=True)
SKETCHES = (
    RandomisedSVD(),
    RandomisedSVD(power=2),
    GeneralisedNystrom(),
    *(MetaFactorisation(view=view) for view in VIEWS),
)
SKELETONS = (DEIMCUR(), LeverageCUR(), LeverageCUR(rule="largest"), ACA())
ALL = (TruncatedSVD(), *SKETCHES, *SKELETONS)
PICTURES = tk.lab("rank").pictures


def name(method):
    return f"{method.label()} {getattr(method, 'power', '')}{getattr(method, 'rule', '')}"


@st.composite
def matrices(draw, least=1, full=False):
    """(A, its rank): Gaussian factors of a drawn rank, sides from `least` to 14, a scale over twelve decades."""
    m, n = (draw(st.integers(least, 14)) for _ in range(2))
    rank = min(m, n) if full else draw(st.integers(0, min(m, n)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.integers(-6, 6))
    return scale * rng.standard_normal((m, rank)) @ rng.standard_normal((rank, n)), rank


def at_full(problem, method):
    return looked(problem, method.turned(most=400), steps=20)


@FEW
@given(matrices())
def test_the_truncated_svd_is_as_far_as_eckart_and_young_say(drawn):
    matrix, _ = drawn
    values, size = np.linalg.svd(matrix, compute_uv=False), np.linalg.norm(matrix) or 1.0
    run = looked(GivenMatrix(matrix), TruncatedSVD(ranks="1, 2, 3, …", most=400), 20)
    for k, error in zip(run.history["rank"].astype(int), run.history["error"]):
        assert abs(error - np.linalg.norm(values[k:]) / size) <= 1e-10
    rest = matrix - run.solution()
    assert np.linalg.norm(rest) <= 1e-12 * size and run.solution().shape == matrix.shape


@pytest.mark.parametrize("method", (*SKETCHES, *SKELETONS), ids=name)
@FEW
@given(drawn=matrices(least=6))
def test_nothing_is_nearer_than_the_tail(method, drawn):
    matrix, _ = drawn
    values, size = np.linalg.svd(matrix, compute_uv=False), np.linalg.norm(matrix) or 1.0
    for most in (1, 3):
        run = looked(GivenMatrix(matrix), method.turned(most=most), 8)
        rank = np.linalg.matrix_rank(run.solution(), tol=1e-9 * size) if matrix.any() else 0
        assert rank <= most
        assert np.linalg.norm(matrix - run.solution()) >= np.linalg.norm(values[most:]) - 1e-11 * size


@pytest.mark.parametrize("method", (*SKETCHES, DEIMCUR(), LeverageCUR(), ACA()), ids=name)
@FEW
@given(drawn=matrices(least=5))
def test_with_as_many_columns_as_the_rank_allows_it_is_exact(method, drawn):
    """Generalised Nyström keeps four sides spare: it is exact on ranks four below the smaller side."""
    matrix, rank = drawn
    if rank > min(matrix.shape) - getattr(method, "spare", 0):
        return
    run = at_full(GivenMatrix(matrix), method)
    loose = 1e-9 if "Nyström" in method.label() else 1e-10
    assert np.linalg.norm(matrix - run.solution()) <= loose * (np.linalg.norm(matrix) or 1.0)


@FEW
@given(matrices(least=3))
def test_crosses_stop_at_the_rank(drawn):
    matrix, rank = drawn
    run = looked(GivenMatrix(matrix), ACA(most=400), 20)
    assert run.history["rank"][-1] == rank or run.history["error"][-1] <= 1e-12
    assert np.linalg.norm(matrix - run.solution()) <= 1e-9 * (np.linalg.norm(matrix) or 1.0)


@FEW
@given(matrices(least=3))
def test_nystrom_is_exact_at_full_rank_and_leaves_a_semidefinite_rest(drawn):
    half, _ = drawn
    square = half @ half.T
    size = np.linalg.norm(square, 2) or 1.0
    for most in (1, 400):
        for sketch in ("Gaussian", "columns"):
            run = looked(GivenMatrix(square, definite=True), Nystrom(most=most, sketch=sketch), 12)
            least = np.linalg.eigvalsh(square - run.solution())[0]
            assert least >= -1e-12 * size
    assert np.linalg.norm(square - run.solution()) <= 1e-7 * size


@pytest.mark.parametrize("method", (*ALL, Nystrom(), Nystrom(sketch="columns")), ids=name)
@pytest.mark.parametrize("shape", [(12, 9), (9, 12), (9, 9), (1, 6), (6, 1), (1, 1)], ids=str)
def test_a_black_photograph_is_reproduced_with_finite_numbers(method, shape):
    problem = GivenMatrix(np.zeros(shape), definite=shape[0] == shape[1])
    if method.suits(problem):
        return
    run = looked(problem, method, pictures=PICTURES)
    assert np.all(run.solution() == 0) and run.history["error"][-1] == 0.0
    assert run.status.kind == "converged"
    state = method.init(problem)
    while not state.status.done:  # on by hand, whatever the rule says
        state = method.step(problem, state)
    assert np.abs(state.solution()).max() < 1e-300 and all(
        np.isfinite(getattr(state, name)) for name in method.monitors
    )


@pytest.mark.parametrize("method", ALL, ids=name)
@FEW
@given(drawn=matrices(least=5))
def test_single_precision_is_as_good_as_the_same_numbers_in_double(method, drawn):
    single = drawn[0].astype(np.float32)
    one, two = (looked(GivenMatrix(x), method.turned(most=4), 6) for x in (single, single.astype(float)))
    size = float(np.linalg.norm(single)) or 1.0
    tail = np.linalg.norm(np.linalg.svd(single.astype(float), compute_uv=False)[4:])
    assert np.isfinite(one.solution()).all() and one.history["error"][-1] <= 1 + 1e-6 + 100 * two.history["error"][-1]
    assert np.linalg.norm(single - one.solution()) >= tail - 1e-5 * size
