"""Empirical interpolation against plain dense algebra, and snapshot files that must be refused."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.data.tables import FIELDS
from toolkit.kernels.dense.interpolation import NORMS
from toolkit.rank.interpolation.crosses import Crosses
from toolkit.rank.interpolation.deim import Deim
from toolkit.rank.interpolation.eim import Eim, RectangularEim, SymmetricEim
from toolkit.rank.interpolation.problems import MovingSource, SnapshotFile

GAUSS = MovingSource(n=14, fields=50)


def textbook(table, d):
    """The algorithm as published: explicit functions, interpolation by solving with B, all fields anew at each step."""
    rows, points, functions = [], [], []
    for _ in range(d):
        guess = np.zeros_like(table)
        if points:
            b = np.array([[q[x] for q in functions] for x in points])
            guess = np.linalg.solve(b, table[:, points].T).T @ np.array(functions)
        rest = table - guess
        rows.append(int(np.argmax(np.abs(rest).max(axis=1))))
        points.append(int(np.argmax(np.abs(rest[rows[-1]]))))
        functions.append(rest[rows[-1]] / rest[rows[-1], points[-1]])
    return rows, points, guess


class TestEim:
    @pytest.mark.parametrize("method", [Eim(terms=9), Deim(terms=9)], ids=lambda m: m.slug())
    def test_the_lebesgue_constant_is_the_worst_that_values_of_one_are_blown_up_to(self, method):
        """max over ±1 at the points of |I f|: sums of moduli of the functions that are one at one point."""
        run = tk.solve(GAUSS, method, tk.Stop(rtol=0.0, steps=9), ("lebesgue",))
        state, nodal = run.state, []
        for point in state.points:
            field = np.zeros((1, GAUSS.table.shape[1]))
            field[0, point] = 1.0
            nodal.append(state.interpolant(field)[0])
        nodal = np.array(nodal)
        np.testing.assert_allclose(nodal[:, state.points], np.eye(9), atol=1e-9)
        place = int(np.argmax(np.abs(nodal).sum(axis=0)))
        worst = np.sign(nodal[:, place]) @ nodal
        assert run.history.last("lebesgue") == pytest.approx(np.abs(worst).max(), rel=1e-9)
        assert run.history.last("lebesgue") > 1.2 * np.abs(nodal).max()

    @pytest.mark.parametrize("norm", NORMS)
    def test_what_is_left_is_zero_at_the_points_and_not_only_to_rounding(self, norm):
        """So there is nothing to stabilise: a remainder interpolated once more would be the same, bit by bit."""
        crosses = Crosses.of(GAUSS.table, norm)
        for _ in range(20):
            crosses = crosses.extended()
            assert not crosses.rest[:, crosses.columns].any()
        assert np.array_equal(np.tril(crosses.corner), crosses.corner)

    def test_it_picks_what_the_published_algorithm_picks(self):
        run = tk.solve(GAUSS, Eim(), tk.Stop(rtol=0.0, steps=12))
        rows, points, _ = textbook(GAUSS.table, 12)
        assert run.state.fields == rows and run.state.points == points

    def test_the_remainder_is_table_minus_interpolant(self):
        state = tk.solve(GAUSS, Eim(), tk.Stop(rtol=0.0, steps=10)).state
        np.testing.assert_allclose(state.crosses.rest, GAUSS.table - state.interpolant(GAUSS.table), atol=1e-11)
        assert state.error == np.abs(state.crosses.rest).max() / GAUSS.size

    @pytest.mark.parametrize("norm, size", [("max", np.inf), ("mean square", 2), ("mean", 1)])
    def test_the_worst_row_in_its_norm_is_taken(self, norm, size):
        crosses = Crosses.of(GAUSS.table, norm)
        for _ in range(5):
            before = np.linalg.norm(crosses.rest, ord=size, axis=1)
            crosses = crosses.extended()
            assert crosses.rows[-1] == np.argmax(before)

    def test_the_error_goes_to_zero_in_every_norm(self):
        for norm in ("max", "mean square", "mean"):
            run = tk.solve(GAUSS, Eim(norm=norm, terms=50), tk.Stop(rtol=0.0, steps=50))
            assert run.history["error"][-1] < 1e-7

    def test_symmetric_and_classical_pick_the_same_and_agree(self):
        one, other = (tk.solve(GAUSS, cls(), tk.Stop(rtol=0.0, steps=14)).state for cls in (Eim, SymmetricEim))
        assert one.points == other.points and one.fields == other.fields
        np.testing.assert_allclose(one.interpolant(GAUSS.held_out), other.interpolant(GAUSS.held_out), atol=1e-10)

    def test_a_broken_sensor_is_not_needed_and_its_field_stays(self):
        state = tk.solve(GAUSS, RectangularEim(broken=2), tk.Stop(rtol=0.0, steps=8)).state
        assert len(state.functions) == 8 and not state.inverse[:, 1].any()
        spoilt = GAUSS.held_out.copy()
        spoilt[:, state.points[1]] = 1e6
        np.testing.assert_array_equal(state.interpolant(spoilt), state.interpolant(GAUSS.held_out))

    @settings(max_examples=30, deadline=None)
    @given(st.integers(1, 6), st.integers(2, 9), st.integers(2, 12), st.integers(0, 10**6))
    def test_a_table_of_rank_r_is_interpolated_by_r_terms(self, rank, fields, points, seed):
        rng = np.random.default_rng(seed)
        table = rng.standard_normal((fields, rank)) @ rng.standard_normal((rank, points))
        crosses = Crosses.of(table)
        for _ in range(min(rank, fields, points)):
            crosses = crosses.extended()
        assert crosses.largest <= 1e-8 * np.abs(table).max()


class TestDeim:
    def test_the_interpolant_is_the_oblique_projection(self):
        state = tk.solve(GAUSS, Deim(), tk.Stop(rtol=0.0, steps=9)).state
        u = np.linalg.svd(GAUSS.table)[2][:9].T
        expected = GAUSS.held_out[:, state.points] @ np.linalg.inv(u[state.points]).T @ u.T
        np.testing.assert_allclose(state.interpolant(GAUSS.held_out), expected, atol=1e-10)

    def test_the_first_point_is_the_peak_of_the_first_mode(self):
        state = tk.solve(GAUSS, Deim(), tk.Stop(rtol=0.0, steps=1)).state
        assert state.points == [np.argmax(np.abs(np.linalg.svd(GAUSS.table)[2][0]))]


def saved(array, **how):
    stream = io.BytesIO()
    np.save(stream, array, **how)
    return stream.getvalue()


class TestFiles:
    def test_every_kind_gives_the_same_fields(self):
        fields = np.arange(12.0).reshape(4, 3)
        packed = io.BytesIO()
        np.savez_compressed(packed, fields)
        text = "\n".join(",".join(map(str, row)) for row in fields).encode()
        for data in (
            saved(fields),
            packed.getvalue(),
            text,
            saved(fields.astype(np.float32)),
            saved(fields.astype(int)),
        ):
            np.testing.assert_array_equal(FIELDS.made("f", data), fields)

    @pytest.mark.parametrize(
        "data, words",
        [
            (saved(np.arange(5.0)), "two dimensions"),
            (saved(np.zeros((2, 2, 2))), "two dimensions"),
            (saved(np.ones((1, 4))), "two of each"),
            (saved(np.ones((3000, 2))), "at most"),
            (saved(np.array([[1.0, np.nan], [0, 1]])), "field 1, point 2"),
            (saved(np.zeros((3, 3))), "zero"),
            (saved(np.ones((2, 2), complex)), "real"),
            (saved(np.array([["a", "b"]] * 2)), "real"),
            (saved(np.array([[{}, 1]] * 2, dtype=object), allow_pickle=True), "pickle"),
            (pickle.dumps([1, 2]), "pickle"),
            (saved(np.ones((9, 9)))[:90], "damaged"),
            (b"PK\x03\x04 nonsense", "damaged"),
            (b"1,2\n3", "one length"),
            (b"a,b\nc,d", "numbers"),
            (b"", "two"),
        ],
    )
    @pytest.mark.filterwarnings("ignore:loadtxt")
    def test_what_cannot_be_used_is_refused_by_name(self, data, words):
        with pytest.raises(tk.DataError, match="mine") as caught:
            FIELDS.made("mine", data)
        assert words in str(caught.value)

    def test_an_upload_runs_and_is_known_by_its_content(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path))
        data = saved(MovingSource(n=8, fields=30).table)
        problem = SnapshotFile(SnapshotFile.accept_upload("source", "mine.npy", data))
        assert problem.table.shape == (24, 64) and problem.held_out.shape == (6, 64) and problem.shape == (8, 8)
        assert tk.solve(problem, Eim(), tk.Stop(rtol=0.0, steps=5)).k == 5

    @pytest.mark.parametrize("source", ["nowhere.npy", "upload:../../etc/passwd", "upload:" + "0" * 64])
    def test_a_file_that_is_not_there_is_refused_at_once(self, source):
        with pytest.raises(tk.DataError):
            SnapshotFile(source)


@pytest.mark.parametrize(
    "norm, size",
    [
        ("max", lambda rest: np.abs(rest).max(axis=1)),
        ("mean square", lambda rest: np.sqrt(np.mean(rest**2, axis=1))),
        ("mean", lambda rest: np.mean(np.abs(rest), axis=1)),
    ],
)
def test_sizes_are_norms_whatever_the_number_of_points(norm, size):
    """Maximum, root mean square and mean modulus of what is left, before and after crosses; of one the norm is one."""
    crosses = Crosses.of(GAUSS.table, norm)
    for _ in range(3):
        np.testing.assert_allclose(crosses.sizes, size(crosses.rest), rtol=1e-13)
        crosses = crosses.extended()
    np.testing.assert_allclose(Crosses.of(np.ones((2, 37)), norm).sizes, 1.0, rtol=1e-13)
