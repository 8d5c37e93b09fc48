"""Matrices from Matrix Market files: a path, a real example by name, or bytes that a person uploaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.sparse as sp

from toolkit.core.arrays import exponent, frozen, is_hermitian
from toolkit.core.errors import DataError
from toolkit.core.knob import knob, seed_knob
from toolkit.data import bundled
from toolkit.data.matrices import MATRIX, VECTOR
from toolkit.data.reader import Found
from toolkit.data.uploads import shown
from toolkit.preconditioner.systems.balanced import balanced
from toolkit.preconditioner.systems.problems import LinearSystem
from toolkit.preconditioner.systems.sparse import is_definite


@dataclass(frozen=True)
class MatrixMarket(LinearSystem):
    """A x = b with A from a Matrix Market file (.mtx, .mtx.gz, a SuiteSparse .tar.gz): square, nonsingular, real or
    complex, of any symmetry; a pattern is read as ones.

    source: a path; the name of one of PyAMG's examples; or "upload:…", what `accept_upload` returned. Read when the
    problem is made, so that a file that cannot be used is refused at once. Limits: 64 MB, 256 MB unpacked,
    5 000 000 stored entries. Whether A is symmetric is found out by comparison, whether it is definite by elimination
    up to 20 000 unknowns (`is_definite`).
    Reference: R. F. Boisvert, R. Pozo, K. Remington, R. F. Barrett, J. J. Dongarra, in The Quality of Numerical
    Software (1997) 125–137, doi:10.1007/978-1-5041-2940-4_9.
    """

    title: ClassVar[str] = "Matrix Market file"
    sources: ClassVar[tuple[str, ...]] = ("boisvert1997",)
    source: str = knob("airfoil", file=MATRIX.endings, doc="a path, an example's name, or an upload")
    load: str = knob(
        "solution one",
        choices=("solution one", "one", "noise"),
        doc="right-hand side where no file gives one: A times the vector of ones, ones, or white noise",
    )
    right: str = knob("", file=VECTOR.endings, doc="file with the right-hand side; empty: as load says")
    seed: int = seed_knob("the noise")

    def __post_init__(self):
        LinearSystem.__post_init__(self)
        if self.source not in bundled.MATRICES or self.right:  # what cannot be used is refused here, not in mid-run
            self.matrix, self.rhs  # noqa: B018

    @classmethod
    def accept_upload(cls, knob_name: str, filename: str, data: bytes) -> str:
        """The knob's value for an uploaded file, kept by its content; DataError when it cannot be used."""
        return (VECTOR if knob_name == "right" else MATRIX).accept(filename, data)

    @cached_property
    def _found(self) -> Found:
        example = self.source in bundled.MATRICES
        return Found(bundled.matrix(self.source).matrix) if example else MATRIX.look(self.source)

    def caption(self) -> str:
        """What was assumed of the file."""
        return "" if self.source in bundled.MATRICES else " ".join(self._found.remarks)

    @property
    def matrix(self) -> sp.csr_array:
        return self._found.value

    @property
    def size(self) -> int:
        return self.matrix.shape[0]

    @cached_property
    def rhs(self) -> np.ndarray:
        if self.right:
            b = VECTOR.read(self.right)
            if len(b) != self.size:
                raise DataError(
                    f"{shown(self.right)}: a right-hand side of {len(b)} entries; expected {self.size}, "
                    f"as {shown(self.source)} has {self.size} rows."
                )
            return b
        if self.load == "noise":
            return frozen(np.random.default_rng(self.seed).standard_normal(self.size))
        return frozen(np.ones(self.size) if self.load == "one" else self.matrix @ np.ones(self.size))

    @cached_property
    def worked(self) -> LinearSystem:
        """This system, balanced where its numbers are near the ends of floating point."""
        return balanced(self, exponent(self.matrix.data))

    @cached_property
    def symmetric(self) -> bool:
        """Whether A equals its transpose."""
        return is_hermitian(self.matrix)

    @cached_property
    def definite(self) -> bool:
        """Whether A is symmetric positive definite."""
        return self.symmetric and is_definite(self.worked.matrix)
