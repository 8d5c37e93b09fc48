"""Arrays as problems keep them: read-only, and sparse ones in the one form that the compiled products take."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, made read-only: data of a problem is never changed by a method."""
    array.setflags(write=False)
    return array


def plain(x: np.ndarray) -> np.ndarray:
    """x as the compiled products take it: contiguous, writeable, float64 or complex128; itself if it is so already."""
    if x.flags.c_contiguous and x.flags.writeable and x.dtype in (np.float64, np.complex128):
        return x
    return np.array(x, dtype=np.result_type(x.dtype, np.float64), order="C")


def csr(matrix, copy: bool = True) -> sp.csr_array:
    """Any sparse matrix or array as read-only CSR, float64 or complex128, duplicates summed, sorted int32 indices."""
    made = sp.csr_array(matrix)
    made = made.astype(np.result_type(made.dtype, np.float64), copy=copy)
    made.sum_duplicates()
    made.sort_indices()
    if made.indices.dtype != np.int32 and made.nnz < 2**31:
        made = sp.csr_array((made.data, made.indices.astype(np.int32), made.indptr.astype(np.int32)), shape=made.shape)
    for array in (made.data, made.indices, made.indptr):
        frozen(array)
    return made


def is_hermitian(A) -> bool:
    """Whether A equals its conjugate transpose up to rounding; False for a LinearOperator."""
    if isinstance(A, np.ndarray):
        return bool(np.allclose(A, A.conj().T, rtol=1e-12, atol=0))
    if not sp.issparse(A):
        return False
    A = sp.csr_array(A)
    gap = abs(A - A.conj().T)
    return bool(gap.nnz == 0 or gap.max() <= 1e-12 * abs(A).max())
