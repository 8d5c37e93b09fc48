"""The SciPy-shaped solvers against SciPy's, side by side: every argument, every kind of system, every way to fail."""

import inspect
import itertools

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from toolkit.preconditioner import linalg

ALL = ["cg", "minres", "gmres", "bicgstab"]
EVERY = pytest.mark.parametrize("name", ALL)
MINE = {name: getattr(linalg, name) for name in ALL}
THEIRS = {name: getattr(spla, name) for name in ALL}
pytestmark = pytest.mark.filterwarnings("ignore:.*callback_type.*:DeprecationWarning")


def line(n=40, scale=1.0):
    return sp.csr_array(scale * sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)))


def random(n, kind="general", complex_=False, seed=1234):
    rng = np.random.default_rng(seed)
    A = rng.random((n, n)) + (1j * rng.random((n, n)) if complex_ else 0)
    return {"general": A, "hermitian": A + A.conj().T, "definite": A @ A.conj().T}[kind]


# The name of a system, A, b (None: 0, 1, 2, …) and the solvers it is not for.
INDEFINITE, NOT_HERMITIAN = {"cg"}, {"cg", "minres"}
BREAKDOWN = np.zeros((11, 11))
BREAKDOWN[:5, 5] = BREAKDOWN[5, :5] = [1, 2, 2, 2, 1]
BREAKDOWN[:5, 6:] = BREAKDOWN[6:, :5] = BREAKDOWN[6:, 6:] = -np.eye(5)
SYSTEMS = {
    "1D Poisson": (line(), None, set()),
    "1D Poisson, negative": (line(scale=-1.0), None, set()),
    "2D Poisson": (sp.kronsum(line(20), line(20), format="csr"), None, set()),
    "indefinite diagonal": (sp.diags_array([6.0, -5, 2, 7, -1, 10, 4, -3, -8, 9]), None, INDEFINITE),
    "general": (random(4), None, NOT_HERMITIAN),
    "symmetric": (random(4, "hermitian"), None, INDEFINITE),
    "definite": (random(9, "definite"), None, set()),
    "complex": (random(4, complex_=True), None, NOT_HERMITIAN),
    "complex Hermitian": (random(4, "hermitian", True), None, INDEFINITE),
    "complex definite": (random(9, "definite", True), None, set()),
    "nonsymmetric definite": (sp.diags_array([2.0, -1.0], offsets=[0, -1], shape=(10, 10)), None, NOT_HERMITIAN),
    "nearly breaking down": (BREAKDOWN, np.eye(11)[5], {"cg", "bicgstab"}),
}
PAIRS = [
    pytest.param(name, A, np.arange(A.shape[0], dtype=float) if b is None else b, id=f"{title}-{name}")
    for title, (A, b, unfit) in SYSTEMS.items()
    for name in ALL
    if name not in unfit
]
SOLVABLE = pytest.mark.parametrize("name, A, b", PAIRS)


def far(A, x, b):
    return np.linalg.norm(A @ x - b)


# -- arguments --------------------------------------------------------------------------------------------------------


@EVERY
def test_takes_what_scipy_takes_in_the_same_places(name):
    mine, theirs = (inspect.signature(f[name]).parameters for f in (MINE, THEIRS))
    assert list(mine)[:3] == list(theirs)[:3]
    for key, parameter in theirs.items():
        assert mine[key].kind == parameter.kind and mine[key].default == parameter.default, key
    assert set(mine) - set(theirs) <= {"atol"}


@EVERY
def test_tolerances_are_named_arguments(name):
    A = random(10, "definite")
    with pytest.raises(TypeError):
        MINE[name](A, np.ones(10), np.ones(10), 1e-5)


@EVERY
@pytest.mark.parametrize("atol", ["legacy", None, -1])
def test_refuses_an_absolute_tolerance_that_is_none(name, atol):
    with pytest.raises(ValueError, match="atol"):
        MINE[name](random(10, "definite"), np.ones(10), atol=atol)


@EVERY
@pytest.mark.parametrize("wrong", ["A", "b", "b of two columns", "x0", "M", "x0 in words"])
def test_refuses_what_scipy_refuses(name, wrong):
    A, b = np.eye(4), np.ones(4)
    call = {
        "A": lambda f: f(np.ones((4, 3)), b),
        "b": lambda f: f(A, np.ones(5)),
        "b of two columns": lambda f: f(A, np.ones((4, 2))),
        "x0": lambda f: f(A, b, np.ones(3)),
        "M": lambda f: f(A, b, M=np.eye(3)),
    }
    if wrong == "x0 in words":
        with pytest.raises(ValueError, match="Mb"):
            MINE[name](A, b, "bM")
        return
    for solver in (MINE[name], THEIRS[name]):
        with pytest.raises(ValueError):
            call[wrong](solver)


@SOLVABLE
@pytest.mark.parametrize("single", [False, True], ids=["double", "single"])
def test_converges_where_scipy_does_and_keeps_the_precision(name, A, b, single):
    rtol = 1e-8
    if single:
        A, b, rtol = (
            A.astype(np.result_type(A.dtype, np.complex64) if A.dtype.kind == "c" else "f"),
            b.astype("f"),
            1e-4,
        )
        A = A.astype(A.dtype.char.replace("D", "F"))
    x0 = 0 * b
    x, info = MINE[name](A, b, x0, rtol=rtol)
    assert info == 0 and far(A, x, b) <= 1.01 * rtol * np.linalg.norm(b)
    assert x.dtype == np.result_type(A.dtype, b.dtype) and x.shape == b.shape
    np.testing.assert_array_equal(x0, 0 * b)


@SOLVABLE
def test_first_iterates_are_scipys(name, A, b):
    if name == "minres" and A.dtype.kind == "c":
        pytest.skip("SciPy's MINRES is for real matrices")
    seen = {}
    for key, solver in (("mine", MINE[name]), ("theirs", THEIRS[name])):
        trace = seen.setdefault(key, [])
        options = {"callback_type": "x", "restart": 2} if name == "gmres" else {}
        solver(A, b, rtol=1e-12, maxiter=3, callback=lambda x, trace=trace: trace.append(np.array(x)), **options)
    assert len(seen["mine"]) == len(seen["theirs"])
    for mine, theirs in zip(seen["mine"], seen["theirs"]):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-8 * np.abs(theirs).max())


@SOLVABLE
def test_one_iteration_is_one_call_and_says_that_it_was_not_enough(name, A, b):
    calls = []
    x, info = MINE[name](A, b, rtol=1e-12, maxiter=1, callback=lambda x: calls.append(x))
    assert len(calls) == 1 and info == 1 and np.all(np.isfinite(x))


@EVERY
def test_calling_back_changes_nothing_and_hands_out_arrays_that_stay(name):
    A, b = line(), np.arange(40.0)
    kept = []
    options = {"callback_type": "x", "restart": 5} if name == "gmres" else {}
    watched = MINE[name](A, b, callback=kept.append, **options)
    plain = MINE[name](A, b, **({"restart": 5} if name == "gmres" else {}))
    np.testing.assert_array_equal(watched[0], plain[0])
    assert watched[1] == plain[1] == 0 and len(kept) > 1
    assert not np.array_equal(kept[0], kept[-1])
    np.testing.assert_array_equal(kept[-1], watched[0])


@SOLVABLE
def test_starts_from_x0_and_from_mb(name, A, b):
    start = np.linspace(-1, 1, len(b))
    for x0 in (start, start[:, None], "Mb"):
        x, info = MINE[name](A, b, x0=x0, rtol=1e-8)
        assert info == 0 and far(A, x, b) <= 1.01e-8 * np.linalg.norm(b)
    np.testing.assert_array_equal(start, np.linspace(-1, 1, len(b)))


@EVERY
def test_a_start_that_solves_the_system_is_kept(name):
    b = np.array([-1.0, -1.0])
    x, info = MINE[name](np.eye(2), b, x0=b)
    np.testing.assert_array_equal(x, b)
    assert info == 0


@EVERY
def test_a_column_is_a_right_hand_side(name):
    A, b = line(), np.arange(40.0)
    column, flat = MINE[name](A, b[:, None])[0], MINE[name](A, b)[0]
    assert column.shape == (40,)
    np.testing.assert_array_equal(column, flat)


@EVERY
def test_any_form_of_a_matrix_is_the_same_system(name):
    A, b = line(), np.arange(40)
    forms = [A, A.toarray(), A.tocsc(), A.tocoo(), A.todia(), A.tolil(), sp.csr_matrix(A), spla.aslinearoperator(A)]
    results = [MINE[name](form, b, rtol=1e-10)[0] for form in (*forms, A.astype(int))]
    for x in results:
        np.testing.assert_allclose(x, results[0], rtol=1e-7)


@EVERY
def test_an_operator_may_return_its_argument(name):
    b = np.arange(1.0, 6.0)
    identity = spla.LinearOperator((5, 5), matvec=lambda v: v, dtype=float)
    for x0 in (None, np.ones(5)):
        x, info = MINE[name](identity, b, x0, M=identity, rtol=1e-10)
        assert info == 0
        np.testing.assert_allclose(x, b, rtol=1e-9)


# -- tolerances -------------------------------------------------------------------------------------------------------


@EVERY
def test_reaches_the_larger_of_both_tolerances_whatever_the_scale_of_m(name):
    rng = np.random.default_rng(168441431005389)
    A = rng.uniform(size=(10, 10))
    A = A @ A.T + 10 * np.eye(10)
    b, M = 1e3 * rng.uniform(size=10), rng.standard_normal((10, 10))
    tolerances = np.r_[0, np.logspace(-9, 2, 5), np.inf]
    for inverse, rtol, atol in itertools.product((None, 1e-6 * M @ M.T, 1e6 * M @ M.T), tolerances, tolerances):
        if rtol == atol == 0:
            continue
        x, info = MINE[name](A, b, M=inverse, rtol=rtol, atol=atol)
        assert info == 0 and far(A, x, b) <= 1.0003 * max(atol, rtol * np.linalg.norm(b))


@EVERY
@pytest.mark.parametrize("x0", [None, np.ones(10)], ids=["from zero", "from one"])
def test_a_zero_right_hand_side_gives_zero(name, x0):
    A = random(10, "definite") + 10 * np.eye(10)
    for tol in (1e-10, 1e-3, 1e2):
        x, info = MINE[name](A, np.zeros(10), x0, rtol=tol)
        assert info == 0 and x.shape == (10,)
        np.testing.assert_array_equal(x, 0)


@EVERY
def test_too_few_iterations_are_reported(name):
    A, b = line(100), np.ones(100) * np.arange(100)
    x, info = MINE[name](A, b, rtol=1e-10, maxiter=7)
    assert info == THEIRS[name](A, b, rtol=1e-10, maxiter=7)[1] == 7
    assert far(A, x, b) > 1e-10 * np.linalg.norm(b)


# -- preconditioners --------------------------------------------------------------------------------------------------


@SOLVABLE
def test_a_trivial_preconditioner_changes_nothing(name, A, b):
    identity = spla.LinearOperator(A.shape, matvec=lambda v: v, dtype=float)
    x, info = MINE[name](A, b, M=identity, rtol=1e-8)
    assert info == 0 and far(A, x, b) <= 1.01e-8 * np.linalg.norm(b)
    borne = spla.aslinearoperator(A)
    borne.psolve = lambda v: v
    x, info = MINE[name](borne, b, rtol=1e-8)
    assert info == 0 and far(A, x, b) <= 1.01e-8 * np.linalg.norm(b)


@EVERY
@pytest.mark.parametrize("dense", [True, False], ids=["dense", "operator"])
def test_the_inverse_as_preconditioner_needs_three_products_at_most(name, dense):
    A, count = sp.kronsum(line(20), line(20), format="csr"), []
    b = np.arange(400.0)
    inverse = np.linalg.inv(A.toarray())
    counting = spla.LinearOperator(A.shape, matvec=lambda v: count.append(1) or A @ v, dtype=float)
    M = inverse if dense else spla.LinearOperator(A.shape, matvec=lambda v: inverse @ v, dtype=float)
    x, info = MINE[name](counting, b, 0 * b, M=M, rtol=1e-8)
    assert info == 0 and far(A, x, b) <= 1e-8 * np.linalg.norm(b) and len(count) <= 3


@EVERY
def test_a_good_preconditioner_saves_iterations(name):
    A, b, steps = sp.kronsum(line(20), line(20), format="csr"), np.arange(400.0), {}
    factor = spla.splu(sp.csc_array(sp.kron(sp.eye_array(20), line(20) + 2 * sp.eye_array(20))))  # the lines' blocks
    for key, M in (("with", spla.LinearOperator(A.shape, matvec=factor.solve, dtype=float)), ("without", None)):
        calls = []
        assert MINE[name](A, b, M=M, callback=calls.append, rtol=1e-8)[1] == 0
        steps[key] = len(calls)
    assert steps["with"] < steps["without"]


# -- gmres ------------------------------------------------------------------------------------------------------------


def test_gmres_reports_the_preconditioned_residual():
    A = sp.csr_array(-line(6))
    for M, scale in ((None, 1.0), (1e-3 * np.eye(6), 1e-3)):
        seen = []
        linalg.gmres(A, np.ones(6), M=M, rtol=1e-16, maxiter=1, callback=seen.append)
        np.testing.assert_allclose(seen, [scale * np.sqrt(2 / 3)], rtol=1e-12)


@pytest.mark.parametrize("preconditioned", [False, True])
def test_gmres_residual_norms_are_scipys(preconditioned):
    A, b = random(20, seed=1), random(20, seed=2)[0]
    M = np.linalg.inv(A + 0.2 * np.eye(20)) if preconditioned else None
    mine, theirs = [], []
    for solver, seen in ((linalg.gmres, mine), (spla.gmres, theirs)):
        solver(A, b, M=M, restart=6, maxiter=3, rtol=1e-12, callback=seen.append, callback_type="pr_norm")
    np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_gmres_counts_steps_or_cycles_as_the_callback_type_says():
    A, b = random(20, seed=1), random(20, seed=2)[0]
    for kind, info, calls in (("legacy", 2, [2]), (None, 2, [2]), ("pr_norm", 0, range(3, 40)), ("x", 0, [1])):
        seen = []
        _, found = linalg.gmres(
            A, b, rtol=1e-6, maxiter=2, restart=50, callback=seen.append, **({"callback_type": kind} if kind else {})
        )
        assert found == info and len(seen) in calls
        assert all(isinstance(one, np.ndarray if kind == "x" else float) for one in seen)


def test_gmres_warns_when_the_callback_type_is_left_open_and_refuses_unknown_ones():
    with pytest.warns(DeprecationWarning, match="without specifying `callback_type`"):
        linalg.gmres(np.eye(2), np.ones(2), callback=print)
    with pytest.raises(ValueError, match="callback_type"):
        linalg.gmres(np.eye(2), np.ones(2), callback=print, callback_type="y")


def test_gmres_residual_never_grows_from_cycle_to_cycle():
    A, b, norms = random(20, seed=1) + np.eye(20), random(20, seed=2)[0], []
    options = dict(restart=10, maxiter=20, rtol=1e-14, callback_type="x")
    x, info = linalg.gmres(A, b, callback=lambda x: norms.append(far(A, x, b)), **options)
    assert np.all(np.diff(norms) <= 1e-12 * norms[0])
    assert (info == 20 and len(norms) == 20) or far(A, x, b) <= 1e-14 * np.linalg.norm(b)


def test_gmres_stops_after_the_cycles_it_was_given():
    A = np.vander(np.arange(10) + 1)[:, ::-1]
    x, info = linalg.gmres(A, np.eye(10)[0], restart=5, maxiter=1)
    np.testing.assert_allclose(x, spla.gmres(A, np.eye(10)[0], restart=5, maxiter=1)[0], rtol=1e-4)
    assert info == 1 and abs(x[0] - 0.359) < 5e-3


def test_gmres_with_a_singular_preconditioner_solves_what_it_can():
    A, M, b = np.diag([2.0, 3, 4]), np.diag([1.0, 1, 0]), np.array([0.0, 1, 1])
    x, info = linalg.gmres(A, b, x0=np.array([1.0, 0, 0]), M=M, rtol=1e-15)
    assert info > 0
    np.testing.assert_allclose(M @ A @ x, M @ b, atol=1e-14)


def test_gmres_on_a_singular_matrix_is_no_false_success():
    A, b = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]]), np.array([1.0, 0, 1])
    x, info = linalg.gmres(A, b, rtol=1e-8)
    assert info > 0
    np.testing.assert_allclose(A @ (A @ x), A @ b, atol=1e-14)


def test_gmres_error_does_not_grow_with_more_iterations_near_breakdown():
    a, w = 0.11127952880333685, 6.283185307179586j
    A = np.diag([-a, -0.13627952880333782 + w, -0.13627952880333782 - w, -0.16127952880333785])
    A[0, 3], A[3, 0] = 0.16127952880333685, a
    errors = [far(A, linalg.gmres(A, np.ones(4), maxiter=m, rtol=1e-8)[0], np.ones(4)) for m in range(1, 20)]
    assert np.all(errors <= 9 * np.minimum.accumulate(errors))


# -- minres -----------------------------------------------------------------------------------------------------------


def test_minres_shift_subtracts_a_multiple_of_the_identity():
    A, b = random(10, "hermitian"), np.arange(10.0)
    for form in (A, sp.csr_array(A), spla.aslinearoperator(A)):
        shifted = linalg.minres(form, b, shift=0.5, rtol=1e-9)
        assert shifted[1] == 0
        np.testing.assert_allclose(shifted[0], linalg.minres(A - 0.5 * np.eye(10), b, rtol=1e-9)[0], rtol=1e-6)


def test_minres_checks_symmetry_when_asked():
    A, b = random(10, "hermitian"), np.arange(10.0)
    linalg.minres(A, b, check=True)
    A[1, 2] += 1
    with pytest.raises(ValueError, match="A is not Hermitian"):
        linalg.minres(A, b, check=True)
    with pytest.raises(ValueError, match="M is not Hermitian"):
        linalg.minres(np.eye(10), b, M=A, check=True)


def test_minres_refuses_an_indefinite_preconditioner_as_scipy_does():
    for solver in (linalg.minres, spla.minres):
        with pytest.raises(ValueError):
            solver(np.eye(3), np.ones(3), M=-np.eye(3))


@pytest.mark.parametrize("b", [np.array([0.0, 1, 2, 3]), np.ones(4)], ids=["in the range", "not in the range"])
def test_minres_takes_singular_matrices(b):
    A = np.diag([0.0, 1, 3, 10])
    x, info = linalg.minres(A, b, rtol=1e-10)
    assert info == 0
    np.testing.assert_allclose(A @ (A @ x - b), 0, atol=1e-7)


def test_minres_shows_its_progress_only_when_asked(capsys):
    linalg.minres(line(), np.arange(40.0))
    assert capsys.readouterr().out == ""
    linalg.minres(line(), np.arange(40.0), show=True)
    assert "converged" in capsys.readouterr().out


# -- trouble ----------------------------------------------------------------------------------------------------------


def test_bicgstab_breakdown_is_negative_as_scipys():
    b = np.eye(11)[5]
    for solver in (linalg.bicgstab, spla.bicgstab):
        x, info = solver(BREAKDOWN, b, rtol=1e-8)
        assert info in (-10, -11) and far(BREAKDOWN, x, b) <= np.linalg.norm(b)


def test_cg_goes_on_where_the_matrix_is_negative_definite():
    for A in (-line(), (-line()).toarray()):
        x, info = linalg.cg(A, np.arange(40.0), rtol=1e-9)
        assert info == 0 and far(A, x, np.arange(40.0)) <= 1.01e-9 * np.linalg.norm(np.arange(40.0))


@EVERY
def test_a_right_hand_side_that_is_not_finite_stays_a_failure_or_an_error(name):
    b = np.array([1.0, np.nan, 0.0])
    try:
        _, info = MINE[name](np.eye(3), b)
    except ValueError:
        return
    assert info != 0
