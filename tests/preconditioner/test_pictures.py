"""Which pictures there are of a run is known without computing any, and those there are show something."""

import numpy as np
import pytest
from every import suited

import toolkit as tk
from toolkit.preconditioner import CG, Diffusion, Example, GraphLaplacian, Helmholtz, Jacobi, Outliers, Poisson
from toolkit.preconditioner.krylov.cg import CGState

LAB = tk.lab("preconditioner")
PICTURES = {one.name: one for one in LAB.pictures}


def shown(problem, state) -> set[str]:
    return {name for name, one in PICTURES.items() if one.applies(problem, state)}


@pytest.mark.parametrize("name", LAB.methods())
def test_pictures_that_apply_have_data_and_the_others_would_have_none(name):
    for problem, method in suited("preconditioner", name):
        state = tk.Run(problem, method, tk.Stop(rtol=0.0)).step(4).snapshot()
        found = shown(problem, state)
        for one in found:
            assert PICTURES[one].data(problem, state) is not None, (one, problem)
        assert ("solution" in found) == (problem.field(state.solution()) is not None) == ("residual" in found)
        assert ("error" in found) == ("solution" in found and problem.exact is not None)
        assert ("polynomial" in found) == isinstance(state, CGState)
        assert "profile" in found


@pytest.mark.parametrize(
    "problem, expected",
    [
        (Poisson(n=8), {"solution", "error", "residual", "profile", "spectrum", "polynomial"}),
        (Poisson(dim=1, n=8), {"profile", "spectrum", "polynomial"}),
        (Poisson(n=32), {"solution", "error", "residual", "profile", "spectrum", "polynomial"}),
        (Diffusion(n=8), {"solution", "error", "residual", "medium", "profile", "spectrum", "polynomial"}),
        (Diffusion(n=8, medium="constant"), {"solution", "error", "residual", "profile", "spectrum", "polynomial"}),
        (Example("airfoil"), {"solution", "error", "residual", "points", "profile", "spectrum", "polynomial"}),
        (Example("knot"), {"points", "profile", "spectrum", "polynomial"}),
        (GraphLaplacian(images=80), {"points", "profile", "spectrum", "polynomial"}),
        (Outliers(), {"profile", "spectrum", "polynomial"}),
    ],
    ids=lambda value: value.slug() if isinstance(value, tk.Problem) else "",
)
def test_pictures_of_conjugate_gradients(problem, expected):
    assert shown(problem, tk.Run(problem, CG()).step(2).snapshot()) == expected


def test_a_spectrum_is_drawn_of_small_hermitian_matrices_and_of_ritz_values():
    for problem, there in ((Poisson(n=8), True), (Poisson(n=32), False), (Helmholtz(n=8, damping=0.5), False)):
        assert ("spectrum" in shown(problem, tk.Run(problem, Jacobi()).step(1).snapshot())) == there
    start = tk.Run(Poisson(n=32), CG()).snapshot()
    assert PICTURES["spectrum"].applies(Poisson(n=32), start)
    assert PICTURES["spectrum"].data(Poisson(n=32), start) is None, "no Ritz values before the first step"


def test_spectra_are_remembered_by_the_problem():
    problem = Poisson(n=6)
    run = tk.Run(problem, CG())
    one, two = (PICTURES["spectrum"].data(problem, run.step(1).snapshot()) for _ in range(2))
    assert one["eigenvalues of M⁻¹A"][0] is two["eigenvalues of M⁻¹A"][0]
    np.testing.assert_allclose(one["eigenvalues of M⁻¹A"][0], np.linalg.eigvalsh(problem.matrix.toarray()))
