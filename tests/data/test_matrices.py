"""Matrix Market files: what is sound is read exactly, what is not is refused in one clear message."""

import gzip
import io
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.core.arrays import is_hermitian
from toolkit.data import matrices as mtx
from toolkit.data.matrices import MATRIX, VECTOR
from toolkit.data.uploads import uploads

HEAD = b"%%MatrixMarket matrix coordinate real general\n"
GOOD = HEAD + b"% a comment\n3 3 5\n1 1 4.0\n2 2 5\n3 3 -6e0\n1 3 1.5\n3 1 0.25\n"
PATTERN = HEAD.replace(b"real", b"pattern")
DENSE = b"%%MatrixMarket matrix array real symmetric\n"
FULL = np.array([[4.0, 0, 1.5], [0, 5, 0], [0.25, 0, -6]])


@pytest.fixture(autouse=True)
def own_uploads(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path / "uploads"))


def written(matrix, **options) -> bytes:
    file = io.BytesIO()
    scipy.io.mmwrite(file, matrix, precision=17, **options)
    return file.getvalue()


def taken(data, name="mine.mtx"):
    """The matrix in an uploaded file, read back from the store."""
    return MATRIX.read(MATRIX.accept(name, data))


# -- sound files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("symmetry", ["general", "symmetric"])
def test_writing_and_reading_is_the_identity(packed, symmetry):
    rng = np.random.default_rng(5)
    matrix = sp.random_array((30, 30), density=0.2, rng=rng) + 10 * sp.eye_array(30)
    matrix = (matrix + matrix.T) / 2 if symmetry == "symmetric" else matrix
    data = written(sp.coo_array(matrix), symmetry=symmetry)
    found = taken(gzip.compress(data) if packed else data)
    assert abs(found - matrix).max() == 0
    assert is_hermitian(found) == (symmetry == "symmetric")


def test_dense_and_integer_files_are_read():
    np.testing.assert_array_equal(taken(written(FULL)).toarray(), FULL)
    whole = taken(written(sp.coo_array(np.array([[2, 1], [1, 3]]))))
    assert whole.dtype == float
    np.testing.assert_array_equal(whole.toarray(), [[2, 1], [1, 3]])


def test_every_way_to_write_a_number_is_read():
    body = b"\r\n3  3 4 \n\n 1 1\t.5e+1\r\n2 2 5.\n3 3 -60E-1\n\n3 1 0.25e00"
    np.testing.assert_array_equal(
        mtx.check_matrix("a", HEAD + body).toarray(), np.diag([5.0, 5, -6]) + 0.25 * np.eye(3, k=-2)
    )
    dense = mtx.check_matrix("a", DENSE + b"2 2\n4\n\n-1e0\n 4\n")
    np.testing.assert_array_equal(dense.toarray(), [[4, -1], [-1, 4]])


@pytest.mark.parametrize("name", ["a.mtx", "a.mtx.gz"])
def test_a_path_is_read(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(GOOD) if name.endswith("gz") else GOOD)
    np.testing.assert_array_equal(MATRIX.read(str(tmp_path / name)).toarray(), FULL)


def test_several_gzip_members_are_one_file():
    np.testing.assert_array_equal(
        mtx.check_matrix("a", gzip.compress(GOOD[:60]) + gzip.compress(GOOD[60:])).toarray(), FULL
    )


@pytest.mark.parametrize("end", [b"", b" ", b"\r"])
def test_a_last_line_without_a_line_break_is_read_safely(end):
    """SciPy's parser looks for the line break behind the last number, past the end of the file: it crashed here."""
    np.testing.assert_array_equal(mtx.check_matrix("mine.mtx", GOOD.rstrip() + end).toarray(), FULL)


@pytest.mark.parametrize("end", [b"e", b" %", b"\xff", b" 7"])
def test_a_number_with_something_behind_it_is_not_half_read(end):
    with pytest.raises(tk.DataError, match=r"line 8 is '3 1 0.25.+'; expected row, column and value"):
        mtx.check_matrix("mine.mtx", GOOD.rstrip() + end)


FILES = Path(__file__).parent / "files"
ENTRIES = b"2 2 3\n1 1 2.0\n2 2 3.0\n2 1 1.5\n"
AS_WRITTEN = {
    "a space before the banner": b" " + HEAD + ENTRIES,
    "one percent sign": HEAD[1:] + ENTRIES,
    "tabs": HEAD.replace(b" ", b"\t") + ENTRIES,
    "double": HEAD.replace(b"real", b"double") + ENTRIES,
    "indented comments": HEAD + b"\n  % indented\n" + ENTRIES,
    "pattern": PATTERN + b"2 2 3\n1 1\n2 2\n2 1\n",
    "symmetric pattern": PATTERN.replace(b"general", b"symmetric") + b"2 2 2\n1 1\n2 1\n",
    "skew": HEAD.replace(b"general", b"skew-symmetric") + b"2 2 1\n2 1 1.5\n",
    "dense skew": DENSE.replace(b"symmetric", b"skew-symmetric") + b"2 2\n5\n",
    "complex": HEAD.replace(b"real", b"complex") + b"2 2 2\n1 1 1 2\n2 2 3e0 -.4\n",
    "hermitian": HEAD.replace(b"real general", b"complex hermitian") + b"2 2 2\n1 1 1 0\n2 1 3 4\n",
    "real hermitian": HEAD.replace(b"general", b"hermitian") + b"2 2 2\n1 1 1\n2 1 3\n",
    "dense hermitian": DENSE.replace(b"real symmetric", b"complex hermitian") + b"2 2\n1 0\n2 1\n3 0\n",
    "unsigned": HEAD.replace(b"real", b"unsigned-integer") + b"2 2 2\n1 1 2\n2 2 3\n",
    "dense symmetric of single digits": DENSE + b"3 3\n4\n1\n1\n4\n1\n4\n",
    "both triangles": HEAD.replace(b"general", b"symmetric") + b"2 2 3\n1 1 2\n1 2 3\n2 1 3\n",
}


@pytest.mark.parametrize("case", AS_WRITTEN)
def test_what_scipy_reads_is_read_as_scipy_reads_it(case):
    oracle = sp.coo_array(scipy.io.mmread(io.BytesIO(AS_WRITTEN[case]), spmatrix=False)).toarray()
    found = taken(AS_WRITTEN[case])
    np.testing.assert_array_equal(found.toarray(), oracle)
    assert found.dtype == (complex if np.iscomplexobj(oracle) else float)


def test_the_file_with_a_space_before_its_banner_is_read():
    np.testing.assert_array_equal(
        MATRIX.read(str(FILES / "space_before_banner.mtx")).toarray(), np.diag([2.0, 3.0, 4.0])
    )


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + HEAD + ENTRIES,  # as some editors save text
        (HEAD + ENTRIES).decode().encode("utf-16"),
        HEAD.upper() + ENTRIES,
        b"\n\r\n" + HEAD + ENTRIES,
        HEAD.replace(b"\n", b"\r\n") + ENTRIES.replace(b"\n", b"\r\n"),
    ],
)
def test_what_is_sound_but_not_to_scipy_is_read_too(data):
    np.testing.assert_array_equal(taken(data).toarray(), [[2, 0], [1.5, 3]])


def test_blank_lines_before_the_banner_do_not_move_the_number_of_a_line():
    with pytest.raises(tk.DataError, match=r"line 6 is '2 2 what'"):
        MATRIX.accept("a.mtx", b"\n\n" + HEAD + ENTRIES.replace(b"2 2 3.0", b"2 2 what"))


@pytest.mark.parametrize("name", ["A.MTX", "A.Mtx.GZ"])
def test_an_ending_may_be_in_large_letters(tmp_path, name):
    data = HEAD + ENTRIES
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("GZ") else data)
    assert MATRIX.read(str(tmp_path / name)).shape == (2, 2)


@pytest.mark.parametrize(
    "data, words",
    [
        (GOOD, ()),
        (AS_WRITTEN["symmetric pattern"], ("every entry was read as one",)),
        (AS_WRITTEN["both triangles"], ("2 entries stand at a place that has one already: they were added",)),
    ],
)
def test_what_was_assumed_is_said(data, words):
    remarks = MATRIX.found("a.mtx", data).remarks
    assert len(remarks) == len(words) and all(word in " ".join(remarks) for word in words)


def packed(**members: bytes) -> bytes:
    """A gzipped tar archive as the SuiteSparse collection gives it: a folder with the matrix and what belongs to it."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, data in members.items():
            about = tarfile.TarInfo(f"line/{name}" if "." in name else f"line/{name}.mtx")
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return target.getvalue()


def test_an_archive_of_the_suitesparse_collection_is_read():
    data = packed(line_b=written(np.ones((3, 1))), line=GOOD)
    np.testing.assert_array_equal(taken(data, "line.tar.gz").toarray(), FULL)
    assert MATRIX.found("line.tar.gz", data).remarks == ("An archive: line.mtx was read.",)
    np.testing.assert_array_equal(taken(packed(other=GOOD), "line.tar.gz").toarray(), FULL)
    with pytest.raises(tk.DataError, match=r"an archive with 2 matrices \(a.mtx, b.mtx\); expected one: unpack it"):
        MATRIX.accept("line.tar.gz", packed(a=GOOD, b=GOOD))
    with pytest.raises(tk.DataError, match=r"an archive with 0 matrices \(none\)"):
        MATRIX.accept("line.tar.gz", packed(**{"README.txt": b"-"}))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 7),
    st.integers(0, 2**32 - 1),
    st.sampled_from(("real", "integer", "complex", "pattern")),
    st.sampled_from(("general", "symmetric", "skew-symmetric", "hermitian")),
    st.booleans(),
)
def test_a_file_that_scipy_writes_is_read_exactly_or_refused_as_singular(n, seed, field, symmetry, dense):
    rng = np.random.default_rng(seed)
    full = rng.integers(-4, 5, (n, n)) * (rng.random((n, n)) < 0.7) + (
        6 if symmetry != "skew-symmetric" else 0
    ) * np.eye(n)
    full = full + 1j * rng.integers(-4, 5, (n, n)) if field == "complex" else full
    twin = full.conj().T if symmetry == "hermitian" else full.T
    full = full if symmetry == "general" else full - full.T if symmetry == "skew-symmetric" else full + twin
    if field in ("integer", "pattern"):
        full = full.real.astype(int)
    sparse = sp.coo_array(full)
    try:
        data = written(full if dense and field != "pattern" else sparse, field=field, symmetry=symmetry)
    except ValueError:  # SciPy does not write this symmetry of this field
        return
    oracle = sp.coo_array(scipy.io.mmread(io.BytesIO(data), spmatrix=False)).toarray()
    try:
        found = MATRIX.made("mine.mtx", data)
    except tk.DataError as refusal:
        assert np.linalg.matrix_rank(oracle) < n and ("singular" in str(refusal) or "empty" in str(refusal)), refusal
    else:
        np.testing.assert_array_equal(found.toarray(), oracle)


def test_vectors_are_read_from_dense_and_sparse_files(tmp_path):
    b = np.array([1.0, -2, 3])
    for one in (b[:, None], sp.coo_array(b[:, None]), b[None]):
        np.testing.assert_array_equal(VECTOR.read(VECTOR.accept("b.mtx", written(one))), b)
    with pytest.raises(tk.DataError, match=r"b.mtx: 2 × 2; expected a right-hand side of one column"):
        VECTOR.accept("b.mtx", written(np.ones((2, 2))))
    with pytest.raises(tk.DataError, match=r"b.mtx: 1 entries are NaN"):
        VECTOR.accept("b.mtx", written(np.array([[1.0], [np.nan]])))


# -- files that cannot be used ---------------------------------------------------------------------------------------


def symmetric(text):
    return HEAD.replace(b"general", b"symmetric") + text


BAD = {
    "empty": (b"", "empty"),
    "blank": (b"\n \n", "empty"),
    "not a matrix market file": (b"hello\n1 2 3\n", "%%MatrixMarket"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "Matrix Market file"),
    "unknown banner": (b"%%MatrixMarket tensor coordinate real general\n1 1 1\n1 1 1\n", "damaged"),
    "no size line": (HEAD, "damaged"),
    "words for a size": (HEAD + b"three 3 1\n1 1 1\n", "damaged"),
    "negative size": (HEAD + b"-3 -3 1\n1 1 1\n", "mine.mtx"),
    "truncated": (GOOD[:-20], "truncated"),
    "cut in a number": (HEAD + b"3 3 5\n1 1 4.0\n2 2", "truncated"),
    "an index beyond the size": (GOOD.replace(b"3 1 0.25", b"4 1 0.25"), "damaged"),
    "an index of zero": (GOOD.replace(b"3 1 0.25", b"0 1 0.25"), "damaged"),
    "a column of zero": (GOOD.replace(b"3 1 0.25", b"3 0 0.25"), "line 8 counts from 0; expected rows from 1 to 3"),
    "counted from 0": (HEAD + b"2 2 2\n0 0 1\n1 1 2\n", "line 3 counts from 0; expected rows from 1 to 2 and columns"),
    "a word for a value": (GOOD.replace(b"0.25", b"what"), "damaged"),
    "zero bytes": (GOOD + b"\0", "zero bytes"),
    "a dense pattern": (DENSE.replace(b"real", b"pattern") + b"2 2\n1\n", "'pattern' with coordinates only"),
    "a vector": (b"%%MatrixMarket vector coordinate real general\n2 1\n1 3\n", "its object is 'vector'"),
    "no symmetry": (HEAD.replace(b" general", b"") + b"1 1 1\n1 1 1\n", "4 words; expected five"),
    "an odd skew matrix": (
        HEAD.replace(b"general", b"skew-symmetric") + b"3 3 2\n2 1 1\n3 2 1\n",
        "singular: the places of its entries allow a rank of 2",
    ),
    "a value in a pattern": (PATTERN + b"1 1 1\n1 1 5\n", "line 3 is '1 1 5'; expected row and column, as its field"),
    "half a complex number": (
        HEAD.replace(b"real", b"complex") + b"1 1 1\n1 1 5\n",
        "line 3 is '1 1 5'; expected row, column, real and imaginary part",
    ),
    "a web page": (b"<!DOCTYPE html>\n<html></html>", "it is a web page, not the file it links to"),
    "a zip": (b"PK\x03\x04" + bytes(40), "it is a zip archive; expected a Matrix Market file"),
    "a MATLAB file": (b"MATLAB 5.0 MAT-file" + bytes(99), "write the matrix with scipy.io.mmwrite"),
    "rectangular": (HEAD + b"2 3 2\n1 1 1\n2 2 1\n", "2 × 3; expected a square"),
    "no entries": (HEAD + b"2 2 0\n", "2 × 2 with 0 entries: the matrix is empty"),
    "no rows": (HEAD + b"0 0 0\n", "empty"),
    "a zero row": (HEAD + b"2 2 2\n1 1 1\n1 2 1\n", "singular: row 2"),
    "a zero column": (HEAD + b"2 2 2\n1 1 1\n2 1 1\n", "singular: column 2"),
    "explicit zeros": (HEAD + b"2 2 3\n1 1 1\n1 2 1\n2 2 0\n", "singular: row 2"),
    "structurally singular": (HEAD + b"3 3 5\n1 1 1\n2 1 1\n3 1 1\n3 2 2\n3 3 2\n", "rank of 2 only; expected 3"),
    "numerically singular": (HEAD + b"2 2 4\n1 1 1\n1 2 2\n2 1 2\n2 2 4\n", "singular to working precision"),
    "a Neumann problem": (symmetric(b"3 3 5\n1 1 1\n2 1 -1\n2 2 2\n3 2 -1\n3 3 1\n"), "singular to working precision"),
    "NaN": (GOOD.replace(b"0.25", b"nan"), "1 entries are NaN or infinite"),
    "infinity": (GOOD.replace(b"0.25", b"-inf"), "1 entries are NaN or infinite"),
    "a huge header": (HEAD + b"1000000000 1000000000 5\n1 1 1\n", "limits are 2000000 rows"),
    "too many entries": (HEAD + b"10 10 999999999999\n1 1 1\n", "limits are 2000000 rows and 5000000 entries"),
    "more entries than bytes": (HEAD + b"1000 1000 900000\n1 1 1\n", "truncated"),
    "a number beyond 64 bits": (HEAD + b"99999999999999999999999 3 1\n1 1 1\n", "damaged"),
    "a large dense header": (b"%%MatrixMarket matrix array real general\n60000 60000\n1\n", "limits are"),
    "a decimal comma": (GOOD.replace(b"0.25", b"0,25"), "line 8 is '3 1 0,25'; expected row, column and value"),
    "a Fortran exponent": (GOOD.replace(b"0.25", b"2.5D-1"), "line 8 is '3 1 2.5D-1'"),
    "two points": (GOOD.replace(b"0.25", b"0.2.5"), "line 8 is '3 1 0.2.5'"),
    "a word behind a value": (GOOD.replace(b"0.25", b"0.25 or so"), "line 8 is '3 1 0.25 or so'"),
    "a fourth column": (GOOD.replace(b"0.25", b"0.25 0"), "line 8 is '3 1 0.25 0'"),
    "a fraction among whole numbers": (GOOD.replace(b"real", b"integer"), "line 4 is '1 1 4.0'; expected row, column"),
    "a dense symmetric file cut off": (DENSE + b"2 2\n4\n1\n", "2 values; expected 3, the lower triangle"),
    "a dense symmetric file too long": (DENSE + b"2 2\n4\n1\n4\n4\n", "4 values; expected 3"),
    "a dense file cut off": (DENSE.replace(b"symmetric", b"general") + b"2 2\n4\n1\n1\n", "truncated"),
    "a comment among entries": (GOOD.replace(b"3 1 0.25", b"% 3 1 0.25"), "line 8 is '% 3 1 0.25'"),
    "broken gzip": (gzip.compress(GOOD)[:-12], "gzip file is cut off"),
    "damaged gzip": (b"\x1f\x8b\x08\x00 no, not at all", "gzip"),
    "gzip of nothing": (gzip.compress(b""), "empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_refused_in_one_message(case):
    data, words = BAD[case]
    with pytest.raises(tk.DataError) as refusal:
        MATRIX.accept("mine.mtx", data)
    message = str(refusal.value)
    assert message.startswith("mine.mtx: ") and words in message and "\n" not in message and len(message) < 300
    assert not uploads().exists() or not list(uploads().iterdir())


def test_badly_scaled_is_not_singular():
    assert taken(written(sp.coo_array(np.diag([1e-30, 1.0, 1e30])))).shape == (3, 3)


def test_files_beyond_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mtx, "MOST_BYTES", 1 << 20)
    with pytest.raises(tk.DataError, match=r"mine.mtx: 2.0 MB; the limit is 1 MB"):
        MATRIX.accept("mine.mtx", b"%" * (2 << 20))
    (tmp_path / "big.mtx").write_bytes(b"%" * (2 << 20))
    with pytest.raises(tk.DataError, match=r"big.mtx: 2.0 MB; the limit is 1 MB"):
        MATRIX.read(str(tmp_path / "big.mtx"))


def bomb(megabytes: int) -> bytes:
    """A gzip file that unpacks to so many megabytes of comment lines."""
    packer = zlib.compressobj(9, wbits=31)
    line = (b"%" * 1023 + b"\n") * 1024
    return packer.compress(HEAD) + b"".join(packer.compress(line) for _ in range(megabytes)) + packer.flush()


def test_a_decompression_bomb_is_refused_under_a_cap():
    with pytest.raises(tk.DataError, match="unpacks to more than 256 MB"):
        MATRIX.accept("mine.mtx", bomb(600))


def test_a_bomb_of_many_members_is_refused(monkeypatch):
    monkeypatch.setattr(mtx, "MOST_UNPACKED", 4 << 20)
    with pytest.raises(tk.DataError, match="unpacks to more than 4 MB"):
        MATRIX.accept("mine.mtx", bomb(1) * 20)


def test_a_file_of_very_many_members_is_refused_quickly():
    with pytest.raises(tk.DataError, match="more than 10000 members"):
        MATRIX.accept("mine.mtx", gzip.compress(b"", mtime=0) * 100_000)


def test_gzip_may_be_filled_up_with_zeros_but_not_with_something_else():
    packed = gzip.compress(GOOD)
    np.testing.assert_array_equal(mtx.check_matrix("a.mtx.gz", packed + bytes(100)).toarray(), FULL)
    with pytest.raises(tk.DataError, match="not a sound gzip file"):
        mtx.check_matrix("a.mtx.gz", packed + b"more")


def test_a_huge_header_allocates_nothing():
    """In a process that may not have more than 1.5 GB, a header of 10¹⁸ entries is refused as any other."""
    program = (
        "import resource, sys; sys.path.insert(0, '.')\n"
        "from toolkit.data import matrices as mtx\n"
        "from toolkit.core.errors import DataError\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (3 << 29, 3 << 29))\n"
        "for head in (b'coordinate real general\\n2000000 2000000 5000000\\n', b'array real general\\n2000000 2\\n'):\n"
        "    try:\n"
        "        mtx.check_matrix('h.mtx', b'%%MatrixMarket matrix ' + head + b'1 1 1\\n')\n"
        "    except DataError as refusal:\n"
        "        print(refusal)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.count("h.mtx") == 2, done.stderr


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "folder.mtx").mkdir()
    with pytest.raises(tk.DataError, match="there is no such file"):
        MATRIX.read(str(tmp_path / "folder.mtx"))


# -- fuzz ------------------------------------------------------------------------------------------------------------


@st.composite
def damaged(draw, whole: bytes):
    """The bytes with a few of them changed, dropped or doubled."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(("set", "digit", "drop", "insert", "cut", "double")))
        if kind == "set":
            data[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif kind == "digit":
            data[at : at + 1] = draw(st.sampled_from((b"0", b"9", b"-", b"e", b".", b" ", b"\n", b"%")))
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 5))]
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif kind == "cut":
            del data[at:]
        else:
            data[at:at] = data[at : at + 12]
    return bytes(data)


def survives(data):
    try:
        found = mtx.check_matrix("fuzz.mtx", data)
    except tk.DataError as refusal:
        assert str(refusal).startswith("fuzz.mtx: ")
    else:
        assert found.shape[0] == found.shape[1] and np.all(np.isfinite(found.data))


@settings(max_examples=300, deadline=None)
@given(damaged(GOOD))
def test_damaged_files_never_raise_anything_else(data):
    survives(data)


@settings(max_examples=100, deadline=None)
@given(damaged(symmetric(b"3 3 4\n1 1 4\n2 2 5\n3 3 6\n3 1 1\n")))
def test_damaged_symmetric_files_neither(data):
    survives(data)


@settings(max_examples=100, deadline=None)
@given(damaged(gzip.compress(GOOD, mtime=0)))
def test_damaged_gzip_files_neither(data):
    survives(data)


@settings(max_examples=60, deadline=None)
@given(damaged(written(FULL)))
def test_damaged_dense_files_neither(data):
    survives(data)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_neither(data):
    survives(data)
    survives(HEAD + data)
