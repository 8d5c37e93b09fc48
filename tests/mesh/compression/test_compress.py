"""MGARD against dense linear algebra, closed forms and ZFP; streams and files that cannot be used."""

import itertools
import math

import numba
import numpy as np
import pytest

import toolkit as tk
from toolkit.core.errors import DataError, KnobError
from toolkit.data.tables import GRID_VALUES
from toolkit.mesh.compression import codec
from toolkit.mesh.compression.axes import Axis, amplification
from toolkit.mesh.compression.compressors import MGARD, zfp_is_here
from toolkit.mesh.compression.multilevel import Hierarchy, hierarchy
from toolkit.mesh.compression.problems import FieldFile, TurbulentField
from toolkit.mesh.compression.progressive import LevelByLevel

SHAPES = [(3,), (4,), (9,), (10,), (37,), (258,), (5, 5), (6, 7), (33, 50), (1, 8), (9, 2), (3, 4, 5), (17, 20, 31)]
SHAPES += [(40, 9, 2), (2, 3, 66)]


def noise(shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def hats(x, kept):
    """Interpolation from the kept nodes by NumPy: (n, m)."""
    return np.array([np.interp(x, x[kept], row) for row in np.eye(len(kept))]).T


def projection(x, kept):
    """L² projection on the hats of the kept nodes, (m, n), by Gauss quadrature that is exact for products of hats."""
    points = np.concatenate(
        [(a + b) / 2 + (b - a) / 2 * np.array([-1, 1]) / math.sqrt(3) for a, b in itertools.pairwise(x)]
    )
    weights = np.repeat(np.diff(x) / 2, 2)
    fine = np.array([np.interp(points, x, row) for row in np.eye(len(x))])
    coarse = fine.T @ hats(x, kept)
    return np.linalg.solve(coarse.T @ (weights[:, None] * coarse), coarse.T @ (weights[:, None] * fine.T))


def keep(n):
    return np.arange(n) if n < 3 else np.unique([*range(0, n - 1, 2), n - 1])


def along(matrices, u):
    for axis, matrix in enumerate(matrices):
        u = np.moveaxis(np.tensordot(matrix, u, (1, axis)), 0, axis)
    return u


def unsplit(level, shape, dims):
    """A level's array in the order of the nodes."""
    n, kept = shape[-1], keep(shape[-1])
    order = np.concatenate([kept, np.setdiff1d(np.arange(n), kept)])
    out = np.empty(shape)
    out[..., order] = level.reshape(shape)
    return out


class TestTransform:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_a_level_is_interpolation_and_the_l2_projection(self, shape):
        u, levels = noise(shape), Hierarchy(shape)
        pyramid = levels.decompose(u)
        x, kept = [np.arange(n, dtype=float) for n in shape], [keep(n) for n in shape]
        coarse = u[np.ix_(*kept)]
        np.testing.assert_allclose(
            unsplit(pyramid[0], shape, len(shape)),
            u - along([hats(a, k) for a, k in zip(x, kept)], coarse),
            atol=1e-14 * np.max(abs(u)),
        )
        projected = along([projection(a, k) if len(a) > 2 else np.eye(len(a)) for a, k in zip(x, kept)], u)
        rest = Hierarchy(shape)  # the pyramid without its finest level is that of the projection
        rest.levels, rest.shape = rest.levels[1:], projected.shape
        np.testing.assert_allclose(rest.recompose(pyramid[1:]), projected, atol=1e-13)

    @pytest.mark.parametrize("shape", [*SHAPES, (100_003,), (300, 401), (65, 66, 67), (1,), (1, 1), (2, 2, 2)])
    def test_nothing_rounded_nothing_lost(self, shape):
        u, levels = noise(shape), Hierarchy(shape)
        pyramid = levels.decompose(u)
        assert np.max(abs(levels.recompose(pyramid) - u)) <= 1e-12 * np.max(abs(u))
        assert sum(levels.sizes) == u.size

    def test_single_precision_stays_single(self):
        u, levels = noise((50, 31, 18), dtype=np.float32), Hierarchy((50, 31, 18), np.float32)
        again = levels.recompose(levels.decompose(u))
        assert again.dtype == np.float32 and np.max(abs(again - u)) <= 4e-6 * np.max(abs(u))

    @pytest.mark.parametrize("shape", [(41,), (30, 47), (12, 19, 22)])
    def test_linear_fields_have_no_coefficients(self, shape):
        u = sum((3.0 - i) * x for i, x in enumerate(np.meshgrid(*map(np.arange, shape), indexing="ij")))
        levels = Hierarchy(shape)
        assert all(np.max(abs(a)) < 1e-11 for a in levels.decompose(u)[:-1])

    def test_the_input_is_left_alone_unless_lent(self):
        u = noise((20, 21))
        before, levels = u.copy(), Hierarchy((20, 21))
        levels.decompose(u)
        np.testing.assert_array_equal(u, before)
        assert np.shares_memory(levels.decompose(u, overwrite=True)[0], u)

    def test_the_number_of_threads_changes_nothing(self):
        u, levels = noise((70, 33, 40)), Hierarchy((70, 33, 40))
        many = levels.decompose(u)
        threads = numba.get_num_threads()
        try:
            numba.set_num_threads(1)
            one = levels.decompose(u)
        finally:
            numba.set_num_threads(threads)
        assert all(np.array_equal(a, b) for a, b in zip(many, one))

    @pytest.mark.parametrize("bad", [(), (0,), (3, 0), (2, 2, 2, 2)])
    def test_shapes_that_cannot_be_used(self, bad):
        with pytest.raises(DataError, match="one to three axes"):
            Hierarchy(bad)


class TestAmplification:
    @pytest.mark.parametrize("shape", [(9,), (10,), (40,), (6, 7), (9, 14), (5, 6, 7), (8, 9, 4), (1, 2, 9)])
    def test_is_the_norm_of_identity_less_projection(self, shape):
        x, kept = [np.arange(n, dtype=float) for n in shape], [keep(n) for n in shape]
        eye = np.eye(math.prod(shape)).reshape(*shape, -1)
        parts = [hats(a, k) @ projection(a, k) if len(a) > 2 else np.eye(len(a)) for a, k in zip(x, kept)]
        dense = (eye - along(parts, eye)).reshape(math.prod(shape), -1)
        free = np.ones(shape, dtype=bool)
        free[np.ix_(*kept)] = False
        assert amplification(tuple(map(Axis, x))) == pytest.approx(abs(dense[:, free.ravel()]).sum(axis=1).max())

    def test_a_long_axis_repeats_itself(self):
        for n in (401, 402):
            whole, axis = Axis(np.arange(n, dtype=float)), Axis(np.arange(n, dtype=float))
            parts = hats(axis.x, axis.kept) @ projection(axis.x, axis.kept)
            free = ~axis.is_kept
            assert amplification((whole,)) == pytest.approx(abs((np.eye(n) - parts)[:, free]).sum(axis=1).max())

    def test_is_below_the_bound_of_the_reference(self):
        for shape in [(1000,), (130, 77), (64, 65, 70)]:
            assert np.all(hierarchy(shape).amplifications <= 1 + 3 ** len(shape))
            assert hierarchy(shape).amplifications[0] < (1.01, 2.5, 5.6)[len(shape) - 1]

    @pytest.mark.parametrize("budget", [0, 1])
    def test_the_tolerance_is_spent_once(self, budget):
        levels = hierarchy((60, 61, 17))
        spent = levels.amplifications @ codec.quanta(levels, 0.3, budget) / 2
        assert spent == pytest.approx(0.3, rel=1e-9)

    def test_the_worst_coefficients_meet_the_bound(self):
        """Signs of the worst row on the finest level: the error is κ q / 2, no more and no less."""
        levels = Hierarchy((21,))
        axis = levels.levels[0].axes[2]
        rows = np.eye(21) - hats(axis.x, axis.kept) @ projection(axis.x, axis.kept)
        rows[:, axis.is_kept] = 0
        signs = np.sign(rows[np.argmax(abs(rows).sum(axis=1))])
        pyramid = [np.zeros_like(a) for a in levels.decompose(np.zeros(21))]
        pyramid[0][0, 0] = np.concatenate([np.zeros(len(axis.kept)), signs[~axis.is_kept]])
        assert np.max(abs(levels.recompose(pyramid))) == pytest.approx(levels.amplifications[0], rel=1e-8)


class TestStreams:
    @pytest.mark.parametrize("numbers", [[0.0], [1, -1, 0, 127, -128, 128], [2.0**52, -(2.0**52)], range(-300, 300)])
    def test_whole_numbers_come_back(self, numbers):
        numbers = np.array(numbers, dtype=float)
        np.testing.assert_array_equal(codec.unpack(codec.pack(numbers), len(numbers)), numbers)

    def test_a_tolerance_below_rounding_is_lossless(self):
        u = noise((30, 30))
        np.testing.assert_array_equal(codec.decompress(codec.compress(u, 1e-17)), u)

    @pytest.mark.parametrize("scale", [1.0, 2.0**40])
    @pytest.mark.parametrize("dtype, slack", [(np.float64, 2.0**-44), (np.float32, 2.0**-44 + 2.0**-24)])
    @pytest.mark.parametrize("kind", [codec.multilevel_coded, codec.rounded_coded])
    def test_rounding_begins_at_two_to_the_minus_43(self, kind, dtype, slack, scale):
        """Of fields of size one half to one: nothing is coded at twice the allowance, all is just above."""
        u = (noise((40,)) * scale).astype(dtype)
        u *= dtype(0.99 * scale / np.abs(u).max())
        assert kind(u, 2 * slack * scale).lossless and kind(u, 2 * slack * scale).unchecked == 0
        above = kind(u, 2.01 * slack * scale)
        assert 0 < above.unchecked <= 2.01 * slack * scale

    @pytest.mark.parametrize("shape", [(1 << 17,), (300, 401), (65, 66, 67)])
    def test_the_allowance_for_rounding_is_enough_and_not_much(self, shape):
        """Decomposed and recomposed, fields of size one err by less than 2⁻⁴⁴, and by 2⁻⁵³ at least."""
        u, levels = noise(shape), Hierarchy(shape)
        u /= np.abs(u).max()
        assert 2.0**-53 <= np.max(abs(levels.recompose(levels.decompose(u)) - u)) <= 2.0**-44 / 4

    def test_a_constant_costs_next_to_nothing(self):
        assert len(codec.compress(np.full((100, 100), 7.0), 1e-6)) < 500

    def test_damaged_streams_are_refused(self):
        stream = codec.compress(noise((20, 21)), 1e-3)
        for cut in itertools.chain(range(0, 60, 7), range(60, len(stream), 101)):
            with pytest.raises(DataError, match="damaged"):
                codec.decompress(stream[:cut])
        with pytest.raises(DataError, match="damaged"):
            codec.decompress(b"PK" + stream[2:])

    @pytest.mark.parametrize(
        "bad", [np.array([1.0, np.nan]), np.array([np.inf, 1]), np.array([1, 2]), np.zeros((2,) * 4)]
    )
    def test_fields_that_cannot_be_used(self, bad):
        with pytest.raises(DataError, match="expected"):
            codec.compress(bad, 0.1)

    @pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
    def test_tolerances_that_cannot_be_used(self, bad):
        with pytest.raises(DataError, match="tolerance"):
            codec.compress(np.ones(5), bad)

    @pytest.mark.skipif(not zfp_is_here(), reason="zfpy is not installed")
    @pytest.mark.parametrize("dim, n", [(1, 5000), (2, 120), (3, 40)])
    def test_zfp_needs_more_on_the_same_field(self, dim, n):
        import zfpy

        u = TurbulentField(dim=dim, n=n, decay=5.0).data
        for tolerance in (1e-2, 1e-4):
            theirs, ours = zfpy.compress_numpy(np.array(u), tolerance=tolerance), codec.compress(u, tolerance)
            assert np.max(abs(codec.decompress(ours) - u)) <= tolerance
            assert len(ours) < (1.0 if dim < 3 else 1.2) * len(theirs)

    def test_spending_the_slack_stays_within_the_tolerance_and_saves(self):
        u = TurbulentField(n=100, decay=3.0).data
        plain, spent = codec.compress(u, 1e-3), codec.compress(u, 1e-3, spend=True)
        assert np.max(abs(codec.decompress(spent) - u)) <= 1e-3
        assert len(spent) < 0.95 * len(plain)


class TestFields:
    def test_the_spectrum_is_the_one_asked_for(self):
        """Mean energy in shells of a 2D field over seeds: slope −decay."""
        n, decay, shells = 128, 3.0, np.arange(3, 40)
        k = np.hypot(*np.meshgrid(np.fft.fftfreq(n, 1 / n), np.fft.fftfreq(n, 1 / n)))
        energy = sum(abs(np.fft.fft2(TurbulentField(n=n, decay=decay, seed=s).data)) ** 2 for s in range(20))
        found = [energy[abs(k - shell) < 0.5].mean() * 2 * np.pi * shell for shell in shells]
        assert np.polyfit(np.log(shells), np.log(found), 1)[0] == pytest.approx(-decay, abs=0.1)

    def test_too_many_nodes_are_refused(self):
        with pytest.raises(KnobError, match=r"TurbulentField.n = 2000: expected at most 1024"):
            TurbulentField(dim=2, n=2000)

    def npy(self, tmp_path, values, name="u.npy"):
        np.save(tmp_path / name, values, allow_pickle=True)
        return str(tmp_path / name)

    def test_a_file_is_read(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path / "kept"))
        u = noise((7, 8), dtype=np.float32)
        path = self.npy(tmp_path, u)
        np.testing.assert_array_equal(FieldFile(path).data, u)
        kept = FieldFile.accept_upload("source", "u.npy", (tmp_path / "u.npy").read_bytes())
        assert FieldFile(kept).data.dtype == np.float32
        assert FieldFile(self.npy(tmp_path, np.arange(6), "w.npy")).data.dtype == np.float64

    @pytest.mark.parametrize(
        "values, words",
        [
            (np.array([1.0, np.nan]), "NaN"),
            (np.ones(3) * 1j, "complex"),
            (np.array([{}, 1], dtype=object), "pickle|Object"),
            (np.array(["a"]), "type"),
            (np.array([True, False]), "bool"),
            (np.zeros((2, 2, 2, 2)), "shape"),
            (np.zeros(()), "shape"),
            (np.zeros((0, 3)), "shape"),
            (np.zeros(1 << 21, dtype=np.int8), "1048576"),
        ],
    )
    def test_files_that_cannot_be_used(self, tmp_path, values, words):
        with pytest.raises(DataError, match=words):
            FieldFile(self.npy(tmp_path, values))

    def test_what_is_no_npy_file_is_refused(self, tmp_path):
        for data in (b"", b"PK\x03\x04", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 40):
            with pytest.raises(DataError, match=r"u\.npy"):
                GRID_VALUES.made("u.npy", data)
        for source in ("nowhere.npy", "u.txt", "upload:../../etc/passwd", "upload:" + "0" * 64):
            with pytest.raises(DataError):
                FieldFile(source)


class TestLadder:
    def test_a_person_sees_the_ladder_down_to_the_last_tolerance(self):
        run = tk.solve(TurbulentField(n=30, decay=3.0), MGARD(steps_a_decade=1, last=1e-6), tk.Stop(rtol=0, steps=None))
        np.testing.assert_allclose(run.history["tolerance"], 10.0 ** -np.arange(1, 7))
        assert run.status.kind == "converged" and "1e-06" in run.status.cause

    def test_level_by_level_the_field_comes_back(self):
        problem = TurbulentField(dim=3, n=13)
        run = tk.solve(problem, LevelByLevel(), tk.Stop(rtol=0, steps=None))
        assert run.history["coefficients"][-1] == problem.data.size
        np.testing.assert_allclose(run.solution(), problem.data, atol=1e-13)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_tolerances_fall_by_ten_a_decade(steps):
    """The k-th is 10^(−k/steps) of the first, and so the state of the run says."""
    method = MGARD(first=1e-1, last=1e-3, steps_a_decade=steps)
    np.testing.assert_allclose(method.rung(np.arange(4) + steps), method.rung(np.arange(4)) / 10, rtol=1e-14)
    run = tk.solve(TurbulentField(n=12), method, tk.Stop(rtol=0, steps=None))
    assert run.k == 2 * steps and run.state.tolerance == pytest.approx(1e-3)
