"""A kernel's files in Numba's cache are used by one process at a time."""

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
