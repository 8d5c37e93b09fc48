"""A sweep gives the histories of its specs, in order, on any executor."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

import toolkit as tk
from toolkit.preconditioner import CG, Poisson


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_sweep(kind):
    specs = [tk.Run(Poisson(n=n), CG()).spec() for n in (6, 9, 12)]
    pool = ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    done = []
    with pool as executor:
        histories = tk.sweep(specs, executor, lambda i, history: done.append(i))
    direct = [tk.Run.from_spec(spec).finish().history for spec in specs]
    assert [h.trace_hash() for h in histories] == [h.trace_hash() for h in direct] and done == [0, 1, 2]


def test_sweep_on_dask():
    distributed = pytest.importorskip("distributed")
    specs = [tk.Run(Poisson(n=n), CG()).spec() for n in (6, 9)]
    with distributed.Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as client:
        histories = tk.sweep(specs, client.get_executor())
    direct = [tk.Run.from_spec(spec).finish().history for spec in specs]
    assert [h.trace_hash() for h in histories] == [h.trace_hash() for h in direct]
