"""Problems on the grids of the unit interval, square and cube: stencils as matrices, loads, and the sine transform."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.fft
import scipy.sparse as sp

from toolkit.core.arrays import csr, frozen
from toolkit.core.errors import KnobError
from toolkit.core.patience import between
from toolkit.preconditioner.systems.problems import LinearSystem

GRID_LIMIT = 1 << 22
LOADS = ("one", "sine", "noise")


class GridProblem(LinearSystem):
    """A problem on the interior points of a grid of n intervals a side, h = 1/n, zero on the boundary.

    Subclasses have the knobs `n`, `load` and `seed`, and `dim` as a knob or a class attribute; axis 0 is the slowest.
    """

    dim = 2
    cellwise: ClassVar[bool] = False  # the coefficient is one number a cell: `cells`

    @property
    def axis_coefficients(self) -> tuple[float, ...] | None:
        """(a_0, …), one positive number an axis, where the equation is −Σ a_d u_dd = f; else None."""
        return None

    @property
    def cells(self) -> np.ndarray | None:
        """a in −∇·(a ∇u) = f on the (n, n) cells of a plane grid, where a is given so; else None."""
        return None

    @property
    def gentle(self) -> bool:
        """Whether the coefficient has no large jumps."""
        return True

    def __post_init__(self):
        LinearSystem.__post_init__(self)
        if self.size > GRID_LIMIT:
            most = int(GRID_LIMIT ** (1 / self.dim)) + 1
            raise KnobError(
                f"{type(self).__name__}.n = {self.n}: expected at most {most} in {self.dim}D, "
                f"where n = {self.n} would make {self.size:.2g} unknowns."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n - 1,) * self.dim

    @property
    def size(self) -> int:
        return (self.n - 1) ** self.dim

    @cached_property
    def dtype(self) -> np.dtype:
        return np.dtype(float)

    @property
    def direct_limit(self) -> int:
        """Elimination on a grid: some two seconds."""
        return (100_000, 100_000, 15_000)[self.dim - 1]

    @cached_property
    def wave(self) -> np.ndarray:
        """sin πx sin πy … on the grid, flat."""
        x = np.sin(np.pi * np.arange(1, self.n) / self.n)
        wave = x
        for _ in range(self.dim - 1):
            wave = np.multiply.outer(wave, x)
        return frozen(wave.reshape(-1))

    @cached_property
    def rhs(self) -> np.ndarray:
        """f on the grid: 1, the sine wave for which −Δu = f has u = sin πx sin πy …, or white noise."""
        if self.load == "noise":
            return frozen(np.random.default_rng(self.seed).standard_normal(self.size))
        return frozen(np.ones(self.size)) if self.load == "one" else frozen(self.dim * np.pi**2 * self.wave)

    @property
    def entries(self) -> int:
        """Non-zeros of the (2 dim + 1)-point stencil's matrix."""
        return (2 * self.dim + 1) * self.size - 2 * self.dim * (self.n - 1) ** (self.dim - 1)


def stencil_matrix(shape: tuple[int, ...], stencil: dict[tuple[int, ...], object]) -> sp.csr_array:
    """The matrix with entry stencil[offset] (a number or an array of `shape`) from a point to the point at offset.

    Offsets that leave the grid are dropped. Rows in C order, columns sorted. Cost: one pass over the entries.
    """
    size, width = int(np.prod(shape)), len(stencil)
    strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    ordered = sorted(stencil, key=lambda offset: np.dot(offset, strides))
    inside = np.ones((*shape, width), dtype=bool)
    kind = np.result_type(float, *stencil.values())
    values, columns = np.empty((*shape, width), dtype=kind), np.empty((size, width), dtype=np.int32)
    number = np.arange(size, dtype=np.int32)
    for place, offset in enumerate(ordered):
        between(f"Assembling a matrix of {size} unknowns: {place + 1} of {width} diagonals")
        values[..., place] = stencil[offset]
        np.add(number, np.int32(np.dot(offset, strides)), out=columns[:, place])
        for axis, step in enumerate(offset):
            edge = [slice(None)] * len(shape) + [place]
            edge[axis] = slice(0, -step) if step < 0 else slice(shape[axis] - step, None)
            inside[tuple(edge)] = False if step else inside[tuple(edge)]
    between(f"Assembling a matrix of {size} unknowns: packing it")
    kept = inside.reshape(size, width)
    pointers = np.zeros(size + 1, dtype=np.int32)
    np.cumsum(kept.sum(axis=1), out=pointers[1:])
    made = sp.csr_array((values.reshape(size, width)[kept], columns[kept], pointers), shape=(size, size))
    return csr(made, copy=False)


def cross(weights: tuple[float, ...], n: int, reaction: complex = 0.0) -> dict[tuple[int, ...], complex]:
    """The (2 dim + 1)-point stencil of −Σ a_d u_dd + reaction · u with h = 1/n."""
    dim = len(weights)
    units = [tuple(int(axis == other) for other in range(dim)) for axis in range(dim)]
    stencil = {(0,) * dim: 2.0 * n**2 * sum(weights) + reaction}
    for unit, weight in zip(units, weights):
        stencil[unit] = stencil[tuple(-step for step in unit)] = -weight * float(n**2)
    return stencil


def eigenvalues(weights: tuple[float, ...], n: int) -> np.ndarray:
    """4 n² Σ a_d sin²(π j_d h/2), j_d = 1 … n − 1, on the grid of j: the spectrum of −Σ a_d u_dd."""
    line = 4.0 * n**2 * np.sin(np.pi * np.arange(1, n) / (2 * n)) ** 2
    total = np.zeros((1,) * len(weights))
    for axis, weight in enumerate(weights):
        total = total + weight * line.reshape([-1 if other == axis else 1 for other in range(len(weights))])
    return total


def sine_solve(spectrum: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The solution for a matrix that the sine transform diagonalises, exact to rounding; O(N log N).

    Reference: B. L. Buzbee, G. H. Golub, C. W. Nielson, SIAM J. Numer. Anal. 7 (1970) 627–656, doi:10.1137/0707049.
    """
    coefficients = scipy.fft.dstn(b.reshape(spectrum.shape), type=1)
    coefficients = coefficients / spectrum
    return scipy.fft.idstn(coefficients, type=1, overwrite_x=True).reshape(-1)
