"""GCRO-DR: the invariants of the paper, dense references, and what recycling and sorting save."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

import toolkit as tk
from toolkit.core.stop import THROUGH
from toolkit.preconditioner.krylov.inner import InnerGMRES
from toolkit.preconditioner.krylov.looks import spectrum
from toolkit.preconditioner.learning.problems import DarcySequence
from toolkit.preconditioner.learning.recycling import GCRODR, harmonic_ritz, nearest_neighbours
from toolkit.preconditioner.multigrid.geometric import Multigrid
from toolkit.preconditioner.stationary.deflation import Deflation
from toolkit.preconditioner.stationary.incomplete import ILU0
from toolkit.preconditioner.stationary.preconditioning import Identity
from toolkit.preconditioner.stationary.relaxation import Jacobi

ALIKE = DarcySequence(n=24, count=12, modes=3, spread=1.0)


def operator(state):
    """B = A M⁻¹ of the system at work, dense."""
    diagonal = state.system.matrix.diagonal()
    return state.system.matrix.toarray() / diagonal[None, :]


@pytest.mark.parametrize("steps", [1, 2, 3, 9])
def test_recycle_space_invariants(steps):
    """C = B U with orthonormal columns, and r ⟂ C, after every cycle."""
    run = tk.Run(ALIKE, GCRODR(m=20, k=6), THROUGH).step(steps)
    state = run.snapshot()
    if state.system is None:
        state.system = ALIKE.system(int(state.order[state.done - 1]))
    np.testing.assert_allclose(operator(state) @ state.U, state.C, atol=1e-10)
    np.testing.assert_allclose(state.C.T @ state.C, np.eye(state.C.shape[1]), atol=1e-12)
    assert np.linalg.norm(state.C.T @ state.r) <= 1e-10 * state.system.norm


def test_recursive_residual_is_the_true_one_and_systems_are_solved():
    run = tk.Run(ALIKE, GCRODR(m=20, k=6), THROUGH)
    before = 0
    for state in run:
        if state.done > before:
            solved = ALIKE.system(int(state.order[before]))
            exact = spla.spsolve(solved.matrix.tocsc(), solved.rhs)
            assert np.linalg.norm(solved.residual(state.solution())) <= 1.01e-8 * solved.norm
            assert np.linalg.norm(state.solution() - exact) <= 1e-5 * np.linalg.norm(exact)
            before = state.done
    assert run.status.kind == "converged" and before == ALIKE.count
    assert sorted(run.state.order) == list(range(ALIKE.count))
    assert run.state.spent.sum() == run.history["matvecs"][-1]


def test_without_recycle_space_it_is_restarted_gmres():
    """k = 0 takes the products that SciPy's GMRES(m) with the same right preconditioner takes, to a cycle's end."""
    problem = DarcySequence(n=16, count=1)
    run = tk.solve(problem, GCRODR(k=0, m=15), THROUGH)
    system = problem.system(0)
    scaled = sp.csr_array(system.matrix / system.matrix.diagonal()[None, :])
    seen = []
    spla.gmres(scaled, system.rhs, rtol=1e-8, restart=15, callback=seen.append, callback_type="pr_norm", maxiter=1000)
    assert run.history["matvecs"][-1] == len(seen)


def test_one_cycle_is_the_least_squares_solution_over_the_whole_space():
    """After a cycle with recycling, r is b's residual minimised over span[U, V] (dense least squares)."""
    run = tk.Run(ALIKE, GCRODR(m=12, k=4, preconditioner=Identity()), THROUGH).step(1)
    before = run.snapshot()
    after = run.step(1).state
    B = before.system.matrix.toarray()
    projector = np.eye(len(B)) - before.C @ before.C.T
    krylov = [before.r / np.linalg.norm(before.r)]
    for _ in range(12 - before.U.shape[1] - 1):
        w = projector @ (B @ krylov[-1])
        for v in krylov:
            w -= (v @ w) * v
        krylov.append(w / np.linalg.norm(w))
    images = B @ np.column_stack([before.U, *krylov])
    best = before.r - images @ np.linalg.lstsq(images, before.r, rcond=None)[0]
    assert np.linalg.norm(after.r) == pytest.approx(np.linalg.norm(best), rel=1e-8)
    np.testing.assert_allclose(after.r, best, atol=1e-8 * np.linalg.norm(before.r))


def test_harmonic_ritz_vectors_of_the_first_cycle():
    """The pencil GᵀG z = θ Gᵀ(Ŵᵀ V̂) z with G = H̄ is H + h² H⁻ᵀ e_m e_mᵀ; its k smallest are spanned."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((30, 30))
    a = a @ a.T + np.eye(30)
    v = np.linalg.qr(np.column_stack([np.linalg.matrix_power(a / 60, j) @ np.ones(30) for j in range(9)]))[0]
    hessenberg = v.T @ a @ v[:, :8]
    h = hessenberg[:8]
    dense = h + hessenberg[8, 7] ** 2 * np.outer(np.linalg.solve(h.T, np.eye(8)[7]), np.eye(8)[7])
    values, vectors = np.linalg.eig(dense)
    order = np.argsort(abs(values))[:3]
    space = harmonic_ritz(hessenberg, np.eye(9, 8), 3)
    smallest = np.linalg.qr(vectors[:, order].real)[0]
    np.testing.assert_allclose(space @ space.T, smallest @ smallest.T, atol=1e-6)


def test_the_same_system_again_costs_half_of_its_products():
    """Ten deflated directions and their k products: what is left to do is less than half of the first solve."""
    problem = DarcySequence(n=24, count=2, spread=0.0)
    run = tk.solve(problem, GCRODR(m=40, k=10, preconditioner=Identity()), THROUGH)
    first, again = run.state.spent
    assert again - 10 < 0.5 * first


def test_a_chain_of_nearest_neighbours():
    points = np.array([[0.0], [5.0], [1.0], [4.0], [2.5]])
    np.testing.assert_array_equal(nearest_neighbours(points), [0, 2, 4, 3, 1])


def test_sorting_shortens_the_path():
    parameters = ALIKE.parameters
    chain = nearest_neighbours(parameters)

    def length(p):
        return np.linalg.norm(np.diff(p, axis=0), axis=1).sum()

    assert length(parameters[chain]) < length(parameters)


def test_recycling_saves_products_over_fifty_systems():
    """Row 12: fifty Darcy systems to 1e-8 with Jacobi; two times fewer products than restarted GMRES."""
    problem = DarcySequence(n=32, count=50, modes=3, spread=1.0)
    cost = {}
    for name, method in {
        "gmres": GCRODR(k=0, sort=False),
        "afresh": GCRODR(keep=False, sort=False),
        "unsorted": GCRODR(sort=False),
        "sorted": GCRODR(),
    }.items():
        assert isinstance(method.preconditioner, Jacobi)
        cost[name] = tk.solve(problem, method, THROUGH).history["matvecs"][-1]
    assert cost["sorted"] <= cost["unsorted"] < cost["afresh"] < cost["gmres"]
    assert 2 * cost["sorted"] < cost["gmres"]


def test_unlike_systems_do_not_pay():
    """The catalogue's criterion needs like systems: with all modes and σ = 1 a fresh start is no dearer."""
    problem = DarcySequence(n=32, count=20, modes=32, spread=1.0)
    kept, fresh = (
        tk.solve(problem, GCRODR(keep=keep, sort=False), THROUGH).history["matvecs"][-1] for keep in (True, False)
    )
    assert kept > 0.95 * fresh
    assert not any("afresh" in claim.title for claim in GCRODR().claims(problem))


def test_a_spectrum_is_that_of_one_system_of_the_sequence():
    """M and A are of the system at work, between two systems of the last one: never M of one and A of the first."""
    problem = DarcySequence(n=12, count=4, modes=3, spread=2.0)
    seen, state = set(), None
    for state in tk.Run(problem, GCRODR(m=20, k=4), THROUGH):
        i = int(state.order[state.done - 1 if state.system is None else state.done])
        a = problem.system(i).matrix.toarray()
        expected = np.sort(np.linalg.eigvals(a / a.diagonal()[:, None]).real)
        np.testing.assert_allclose(spectrum(problem, state), expected, rtol=1e-8)
        seen.add((i, state.system is None))
    assert {i for i, closed in seen if closed} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "method, knobs",
    [
        (GCRODR(tol=1e-2), {}),
        (GCRODR(m=100), dict(n=64)),
        (GCRODR(k=4), {}),
        (GCRODR(preconditioner=ILU0()), {}),
        (GCRODR(), dict(n=8)),
        (GCRODR(), dict(spread=3.0)),
    ],
)
def test_nothing_is_promised_where_gmres_does_not_restart_enough(method, knobs):
    assert not method.claims(ALIKE.turned(**knobs)) and GCRODR().claims(ALIKE)


def test_no_memory_is_promised_to_pay_on_widely_spread_systems():
    """σ = 2: GCRO-DR afresh takes about as many products."""
    titles = [claim.title for claim in GCRODR().claims(ALIKE.turned(spread=2.0))]
    assert any("GMRES" in title for title in titles) and not any("afresh" in title for title in titles)


@pytest.mark.parametrize("knobs", [dict(spread=0.0), dict(tol=1e-5), dict(tol=1e-12), dict(m=20, k=8)])
def test_promises_hold_at_the_edges_of_what_they_assume(knobs):
    mine = {name: value for name, value in knobs.items() if name != "spread"}
    problem, method = ALIKE.turned(spread=knobs.get("spread", 1.0)), GCRODR(**mine)
    claims = method.claims(problem)
    assert len(claims) >= 2
    for claim in claims:
        assert tk.check(claim, problem, method).holds is True, claim.title


def test_recycle_dimension_must_leave_room():
    with pytest.raises(tk.KnobError, match="less than m = 10"):
        GCRODR(m=10, k=10)


@pytest.mark.parametrize("n", [12, 32])
def test_a_system_counts_as_solved_only_if_its_true_residual_is_small(n):
    """At 1e-14 the recurrences of n = 32 go on alone: the run says what rounding allows; at n = 12 one goes on."""
    problem, method = DarcySequence(n=n, count=3), GCRODR(m=12, k=4, tol=1e-14)
    run, done = tk.Run(problem, method, THROUGH.turned(steps=2000)), 0
    for state in run:
        while done < state.done:
            one = problem.system(int(state.order[done]))
            assert np.linalg.norm(one.residual(state.solved)) <= 1.1e-14 * one.norm
            done += 1
    assert run.status.kind == {12: "converged", 32: "stagnated"}[n], run.status
    assert n == 12 or "‖b − A x‖" in run.status.cause


def test_a_preconditioner_that_does_not_suit_is_refused_before_the_first_system():
    for inner in (Multigrid(), InnerGMRES()):
        assert GCRODR(preconditioner=inner).suits(ALIKE) and not GCRODR(preconditioner=inner).claims(ALIKE)
    assert not GCRODR(preconditioner=ILU0()).suits(ALIKE)


def test_a_preconditioner_that_cannot_be_built_ends_the_run_with_a_cause():
    flawed = tk.solve(DarcySequence(n=4, count=2), GCRODR(preconditioner=Deflation(count=100)), THROUGH)
    assert flawed.status.kind == "breakdown" and "system 1" in flawed.status.cause and flawed.status.advice


def test_a_complex_pair_of_harmonic_ritz_vectors_is_kept_whole():
    """Both parts of the vector of a rotation, |θ| = 1, before the real ones of 5 and 7; no half of a pair."""
    block = np.zeros((5, 4))
    block[:2, :2], block[2, 2], block[3, 3] = [[0, -1], [1, 0]], 5, 7
    space = harmonic_ritz(block, np.eye(5, 4), 2)
    np.testing.assert_allclose(space @ space.T, np.diag([1.0, 1, 0, 0]), atol=1e-12)
    assert harmonic_ritz(block, np.eye(5, 4), 3).shape == (4, 3)
