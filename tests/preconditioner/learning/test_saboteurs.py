"""Learners and recyclers that must break what is promised of the honest ones."""

import numpy as np
import pytest
from sabotage import Saboteur, costly, turned

import toolkit as tk
from toolkit.preconditioner.learning.bandits import ChebCB, OptimalOmega, Relaxer, TsallisINF
from toolkit.preconditioner.learning.problems import DarcySequence, ShiftedSequence
from toolkit.preconditioner.learning.recycling import GCRODR

ALIKE = DarcySequence(n=24, count=12, modes=3, spread=1.0)


def choosing(choose):
    """The learner with another `choose(self, state)`: an index of the grid; it learns nothing from it."""

    def by(method):
        def chosen(self, problem, state):
            arm = int(choose(self, state))
            return arm, float(self.grid[arm])

        rival = type(f"Rival{type(method).__name__}", (type(method),), {"choose": chosen, "title": ""})
        rival.learn = Relaxer.learn
        return rival(**{name: getattr(method, name) for name in tk.knobs(method)})

    return by


def off_by(shift):
    """Young's ω, and then some."""

    def by(method):
        def chosen(self, problem, state):
            return 0, min(1.99, problem.best_omega(state.k) + shift)

        return type("Rival", (type(method),), {"choose": chosen, "title": ""})()

    return by


random_arm, first_arm = choosing(lambda self, state: state.rng.integers(self.arms)), choosing(lambda self, state: 0)
small = lambda: (ShiftedSequence(n=6, count=500), TsallisINF())  # noqa: E731
long = lambda: (ShiftedSequence(count=700), ChebCB())  # noqa: E731

SABOTEURS = [
    Saboteur("falls at least like T^−½", small, random_arm),
    Saboteur("falls at least like T^−½", small, first_arm),
    Saboteur("no fixed ω", long, random_arm),
    Saboteur("no fixed ω", lambda: (ShiftedSequence(count=30, n=8), OptimalOmega()), off_by(0.2)),
    Saboteur("no fixed ω", lambda: (ShiftedSequence(count=30, n=8), OptimalOmega()), off_by(-0.3)),
    Saboteur("than GMRES(m)", lambda: (ALIKE, GCRODR()), turned(k=0, keep=False, sort=False)),
    Saboteur("than GMRES(m)", lambda: (ALIKE, GCRODR()), costly("matvecs", 3)),
    Saboteur("afresh", lambda: (ALIKE, GCRODR()), turned(keep=False, sort=False)),
    Saboteur("than unsorted", lambda: (ALIKE, GCRODR()), costly("matvecs", 1.2)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()


def test_ties_are_not_fewer():
    """GMRES(m) against itself, unsorted against itself: equal, and so neither is promised to itself."""
    (claim,) = [claim for claim in GCRODR().claims(ALIKE) if "than GMRES" in claim.title]
    assert claim.decide(100.0, 100.0).holds is False and claim.decide(99.0, 100.0).holds is True
    assert np.isclose(claim.factor, 1)
