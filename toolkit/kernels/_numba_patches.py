"""What is changed in Numba's classes, for every kernel of the process, and why; `test_cache.py` tells when it may go.

1. A kernel's files in the cache are used by one process at a time (`one_at_a_time`).
2. Threads are launched before a kernel is found in the cache (`threads_first`).

Used by toolkit/kernels/_jit, once, before the first kernel is compiled. The plain methods are the `__wrapped__` ones.
"""

import contextlib
import functools
import os

import numba.np.ufunc.parallel
from numba.core.caching import IndexDataCacheFile

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None


def one_at_a_time(method):
    """Use a kernel's files in Numba's cache while no other process does.

    Two that compile a kernel for different arguments at once would give both results one file name, and whoever loads
    it later would call the wrong code: the index is read, the name chosen and the index written without a lock.
    """

    @functools.wraps(method)
    def locked(self, *arguments):
        with contextlib.ExitStack() as held:
            with contextlib.suppress(OSError):  # no folder yet, or one that nobody can write to: nothing to guard
                lock = held.enter_context(open(os.path.join(os.path.dirname(self._index_path), ".lock"), "w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            return method(self, *arguments)

    return locked


def threads_first(load):
    """Launch the threads before a compiled kernel is found in the cache.

    A `kernel` that calls a `threaded` one jumps to the threads' entry points, which are known only once they are
    launched. Numba does that for a `threaded` kernel itself and forgets this case: a jump to nowhere.
    """

    @functools.wraps(load)
    def launched(self, *arguments):
        numba.np.ufunc.parallel._launch_threads()
        return load(self, *arguments)

    return launched


def patch(launch: bool) -> None:
    """Put the changes in; `launch` where kernels use threads."""
    if launch:
        IndexDataCacheFile.load = threads_first(IndexDataCacheFile.load)
    if fcntl is not None:
        IndexDataCacheFile.save = one_at_a_time(IndexDataCacheFile.save)
        IndexDataCacheFile.load = one_at_a_time(IndexDataCacheFile.load)
