"""Arrays as problems keep them: read-only, and sparse ones in the one form that the compiled products take."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, made read-only: data of a problem is never changed by a method."""
    array.setflags(write=False)
    return array


def exponent(v: np.ndarray) -> int:
    """The least e with every |v_i| < 2^e (real and imaginary parts each); 0 where v is zero or not finite."""
    if not v.size:
        return 0
    largest = max(abs(float(end)) for part in (v.real, v.imag) for end in (part.min(), part.max()))
    return int(np.frexp(largest)[1]) if 0 < largest < np.inf else 0


def shifted(v: np.ndarray, e: int) -> np.ndarray:
    """2^e v, a new array: exact where nothing over- or underflows, for any e."""
    with np.errstate(over="ignore", under="ignore"):
        if np.iscomplexobj(v):
            return np.ldexp(v.real, e) + 1j * np.ldexp(v.imag, e)
        return np.ldexp(v, e)


def norm(v: np.ndarray) -> float:
    """‖v‖₂, even where the sum of squares over- or underflows; elsewhere bit for bit what NumPy gives."""
    size = float(np.linalg.norm(v))
    if 1e-140 < size < 1e140:
        return size
    e = exponent(v)
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(np.linalg.norm(shifted(v, -e)), e)) if e else size


def product_root(u: np.ndarray, v: np.ndarray) -> float:
    """√⟨u, v⟩ of a product that is real, −√−⟨u, v⟩ where it is negative; without over- or underflow of the product."""
    square = float(np.vdot(u, v).real)
    if 1e-280 < abs(square) < 1e280:
        return math.copysign(math.sqrt(abs(square)), square)
    low, high = exponent(u), exponent(v)
    e = low + high + (low + high) % 2
    with np.errstate(over="ignore", under="ignore"):
        square = float(np.vdot(shifted(u, -low), shifted(v, low - e)).real)
        return float(np.ldexp(math.copysign(math.sqrt(abs(square)), square), e // 2))


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
