"""Data sets that come with other libraries, each loaded here only, once a process: digits, photographs, matrices."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from toolkit.core.arrays import csr, frozen, is_hermitian
from toolkit.core.errors import DataError
from toolkit.core.loading import loading

DIGITS = 1797  # images
INSTALL = "pip install 'convergence-toolkit[apps]'"

PHOTOGRAPHS = ("china", "flower")

# Those with a nonsingular matrix; `unit_square` is left out: its matrix is that of a Neumann problem, singular.
MATRICES = {
    "airfoil": "linear elements on the mesh around an airfoil, 260 unknowns",
    "bar": "linear elasticity of a bar of bricks, 600 unknowns",
    "knot": "graph Laplacian of a knot's surface, 239 unknowns",
    "unit_cube": "linear elements on tetrahedra of a cube, 125 unknowns",
    "local_disc_galerkin_diffusion": "discontinuous Galerkin diffusion, 966 unknowns",
    "recirc_flow": "recirculating flow, streamline diffusion, nonsymmetric, 225 unknowns",
    "helmholtz_2D": "plane waves, discontinuous Galerkin, complex, 2880 unknowns",
}


@functools.cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """(pixels (1797, 64) from 0 to 16, digits (1797,)): scikit-learn's copy of the UCI test set of handwritten digits.

    A row is an image of 8 × 8. DataError when scikit-learn is not installed.
    Reference: E. Alpaydin, C. Kaynak, UCI Machine Learning Repository (1998), doi:10.24432/C50P49.
    """
    try:
        with loading():
            from sklearn.datasets import load_digits
    except ImportError:
        raise DataError(f"The digits come with scikit-learn: {INSTALL}.") from None
    pixels, labels = load_digits(return_X_y=True)
    return frozen(pixels), frozen(labels)


@functools.cache
def photograph(name: str) -> np.ndarray:
    """One of scikit-learn's two sample photographs: bytes (427, 640, 3), red, green and blue.

    DataError when scikit-learn or Pillow, which reads it, is not installed.
    Reference: F. Pedregosa et al., J. Mach. Learn. Res. 12 (2011) 2825–2830, sample images.
    """
    try:
        with loading():
            from sklearn.datasets import load_sample_image

        return frozen(load_sample_image(f"{name}.jpg"))
    except ImportError:
        raise DataError(f"The photographs come with scikit-learn, and Pillow reads them: {INSTALL}.") from None


@dataclass(frozen=True)
class StoredMatrix:
    """A matrix with its near null space (n, k), and the mesh: vertices (v, 2 or 3), elements (e, corners)."""

    matrix: sp.csr_array
    near_null: np.ndarray
    vertices: np.ndarray
    elements: np.ndarray


@functools.cache
def matrix(name: str) -> StoredMatrix:
    """One of PyAMG's examples (`MATRICES`); DataError when PyAMG is not installed.

    Reference: N. Bell, L. N. Olson, J. Schroder, B. Southworth, JOSS 8 (2023) 5495, doi:10.21105/joss.05495.
    """
    try:
        with loading():
            from pyamg.gallery import load_example
    except ImportError:
        raise DataError(f"The example matrices come with PyAMG: {INSTALL}.") from None
    data = load_example(name)
    made = csr(data["A"])
    if is_hermitian(made):  # up to rounding: make it so exactly
        made = csr((made + made.conj().T) / 2)
    arrays = [np.asarray(data[key], dtype=kind) for key, kind in (("B", float), ("vertices", float), ("elements", int))]
    arrays[2] -= arrays[2].min()  # one of them counts from 1
    return StoredMatrix(made, *(frozen(array) for array in arrays))
