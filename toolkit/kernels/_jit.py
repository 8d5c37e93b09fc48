"""The decorators that kernels use, and the one switch for threads.

`kernel` compiles a serial function, `threaded` one whose `prange` loops run on all cores. Both release the
interpreter lock, cache what they compile and keep NaN and infinity honest (sums may be reassociated, nothing more).
`inlined` is a `kernel` for what only kernels call and the compiler would leave a function of its own. Such a one stands
in memory once for itself and once within each caller, optimised differently; which of them is called depends on
whether the caller was just compiled or found in the cache, and with it the last digits of a trace.

Threads are used only on a threading layer that two sessions may enter at once; Numba's `workqueue` aborts the
process there, so without OpenMP or TBB a `threaded` kernel is compiled serially.
A reduction in a `threaded` kernel sums fixed blocks, then the blocks in order: its value does not depend on how
many threads ran it.

Numba's compiler works under one lock; while a thread has it or waits for it, the clock of `_clock` stands still.

Used by every kernel; by toolkit/session: a worker leaves a core to whoever must answer.
"""

import importlib

import numba
from numba.core import entrypoints, event

from toolkit.kernels import _clock
from toolkit.kernels._numba_patches import patch

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


class _Heard(event.Listener):
    """The clock of a method's work stands still while a kernel is compiled, found in the cache, or waited for."""

    def on_start(self, found) -> None:
        _clock.begin(_clock.COMPILING)

    def on_end(self, found) -> None:
        _clock.end()


event.register("numba:compiler_lock", _Heard())
_clock.owe(entrypoints.init_all)  # Numba does it at the first call of a kernel, outside its lock
patch(launch=THREADING_LAYER is not None)

kernel = numba.njit(**_OPTIONS)
inlined = numba.njit(**_OPTIONS, forceinline=True)
threaded = numba.njit(**_OPTIONS, parallel=THREADING_LAYER is not None)


def leave_a_core() -> None:
    """Have the threaded kernels that this thread calls use all cores but one, so that something else may answer."""
    numba.set_num_threads(max(1, numba.config.NUMBA_NUM_THREADS - 1))
