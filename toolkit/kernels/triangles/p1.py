"""Linear finite elements on triangles: a sparse pattern found once, matrices summed into it again and again.

Symbols. Cell t has the vertices `cells[t]` (m, 3), counter-clockwise, at `points` (n, 2); ψ_i is the hat function of
vertex i, κ and c are constant in a cell. The pattern is that of CSR with rising columns, the diagonal included, and
`slots[t, 3 a + b]` is the place of the entry (cells[t, a], cells[t, b]). Indices are unsigned: signed ones make the
compiler test each for being negative.

Cost, bytes from memory a cell: symbolic about 150, numeric about 150 with `shapes` given.

Reference: local matrices: D. Braess, Finite Elements (2007), doi:10.1017/CBO9780511618635, II §8; the split into a
symbolic and a numeric part: F. G. Gustavson, ACM Trans. Math. Softw. 4 (1978) 250–269, doi:10.1145/355791.355796.

Used by toolkit/mesh/adaptive: matrices of linear elements, assembled again and again.
"""

import numpy as np

from toolkit.kernels._jit import kernel

ONE, THREE = np.uint64(1), np.uint64(3)


@kernel
def pattern(cells, n):
    """(indptr, indices, slots) of the matrices on n vertices: every vertex with itself and all it shares a cell with.

    A first pass lists the cells of each vertex, a second writes its row: marks tell which columns it already has.
    """
    m = cells.shape[0]
    begin = np.zeros(n + 2, np.uint32)
    for t in range(m):
        for a in range(3):
            begin[np.uint64(cells[t, a]) + np.uint64(2)] += np.uint32(1)
    for i in range(n):
        begin[i + 2] += begin[i + 1]
    around = np.empty(3 * m, np.uint32)
    for t in range(m):
        for a in range(3):
            i = np.uint64(cells[t, a]) + ONE
            around[np.uint64(begin[i])] = np.uint32(THREE * np.uint64(t) + np.uint64(a))
            begin[i] += np.uint32(1)
    indptr, indices, slots = np.empty(n + 1, np.uint32), np.empty(n + 6 * m, np.uint32), np.empty((m, 9), np.uint32)
    place, seen = np.empty(n, np.uint32), np.full(n, n, np.uint32)
    filled = np.uint64(0)
    for i in range(np.uint64(n)):
        first = filled
        indptr[i] = first
        indices[filled] = i
        filled += ONE
        seen[i] = i
        for k in range(np.uint64(begin[i]), np.uint64(begin[i + ONE])):
            t = np.uint64(around[k]) // THREE
            for b in range(np.uint64(3)):
                j = np.uint64(cells[t, b])
                if seen[j] != i:
                    seen[j] = i
                    at = filled
                    while at > first and indices[at - ONE] > j:
                        indices[at] = indices[at - ONE]
                        at -= ONE
                    indices[at] = j
                    filled += ONE
            # the diagonal came first and was moved in order with the others
        for k in range(first, filled):
            place[np.uint64(indices[k])] = k
        for k in range(np.uint64(begin[i]), np.uint64(begin[i + ONE])):
            t = np.uint64(around[k]) // THREE
            a = np.uint64(around[k]) - THREE * t
            for b in range(np.uint64(3)):
                slots[t, THREE * a + b] = place[np.uint64(cells[t, b])]
    indptr[n] = filled
    return indptr, indices[: np.int64(filled)].copy(), slots


@kernel
def shapes(points, cells, out):
    """∫ ∇ψ_a·∇ψ_b over each cell for (a, b) = (0, 1), (1, 2), (2, 0), then its area: (m, 4)."""
    for t in range(np.uint64(cells.shape[0])):
        i, j, k = np.uint64(cells[t, 0]), np.uint64(cells[t, 1]), np.uint64(cells[t, 2])
        ax, ay = points[k, 0] - points[j, 0], points[k, 1] - points[j, 1]
        bx, by = points[i, 0] - points[k, 0], points[i, 1] - points[k, 1]
        cx, cy = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1]
        area = 0.5 * (bx * cy - by * cx)
        scale = 0.25 / area
        out[t, 0] = (ax * bx + ay * by) * scale
        out[t, 1] = (bx * cx + by * cy) * scale
        out[t, 2] = (cx * ax + cy * ay) * scale
        out[t, 3] = area


@kernel
def stiffness(shape, kappa, slots, data):
    """data = Σ_t κ_t ∫_t ∇ψ_i·∇ψ_j; `kappa` has one number a cell, or one for all."""
    data[:] = 0.0
    step = 0 if kappa.size == 1 else 1
    for t in range(np.uint64(slots.shape[0])):
        k = kappa[np.uint64(step) * t]
        p, q, r = k * shape[t, 0], k * shape[t, 1], k * shape[t, 2]
        data[np.uint64(slots[t, 0])] -= p + r
        data[np.uint64(slots[t, 1])] += p
        data[np.uint64(slots[t, 2])] += r
        data[np.uint64(slots[t, 3])] += p
        data[np.uint64(slots[t, 4])] -= p + q
        data[np.uint64(slots[t, 5])] += q
        data[np.uint64(slots[t, 6])] += r
        data[np.uint64(slots[t, 7])] += q
        data[np.uint64(slots[t, 8])] -= q + r


@kernel
def add_mass(shape, c, slots, data):
    """data += Σ_t c_t ∫_t ψ_i ψ_j; `c` has one number a cell, or one for all."""
    step = 0 if c.size == 1 else 1
    for t in range(np.uint64(slots.shape[0])):
        off = c[np.uint64(step) * t] * shape[t, 3] / 12.0
        for s in range(np.uint64(9)):
            data[np.uint64(slots[t, s])] += off
        for s in range(np.uint64(0), np.uint64(9), np.uint64(4)):
            data[np.uint64(slots[t, s])] += off


@kernel
def gather(cells, local, out):
    """out_i = Σ local[t, a] over the corners (t, a) that are vertex i: the load vector from its cells' shares."""
    out[:] = 0.0
    for t in range(np.uint64(cells.shape[0])):
        for a in range(np.uint64(3)):
            out[np.uint64(cells[t, a])] += local[t, a]
