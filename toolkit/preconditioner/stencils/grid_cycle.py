"""Geometric multigrid, matrix-free, for -sum_d a_d u_dd = f with constant a_d on the unit line, square or cube.

    (A u)_i = sum_d a_d / h² (2 u_i - u_(i-) - u_(i+)),   h = 1/n,   (n-1)^d unknowns, homogeneous Dirichlet values.

Red-black Gauss-Seidel, full weighting, linear interpolation, rediscretised coarse operators, an exact solve at the
bottom; semicoarsening where one direction is more strongly coupled than another (see `grid_levels`).

Reference: U. Trottenberg, C. Oosterlee, A. Schüller, Multigrid (2001): cycles 2.4, full multigrid 2.6, red-black
smoothing 2.3.3 and 4.6, semicoarsening 5.1.
"""

import copy

import numpy as np

from toolkit.kernels.stencil import redblack, redblack_cubic, redblack_storage
from toolkit.preconditioner.stencils.grid_levels import (
    box_of,
    build_levels,
    checked_coefficients,
    checked_intervals,
    factorise,
)


class GridCycle:
    """A hierarchy of grids and the multigrid cycles on it.

    intervals: n, intervals a side (the same on every axis); coefficients: (a_0, …), one positive number an axis,
    axis 0 the slowest of the C-ordered vectors; two_grid: solve the second grid exactly (for small n).
    Vectors at the boundary of this class are flat, float64, C-ordered, of length (n-1)^d.
    Memory: iterate and right-hand side on every level, 2.7 vectors in 2D, 2.3 in 3D, 4 with semicoarsening.
    One hierarchy serves one thread at a time: threads take a `copy()` each.
    Fails (ValueError) when n has too few factors of two for the coarsest grid to be solved exactly.
    """

    def __init__(self, intervals: int, coefficients: tuple[float, ...] = (1.0, 1.0), *, two_grid: bool = False):
        self.coefficients = checked_coefficients(coefficients)
        self.intervals = checked_intervals(intervals)
        self.size = (self.intervals - 1) ** len(self.coefficients)
        self._levels = build_levels(self.intervals, self.coefficients, two_grid)
        self._factor, self._order = factorise(self._levels[-1], self.intervals)
        self._coarse = np.zeros(self._levels[-1].unknowns)
        self._norm2 = 0.0

    def copy(self) -> "GridCycle":
        """A hierarchy with workspaces of its own (values included); the factor of the coarsest level is shared."""
        other = copy.copy(self)
        other._coarse = self._coarse.copy()
        other._levels = [copy.copy(level) for level in self._levels]
        for level in other._levels:
            iterate, right_side = level.iterate, level.right_side
            level.allocate()
            level.iterate[:], level.right_side[:] = iterate, right_side
        return other

    @property
    def grids(self) -> tuple[tuple[int, ...], ...]:
        """Intervals along the axes on every level, finest first."""
        drop = {1: slice(2, 3), 2: slice(0, 3, 2), 3: slice(0, 3)}[len(self.coefficients)]
        return tuple(level.intervals[drop] for level in self._levels)

    # -- what a caller does with vectors -------------------------------------------------------------------------

    def cycle(self, b, x, kind: str = "V", pre: int = 1, post: int = 1):
        """One cycle for A x = b, in place; kind "V", "W" or "F"; pre, post: red-black sweeps before and after."""
        self.load(b, x)
        self.iterate(kind, pre, post)
        return self.store(x)

    def full_multigrid(self, b, x):
        """Nested iteration: x <- exact coarse solution, then cubic interpolation and one V(1,1) cycle a level.

        The error is at the level of the discretisation error when the data are smooth. Cost: about two cycles.
        """
        self.load(b)
        self.nest()
        return self.store(x)

    def apply(self, r, out, kind: str = "V", sweeps: int = 1):
        """out <- M r: one V- or W-cycle from zero, post-smoothing the adjoint of pre-smoothing; M is SPD."""
        if kind not in ("V", "W") or sweeps < 1:
            raise ValueError(f"kind={kind!r}, sweeps={sweeps}: a symmetric cycle is 'V' or 'W' with at least one sweep")
        self._take(r)
        self._descend(0, kind, sweeps, sweeps, zero=True, adjoint=True)
        return self.store(out)

    # -- the same, piecewise: the vectors stay inside, in red-black storage -------------------------------------

    def load(self, b, x=None):
        """Take a right-hand side and a first guess (none: zero)."""
        self._take(b)
        if x is None:
            self._clear(0)
        else:
            redblack_storage.split(self._grid(x), self._levels[0].iterate, 1.0, self._levels[0].wide)

    def store(self, x):
        """x <- the iterate."""
        redblack_storage.join(self._grid(x), self._levels[0].iterate, self._levels[0].wide)
        return x

    def converge(self, tolerance: float, *, most: int = 50, zero: bool = False) -> tuple[int, float]:
        """V(1,1) cycles on what was loaded until the residual is at most tolerance * norm(b): their number, last ratio.

        The residual is known for nothing inside a cycle, after the pre-smoothing; there the loop stops, with half a
        sweep more, which never raises the residual (the red and black halves of the Jacobi matrix are contractions).
        zero: take the first guess as zero. At most `most` whole cycles are done.
        """
        done, top = 0, self._levels[0]
        if len(self._levels) == 1:
            self._solve_coarsest()
            return 1, 0.0
        while True:
            self._smooth_restrict(0, zero=zero, keep=False)
            square = float(top.squares.sum())
            ratio = np.sqrt(square / self._norm2) if self._norm2 else (np.inf if square else 0.0)
            if ratio <= tolerance or done >= most or np.isnan(ratio):
                break
            self._descend(1, "V", 1, 1, zero=True, adjoint=False)
            self._prolong_smooth(0, keep=False)
            done, zero = done + 1, False
        redblack.relax_colour(top.iterate, top.right_side, 0, top.intervals, top.weights, top.wide)
        return done, float(ratio)

    def iterate(self, kind: str = "V", pre: int = 1, post: int = 1):
        """One cycle on what was loaded."""
        if pre < 0 or post < 0 or pre + post == 0:
            raise ValueError(f"pre={pre}, post={post}: a cycle needs sweeps, neither number negative, not both zero")
        self._descend(0, _checked_kind(kind), pre, post, zero=False, adjoint=False)

    def nest(self):
        """Full multigrid for the right-hand side that was loaded; the first guess is not used."""
        for level in range(len(self._levels) - 1):
            self._clear(level)
            self._restrict_residual(level)
        self._solve_coarsest()
        for level in range(len(self._levels) - 2, -1, -1):
            self._interpolate_cubic(level)
            self._descend(level, "V", 1, 1, zero=False, adjoint=False)

    # -- cost ----------------------------------------------------------------------------------------------------

    def work_units(self, kind: str = "V", pre: int = 1, post: int = 1) -> float:
        """Smoothing work of a cycle in sweeps over the finest grid."""
        visits = _visits(len(self._levels), _checked_kind(kind))
        top = self._levels[0].unknowns
        return (pre + post) * sum(v * lv.unknowns for v, lv in zip(visits[:-1], self._levels[:-1])) / top

    def flops(self, kind: str = "V", pre: int = 1, post: int = 1) -> float:
        """Floating-point operations of a cycle: sweeps, residuals of one colour, transfers, exact solves."""
        d, total = len(self.coefficients), 0.0
        visits = _visits(len(self._levels), _checked_kind(kind))
        for count, level in zip(visits[:-1], self._levels[:-1]):
            total += count * level.unknowns * ((pre + post) * 3 * d + (1.5 * d + 0.5) + 3.0)
        return total + visits[-1] * 4.0 * self._factor.size

    # -- the recursion -------------------------------------------------------------------------------------------

    def _descend(self, index, kind, pre, post, *, zero, adjoint):
        if index == len(self._levels) - 1:
            self._solve_coarsest()
            return
        if zero and pre != 1:
            self._clear(index)
        for _ in range(pre - 1):
            self._relax(index)
        if pre:
            self._smooth_restrict(index, zero=zero and pre == 1, keep=adjoint or post == 0)
        else:
            self._restrict_residual(index)
        self._descend(index + 1, kind, pre, post, zero=True, adjoint=adjoint)
        if kind != "V" and index + 2 < len(self._levels):
            self._descend(index + 1, "W" if kind == "W" else "V", pre, post, zero=False, adjoint=adjoint)
        if post:
            self._prolong_smooth(index, backward=adjoint)
        else:
            self._prolong(index)
        for _ in range(post - 1):
            self._relax(index, backward=adjoint)

    def _take(self, b):
        top = self._levels[0]
        self._norm2 = redblack_storage.split(self._grid(b), top.right_side, 1.0 / top.diagonal, top.wide)

    def _clear(self, index):
        self._levels[index].iterate[:] = 0.0

    def _relax(self, index, backward=False):
        level = self._levels[index]
        redblack.relax(level.iterate, level.right_side, int(backward), level.intervals, level.weights)

    def _smooth_restrict(self, index, zero=False, keep=True):
        """The down-leg: red-black sweep, residual, full weighting."""
        level, coarse = self._levels[index], self._levels[index + 1]
        blocks, arrays = level.blocks(), (level.iterate, level.right_side, coarse.right_side)
        n0, c0 = level.intervals[0], level.coarsened[0]
        numbers = (0, level.intervals, level.weights, level.coarsened, level.diagonal / coarse.diagonal, zero)
        first = (level.ring[0], level.line[0], level.squares)
        if blocks == 1:
            redblack.down(*arrays, *first, *numbers, keep, (1, n0), (1, n0, 1, n0, 1, coarse.intervals[0]))
            return
        redblack.smooth_restrict(*arrays, level.ring, level.line, level.squares, *numbers, keep, blocks)
        for k in range(1, blocks):
            redblack.down(*arrays, *first, *numbers, True, (1, n0), redblack.down_border(k, blocks, n0, c0))

    def _restrict_residual(self, index):
        """The coarse right-hand side from the iterate as it is: residuals of both colours, no sweep."""
        level, coarse = self._levels[index], self._levels[index + 1]
        spaces = (level.ring[0], level.line[0], level.squares)
        spans = (1, 1, 1, 1, 1, coarse.intervals[0])
        for colour, target in ((0, coarse.right_side), (1, coarse.iterate)):
            numbers = (colour, level.intervals, level.weights, level.coarsened, level.diagonal / coarse.diagonal)
            arrays = (level.iterate, level.right_side, target)
            redblack.down(*arrays, *spaces, *numbers, False, True, (1, level.intervals[0]), spans)
        coarse.right_side += coarse.iterate

    def _prolong_smooth(self, index, backward=False, keep=True):
        """The up-leg: correction, then a sweep."""
        level, coarse = self._levels[index], self._levels[index + 1]
        blocks, arrays = level.blocks(), (level.iterate, level.right_side, coarse.iterate)
        numbers = (int(backward), level.intervals, level.weights, level.coarsened)
        n0 = level.intervals[0]
        if blocks == 1:
            redblack.up(*arrays, level.line[0], *numbers, keep, (1, n0), (1, n0, 1, n0, 1, n0))
            return
        redblack.prolong_smooth(*arrays, level.line, *numbers, keep, blocks)
        for k in range(1, blocks):
            redblack.up(*arrays, level.line[0], *numbers, True, (1, n0), redblack.up_border(k, blocks, n0))

    def _prolong(self, index):
        """The correction without a sweep."""
        level, coarse = self._levels[index], self._levels[index + 1]
        for colour in (0, 1):
            redblack.correct(level.iterate, coarse.iterate, level.line[0], colour, level.intervals, level.coarsened)

    def _interpolate_cubic(self, index):
        level, coarse = self._levels[index], self._levels[index + 1]
        numbers = (1, level.intervals, level.coarsened, level.blocks())
        redblack_cubic.interpolate_cubic(level.iterate, coarse.iterate, level.line, *numbers)

    def _solve_coarsest(self):
        level, v = self._levels[-1], self._coarse
        box = v.reshape(box_of(level.intervals))
        redblack_storage.join(box, level.right_side, False)
        redblack_storage.solve_banded(self._factor, self._order, v)
        redblack_storage.split(box, level.iterate, 1.0, False)

    def _grid(self, v):
        v = np.asarray(v)
        if v.dtype != np.float64 or v.size != self.size or not v.flags.c_contiguous:
            raise ValueError(
                f"got a vector of {v.size} {v.dtype} values; this hierarchy takes {self.size} contiguous float64 "
                f"values, (n-1)^d with n={self.intervals}, d={len(self.coefficients)}: "
                "pass np.ascontiguousarray(v, float)"
            )
        return v.reshape(box_of(self._levels[0].intervals))


def _visits(levels, kind):
    """How often a cycle comes to each level."""
    if kind == "V":
        return [1] * levels
    counts = [2**k if kind == "W" else k + 1 for k in range(levels)]
    if levels > 1:
        counts[-1] = counts[-2]
    return counts


def _checked_kind(kind):
    if kind not in ("V", "W", "F"):
        raise ValueError(f"kind={kind!r}: expected 'V', 'W' or 'F'")
    return kind
