"""The matrices are what they say; photographs of any mode are read or refused with a reason."""

import io

import numpy as np
import pytest
import scipy.linalg as sla

import toolkit as tk
from toolkit.rank.matrices.problems import (
    CauchyMatrix,
    DigitsMatrix,
    KahanMatrix,
    KernelMatrix,
    OwnPhotograph,
    PhotographMatrix,
    SpectrumMatrix,
)


@pytest.mark.parametrize("kind", ["algebraic", "exponential", "step", "exact rank"])
def test_the_spectrum_is_the_one_asked_for(kind):
    problem = SpectrumMatrix(kind=kind, m=40, n=25, decay=2.0, knee=6, seed=3)
    values = sla.svd(problem.matrix, compute_uv=False, lapack_driver="gesvd")
    np.testing.assert_allclose(values, problem.spectrum, atol=1e-14)


def test_cauchy_matrices_have_cauchys_determinant():
    problem = CauchyMatrix(m=5, n=5, gap=0.3)
    x = 0.3 + np.linspace(0, 1, 5)
    upper = np.triu_indices(5, 1)
    product = np.prod((x[:, None] - x)[upper] ** 2) / np.prod(x[:, None] + x)
    np.testing.assert_allclose(np.linalg.det(problem.matrix), product, rtol=1e-9)


def test_kahans_matrix_resists_column_pivoting():
    """Pivoted QR leaves it as it is, and its last pivot says nothing of its least singular value."""
    problem = KahanMatrix(n=40, theta=1.2)
    r = problem.matrix
    norms = [np.linalg.norm(r[k:, k:], axis=0) for k in range(40)]
    assert all(column[0] >= column.max() * (1 - 1e-12) for column in norms)
    assert r[-1, -1] > 100 * problem.singular[-1]


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "matern 3/2"])
def test_kernel_matrices_are_semidefinite_with_a_unit_diagonal(kernel):
    K = KernelMatrix(kernel=kernel, n=60).matrix
    np.testing.assert_array_equal(np.diag(K), 1.0)
    assert np.linalg.eigvalsh(K).min() > -1e-13


def test_bundled_pictures_have_their_sizes():
    assert PhotographMatrix(every=4).matrix.shape == (107, 160)
    assert DigitsMatrix(digits=30).matrix.shape == (30, 64)
    assert DigitsMatrix(digits=30).picture(DigitsMatrix(digits=30).matrix).shape == (32, 48)


def encoded(image, kind="PNG", **options) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


class TestPhotographs:
    Image = pytest.importorskip("PIL.Image")
    ramp = (np.arange(24 * 16).reshape(24, 16) % 256).astype(np.uint8)

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path))

    def uploaded(self, data, name="mine.png"):
        return OwnPhotograph(source=OwnPhotograph.accept_upload("source", name, data)).matrix

    def test_grey_is_kept(self):
        np.testing.assert_allclose(self.uploaded(encoded(self.Image.fromarray(self.ramp))), self.ramp / 255)

    def test_colour_becomes_luminance(self):
        colour = np.stack([self.ramp, self.ramp[::-1], 255 - self.ramp], axis=2)
        expected = colour @ np.array([0.299, 0.587, 0.114]) / 255
        np.testing.assert_allclose(self.uploaded(encoded(self.Image.fromarray(colour))), expected)

    def test_what_is_transparent_is_white(self):
        clear = np.zeros((8, 8, 4), np.uint8)
        np.testing.assert_allclose(self.uploaded(encoded(self.Image.fromarray(clear))), 1.0)

    @pytest.mark.parametrize("mode", ["1", "LA", "P", "CMYK", "RGBA", "L", "YCbCr"])
    def test_odd_modes_are_read(self, mode):
        image = self.Image.fromarray(self.ramp).convert("RGB").convert(mode)
        kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
        found = self.uploaded(encoded(image, kind), f"mine.{kind.lower()}")
        assert found.shape == (24, 16)
        assert found.min() >= 0 and found.max() <= 1

    def test_sixteen_bits_are_scaled_by_their_range(self):
        deep = (np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16)
        np.testing.assert_allclose(self.uploaded(encoded(self.Image.fromarray(deep))), deep / 65535)

    def test_large_ones_are_shrunk_by_means(self):
        wide = np.kron(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40, np.ones((300, 300), np.uint8))
        found = self.uploaded(encoded(self.Image.fromarray(wide)))
        assert found.shape == (200, 300)
        np.testing.assert_allclose(found[:90, :90], 0.0)
        np.testing.assert_allclose(found[110:, 210:], 200 / 255)

    @pytest.mark.parametrize(
        "name, data, word",
        [
            ("mine.txt", b"x", "expected a file that ends in"),
            ("mine.png", b"", "0 bytes"),
            ("mine.png", b"not an image at all", "cannot be read as an image"),
        ],
    )
    def test_others_are_refused(self, name, data, word):
        with pytest.raises(tk.ToolkitError, match=word):
            OwnPhotograph.accept_upload("source", name, data)

    def test_broken_and_tiny_ones_are_refused(self):
        whole = encoded(self.Image.fromarray(np.tile(self.ramp, (8, 8))))
        with pytest.raises(tk.ToolkitError, match="cannot be read"):
            OwnPhotograph.accept_upload("source", "cut.png", whole[: len(whole) // 2])
        with pytest.raises(tk.ToolkitError, match="at least 4 a side"):
            OwnPhotograph.accept_upload("source", "thin.png", encoded(self.Image.fromarray(self.ramp[:, :2])))
        with pytest.raises(tk.ToolkitError, match="not on this machine"):
            OwnPhotograph(source="upload:" + "0" * 64)
        with pytest.raises(tk.ToolkitError, match="cannot be read"):
            OwnPhotograph(source="/nowhere/at/all.png")
