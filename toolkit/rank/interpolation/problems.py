"""Tables of fields to interpolate: a moving source, and a person's own snapshots from a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from toolkit.core.arrays import frozen
from toolkit.core.knob import knob, seed_knob
from toolkit.core.problem import Problem
from toolkit.data.reader import Found
from toolkit.data.tables import FIELDS

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
    """A person's own fields from a file: .npy, .npz (its only or first array), or a table as text; one field a row.

    Of a table delimiter, decimal comma, encoding, headings and a column that names the rows are found out and said.

    source: a path, "sample", or "upload:…", what `accept_upload` returned. Read when the problem is made. Refused by
    name: pickles, numbers that are not real or not finite, fewer than two fields or points, an array that is not of
    two dimensions, more than 2000 fields, 4 000 000 entries or 64 MB. Every fifth field is held out for the test.
    """

    title: ClassVar[str] = "snapshot file"
    source: str = knob(SAMPLE, file=FIELDS.endings, doc="a path, 'sample', or an upload")

    def __post_init__(self):
        super().__post_init__()
        self.everything  # noqa: B018 - a file that cannot be used is refused here, not in mid-run

    @classmethod
    def accept_upload(cls, knob_name: str, filename: str, data: bytes) -> str:
        """The knob's value for an uploaded file, kept by its content; DataError when it cannot be used."""
        return FIELDS.accept(filename, data)

    @cached_property
    def _found(self) -> Found:
        return Found(MovingSource(n=24, fields=60).table) if self.source == SAMPLE else FIELDS.look(self.source)

    def caption(self) -> str:
        """What was left out or assumed of the file."""
        return " ".join(self._found.remarks)

    @property
    def everything(self) -> np.ndarray:
        """All fields of the file, (fields, points)."""
        return self._found.value

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
