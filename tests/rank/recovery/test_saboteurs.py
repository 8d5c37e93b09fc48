"""What must break each promise of recovery, and is caught."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, biased, instead, noise, put, turned

from toolkit.rank.recovery.alternating import AltMin, SketchedAltMin, exact_rows
from toolkit.rank.recovery.completion import Completion
from toolkit.rank.recovery.factor_descent import AsymmetricDescent, SymmetricDescent
from toolkit.rank.recovery.nuclear_norm import FistaCompletion, SvtCompletion, shrunk
from toolkit.rank.recovery.phase_diagram import PhaseDiagram, Recoverability
from toolkit.rank.recovery.problems import GaussianSensing
from toolkit.rank.recovery.scaled_descent import ScaledDescent, ScaledPair
from toolkit.rank.recovery.subgradient import SubgradientDescent
from toolkit.rank.recovery.thresholded_svd import ThresholdedSvd

ALL = GaussianSensing(side=12, design="all entries")
WIDE = GaussianSensing(side=12, design="all entries", width=4)
MANY = GaussianSensing(side=12, samples=40.0, outliers=0.1)
WRONG = GaussianSensing(side=12, design="all entries", outliers=0.2)
ENTRIES = Completion(rows=80, columns=60, condition=1.5, share=0.6)
SQUARE = Completion(condition=1.5)
LARGE = Completion(rows=150, columns=150)
TALL = Completion(rows=200, columns=60, condition=1.0)
CELLS = Recoverability(side=10, ranks=2, numbers=6, trials=1)


def honest(method):
    return type(method).__mro__[1]


def shortened(share):
    """A share of each step; the share may depend on the problem."""

    def moved(self, problem, state):
        left, right = honest(self).moved(self, problem, state)
        part = share(problem)
        found = state.left + part * (left - state.left), state.right + part * (right - state.right)
        return (found[0], found[0]) if state.right is state.left else found

    return instead(moved=moved)


TENTH = shortened(lambda problem: 0.1)
SQUARED = shortened(lambda problem: 10 / problem.condition)  # then steps are many like the condition's square
WIDER = shortened(lambda problem: problem.rank / problem.searched)
SCALED = instead(moved=ScaledDescent.moved, descended=ScaledDescent.descended, damping=0.1)


def relaxed(self, seen, filled, other, before, number):
    """A tenth of each least-squares solution's way."""
    rows, flops, passes = exact_rows(seen, filled, other, before)
    return before + 0.1 * (rows - before), flops, passes


def imprecise(size):
    """Least squares solved to this relative error only."""

    def rows(self, seen, filled, other, before, number):
        found, flops, passes = honest(self).rows(self, seen, filled, other, before, number)
        noise = np.random.default_rng(number).standard_normal(found.shape)
        return found + size * np.abs(found).max() * noise, flops, passes

    return instead(rows=rows)


def squared_work(self, seen, filled, other, before, number):
    """The flops of an algorithm that goes over all pairs of entries of a row."""
    rows, flops, passes = honest(self).rows(self, seen, filled, other, before, number)
    return rows, flops * seen.mean() * other.shape[1] ** 2, passes


def columns_squared(self, seen, filled, other, before, number):
    """Passes that go over all pairs of columns."""
    rows, flops, passes = honest(self).rows(self, seen, filled, other, before, number)
    return rows, flops * other.shape[1], passes


def floored(method):
    """An error of a thousandth is left, whatever the start."""
    return put("error", lambda error: max(error, 2e-2))(method)


def balanced(self, problem):
    """Both factors of one size: no imbalance to live on."""
    left, _ = AsymmetricDescent.first(self, problem)
    return 0.5 * left / self.alpha, 0.5 * left / self.alpha


def lucky(self, trial, state):
    """Every trial is said to be won."""
    return True


def unlucky(self, trial, state):
    return False


def ascending(self, problem, state):
    """The dual is followed too far."""
    state.iterate, values = shrunk(state.carrier, self._tau(problem))
    state.carrier = state.carrier + 3 * self.delta * (problem.filled - problem.seen * state.iterate)
    return self.judged(problem, state, values)


def short(self, problem, state):
    """Gradient steps a hundredth as long, without momentum."""
    at, before = state.carrier, state.iterate
    found, values = shrunk(at + 0.01 * (problem.filled - problem.seen * at), 0.01 * self._weight(problem))
    state.iterate = state.carrier = found
    assert before.shape == found.shape
    return self.judged(problem, state, values)


def lengthened(problem, before, state):
    """Rows that were not learnt from are five times as long."""
    state.left[len(state.left) // 2 :] *= 5


def of(problem, method):
    return lambda: (problem, method)


SABOTEURS = [
    Saboteur("at least half the rate", of(ALL, SymmetricDescent()), TENTH),
    Saboteur("in proportion to the condition", of(GaussianSensing(design="all entries"), SymmetricDescent()), SQUARED),
    Saboteur("in proportion to the condition", of(ALL, SymmetricDescent(alpha=1e-7)), SCALED),
    Saboteur("falls like t⁻²", of(WIDE, SymmetricDescent()), turned(alpha=1e-9)),
    Saboteur("at least half the rate", of(ALL, AsymmetricDescent()), TENTH),
    Saboteur("grows like α²", of(WIDE, AsymmetricDescent()), instead(first=balanced)),
    Saboteur("hardly grow with", of(ALL, ScaledDescent()), instead(descended=SymmetricDescent.descended)),
    Saboteur("gradient descent's steps", of(ALL, ScaledDescent()), instead(descended=SymmetricDescent.descended)),
    Saboteur("hardly grow with", of(GaussianSensing(), ScaledPair()), instead(moved=AsymmetricDescent.moved)),
    Saboteur("recovers the truth", of(WRONG, SubgradientDescent()), noise("left", 1e-2)),
    Saboteur("no more steps with too many", of(MANY, SubgradientDescent()), WIDER),
    Saboteur("by ρ a step", of(ALL, SubgradientDescent()), turned(decay=0.99)),
    Saboteur("the floor falls", of(WIDE, SubgradientDescent()), floored),
    Saboteur("flops of a pass", of(LARGE, SketchedAltMin()), instead(rows=columns_squared)),
    Saboteur("1 − g", of(ENTRIES, AltMin()), instead(rows=relaxed)),
    Saboteur("recovers the matrix", of(ENTRIES, AltMin()), imprecise(1e-7)),
    Saboteur("flops of a sweep", of(ENTRIES, AltMin()), instead(rows=squared_work)),
    Saboteur("down to its tolerance", of(ENTRIES, SketchedAltMin()), imprecise(1e-2)),
    Saboteur("flops of a sweep", of(ENTRIES, SketchedAltMin()), instead(rows=squared_work)),
    Saboteur("misfit of the known", of(SQUARE, SvtCompletion()), instead(step=ascending)),
    Saboteur("F(X_k) − F(truth)", of(SQUARE, FistaCompletion()), instead(step=short)),
    Saboteur("fewer entries than", of(CELLS, PhaseDiagram()), instead(recovers=lucky)),
    Saboteur("all are recovered", of(CELLS, PhaseDiagram()), instead(recovers=unlucky)),
    Saboteur("mean square error falls", of(SQUARE, ThresholdedSvd()), put("mse", lambda value: 0.5)),
    Saboteur("no worse than the raw", of(SQUARE, ThresholdedSvd()), biased("error", 5.0)),
    Saboteur("predictions of two rows", of(TALL, ThresholdedSvd()), lambda m: after_each_step(lengthened, m)),
    Saboteur("predictions are no worse", of(TALL, ThresholdedSvd()), noise("left", 3.0)),
    Saboteur("rows come nearer", of(SQUARE, ThresholdedSvd()), biased("values", 3.0)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
