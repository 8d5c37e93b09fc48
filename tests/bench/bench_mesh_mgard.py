"""MGARD's decompose + recompose of 512³ doubles (1 GiB, in place) against a copy of the field. `pytest tests/bench/…`.

Target: both together within six copies. The copy is NumPy's into memory that is there already.
"""

import toolkit  # noqa: F401, I001 - first: it sets the threading layer
import numpy as np
import pytest

from toolkit.mesh.compression.multilevel import Hierarchy

SIDE = 512


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_decompose_and_recompose(ratio, dtype):
    levels = Hierarchy((SIDE, SIDE, SIDE), dtype)
    field = np.random.default_rng(0).standard_normal(levels.shape, dtype=dtype)
    kept, room = field.copy(), levels.room()

    def both():
        levels.recompose(levels.decompose(field, overwrite=True, room=room), overwrite=True, room=room)

    ratio(both, lambda: np.copyto(kept, field), target="1/6", rounds=7)
    assert np.max(abs(field - kept)) < (1e-12 if dtype == np.float64 else 1e-5)
