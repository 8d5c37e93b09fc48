"""What must break each promise of the bar's hyper-reduction, and is caught."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, biased, instead, noise, put, turned

from toolkit.rank.hyperreduction.adaptive_bar import AdaptiveReducedBar
from toolkit.rank.hyperreduction.cubature import NonnegativeCubature
from toolkit.rank.hyperreduction.full_bar import FullBar
from toolkit.rank.hyperreduction.problems import ViscoplasticBar
from toolkit.rank.hyperreduction.reduced_bar import FixedReducedBar

SEEN = ViscoplasticBar(n=60, steps=16, change=0.0)
MOVED = ViscoplasticBar(n=60, steps=16, shift=0.15, change=0.2)


def of(problem, method):
    return lambda: (problem, method)


def signless(problem, before, state):
    """A weight of the other sign."""
    if len(state.weights):
        state.weights[0] = -abs(state.weights[0])


def unordered(problem, before, state):
    """The indicator is one thing, the error another: in turns."""
    if state.seen:
        state.seen[-1] = (1.0 + state.k % 7, 1.0 / (1 + state.k % 7))


def sized_by_mesh(self, state):
    """A twentieth of the mesh takes part besides."""
    state = FixedReducedBar._sized(self, state)
    state.points += state.internal.shape[1] / 20
    return state


def one_basis(self, problem, state):
    """The same points and weights whatever the tolerance of the modes."""
    return NonnegativeCubature(pod_tolerance=0.1).reduced(problem, state)


FIXED_MODES = instead(reduced=one_basis)
after = lambda spoil: lambda method: after_each_step(spoil, method)  # noqa: E731

SABOTEURS = [
    Saboteur("forces are in balance", of(MOVED, FullBar()), noise("field", 1e-3)),
    Saboteur("back stress stays", of(MOVED, FullBar()), biased("internal", 2.0)),
    Saboteur("no weight is negative", of(SEEN, NonnegativeCubature()), after(signless)),
    Saboteur("meets its tolerance", of(SEEN, NonnegativeCubature()), turned(tolerance=1e-2)),
    Saboteur(
        "the misfit never grows",
        of(SEEN, NonnegativeCubature()),
        put("cubature_error", lambda found: found + np.random.default_rng(int(1e9 * found)).random()),
    ),
    Saboteur("twice what the modes miss", of(SEEN, NonnegativeCubature()), biased("weights", 1.1)),
    Saboteur("whatever the mesh", of(SEEN, FixedReducedBar()), instead(_sized=sized_by_mesh)),
    Saboteur("whatever the mesh", of(SEEN, AdaptiveReducedBar()), instead(_sized=sized_by_mesh)),
    Saboteur("follows the tolerance", of(SEEN, NonnegativeCubature()), FIXED_MODES),
    Saboteur("indicator is large", of(MOVED, FixedReducedBar()), after(unordered)),
    Saboteur("a third of the fixed", of(MOVED, AdaptiveReducedBar()), biased("worst", 4.0)),
    Saboteur(
        "a third of the time steps", of(MOVED, AdaptiveReducedBar()), instead(_refused=lambda self, indicator: True)
    ),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
