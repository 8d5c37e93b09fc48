"""Kernels compiled by several processes at once are found again as they were."""

import os
import subprocess
import sys
import textwrap

KERNELS = """
from toolkit.kernels._jit import kernel

@kernel
def total(x):
    found = x[0] * 0
    for one in x:
        found += one
    return found
"""

RUN = """
import sys
import time
import numpy as np
import toolkit
import kernels_of_the_test as kernels
from numba.core.caching import IndexDataCacheFile as File
written = File._save_index
File._save_index = lambda self, index: (time.sleep(0.3), written(self, index))  # time enough to meet another
order = sys.argv[1].split()
x = {name: np.arange(5, dtype=name) for name in order}
print(*(kernels.total(x[name]) for name in order))
"""


def test_two_processes_that_compile_at_once_do_not_mix_up_their_results(tmp_path):
    """Different types in different orders: with a file name given twice, a later process would call the wrong code."""
    (tmp_path / "kernels_of_the_test.py").write_text(textwrap.dedent(KERNELS))
    orders = ("float64 int32 float32 int64", "int64 float32 int32 float64", "int16 uint8 complex128 int32")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(tmp_path), os.getcwd()]))
    environment["NUMBA_CACHE_DIR"] = str(tmp_path / "cache")

    def begin(order):
        return subprocess.Popen([sys.executable, "-c", RUN, order], env=environment, stdout=subprocess.PIPE, text=True)

    for started in [list(map(begin, orders)), *([begin(order)] for order in orders)]:
        for process in started:
            printed = process.communicate()[0].split()
            assert process.returncode == 0 and [complex(one) for one in printed] == [10.0] * len(printed) != []
