"""A block of sparse rows arrives at a truncated SVD: the sparse update against Zha–Simon's and against starting over.

A row is one block of 20 texts (about 1 % of 10 000 words each) that arrives at 4000 others, k = 32. Starting over is
SciPy's `svds` to working accuracy. Run

    pytest tests/bench/bench_rank_update.py
"""

import toolkit  # noqa: F401, I001 - first: it keeps BLAS threads from spinning on the second core, for both sides
import time

import numpy as np
import pytest

from toolkit.rank.matrices.growing_matrix import GrowingMatrix
from toolkit.rank.matrices.svd_update import Recomputed, SparseUpdate, ZhaSimon

TEXTS = GrowingMatrix(m=4200, n=10_000, density=0.01, start=0.95, block=20)
RANK = 32


def arrival(method):
    """A function that has the blocks arrive one after another, from the first again when they are spent."""
    problem = TEXTS
    state = method.init(problem)
    for step in (1, 2):
        problem.arriving(step)

    def arrive():
        nonlocal state
        if state.k >= problem.steps:
            state.k = 0  # the same rows again: the work is the same
        state = method.step(problem, state)

    return arrive


@pytest.mark.parametrize(
    "peer, target, rounds",
    [(ZhaSimon(rank=RANK), ">= 3", 15), (Recomputed(rank=RANK), ">= 5", 3)],
    ids=["zha-simon", "recomputed"],
)
def test_a_block_arrives(ratio, peer, target, rounds):
    value = ratio(arrival(SparseUpdate(rank=RANK)), arrival(peer), target=target, rounds=rounds)
    density = TEXTS.arriving(1)[0].nnz / TEXTS.block / TEXTS.n
    print(f"  {TEXTS.block} rows of {TEXTS.n} columns, {density:.2%} full: {value:.1f} times {peer.label()}")


def test_time_over_nonzeros():
    """Least time of an update over the nonzeros that arrive: a constant (dense algebra of size k + s) and ns each."""
    nonzeros, seconds = [], []
    for density in (0.01, 0.02, 0.04, 0.08, 0.16):
        problem = TEXTS.turned(density=density)
        method, spent = SparseUpdate(rank=RANK), []
        for _ in range(12):
            state = method.init(problem)
            block = problem.arriving(1)[0]
            start = time.perf_counter()
            method.step(problem, state)
            spent.append(time.perf_counter() - start)
        nonzeros.append(block.nnz)
        seconds.append(min(spent))
        print(f"\n{density:.1%} full: {nonzeros[-1]:>7,} nonzeros {1e3 * seconds[-1]:7.2f} ms", end="")
    slope, constant = np.polyfit(nonzeros, seconds, 1)
    left = np.max(np.abs(np.polyval((slope, constant), nonzeros) - seconds)) / max(seconds)
    print(f"\n{1e3 * constant:.2f} ms and {1e9 * slope:.0f} ns a nonzero, to {left:.0%}")
