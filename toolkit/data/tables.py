"""Tables of numbers: fields one a row from .npy, .npz or .csv, and values on a grid from .npy; nothing is executed."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.errors import DataError
from toolkit.data.delimited import numbers
from toolkit.data.reader import Found, Reader

MOST_BYTES = 64 << 20  # of a table of fields
MOST_ENTRIES = 4_000_000
MOST_FIELDS = 2000
MOST_GRID_BYTES = 16 << 20
MOST_VALUES = 1 << 20  # on a grid
# what NumPy's reader raises on a damaged file, whose header is Python text
_FAULTS = (ValueError, OSError, EOFError, TypeError, SyntaxError, MemoryError, tokenize.TokenError)


class Fields(Reader):
    """Fields at points, one field a row: (M, n). The kind of file shows in its first bytes, whatever its name."""

    endings = (".npy", ".npz", ".csv", ".tsv", ".txt")
    most = MOST_BYTES
    kinds = ("npy", "npz", "zip")
    wanted = "a table"
    remedies = dict.fromkeys(("office", "parquet"), "save the sheet as CSV") | dict.fromkeys(
        ("gzip", "tar", "packed"), "unpack it first"
    )

    def found(self, name: str, data: bytes) -> Found:
        return fields_of(name, data)

    def check_name(self, name: str) -> None:
        """Any name will do."""


class GridValues(Reader):
    """Values on a uniform grid of one to three axes: float32 is kept, all else becomes float64."""

    endings = (".npy",)
    most = MOST_GRID_BYTES
    kinds = ("npy",)
    wanted = "an array"
    remedies = dict.fromkeys(("npz", "matlab", "hdf", "image"), "save one array with numpy.save")

    def found(self, name: str, data: bytes) -> Found:
        return Found(grid_values(name, data))


FIELDS, GRID_VALUES = Fields(), GridValues()


def _why(error: Exception) -> str:
    """The first words of an error: some quote the file."""
    words = (str(error).splitlines() or [type(error).__name__])[0]
    return words if len(words) <= 160 else f"{words[:160]}…"


# -- fields ----------------------------------------------------------------------------------------------------------


def fields_of(name: str, data: bytes) -> Found:
    """Fields (M, n) from the bytes of a file; its kind is known from its first bytes."""
    if len(data) > MOST_BYTES:
        raise DataError(f"{name}: {len(data)} bytes; expected at most {MOST_BYTES}.")
    if data[:6] == b"\x93NUMPY":
        found = Found(_npy(name, data))
    elif data[:4] == b"PK\x03\x04":
        found = _npz(name, data)
    elif data[:1] == b"\x80" or not _is_text(data[:4096]):
        raise DataError(f"{name}: not a table of numbers (a pickle?); expected .npy, .npz or .csv.")
    else:
        found = numbers(name, data, MOST_FIELDS)
    return Found(_checked(name, found.value), found.remarks)


def _is_text(head: bytes) -> bool:
    """Whether the first bytes are text: without zeros, but for those of UTF-16 and UTF-32."""
    marked = head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[:4] == b"\0\0\xfe\xff"
    few, many = sorted(head[i::2].count(0) for i in (0, 1))
    return marked or not many or (few * 50 <= len(head) and many * 5 >= 2 * len(head))


def _npy(name: str, data: bytes) -> np.ndarray:
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = header(stream)
        _fits(name, shape, kind)
        stream.seek(0)
        return np.load(stream, allow_pickle=False)
    except DataError:
        raise
    except _FAULTS as error:
        raise DataError(f"{name}: a damaged .npy file ({_why(error)}); expected what numpy.save writes.") from None


def _npz(name: str, data: bytes) -> Found:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            arrays = [one for one in archive.infolist() if one.filename.endswith(".npy")]
            if not arrays:
                raise DataError(f"{name}: no array inside; expected what numpy.savez writes.")
            if arrays[0].file_size > 4 * MOST_BYTES:
                raise DataError(f"{name}: {arrays[0].file_size} bytes unpacked; expected at most {4 * MOST_BYTES}.")
            with archive.open(arrays[0]) as member:
                inner = member.read(4 * MOST_BYTES)
    except (*_FAULTS, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}: a damaged .npz file ({_why(error)}); expected what numpy.savez writes.") from None
    said = (f"The first of {len(arrays)} arrays was read.",) * (len(arrays) > 1)
    return Found(_npy(f"{name}: {arrays[0].filename}", inner), said)


def _fits(name: str, shape: tuple, kind: np.dtype) -> None:
    """Refuse by the header alone, before anything is allocated."""
    if kind.hasobject:
        raise DataError(f"{name}: it holds Python objects (a pickle); expected numbers.")
    if kind.kind not in "fiu":
        raise DataError(f"{name}: entries of type {kind}; expected real numbers.")
    if len(shape) != 2:
        raise DataError(f"{name}: an array of shape {shape}; expected two dimensions, one field a row.")
    if shape[0] > MOST_FIELDS or shape[0] * shape[1] > MOST_ENTRIES:
        raise DataError(f"{name}: {shape}; expected at most {MOST_FIELDS} fields and {MOST_ENTRIES} entries.")
    if min(shape) < 2:
        raise DataError(f"{name}: {shape[0]} fields at {shape[1]} points; expected two of each at least.")


def _checked(name: str, found: np.ndarray) -> np.ndarray:
    _fits(name, found.shape, found.dtype)
    fields = np.array(found, dtype=float, order="C")
    bad = np.argwhere(~np.isfinite(fields))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{name}: field {row + 1}, point {column + 1} is {fields[row, column]}; expected finite numbers."
        )
    if not fields.any():
        raise DataError(f"{name}: every entry is zero; expected fields that differ from zero.")
    return frozen(fields)


# -- values on a grid ------------------------------------------------------------------------------------------------


def grid_values(name: str, data: bytes) -> np.ndarray:
    """The field in the bytes of a .npy file; DataError that names the file, what was found and what is expected."""
    if len(data) > MOST_GRID_BYTES:
        raise DataError(f"{name}: {len(data)} bytes; expected at most {MOST_GRID_BYTES}.")
    if not data.startswith(b"\x93NUMPY"):
        raise DataError(f"{name}: it does not begin as a .npy file does: save it with numpy.save.")
    try:
        values = np.load(io.BytesIO(data), allow_pickle=False, max_header_size=10_000)
    except _FAULTS as error:
        raise DataError(f"{name}: it cannot be read as .npy ({_why(error)}).") from None
    if values.dtype.kind not in "fiu" or values.dtype.itemsize > 8:
        raise DataError(f"{name}: values of type {values.dtype}; expected real numbers of at most 64 bits.")
    if not 1 <= values.ndim <= 3 or not 2 <= values.size <= MOST_VALUES:
        raise DataError(
            f"{name}: an array of shape {values.shape}; expected one to three axes and 2 to {MOST_VALUES} values."
        )
    if not np.all(np.isfinite(values)):
        raise DataError(f"{name}: values that are NaN or infinite; expected finite numbers.")
    single = values.dtype.kind == "f" and values.dtype.itemsize == 4
    return frozen(np.ascontiguousarray(values, dtype=np.float32 if single else np.float64))
