"""Black-box multigrid for -div(a grad u) = f on the unit square, matrix-free, with variable a.

    (A u)_p = sum over the edges (p, q) at p of w_pq (u_p - u_q),   u = 0 on the boundary,   h = 1/n,

(n-1)² unknowns. With one coefficient a cell, w_pq is n² times the mean of the two cells that the edge borders. The
interpolation comes from the operator itself, the coarse operators are P^T A P with 9 points, relaxation is four-colour
Gauss-Seidel (red-black on the finest grid). Any n >= 2; no grid size needs factors of two.

References: J. E. Dendy, Black box multigrid, J. Comput. Phys. 48 (1982) 366-386, doi:10.1016/0021-9991(82)90057-2;
P. M. de Zeeuw, Matrix-dependent prolongations and restrictions in a blackbox multigrid solver, J. Comput. Appl. Math.
33 (1990) 1-27, doi:10.1016/0377-0427(90)90252-U.
"""

import copy

import numpy as np
import scipy.linalg
import scipy.sparse

from toolkit.kernels.stencil import blackbox_cg, blackbox_cycle, blackbox_setup
from toolkit.preconditioner.stencils.blackbox_levels import Level, at_most
from toolkit.preconditioner.stencils.couplings import checked_couplings, couplings, level_interpolation, level_matrix

_COARSEST = 7  # intervals of a grid that is solved by its inverse: at most 36 unknowns
MIDDLE = (1, 2, 2)  # cycle indices: two grids cheap to visit again, which takes a third of the iterations of V away


class BlackBox:
    """A hierarchy of grids for given couplings and the multigrid cycles on it.

    right: (n-1, n), down: (n, n-1): couplings of the edges along and across rows, as `couplings` makes them.
    dtype: number format of the hierarchy; float32 halves the traffic and is meant for preconditioning.
    Vectors at the boundary of this class are flat, float64, C-ordered, of length (n-1)².
    Memory: about 8 vectors in its number format, besides the couplings. One hierarchy serves one thread at a time:
    threads take a `copy()` each.
    Fails (ValueError) on couplings that are not positive. Slow where couplings along and across rows differ much over
    wide regions: point relaxation does not smooth across the weak ones.
    """

    def __init__(self, right, down, dtype=np.float64):
        self.right, self.down = checked_couplings(right, down)
        self.intervals = len(self.down)
        self.size = (self.intervals - 1) ** 2
        self.dtype = np.dtype(dtype)
        self._scale = 1.0 if self.dtype == np.float64 else _power_of_two(self.down)
        self._levels = self._build()
        self._inverse = self._invert_coarsest()

    @classmethod
    def from_cells(cls, cells, dtype=np.float64) -> "BlackBox":
        """The hierarchy for a coefficient with one value a cell, shape (n, n)."""
        return cls(*couplings(cells), dtype)

    def copy(self) -> "BlackBox":
        """A hierarchy with workspaces of its own; operators and weights are shared."""
        other = copy.copy(self)
        other._levels = [copy.copy(level) for level in self._levels]
        for level in other._levels:
            level.allocate()
        return other

    @property
    def grids(self) -> tuple[int, ...]:
        """Intervals a side on every level, finest first."""
        return tuple(level.n for level in self._levels)

    # -- what a caller does with vectors -------------------------------------------------------------------------

    def cycle(self, b, x, kind: str | tuple = "V", pre: int = 1, post: int = 1):
        """One cycle for A x = b, in place: x <- x + M (b - A x).

        kind: "V", "W", "F" or a tuple of cycle indices: how often (1 or 2) the grids 1, 2, … are visited in a row; the
        grids it does not name once.
        pre, post >= 1: four-colour sweeps before and, in the adjoint order, after the coarse grid.
        """
        checked_cycle(kind, pre, post)
        residual = np.empty(self.size)
        self.multiply(self._vector(x), residual)
        np.subtract(self._vector(b), residual, out=residual)
        x += self.apply(residual, np.empty(self.size), kind, pre, post)
        return x

    def apply(self, r, out, kind: str | tuple = "V", pre: int = 1, post: int | None = None):
        """out <- M r: one cycle from zero; M is symmetric positive definite when pre = post, but for the kind "F".

        post None: as many sweeps as before the coarse grid.
        A float32 hierarchy normalises r first; its M is symmetric to single precision.
        """
        post = pre if post is None else post
        checked_cycle(kind, pre, post)
        top, size = self._levels[0], 1.0
        if self.dtype != np.float64:
            size = float(max(r.max(), -r.min())) or 1.0
        with at_most(top.blocks()):
            blackbox_cycle.split(self._grid(r), top.b, self._scale / size, top.blocks())
            self._visit(0, top.x, top.b, kind, pre, post)
            blackbox_cycle.join(self._grid(out), top.x, top.blocks())
        if size != 1.0:
            out *= size
        return out

    def multiply(self, x, out):
        """out <- A x."""
        rows, chunks = np.empty(self.intervals - 1), self._levels[0].blocks()
        with at_most(chunks):
            blackbox_cg.multiply(self._grid(out), self._grid(x), self.right, self.down, rows, chunks)
        return out

    # -- cost ----------------------------------------------------------------------------------------------------

    def work_units(self, kind: str | tuple = "V", pre: int = 1, post: int = 1) -> float:
        """Relaxation work of a cycle in sweeps over the finest grid; a 9-point sweep counts as 9/5 of a 5-point one."""
        counts = _visits(len(self._levels), kind)[:-1]
        cost = [lv.unknowns * (1.0 if lv.d is None else 1.8) for lv in self._levels]
        return (pre + post) * sum(v * w for v, w in zip(counts, cost)) / cost[0]

    def flops(self, kind: str | tuple = "V", pre: int = 1, post: int = 1) -> float:
        """Floating-point operations of a cycle: sweeps, residuals, transfers, the exact solves."""
        total, visits = 0.0, _visits(len(self._levels), kind)
        for count, level in zip(visits, self._levels[:-1]):
            legs, sweep, residual = (27, 10, 13) if level.d is None else (46, 18, 25)
            extra = (pre + post - 2) * sweep + (2 * residual + 2 if pre + post > 2 else 0)
            total += count * level.unknowns * (legs + extra)
        return total + visits[-1] * 2.0 * self._inverse.size

    # -- oracles' view: the same operators as matrices ----------------------------------------------------------

    def operator(self, level: int = 0) -> scipy.sparse.csr_array:
        """The operator of a level as a matrix over its interior vertices (without the scale of a float32 hierarchy)."""
        return level_matrix(self._levels[level])

    def interpolation(self, level: int = 0) -> scipy.sparse.csr_array:
        """P from the interior vertices of the grid `level` + 1 to those of `level`, centres by their own equation."""
        return level_interpolation(self._levels[level], level_matrix(self._levels[level]))

    # -- the recursion -------------------------------------------------------------------------------------------

    def _visit(self, index, x, b, kind, pre, post):
        """x <- the cycle from zero for b: S^(post-1) V S^(pre-1), V the two fused legs around the next grid."""
        with at_most(self._levels[index].blocks()):
            self._descend(index, x, b, kind, pre, post)

    def _descend(self, index, x, b, kind, pre, post):
        level = self._levels[index]
        if index == len(self._levels) - 1:
            blackbox_cycle.solve_dense(x, b, self._inverse, level.n)
        elif pre + post == 2:
            self._legs(index, x, b, kind, pre, post)
        else:
            r, z = level.spare("sweeps")
            x[:] = 0
            self._sweep(level, x, b, pre - 1, False)
            blackbox_cycle.residual(r, x, b, *level.stencil, level.n, level.blocks())
            self._legs(index, z, r, kind, pre, post)
            x += z
            self._sweep(level, x, b, post - 1, True)

    def _legs(self, index, x, b, kind, pre, post):
        level, below = self._levels[index], self._levels[index + 1]
        rest = (level.g, *level.stencil, level.wh, level.wv, level.line, level.n, level.blocks())
        blackbox_cycle.descend(below.b, x, b, *rest)
        self._visit(index + 1, below.x, below.b, kind, pre, post)
        again = _second_visit(kind, index + 1)
        if again and index + 2 < len(self._levels):
            r, z = below.spare("second visit")
            blackbox_cycle.residual(r, below.x, below.b, *below.stencil, below.n, below.blocks())
            self._visit(index + 1, z, r, again, pre, post)
            below.x += z
        blackbox_cycle.ascend(x, below.x, b, *rest)

    def _sweep(self, level, x, b, sweeps, backward):
        for _ in range(sweeps):
            blackbox_cycle.relax(x, b, level.g, *level.stencil, level.n, backward)

    # -- set-up --------------------------------------------------------------------------------------------------

    def _build(self):
        n = self.intervals
        top = Level(n, self.dtype, nine=False)
        with at_most(top.blocks()):
            blackbox_setup.split_couplings(top.e, top.s, top.g, self.right, self.down, n, self._scale, top.blocks())
        levels = [top]
        while levels[-1].n > _COARSEST:
            fine = levels[-1]
            coarse = Level(fine.m, self.dtype, nine=True)
            made = (*coarse.stencil, coarse.g, fine.wh, fine.wv)
            with at_most(fine.blocks()):
                blackbox_setup.coarsen(*made, *fine.stencil, fine.n, fine.line, fine.blocks())
            levels.append(coarse)
        return levels

    def _invert_coarsest(self):
        matrix = self.operator(len(self._levels) - 1).toarray()
        return scipy.linalg.inv(matrix).astype(self.dtype)

    def _grid(self, v):
        return self._vector(v).reshape(self.intervals - 1, self.intervals - 1)

    def _vector(self, v):
        array = isinstance(v, np.ndarray)
        if array and v.dtype == np.float64 and v.shape == (self.size,) and v.flags.c_contiguous:
            return v
        given = f"{v.dtype} array of shape {v.shape}" if array else type(v).__name__
        raise ValueError(
            f"got a {given} for a vector; expected a contiguous float64 array of shape ({self.size},), "
            f"(n-1)² with n={self.intervals}: pass np.ascontiguousarray(v, float)"
        )


class BlackBoxCG:
    """Conjugate gradients in double precision preconditioned by a cycle of a hierarchy, float32 or float64.

        alpha = z·r / p·q,   beta = -z·q / p·q,   z = M r,   q = A p:

    each direction is made A-orthogonal to the one before by its definition, which for exact M is the usual beta and for
    a cycle in float32 keeps the convergence (Golub and Ye 1999, doi:10.1137/S1064827597323415, flexible CG).
    The residual is normalised before it is rounded to float32. Cost of a step: a cycle and 27 flops a vertex.
    """

    def __init__(self, hierarchy: BlackBox, kind: str | tuple = MIDDLE):
        checked_cycle(kind, 1, 1)
        self.hierarchy, self.kind = hierarchy, kind
        self._shape = (hierarchy.intervals - 1,) * 2
        self._sums = np.zeros((2, self._shape[0]))

    def start(self, b, x=None):
        """Take a right-hand side and a first guess (none: zero); the norm of the residual."""
        h = self.hierarchy
        self.x = np.zeros(h.size) if x is None else h._vector(x).copy()
        self.r = h._vector(b).copy()
        self.p, self.q = np.zeros(h.size, h.dtype), np.zeros(h.size)
        if x is not None:
            self.r -= h.multiply(self.x, np.empty(h.size))
        self._pq = 1.0
        top, norm = h._levels[0], float(np.sqrt(np.einsum("i,i", self.r, self.r)))  # no BLAS thread left spinning
        self._scale = np.sqrt(h.size) / norm if norm > 0.0 else 1.0
        blackbox_cycle.split(h._grid(self.r), top.b, self._scale, top.blocks())
        return norm

    def step(self) -> float:
        """One iteration; the norm of the (recursive) residual."""
        with at_most(self.hierarchy._levels[0].blocks()):
            return self._step()

    def _step(self):
        h, top = self.hierarchy, self.hierarchy._levels[0]
        x, r, p, q = (v.reshape(self._shape) for v in (self.x, self.r, self.p, self.q))
        h._visit(0, top.x, top.b, self.kind, 1, 1)
        zr, zq = blackbox_cg.weigh(top.x, r, q, self._sums, top.blocks())
        if zr == 0.0:
            return 0.0
        beta = -zq / self._pq
        self._pq = blackbox_cg.search(p, q, top.x, beta, h.right, h.down, self._sums[0], top.blocks())
        rr = blackbox_cg.advance(x, r, p, q, top.b, zr / self._pq, self._scale, self._sums[0], top.blocks())
        self._scale = np.sqrt(h.size / rr) if rr > 0.0 else 1.0
        return float(np.sqrt(rr))

    def copy(self) -> "BlackBoxCG":
        """An iteration that goes on independently, from the same place; the operators are shared."""
        other = copy.copy(self)
        other.hierarchy = self.hierarchy.copy()
        other.hierarchy._levels[0].b[:] = self.hierarchy._levels[0].b
        other.x, other.r, other.p, other.q = (v.copy() for v in (self.x, self.r, self.p, self.q))
        other._sums = self._sums.copy()
        return other


def _power_of_two(down):
    """A scale without rounding that brings typical couplings near one."""
    return 2.0 ** -np.round(np.log2(np.median(down[:: max(1, len(down) // 32), :: max(1, len(down) // 32)])))


def _second_visit(kind, index):
    """The kind of the second visit to a level, None if there is none."""
    if isinstance(kind, str):
        return {"V": None, "W": "W", "F": "V"}[kind]
    return kind if index <= len(kind) and kind[index - 1] == 2 else None


def _visits(levels, kind, index=0):
    """How often a cycle comes to each level from `index` on."""
    if index == levels - 1:
        return [1]
    counts = _visits(levels, kind, index + 1)
    again = _second_visit(kind, index + 1)
    if again and index + 2 < levels:
        counts = [one + two for one, two in zip(counts, _visits(levels, again, index + 1))]
    return [1, *counts]


def checked_cycle(kind: str | tuple, pre: int, post: int) -> None:
    """ValueError for a cycle that black-box multigrid does not do."""
    known = kind in ("V", "W", "F") if isinstance(kind, str) else set(kind) <= {1, 2}
    if not known:
        raise ValueError(
            f"kind={kind!r}: expected 'V', 'W', 'F' or a tuple of cycle indices 1 and 2, coarser grids last"
        )
    if pre < 1 or post < 1:
        raise ValueError(
            f"pre={pre}, post={post}: expected at least one sweep before and one after the coarse grid, "
            "because interpolation to the centres of coarse cells is part of these sweeps"
        )
