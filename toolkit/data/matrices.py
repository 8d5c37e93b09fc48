"""Matrix Market files: looked at before anything is allocated, unpacked under a cap, read by SciPy."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import zlib
from functools import lru_cache
from pathlib import PurePosixPath

import numpy as np
import scipy.io
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from scipy.sparse.csgraph import structural_rank

from toolkit.core.arrays import csr, frozen
from toolkit.core.errors import DataError
from toolkit.data.matrix_lines import FIELDS, check_lines, stored
from toolkit.data.reader import Found, Reader
from toolkit.data.uploads import too_large

ENDINGS = (".mtx", ".mtx.gz", ".tar.gz")
MOST_BYTES = 64 << 20
MOST_UNPACKED = 256 << 20
MOST_MEMBERS = 10_000
CHUNK = 1 << 16
MOST_ENTRIES = 5_000_000
MOST_ROWS = 2_000_000
RANK_LIMIT = 1_000_000  # entries up to which the structural rank is computed
PIVOT_LIMIT = 5_000  # unknowns up to which the condition is estimated by elimination
BANNER = b"%%MatrixMarket"
SYMMETRIES = ("general", "symmetric", "skew-symmetric", "hermitian")
_BANNER = re.compile(rb"\s*%%?[ \t]*matrixmarket(?=\s)([^\r\n]*)", re.IGNORECASE)


# -- reading ---------------------------------------------------------------------------------------------------------


class Matrices(Reader):
    """Square, nonsingular matrices, real or complex, as read-only CSR. An upload is known by its content, a path by its
    ending; of a SuiteSparse archive the matrix that bears its name."""

    endings = ENDINGS
    most = MOST_BYTES
    kinds = ("matrix", "gzip", "tar")
    wanted = "a Matrix Market file"
    remedies = dict.fromkeys(("zip", "packed"), "unpack it first") | dict.fromkeys(
        ("matlab", "hdf", "npy", "npz"), "write the matrix with scipy.io.mmwrite"
    )

    def found(self, name: str, data: bytes) -> Found:
        return _matrix(name, _Bytes(data))

    def check_name(self, name: str) -> None:
        if not name.lower().endswith(self.endings):
            expected = " or ".join(self.endings)
            raise DataError(
                f"{name!r}: expected the path of a file that ends in {expected}, or the name of an example."
            )


class Vectors(Matrices):
    """Vectors, real or complex, in files of one column or one row."""

    def found(self, name: str, data: bytes) -> Found:
        return Found(check_vector(name, data))


MATRIX, VECTOR = Matrices(), Vectors()


def check_matrix(name: str, data: bytes) -> sp.csr_array:
    """A square, nonsingular matrix from the bytes of a file."""
    return MATRIX.made(name, data)


def check_vector(name: str, data: bytes) -> np.ndarray:
    """A vector from the bytes of a file: an array or coordinate file of one column (or one row)."""
    text, _ = text_of(name, data)
    rows, columns, *_ = header = _header(name, text)
    if min(rows, columns) != 1:
        raise DataError(f"{name}: {rows} × {columns}; expected a right-hand side of one column.")
    found = _parsed(name, text, header)
    vector = (found.toarray() if sp.issparse(found) else np.asarray(found)).reshape(-1)
    vector = vector.astype(np.result_type(vector.dtype, float))
    _finite(name, vector)
    return frozen(vector)


class _Bytes:
    """Bytes compared by their digest: the key under which the last matrices are remembered."""

    def __init__(self, data: bytes):
        self.data, self.digest = bytes(data), hashlib.sha256(data).digest()

    def __hash__(self):
        return hash(self.digest)

    def __eq__(self, other):
        return self.digest == other.digest


@lru_cache(maxsize=4)
def _matrix(name: str, given: _Bytes) -> Found:
    text, remarks = text_of(name, given.data)
    rows, columns, *_, field, _ = header = _header(name, text)
    if rows != columns:
        raise DataError(f"{name}: the matrix is {rows} × {columns}; expected a square one.")
    found = sp.coo_array(_parsed(name, text, header))
    made = csr(found)
    _finite(name, made.data)
    _nonsingular(name, made)
    if field == "pattern":
        remarks += ("A pattern file: it has no values, and every entry was read as one.",)
    twice = found.nnz - made.nnz
    if twice:
        remarks += (f"{twice} entries stand at a place that has one already: they were added.",)
    return Found(made, remarks)


def text_of(name: str, data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The text of a file, made safe for SciPy's parser, and what is to be said of it.

    The parser reads past the end of a last line without a line break (a crash of the whole process) and past a zero
    byte, and knows the banner only as the format's authors wrote it.
    """
    text, remarks = unpacked(name, data), ()
    if text[257:262] == b"ustar":
        text, member = _from_tar(name, text)
        remarks = (f"An archive: {member} was read.",)
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = text.decode("utf-16", "replace").encode("utf-8")
    text = text.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in text:
        raise DataError(f"{name}: it holds zero bytes; expected the text of a Matrix Market file.")
    banner = _BANNER.match(text)
    if banner:  # blank lines before it go behind it, so that the lines keep their numbers
        blank = b"\n" * text.count(b"\n", 0, text.index(b"%"))
        text = BANNER + banner[1].lower() + blank + text[banner.end() :]
    return text if text.endswith(b"\n") else text + b"\n", remarks


def _from_tar(name: str, data: bytes) -> tuple[bytes, str]:
    """(the bytes, the name) of the matrix in an archive: its only one, or that which is called as its folder."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            members = [one for one in archive if one.isfile() and one.name.lower().endswith(".mtx")]
            named = [one for one in members if PurePosixPath(one.name).stem == PurePosixPath(one.name).parent.name]
            chosen = members if len(members) == 1 else named
            if len(chosen) != 1:
                told = ", ".join(PurePosixPath(one.name).name for one in members[:6]) or "none"
                raise DataError(f"{name}: an archive with {len(members)} matrices ({told}); expected one: unpack it.")
            return archive.extractfile(chosen[0]).read(), PurePosixPath(chosen[0].name).name
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}: it is a damaged tar archive; expected a whole one, or the .mtx file in it.") from None


def unpacked(name: str, data: bytes) -> bytes:
    """The bytes of a file, unpacked if it is gzip, under a cap on what is unpacked: a bomb never gets its memory."""
    if len(data) > MOST_BYTES:
        raise too_large(name, len(data), MOST_BYTES)
    if data[:2] != b"\x1f\x8b":
        return data
    pieces, total, at = [], 0, 0
    while at < len(data):
        piece, at = _member(name, data, at, MOST_UNPACKED - total)
        pieces.append(piece)
        total += len(piece)
        if len(pieces) > MOST_MEMBERS:
            raise DataError(f"{name}: the gzip file has more than {MOST_MEMBERS} members, which is the limit.")
    return b"".join(pieces)


def _member(name: str, data: bytes, at: int, room: int) -> tuple[bytes, int]:
    """(what the gzip member at this place unpacks to, where the next one begins)."""
    stream, pieces = zlib.decompressobj(wbits=31), []
    while not stream.eof:
        if at >= len(data):
            raise DataError(f"{name}: the gzip file is cut off.")
        given = data[at : at + CHUNK]
        try:
            pieces.append(stream.decompress(given, room + 1))
        except zlib.error as error:
            raise DataError(f"{name}: it is not a sound gzip file ({error}).") from None
        room -= len(pieces[-1])
        if room < 0:
            raise DataError(f"{name}: it unpacks to more than {MOST_UNPACKED >> 20} MB, which is the limit.")
        at += len(given) - len(stream.unused_data)
    if data[at : at + 1] == b"\0" and not data[at:].strip(b"\0"):
        at = len(data)  # some writers fill up with zeros
    return b"".join(pieces), at


def _header(name: str, text: bytes) -> tuple:
    """(rows, columns, entries, format, field, symmetry) from the first lines, checked against the limits."""
    if not text.strip():
        raise DataError(f"{name}: the file is empty; expected a Matrix Market file.")
    if not text.startswith(BANNER):
        raise DataError(f"{name}: the first line does not begin with %%MatrixMarket: it is no Matrix Market file.")
    words = text[: text.index(b"\n")].decode("ascii", "replace").split()
    if words[1:2] == ["vector"]:
        raise DataError(f"{name}: its object is 'vector'; expected 'matrix': write it as a matrix of one column.")
    if len(words) < 5:
        raise DataError(
            f"{name}: its first line has {len(words)} words; expected five, as in "
            "'%%MatrixMarket matrix coordinate real general'."
        )
    try:
        header = scipy.io.mminfo(io.BytesIO(text))
    except Exception as error:
        raise _damaged(name, error) from None
    _bounded(name, text, header)
    return header


def _bounded(name: str, text: bytes, header: tuple) -> None:
    """DataError for a header that asks for what is not read, or for more than the limits or the file itself allow."""
    rows, columns, entries, format, field, symmetry = header
    if field not in FIELDS or symmetry not in SYMMETRIES or (format, field) == ("array", "pattern"):
        fields, symmetries = ", ".join(FIELDS), ", ".join(SYMMETRIES)
        raise DataError(
            f"{name}: its header says {format}, {field}, {symmetry}; expected one of {fields} ('pattern' with "
            f"coordinates only), and one of {symmetries}."
        )
    if min(rows, columns) < 1 or entries < 1:
        raise DataError(f"{name}: {rows} × {columns} with {entries} entries: the matrix is empty.")
    if max(rows, columns) > MOST_ROWS or entries > MOST_ENTRIES:
        raise DataError(
            f"{name}: the header says {rows} × {columns} with {entries} entries; "
            f"the limits are {MOST_ROWS} rows and {MOST_ENTRIES} entries."
        )
    if stored(rows, columns, entries, format, symmetry) > len(text) // 2:
        raise DataError(
            f"{name}: the header says {entries} entries, more than {len(text)} bytes can hold: the file is truncated."
        )


def _parsed(name: str, text: bytes, header: tuple):
    check_lines(name, text, header)
    try:
        return scipy.io.mmread(io.BytesIO(text), spmatrix=False)
    except Exception as error:
        raise _damaged(name, error) from None


def _damaged(name: str, error: Exception) -> DataError:
    reason = str(error).strip().rstrip(".") or type(error).__name__
    return DataError(f"{name}: it is damaged or truncated ({reason}); expected a whole Matrix Market file.")


# -- what a linear system needs --------------------------------------------------------------------------------------


def _finite(name: str, values: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise DataError(f"{name}: {len(bad)} entries are NaN or infinite; expected finite numbers.")


def _nonsingular(name: str, matrix: sp.csr_array) -> None:
    """DataError for a matrix that is singular for all that can be seen cheaply."""
    absolute = abs(matrix)
    for axis, what in ((1, "row"), (0, "column")):
        empty = np.flatnonzero(absolute.sum(axis=axis) == 0)
        if len(empty):
            raise DataError(f"{name}: the matrix is singular: {what} {empty[0] + 1} (counting from 1) is zero.")
    if matrix.nnz <= RANK_LIMIT:
        held = matrix.copy()
        held.eliminate_zeros()
        rank = structural_rank(held)
        if rank < matrix.shape[0]:
            raise DataError(
                f"{name}: the matrix is singular: the places of its entries allow a rank of {rank} "
                f"only; expected {matrix.shape[0]}."
            )
    if matrix.shape[0] <= PIVOT_LIMIT and _condition(matrix) > 0.1 / np.finfo(float).eps:
        raise DataError(f"{name}: the matrix is singular to working precision; expected a nonsingular one.")


def _condition(matrix: sp.csr_array) -> float:
    """κ₁ after the rows and columns are scaled to largest entry 1, estimated; infinity when a pivot vanishes."""
    scaled = matrix.copy()
    for axis in (1, 0):
        size = 1.0 / abs(scaled).max(axis=axis).toarray().reshape(-1)
        weights = sp.diags_array(size)
        scaled = sp.csr_array(weights @ scaled if axis else scaled @ weights)
    try:
        factors = spla.splu(scaled.tocsc())
    except RuntimeError:
        return np.inf
    inverse = spla.LinearOperator(
        matrix.shape, factors.solve, rmatvec=lambda v: factors.solve(v, trans="H"), dtype=matrix.dtype
    )
    return float(spla.onenormest(inverse) * abs(scaled).sum(axis=0).max())
