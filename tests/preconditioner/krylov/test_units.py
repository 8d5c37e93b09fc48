"""No solver knows units: the run of (s A, t b) is that of (A, b), and what it calls converged is."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from scipy.io import mmwrite

import toolkit as tk
from toolkit.core.registry import classes
from toolkit.preconditioner import (
    CG,
    GMRES,
    IC0,
    ILU0,
    MINRES,
    BiCGStab,
    ChebyshevIteration,
    FlexibleCG,
    Identity,
    Jacobi,
    MatrixMarket,
    SmoothedAggregation,
    linalg,
    system,
)
from toolkit.preconditioner.krylov.method import KrylovMethod
from toolkit.preconditioner.systems.problems import LinearSystem

SCALES = (1e-150, 1e-100, 1e-9, 1.0, 1e9, 1e100, 1e150)
PAIRS = [pair for pair in itertools.product(SCALES, SCALES) if pair != (1.0, 1.0)]
LINE = sp.csr_array(sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(6, 6)))
PLANE = sp.csr_array(sp.kronsum(LINE, LINE))
SKEWED = sp.csr_array(PLANE + sp.diags_array([0.3, -0.3], offsets=[1, -1], shape=PLANE.shape))
INDEFINITE = sp.csr_array(PLANE - 3.3 * sp.eye_array(36))
LOAD = np.random.default_rng(5).standard_normal(36)
STOP = tk.Stop(rtol=1e-8, steps=60)
SOLVERS = {name: getattr(linalg, name) for name in linalg.__all__}


def methods():
    """Every solver of the lab that takes a matrix in memory, by name: plain, and the Krylov methods with parts."""
    found = {}
    for name, cls in classes("method", "preconditioner").items():
        if LinearSystem in cls.problems and not cls().suits(system(PLANE, LOAD)):
            found[name] = cls()
        if issubclass(cls, KrylovMethod):
            for part in (Jacobi(), IC0(), ILU0(), SmoothedAggregation()):
                made = cls(preconditioner=part)
                if not made.suits(system(PLANE, LOAD)):
                    found[f"{name} with {part.slug()}"] = made
    return found


METHODS = methods()
EVERY = pytest.mark.parametrize("name", METHODS)


def far(A, x, b):
    """‖b − A x‖/‖b‖ with everything taken near one first."""
    a, c = abs(A).max(), abs(b).max()
    half = np.sqrt(a) / np.sqrt(c)
    r = b / c - (A / a) @ (x * half * half)
    return np.linalg.norm(r) / np.linalg.norm(b / c)


def seen(A, b, method, s=1.0, t=1.0, stop=STOP):
    return tk.solve(system(s * A, t * b), method, stop)


def assert_same(A, method, pairs):
    base = seen(A, LOAD, method)
    if base.state is None:
        assert all(seen(A, LOAD, method, s, t).status.kind == "failed" for s, t in pairs)
        return
    size, half = np.abs(base.solution()).max(), 1 + base.k // 2
    for s, t in pairs:
        run = seen(A, LOAD, method, s, t)
        assert (run.status.kind, run.k) == (base.status.kind, base.k), (s, t, run.status)
        np.testing.assert_allclose(run.history["residual"][:half], base.history["residual"][:half], rtol=1e-4)
        if run.status.kind == "converged":
            np.testing.assert_allclose(run.solution() * (s / t), base.solution(), rtol=1e-5, atol=1e-7 * size)
            assert far(s * A, run.solution(), t * LOAD) <= 1.1e-8


@EVERY
def test_a_run_in_other_units_is_the_same_run(name):
    assert_same(PLANE, METHODS[name], PAIRS)


@EVERY
@pytest.mark.parametrize("A", [SKEWED, INDEFINITE], ids=["skewed", "indefinite"])
def test_so_is_one_with_a_matrix_that_is_not_definite(name, A):
    if METHODS[name].suits(system(A, LOAD)):
        pytest.skip("not made for this matrix")
    # powers of two beside those of ten: where residuals run wild, the rounding of s A alone would lead elsewhere
    assert_same(
        A, METHODS[name], [(2.0**a, 2.0**b) for a, b in ((-500, 500), (500, -500), (-30, 0), (30, 30), (332, 332))]
    )


@EVERY
@pytest.mark.parametrize("a, b", [(500, 300), (-500, 900), (1000, -20), (-1000, -1000)])
def test_powers_of_two_change_no_bit(name, a, b):
    method = METHODS[name]
    one, other = seen(PLANE, LOAD, method), seen(PLANE, LOAD, method, 2.0**a, 2.0**b)
    assert one.history.trace_hash() == other.history.trace_hash(), (one.status, other.status)
    if abs(b - a) < 1000:
        np.testing.assert_array_equal(np.ldexp(other.solution(), a - b), one.solution())


@pytest.mark.parametrize("s", [1e-160, 1e-150, 1e-9, 1e9, 1e150, 1e160])
@pytest.mark.parametrize("method", [CG(), FlexibleCG(), MINRES(), GMRES(), BiCGStab(), ChebyshevIteration()], ids=str)
def test_operators_of_any_scale_run_alike_or_say_what_overflowed(s, method):
    A = spla.aslinearoperator(s * PLANE)
    base = tk.solve(system(spla.aslinearoperator(PLANE), LOAD, symmetric=True, definite=True), method, STOP)
    for t in (1e-150, 1.0, 1e150):
        problem = system(A, t * LOAD, symmetric=True, definite=True)
        run = tk.solve(problem, method, STOP)
        if run.status.kind not in ("non-finite", "failed"):
            assert abs(run.k - base.k) <= 1 and run.status.kind == base.status.kind
            assert far(s * PLANE, run.solution(), t * LOAD) <= 1.1e-8


def test_a_system_is_seen_in_its_own_units():
    run = seen(PLANE, LOAD, CG(), 2.0**500, 2.0**-300)
    assert run.problem.matrix.max() == 4 * 2.0**500 and run.problem.norm == np.linalg.norm(LOAD) * 2.0**-300
    exact = run.problem.exact
    np.testing.assert_allclose(run.solution(), exact, atol=1e-6 * np.abs(exact).max())
    for state in (run.state, run.at(3), run.snapshot()):
        assert 0 < np.abs(state.solution()).max() < 1e-230
    for measure in run.problem.measures():
        assert measure.function(run.problem, run.state) < 1e-6
    assert tk.judge(run.method.claims(run.problem)[0], run).holds is not False


def test_so_is_a_file(tmp_path):
    base = seen(PLANE, PLANE @ np.ones(36), CG())
    for s in (2.0**-600, 2.0**700):
        path = tmp_path / f"{s:g}.mtx"
        mmwrite(path, sp.coo_array(s * PLANE), precision=17, symmetry="general")
        run = tk.solve(MatrixMarket(source=str(path)), CG(), STOP)
        assert run.problem.definite and (run.k, run.status) == (base.k, base.status)
        np.testing.assert_allclose(run.solution(), 1.0, atol=1e-6)


def test_a_solution_beyond_floating_point_is_an_overflow():
    for method in (CG(), MINRES(), GMRES(), BiCGStab(), Jacobi()):
        run = seen(PLANE, LOAD, method, 1e-160, 1e160, tk.Stop(rtol=1e-8, steps=500))
        assert run.status.kind == "non-finite", (method, run.status)
        assert "overflow" in run.status.cause


# -- the SciPy-shaped solvers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("form", ["sparse", "dense", "operator"])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_linalg_knows_no_units(name, form, preconditioned):
    forms = {"sparse": lambda A: A, "dense": lambda A: A.toarray(), "operator": spla.aslinearoperator}
    wanted = 0
    for s, t in [(1.0, 1.0), *PAIRS]:
        A, b, steps = s * PLANE, t * LOAD, []
        M = sp.diags_array(1 / A.diagonal() / np.linspace(1, 2, 36)) if preconditioned else None
        options = {"callback_type": "x", "restart": 5} if name == "gmres" else {}
        x, info = SOLVERS[name](forms[form](A), b, rtol=1e-8, M=M, callback=steps.append, **options)
        wanted = len(steps) if (s, t) == (1.0, 1.0) else wanted
        assert info == 0 and far(A, x, b) <= 1.00001e-8, (s, t, info)
        assert len(steps) == wanted, (s, t)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("s", [1e-300, 1e-200, 1e-160, 1e160, 1e200, 1e300])
def test_linalg_never_calls_a_residual_small_that_is_not(name, s):
    for A, b in ((s * PLANE, LOAD), (PLANE, s * LOAD), (s * PLANE, s * LOAD), (s * PLANE, LOAD / s)):
        for form in (A, A.toarray(), spla.aslinearoperator(A)):
            x, info = SOLVERS[name](form, b, rtol=1e-8)
            assert info != 0 or far(A, x, b) <= 1.00001e-8


@pytest.mark.parametrize("s", [1e-20, 1e-12, 1e-9, 1e-8, 1e-7, 1e9])
def test_minres_mixes_no_units(s):
    for A, b in ((s * np.diag([1.0, 2.0, 3.0]), np.ones(3)), (np.diag([1.0, 2.0, 3.0]), np.ones(3) / s)):
        x, info = linalg.minres(A, b, rtol=1e-10)
        assert info == 0 and far(A, x, b) <= 1e-10
    T = sp.csr_array(sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(50, 50)))
    for A, b in ((s * T, np.ones(50)), (T, np.ones(50) / s)):
        x, info = linalg.minres(A, b)
        assert info == 0 and far(A, x, b) <= 1e-5
        run = tk.solve(system(A, b), MINRES())
        assert run.status.kind == "converged" and run.k <= 50
        assert far(A, run.solution(), b) <= 1.1e-8


@pytest.mark.parametrize("name", SOLVERS)
def test_linalg_refuses_a_count_that_is_none_and_numbers_that_are_not(name):
    A, b, solver = np.diag([1.0, 2.0, 3.0]), np.ones(3), SOLVERS[name]
    for count in (0, -1, 2.5, "ten"):
        with pytest.raises(ValueError, match=r"maxiter = .*at least 1"):
            solver(A, b, maxiter=count)
    if name == "gmres":
        for count in (0, -3, 1.5):
            with pytest.raises(ValueError, match=r"restart = .*at least 1"):
                solver(A, b, restart=count)
    assert solver(A, b, maxiter=np.int64(30))[1] == 0
    for bad in (np.nan, np.inf):
        spoilt = A.copy()
        spoilt[1, 1] = bad
        for form in (spoilt, sp.csr_array(spoilt), sp.lil_array(spoilt)):
            with pytest.raises(ValueError, match="A has entries that are NaN or infinite"):
                solver(form, b)
        with pytest.raises(ValueError, match="b has entries that are NaN or infinite"):
            solver(A, np.array([1.0, bad, 0.0]))
        with pytest.raises(ValueError, match="M has entries that are NaN or infinite"):
            solver(A, b, M=spoilt)
        with pytest.raises(ValueError, match="x0 has entries that are NaN or infinite"):
            solver(A, b, np.array([1.0, bad, 0.0]))
    with pytest.raises(ValueError, match="rtol"):
        solver(A, b, rtol=np.nan)


@pytest.mark.parametrize("name", SOLVERS)
def test_linalg_fails_openly_where_an_operator_gives_no_numbers(name):
    A = spla.LinearOperator((3, 3), matvec=lambda v: v * np.array([1.0, np.nan, 1.0]), dtype=float)
    assert SOLVERS[name](A, np.ones(3))[1] > 0


# -- the ends of what there is ----------------------------------------------------------------------------------------


@EVERY
def test_easy_systems_end_as_they_should(name):
    """Nothing asked, one unknown, the solution as a start: each ends as converged, with a solution that is true."""
    method, b = METHODS[name], np.array([3.0])
    x = np.linalg.solve(PLANE.toarray(), LOAD)
    cases = {
        "zero": system(PLANE, 0 * LOAD),
        "zero from elsewhere": system(PLANE, 0 * LOAD, LOAD),
        "exact start": system(PLANE, LOAD, x),
        "one unknown": system(np.array([[4.0]]), b),
        "one unknown, zero": system(np.array([[4.0]]), 0 * b),
        "one unknown, exact start": system(np.array([[4.0]]), b, b / 4),
    }
    for title, problem in cases.items():
        run = tk.solve(problem, method, tk.Stop(rtol=1e-8, steps=3000))
        about = (title, run.status)
        if run.status.kind == "failed":  # no eigenvalues to deflate in a matrix of one
            assert run.status.cause and problem.size == 1, about
            continue
        assert run.status.kind == "converged", about
        scale = np.abs(problem.rhs).max() or np.abs(problem.start).max() or 1.0
        assert np.abs(problem.residual(run.solution())).max() <= 1e-7 * scale, about
        if "exact" in title or title in ("zero", "one unknown, zero"):
            assert run.k == 0, about


SINGULAR = sp.csr_array(sp.diags_array([1.0, 2.0, 3.0, 4.0, 0.0]))


@EVERY
def test_singular_systems_are_never_converged_falsely(name):
    method = METHODS[name]
    for b, solvable in ((np.array([1.0, 1, 1, 1, 0]), True), (np.ones(5), False), (np.eye(5)[4], False)):
        ring = sp.csr_array(2 * sp.eye_array(5) - sp.csr_array(np.roll(np.eye(5), 1, 0) + np.roll(np.eye(5), -1, 0)))
        for A, load in ((SINGULAR, b), (ring, b - b.mean() if solvable else b)):
            run = tk.solve(system(A, load), method, tk.Stop(rtol=1e-8, steps=300))
            if run.status.kind == "converged":
                assert far(A, run.solution(), load) <= 1.1e-8, (run.status, load)
            assert run.status.cause


def test_recurrences_that_leave_the_truth_are_not_believed():
    """CG at κ = 1e12: its own residual goes on to 1e-14, that of x does not."""
    A = sp.diags_array(np.logspace(-12, 0, 60)).tocsr()
    run = tk.solve(system(A, np.random.default_rng(0).standard_normal(60)), CG(), tk.Stop(rtol=1e-14, steps=100_000))
    true = far(A, run.solution(), run.problem.rhs)
    assert run.history["residual"][-1] <= 1e-14 < true
    assert run.status.kind == "stagnated" and "‖b − A x‖" in run.status.cause


def test_a_step_and_an_interval_are_in_the_units_of_the_matrix():
    for s in (2.0**-30, 2.0**30):
        run = seen(PLANE, LOAD, Identity(omega=0.25 / s), s)
        assert run.history.trace_hash() != "" and run.status.kind != "diverged"
        np.testing.assert_allclose(
            run.history["residual"], seen(PLANE, LOAD, Identity(omega=0.25)).history["residual"], rtol=1e-9
        )
