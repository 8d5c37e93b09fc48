"""What must break each claim about boundary-value problems does: a degree less, meshes that are not graded, noise."""

import pytest
from sabotage import Saboteur, noise, put, replaced, turned

import toolkit as tk
from toolkit.mesh.elements.collocation import ChebyshevCollocation
from toolkit.mesh.elements.differences import FiniteDifferences
from toolkit.mesh.elements.h_version import FiniteElements, started
from toolkit.mesh.elements.hp_version import HPVersion, PVersion
from toolkit.mesh.elements.problems import Disk, Interval, LShape, Square
from toolkit.mesh.elements.stop_here import StopHere

FRONT, CORNER, CUBIC = Interval(data="front", width=0.15), Interval(data="corner"), Interval(data="cubic")


def lower(method):
    """Elements of a degree less in the place of those that are asked for."""
    p = method.degree - 1
    return replaced(
        method,
        first=lambda self, problem: started(problem, self.kind(problem), p, self.start),
        next=lambda self, problem, state: state.space.halved(problem, p),
    )


def halved(method):
    """Cells are halved in place of degrees that are raised."""
    first = type(method).first
    return replaced(
        method,
        first=first,
        next=lambda self, problem, state: state.space.halved(problem, 1),
        more=lambda self, problem, state: state.space.size < 4000,
    )


def stuck(method):
    """The same space again and again."""
    return replaced(method, next=lambda self, problem, state: state.space)


def late(method):
    """The error of a slower p-version: ∝ p^{1/4} times the true one."""
    step = type(method).step

    def slowed(self, problem, state):
        state = step(self, problem, state)
        state.energy_error *= state.degree**0.25
        return state

    return replaced(method, step=slowed)


def worse(method):
    """Solutions of the same unknowns with an error that falls half an order less."""
    step = type(method).step

    def slowed(self, problem, state):
        state = step(self, problem, state)
        state.energy_error /= state.h**0.5
        state.l2_error /= state.h**0.5
        return state

    return replaced(method, step=slowed)


SABOTEURS = [
    Saboteur("in energy", lambda: (Square(), FiniteElements()), lower),
    Saboteur("in L2", lambda: (Square(), FiniteElements()), lower),
    Saboteur("order 0.667 in energy", lambda: (LShape(), FiniteElements(degree=1)), worse),
    Saboteur("order 1.33 in L2", lambda: (LShape(), FiniteElements(degree=1)), worse),
    Saboteur("order 1.5 in energy", lambda: (Disk(edges="straight"), FiniteElements()), lower),
    Saboteur("a cubic is in the space", lambda: (CUBIC, FiniteElements(degree=3)), lower),
    Saboteur("twice the order", lambda: (CORNER, PVersion()), late),
    Saboteur("exponential: a factor", lambda: (FRONT, PVersion()), stuck),
    Saboteur("exp(−b N", lambda: (CORNER, HPVersion()), halved),
    Saboteur("exp(−b N", lambda: (LShape(), HPVersion()), halved),
    Saboteur("exponential in p whatever w is", lambda: (Interval(data="layer", width=0.1), HPVersion()), stuck),
    Saboteur("order 2 at every node", lambda: (Square(), FiniteDifferences()), turned(order=4)),
    Saboteur("order 4 in the mean", lambda: (Interval(), FiniteDifferences(order=4)), turned(order=2)),
    Saboteur("order 4 at every", lambda: (Interval(), FiniteDifferences(order=4)), turned(order=2)),
    Saboteur("order 2 in the mean", lambda: (Square(), FiniteDifferences()), turned(order=4)),
    Saboteur("differences of cubics", lambda: (CUBIC, FiniteDifferences()), put("max_error", lambda e: e + 1e-8)),
    Saboteur("ρ^−N", lambda: (FRONT, ChebyshevCollocation()), put("max_error", lambda e: e**0.25)),
    Saboteur("an entire u", lambda: (Interval(), ChebyshevCollocation()), turned(levels=2)),
    Saboteur("a cubic: exact", lambda: (CUBIC, ChebyshevCollocation()), put("energy_error", lambda e: e + 1e-9)),
    Saboteur("the algebraic error never grows", lambda: (Square(), StopHere()), noise("algebraic_error", 0.5)),
    Saboteur("Σ α_j ρ_j", lambda: (Square(), StopHere()), put("recent", lambda e: (*e[:-1], 1.001 * e[-1]))),
    Saboteur("total² = algebraic²", lambda: (Square(), StopHere()), put("total_error", lambda e: e * (1 + 1e-8))),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()


@pytest.mark.parametrize(
    "problem, method",
    [
        (LShape(), HPVersion()),
        (LShape(), HPVersion(slope=2.0)),
        (LShape(), PVersion(start=3)),
        (Square(data="front", width=0.2), PVersion(start=3)),
        (CORNER, PVersion(start=3)),
        (FRONT, PVersion(start=3)),
        (FRONT, ChebyshevCollocation(stride=16)),
        (FRONT, ChebyshevCollocation(stride=4, levels=12)),
    ],
    ids=str,
)
def test_what_is_promised_can_be_seen_and_holds(problem, method):
    """Few degrees, long strides: no promise, or one that holds."""
    for claim in method.claims(problem):
        verdict = tk.check(claim, problem, method)
        assert verdict.holds is True, f"{claim.title}: {verdict}"
