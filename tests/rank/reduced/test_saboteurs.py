"""What must break each promise of reduced bases and their estimators, and is caught."""

from dataclasses import replace

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, instead

from toolkit.rank.reduced.greedy_basis import PodBasis, WeakGreedy
from toolkit.rank.reduced.online_model import Online, OnlineFrequency
from toolkit.rank.reduced.residual_expansions import expanded, orthonormal
from toolkit.rank.reduced.residual_norms import (
    CorrectedEstimate,
    DirectResidual,
    ExpandedEstimate,
    InterpolatedEstimate,
    OrthonormalEstimate,
)
from toolkit.rank.reduced.scattering import SlabScattering
from toolkit.rank.reduced.thermal_block import ThermalBlock

BLOCK = ThermalBlock(columns=3, rows=1, n=12, training=40, tests=6)
SLAB = SlabScattering(n=40, training=40, tests=10)


def remade(**factors):
    """The reduced model with some of its arrays multiplied, after every step."""

    def spoil(problem, before, state):
        arrays = {name: getattr(state.model, name) * factor for name, factor in factors.items()}
        state.model = replace(state.model, **arrays)

    return lambda method: after_each_step(spoil, method)


def half_measured(problem, before, state):
    """The bound is told half as large in every second step."""
    if state.k % 2:
        state.bound /= 2


def misjudged(factor):
    """The bound at the parameter looked at is another one."""

    def spoil(problem, before, state):
        state.bound *= factor

    return lambda method: after_each_step(spoil, method)


def backwards(self, problem):
    """The last modes first."""
    state = PodBasis.init(self, problem)
    state.modes = state.modes[::-1].copy()
    return state


def flat_tail(self, problem):
    """Singular values that fall by nine tenths each, as of solutions that are not analytic in so wide an ellipse."""
    state = PodBasis.init(self, problem)
    state.values = state.values[0] * 0.9 ** np.arange(float(len(state.values)))
    return state


def by(formula):
    return instead(offline=staticmethod(formula))


def zero(problem, model, pool):
    """An estimator that says nothing is left, or nearly."""
    return lambda theta, coefficients: np.full(len(theta), 1e-30), 0, 0.0


def beside(self, problem, state):
    """A function is added that is a millionth beside the solution."""
    worst = int(np.argmax(state.bounds))
    state.picks.append(worst)
    found = problem.coordinates(problem.solve(problem.training_set[worst]))
    noise = np.random.default_rng(state.k).standard_normal(len(found))
    return self._grown(problem, state, found + 1e-6 * np.linalg.norm(found) / np.linalg.norm(noise) * noise)


def of(method, problem=BLOCK):
    return lambda: (problem, method)


SABOTEURS = [
    Saboteur("no error exceeds", of(WeakGreedy(dimension=8)), remade(factor=0.05)),
    Saboteur("effectivity at most", of(WeakGreedy(dimension=8)), remade(factor=100.0)),
    Saboteur("exact where it was enriched", of(WeakGreedy(dimension=8)), instead(step=beside)),
    Saboteur("no error exceeds", of(PodBasis(dimension=8)), remade(factor=0.05)),
    Saboteur("effectivity at most", of(PodBasis(dimension=8)), remade(factor=100.0)),
    Saboteur("what the modes miss", of(PodBasis(dimension=8)), instead(init=backwards)),
    Saboteur("no error exceeds", of(Online()), misjudged(0.05)),
    Saboteur("no error exceeds", of(WeakGreedy(dimension=8), SLAB), remade(factor=1e-3)),
    Saboteur("effectivity at most", of(WeakGreedy(dimension=8), SLAB), remade(factor=1e3)),
    Saboteur("exact where it was enriched", of(WeakGreedy(dimension=8), SLAB), instead(step=beside)),
    Saboteur("never grows", of(WeakGreedy(), SLAB), lambda m: after_each_step(half_measured, m)),
    Saboteur("never grows", of(PodBasis(), SLAB), lambda m: after_each_step(half_measured, m)),
    Saboteur("the tail falls by ρ", of(PodBasis(dimension=40), SLAB), instead(init=flat_tail)),
    Saboteur("no error exceeds", of(OnlineFrequency(), SLAB), misjudged(1e-3)),
    Saboteur("at the level of √ε", of(ExpandedEstimate()), by(zero)),
    Saboteur("stalls", of(ExpandedEstimate()), by(orthonormal)),
    Saboteur("sees the largest residual", of(CorrectedEstimate()), by(expanded)),
    Saboteur("sees the largest residual", of(CorrectedEstimate()), by(zero)),
    Saboteur("sees the largest residual", of(InterpolatedEstimate()), by(expanded)),
    Saboteur("sees the largest residual", of(InterpolatedEstimate()), by(zero)),
    Saboteur("at the level of ε", of(OrthonormalEstimate()), by(expanded)),
    Saboteur("agree, to ε", of(DirectResidual()), remade(factor=1 + 1e-9)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
