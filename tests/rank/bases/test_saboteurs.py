"""What must break each promise of local, travelling and registered bases, and is caught."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, biased, instead, noise

from toolkit.rank.bases.fronts import TravellingFront
from toolkit.rank.bases.lagrangian_bases import EulerianPod, LagrangianPod
from toolkit.rank.bases.local_bases import LocalBases
from toolkit.rank.bases.model_dictionary import DictionaryModels
from toolkit.rank.bases.problems import SolutionFamily
from toolkit.rank.bases.registration import RegisteredGrid

FAMILY = SolutionFamily(n=60, fields=120, draws=100)
PULSE = TravellingFront(n=100, times=40)
FRONT = TravellingFront(n=60, times=20, width=0.1)


def of(problem, method):
    return lambda: (problem, method)


def honest(method):
    return type(method).__mro__[1]


def any_medoids(self, problem, state):
    """A medoid is exchanged for any solution in every second step."""
    state = honest(self).step(self, problem, state)
    if state.k % 2 == 0 and not state.status.done:
        state.medoids[0] = state.k
        self._grouped(problem, state)
    return state


def by_chance(self, problem, state):
    """Groups by chance."""
    state = honest(self)._grouped(self, problem, state)
    state.owner = np.random.default_rng(0).permutation(state.owner)
    state.bases = [np.linalg.qr(problem.table[state.owner == i].T)[0].T[: self.modes] for i in range(self.clusters)]
    return self._judged(problem, state)


def any_group(self, problem, parameters):
    """A draw is solved with any group's basis."""
    return np.random.default_rng(0).integers(self.clusters, size=len(parameters))


def lost(problem, before, state):
    """At the end a seventh of the grid is mixed up."""
    if state.status.done:
        state.grid[::7] = state.grid[::7][::-1]


def risen(problem, before, state):
    """Each step raises the objective a little."""
    state.rise = 1e-6


def at_rest(self, problem, state):
    """The grid stays where it is."""
    state.k += 1
    return self._staged(problem, state)


after = lambda spoil: lambda method: after_each_step(spoil, method)  # noqa: E731

SABOTEURS = [
    Saboteur("objective never grows", of(FAMILY, LocalBases()), instead(step=any_medoids)),
    Saboteur("the sum of sines", of(FAMILY, LocalBases()), biased("objective", 1.01)),
    Saboteur("that of Euclidean", of(FAMILY, LocalBases()), instead(_grouped=by_chance)),
    Saboteur("half that of one global", of(FAMILY, LocalBases()), instead(_grouped=by_chance)),
    Saboteur("the mean peak", of(FAMILY, DictionaryModels()), instead(classified=any_group)),
    Saboteur("half the error of one", of(FAMILY, DictionaryModels()), instead(classified=any_group)),
    Saboteur("tail of the singular", of(PULSE, EulerianPod()), noise("vectors", 1e-6)),
    Saboteur("the states have rank 1", of(PULSE, LagrangianPod()), noise("values", 1e-6)),
    Saboteur("positions have rank 2", of(PULSE, LagrangianPod()), noise("place_values", 1e-6)),
    Saboteur("exact at all times", of(PULSE, LagrangianPod()), noise("vectors", 1e-6)),
    Saboteur("half as many modes", of(PULSE, LagrangianPod()), biased("unknowns", 6.0)),
    Saboteur("objective never grows", of(FRONT, RegisteredGrid()), after(risen)),
    Saboteur("never folds", of(FRONT, RegisteredGrid()), after(lost)),
    Saboteur("a third of the modes", of(TravellingFront(n=80, times=30), RegisteredGrid()), instead(step=at_rest)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
