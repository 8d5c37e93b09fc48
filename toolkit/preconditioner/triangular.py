"""Triangular solves with CSR triangles."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla


class Triangle:
    """The lower or upper triangle of a CSR matrix with a given diagonal: `solve(r, out)` writes T⁻¹ r into `out`."""

    def __init__(self, matrix: sp.csr_array, diagonal: np.ndarray, lower: bool):
        part = sp.tril(matrix, -1) if lower else sp.triu(matrix, 1)
        self._factor = spla.splu(
            sp.csc_array(part + sp.diags_array(diagonal)), permc_spec="NATURAL", diag_pivot_thresh=0.0
        )
        self.flops = 2.0 * part.nnz + len(diagonal)

    def solve(self, r: np.ndarray, out: np.ndarray) -> None:
        """out ← T⁻¹ r."""
        out[:] = self._factor.solve(r)
