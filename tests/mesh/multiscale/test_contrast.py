"""A sweep over coefficients: scikit-fem's solutions, the limit of ideal conductors, what grows and what cannot."""

import numpy as np
import pytest
from peers import Peer

import toolkit as tk
from toolkit.mesh.multiscale.contrast import CoefficientSweep, Inclusions

skfem = Peer("skfem")
LAYOUTS = ["discs", "blocks", "channel"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_scikit_fem_finds_the_same_solutions(layout):
    problem = Inclusions(layout, 20, seed=3)
    mesh = skfem.MeshTri(problem.mesh.points.T, np.asarray(problem.mesh.cells.T, dtype=np.int64))
    basis = skfem.Basis(mesh, skfem.ElementTriP1())
    for state in tk.Run(problem, CoefficientSweep(ratio=10.0), tk.Stop(measure="distance", rtol=0.0, steps=3)):
        kappa = np.where(problem.inside, state.contrast, 1.0)[:, None] + 0 * basis.dx
        form = skfem.BilinearForm(lambda u, v, w: w["kappa"] * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1]))
        load = skfem.LinearForm(lambda v, w: v).assemble(basis)
        system = skfem.condense(form.assemble(basis, kappa=kappa), load, D=mesh.boundary_nodes())
        np.testing.assert_allclose(state.solution(), skfem.solve(*system), atol=1e-11)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_limit_is_the_best_of_all_that_are_flat_on_inclusions(layout):
    """u∞ is constant on each, and any other such function has more energy ½∫|∇v|² − ∫v."""
    problem, rng = Inclusions(layout, 20), np.random.default_rng(0)
    u, cells = problem.limit, problem.mesh.cells[problem.inside]
    assert np.ptp(u[cells], axis=1).max() == 0 and problem.inside.any()

    def energy(v):
        return 0.5 * v @ problem.laplacian @ v - problem.load @ v

    for _ in range(5):
        bump = np.zeros_like(u)
        outside = np.setdiff1d(problem.mesh.inner, cells)
        bump[outside] = rng.standard_normal(len(outside))
        first, second = energy(u + 1e-3 * bump) - energy(u), energy(u - 1e-3 * bump) - energy(u)
        assert first > 0 and first == pytest.approx(second, rel=1e-6)


def test_a_contrast_of_one_is_the_plate_of_one_piece():
    """∫u of −Δu = 1 on the square is Saint-Venant's 0.0351442…; linear elements come from below, to second order."""
    exact = sum(64 / (np.pi**6 * i * i * j * j * (i * i + j * j)) for i in range(1, 300, 2) for j in range(1, 300, 2))
    gaps = [exact - CoefficientSweep().init(Inclusions(n=n)).compliance for n in (16, 32, 64)]
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.05) and gaps[1] / gaps[2] == pytest.approx(4, rel=0.02)


def test_the_work_and_the_end_are_said():
    run = tk.solve(Inclusions(n=16), CoefficientSweep(last=1e4), tk.Stop(rtol=0.0))
    assert run.status.kind == "converged" and run.state.contrast == 1e4
    assert run.state.work.solves == len(run.history) == 15


def test_no_inclusion_is_no_trouble():
    problem = Inclusions("discs", 8, count=1, seed=4)
    while problem.inside.any():
        problem = problem.turned(seed=problem.seed + 1)
    run = tk.solve(problem, CoefficientSweep(), tk.Stop(rtol=0.0))
    assert run.state.distance < 1e-12 and CoefficientSweep().claims(problem) == ()
