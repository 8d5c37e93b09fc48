"""A kernel's files in Numba's cache are used by one process at a time, and what they hold runs in a new process."""

import os
import subprocess
import sys

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


def test_a_folder_that_nobody_can_write_to_is_only_read(tmp_path):
    assert IndexDataCacheFile(str(tmp_path / "absent"), "kernel", 1.0).load("int64") is None


TOTAL = """
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

called = globals()[sys.argv[1]]
print(np.sum(called(np.arange(1000.0))), sum(called.stats.cache_hits.values()))
"""


def test_a_serial_kernel_that_calls_a_threaded_one_runs_from_the_cache(tmp_path):
    """Compiled while the other was already in the cache, then found there: nothing else has launched the threads."""
    script = tmp_path / "total.py"
    script.write_text(TOTAL)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    said = [
        subprocess.run([sys.executable, script, called], env=environment, capture_output=True, text=True).stdout.split()
        for called in ("doubled", "total", "total")
    ]
    assert said == [["999000.0", "0"], ["999000.0", "0"], ["999000.0", "1"]]
