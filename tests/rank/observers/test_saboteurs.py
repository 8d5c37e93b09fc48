"""What must break each promise of observers, and is caught."""

from dataclasses import replace

import pytest
from sabotage import Saboteur, after_each_step, instead, noise

from toolkit.rank.observers.few_states import FullObserver, MomentMatchingObserver
from toolkit.rank.observers.problems import INPUTS, WatchedRod

KNOWN = WatchedRod(n=30, steps=150)
SQUARE = WatchedRod(n=30, steps=150, input=INPUTS[1])
NOISE = WatchedRod(n=30, steps=150, input=INPUTS[2])


def designed(**changes):
    """Another observer in its place: each array of it as `changes` makes it."""

    def other(self, problem):
        honest = type(self).__mro__[1].designed(self, problem)
        return replace(honest, **{name: change(getattr(honest, name)) for name, change in changes.items()})

    return instead(designed=other)


def halved(problem, before, state):
    """The bound is told half as large as it is."""
    state.ceiling /= 2


def late(problem, before, state):
    """Every second step is taken back: half the rate."""
    if state.k % 2:
        state.both, state.error = before.both, before.error


def of(method, problem):
    return lambda: (problem, method)


MATCHED = MomentMatchingObserver()
SABOTEURS = [
    Saboteur("A Π + b L", of(MATCHED, KNOWN), designed(lift=lambda found: (1 + 1e-6) * found)),
    Saboteur("tends to zero", of(MATCHED, KNOWN), designed(lift=lambda found: (1 + 1e-6) * found)),
    Saboteur("slower rate", of(MATCHED, KNOWN), lambda m: after_each_step(late, m)),
    Saboteur("error stays below", of(MATCHED, SQUARE), noise("both", 0.3)),
    Saboteur("error stays below", of(FullObserver(), NOISE), lambda m: after_each_step(halved, m)),
    Saboteur("tends to zero", of(FullObserver(), NOISE), designed(lift=lambda found: 1.001 * found)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
