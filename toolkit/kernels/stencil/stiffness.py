"""Plane elasticity on a grid of bilinear squares: stencils from one Young's modulus a cell, and strain energies.

A stencil array is (ni, 2, 3, 2, 3, nj): at node (i, j), component c, the weight of component d of the node
(i + r - 1, j + s - 1) stands at [i, c, r, d, s, j], so that a row of the grid is contiguous and loops over j vectorise.
Element matrices are 8 x 8 with rows 2 v + c, vertices v = 0..3 at (0,0), (0,1), (1,0), (1,1) (row, column offset).

Reference: the element: E. Andreassen et al., Struct. Multidiscip. Optim. 43 (2011) 1-16, doi:10.1007/s00158-010-0594-7.

Used by toolkit/mesh/design: stencils of all levels from the densities, and strain energies.
"""

from numba import prange

from toolkit.kernels._jit import kernel, threaded

WIDE = 20_000  # nodes from which a second thread pays


@kernel
def _fine_row(E, K, A, i):
    """Stencils on the row i of the nodes from the moduli E (cells inside a ring of zeros) and the unit matrix K."""
    for c in range(2):
        for r in range(3):
            for d in range(2):
                for s in range(3):
                    row = A[i, c, r, d, s]
                    row[:] = 0
                    # The cells that hold both node (i, j) and its neighbour: offsets a, b of the cell, 0 is up/left.
                    for a in range(max(0, r - 1), min(2, r + 1)):
                        for b in range(max(0, s - 1), min(2, s + 1)):
                            mine, other = 2 * (1 - a) + 1 - b, 2 * (r - a) + s - b
                            weight, moduli = K[2 * mine + c, 2 * other + d], E[i + a, b:]
                            for j in range(row.shape[0]):
                                row[j] += weight * moduli[j]


@threaded
def _fine_wide(E, K, A):
    for i in prange(A.shape[0]):
        _fine_row(E, K, A, i)


@kernel
def fine_stencils(E, K, A):
    """A <- stencils of sum over cells of E K; E: (ni + 1, nj + 1) with a ring of zeros."""
    if A.shape[0] * A.shape[5] >= WIDE:
        _fine_wide(E, K, A)
    else:
        for i in range(A.shape[0]):
            _fine_row(E, K, A, i)


@kernel
def coarse_elements(E, T, out):
    """out[I, J] <- sum over the s x s cells of the block (I, J) of E T[a, b], T: (s, s, 64), out: (.., .., 64)."""
    s = T.shape[0]
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = out[i, j]
            total[:] = 0
            for a in range(s):
                for b in range(s):
                    modulus, matrix = E[i * s + a + 1, j * s + b + 1], T[a, b]
                    for k in range(64):
                        total[k] += modulus * matrix[k]


@kernel
def coarse_stencils(elements, A):
    """A <- stencils of the sum of the element matrices, elements: (cells, cells, 64)."""
    A[:] = 0
    for i in range(elements.shape[0]):
        for j in range(elements.shape[1]):
            for v in range(4):
                for c in range(2):
                    for w in range(4):
                        for d in range(2):
                            r, s = (w >> 1) - (v >> 1) + 1, (w & 1) - (v & 1) + 1
                            A[i + (v >> 1), c, r, d, s, j + (v & 1)] += elements[i, j, 8 * (2 * v + c) + 2 * w + d]


@kernel
def clamp(A, fixed):
    """Rows and columns of the fixed unknowns (rows of `fixed`: component, i, j) become those of the identity."""
    ni, nj = A.shape[0], A.shape[5]
    for k in range(fixed.shape[0]):
        c, i, j = fixed[k]
        for r in range(3):
            for s in range(3):
                for d in range(2):
                    A[i, c, r, d, s, j] = 0
                    if 0 <= i + r - 1 < ni and 0 <= j + s - 1 < nj:
                        A[i + r - 1, d, 2 - r, c, 2 - s, j + s - 1] = 0
        A[i, c, 1, c, 1, j] = 1


@kernel
def invert_diagonal(A, out):
    """out <- 1 / diagonal of A on the nodes."""
    for c in range(2):
        for i in range(A.shape[0]):
            for j in range(A.shape[5]):
                out[c, i + 1, j + 1] = 1 / A[i, c, 1, c, 1, j]


@kernel
def energies(u, K, out):
    """out <- u_e^T K u_e a cell: strain energy at unit modulus, twice."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            for v in range(4):
                for c in range(2):
                    part = 0.0
                    for w in range(4):
                        for d in range(2):
                            part += K[2 * v + c, 2 * w + d] * u[d, i + 1 + (w >> 1), j + 1 + (w & 1)]
                    total += part * u[c, i + 1 + (v >> 1), j + 1 + (v & 1)]
            out[i, j] = total
