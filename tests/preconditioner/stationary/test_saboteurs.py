"""Stationary methods that must break what is promised of the honest ones: half steps, noise, other methods."""

import pytest
from sabotage import Saboteur, half, turned

from toolkit.preconditioner import (
    CG,
    IC0,
    ILU0,
    SOR,
    SSOR,
    ChebyshevPolynomial,
    Deflation,
    GaussSeidel,
    Identity,
    Jacobi,
    Outliers,
    Poisson,
    SymmetricPolynomial,
    ThresholdILU,
)
from toolkit.preconditioner.stencils.convection import ConvectionDiffusion
from toolkit.preconditioner.stencils.diffusion import Diffusion

LINE, PLANE, ROUGH = Poisson(dim=1, n=12), Poisson(dim=2, n=8), Poisson(dim=2, n=8, load="noise")
SAND, WIND, GAP = Diffusion(n=8, contrast=100.0), ConvectionDiffusion(n=6, peclet=10.0), Outliers(n=20, gap=20.0)


def rival(method):
    """Another method altogether."""
    return lambda honest: method


SABOTEURS = [
    # what a step leaves, from the entries of A and M
    Saboteur("ρ(I − M⁻¹A)", lambda: (ROUGH, Identity()), half("x")),
    Saboteur("ρ(I − M⁻¹A)", lambda: (SAND, Jacobi()), turned(omega=0.5)),
    Saboteur("ρ(I − M⁻¹A)", lambda: (SAND, SSOR(omega=1.4)), turned(omega=0.4)),
    Saboteur("ρ(I − M⁻¹A)", lambda: (ROUGH, IC0()), turned(shift=1.0)),
    Saboteur("ρ(I − M⁻¹A)", lambda: (WIND, GaussSeidel()), rival(Jacobi())),
    Saboteur("ρ(I − M⁻¹A)", lambda: (ROUGH, ILU0()), turned(shift=1.0)),
    Saboteur("‖I − A M⁻¹‖₂", lambda: (WIND, ThresholdILU(drop=1e-3)), turned(drop=0.1)),
    Saboteur("one step is exact", lambda: (LINE, IC0()), turned(shift=0.1)),
    Saboteur("one step is exact", lambda: (LINE, ILU0()), turned(shift=0.1)),
    Saboteur("one step is exact", lambda: (PLANE, ThresholdILU(drop=0.0)), turned(drop=0.01)),
    # closed forms on Poisson
    Saboteur("1 − ω (1 − cos πh)", lambda: (PLANE, Jacobi()), turned(omega=0.9)),
    Saboteur("1 − ω (1 − cos πh)", lambda: (PLANE, Jacobi()), rival(GaussSeidel())),
    Saboteur("cos² πh", lambda: (PLANE, GaussSeidel()), rival(Jacobi())),
    Saboteur("cos² πh", lambda: (PLANE, GaussSeidel()), rival(SOR(omega=1.1))),
    Saboteur("half the steps of Jacobi", lambda: (PLANE, GaussSeidel()), rival(SOR(omega=0.95))),
    Saboteur("Young's factor", lambda: (PLANE, SOR()), turned(omega=1.2)),
    Saboteur("Young's factor", lambda: (PLANE, SOR()), turned(omega=1.4)),
    Saboteur("Young's factor", lambda: (SAND, SOR(omega=1.7)), turned(omega=1.95)),
    Saboteur("1 − 1/κ with κ ≤", lambda: (PLANE, SSOR()), turned(omega=1.9)),
    Saboteur("grow like n²", lambda: (PLANE, Jacobi()), rival(SOR())),
    Saboteur("grow like n²", lambda: (PLANE, GaussSeidel()), rival(SSOR())),
    Saboteur("grow like n", lambda: (PLANE, SOR()), rival(GaussSeidel())),
    Saboteur("grow like n", lambda: (PLANE, SSOR()), rival(GaussSeidel())),
    # polynomials and gaps
    Saboteur("in proportion to the gap", lambda: (GAP, Identity()), rival(CG())),
    Saboteur("1/T_5", lambda: (ROUGH, ChebyshevPolynomial()), turned(degree=2)),
    Saboteur("1 − 1/κ(P_τ A)", lambda: (GAP, SymmetricPolynomial()), turned(degree=0)),
    Saboteur("only as κ(P_τ A)", lambda: (GAP, SymmetricPolynomial()), turned(degree=1)),
    Saboteur("(κ − 1)/(κ + 1)", lambda: (ROUGH, Deflation(count=6)), turned(count=2)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_the_claim_catches_it(one):
    one.is_caught()


METHODS = (
    *(Identity(), Jacobi(), GaussSeidel(), SOR(), SSOR(), IC0(), ILU0(), ThresholdILU(), ThresholdILU(drop=0.0)),
    *(ChebyshevPolynomial(), SymmetricPolynomial(), Deflation(count=6)),
)


def test_every_promise_has_a_saboteur():
    words = [one.title for one in SABOTEURS]
    for problem in (LINE, PLANE, ROUGH, SAND, WIND, GAP):
        for method in METHODS:
            found = () if method.suits(problem) else method.claims(problem)
            assert all(any(word in claim.title for word in words) for claim in found), f"{method} on {problem}"
