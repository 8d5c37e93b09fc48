"""A sparse matrix that grows: texts that arrive with their words, a graph whose nodes arrive with their edges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.memo import assembled, recalled
from toolkit.core.problem import Problem

TOPICS = 12
DENSE = 400_000  # entries up to which a decomposition of a sparse matrix is made densely


@dataclass(frozen=True)
class GrowingMatrix(Problem):
    """Sparse A (m × n) of which a share is there at first; then blocks of rows, and columns, arrive.

    "text": rows are texts, columns words; a text mixes two of twelve topics, each with Zipf's law over its own order of
    words; entries log(1 + count); rows arrive. "graph": the adjacency matrix of m nodes with weights ∝ i^−½ in four
    communities (Chung–Lu), nodes in random order; a block of nodes arrives as rows, then as columns.
    Reference: H. Deng, Y. Yang, J. Li, C. Chen, W. Jiang, S. Pu, ICLR 2024, arXiv:2401.09703 (the setting);
    F. Chung, L. Lu, Ann. Comb. 6 (2002) 125–145, doi:10.1007/PL00012580.
    """

    title: ClassVar[str] = "growing sparse matrix"
    sources: ClassVar[tuple[str, ...]] = ("deng2024", "chung2002")
    kind: str = knob("text", choices=("text", "graph"), doc="what grows")
    m: int = knob(400, 20, 20_000, log=True, symbol="m", doc="rows in the end: texts, or nodes")
    n: int = knob(300, 20, 20_000, log=True, symbol="n", doc="columns: words; of a graph as many as rows")
    density: float = knob(0.02, 1e-4, 0.5, log=True, doc="share of entries that are not zero, about")
    start: float = knob(0.4, 0.05, 0.95, doc="share that is there at first")
    block: int = knob(15, 1, 500, log=True, symbol="s", doc="rows, or nodes, that arrive at a time")
    seed: int = seed_knob("the matrix")

    @cached_property
    def matrix(self):
        """All of A in the end, compressed rows."""
        rng = np.random.default_rng(self.seed)
        rows, columns = self._texts(rng) if self.kind == "text" else self._edges(rng)
        shape = (self.m, self.n if self.kind == "text" else self.m)
        counted = sp.csr_array(sp.coo_array((np.ones(len(rows)), (rows, columns)), shape=shape))
        counted.data = np.log1p(counted.data) if self.kind == "text" else np.ones_like(counted.data)
        counted.sort_indices()
        return counted

    def _texts(self, rng):
        words = max(2, round(1.4 * self.density * self.n))  # some are drawn more than once
        law = np.cumsum(1 / np.arange(1.0, self.n + 1) ** 0.8)
        ranks = np.searchsorted(law / law[-1], rng.random((self.m, words)))
        orders = np.array([rng.permutation(self.n) for _ in range(TOPICS)])
        topics = rng.integers(TOPICS, size=(self.m, 2))
        which = np.where(rng.random((self.m, words)) < 0.7, topics[:, :1], topics[:, 1:])
        return np.repeat(np.arange(self.m), words), orders[which, np.minimum(ranks, self.n - 1)].ravel()

    def _edges(self, rng):
        edges = max(1, round(self.density * self.m**2 / 2))
        law = np.cumsum(1 / np.sqrt(np.arange(1.0, self.m + 1)))
        one, other = (np.searchsorted(law / law[-1], rng.random(2 * edges)) for _ in range(2))
        near = (one % 4 == other % 4) | (rng.random(2 * edges) < 0.2)
        near &= one != other
        named = rng.permutation(self.m)
        one, other = named[one[near][:edges]], named[other[near][:edges]]
        return np.concatenate((one, other)), np.concatenate((other, one))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns in the end."""
        return self.matrix.shape

    @property
    def first(self) -> int:
        """Rows that are there at first."""
        return min(self.m - 1, max(2, round(self.start * self.m)))

    @property
    def steps(self) -> int:
        """How many blocks arrive."""
        return -(-(self.m - self.first) // self.block)

    def extent(self, step: int) -> tuple[int, int]:
        """Rows and columns that are there after so many blocks."""
        rows = min(self.m, self.first + step * self.block)
        return rows, self.n if self.kind == "text" else rows

    def present(self, step: int):
        """The matrix after so many blocks, compressed rows."""
        rows, columns = self.extent(step)
        return self.matrix[:rows, :columns]

    @cached_property
    def energies(self) -> np.ndarray:
        """Σ a_ij² of the leading rows (of a graph: rows and columns), by their number."""
        rows = np.repeat(np.arange(self.m), np.diff(self.matrix.indptr))
        last = rows if self.kind == "text" else np.maximum(rows, self.matrix.indices)
        return np.concatenate(([0.0], np.cumsum(np.bincount(last, self.matrix.data**2, self.m))))

    def arriving(self, step: int) -> tuple:
        """The blocks of the step: compressed rows of new rows, and (graph) of new columns, transposed."""
        return assembled(self, ("arriving", step), lambda: self._cut(step))

    def _cut(self, step: int) -> tuple:
        (old, wide), (new, wider) = self.extent(step - 1), self.extent(step)
        rows = self.matrix[old:new, :wide]
        columns = None if wider == wide else self.matrix[:new, wide:wider].T.tocsr()
        for block in (rows, columns):
            if block is not None:
                block.sort_indices()
        return rows, columns

    def leading(self, step: int, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The k leading singular triplets after so many blocks: U (rows, k), σ, V (columns, k); made anew each time."""
        return leading(self.present(step), min(rank, *self.extent(step)))

    def initial(self, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The k leading triplets of what is there at first, kept."""
        return assembled(self, ("initial", rank), lambda: tuple(frozen(part) for part in self.leading(0, rank)))

    def exact(self, step: int, rank: int) -> np.ndarray:
        """The k leading singular values after so many blocks, kept."""
        return assembled(self, ("exact", step, rank), lambda: frozen(self.leading(step, rank)[1]))

    def exact_so_far(self, step: int, rank: int) -> np.ndarray | None:
        """The same where they have been asked for already; else None, as they may cost too much for a picture."""
        return recalled(self, ("exact", step, rank))


def leading(matrix, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """k leading singular triplets of a sparse matrix: densely if it is small, else by ARPACK from a fixed start."""
    if matrix.shape[0] * matrix.shape[1] <= DENSE or rank >= min(matrix.shape) - 1:
        u, s, vt = np.linalg.svd(matrix.toarray(), full_matrices=False)
        return u[:, :rank].copy(), s[:rank].copy(), vt[:rank].T.copy()
    u, s, vt = svds(matrix, k=rank, v0=np.ones(min(matrix.shape)), tol=1e-12)
    order = np.argsort(-s)
    return u[:, order], s[order], vt[order].T.copy()


CASES = (
    GrowingMatrix(m=120, n=100, density=0.05, block=10),
    GrowingMatrix(kind="graph", m=100, density=0.06, block=8),
    GrowingMatrix(m=260, n=600, density=0.01, block=20, start=0.7),
)
