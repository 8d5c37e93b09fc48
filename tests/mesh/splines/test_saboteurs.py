"""What must break each claim about splines does: lower degrees, another derivative, a basis that is off."""

import pytest
from sabotage import Saboteur, after_each_step, replaced, turned

import toolkit as tk
from toolkit.mesh.splines import projection
from toolkit.mesh.splines.fractional_matrix import collocated
from toolkit.mesh.splines.projection import Curve, SplineFit
from toolkit.mesh.splines.riesz import Riesz, SplineCollocation

SMOOTH, EXIT = Riesz(), Riesz(data="exit")


def another(alpha):
    """The matrix of another derivative."""
    return lambda method: replaced(
        method, matrix=lambda self, problem, n: collocated(alpha(problem.alpha), self.degree, n)
    )


def resolved(method):
    """An error without the ends, where u is smooth: it falls faster than is promised of the whole."""

    def spoil(problem, before, state):
        state.error = state.error / state.n

    return after_each_step(spoil, method)


SABOTEURS = [
    Saboteur("L2 order p + 1", lambda: (Curve(), SplineFit()), turned(degree=2)),
    Saboteur("p + 1 − α", lambda: (SMOOTH, SplineCollocation()), turned(degree=4)),
    Saboteur("p + 2 − α", lambda: (SMOOTH, SplineCollocation(degree=2)), turned(degree=4)),
    Saboteur("order α/2", lambda: (EXIT, SplineCollocation()), resolved),
    Saboteur("condition number grows", lambda: (SMOOTH, SplineCollocation()), another(lambda alpha: alpha + 0.3)),
    Saboteur("follow the symbol", lambda: (SMOOTH, SplineCollocation()), another(lambda alpha: alpha + 0.3)),
    Saboteur("a middle column", lambda: (SMOOTH, SplineCollocation()), another(lambda alpha: alpha * (1 + 1e-9))),
    Saboteur("a middle column", lambda: (EXIT, SplineCollocation(degree=6)), another(lambda alpha: alpha + 1e-8)),
]
ELSEWHERE = ("the same basis",)


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
def test_the_claim_catches_it(one):
    one.is_caught()


def test_a_basis_that_is_off_is_seen(monkeypatch):
    """The matrix of another degree's basis, by 1e-11: matrix and recursion no longer agree."""
    problem, method = Curve(), SplineFit()
    (claim,) = (one for one in method.claims(problem) if "the same basis" in one.title)
    assert tk.check(claim, problem, method).holds
    honest = projection.basis_matrix
    monkeypatch.setattr(projection, "basis_matrix", lambda p: honest(p) * (1 + 1e-11))
    assert tk.check(claim, problem, method).holds is False


@pytest.mark.parametrize(
    "problem, method",
    [
        (Curve(), SplineFit(start=3, growth=1.5, levels=4)),
        (Curve("runge", 5.75), SplineFit(degree=8, start=3, levels=6)),
        (Curve("bump", 1.0), SplineFit(degree=10, levels=3)),
        (Curve(), SplineFit(degree=10, levels=9)),
        (SMOOTH, SplineCollocation(degree=5, start=4, levels=4)),
        (EXIT, SplineCollocation(degree=7, start=4, levels=3)),
    ],
    ids=str,
)
def test_what_is_promised_can_be_seen_and_holds(problem, method):
    for claim in method.claims(problem):
        verdict = tk.check(claim, problem, method)
        assert verdict.holds is True, f"{claim.title}: {verdict}"
