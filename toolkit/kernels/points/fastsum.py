"""Sums of a translation-invariant kernel over points in the plane: all pairs, neighbouring cells, cells and points.

Kinds of kernel: 0: 1/r; 1: −log r; 2: e^(−r/ℓ)/r; 3: e^(−r/ℓ). A point does not act on itself (r = 0 gives 0).
Points are sorted by cell: cell c holds the points first[c] to first[c + 1], cells of a row of the grid together.

Used by toolkit/rank/interpolation: direct sums, and those with multipoles by empirical interpolation.
"""

import numba
import numpy as np

from toolkit.kernels._jit import kernel, threaded


@kernel
def value(kind, scale, square):
    """The kernel at the distance whose square is given."""
    if square == 0.0:
        return 0.0
    if kind == 1:
        return -0.5 * np.log(square)
    r = np.sqrt(square)
    if kind == 0:
        return 1 / r
    return np.exp(-r / scale) / r if kind == 2 else np.exp(-r / scale)


@threaded
def all_pairs(kind, scale, targets, points, charges, sums):
    """sums[i] = Σ_j charges[j] K(targets[i] − points[j]); targets (m, 2), points (n, 2)."""
    for i in numba.prange(targets.shape[0]):
        x, y, total = targets[i, 0], targets[i, 1], 0.0
        for j in range(points.shape[0]):
            total += charges[j] * value(kind, scale, (x - points[j, 0]) ** 2 + (y - points[j, 1]) ** 2)
        sums[i] = total


@threaded
def near(kind, scale, points, charges, first, side, sums):
    """sums[i] += the sum over the points in the same cell and the eight around it; side² cells."""
    for cell in numba.prange(side * side):
        row, column = cell // side, cell % side
        for i in range(first[cell], first[cell + 1]):
            x, y, total = points[i, 0], points[i, 1], 0.0
            for other in range(max(row - 1, 0), min(row + 2, side)):
                start = first[other * side + max(column - 1, 0)]
                for j in range(start, first[other * side + min(column + 1, side - 1) + 1]):
                    total += charges[j] * value(kind, scale, (x - points[j, 0]) ** 2 + (y - points[j, 1]) ** 2)
            sums[i] += total


@threaded
def gathered(kind, scale, points, charges, first, centres, checks, seen):
    """seen[c, a] = Σ over the points of cell c of their charge times K(centres[c] + checks[a] − point)."""
    for cell in numba.prange(centres.shape[0]):
        for a in range(checks.shape[0]):
            x, y, total = centres[cell, 0] + checks[a, 0], centres[cell, 1] + checks[a, 1], 0.0
            for j in range(first[cell], first[cell + 1]):
                total += charges[j] * value(kind, scale, (x - points[j, 0]) ** 2 + (y - points[j, 1]) ** 2)
            seen[cell, a] = total


@threaded
def spread(kind, scale, points, first, centres, checks, weights, sums):
    """sums[j] += Σ_a weights[c, a] K(centres[c] + checks[a] − points[j]) for the points j of cell c: the transpose."""
    for cell in numba.prange(centres.shape[0]):
        for j in range(first[cell], first[cell + 1]):
            total = 0.0
            for a in range(checks.shape[0]):
                x, y = centres[cell, 0] + checks[a, 0], centres[cell, 1] + checks[a, 1]
                total += weights[cell, a] * value(kind, scale, (x - points[j, 0]) ** 2 + (y - points[j, 1]) ** 2)
            sums[j] += total
