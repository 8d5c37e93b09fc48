"""The two decorators every kernel uses, and the one switch for threads.

`kernel` compiles a serial function, `threaded` one whose `prange` loops run on all cores. Both release the
interpreter lock, cache what they compile and keep NaN and infinity honest (sums may be reassociated, nothing more).

Threads are used only on a threading layer that two sessions may enter at once; Numba's `workqueue` aborts the
process there, so without OpenMP or TBB a `threaded` kernel is compiled serially.
A reduction in a `threaded` kernel sums fixed blocks, then the blocks in order: its value does not depend on how
many threads ran it.
"""

import contextlib
import functools
import importlib
import os

import numba
import numba.np.ufunc.parallel
from numba.core.caching import IndexDataCacheFile

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

_OPTIONS = dict(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})


def _thread_safe_layer() -> str | None:
    for layer, module in (("omp", "omppool"), ("tbb", "tbbpool")):
        try:
            importlib.import_module(f"numba.np.ufunc.{module}")
        except ImportError:
            continue
        return layer
    return None


THREADING_LAYER = _thread_safe_layer()
if THREADING_LAYER:
    numba.config.THREADING_LAYER = THREADING_LAYER


def _one_at_a_time(method):
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


def _threads_first(load):
    """Launch the threads before a compiled kernel is found in the cache.

    A `kernel` that calls a `threaded` one jumps to the threads' entry points, which are known only once they are
    launched. Numba does that for a `threaded` kernel itself and forgets this case: a jump to nowhere.
    """

    @functools.wraps(load)
    def launched(self, *arguments):
        numba.np.ufunc.parallel._launch_threads()
        return load(self, *arguments)

    return launched


if THREADING_LAYER:
    IndexDataCacheFile.load = _threads_first(IndexDataCacheFile.load)
if fcntl is not None:
    IndexDataCacheFile.save = _one_at_a_time(IndexDataCacheFile.save)
    IndexDataCacheFile.load = _one_at_a_time(IndexDataCacheFile.load)

kernel = numba.njit(**_OPTIONS)
threaded = numba.njit(**_OPTIONS, parallel=THREADING_LAYER is not None)


def leave_a_core() -> None:
    """Have the threaded kernels that this thread calls use all cores but one, so that something else may answer."""
    numba.set_num_threads(max(1, numba.config.NUMBA_NUM_THREADS - 1))
