"""Krylov methods that must break what is promised of the honest ones: noise, half steps, other methods."""

import numpy as np
import pytest
from sabotage import Saboteur, after_each_step, biased, costly, half, noise, turned

from toolkit.preconditioner import (
    CG,
    FGMRES,
    GMRES,
    IDR,
    ILU0,
    MINRES,
    SSOR,
    AdditiveSchwarz,
    BiCGStab,
    ChebyshevIteration,
    FastGradient,
    FlexibleCG,
    Helmholtz,
    Identity,
    InnerGMRES,
    Jacobi,
    KrylovGradient,
    Multigrid,
    Outliers,
    Poisson,
    RugeStuben,
    SmoothedAggregation,
    SymmetricPolynomial,
)
from toolkit.preconditioner.stencils.convection import ConvectionDiffusion

LINE = Poisson(dim=1, n=16, load="noise")
PLANE = Poisson(dim=2, n=8, load="noise")
WAVE = Helmholtz(n=8, wavenumber=8.0, load="noise")
WIND = ConvectionDiffusion(n=6, peclet=10.0)
SPREAD = Outliers(outliers=2)

AGREE, GROWS, FAST = "recursive and true residual agree", "never grows", "than Chebyshev semi-iteration"


def rival(method):
    """Another method altogether."""
    return lambda honest: method


def narrow(method):
    """Chebyshev's polynomial of an interval that begins a hundred times too high: blind below."""

    def init(self, problem):
        known = self.interval(problem, self.preconditioner.build(problem))
        return ChebyshevIteration(self.preconditioner, low=known[1] / 2, high=known[1]).init(problem)

    return type("Narrow", (type(method),), {"init": init, "title": ""})(preconditioner=method.preconditioner)


def bent(name, size=0.2):
    """Every second entry of an array is too large."""

    def spoil(problem, before, state):
        getattr(state, name)[::2] *= 1 + size

    return lambda method: after_each_step(spoil, method)


skewed = biased("upper", 1.2)  # R of GMRES' QR factorisation


SABOTEURS = [
    Saboteur(AGREE, lambda: (PLANE, CG()), half("x")),
    Saboteur(AGREE, lambda: (PLANE, CG(SSOR())), biased("x", 1.01)),
    Saboteur(AGREE, lambda: (PLANE, FlexibleCG()), noise("x", 1e-3)),
    Saboteur(AGREE, lambda: (PLANE, MINRES()), noise("x", 1e-3)),
    Saboteur(AGREE, lambda: (WAVE, MINRES()), half("x")),
    Saboteur(AGREE, lambda: (PLANE, GMRES(m=80)), skewed),
    Saboteur(AGREE, lambda: (PLANE, FGMRES(m=80)), skewed),
    Saboteur(AGREE, lambda: (WIND, BiCGStab()), bent("r")),
    Saboteur(AGREE, lambda: (WIND, IDR()), bent("r")),
    Saboteur(AGREE, lambda: (PLANE, ChebyshevIteration(SSOR())), noise("r", 1e-3)),
    Saboteur(AGREE, lambda: (PLANE, FGMRES(InnerGMRES())), skewed),
    # what is least
    Saboteur("energy error never", lambda: (PLANE, CG()), bent("p", -2)),
    Saboteur("energy error never", lambda: (PLANE, FlexibleCG(SSOR())), bent("x", 0.01)),
    Saboteur("residual never", lambda: (PLANE, MINRES()), noise("r", 1.0)),
    Saboteur("residual never", lambda: (WAVE, MINRES()), noise("r", 1.0)),
    Saboteur("residual never", lambda: (PLANE, GMRES()), noise("g", 0.5)),
    Saboteur("residual never", lambda: (PLANE, FGMRES(InnerGMRES())), noise("g", 0.5)),
    Saboteur("residual never", lambda: (PLANE, InnerGMRES()), noise("r", 2.0)),
    Saboteur("√κ−1", lambda: (PLANE, CG()), rival(Jacobi())),
    Saboteur("√κ−1", lambda: (PLANE, FlexibleCG()), rival(Jacobi())),
    Saboteur("1/T_k", lambda: (PLANE, MINRES()), rival(Jacobi())),
    Saboteur("1/T_k", lambda: (PLANE, GMRES(m=80)), rival(GMRES(m=2))),
    Saboteur("√(ad)", lambda: (WAVE, MINRES()), rival(GMRES(m=2))),
    Saboteur("(1 − μ²", lambda: (WIND, GMRES(ILU0(), m=2)), rival(Jacobi())),
    # when it ends
    Saboteur("exact after", lambda: (LINE, CG(Jacobi())), noise("p", 0.1)),
    Saboteur("exact after", lambda: (WIND, GMRES(m=30)), rival(GMRES(m=10))),
    Saboteur("exact after", lambda: (WIND, BiCGStab()), rival(GMRES(m=2))),
    Saboteur("exact after", lambda: (WIND, IDR()), rival(GMRES(m=1))),
    Saboteur("Ritz values", lambda: (LINE, CG()), noise("p", 1e-2)),
    # who is faster
    Saboteur(FAST, lambda: (PLANE, CG()), costly("matvecs", 5)),
    Saboteur(FAST, lambda: (PLANE, CG(SSOR())), costly("matvecs", 5)),
    Saboteur(FAST, lambda: (PLANE, MINRES()), rival(ChebyshevIteration(low=1e-2, high=1e6))),
    Saboteur("as CG", lambda: (PLANE, FlexibleCG(SSOR())), rival(FlexibleCG())),
    Saboteur("than MINRES", lambda: (PLANE, GMRES(m=80)), turned(m=3)),
    Saboteur("as GMRES", lambda: (WIND, FGMRES(ILU0())), turned(preconditioner=Identity())),
    # Chebyshev's polynomial
    Saboteur("1/T_k", lambda: (PLANE, ChebyshevIteration()), narrow),
    Saboteur("1/T_k", lambda: (PLANE, ChebyshevIteration(SSOR())), narrow),
    # gradient methods
    Saboteur("1/√(ρ A_k)", lambda: (SPREAD, FastGradient(Identity())), half("x")),
    Saboteur("1/√(ρ A_k)", lambda: (SPREAD, FastGradient(Identity())), rival(Jacobi())),
    Saboteur("no slower", lambda: (SPREAD, FastGradient(Identity())), rival(Jacobi(omega=0.01))),
    Saboteur("grow with the gap", lambda: (SPREAD, FastGradient()), rival(FastGradient(SymmetricPolynomial(degree=1)))),
    Saboteur("a step", lambda: (SPREAD, KrylovGradient()), turned(degree=0)),
    # what preconditioners promise of CG
    Saboteur("grow with n", lambda: (Poisson(n=16), CG(Multigrid())), rival(CG())),
    Saboteur("grow with n", lambda: (Poisson(n=16), CG(RugeStuben())), rival(CG())),
    Saboteur("grow with n", lambda: (Poisson(n=16), CG(SmoothedAggregation(cycle="W"))), rival(CG())),
    Saboteur("grow with n", lambda: (Poisson(n=16), CG(AdditiveSchwarz())), rival(CG(AdditiveSchwarz(coarse=False)))),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_the_claim_catches_it(one):
    one.is_caught()


PAIRS = [
    *((PLANE, method) for method in (CG(), CG(SSOR()), FlexibleCG(), MINRES(), GMRES(m=80), FGMRES(m=80))),
    (WAVE, MINRES()),
    *((WIND, method) for method in (GMRES(m=30), FGMRES(ILU0()), BiCGStab(), IDR())),
    (PLANE, ChebyshevIteration()),
    (PLANE, ChebyshevIteration(SSOR())),
    (LINE, CG()),
    *(
        (SPREAD, method)
        for method in (FastGradient(), FastGradient(Identity()), KrylovGradient(), ChebyshevIteration())
    ),
]


def test_every_promise_has_a_saboteur():
    words = [one.title for one in SABOTEURS]
    for problem, method in PAIRS:
        for claim in method.claims(problem):
            assert any(word in claim.title for word in words), f"{method}: {claim.title}"


def test_saboteurs_are_no_methods_of_the_lab():
    assert np.all([not name.startswith("Spoiled") for name in dir(__import__("toolkit.preconditioner").preconditioner)])
