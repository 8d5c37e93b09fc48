"""The grids of a multigrid hierarchy for constant coefficients: how they are coarsened, what each holds.

An axis is coarsened on a level when its coupling a_d / h_d² is at least half the strongest one: isotropic problems get
standard coarsening, anisotropic ones semicoarsening until the couplings have come together (Trottenberg, Oosterlee,
Schüller 2001, section 5.1.2: point smoothing with semicoarsening in the directions of strong coupling).
"""

from dataclasses import dataclass, field

import numba
import numpy as np
import scipy.linalg
import scipy.sparse

_DIRECT_ENTRIES = 2_000_000  # unknowns x bandwidth that the exact solve of the coarsest level may store
SERIAL_BELOW = 50_000  # unknowns of a level under which a second thread costs more than it brings


@dataclass(slots=True)
class Level:
    """One grid: immutable numbers first, then the arrays that move (colours of iterate and right-hand side)."""

    intervals: tuple[int, int, int]  # along the three axes; 0 in the middle: a plane problem
    strengths: tuple[float, float, float]  # a_d / h_d²
    coarsened: tuple[int, int, int]  # 1 where the next level has half the intervals
    shape: tuple[int, int, int, int] = field(init=False)
    weights: tuple[float, float, float] = field(init=False)
    diagonal: float = field(init=False)
    unknowns: int = field(init=False)
    iterate: np.ndarray = field(init=False)
    right_side: np.ndarray = field(init=False)
    ring: np.ndarray = field(init=False)
    line: np.ndarray = field(init=False)
    squares: np.ndarray = field(init=False)

    def __post_init__(self):
        n0, n1, n2 = self.intervals
        width = (n2 // 2 + 8) // 8 * 8  # whole cache lines
        self.shape = (2, n0 + 1, n1 + 1, width + 8 if width > 256 else width)
        self.diagonal = 2.0 * sum(self.strengths)
        self.weights = tuple(s / self.diagonal for s in self.strengths)
        self.unknowns = (n0 - 1) * max(n1 - 1, 1) * (n2 - 1)
        self.allocate()

    def allocate(self) -> None:
        """Fresh arrays for all that moves."""
        blocks = self.most_blocks(numba.config.NUMBA_NUM_THREADS)
        self.iterate, self.right_side = _aligned_zeros(self.shape), _aligned_zeros(self.shape)
        self.ring = _aligned_zeros((blocks, 4, *self.shape[2:]))
        self.squares = np.zeros(self.shape[1])
        self.line = _aligned_zeros((blocks, 3, 2 * self.shape[3]))

    def most_blocks(self, threads: int) -> int:
        """Blocks of rows that so many threads share; one where a second thread does not pay."""
        return 1 if self.unknowns < SERIAL_BELOW else max(1, min(threads, (self.intervals[0] - 1) // 12))

    @property
    def wide(self) -> bool:
        """Large enough for all threads."""
        return self.unknowns >= SERIAL_BELOW

    def blocks(self) -> int:
        """Blocks of rows for the threads there are now."""
        return min(self.most_blocks(numba.get_num_threads()), len(self.ring))


def _aligned_zeros(shape):
    """Zeros that start on a cache line."""
    size = int(np.prod(shape))
    raw = np.zeros(size + 8)
    start = -raw.ctypes.data % 64 // 8
    return raw[start : start + size].reshape(shape)


def box_of(intervals):
    """Interior points along the three axes."""
    n0, n1, n2 = intervals
    return n0 - 1, max(n1 - 1, 1), n2 - 1


def checked_coefficients(coefficients) -> tuple[float, ...]:
    """One to three positive floats; ValueError for anything else."""
    values = tuple(float(a) for a in coefficients)
    if not 1 <= len(values) <= 3 or not all(0.0 < a < np.inf for a in values):
        raise ValueError(f"coefficients={coefficients!r}: expected one, two or three positive finite numbers")
    return values


def checked_intervals(intervals) -> int:
    """A whole number of at least 2; ValueError for anything else."""
    if intervals != int(intervals) or intervals < 2:
        raise ValueError(f"intervals={intervals!r}: expected a whole number of at least 2")
    return int(intervals)


def build_levels(intervals, coefficients, two_grid):
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
        levels.append(Level(tuple(n), tuple(strengths), flags))
        if stop:
            return levels
        for axis in halved:
            n[axis] //= 2
            strengths[axis] /= 4.0


def factorise(level, intervals):
    """Cholesky factor by bands of the coarsest operator over its diagonal, longest axis slowest, and that order."""
    box = box_of(level.intervals)
    slow_first = np.argsort(box, kind="stable")[::-1]
    size, band = level.unknowns, level.unknowns // max(box)
    if size * (band + 1) > _DIRECT_ENTRIES:
        raise ValueError(
            f"n={intervals}: coarsening stops at {'x'.join(str(k) for k in level.intervals if k)} intervals, too many "
            f"to solve exactly; expected n = (small number) x 2^k: use {2 ** round(np.log2(intervals))}"
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
