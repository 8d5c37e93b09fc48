"""What must break each promise on matrices, and is caught."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, biased, costly, instead, noise

from toolkit.rank.matrices.columns import ACA, DEIMCUR, LeverageCUR
from toolkit.rank.matrices.givens import ByQuotient, ByReciprocal, FewerOperations, quotient, reciprocal
from toolkit.rank.matrices.gram_matrix import GramMatrix
from toolkit.rank.matrices.growing_matrix import GrowingMatrix
from toolkit.rank.matrices.lowrank import RandomisedSVD, TruncatedSVD
from toolkit.rank.matrices.problems import KernelMatrix, SpectrumMatrix
from toolkit.rank.matrices.random_pairs import RandomPairs
from toolkit.rank.matrices.random_pivots import RandomCholesky, RandomGramSchmidt, RandomJacobi, RandomOneSidedJacobi
from toolkit.rank.matrices.sketching import GeneralisedNystrom, MetaFactorisation, Nystrom
from toolkit.rank.matrices.svd_update import Recomputed, SparseUpdate, ZhaSimon

FALLS = SpectrumMatrix(kind="exponential", m=60, n=45, decay=4.0)
LOW = SpectrumMatrix(kind="exact rank", m=50, n=40, knee=8)
KERNEL = KernelMatrix(kernel="gaussian", n=50)
TEXTS = GrowingMatrix(m=120, n=100, density=0.05, block=10)
SPARSE = GrowingMatrix(m=300, n=300, density=0.01, block=20)
COLUMNS = GramMatrix(n=6, condition=20.0)


def shrunk(self, problem, rank):
    """The factors but for one per cent."""
    left, right, extra = type(self).__mro__[1].factors(self, problem, rank)
    return 0.99 * left, right, extra


def stretched(self, problem, rank):
    left, right, extra = type(self).__mro__[1].factors(self, problem, rank)
    return 1.01 * left, right, extra


def richer(self, problem, rank):
    """Three terms more than the rank that is told."""
    return type(self).__mro__[1].factors(self, problem, rank + 3)


def nothing(self, problem, rank):
    """An approximation from a sketch that sees nothing but the last singular vectors."""
    left, values, right = problem.decomposition
    extra = type(self).__mro__[1].factors(self, problem, rank)[2]
    return left[:, -rank:] * values[-rank:], right[-rank:], extra


def half_a_cross(problem, before, state):
    """Only half of the newest cross is taken."""
    if state.left.shape[1] > before.left.shape[1]:
        state.left[:, -1] /= 2


def underestimated(problem, before, state):
    """A cross is told to be half its size."""
    state.extra["cross"] /= 2


def first_two(self, state, awake, chosen):
    """Not drawn uniformly: the pivot is the first two columns, always."""
    type(self).__mro__[1]._pivot(self, state, awake, np.tile([0, 1], (len(awake), 1)))


def idle(self, blocks):
    return np.tile(np.eye(blocks.shape[1]), (len(blocks), 1, 1))


def turned_too_far(self, blocks):
    """The right transformation, but for a thousandth of its first column added to the last."""
    turn = type(self).__mro__[1].turns(self, blocks)
    return turn + 1e-3 * np.outer([0, 1], [1, 0])


def wrong_vectors(self, blocks):
    """Diagonal all the same, but by a triangle from below, where one from above or rotations are meant."""
    return np.linalg.inv(np.linalg.cholesky(blocks[:, ::-1, ::-1]))[:, ::-1, ::-1].transpose(0, 2, 1)


def pivots(method):
    return lambda: (COLUMNS, method(repetitions=16))


def rotation(formula):
    return instead(formula=staticmethod(formula))


def squared(f, g):
    """Without scaling: overflows."""
    h = np.sqrt((np.abs(f) ** 2 + np.abs(g) ** 2).astype(f.real.dtype))
    return np.abs(f) / h, np.conj(g) * f / np.abs(f) / h


def roughly(f, g):
    c, s = quotient(f, g)
    return c * np.float32(1 + 3e-6), s


SABOTEURS = [
    Saboteur("the error is the tail", lambda: (FALLS, TruncatedSVD()), instead(factors=shrunk)),
    Saboteur("the least that is possible", lambda: (FALLS, TruncatedSVD()), instead(factors=shrunk)),
    Saboteur("the spectral error is the next", lambda: (FALLS, TruncatedSVD()), instead(factors=shrunk)),
    Saboteur("below its probabilistic bound", lambda: (FALLS, RandomisedSVD()), instead(factors=nothing)),
    Saboteur("nearer than the tail", lambda: (FALLS, RandomisedSVD(most=20)), instead(factors=richer)),
    Saboteur("is semidefinite", lambda: (KERNEL, Nystrom()), instead(factors=stretched)),
    Saboteur("trace error stays below", lambda: (KERNEL, Nystrom()), instead(factors=nothing)),
    Saboteur("nearer than the tail", lambda: (KERNEL, Nystrom(most=8)), instead(factors=richer)),
    Saboteur("error stays below", lambda: (FALLS, GeneralisedNystrom()), instead(factors=nothing)),
    Saboteur("exact when the sketch", lambda: (LOW, GeneralisedNystrom()), instead(factors=shrunk)),
    Saboteur("nearer than the tail", lambda: (FALLS, GeneralisedNystrom(most=20)), instead(factors=richer)),
    Saboteur("projector equation", lambda: (FALLS, MetaFactorisation()), instead(factors=shrunk)),
    Saboteur("reconstruction equation", lambda: (FALLS, MetaFactorisation()), instead(factors=shrunk)),
    Saboteur("exact when the sketch", lambda: (LOW, MetaFactorisation()), instead(factors=shrunk)),
    Saboteur("nearer than the tail", lambda: (FALLS, MetaFactorisation(most=20)), instead(factors=richer)),
    Saboteur("(η_p + η_q) σ_{k+1}", lambda: (FALLS, DEIMCUR()), instead(factors=nothing)),
    Saboteur("exact when the sketch", lambda: (LOW, DEIMCUR()), instead(factors=shrunk)),
    Saboteur("nearer than the tail", lambda: (FALLS, DEIMCUR(most=20)), instead(factors=richer)),
    Saboteur("(η_p + η_q) σ_{k+1}", lambda: (FALLS, LeverageCUR()), instead(factors=nothing)),
    Saboteur("nearer than the tail", lambda: (FALLS, LeverageCUR(most=20)), instead(factors=richer)),
    Saboteur("chosen rows and columns are", lambda: (FALLS, ACA()), lambda m: after_each_step(half_a_cross, m)),
    Saboteur("no cross takes more", lambda: (FALLS, ACA()), lambda m: after_each_step(underestimated, m)),
    Saboteur("nearer than the tail", lambda: (FALLS, ACA()), biased("error", 1e-3)),
    Saboteur("found in r crosses", lambda: (LOW, ACA()), noise("left", 1e-6)),
    Saboteur("are Zha–Simon's", lambda: (TEXTS, SparseUpdate()), noise("values", 1e-6)),
    Saboteur("vectors stay orthonormal", lambda: (TEXTS, SparseUpdate()), lambda m: after_each_step(tilted, m)),
    Saboteur("vectors stay orthonormal", lambda: (TEXTS, ZhaSimon()), lambda m: after_each_step(tilted, m)),
    Saboteur("no singular value above", lambda: (TEXTS, SparseUpdate()), biased("values", 1.2)),
    Saboteur("no singular value above", lambda: (TEXTS, ZhaSimon()), biased("values", 1.2)),
    Saboteur("half of Zha–Simon's", lambda: (SPARSE, SparseUpdate()), costly("flops", 20)),
    Saboteur("exact truncated", lambda: (TEXTS, Recomputed()), noise("values", 1e-6)),
    Saboteur("no singular value above", lambda: (TEXTS, Recomputed()), biased("values", 1.001)),
    Saboteur("vectors stay orthonormal", lambda: (TEXTS, Recomputed()), lambda m: after_each_step(tilted, m)),
    Saboteur("one pivot is the whole", lambda: (COLUMNS, RandomJacobi(block=6)), instead(turns=idle)),
    *(
        Saboteur(title, lambda method=method, decades=decades: (RandomPairs(batch=2000, decades=decades), method()), by)
        for method in (FewerOperations, ByReciprocal, ByQuotient)
        for title, decades, by in (
            ("c² + |s|² is one", 0.0, rotation(roughly)),
            ("no overflow", 37.0, rotation(squared)),
        )
    ),
    Saboteur("lower mean error of", lambda: (RandomPairs(), FewerOperations()), rotation(reciprocal)),
    *(
        Saboteur(title, pivots(method), by)
        for method in (RandomJacobi, RandomOneSidedJacobi, RandomCholesky, RandomGramSchmidt)
        for title, by in (
            ("the mean contraction is", instead(_pivot=first_two)),
            ("the mean potential stays", instead(turns=idle)),
            ("the mean over all pairs", instead(turns=turned_too_far)),
            ("comes to LAPACK's", instead(turns=wrong_vectors)),
        )
    ),
]


def tilted(problem, before, state):
    """The second left vector leans over to the first, by a millionth."""
    state.left.small[:, 1] += 1e-6 * state.left.small[:, 0]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
