"""Whatever the tensor (any shape, rank-deficient, zero, float32): Tucker and trains within their factor of the best."""

import math

import numpy as np
import pytest
from given import GivenTensor, looked
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.rank.tensors.cp import CpAls
from toolkit.rank.tensors.multilinear import cp_full
from toolkit.rank.tensors.problems import SymmetricTensor
from toolkit.rank.tensors.subspace_power import SubspacePower
from toolkit.rank.tensors.tensor_train import TrainCross, TrainSvd
from toolkit.rank.tensors.tucker import Hooi, Hosvd, SequentialHosvd

FEW = settings(max_examples=20, deadline=None, derandomize=True)
TUCKER = (Hosvd(), SequentialHosvd(), SequentialHosvd(by="gram"))
PICTURES = tk.lab("rank").pictures


def name(method):
    return f"{method.label()} {getattr(method, 'by', '')}"


@st.composite
def tensors(draw, least=1):
    """Order 3 or 4, sides to 6, a sum of up to four rank-one terms or Gaussian noise; zero and float32 among them."""
    shape = tuple(draw(st.lists(st.integers(least, 6), min_size=3, max_size=4)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    terms = draw(st.integers(0, 5))
    if terms == 5:
        found = rng.standard_normal(shape)
    else:
        found = cp_full(np.ones(terms), [rng.standard_normal((n, terms)) for n in shape])
    return (10.0 ** draw(st.integers(-6, 6)) * found).astype(draw(st.sampled_from([np.float32, np.float64])))


def best_tail(tensor, ranks):
    """The largest tail of an unfolding, by NumPy alone: no tensor of these ranks is nearer."""
    found = 0.0
    for mode, rank in enumerate(ranks):
        matrix = np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)
        found = max(found, float(np.linalg.norm(np.linalg.svd(matrix, compute_uv=False)[rank:])))
    return found


@pytest.mark.parametrize("method", TUCKER, ids=name)
@FEW
@given(tensor=tensors(), rank=st.integers(1, 6))
def test_tucker_is_within_the_root_of_the_order_of_the_best(method, tensor, rank):
    run = looked(GivenTensor(tensor), method.turned(rank=rank), 8) if rank <= max(tensor.shape) else None
    if run is None:
        return
    wide, rounding = tensor.astype(float), 1e-7 if getattr(method, "by", "") == "gram" else 1e-12
    size, error = np.linalg.norm(wide), np.linalg.norm(wide - run.solution())
    ranks = run.state.ranks
    assert all(r <= min(rank, n) for r, n in zip(ranks, tensor.shape))
    for factor, r in zip(run.state.factors, ranks):
        np.testing.assert_allclose(factor.T @ factor, np.eye(r), atol=1e-12)
    lower = best_tail(wide, ranks)
    assert lower - rounding * size <= error <= math.sqrt(tensor.ndim) * lower + rounding * size
    if rank >= max(tensor.shape):
        assert error <= rounding * size


@FEW
@given(tensor=tensors(least=2), rank=st.integers(1, 4))
def test_orthogonal_iteration_is_no_worse_than_its_start(tensor, rank):
    if rank > max(tensor.shape):
        return
    run = looked(GivenTensor(tensor), Hooi(rank=rank), 10)
    errors = run.history["error"]
    assert np.all(np.diff(errors) <= 1e-12)
    for factor in run.state.factors:
        np.testing.assert_allclose(factor.T @ factor, np.eye(factor.shape[1]), atol=1e-12)


@FEW
@given(tensor=tensors(), rank=st.integers(1, 40))
def test_a_train_is_as_far_as_its_cuts_have_lost(tensor, rank):
    problem = GivenTensor(tensor)
    method = TrainSvd(rank=rank)
    if method.suits(problem):
        return
    run = looked(problem, method, 45)
    wide = tensor.astype(float)
    size, error = np.linalg.norm(wide), np.linalg.norm(wide - run.solution())
    tails = []
    for cut, r in enumerate(run.state.ranks, start=1):
        values = np.linalg.svd(wide.reshape(math.prod(tensor.shape[:cut]), -1), compute_uv=False)
        assert r <= min(rank, len(values))
        tails.append(np.linalg.norm(values[r:]))
    assert max(tails) - 1e-12 * size <= error <= np.linalg.norm(tails) + 1e-12 * size
    assert run.solution().shape == tensor.shape
    for core in run.state.cores[:-1]:
        flat = core.reshape(-1, core.shape[2])
        np.testing.assert_allclose(flat.T @ flat, np.eye(core.shape[2]), atol=1e-12)


@FEW
@given(tensor=tensors(least=2), rank=st.integers(1, 4), seed=st.integers(0, 99))
def test_crosses_end_in_words_whatever_the_tensor(tensor, rank, seed):
    problem, method = GivenTensor(tensor), TrainCross(rank=rank, seed=seed)
    if not method.suits(problem):
        assert np.isfinite(looked(problem, method, 8).solution()).all()


@FEW
@given(tensor=tensors(least=2), rank=st.integers(1, 8), start=st.sampled_from(["random", "singular vectors"]))
def test_als_never_raises_the_error_and_stays_finite(tensor, rank, start):
    problem, method = GivenTensor(tensor), CpAls(rank=rank, start=start)
    if method.suits(problem):
        return
    run = looked(problem, method, 15)
    assert np.all(np.isfinite(run.history["error"])) and np.all(np.diff(run.history["error"]) <= 1e-7)


@pytest.mark.parametrize(
    "method", (*TUCKER, Hooi(rank=2), TrainSvd(rank=2), TrainCross(rank=2), CpAls(rank=2)), ids=name
)
@pytest.mark.parametrize("shape", [(4, 3, 5), (2, 2, 2, 2), (3, 1, 3)], ids=str)
def test_the_zero_tensor_is_found_at_once_with_finite_numbers(method, shape):
    problem = GivenTensor(np.zeros(shape))
    fitting = method.turned(rank=min(method.rank, 2))
    if fitting.suits(problem):
        return
    run = looked(problem, fitting, pictures=PICTURES)
    assert np.all(run.solution() == 0) and run.history["error"][-1] == 0.0
    state = fitting.init(problem)
    for _ in range(3):
        state = fitting.step(problem, state)
    assert np.all(np.asarray(state.solution()) == 0) and np.isfinite(state.error)


@FEW
@given(st.integers(2, 7), st.integers(1, 40), st.booleans(), st.integers(0, 2**31 - 1))
def test_symmetric_components_are_found_or_it_is_said_why_not(d, components, signs, seed):
    most = max(1, d * (d + 1) // 2 - d)
    if components > most:
        with pytest.raises(tk.KnobError, match=rf"SymmetricTensor.components = {components}: expected at most {most}"):
            SymmetricTensor(d=d, components=components)
        return
    problem = SymmetricTensor(d=d, components=components, signs=signs, seed=seed)
    run = looked(problem, SubspacePower(tries=5, iterations=2000), steps=60)
    assert run.status.kind in ("converged", "failed")
    if run.status.kind == "converged" and components <= 0.6 * most:
        assert run.history["error"][-1] <= 1e-6
