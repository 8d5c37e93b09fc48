"""A linear system from a Matrix Market file: what is found out of the matrix, its right-hand side, its link."""

import io

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp

import toolkit as tk
from toolkit.core import spec as specs
from toolkit.preconditioner.systems.matrix_market import MatrixMarket

HEAD = b"%%MatrixMarket matrix coordinate real general\n"
GOOD = HEAD + b"% a comment\n3 3 5\n1 1 4.0\n2 2 5\n3 3 -6e0\n1 3 1.5\n3 1 0.25\n"
FULL = np.array([[4.0, 0, 1.5], [0, 5, 0], [0.25, 0, -6]])


@pytest.fixture(autouse=True)
def own_uploads(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path / "uploads"))


def written(matrix, **options) -> bytes:
    file = io.BytesIO()
    scipy.io.mmwrite(file, matrix, precision=17, **options)
    return file.getvalue()


def take(data, name="mine.mtx", knob="source"):
    return MatrixMarket.accept_upload(knob, name, data)


def test_a_general_file_is_read_exactly():
    problem = MatrixMarket(take(GOOD))
    np.testing.assert_array_equal(problem.matrix.toarray(), FULL)
    assert not problem.symmetric and not problem.definite and problem.size == 3
    np.testing.assert_allclose(problem.rhs, FULL.sum(axis=1))
    np.testing.assert_allclose(problem.exact, np.ones(3), rtol=1e-14)


def test_symmetric_and_definite_are_found_out():
    for symmetry in ("general", "symmetric"):
        rng = np.random.default_rng(5)
        matrix = sp.random_array((30, 30), density=0.2, rng=rng) + 10 * sp.eye_array(30)
        matrix = (matrix + matrix.T) / 2 if symmetry == "symmetric" else matrix
        problem = MatrixMarket(take(written(sp.coo_array(matrix), symmetry=symmetry)))
        assert problem.symmetric == problem.definite == (symmetry == "symmetric")
    assert MatrixMarket(take(written(sp.coo_array(np.array([[2, 1], [1, 3]]))))).definite


def test_symmetric_but_indefinite_is_told_apart():
    problem = MatrixMarket(take(written(sp.coo_array(np.array([[1.0, 2], [2, 1]])), symmetry="symmetric")))
    assert problem.symmetric and not problem.definite
    assert "positive definite" in tk.lab("preconditioner").methods()["cg"]().suits(problem)


def test_a_right_hand_side_may_come_from_a_file(tmp_path):
    b = np.array([1.0, -2, 3])
    dense, sparse = take(written(b[:, None]), knob="right"), take(written(sp.coo_array(b[:, None])), knob="right")
    for right in (dense, sparse):
        np.testing.assert_array_equal(MatrixMarket(take(GOOD), right=right).rhs, b)
    (tmp_path / "b.mtx").write_bytes(written(b[:, None]))
    np.testing.assert_array_equal(MatrixMarket(take(GOOD), right=str(tmp_path / "b.mtx")).rhs, b)


def line(n: int = 16) -> dict[str, sp.coo_array]:
    """Matrices of every symmetry on a line of n points."""
    ones = np.ones(n - 1)
    stiff = sp.diags_array([-ones, np.full(n, 2.0), -ones], offsets=[-1, 0, 1]).tocoo()
    skew = sp.diags_array([-ones, ones], offsets=[-1, 1]).tocoo()
    hermitian = (stiff + 1j * skew + 2 * sp.eye_array(n)).tocoo()
    return {"skew-symmetric": skew, "complex": (stiff + 1j * sp.eye_array(n)).tocoo(), "hermitian": hermitian}


@pytest.mark.parametrize("kind", ["skew-symmetric", "complex", "hermitian", "pattern"])
def test_every_method_that_suits_a_file_ends_in_words_and_converges_only_to_its_solution(kind):
    matrix = line()[kind] if kind != "pattern" else line()["skew-symmetric"]
    options = {"pattern": dict(field="pattern", symmetry="general"), "complex": {}}.get(kind, dict(symmetry=kind))
    problem = MatrixMarket(take(written(matrix, **options)))
    assert problem.dtype == (complex if kind in ("complex", "hermitian") else float)
    assert problem.symmetric == (kind in ("hermitian", "pattern")) and problem.definite == (kind == "hermitian")
    assert ("read as one" in problem.caption()) == (kind == "pattern")
    met = 0
    for cls in tk.lab("preconditioner").methods().values():
        if not cls().suits(problem):
            run = tk.solve(problem, cls(), tk.Stop(steps=40))
            assert run.status.kind
            if run.status.kind == "converged":
                assert np.linalg.norm(problem.residual(run.solution())) <= 1e-6 * problem.norm
                met += 1
    assert met > 2


def test_a_complex_right_hand_side_makes_a_real_matrix_a_complex_problem():
    b = np.array([1.0, -2j, 3 + 1j])
    problem = MatrixMarket(take(GOOD), right=take(written(b[:, None]), knob="right"))
    run = tk.solve(problem, tk.lab("preconditioner").methods()["gmres"]())
    assert problem.dtype == complex and run.status.kind == "converged"
    np.testing.assert_allclose(FULL @ run.solution(), b, rtol=1e-6)


def test_an_upload_travels_in_a_spec_and_repeats_the_run():
    problem = MatrixMarket(take(GOOD), load="noise", seed=4)
    twin = specs.restore("problem", specs.describe(problem))
    assert twin == problem
    np.testing.assert_array_equal(twin.rhs, problem.rhs)
    method = tk.lab("preconditioner").methods()["gmres"]()
    run = tk.solve(problem, method)
    assert run.status.kind == "converged"
    assert tk.Run.from_spec(run.spec()).finish().history.trace_hash() == run.history.trace_hash()


@pytest.mark.parametrize(
    "source, words",
    [
        ("no-such-file.mtx", "no-such-file.mtx: there is no such file"),
        ("no-such-name", "'no-such-name': expected the path of a file that ends in .mtx or .mtx.gz"),
        ("/etc/passwd", "expected the path of a file that ends in"),
        ("", "expected the path of a file"),
        ("nul\0byte.mtx", "mtx"),
        ("upload:../../etc/passwd", "64 digits"),
        ("upload:" + "0" * 64, "not on this machine any more: upload it again"),
    ],
)
def test_sources_that_lead_nowhere(source, words):
    with pytest.raises(tk.DataError) as refusal:
        MatrixMarket(source)
    assert words in str(refusal.value)


def test_right_hand_sides_that_do_not_fit():
    with pytest.raises(tk.DataError, match="a right-hand side of 2 entries; expected 3"):
        MatrixMarket(take(GOOD), right=take(written(np.ones((2, 1))), knob="right"))
    with pytest.raises(tk.DataError, match=r"b.mtx: 2 × 2; expected a right-hand side of one column"):
        take(written(np.ones((2, 2))), "b.mtx", "right")
    with pytest.raises(tk.DataError, match=r"b.mtx: 1 entries are NaN"):
        take(written(np.array([[1.0], [np.nan]])), "b.mtx", "right")


def test_wrong_knobs_are_refused():
    for values in (dict(source=3), dict(load="two"), dict(seed=-1)):
        with pytest.raises(tk.KnobError, match="MatrixMarket"):
            MatrixMarket(**values)
