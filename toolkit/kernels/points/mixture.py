"""Posterior means of Gaussian mixtures in the plane: many particles against many components.

Particles go in tiles of `TILE`, so that what is summed stays in the first cache; the inner loops run over the whole
tile, filled up where particles are missing, and vectorise. One pass sums 2^y with y relative to the largest weight:
safe as long as a particle is within some 35 standard deviations of a component. The few that are not are summed again
relative to their own largest exponent (log-sum-exp).
The exponential is a polynomial, as the C library's does not vectorise here: relative error below 1e-15 (tested).

Used by toolkit/sampler/laws: the score, the density and many solver steps on a mixture in the plane.
Used by toolkit/sampler/solvers: the picture of the cloud of particles.
"""

import numpy as np
from llvmlite import ir
from numba import config, prange, types
from numba.extending import intrinsic

from toolkit.kernels._jit import kernel, threaded

TILE, BLOCK = 128, 4096
LINE = 8  # numbers in a line of the cache
LOG2_E = 1.4426950408889634
LOWEST, LEAST = -1000.0, 2.0**-900
MAGIC = 1.5 * 2.0**52  # y + MAGIC is y rounded to a whole number, in the lowest bits
# 2^f on [−1/2, 1/2]: the polynomial of degree 10 with the least largest relative error, 2.2e-16 (Remez)
C1, C2, C3, C4, C5 = (
    0.6931471805599497,
    0.24022650695908768,
    0.05550410866445883,
    0.009618129108034596,
    0.0013333558228561767,
)
C6, C7, C8 = 0.00015403529961127076, 1.5252658116409854e-05, 1.3215662835959238e-06
C9, C10 = 1.0208537929657404e-07, 7.037278846726901e-09


def _exact(operation: str):
    """y ∘ MAGIC as it is written: elsewhere sums may be reassociated, and the rounding would go."""

    @intrinsic
    def shifted(context, y):
        def build(_, builder, signature, arguments):
            magic = ir.Constant(ir.DoubleType(), MAGIC)
            return getattr(builder, operation)(arguments[0], magic, flags=("nsz",))

        return types.float64(types.float64), build

    return shifted


@intrinsic
def _times_power(context, p, shifted):
    """p 2^n, n in the lowest bits of `shifted`: added to the exponent of p."""

    def build(_, builder, signature, arguments):
        whole = ir.IntType(64)
        bits, n = (builder.bitcast(one, whole) for one in arguments)
        return builder.bitcast(builder.add(bits, builder.shl(n, ir.Constant(whole, 52))), ir.DoubleType())

    return types.float64(types.float64, types.float64), build


_up, _down = _exact("fadd"), _exact("fsub")

if config.DISABLE_JIT:

    def _up(y):
        return np.float64(y) + MAGIC

    def _down(y):
        return y - MAGIC

    def _times_power(p, shifted):
        return (p.view(np.int64) + (shifted.view(np.int64) << np.int64(52))).view(np.float64)


@kernel
def _exp2(y):
    shifted = _up(y)
    f = y - _down(shifted)
    g = f * f
    h = g * g
    # by Estrin's scheme: shorter chains than Horner's
    low, middle = (1.0 + C1 * f) + g * (C2 + C3 * f), (C4 + C5 * f) + g * (C6 + C7 * f)
    return _times_power(low + h * (middle + h * ((C8 + C9 * f) + g * C10)), shifted)


@kernel
def _powers_of_two(y, out):
    for i in range(len(y)):
        out[i] = _exp2(y[i])


@threaded
def powers_of_two(y, out):
    """out = 2^y for −1000 ≤ y ≤ 1000, shapes (n,)."""
    for block in prange((len(y) + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min(len(y), (block + 1) * BLOCK)
        _powers_of_two(y[first:last], out[first:last])


@kernel
def _room(rows):
    """Rows of a tile's length, each on a line of the cache: a vector across two lines costs twice."""
    pool = np.empty(rows * TILE + LINE)
    first = (-pool.ctypes.data % (8 * LINE)) // 8
    return pool[first : first + rows * TILE].reshape(rows, TILE)


@kernel
def _sums(u, v, table, total, left, right, slope, spare):
    """Σ 2^y, Σ 2^y s, Σ 2^y t, Σ 2^y g over the components, of the particles of a tile.

    The exponents y go to `spare` first: two short loops keep the processor busier than a long one.
    """
    total[:], left[:], right[:], slope[:] = 0.0, 0.0, 0.0, 0.0
    for k in range(table.shape[1]):
        r, a, b, w = table[0, k], table[1, k], table[2, k], table[3, k]
        s, t, g = table[4, k], table[5, k], table[6, k]
        for j in range(TILE):
            p, q = r * u[j] - a, r * v[j] - b
            spare[0, j] = max(w - p * p - q * q, LOWEST)
        for j in range(TILE):
            e = _exp2(spare[0, j])
            total[j] += e
            left[j] += e * s
            right[j] += e * t
            slope[j] += e * g


@kernel
def _even_sums(u, v, table, total, left, right, slope, spare):
    """The same for components of one breadth, two at a time; an odd one goes with a copy that weighs nothing."""
    total[:], left[:], right[:] = 0.0, 0.0, 0.0
    for j in range(TILE):
        spare[0, j], spare[1, j] = table[0, 0] * u[j], table[0, 0] * v[j]
    last = table.shape[1] - 1
    for k in range(0, last + 1, 2):
        h = min(k + 1, last)
        a, b, w, s, t = table[1, k], table[2, k], table[3, k], table[4, k], table[5, k]
        c, d, z, m, n = table[1, h], table[2, h], table[3, h], table[4, h], table[5, h]
        z = z if h > k else LOWEST
        for j in range(TILE):
            p, q, e, i = spare[0, j] - a, spare[1, j] - b, spare[0, j] - c, spare[1, j] - d
            spare[2, j], spare[3, j] = max(w - p * p - q * q, LOWEST), max(z - e * e - i * i, LOWEST)
        for j in range(TILE):
            e, i = _exp2(spare[2, j]), _exp2(spare[3, j])
            total[j] += e + i
            left[j] += e * s + i * m
            right[j] += e * t + i * n
    for j in range(TILE):
        slope[j] = table[6, 0] * total[j]


@kernel
def _far(u, v, table):
    """The mean of one particle by log-sum-exp: two passes."""
    top, total, left, right, slope = -np.inf, 0.0, 0.0, 0.0, 0.0
    for again in range(2):
        for k in range(table.shape[1]):
            p, q = table[0, k] * u - table[1, k], table[0, k] * v - table[2, k]
            y = table[3, k] - p * p - q * q
            if not again:
                top = max(top, y)
            else:
                e = _exp2(max(y - top, LOWEST))
                total += e
                left += e * table[4, k]
                right += e * table[5, k]
                slope += e * table[6, k]
    return (left + slope * u) / total, (right + slope * v) / total


@kernel
def _means(u, v, table, even, total, left, right, slope, spare):
    """(left, right) = E[x₀ | x] of the particles (u, v) of a tile; each particle's depends on that particle only."""
    if even:
        _even_sums(u, v, table, total, left, right, slope, spare)
    else:
        _sums(u, v, table, total, left, right, slope, spare)
    far = 0
    for j in range(TILE):
        left[j] = (left[j] + slope[j] * u[j]) / total[j]
        right[j] = (right[j] + slope[j] * v[j]) / total[j]
        far += total[j] < LEAST
    if far:
        for j in range(TILE):
            if total[j] < LEAST:
                left[j], right[j] = _far(u[j], v[j], table)


@threaded
def plane_mean(x, table, even, out):
    """out[i] = Σ_k r_k (μ_k + g_k (x_i − αμ_k)), r = softmax(b_k − |c_k x_i − c_k αμ_k|²): E[x₀ | x], shape (n, 2).

    x (n, 2); table (7, K): c = √(log₂e/(2v)), c αμ (2 rows), b = log₂(w/v) − max (its base is 2, too), μ − g αμ
    (2 rows), g = αs²/v; `even`: all of one c and g. About 35 flops a pair; K = 1 and far points are safe.
    """
    n = x.shape[0]
    for tile in prange((n + TILE - 1) // TILE):
        first, work = tile * TILE, _room(10)
        u, v, total, left, right, slope, spare = work[0], work[1], work[2], work[3], work[4], work[5], work[6:]
        m = min(TILE, n - first)
        for j in range(TILE):
            u[j], v[j] = x[first + min(j, m - 1), 0], x[first + min(j, m - 1), 1]
        _means(u, v, table, even, total, left, right, slope, spare)
        for j in range(m):
            out[first + j, 0], out[first + j, 1] = left[j], right[j]


@threaded
def plane_walk(x, before, tables, even, factors, out, denoised, squares):
    """Some steps x ← a x + b D + c D' of each particle in one go, D = E[x₀ | x] and D' that of the step before.

    x, before (n, 2): x and D' at the start; tables (steps, 7, K) as in `plane_mean`; factors (steps, 3): a, b, c.
    out (n, 2): x at the end; denoised (n, 2): D of the last step; squares (steps, tiles): Σ |x|² of each tile after
    each step. All steps of a tile are done in the first cache: the memory is read and written once.
    """
    n = x.shape[0]
    for tile in prange((n + TILE - 1) // TILE):
        first, work = tile * TILE, _room(12)
        u, v, total, left, right, slope, spare = work[0], work[1], work[2], work[3], work[4], work[5], work[6:10]
        above, beside = work[10], work[11]
        m = min(TILE, n - first)
        for j in range(TILE):
            i = first + min(j, m - 1)
            u[j], v[j], above[j], beside[j] = x[i, 0], x[i, 1], before[i, 0], before[i, 1]
        for step in range(factors.shape[0]):
            _means(u, v, tables[step], even, total, left, right, slope, spare)
            a, b, c, square = factors[step, 0], factors[step, 1], factors[step, 2], 0.0
            for j in range(TILE):
                u[j] = a * u[j] + b * left[j] + c * above[j]
                v[j] = a * v[j] + b * right[j] + c * beside[j]
                above[j], beside[j] = left[j], right[j]
            for j in range(m):
                square += u[j] * u[j] + v[j] * v[j]
            squares[step, tile] = square
        for j in range(m):
            out[first + j, 0], out[first + j, 1] = u[j], v[j]
            denoised[first + j, 0], denoised[first + j, 1] = above[j], beside[j]


@threaded
def plane_total(x, table, out):
    """out[i] = Σ_k 2^(b_k − |c_k x_i − c_k αμ_k|²), shape (n,); wrong below 2^−900. x and table as above."""
    n = x.shape[0]
    for tile in prange((n + TILE - 1) // TILE):
        first, work = tile * TILE, _room(7)
        m = min(TILE, n - first)
        for j in range(TILE):
            i = first + min(j, m - 1)
            work[0, j], work[1, j] = x[i, 0], x[i, 1]
        _sums(work[0], work[1], table, work[2], work[3], work[4], work[5], work[6:])
        for j in range(m):
            out[first + j] = work[2, j]


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
