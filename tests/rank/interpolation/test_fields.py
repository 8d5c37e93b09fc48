"""Whatever the fields (few, dependent, one alone, zero, float32): interpolation is exact at its points."""

import io

import numpy as np
import pytest
from given import GivenFields, looked
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.kernels.dense.interpolation import NORMS
from toolkit.rank.bases.local_bases import LocalBases
from toolkit.rank.interpolation.deim import Deim
from toolkit.rank.interpolation.eim import Eim, RectangularEim, SymmetricEim
from toolkit.rank.interpolation.problems import SnapshotFile

FEW = settings(max_examples=25, deadline=None, derandomize=True)
METHODS = (*(Eim(norm=norm) for norm in NORMS), SymmetricEim(), Deim())
PICTURES = tk.lab("rank").pictures


@st.composite
def tables(draw):
    """Fields of a drawn rank, 1 to 12 of them at 1 to 15 points, some repeated, some zero; a scale over 12 decades."""
    count, points = draw(st.integers(1, 12)), draw(st.integers(1, 15))
    rank = draw(st.integers(0, min(count, points)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    found = rng.standard_normal((count, rank)) @ rng.standard_normal((rank, points))
    if draw(st.booleans()):
        found[rng.integers(count)] = found[0]
        found[rng.integers(count)] = 0.0
    return found * 10.0 ** draw(st.integers(-6, 6))


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.label())
@FEW
@given(table=tables())
def test_it_interpolates_at_its_points_and_the_whole_table_at_its_rank(method, table):
    run = looked(GivenFields(table, table), method, 20)
    state, size = run.state, np.abs(table).max() or 1.0
    guess = state.interpolant(table)
    assert len(set(state.points)) == len(state.points) <= min(table.shape)
    growth = max(1.0, np.abs(state.inverse).sum()) if len(state.points) else 1.0
    if len(state.points):
        assert np.abs((guess - table)[:, state.points]).max() <= 1e-11 * size * growth
    assert np.abs(guess - table).max() <= 1e-10 * size * growth
    assert len(state.points) <= np.linalg.matrix_rank(table, tol=1e-14 * size) or not table.any()


@FEW
@given(tables(), st.integers(1, 5))
def test_with_a_sensor_broken_it_meets_the_others(table, broken):
    run = looked(GivenFields(table, table), RectangularEim(broken=broken), 20)
    state, size = run.state, np.abs(table).max() or 1.0
    working = [p for i, p in enumerate(state.points) if state.inverse[:, i].any()]
    if working:
        rest = np.abs((state.interpolant(table) - table)[:, working]).max()
        assert rest <= 1e-10 * size * max(1.0, np.abs(state.inverse).sum() * size)


@pytest.mark.parametrize("method", (*METHODS, RectangularEim()), ids=lambda m: m.label())
@pytest.mark.parametrize("shape", [(5, 9), (1, 4), (4, 1), (1, 1)], ids=str)
def test_fields_that_are_zero_end_the_run_in_words(method, shape):
    problem = GivenFields(np.zeros(shape), np.zeros(shape))
    run = looked(problem, method, 5)
    assert run.status.kind == "converged" and np.all(run.state.interpolant(np.zeros(shape)) == 0)
    state = method.init(problem)
    while not state.status.done:
        state = method.step(problem, state)
    assert all(np.isfinite(getattr(state, name)) for name in method.monitors)


@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
@FEW
@given(table=tables())
def test_a_persons_float32_fields_run_through_every_method(kind, table, tmp_path_factory):
    """What is read is the same numbers; what cannot be used has been refused before."""
    single = table.astype(np.float32)
    target = io.BytesIO()
    if kind == "csv":
        np.savetxt(target, single, delimiter=",", fmt="%.9g")
    else:
        np.save(target, single) if kind == "npy" else np.savez(target, single)
    path = tmp_path_factory.mktemp("fields") / f"mine.{kind}"
    path.write_bytes(target.getvalue())
    try:
        problem = SnapshotFile(source=str(path))
    except tk.DataError as error:
        assert f"mine.{kind}" in str(error) and "expected" in str(error)
        assert min(single.shape) < 2 or not single.any()
        return
    np.testing.assert_array_equal(problem.everything.astype(np.float32), single)
    for method in (*METHODS, RectangularEim()):
        looked(problem, method, 6, PICTURES)
    clusters = LocalBases(clusters=2)
    if not clusters.suits(problem):
        looked(problem, clusters, 6, PICTURES)
