"""Bundled data sets: read-only, loaded once, and a clear word where the library that brings them is absent."""

import subprocess
import sys

import numpy as np
import pytest

from toolkit.data import bundled


def test_digits_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets")
    pixels, labels = bundled.digits()
    whole = datasets.load_digits()
    np.testing.assert_array_equal(pixels, whole.data)
    np.testing.assert_array_equal(pixels.reshape(-1, 8, 8), whole.images)
    np.testing.assert_array_equal(labels, whole.target)
    assert len(pixels) == bundled.DIGITS and bundled.digits()[0] is pixels
    assert not pixels.flags.writeable and not labels.flags.writeable


@pytest.mark.parametrize("name", bundled.PHOTOGRAPHS)
def test_photographs_are_scikit_learns(name):
    datasets = pytest.importorskip("sklearn.datasets")
    found = bundled.photograph(name)
    np.testing.assert_array_equal(found, datasets.load_sample_image(f"{name}.jpg"))
    assert found.shape == (427, 640, 3) and not found.flags.writeable and bundled.photograph(name) is found


@pytest.mark.parametrize("name", bundled.MATRICES)
def test_matrices_are_pyamgs_to_rounding_and_hermitian_exactly_where_they_are_so(name):
    gallery = pytest.importorskip("pyamg.gallery")
    found, given = bundled.matrix(name), gallery.load_example(name)
    assert abs(found.matrix - given["A"]).max() <= 1e-12 * abs(given["A"]).max()
    gap = abs(found.matrix - found.matrix.conj().T)
    assert gap.max() == 0 or gap.max() > 1e-6 * abs(found.matrix).max()
    assert len(found.near_null) == found.matrix.shape[0] and found.elements.min() == 0
    assert bundled.matrix(name) is found
    for array in (found.matrix.data, found.near_null, found.vertices, found.elements):
        assert not array.flags.writeable


@pytest.mark.parametrize(
    "hidden, call, words",
    [
        ("sklearn", "digits()", "The digits come with scikit-learn"),
        ("sklearn", "photograph('china')", "The photographs come with scikit-learn"),
        ("PIL", "photograph('china')", "Pillow reads them"),
        ("pyamg", "matrix('airfoil')", "The example matrices come with PyAMG"),
    ],
)
def test_what_is_absent_is_said_with_what_to_install(hidden, call, words):
    program = (
        f"import sys; sys.modules[{hidden!r}] = None\n"
        "from toolkit.data import bundled\n"
        f"try:\n    bundled.{call}\nexcept bundled.DataError as refusal:\n    print(refusal)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert words in done.stdout and "pip install 'convergence-toolkit[apps]'" in done.stdout, done.stderr
