"""A block of sparse rows arrives at a truncated SVD: the sparse update against Zha–Simon's and against starting over.

A row is one block of 20 texts (about 1 % of 10 000 words each) that arrives at 4000 others, k = 32. Starting over is
SciPy's `svds` to working accuracy. Run

    pytest tests/bench/bench_rank_update.py
"""

import pytest

from toolkit.rank.growing import GrowingMatrix
from toolkit.rank.svdupdate import Recomputed, SparseUpdate, ZhaSimon

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
