"""Tables of fields to interpolate: a moving source, and a person's own snapshots from a file."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.errors import DataError
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem
from toolkit.data import matrix_file as mtx
from toolkit.data.files import contents

ENDINGS = (".npy", ".npz", ".csv")
MOST_BYTES = 64 << 20
MOST_ENTRIES = 4_000_000
MOST_FIELDS = 2000
SAMPLE = "sample"


class FieldTable(Problem):
    """Base: fields at points, one field a row; `table` (M, n), `held_out` (m, n) more fields, `shape` of an image."""

    @cached_property
    def table(self) -> np.ndarray:
        """The fields that bases are made from, (M, n)."""
        raise NotImplementedError

    @cached_property
    def held_out(self) -> np.ndarray:
        """Fields for the test, (m, n)."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and columns of the image that a field is; None where it is none."""
        return None

    @cached_property
    def size(self) -> float:
        """Largest modulus in the table; 1 if all is zero."""
        return float(np.abs(self.table).max()) or 1.0


@dataclass(frozen=True)
class MovingSource(FieldTable):
    """Fields on a grid over the unit square that depend on the place μ of a source, not affinely.

    "gaussian": exp(−|x − μ|²/(2 w²)), μ anywhere in the middle of the square; "far source": 1/|x − μ| with μ left of
    and below the square, at a distance of w/5 from its corner or more, the classical example.
    Places are drawn uniformly with the seed.
    Reference: M. A. Grepl, Y. Maday, N. C. Nguyen, A. T. Patera, ESAIM: M2AN 41 (2007) 575–605,
    doi:10.1051/m2an:2007031, section 2.3.
    """

    title: ClassVar[str] = "moving source"
    sources: ClassVar[tuple[str, ...]] = ("grepl2007",)
    kind: str = knob("gaussian", choices=("gaussian", "far source"), doc="what the fields are")
    n: int = knob(48, 8, 120, symbol="n", doc="points along a side")
    fields: int = knob(200, 20, 1000, log=True, symbol="M", doc="fields in the table")
    width: float = knob(0.2, 0.05, 1.0, log=True, symbol="w", doc="width of the source")
    seed: int = seed_knob("the places")

    @property
    def shape(self) -> tuple[int, int]:
        return self.n, self.n

    def made(self, places: np.ndarray) -> np.ndarray:
        """The fields of sources at these places (M, 2): (M, n²)."""
        line = np.linspace(0, 1, self.n)
        x, y = np.meshgrid(line, line)
        square = (x.ravel() - places[:, :1]) ** 2 + (y.ravel() - places[:, 1:]) ** 2
        return np.exp(-square / (2 * self.width**2)) if self.kind == "gaussian" else 1 / np.sqrt(square)

    def places(self, count: int, seed: int) -> np.ndarray:
        """Places of sources, (count, 2)."""
        drawn = np.random.default_rng(seed).random((count, 2))
        return 0.1 + 0.8 * drawn if self.kind == "gaussian" else -self.width / 5 - drawn * (1 - self.width / 5)

    @cached_property
    def table(self) -> np.ndarray:
        return frozen(self.made(self.places(self.fields, self.seed)))

    @cached_property
    def held_out(self) -> np.ndarray:
        return frozen(self.made(self.places(20, self.seed + 2**31)))


@dataclass(frozen=True)
class SnapshotFile(FieldTable):
    """A person's own fields from a file: .npy, .npz (its only or first array), .csv (commas); one field a row.

    source: a path, "sample", or "upload:…", what `accept_upload` returned. Read when the problem is made. Refused by
    name: pickles, numbers that are not real or not finite, fewer than two fields or points, an array that is not of
    two dimensions, more than 2000 fields, 4 000 000 entries or 64 MB. Every fifth field is held out for the test.
    """

    title: ClassVar[str] = "snapshot file"
    source: str = knob(SAMPLE, file=ENDINGS, doc="a path, 'sample', or an upload")

    def __post_init__(self):
        super().__post_init__()
        self.everything  # noqa: B018 - a file that cannot be used is refused here, not in mid-run

    @classmethod
    def accept_upload(cls, knob_name: str, filename: str, data: bytes) -> str:
        """The knob's value for an uploaded file, kept by its content; DataError when it cannot be used."""
        read(filename, data)
        return mtx.store(filename, data)

    @cached_property
    def everything(self) -> np.ndarray:
        """All fields of the file, (fields, points)."""
        if self.source == SAMPLE:
            return MovingSource(n=24, fields=60).table
        return read(mtx.shown(self.source), contents(self.source, ENDINGS, MOST_BYTES))

    @cached_property
    def table(self) -> np.ndarray:
        return frozen(self.everything[np.arange(len(self.everything)) % 5 != 4])

    @cached_property
    def held_out(self) -> np.ndarray:
        return frozen(self.everything[4::5] if len(self.everything) >= 5 else self.everything)

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and columns of the image a field is, where the number of points is a square."""
        side = int(np.sqrt(self.everything.shape[1]) + 0.5)
        return (side, side) if side * side == self.everything.shape[1] and side > 2 else None


def read(name: str, data: bytes) -> np.ndarray:
    """Fields (M, n) from the bytes of a file; its kind is known from its first bytes."""
    if len(data) > MOST_BYTES:
        raise DataError(f"{name}: {len(data)} bytes; expected at most {MOST_BYTES}.")
    if data[:6] == b"\x93NUMPY":
        found = _npy(name, data)
    elif data[:4] == b"PK\x03\x04":
        found = _npz(name, data)
    elif b"\x00" in data[:4096] or data[:1] == b"\x80":
        raise DataError(f"{name}: not a table of numbers (a pickle?); expected .npy, .npz or .csv.")
    else:
        found = _csv(name, data)
    return _checked(name, found)


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
    except (ValueError, OSError, EOFError, TypeError) as error:
        raise DataError(f"{name}: a damaged .npy file ({error}); expected what numpy.save writes.") from None


def _npz(name: str, data: bytes) -> np.ndarray:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            arrays = [one for one in archive.infolist() if one.filename.endswith(".npy")]
            if not arrays:
                raise DataError(f"{name}: no array inside; expected what numpy.savez writes.")
            if arrays[0].file_size > 4 * MOST_BYTES:
                raise DataError(f"{name}: {arrays[0].file_size} bytes unpacked; expected at most {4 * MOST_BYTES}.")
            with archive.open(arrays[0]) as member:
                inner = member.read(4 * MOST_BYTES)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}: a damaged .npz file ({error}); expected what numpy.savez writes.") from None
    return _npy(f"{name}: {arrays[0].filename}", inner)


def _csv(name: str, data: bytes) -> np.ndarray:
    try:
        text = data.decode("utf-8-sig")
        return np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2, comments="#")
    except (UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{name}: {error}; expected rows of numbers between commas, all of one length.") from None


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
