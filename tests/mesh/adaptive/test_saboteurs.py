"""What must break each claim about adaptive elements does: an estimate too low, the wrong cells, cells everywhere."""

import numpy as np
import pytest
from sabotage import Saboteur, biased, replaced, turned

from toolkit.mesh.adaptive.loop import AdaptiveElements
from toolkit.mesh.elements.problems import LShape, Square
from toolkit.mesh.elements.your_mesh import YourMesh


def pair(problem, method):
    return lambda: (problem.turned(), method)


def best(method):
    """The cells that need it least are refined."""
    return replaced(method, marked=lambda self, squares: np.argsort(squares)[: max(1, len(squares) // 8)])


def rising(method):
    """An estimate whose ratio to the error grows with the number of unknowns."""
    honest = type(method).step

    def step(self, problem, state):
        state = honest(self, problem, state)
        state.estimator *= state.unknowns**0.25
        return state

    return replaced(method, step=step)


UNIFORM = AdaptiveElements(marking="uniform")

SABOTEURS = [
    Saboteur("never above the estimate", pair(LShape(), AdaptiveElements()), biased("estimator", 0.6)),
    Saboteur("∝ N^−α/2", pair(LShape(), UNIFORM), turned(marking="bulk")),
    Saboteur("∝ N^−1/2", pair(Square(), UNIFORM), best),
    Saboteur("the best there is", pair(LShape(), AdaptiveElements()), best),
    Saboteur("stays in a band", pair(LShape(), AdaptiveElements()), rising),
    Saboteur("a fifth of the unknowns", pair(LShape(), AdaptiveElements()), turned(marking="uniform", most=30_000)),
    Saboteur("N^−p/2 or faster", pair(YourMesh(), AdaptiveElements()), best),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()
