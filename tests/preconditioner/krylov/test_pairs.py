"""Every claim of every Krylov method with every preconditioner that suits it holds, on a few small systems."""

import pytest

import toolkit as tk
from toolkit.core.registry import classes
from toolkit.preconditioner import ConvectionDiffusion, Helmholtz, Poisson, Preconditioner
from toolkit.preconditioner.krylov.method import KrylovMethod

CASES = (
    Poisson(dim=2, n=10, load="noise"),
    ConvectionDiffusion(n=10),
    Helmholtz(n=12, wavenumber=8.0),
)
PRECONDITIONERS = classes("method", "preconditioner", Preconditioner)


@pytest.mark.parametrize("problem", CASES, ids=lambda problem: problem.slug())
@pytest.mark.parametrize("name", PRECONDITIONERS)
def test_claims_of_all_pairs_hold(name, problem):
    for cls in classes("method", "preconditioner", KrylovMethod).values():
        method = cls(preconditioner=PRECONDITIONERS[name]())
        if tk.Run(problem, method).step(0).status.kind == "failed":  # this preconditioner does not exist here
            continue
        for claim in method.claims(problem):
            if claim.size <= 2:  # ladders take too long here
                verdict = tk.check(claim, problem, method)
                assert verdict.holds is True, f"{method.label()}: {claim.title}: {verdict}"
