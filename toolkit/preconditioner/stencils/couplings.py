"""Edge couplings of the 5-point operator for -div(a grad u) on the unit square, and operators of couplings as matrices.

    (A u)_p = sum over the edges (p, q) at p of w_pq (u_p - u_q),   u = 0 on the boundary,   h = 1/n,   (n-1)² unknowns.

The matrices are for comparison, pictures and other people's solvers; black-box multigrid itself never assembles one.
"""

import numpy as np
import scipy.sparse


def couplings(cells) -> tuple[np.ndarray, np.ndarray]:
    """Edge couplings (right, down) of the 5-point operator from cell values.

    right[i-1, j] = n²/2 (a[i-1, j] + a[i, j]) couples the vertices (i, j) and (i, j+1), shape (n-1, n);
    down[i, j-1] = n²/2 (a[i, j-1] + a[i, j]) couples (i, j) and (i+1, j), shape (n, n-1).
    cells: (n, n) positive values, a[i, j] between the vertices i, i+1 on axis 0 (the slow one) and j, j+1 on axis 1.
    """
    a = np.asarray(cells, dtype=float)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or len(a) < 2:
        raise ValueError(f"cells of shape {a.shape}: expected a square array, at least 2 x 2")
    if not (a.min() > 0.0 and a.max() < np.inf):
        raise ValueError(f"cells between {a.min()} and {a.max()}: expected positive finite numbers")
    half = 0.5 * len(a) ** 2
    right, down = a[:-1] + a[1:], a[:, :-1] + a[:, 1:]
    right *= half
    down *= half
    return right, down


def assemble(right, down) -> scipy.sparse.csr_array:
    """The operator of these couplings as a matrix of shape ((n-1)², (n-1)²)."""
    n = len(down)
    diagonal = (right[:, :-1] + right[:, 1:]) + (down[:-1] + down[1:])
    number = np.arange((n - 1) ** 2, dtype=np.int32).reshape(n - 1, n - 1)
    p = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    q = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    w = np.concatenate([right[:, 1:-1].ravel(), down[1:-1].ravel()])
    values = np.concatenate([diagonal.ravel(), -w, -w])
    places = (np.concatenate([number.ravel(), p, q]), np.concatenate([number.ravel(), q, p]))
    return scipy.sparse.coo_array((values, places), shape=((n - 1) ** 2,) * 2).tocsr()


def checked_couplings(right, down) -> tuple[np.ndarray, np.ndarray]:
    """(right, down) as contiguous float64; ValueError for shapes that do not fit or values that are not positive."""
    right, down = np.ascontiguousarray(right, float), np.ascontiguousarray(down, float)
    n = len(down)
    if n < 2 or right.shape != (n - 1, n) or down.shape != (n, n - 1):
        raise ValueError(
            f"couplings of shapes {right.shape} and {down.shape}: expected right (n-1, n) and down (n, n-1), n >= 2"
        )
    for name, w in (("right", right), ("down", down)):
        if not (w.min() > 0.0 and w.max() < np.inf):
            raise ValueError(f"couplings {name} between {w.min()} and {w.max()}: expected positive finite numbers")
    return right, down


def _natural(w):
    """An array of the hierarchy with its columns in their natural order."""
    out = np.empty((w.shape[0], 2 * w.shape[2]))
    out[:, 0::2], out[:, 1::2] = w[:, 0], w[:, 1]
    return out


def level_matrix(level):
    """The couplings of a level as a matrix over its interior vertices."""
    m = level.n + 1
    e, s, d, c = (np.zeros((m, m)) if w is None else _natural(w)[:m, :m] for w in level.stencil)
    number = _numbers(level.n)
    pairs = (
        (e[:, :-1], number[:, :-1], number[:, 1:]),
        (s[:-1], number[:-1], number[1:]),
        (d[:-1, :-1], number[:-1, :-1], number[1:, 1:]),
        (c[:-1, :-1], number[:-1, 1:], number[1:, :-1]),
    )
    parts = [part for w, p, q in pairs for part in ((p, q, -w), (q, p, -w), (p, p, w), (q, q, w))]
    return _gather(parts, level.unknowns, level.unknowns)


def level_interpolation(level, matrix):
    """Coarse vertices and the lines between them from the shares, then centres u_C = -(A_CC)^-1 A_CF u_F."""
    n, m = level.n, level.m
    fine, coarse = _numbers(2 * m, n), _numbers(m)
    wh, wv = level.wh[:, :m].astype(float), level.wv[1:, : m + 1].astype(float)
    parts = [
        (fine[::2, ::2], coarse, np.ones((m + 1, m + 1))),
        (fine[::2, 1::2], coarse[:, :-1], wh),
        (fine[::2, 1::2], coarse[:, 1:], 1.0 - wh),
        (fine[1::2, ::2], coarse[:-1], wv),
        (fine[1::2, ::2], coarse[1:], 1.0 - wv),
    ]
    lines = _gather(parts, level.unknowns, (m - 1) ** 2)
    i, j = np.divmod(np.arange(level.unknowns), n - 1)
    centre = (i % 2 == 0) & (j % 2 == 0)  # interior vertices are counted from one
    inverse = scipy.sparse.diags_array(np.where(centre, 1.0 / matrix.diagonal(), 0.0))
    return scipy.sparse.csr_array(lines - inverse @ (matrix @ lines))


def _numbers(n, interior=None):
    """Numbers of the vertices of a grid with n intervals, row by row; -1 where there is no unknown."""
    last = (interior or n) - 1
    number = np.full((n + 1, n + 1), -1)
    number[1 : last + 1, 1 : last + 1] = np.arange(last**2).reshape(last, last)
    return number


def _gather(parts, rows, columns):
    """A sparse matrix from pieces (row numbers, column numbers, values); a negative number drops an entry."""
    i, j, values = (np.concatenate([part[a].ravel() for part in parts]) for a in range(3))
    keep = (i >= 0) & (j >= 0)
    return scipy.sparse.coo_array((values[keep], (i[keep], j[keep])), shape=(rows, columns)).tocsr()
