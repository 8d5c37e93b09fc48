"""What must break each promise on tensors, and is caught."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, biased, instead, noise, put

from toolkit.rank.tensors.chebyshev_tucker import ChebyshevTucker
from toolkit.rank.tensors.core_growing import GreedyPacking, LossGreedy
from toolkit.rank.tensors.core_packing import PackedCore, SplitPacking
from toolkit.rank.tensors.core_shape import UnequalTensor
from toolkit.rank.tensors.cp import CpAls
from toolkit.rank.tensors.functional_tucker import ContinuousEntries, FunctionalTucker
from toolkit.rank.tensors.problems import GridFunction, PlantedTensor, Potential, SymmetricTensor
from toolkit.rank.tensors.subspace_power import SubspacePower
from toolkit.rank.tensors.tensor_train import TrainCross, TrainSvd
from toolkit.rank.tensors.tucker import Hooi, Hosvd, SequentialHosvd

CHARGES = Potential(n=16, particles=6)
FAR = Potential(kernel="long range", omega=2.0, particles=6, n=16)
GRID = GridFunction(order=4, n=8)
WAVE = GridFunction(shape_name="wave", order=4, n=8)
NOISY = PlantedTensor(n=12, rank=3, structure="tucker", noise=0.1)
SYMMETRIC = SymmetricTensor(d=5, components=6)
UNEQUAL = UnequalTensor(n=15)
ENTRIES = ContinuousEntries(observations=60, tests=20, rank=1)


def of(problem, method):
    return lambda: (problem, method)


def honest(method):
    return type(method).__mro__[1]


def last_vectors(self, problem, state):
    """The singular vectors that should be cut are kept, and the first ones cut."""
    honest(self)._cut(self, problem, state)
    state.factors = [
        np.ascontiguousarray(left[:, ::-1][:, : u.shape[1]]) for (left, _), u in zip(problem.modes, state.factors)
    ]
    core = problem.data
    for mode, u in enumerate(state.factors):
        core = np.moveaxis(np.tensordot(u.T, core, (1, mode)), 0, mode)
    state.core = core
    state.error = problem.distance(state.solution())
    return state


def noisy_cores(problem, before, state):
    """A core of the train with noise in its last digits."""
    rng = np.random.default_rng(state.k)
    state.cores[1] = state.cores[1] * (1 + 1e-6 * rng.standard_normal(state.cores[1].shape))
    state.error = problem.distance(state.solution())


def far_cores(problem, before, state):
    """A core of the train turned by a tenth."""
    rng = np.random.default_rng(state.k)
    state.cores[1] = state.cores[1] + 0.3 * rng.standard_normal(state.cores[1].shape)
    state.error = problem.distance(state.solution())


def jittered(problem, before, state):
    """Factors thrown about after every sweep."""
    state.factors = [
        np.linalg.qr(u + 0.3 * np.random.default_rng(state.k).standard_normal(u.shape))[0] for u in state.factors
    ]
    core = problem.data
    for mode, u in enumerate(state.factors):
        core = np.moveaxis(np.tensordot(u.T, core, (1, mode)), 0, mode)
    state.core = core
    state.error = problem.distance(state.solution())
    state.status = before.status


def restarted(self, problem, state):
    """Factors are drawn anew in every third sweep."""
    state = CpAls.step(self, problem, state)
    if state.k % 3 == 0:
        rng = np.random.default_rng(state.k)
        state.factors = [u + rng.standard_normal(u.shape) for u in state.factors]
        state.error = problem.distance(state.solution())
    return state


def first_shape(self, problem, state, ranks, sweeps=0):
    """Whatever shape was packed, all but the first mode keep one vector."""
    return honest(self).shaped(self, problem, state, (ranks[0], *[1] * (len(ranks) - 1)), sweeps)


def untrue(self, problem, state, ranks, sweeps=0):
    """The shape that was packed with the last singular vectors of its modes."""
    state = honest(self).shaped(self, problem, state, ranks, sweeps)
    state.error = 1.0
    return state


def backwards(self, problem, state):
    """Every third step goes back to core shape (1, …, 1)."""
    state = honest(self).step(self, problem, state)
    return self.shaped(problem, state, (1,) * problem.data.ndim) if state.k % 3 == 0 else state


def roughened(problem, before, state):
    """Values beside the interpolant by a thousandth."""
    state.values = state.values + 1e-3 * np.abs(state.values).max()
    state.error = float(np.abs(state.values - problem.data).max() / np.abs(problem.data).max())


def misread(self, problem):
    state = SubspacePower.init(self, problem)
    state.rank_read += 1
    return state


def every_other(problem, before, state):
    """A message that the smoother has not heard."""
    state.means[0] = state.means[0] * (1 + 1e-6)


after = lambda spoil: lambda method: after_each_step(spoil, method)  # noqa: E731

SABOTEURS = [
    Saboteur("singular tails of all modes", of(CHARGES, Hosvd()), instead(_cut=last_vectors)),
    Saboteur("at most √3", of(CHARGES, Hosvd()), instead(_cut=last_vectors)),
    Saboteur("by Pythagoras", of(CHARGES, SequentialHosvd()), biased("discarded", 1.001)),
    Saboteur("at most √3", of(CHARGES, SequentialHosvd()), instead(_cut=last_vectors)),
    Saboteur("at most √3", of(CHARGES, SequentialHosvd(by="gram")), instead(_cut=last_vectors)),
    Saboteur("at most √4", of(GRID, Hosvd()), instead(_cut=last_vectors)),
    Saboteur("at most √4", of(GRID, SequentialHosvd()), instead(_cut=last_vectors)),
    Saboteur("at most √4", of(GRID, Hooi(rank=2)), after(jittered)),
    Saboteur("the error never grows", of(NOISY, Hooi(rank=2, start="random")), after(jittered)),
    Saboteur("at most √3", of(NOISY, Hooi(rank=3)), after(jittered)),
    Saboteur("tails of all cuts", of(GRID, TrainSvd()), after(far_cores)),
    Saboteur("times the best train", of(GRID, TrainSvd()), after(far_cores)),
    Saboteur("what the cuts have lost", of(GRID, TrainSvd()), after(noisy_cores)),
    Saboteur("from few of its entries", of(WAVE, TrainCross(rank=2)), after(noisy_cores)),
    Saboteur("no sweep raises", of(NOISY, CpAls(rank=2)), instead(step=restarted)),
    Saboteur("from inner products", of(NOISY, CpAls(rank=2)), biased("error", 1.01)),
    Saboteur("lowers the objective", of(SYMMETRIC, SubspacePower()), biased("drop", 1.0, 1e-9)),
    Saboteur("every component", of(SYMMETRIC, SubspacePower()), noise("directions", 1e-4)),
    Saboteur("R is read", of(SYMMETRIC, SubspacePower()), instead(init=misread)),
    Saboteur("proportional to the noise", of(SYMMETRIC, SubspacePower()), noise("directions", 1e-1)),
    Saboteur("the least of any core shape", of(UNEQUAL, PackedCore()), instead(shaped=first_shape)),
    Saboteur("upper bound of the squared", of(UNEQUAL, PackedCore()), instead(shaped=untrue)),
    Saboteur("than the best packing", of(UNEQUAL, SplitPacking()), instead(shaped=first_shape)),
    Saboteur("the surrogate never grows", of(UNEQUAL, SplitPacking()), instead(step=backwards)),
    Saboteur("upper bound of the squared", of(UNEQUAL, SplitPacking()), instead(shaped=untrue)),
    Saboteur("upper bound of the squared", of(UNEQUAL, GreedyPacking()), instead(shaped=untrue)),
    Saboteur("the error never grows", of(UNEQUAL, LossGreedy(budget=150)), instead(step=backwards)),
    Saboteur("at most truncation plus", of(FAR, ChebyshevTucker(degree=20)), after(roughened)),
    Saboteur(
        "for the best ellipse", of(FAR, ChebyshevTucker(degree=30)), put("truncation", lambda found: found + 1e-3)
    ),
    Saboteur("the dense Gaussian process", of(ENTRIES, FunctionalTucker(rank=1, starts=1)), after(every_other)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
