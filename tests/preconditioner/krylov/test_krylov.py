"""Krylov methods against what defines them: dense minimisation, polynomials, eigenvalues, and SciPy step by step."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

import toolkit as tk
from toolkit.preconditioner import (
    CG,
    FGMRES,
    GMRES,
    IC0,
    IDR,
    ILU0,
    MINRES,
    SSOR,
    BiCGStab,
    ChebyshevIteration,
    FlexibleCG,
    GaussSeidel,
    Identity,
    InnerGMRES,
    Jacobi,
    Poisson,
    UncheckedHelmholtz,
    system,
)
from toolkit.preconditioner.krylov.basis import Basis
from toolkit.preconditioner.krylov.method import spectrum
from toolkit.preconditioner.krylov.minres import indefinite_curve
from toolkit.preconditioner.krylov.ritz import from_conjugate_gradients, lanczos, residual_polynomial

RNG = np.random.default_rng(7)
N = 24


def draw(complex_: bool, *shape):
    real = RNG.standard_normal(shape)
    return real + 1j * RNG.standard_normal(shape) if complex_ else real


def make(kind: str, complex_: bool = False):
    """A dense system of N unknowns: general, Hermitian indefinite ("hermitian") or positive definite ("definite")."""
    G, b = draw(complex_, N, N), draw(complex_, N)
    if kind == "general":
        return system(G + 6 * np.eye(N), b)
    if kind == "hermitian":
        return system(G + G.conj().T, b)
    return system(G @ G.conj().T + 5 * np.eye(N), b, definite=True)


def inverse(preconditioner, problem) -> np.ndarray:
    """M⁻¹, dense."""
    built, out = preconditioner.build(problem), np.empty(problem.size, dtype=problem.dtype)
    columns = []
    for e in np.eye(problem.size, dtype=problem.dtype):
        built.apply(e, out)
        columns.append(out.copy())
    return np.array(columns).T


def krylov(B, v, k):
    """An orthonormal basis of span{v, B v, …, B^{k−1} v}, by Arnoldi with Householder QR at each step."""
    Q = v[:, None] / np.linalg.norm(v)
    for _ in range(k - 1):
        Q = np.linalg.qr(np.column_stack((Q, B @ Q[:, -1])))[0]
    return Q


def states(problem, method, steps):
    """States after 1 … steps steps, copied."""
    run = tk.Run(problem, method, tk.Stop(rtol=0.0, steps=steps))
    return [state.copy() for state in run]


BOTH = pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])


# -- what is least ----------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("preconditioner", [Identity(), Jacobi(), ILU0()], ids=lambda p: p.title)
def test_gmres_residual_is_least_over_the_krylov_space(complex_, preconditioner):
    problem = make("general", complex_)
    A, M = problem.matrix.toarray(), inverse(preconditioner, problem)
    for state in states(problem, GMRES(preconditioner=preconditioner, m=N), 10 if preconditioner == Identity() else 1):
        W = A @ M @ krylov(A @ M, problem.rhs, state.k)
        least = np.linalg.norm(problem.rhs - W @ np.linalg.lstsq(W, problem.rhs, rcond=None)[0]) / problem.norm
        np.testing.assert_allclose(state.residual, least, rtol=1e-9, atol=1e-13)
        true = np.linalg.norm(problem.residual(state.solution())) / problem.norm
        np.testing.assert_allclose(true, least, rtol=1e-9, atol=1e-13)


@BOTH
def test_restarted_gmres_is_gmres_from_the_last_iterate(complex_):
    problem = make("general", complex_)
    found = states(problem, GMRES(m=5), 13)
    again = system(problem.matrix, problem.rhs, found[9].solution())
    for late, fresh in zip(found[10:], states(again, GMRES(m=5), 3)):
        np.testing.assert_allclose(late.solution(), fresh.solution(), rtol=1e-10)


def test_fgmres_residual_is_least_over_the_directions_of_a_nonlinear_preconditioner():
    problem = make("general")
    for state in states(problem, FGMRES(preconditioner=InnerGMRES(steps=2), m=N), 6):
        W = problem.matrix @ state.directions.rows.T
        least = np.linalg.norm(problem.rhs - W @ np.linalg.lstsq(W, problem.rhs, rcond=None)[0]) / problem.norm
        np.testing.assert_allclose(np.linalg.norm(problem.residual(state.solution())) / problem.norm, least, rtol=1e-8)


@BOTH
@pytest.mark.parametrize("kind", ["hermitian", "definite"])
def test_minres_residual_is_least_in_the_norm_of_the_inverse_preconditioner(kind, complex_):
    problem = make(kind, complex_)
    weights = np.linspace(1, 3, N)
    for preconditioner in (Identity(), _Matrix(np.diag(weights))):
        M = inverse(preconditioner, problem)
        root = np.sqrt(M)  # diagonal
        A = problem.matrix.toarray()
        for state in states(problem, MINRES(preconditioner=preconditioner), 9):
            W = root @ A @ M @ krylov(A @ M, problem.rhs, state.k)
            b = root @ problem.rhs
            least = np.linalg.norm(b - W @ np.linalg.lstsq(W, b, rcond=None)[0]) / np.linalg.norm(b)
            np.testing.assert_allclose(state.preconditioned_residual, least, rtol=1e-7)
            true = problem.residual(state.solution())
            np.testing.assert_allclose(state.r, true, atol=1e-11 * problem.norm)
            np.testing.assert_allclose(np.linalg.norm(root @ true) / np.linalg.norm(b), least, rtol=1e-7)


@BOTH
@pytest.mark.parametrize("preconditioner", [Identity(), Jacobi(), SSOR()], ids=lambda p: p.title)
def test_cg_energy_error_is_least_over_the_krylov_space(complex_, preconditioner):
    problem = make("definite", complex_)
    A, M = problem.matrix.toarray(), inverse(preconditioner, problem)
    for state in states(problem, CG(preconditioner=preconditioner), 8):
        V = krylov(M @ A, M @ problem.rhs, state.k)
        best = V @ np.linalg.solve(V.conj().T @ A @ V, V.conj().T @ problem.rhs)
        np.testing.assert_allclose(state.solution(), best, atol=1e-8 * np.linalg.norm(best))


# -- the same method twice --------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("kind", ["hermitian", "definite"])
def test_gmres_and_minres_are_one_method_on_hermitian_systems(kind, complex_):
    problem = make(kind, complex_)
    for one, other in zip(states(problem, GMRES(m=N), 12), states(problem, MINRES(), 12)):
        np.testing.assert_allclose(one.residual, other.residual, rtol=1e-8)


def test_fgmres_with_a_fixed_preconditioner_is_gmres():
    problem = make("general")
    for one, other in zip(
        states(problem, GMRES(GaussSeidel(), m=7), 12), states(problem, FGMRES(GaussSeidel(), m=7), 12)
    ):
        np.testing.assert_allclose(one.solution(), other.solution(), rtol=1e-9)


@BOTH
def test_flexible_cg_with_a_fixed_preconditioner_is_cg(complex_):
    problem = make("definite", complex_)
    for one, other in zip(states(problem, CG(SSOR()), 10), states(problem, FlexibleCG(SSOR()), 10)):
        np.testing.assert_allclose(one.solution(), other.solution(), rtol=1e-7)


@pytest.mark.parametrize("preconditioner", [Identity(), Jacobi(), IC0()], ids=lambda p: p.title)
def test_the_compiled_loop_of_cg_is_the_plain_one(preconditioner):
    problem = Poisson(dim=2, n=16, load="noise")
    method = CG(preconditioner=preconditioner)
    plain = method.init(problem)
    plain.compiled = None
    for state in states(problem, method, 15):
        plain = method.step(problem, plain)
        np.testing.assert_allclose(state.x, plain.x, rtol=1e-10, atol=1e-16)
        np.testing.assert_allclose(
            [state.residual, state.preconditioned_residual], [plain.residual, plain.preconditioned_residual], rtol=1e-9
        )
        np.testing.assert_allclose(state.ritz(), plain.ritz(), rtol=1e-9)
    assert (state.work.matvecs, state.work.solves, state.work.flops) == (
        plain.work.matvecs,
        plain.work.solves,
        plain.work.flops,
    )


def test_the_compiled_loop_of_chebyshev_is_the_plain_one():
    problem = Poisson(dim=2, n=16, load="noise")
    method = ChebyshevIteration(Jacobi())
    plain = method.init(problem)
    plain.compiled = None
    for state in states(problem, method, 15):
        plain = method.step(problem, plain)
        np.testing.assert_allclose(state.x, plain.x, rtol=1e-10, atol=1e-16)


def test_inner_gmres_as_a_stationary_method_is_restarted_gmres():
    problem = make("general")
    outer, inner = states(problem, InnerGMRES(steps=4), 5), states(problem, GMRES(m=4), 20)
    for k, state in enumerate(outer):
        np.testing.assert_allclose(state.solution(), inner[4 * k + 3].solution(), rtol=1e-8)


def test_inner_steps_are_paid_for():
    """The flops of a use are those of as many steps of GMRES, but for the shorter sums of the first ones."""
    problem = Poisson(dim=2, n=16)
    for steps in (5, 20):
        spent = tk.solve(problem, GMRES(m=steps), tk.Stop(rtol=0.0, steps=steps)).history["flops"][-1]
        assert InnerGMRES(steps=steps).build(problem).flops == pytest.approx(spent, rel=0.1)


# -- SciPy, step by step ----------------------------------------------------------------------------------------------


def scipy_iterates(solver, problem, steps, **options):
    seen = []
    solver(problem.matrix, problem.rhs, rtol=1e-14, maxiter=steps, callback=lambda x: seen.append(x.copy()), **options)
    return seen


@pytest.mark.parametrize("method, solver", [(CG, spla.cg), (MINRES, spla.minres)], ids=["cg", "minres"])
@pytest.mark.parametrize("preconditioner", [Identity(), Jacobi(), SSOR()], ids=lambda p: p.title)
def test_iterates_are_scipys(method, solver, preconditioner):
    problem = make("definite")
    M = inverse(preconditioner, problem)
    theirs = scipy_iterates(solver, problem, 12, M=M)
    for state, x in zip(states(problem, method(preconditioner=preconditioner), 12), theirs):
        np.testing.assert_allclose(state.solution(), x, rtol=1e-6, atol=1e-9)


@BOTH
def test_bicgstab_iterates_are_scipys(complex_):
    problem = make("general", complex_)
    M = inverse(ILU0(), problem) + 0.01 * np.eye(N)  # ILU(0) of a full matrix is exact: spoil it
    preconditioner = _Matrix(M)
    theirs = scipy_iterates(spla.bicgstab, problem, 6, M=M)
    for state, x in zip(states(problem, BiCGStab(preconditioner), 6), theirs):
        np.testing.assert_allclose(state.solution(), x, rtol=1e-6, atol=1e-9)


class _Matrix(type(Identity())):
    """A dense M⁻¹."""

    def __init__(self, M):
        object.__setattr__(self, "omega", None)
        object.__setattr__(self, "M", M)

    def build(self, problem):
        return type(Identity().build(problem))(lambda r, out: np.copyto(out, self.M @ r))


@BOTH
def test_gmres_residuals_are_scipys(complex_):
    problem, seen = make("general", complex_), []
    options = dict(restart=7, maxiter=2, rtol=1e-14, callback_type="pr_norm", callback=seen.append)
    spla.gmres(problem.matrix, problem.rhs, **options)
    mine = [state.residual for state in states(problem, GMRES(m=7), 14)]
    np.testing.assert_allclose(mine, seen, rtol=1e-9)


# -- spectra and polynomials ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [CG(), MINRES()], ids=lambda m: m.title)
def test_ritz_values_are_eigenvalues_of_the_projected_matrix(method):
    problem = make("definite")
    for state in states(problem, method, 8):
        V = krylov(problem.matrix.toarray(), problem.rhs, state.k)
        np.testing.assert_allclose(state.ritz(), np.linalg.eigvalsh(V.T @ problem.matrix @ V), rtol=1e-8)


def test_steps_in_an_exhausted_space_tell_no_ritz_value():
    """With ρ₁ = 0 the first step was exact: T is the number 1/α₀, whatever was noted afterwards."""
    noted = np.array([[0.5, 0.0], [np.nan, np.nan], [1.0, 0.0]])
    assert from_conjugate_gradients(1.0, noted).tolist() == [2.0]
    assert from_conjugate_gradients(1.0, noted[:0]).size == 0


def test_extreme_ritz_values_reach_those_of_eigsh():
    problem = Poisson(dim=2, n=24, load="noise")
    state = tk.solve(problem, CG(), tk.Stop(rtol=1e-60, steps=250)).state
    for which, mine in (("SA", state.ritz()[0]), ("LA", state.ritz()[-1])):
        theirs = spla.eigsh(problem.matrix, 1, which=which, return_eigenvectors=False)[0]
        assert abs(mine / theirs - 1) < 1e-6


def test_the_residual_polynomial_takes_the_first_residual_to_the_present_one():
    problem = make("definite")
    values, vectors = np.linalg.eigh(problem.matrix.toarray())
    for state in states(problem, CG(), 8):
        p = residual_polynomial(state.ritz(), values)
        np.testing.assert_allclose(vectors @ (p * (vectors.T @ problem.rhs)), state.r, atol=1e-8 * problem.norm)


@pytest.mark.parametrize("preconditioner", [Identity(), SSOR()], ids=lambda p: p.title)
def test_chebyshev_residual_is_the_chebyshev_polynomial(preconditioner):
    problem = make("definite")
    low, high = spectrum(preconditioner, problem)[[0, -1]]
    theta, delta = (high + low) / 2, (high - low) / 2
    X = (theta * np.eye(N) - problem.matrix @ inverse(preconditioner, problem)) / delta
    before, now, top = np.eye(N), X, [1.0, theta / delta]
    for state in states(problem, ChebyshevIteration(preconditioner=preconditioner), 12):
        np.testing.assert_allclose(state.r, now @ problem.rhs / top[1], atol=1e-11 * problem.norm)
        before, now, top = now, 2 * X @ now - before, [top[1], 2 * theta / delta * top[1] - top[0]]


def test_lanczos_finds_the_ends_of_the_spectrum():
    problem = Poisson(dim=2, n=16)
    for preconditioner in (Identity(), SSOR()):
        values = spectrum(preconditioner, problem)
        found = lanczos(problem, preconditioner.build(problem), 60)
        np.testing.assert_allclose(found[[0, -1]], values[[0, -1]], rtol=1e-6)
        assert np.all((found > values[0] * (1 - 1e-9)) & (found < values[-1] * (1 + 1e-9)))


def test_the_indefinite_bound_is_that_of_chebyshev_on_the_square_where_the_intervals_mirror():
    values = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0])
    curve, *_ = indefinite_curve(values)
    kappa = 3.0
    k = np.arange(0, 12, 2)
    np.testing.assert_allclose(curve(k, [1.0]), 2 * ((kappa - 1) / (kappa + 1)) ** (k / 2))


# -- the end ----------------------------------------------------------------------------------------------------------


def few(values):
    """A full positive definite matrix with these eigenvalues and a right-hand side that has a share of all."""
    Q = np.linalg.qr(RNG.standard_normal((60, 60)))[0]
    eigenvalues = np.resize(values, 60)
    A = (Q * eigenvalues) @ Q.T
    return system((A + A.T) / 2, Q.sum(axis=1), symmetric=True, definite=True)


@pytest.mark.parametrize("method", [CG(), MINRES(), GMRES(), FlexibleCG(), FGMRES()], ids=lambda m: m.title)
def test_ends_after_as_many_steps_as_there_are_eigenvalues(method):
    problem = few([1.0, 2.0, 5.0, 7.0, 11.0])
    residuals = [np.linalg.norm(problem.residual(s.solution())) / problem.norm for s in states(problem, method, 5)]
    assert residuals[3] > 1e-3 and residuals[4] < 1e-12


@pytest.mark.parametrize("s", [1, 2, 4])
def test_idr_ends_after_n_and_n_over_s_products_and_not_much_before(s):
    problem = system(np.diag(np.linspace(1, 30, 10)) + np.diag(np.ones(9), 1), np.arange(1.0, 11.0))
    found = [np.linalg.norm(problem.residual(x.solution())) / problem.norm for x in states(problem, IDR(s=s), 24)]
    end = 10 + 10 // s
    assert found[end - 1] < 1e-12 and found[end - 3] > 1e-6


@BOTH
def test_idr_is_orthogonal_to_its_shadows_and_carries_the_true_residual(complex_):
    problem = make("general", complex_)
    for state in states(problem, IDR(Jacobi(), s=3), 14):
        shadows = state.shadow[: state.phase] if state.phase else state.shadow[:0]
        np.testing.assert_allclose(shadows @ state.r, 0, atol=1e-10 * problem.norm)
        np.testing.assert_allclose(state.r, problem.residual(state.x), atol=1e-9 * problem.norm)
        np.testing.assert_allclose(state.G[: state.phase], (problem.matrix @ state.U[: state.phase].T).T, atol=1e-9)


@BOTH
def test_idr_keeps_omega_from_vanishing(complex_):
    """Entering a space, ω = ⟨t, r⟩/⟨t, t⟩ times κ/|cos(t, r)| where that is above one, κ = 0.7, t = A r."""
    G = draw(complex_, N, N)
    problem, seen = system(np.eye(N) + 3 * (G - G.conj().T), draw(complex_, N)), 0
    run = tk.Run(problem, IDR(s=2), tk.Stop(rtol=0.0, steps=12)).step(1)
    for _ in range(11):
        before = run.snapshot()
        after = run.step(1).state
        if before.phase == 2:
            t = problem.matvec(before.r)
            cosine = abs(np.vdot(t, before.r)) / (np.linalg.norm(t) * np.linalg.norm(before.r))
            expected = np.vdot(t, before.r) / np.vdot(t, t).real * max(1.0, 0.7 / cosine)
            assert after.omega == pytest.approx(expected, rel=1e-9)
            seen += cosine < 0.7
    assert seen >= 2


def test_bicgstab_ends_after_n_steps():
    problem = system(np.diag([1.0, 2.0, 3.0, 4.0, 5.0]) + np.diag([0.5] * 4, 1), np.ones(5))
    assert tk.solve(problem, BiCGStab(), tk.Stop(rtol=1e-9)).k <= 5


# -- trouble ----------------------------------------------------------------------------------------------------------


def test_cg_names_an_indefinite_matrix():
    run = tk.solve(system(sp.diags_array([1.0, -1.0, 2.0]), np.ones(3), definite=True), CG())
    assert run.status.kind == "breakdown" and "not positive definite" in run.status.cause and run.status.advice
    assert run.history["k"].tolist() == list(range(run.k + 1))


@pytest.mark.parametrize("method", [CG(), FlexibleCG()])
def test_cg_on_signs_that_nobody_asked_for_ends_with_the_first_negative_ritz_value_and_promises_no_energy(method):
    problem = UncheckedHelmholtz(n=20, wavenumber=14.0, load="noise")
    assert not method.suits(problem) and problem.exact is not None
    assert {claim.about for claim in method.claims(problem)} == {"residual_gap"}
    run = tk.solve(problem, method)
    assert run.status.kind == "breakdown" and "not positive definite" in run.status.cause
    least = [tk.solve(problem, MINRES(), tk.Stop(rtol=0.0, steps=k)).state.ritz()[0] for k in (run.k - 1, run.k)]
    assert least[0] > 0 > least[1]


def test_an_indefinite_preconditioner_is_named():
    problem = system(np.diag([1.0, -2.0, 3.0]), np.array([1.0, 5.0, 1.0]))
    run = tk.solve(problem, MINRES(Jacobi()))
    assert run.status.kind in ("failed", "breakdown") and "preconditioner is not positive definite" in run.status.cause


def test_minres_on_a_singular_system_ends_at_a_least_squares_solution():
    A = np.diag([0.0, 1.0, 2.0, 4.0])
    b = np.ones(4)
    run = tk.solve(system(A, b), MINRES())
    assert run.status.kind == "stagnated" and "least-squares" in run.status.cause
    np.testing.assert_allclose(A @ (b - A @ run.solution()), 0, atol=1e-12)


def test_minres_solves_a_singular_system_whose_right_hand_side_is_in_the_range():
    problem = system(np.diag([0.0, 1.0, -2.0, 4.0]), np.array([0.0, 1.0, 1.0, 1.0]))
    assert tk.solve(problem, MINRES(), tk.Stop(rtol=1e-12)).status.kind == "converged"


@pytest.mark.parametrize("method", [GMRES(), FGMRES()], ids=lambda m: m.title)
def test_gmres_on_a_singular_matrix_keeps_the_least_residual(method):
    A = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    run = tk.solve(system(A, np.array([1.0, 0.0, 1.0])), method)
    assert run.status.kind == "breakdown" and "singular" in run.status.cause
    np.testing.assert_allclose(run.solution(), [0.0, 1.0, 0.0], atol=1e-14)
    assert abs(run.history.last("residual") - np.sqrt(0.5)) < 1e-12


def test_gmres_does_not_take_a_numerically_singular_matrix_for_solved():
    A = np.diag([1.0, 2.0, 3.0, 1e-15])
    A[0, 3] = 1.0
    problem = system(A, np.ones(4))
    run = tk.solve(problem, GMRES())
    true = np.linalg.norm(problem.residual(run.solution())) / problem.norm
    assert (run.status.kind == "converged") == (true < 1e-6)
    assert abs(run.history.last("residual") - true) < 1e-6


@pytest.mark.parametrize("method", [GMRES(), FGMRES(), MINRES(), CG(), FlexibleCG(), BiCGStab(), IDR()])
def test_an_eigenvector_is_solved_in_one_step(method):
    run = tk.solve(system(np.diag([3.0, 5.0, 9.0]), np.array([0.0, 2.0, 0.0]), definite=True), method)
    assert run.status.kind == "converged" and run.k == 1
    np.testing.assert_allclose(run.solution(), [0, 0.4, 0], atol=1e-15)


@pytest.mark.parametrize("method", [BiCGStab(), IDR(s=2)], ids=lambda m: m.title)
def test_a_skew_matrix_breaks_the_stabilising_step_and_gmres_solves_it(method):
    A = np.array([[0.0, 1.0], [-1.0, 0.0]])
    G = np.kron(np.eye(3), A) * np.repeat([1.0, 2.0, 3.0], 2)
    problem = system(G, np.arange(1.0, 7.0))
    run = tk.solve(problem, method, tk.Stop(steps=100))
    assert run.status.kind == "breakdown" and run.status.advice
    assert tk.solve(problem, GMRES()).status.kind == "converged"


@pytest.mark.parametrize(
    "method", [GMRES(), FGMRES(), MINRES(), CG(), FlexibleCG(), BiCGStab(), IDR(), ChebyshevIteration()]
)
@pytest.mark.parametrize("start", ["exact", "zero right-hand side"])
def test_nothing_to_do_is_converged_at_once(method, start):
    A = np.diag([1.0, 2.0, 4.0])
    problem = (
        system(A, A @ np.ones(3), np.ones(3), definite=True)
        if start == "exact"
        else system(A, np.zeros(3), definite=True)
    )
    run = tk.solve(problem, method, tk.Stop(atol=1e-300))
    assert run.status.kind == "converged" and run.k == 0


@pytest.mark.parametrize("method", [GMRES(), FGMRES(), MINRES(), CG(), FlexibleCG(), BiCGStab(), IDR()])
def test_overflow_is_a_status_not_an_exception(method):
    A = np.diag([1e200, 1e300, 3e307])
    with np.errstate(all="ignore"):
        run = tk.solve(
            system(A, np.full(3, 1e300), symmetric=True, definite=True), method, tk.Stop(steps=20, rtol=1e-12)
        )
    assert run.status.done and np.all(np.isfinite(run.history["k"]))


def test_pairs_that_do_not_fit_say_why():
    general, definite = make("general"), make("definite")
    assert "Hermitian" in CG().suits(general) and "Hermitian" in MINRES().suits(general)
    assert "definite" in ChebyshevIteration().suits(make("hermitian"))
    assert "flexible CG" in CG(GaussSeidel()).suits(definite) and not FlexibleCG(GaussSeidel()).suits(definite)
    assert "FGMRES" in GMRES(InnerGMRES()).suits(general) and not FGMRES(InnerGMRES()).suits(general)


# -- claims catch what is wrong ---------------------------------------------------------------------------------------


def spoiled(method, spoil):
    """The method with `spoil(state)` after every step."""
    cls = type(method)

    class Spoiled(cls):
        def step(self, problem, state):
            state = cls.step(self, problem, state)
            spoil(state)
            return state

    if cls.advance is not None:

        def advance(self, problem, state, n, rows):
            for i in range(n):
                state = cls.advance(self, problem, state, 1, rows[i : i + 1])
                spoil(state)
                if state.status.done:
                    break
            return state

        Spoiled.advance, Spoiled.step = advance, cls.step
    return Spoiled(**{name: getattr(method, name) for name in tk.knobs(method)})


def drift(state):
    state.x *= 1.01


def bend(state):
    state.r[::2] *= 1.2


def turn_direction(state):
    state.p[::2] *= -1


def wrong_rotation(state):
    state.sn = -state.sn


def skip_orthogonality(state):
    state.basis.rows[-1][:] = state.basis.rows[-1] + 0.5 * state.basis.rows[0]


@pytest.mark.parametrize(
    "method, spoil",
    [
        (CG(SSOR()), drift),
        (CG(), turn_direction),
        (FlexibleCG(SSOR()), bend),
        (MINRES(), wrong_rotation),
        (MINRES(), drift),
        (GMRES(m=40), skip_orthogonality),
        (FGMRES(m=40), skip_orthogonality),
        (BiCGStab(), bend),
        (IDR(), bend),
        (ChebyshevIteration(SSOR()), bend),
    ],
)
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_a_spoiled_method_is_caught_by_one_of_its_claims(method, spoil):
    problem = Poisson(dim=2, n=6, load="noise")
    assert all(tk.check(claim, problem, method).holds for claim in method.claims(problem))
    wrong = spoiled(method, spoil)
    assert not all(tk.check(claim, problem, wrong).holds for claim in wrong.claims(problem))


# -- bases ------------------------------------------------------------------------------------------------------------


def test_a_basis_and_its_copies_go_their_own_ways():
    one = Basis(2)
    for i in range(3):
        one.append([i, i])
    two = one.copy()
    three = two.copy()
    one.append([7, 7])
    two.append([8, 8])
    three.append([9, 9])
    assert [b.rows[-1, 0] for b in (one, two, three)] == [7, 8, 9]
    late = one.copy()
    one.clear()
    one.append([1, 1])
    assert late.rows[0, 0] == 0 and len(late) == 4 and len(one) == 1


@BOTH
def test_orthogonalise_takes_out_what_it_says(complex_):
    basis, vectors = Basis(N, complex), []
    for _ in range(6):
        w = draw(complex_, N) * 1e-8 + (vectors[-1] if vectors else 0)  # nearly in the span already
        before = w.astype(complex)
        w = before.copy()
        h, norm = basis.orthogonalise(w)
        np.testing.assert_allclose(h @ basis.rows + w, before, atol=1e-14)
        np.testing.assert_allclose(np.linalg.norm(w), norm, rtol=1e-12)
        basis.append(w / norm)
        vectors.append(before)
    np.testing.assert_allclose(basis.rows.conj() @ basis.rows.T, np.eye(6), atol=1e-13)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("dtype", [float, complex])
def test_what_is_left_is_orthogonal_at_any_scale(scale, dtype):
    """w = Vc + 10⁻⁹ u: what Gram–Schmidt leaves is orthogonal to V to rounding of itself, and V h + rest is w."""
    rng = np.random.default_rng(2)

    def drawn(*shape):
        return (rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if dtype is complex else 0)).astype(dtype)

    rows = np.linalg.qr(drawn(40, 6))[0].T.conj().copy()
    basis, w = Basis(40, dtype), scale * (drawn(6) @ rows + 1e-9 * drawn(40))
    basis.extend(rows)
    rest = w.copy()
    h, size = basis.orthogonalise(rest)
    assert size == pytest.approx(np.linalg.norm(rest), rel=1e-12)
    assert np.max(np.abs(rows.conj() @ rest)) < 1e-14 * size
    np.testing.assert_allclose(h @ rows + rest, w, rtol=0, atol=1e-14 * np.linalg.norm(w))
