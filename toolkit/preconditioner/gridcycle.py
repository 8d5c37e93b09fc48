"""Geometric multigrid, matrix-free, for -sum_d a_d u_dd = f with constant a_d on the unit line, square or cube.

    (A u)_i = sum_d a_d / h² (2 u_i - u_(i-) - u_(i+)),   h = 1/n,   (n-1)^d unknowns, homogeneous Dirichlet values.

Red-black Gauss-Seidel, full weighting, linear interpolation, rediscretised coarse operators and an exact solve at the
bottom. An axis is coarsened on a level when its coupling a_d / h_d² is at least half the strongest one: isotropic
problems get standard coarsening, anisotropic ones semicoarsening until the couplings have come together.

Reference: U. Trottenberg, C. Oosterlee, A. Schüller, Multigrid (2001): cycles 2.4, full multigrid 2.6, red-black
smoothing 2.3.3 and 4.6, semicoarsening 5.1.
"""

import copy
from dataclasses import dataclass, field

import numba
import numpy as np
import scipy.linalg
import scipy.sparse

from toolkit.kernels import redblack

_DIRECT_ENTRIES = 2_000_000  # unknowns x bandwidth that the exact solve of the coarsest level may store
_SERIAL_BELOW = 20_000  # unknowns of a level under which a second thread costs more than it brings


@dataclass(slots=True)
class _Level:
    """One grid: immutable numbers first, then the arrays that move (colours of iterate and right-hand side)."""

    intervals: tuple[int, int, int]  # along the three axes; 0 in the middle: a plane problem
    strengths: tuple[float, float, float]  # a_d / h_d²
    coarsened: tuple[int, int, int]  # 1 where the next level has half the intervals
    shape: tuple[int, int, int] = field(init=False)
    weights: tuple[float, float, float] = field(init=False)
    diagonal: float = field(init=False)
    unknowns: int = field(init=False)
    iterate: list = field(init=False)
    right_side: list = field(init=False)
    ring: np.ndarray = field(init=False)
    line: np.ndarray = field(init=False)

    def __post_init__(self):
        n0, n1, n2 = self.intervals
        width = (n2 // 2 + 8) // 8 * 8  # whole cache lines
        self.shape = (n0 + 1, n1 + 1, width + 8 if width > 256 else width)
        self.diagonal = 2.0 * sum(self.strengths)
        self.weights = tuple(s / self.diagonal for s in self.strengths)
        self.unknowns = (n0 - 1) * max(n1 - 1, 1) * (n2 - 1)
        self.allocate()

    def allocate(self):
        blocks = self.most_blocks(numba.config.NUMBA_NUM_THREADS)
        self.iterate = [_aligned_zeros(self.shape), _aligned_zeros(self.shape)]
        self.right_side = [_aligned_zeros(self.shape), _aligned_zeros(self.shape)]
        self.ring = _aligned_zeros((blocks, 4, *self.shape[1:]))
        self.line = np.zeros((blocks, 3, 2 * self.shape[2]))

    def most_blocks(self, threads: int) -> int:
        return 1 if self.unknowns < _SERIAL_BELOW else max(1, min(threads, (self.intervals[0] - 1) // 12))

    def blocks(self) -> int:
        return min(self.most_blocks(numba.get_num_threads()), len(self.ring))


class GridCycle:
    """A hierarchy of grids and the multigrid cycles on it.

    intervals: n, intervals a side (the same on every axis); coefficients: (a_0, …), one positive number an axis,
    axis 0 the slowest of the C-ordered vectors; two_grid: solve the second grid exactly (for small n).
    Vectors at the boundary of this class are flat, float64, C-ordered, of length (n-1)^d.
    Memory: about 4.4 vectors in 2D and 3D. One hierarchy serves one thread at a time: threads take a `copy()` each.
    Fails (ValueError) when n has too few factors of two for the coarsest grid to be solved exactly.
    """

    def __init__(self, intervals: int, coefficients: tuple[float, ...] = (1.0, 1.0), *, two_grid: bool = False):
        self.coefficients = _checked_coefficients(coefficients)
        self.intervals = _checked_intervals(intervals)
        self.size = (self.intervals - 1) ** len(self.coefficients)
        self._levels = _build_levels(self.intervals, self.coefficients, two_grid)
        self._factor, self._order = _factorise(self._levels[-1], self.intervals)
        self._coarse = np.zeros(self._levels[-1].unknowns)

    def copy(self) -> "GridCycle":
        """A hierarchy with workspaces of its own (values included); the factor of the coarsest level is shared."""
        other = copy.copy(self)
        other._coarse = self._coarse.copy()
        other._levels = [copy.copy(level) for level in self._levels]
        for level in other._levels:
            iterate, right_side = level.iterate, level.right_side
            level.allocate()
            for ours, theirs in zip(level.iterate + level.right_side, iterate + right_side):
                ours[:] = theirs
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

        The error is at the level of the discretisation error when the data are smooth. Cost: 4/3 of a cycle in 2D.
        """
        self.load(b)
        self.nest()
        return self.store(x)

    def apply(self, r, out, kind: str = "V", sweeps: int = 1):
        """out <- M r: one cycle from zero whose post-smoothing is the adjoint of its pre-smoothing; M is SPD."""
        self.load(r)
        self._descend(0, _checked_kind(kind), sweeps, sweeps, zero=True, adjoint=True)
        return self.store(out)

    # -- the same, piecewise: the vectors stay inside, in red-black storage -------------------------------------

    def load(self, b, x=None):
        """Take a right-hand side and a first guess (none: zero)."""
        top = self._levels[0]
        redblack.split(self._grid(b), *top.right_side, 1.0 / top.diagonal)
        if x is None:
            for colour in top.iterate:
                colour[:] = 0.0
        else:
            redblack.split(self._grid(x), *top.iterate, 1.0)

    def store(self, x):
        """x <- the iterate."""
        redblack.join(self._grid(x), *self._levels[0].iterate)
        return x

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
            self._prolong(level, sweep=False, cubic=True)
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
            self._smooth_restrict(index, zero=zero and pre == 1)
        else:
            self._restrict_residual(index)
        self._descend(index + 1, kind, pre, post, zero=True, adjoint=adjoint)
        if kind != "V" and index + 2 < len(self._levels):
            self._descend(index + 1, "W" if kind == "W" else "V", pre, post, zero=False, adjoint=adjoint)
        self._prolong(index, sweep=post > 0, backward=adjoint)
        for _ in range(post - 1):
            self._relax(index, backward=adjoint)

    def _clear(self, index):
        for colour in self._levels[index].iterate:
            colour[:] = 0.0

    def _relax(self, index, backward=False):
        level = self._levels[index]
        (x1, x2), (b1, b2) = _ordered(level, backward)
        redblack.relax(x1, x2, b1, b2, int(backward), level.intervals, level.weights)

    def _smooth_restrict(self, index, colour=0, sweep=True, zero=False, add=False):
        level, coarse = self._levels[index], self._levels[index + 1]
        (x1, x2), (b1, b2) = _ordered(level, colour)
        numbers = (level.intervals, level.weights, level.coarsened, level.diagonal / coarse.diagonal)
        spaces = (*coarse.right_side, level.ring, level.line)
        redblack.smooth_restrict(x1, x2, b1, b2, *spaces, colour, *numbers, sweep, zero, add, level.blocks())

    def _restrict_residual(self, index):
        self._smooth_restrict(index, 0, sweep=False)
        self._smooth_restrict(index, 1, sweep=False, add=True)

    def _prolong(self, index, sweep=True, cubic=False, backward=False):
        level, coarse = self._levels[index], self._levels[index + 1]
        for colour in (int(backward),) if sweep or cubic else (0, 1):
            (x1, x2), (b1, b2) = _ordered(level, colour)
            numbers = (colour, level.intervals, level.weights, level.coarsened)
            redblack.prolong_smooth(
                x1, x2, b1, b2, *coarse.iterate, level.line, *numbers, sweep, cubic, level.blocks()
            )

    def _solve_coarsest(self):
        level, v = self._levels[-1], self._coarse
        box = v.reshape(_box(level.intervals))
        redblack.join(box, *level.right_side)
        redblack.solve_banded(self._factor, self._order, v)
        redblack.split(box, *level.iterate, 1.0)

    def _grid(self, v):
        v = np.asarray(v)
        if v.dtype != np.float64 or v.size != self.size or not v.flags.c_contiguous:
            raise ValueError(
                f"got a vector of {v.size} {v.dtype} values; this hierarchy takes {self.size} contiguous float64 values "
                f"((n-1)^d with n={self.intervals}, d={len(self.coefficients)}): pass np.ascontiguousarray(v, float)"
            )
        return v.reshape(_box(self._levels[0].intervals))


def _aligned_zeros(shape):
    """Zeros that start on a cache line."""
    size = int(np.prod(shape))
    raw = np.zeros(size + 8)
    start = -raw.ctypes.data % 64 // 8
    return raw[start : start + size].reshape(shape)


def _ordered(level, second_first):
    step = -1 if second_first else 1
    return level.iterate[::step], level.right_side[::step]


def _box(intervals):
    n0, n1, n2 = intervals
    return n0 - 1, max(n1 - 1, 1), n2 - 1


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


def _checked_coefficients(coefficients):
    values = tuple(float(a) for a in coefficients)
    if not 1 <= len(values) <= 3 or not all(0.0 < a < np.inf for a in values):
        raise ValueError(f"coefficients={coefficients!r}: expected one, two or three positive finite numbers")
    return values


def _checked_intervals(intervals):
    if intervals != int(intervals) or intervals < 2:
        raise ValueError(f"intervals={intervals!r}: expected a whole number of at least 2")
    return int(intervals)


def _build_levels(intervals, coefficients, two_grid):
    """Grids from the finest down: the strongly coupled axes are halved while they are even."""
    a = coefficients
    axes = {1: (2,), 2: (0, 2), 3: (0, 1, 2)}[len(a)]
    n, strengths = [2, 0, 2], [0.0, 0.0, 0.0]
    for axis, value in zip(axes, a):
        n[axis], strengths[axis] = intervals, value * intervals**2
    levels = []
    while True:
        strong = [axis for axis in axes if strengths[axis] >= 0.5 * max(strengths)]
        halved = [axis for axis in strong if n[axis] % 2 == 0 and n[axis] > 2]
        stop = not halved or (two_grid and len(levels) == 1) or (len(levels) > 0 and max(n) <= 8)
        flags = tuple(int(axis in halved and not stop) for axis in range(3))
        levels.append(_Level(tuple(n), tuple(strengths), flags))
        if stop:
            return levels
        for axis in halved:
            n[axis] //= 2
            strengths[axis] /= 4.0


def _factorise(level, intervals):
    """Cholesky factor by bands of the coarsest operator over its diagonal, longest axis slowest, and that order."""
    box = _box(level.intervals)
    slow_first = np.argsort(box, kind="stable")[::-1]
    size, band = level.unknowns, level.unknowns // max(box)
    if size * (band + 1) > _DIRECT_ENTRIES:
        raise ValueError(
            f"n={intervals}: coarsening stops at {'x'.join(str(k) for k in level.intervals if k)} intervals, too many to "
            f"solve exactly; expected n = (small number) x 2^k: use {2 ** round(np.log2(intervals))}"
        )
    matrix = scipy.sparse.csr_array((size, size))
    for axis in range(3):
        if level.weights[axis] > 0.0:
            line = scipy.sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(box[axis],) * 2)
            before, after = int(np.prod(box[:axis])), int(np.prod(box[axis + 1 :]))
            parts = (scipy.sparse.eye_array(before), line, scipy.sparse.eye_array(after))
            matrix = matrix + level.weights[axis] * scipy.sparse.kron(scipy.sparse.kron(parts[0], parts[1]), parts[2])
    order = np.arange(size).reshape(box).transpose(slow_first).ravel()
    permuted = matrix.tocsr()[order][:, order]
    lower = np.zeros((band + 1, size))
    for offset in range(band + 1):
        lower[offset, : size - offset] = permuted.diagonal(-offset)
    return np.ascontiguousarray(scipy.linalg.cholesky_banded(lower, lower=True).T), order
