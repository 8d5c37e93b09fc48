"""The grids of a black-box hierarchy: what each holds, and how many threads work on it."""

import contextlib

import numba
import numpy as np

SERIAL_BELOW = 300  # intervals of a grid under which a second thread costs more than it brings


class Level:
    """One grid: what never changes (n, e, s, d, c, g, wh, wv) and what moves (x, b, spare, line)."""

    def __init__(self, n, dtype, nine):
        self.n, self.m, self.dtype = n, (n + 1) // 2, dtype
        self.unknowns = (n - 1) ** 2
        self.shape = (2 * self.m + 1, 2, (self.m + 18) // 16 * 16)
        self.e, self.s, self.g = (_aligned(self.shape, dtype) for _ in range(3))
        self.d, self.c = (_aligned(self.shape, dtype) for _ in range(2)) if nine else (None, None)
        self.wh, self.wv = (_aligned((self.m + 1, self.shape[2]), dtype) for _ in range(2))
        self.allocate()

    def allocate(self) -> None:
        """Fresh arrays for all that moves."""
        self.x, self.b = _aligned(self.shape, self.dtype), _aligned(self.shape, self.dtype)
        self.line = _aligned((self.most_blocks(numba.config.NUMBA_NUM_THREADS), 7, self.shape[2]), self.dtype)
        self.spares = {}

    def spare(self, use):
        """A right-hand side and an iterate for corrections beyond V(1,1), made when first needed."""
        if use not in self.spares:
            self.spares[use] = (_aligned(self.shape, self.dtype), _aligned(self.shape, self.dtype))
        return self.spares[use]

    def most_blocks(self, threads: int) -> int:
        """Blocks of rows that so many threads share; one where a second thread does not pay."""
        return 1 if self.n < SERIAL_BELOW else max(1, min(threads, (self.m - 1) // 8))

    def blocks(self) -> int:
        """Blocks of rows for the threads there are now."""
        return min(self.most_blocks(numba.get_num_threads()), len(self.line))

    @property
    def stencil(self) -> tuple:
        """(e, s, d, c): the couplings to the right, down, and along the two diagonals (None on the finest grid)."""
        return self.e, self.s, self.d, self.c


@contextlib.contextmanager
def at_most(count):
    """At most so many threads: a parallel region with one block would still wake, and wait for, all of them."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(count, before))
    try:
        yield
    finally:
        numba.set_num_threads(before)


def _aligned(shape, dtype):
    """Zeros that start on a cache line."""
    size, step = int(np.prod(shape)), np.dtype(dtype).itemsize
    raw = np.zeros(size + 64 // step, dtype)
    start = -raw.ctypes.data % 64 // step
    return raw[start : start + size].reshape(shape)
