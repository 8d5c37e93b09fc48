"""What must break each promise on low rank in time, and is caught."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, instead, noise, turned

from toolkit.rank.dynamics.basis_update import AugmentedBug, Bug, ParallelBug, truncated
from toolkit.rank.dynamics.digits_training import DigitsTraining
from toolkit.rank.dynamics.low_rank_training import FullDescent, LowRankTraining, TrainingMethod, TwoFactorDescent
from toolkit.rank.dynamics.problems import HeatFlow, PlantedFlow, SchroedingerFlow
from toolkit.rank.dynamics.projector_splitting import FactorEquations, ProjectorSplitting
from toolkit.rank.dynamics.tree_basis_update import ParallelTreeBug, TreeBugSequential
from toolkit.rank.dynamics.tree_problems import SpinChain

PLANTED = PlantedFlow(n=20, rank=4)
GIVEN = PlantedFlow(n=20, rank=4, epsilon=0.0, form="given")
MORE = PlantedFlow(n=16)
EXACT = PlantedFlow(n=16, epsilon=0.0, sigma_min=0.03)
LARGE = PlantedFlow(n=20, rank=4, epsilon=0.0, sigma_min=0.1)
WAVES = SchroedingerFlow(n=16, terms=6)
SPINS = SpinChain(sites=5)
DIGITS = DigitsTraining(images=100, hidden=16, start_rank=6)


def honest(method):
    return type(method).__mro__[1]


def halfway(self, problem, state, t, h):
    """A step that goes half of its way."""
    return honest(self).leap(self, problem, state, t, h / 2)


def rounded(name):
    """Rounding, multiplied by what dividing by the smallest singular value multiplies it with."""

    def spoil(problem, before, state):
        size = 1e-13 / problem.sigma_min
        for array in getattr(state, name) if name == "arrays" else [getattr(state, name)]:
            array *= 1 + size * np.random.default_rng(state.k).standard_normal(array.shape)

    return lambda method: after_each_step(spoil, method)


def drowsy(problem, before, state):
    """The smaller the singular values at the start, the less is learnt."""
    state.loss *= 1 + 0.05 * -np.log10(problem.sigma_min)


def shortened(problem, before, state):
    """A root one per cent shorter."""
    state.arrays[0] = 0.99 * state.arrays[0]


def uphill(self, layer, a, delta):
    """Up the gradient."""
    return honest(self).moved(self, layer, a, -delta)


def cut_twice(self, layer, before):
    """Twice of what may be cut is."""
    wide, core, tall = layer
    values = np.linalg.svd(core, compute_uv=False)
    most = 1 + int(np.sum(np.cumsum(values[::-1] ** 2)[::-1] > (2 * self.tolerance) ** 2 * np.sum(values**2)))
    return truncated(wide, core, tall, 0.0, max(1, most - 2))


def two_factors():
    """Descent on two factors in its place."""
    return instead(layer=TwoFactorDescent.layer, moved=TwoFactorDescent.moved, cut=TrainingMethod.cut)


def of(problem, method):
    return lambda: (problem, method)


HALF = instead(leap=halfway)
UNSTABLE = instead(leap=FactorEquations.leap, order=4)
FIRST, KEPT = "of order h at least", "error untouched by σ_min"

SABOTEURS = [
    Saboteur("a given X(t)", of(GIVEN, Bug(rank=4, steps=10)), noise("s", 1e-8)),
    Saboteur("a given X(t)", of(GIVEN, ProjectorSplitting(rank=4, steps=10)), noise("s", 1e-8)),
    Saboteur(FIRST, of(MORE, Bug()), HALF),
    Saboteur(KEPT, of(PLANTED, Bug(rank=4)), UNSTABLE),
    Saboteur(FIRST, of(PLANTED, AugmentedBug(most=20)), HALF),
    Saboteur(KEPT, of(PLANTED, AugmentedBug(most=20)), rounded("s")),
    Saboteur(FIRST, of(PLANTED, ParallelBug(most=20)), HALF),
    Saboteur(KEPT, of(PLANTED, ParallelBug(most=20)), rounded("s")),
    Saboteur(FIRST, of(WAVES, AugmentedBug()), HALF),
    Saboteur(FIRST, of(WAVES, ParallelBug()), HALF),
    Saboteur("rank follows", of(HeatFlow(n=20), AugmentedBug(tolerance=1e-4)), noise("s", 1e-2)),
    Saboteur("rank follows", of(HeatFlow(n=20), ParallelBug(tolerance=1e-4)), noise("s", 1e-2)),
    Saboteur(FIRST, of(PLANTED, ProjectorSplitting(rank=4)), HALF),
    Saboteur(KEPT, of(PLANTED, ProjectorSplitting(rank=4)), UNSTABLE),
    Saboteur("of order h^2", of(EXACT, ProjectorSplitting(scheme="Strang")), instead(leap=Bug.leap)),
    Saboteur("the norm is kept", of(WAVES, ProjectorSplitting(rank=4)), noise("s", 1e-4)),
    Saboteur("∝ h^4", of(LARGE, FactorEquations(rank=4)), turned(order=1)),
    Saboteur("∝ h", of(LARGE, FactorEquations(rank=4, order=1)), turned(order=4)),
    Saboteur(FIRST, of(SPINS, ParallelTreeBug()), HALF),
    Saboteur(KEPT, of(SPINS, ParallelTreeBug(steps=10)), rounded("arrays")),
    Saboteur(FIRST, of(SPINS, TreeBugSequential()), HALF),
    Saboteur(KEPT, of(SPINS, TreeBugSequential(steps=10)), rounded("arrays")),
    Saboteur("the norm is kept", of(SPINS, TreeBugSequential(steps=50)), lambda m: after_each_step(shortened, m)),
    Saboteur("before ranks are cut", of(DIGITS, LowRankTraining(steps=10)), instead(moved=uphill)),
    Saboteur("a cut leaves out", of(DIGITS, LowRankTraining(steps=10, tolerance=0.1)), instead(cut=cut_twice)),
    Saboteur("loss untouched", of(DIGITS, LowRankTraining(steps=10)), lambda m: after_each_step(drowsy, m)),
    Saboteur("wakes small", of(DIGITS, LowRankTraining(rate=0.5, steps=200, tolerance=0.0)), two_factors()),
    Saboteur("the loss falls", of(DIGITS, TwoFactorDescent(steps=10)), instead(moved=uphill)),
    Saboteur("the loss falls", of(DIGITS, FullDescent(steps=10)), instead(moved=uphill)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
