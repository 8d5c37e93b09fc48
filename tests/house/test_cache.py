"""A kernel's files in Numba's cache are used by one process at a time, and what they hold runs in a new process.

And what is changed in Numba for that is needed still: Numba as it is has the faults.
"""

import inspect
import os
import subprocess
import sys
import threading

import pytest
from numba.core.caching import IndexDataCacheFile

from toolkit.kernels import _jit

fcntl = pytest.importorskip("fcntl")


@pytest.mark.parametrize("inner, method", [("_save_index", "save"), ("_save_data", "save"), ("_load_index", "load")])
def test_nobody_else_comes_between_reading_the_index_and_writing(tmp_path, monkeypatch, inner, method):
    """Another may not lock the folder meanwhile; without that, two compilers at once give one file to two kernels."""
    plain, locked = getattr(IndexDataCacheFile, inner), []

    def watched(self, *arguments):
        with open(tmp_path / ".lock", "w") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                locked.append(False)
            except BlockingIOError:
                locked.append(True)
        return plain(self, *arguments)

    monkeypatch.setattr(IndexDataCacheFile, inner, watched)
    file = IndexDataCacheFile(str(tmp_path), "kernel", 1.0)
    file.save("int64", "code of integers")
    assert file.load("int64") == "code of integers" and file.load("float64") is None
    assert locked and all(locked), f"{method} does not hold the lock in {inner}"
    assert _jit.kernel(lambda x: x + 1)(2) == 3


def test_numba_gives_one_file_to_two_kernels_still(tmp_path):
    """Two that have read the empty index save one after the other: who asks for floats is given integers' code."""
    save = inspect.unwrap(IndexDataCacheFile.save)
    one, other = (IndexDataCacheFile(str(tmp_path), "kernel", 1.0) for _ in range(2))
    other._load_index = dict  # it has read the index when `one` had not written it yet
    plain = one._save_data

    def interrupted(name, data):
        late = threading.Thread(target=save, args=(other, "float64", "code of floats"), daemon=True)
        late.start()
        late.join(timeout=10)  # for ever under a lock of Numba's own
        plain(name, data)

    one._save_data = interrupted
    save(one, "int64", "code of integers")
    load = inspect.unwrap(IndexDataCacheFile.load)
    assert load(one, "float64") == "code of integers", "Numba guards its cache now: remove `one_at_a_time`"


def test_a_folder_that_nobody_can_write_to_is_only_read(tmp_path):
    assert IndexDataCacheFile(str(tmp_path / "absent"), "kernel", 1.0).load("int64") is None


TRACE = """
import toolkit as tk
from toolkit.preconditioner import Multigrid, Poisson
print(tk.solve(Poisson(n=64), Multigrid(), tk.Stop(steps=4, rtol=0.0)).history.trace_hash())
"""


def test_a_trace_does_not_depend_on_whether_kernels_were_compiled_or_found(tmp_path):
    """The legs of a multigrid cycle call many kernels: compiled here first, then found in the cache."""
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path))
    command = [sys.executable, "-c", TRACE]
    cold, warm = (subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in "12")
    assert len(cold.stdout.strip()) == 16 and cold.stdout == warm.stdout


TOTAL = """
import inspect
import sys
import numpy as np
from numba import prange
from toolkit.kernels._jit import kernel, threaded

@threaded
def doubled(x):
    y = np.empty_like(x)
    for i in prange(x.size):
        y[i] = 2 * x[i]
    return y

@kernel
def total(x):
    return doubled(x).sum()

if "plain" in sys.argv:
    from numba.core.caching import IndexDataCacheFile
    IndexDataCacheFile.load = inspect.unwrap(IndexDataCacheFile.load)
called = globals()[sys.argv[1]]
print(np.sum(called(np.arange(1000.0))), sum(called.stats.cache_hits.values()))
"""


def ran(tmp_path, *arguments) -> subprocess.CompletedProcess:
    """The script above in a process of its own, with a cache of its own."""
    script = tmp_path / "total.py"
    script.write_text(TOTAL)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    return subprocess.run([sys.executable, script, *arguments], env=environment, capture_output=True, text=True)


def test_a_serial_kernel_that_calls_a_threaded_one_runs_from_the_cache(tmp_path):
    """Compiled while the other was already in the cache, then found there: nothing else has launched the threads."""
    said = [ran(tmp_path, called).stdout.split() for called in ("doubled", "total", "total")]
    assert said == [["999000.0", "0"], ["999000.0", "0"], ["999000.0", "1"]]


@pytest.mark.skipif(_jit.THREADING_LAYER is None, reason="no threads here")
def test_numba_forgets_to_launch_the_threads_still(tmp_path):
    """Without what is changed, the kernel that is found in the cache jumps to nowhere."""
    for called in ("doubled", "total"):
        assert ran(tmp_path, called).stdout.split()[0] == "999000.0"
    assert ran(tmp_path, "total", "plain").returncode != 0, "Numba launches its threads now: remove `threads_first`"
