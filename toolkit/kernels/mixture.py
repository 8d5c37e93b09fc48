"""Posterior means of Gaussian mixtures in the plane: many particles against many components.

Particles go in tiles of `TILE`, so that what is summed stays in the first cache; the inner loops run over the tile and
vectorise. A first pass finds the largest exponent of each particle, a second one sums 2^(y − y_max): log-sum-exp.
The exponential is a polynomial, as the C library's does not vectorise here: relative error below 1e-15 (tested).
"""

import numpy as np
from llvmlite import ir
from numba import config, prange, types
from numba.extending import intrinsic

from toolkit.kernels._jit import kernel, threaded

TILE = 128
LOG2_E = 1.4426950408889634
LOWEST = -1000.0
# 2^f on [−1/2, 1/2]: Taylor's coefficients (log 2)^j/j!, the rest of which is below 2e-17 at degree 13
C1, C2, C3, C4 = 0.6931471805599453, 0.2402265069591007, 0.05550410866482158, 0.009618129107628477
C5, C6, C7 = 0.0013333558146428443, 0.00015403530393381608, 1.525273380405984e-05
C8, C9, C10 = 1.3215486790144307e-06, 1.0178086009239699e-07, 7.054911620801123e-09
C11, C12, C13 = 4.4455382718708116e-10, 2.5678435993488206e-11, 1.3691488853904128e-12


@intrinsic
def _as_float(context, bits):
    """The float64 with the bits of an int64."""

    def build(_, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), build


if config.DISABLE_JIT:

    def _as_float(bits):
        return bits.view(np.float64)


@kernel
def _exp2(y):
    n = np.floor(y + 0.5)
    f = y - n
    p = ((((C13 * f + C12) * f + C11) * f + C10) * f + C9) * f + C8
    p = ((((p * f + C7) * f + C6) * f + C5) * f + C4) * f + C3
    p = ((p * f + C2) * f + C1) * f + 1.0
    return p * _as_float((np.int64(n) + np.int64(1023)) << np.int64(52))


@kernel
def powers_of_two(y, out):
    """out = 2^y for −1000 ≤ y ≤ 1000, shapes (n,)."""
    for i in range(len(y)):
        out[i] = _exp2(y[i])


@threaded
def plane_mean(x, shift, scale, weight, sums, gain, out):
    """out[i] = Σ_k r_k (μ_k + g_k (x_i − a_k)), r = softmax(b_k − c_k |x_i − a_k|²): E[x₀ | x].

    x (n, 2); shift (2, K): a = αμ; scale (K,): c = log₂e/(2v); weight (K,): b = log₂(w/v) (its base is 2, too);
    sums (2, K): μ − g a; gain (K,): g = αs²/v; out (n, 2). About 60 flops a pair; K = 1 and far points are safe.
    """
    n, count = x.shape[0], weight.shape[0]
    for tile in prange((n + TILE - 1) // TILE):
        first = tile * TILE
        m = min(TILE, n - first)
        work = np.empty((7, TILE))
        u, v, top, total = work[0], work[1], work[2], work[3]
        left, right, slope = work[4], work[5], work[6]
        for j in range(m):
            u[j], v[j] = x[first + j, 0], x[first + j, 1]
            top[j] = -np.inf
            total[j] = left[j] = right[j] = slope[j] = 0.0
        for k in range(count):
            a, b, c, w = shift[0, k], shift[1, k], scale[k], weight[k]
            for j in range(m):
                p, q = u[j] - a, v[j] - b
                y = w - c * (p * p + q * q)
                top[j] = y if y > top[j] else top[j]
        for k in range(count):
            a, b, c, w = shift[0, k], shift[1, k], scale[k], weight[k]
            s, t, g = sums[0, k], sums[1, k], gain[k]
            for j in range(m):
                p, q = u[j] - a, v[j] - b
                y = w - c * (p * p + q * q) - top[j]
                e = _exp2(y if y > LOWEST else LOWEST)
                total[j] += e
                left[j] += e * s
                right[j] += e * t
                slope[j] += e * g
        for j in range(m):
            out[first + j, 0] = (left[j] + slope[j] * u[j]) / total[j]
            out[first + j, 1] = (right[j] + slope[j] * v[j]) / total[j]


@kernel
def histogram(x, left, bottom, width, out):
    """Particles counted on a square grid: out (m, m), row 0 at `bottom`; what lies outside is not counted. x (n, 2)."""
    m = out.shape[0]
    out[:] = 0.0
    per = m / width
    for i in range(x.shape[0]):
        p, q = (x[i, 0] - left) * per, (x[i, 1] - bottom) * per
        if 0.0 <= p < m and 0.0 <= q < m:
            out[int(q), int(p)] += 1.0
