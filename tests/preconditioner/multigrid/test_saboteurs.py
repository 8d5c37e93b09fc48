"""Cycles and subdomains that must break what is promised of the honest ones: half steps, noise, other methods."""

import numpy as np
import pytest
import scipy.linalg as la
from sabotage import Saboteur, after_each_step, turned

import toolkit as tk
from toolkit.preconditioner import (
    CG,
    SSOR,
    AdditiveSchwarz,
    GaussSeidel,
    Jacobi,
    Multigrid,
    Poisson,
    RugeStuben,
    SmoothedAggregation,
)
from toolkit.preconditioner.multigrid.algebraic import gauss_seidel_factor
from toolkit.preconditioner.multigrid.schwarz import cuts
from toolkit.preconditioner.stencils.diffusion import Diffusion

PLANE, ROUGH, SINE = Poisson(dim=2, n=16), Poisson(dim=2, n=16, load="noise"), Poisson(dim=2, n=32, load="sine")
SAND = Diffusion(n=16, medium="checkerboard", contrast=1e4)


def rival(method):
    """Another method altogether."""
    return lambda honest: method


def lessened(share):
    """Only a share of every cycle's correction; the residual is that of what came out."""

    def spoil(problem, before, state):
        state.x[:] = before.x + share * (state.x - before.x)
        state.r = problem.residual(state.x)
        state.residual = float(np.linalg.norm(state.r)) / problem.norm

    return lambda method: after_each_step(spoil, method)


SABOTEURS = [
    Saboteur("grow with n", lambda: (PLANE, Multigrid()), rival(SSOR())),
    Saboteur("grow with n", lambda: (PLANE, RugeStuben()), rival(CG())),
    Saboteur("grow with n", lambda: (PLANE, SmoothedAggregation(cycle="W")), rival(SSOR())),
    Saboteur("at most like levels³", lambda: (PLANE, SmoothedAggregation()), rival(SSOR())),
    Saboteur("two-grid factor", lambda: (ROUGH, Multigrid(cycle="W")), lessened(0.5)),
    Saboteur("two-grid factor", lambda: (ROUGH, Multigrid(cycle="F", pre=2)), turned(pre=1, post=0)),
    Saboteur("below the discretisation error", lambda: (SINE, Multigrid(full=True)), turned(full=False)),
    Saboteur("ρ(I − M⁻¹A)", lambda: (SAND, Multigrid()), lessened(0.2)),
    Saboteur("at least as by symmetric", lambda: (ROUGH, RugeStuben()), lessened(0.02)),
    Saboteur("at least as by symmetric", lambda: (ROUGH, SmoothedAggregation()), rival(Jacobi())),
    Saboteur("at least as by symmetric", lambda: (SAND, SmoothedAggregation(sweeps=2)), rival(GaussSeidel())),
    Saboteur("ρ(I − M⁻¹A)", lambda: (ROUGH, AdditiveSchwarz(subdomains=4)), turned(subdomains=16, coarse=False)),
    Saboteur("flat in n", lambda: (PLANE, AdditiveSchwarz()), turned(coarse=False)),
    Saboteur("grow like n²", lambda: (PLANE, AdditiveSchwarz(coarse=False)), turned(coarse=True)),
]


@pytest.mark.parametrize("one", SABOTEURS, ids=str)
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_the_claim_catches_it(one):
    one.is_caught()


METHODS = (
    *(Multigrid(), Multigrid(cycle="W"), Multigrid(full=True), RugeStuben(), SmoothedAggregation()),
    *(SmoothedAggregation(cycle="W"), AdditiveSchwarz(), AdditiveSchwarz(coarse=False), AdditiveSchwarz(subdomains=4)),
)


def test_every_promise_has_a_saboteur():
    words = [one.title for one in SABOTEURS]
    for problem in (PLANE, ROUGH, SINE, SAND):
        for method in METHODS:
            found = () if method.suits(problem) else method.claims(problem)
            assert all(any(word in claim.title for word in words) for claim in found), f"{method} on {problem}"


@pytest.mark.parametrize("complex_", [False, True])
def test_what_a_symmetric_sweep_leaves_is_the_norm_of_its_error(complex_):
    """‖I − (D + L)⁻¹A‖²_A by its definition, and that of the whole cycle is below it."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((9, 9)) + (1j * rng.standard_normal((9, 9)) if complex_ else 0)
    a = a @ a.conj().T + np.eye(9)
    root = la.cholesky(a).conj().T  # A = root rootᴴ
    left = root.conj().T @ (np.eye(9) - la.solve(np.tril(a), a)) @ la.inv(root.conj().T)
    assert gauss_seidel_factor(a) == pytest.approx(la.norm(left, 2) ** 2, rel=1e-9)


@pytest.mark.parametrize("method", [SmoothedAggregation(strength=0.2), RugeStuben(strength=0.99)], ids=repr)
def test_a_threshold_that_calls_every_coupling_weak_promises_no_flatness(method):
    """θ = 0.2 makes aggregates of single points on the coarse grids: 19, 65, 251 steps for n = 16, 32, 64."""
    assert not method.flat(PLANE) and type(method)().flat(PLANE)


@pytest.mark.parametrize("count, parts", [(12, [3, 4]), (6, [3, 2]), (7, [7, 1]), (16, [4, 4]), (None, [3, 3])])
def test_boxes_are_as_square_as_can_be(count, parts):
    assert cuts((12, 12), count) == parts


@pytest.mark.parametrize("pre, post", [(1, 0), (1, 1), (2, 1), (2, 2)])
def test_the_two_grid_factor_is_nearly_reached(pre, post):
    """What is promised is no more than a third above what W-cycles do."""
    problem, method = Poisson(dim=2, n=64, load="noise"), Multigrid(cycle="W", pre=pre, post=post)
    claim = next(one for one in method.claims(problem) if "two-grid" in one.title)
    verdict = tk.check(claim, problem, method)
    assert verdict.holds is True and claim.factor < 1.34 * verdict.measured


def test_the_discretisation_error_is_that_of_the_sine():
    """sin πx sin πy is an eigenvector of both operators: u_h and u differ by λ/λ_h − 1."""
    (claim,) = [one for one in Multigrid(full=True).claims(SINE) if "discretisation" in one.title]
    x = np.sin(np.pi * np.arange(1, 32) / 32)
    u = np.outer(x, x).ravel() * SINE.rhs[0] / (x[0] ** 2 * 2 * np.pi**2)
    gap = la.norm(SINE.exact - u) / la.norm(u)
    assert claim.curve(np.array([0.0, 1.0]), np.ones(2))[1] == pytest.approx(gap, rel=0.01)
