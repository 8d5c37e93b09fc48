"""MGARD's multilevel decomposition of fields on tensor grids of any size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from toolkit.core.errors import DataError
from toolkit.kernels.grid import multilevel
from toolkit.mesh.compression.axes import Axis, amplification

SLABS = 16  # parts of axis 0: a constant, so that results do not depend on the number of threads
ROWS = 32  # rows of a block: three planes of it, their load vectors and kept values fit in a core's own cache


@dataclass(frozen=True, eq=False)
class Level:
    """One level: its three axes, and the arrays of the kernels in the precision of the field."""

    axes: tuple[Axis, Axis, Axis]
    dtype: np.dtype

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Nodes along each axis."""
        return tuple(len(axis.x) for axis in self.axes)

    @cached_property
    def kept(self) -> tuple[int, int, int]:
        """Kept nodes along each axis."""
        return tuple(len(axis.kept) for axis in self.axes)

    @property
    def size(self) -> int:
        """Coefficients: nodes that are not kept."""
        return math.prod(self.shape) - math.prod(self.kept)

    @cached_property
    def numbers(self) -> tuple[np.ndarray, ...]:
        """`at` and `by` of axes 0 and 1, `gather` and `halves` of axis 2, as the kernels take them."""
        zero, one, two = self.axes
        return *zero.across(self.dtype), *one.across(self.dtype), *two.along(self.dtype)

    @cached_property
    def lus(self) -> list[np.ndarray]:
        """The eliminated mass matrices of the three axes, each (3, kept nodes)."""
        return [axis.lu.astype(self.dtype) for axis in self.axes]

    @cached_property
    def starts(self) -> np.ndarray:
        """Where the slabs of axis 0 begin among its kept nodes, and their number at the end: (slabs + 1,)."""
        m = self.kept[0]
        return np.unique(np.linspace(0, m, min(SLABS, max(1, m // 4)) + 1).astype(np.int64))

    @cached_property
    def first(self) -> np.ndarray:
        """`starts` among all nodes of axis 0."""
        return np.append(self.axes[0].kept, len(self.axes[0].x))[self.starts].astype(np.int64)

    @cached_property
    def blocks(self) -> np.ndarray:
        """Nodes of axis 1 where its blocks begin, each with its kept ones, and their number."""
        return np.append(self.axes[1].kept[:: ROWS // 2], len(self.axes[1].x)).astype(np.int64)

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """How the kernels cut the field: slabs of axis 0 among kept and among all nodes, blocks of axis 1."""
        return self.starts, self.first, self.blocks

    @cached_property
    def adds(self) -> np.ndarray:
        """(m0, 2): the spills that belong to a plane: the upper of the slab below it, the lower of the one above."""
        found, slabs = np.full((self.kept[0], 2), -1, dtype=np.int64), len(self.starts) - 1
        inner = np.arange(1, slabs)
        found[self.starts[1:-1], 0] = 2 * inner - 1
        found[self.starts[1:-1] - 1, 1] = 2 * inner
        return found

    def correct(self, a: np.ndarray, c: np.ndarray, sign: float, detail: bool, room: Room) -> None:
        """c += sign · (L² projection of the coefficients in a); a from values to coefficients first with `detail`."""
        at0, by0, at1, by1, gather, halves = self.numbers
        b = room.load[: math.prod(self.kept)].reshape(self.kept)
        spills = 2 * len(self.starts) - 2, *self.kept[1:]
        spill = room.spill[: math.prod(spills)].reshape(spills)
        multilevel.load(
            a, c, b, at0, by0, at1, by1, gather, halves, self.starts, self.first, self.blocks, spill, detail
        )
        multilevel.solve_planes(b, self.adds, spill, self.lus[1], self.lus[2])
        flat = self.kept[0], -1
        multilevel.solve_columns(b.reshape(flat), c.reshape(flat), self.dtype.type(sign), self.lus[0])

    def refine(self, a: np.ndarray, c: np.ndarray) -> None:
        """a from coefficients to values, given the values c of the kept nodes."""
        at0, by0, at1, by1, _, halves = self.numbers
        multilevel.refine(a, c, at0, by0, at1, by1, halves)


@dataclass(frozen=True, eq=False)
class Room:
    """Memory to work in: the kept values of each level, a load vector, spills."""

    kept: list[np.ndarray]
    load: np.ndarray
    spill: np.ndarray


class Hierarchy:
    """The levels of a field of `shape`, 1D to 3D, any sizes; unit spacing.

    An axis of n nodes keeps every second one and the last, ⌊n/2⌋ + 1 of them, until two are left. `decompose` gives a
    pyramid: the coefficients of each level, finest first, then the values on the coarsest grid. A level's array has
    the shape of its grid, its kept nodes zero, along the last axis first the kept nodes, then the others.
    """

    def __init__(self, shape: tuple[int, ...], dtype=np.float64):
        if not 1 <= len(shape) <= 3 or min(shape) < 1:
            raise DataError(f"A field of shape {shape}: expected one to three axes, none of them empty.")
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise DataError(f"A field of {self.dtype}: expected float32 or float64.")
        box = {1: (1, 1, *shape), 2: (*shape[:1], 1, *shape[1:]), 3: tuple(shape)}[len(shape)]
        lines = [np.arange(n, dtype=float) for n in box]
        self.levels: list[Level] = []
        while any(len(x) > 2 for x in lines):
            self.levels.append(Level(tuple(Axis(x) for x in lines), self.dtype))
            lines = [axis.x[axis.kept] for axis in self.levels[-1].axes]
        self.coarsest = tuple(len(x) for x in lines)
        self.box = box

    @cached_property
    def sizes(self) -> np.ndarray:
        """Coefficients of each level, finest first, and values of the coarsest grid."""
        return np.array([*(level.size for level in self.levels), math.prod(self.coarsest)])

    @cached_property
    def amplifications(self) -> np.ndarray:
        """How much a change of a level's coefficients can change the field, in the maximum norm; 1 for the coarsest."""
        return np.array([*(amplification(level.axes) for level in self.levels), 1.0])

    def room(self) -> Room:
        """Memory for `decompose` and `recompose`, for those who call them again and again; it holds the pyramid."""
        kept = [np.empty(level.kept, dtype=self.dtype) for level in self.levels]
        spills = [(2 * len(level.starts) - 2) * math.prod(level.kept[1:]) for level in self.levels]
        load, spill = max((c.size for c in kept), default=0), max(spills, default=0)
        return Room(kept, np.empty(load, dtype=self.dtype), np.empty(spill, dtype=self.dtype))

    def decompose(self, field: np.ndarray, overwrite: bool = False, room: Room | None = None) -> list[np.ndarray]:
        """The pyramid of a field. `overwrite` lends the field's memory to the finest level, `room` its to the others.

        At each level u ↦ (u − Π u, Q u): coefficients by interpolation Π, the kept values those of the L² projection,
        Q u = Π u + Q (u − Π u). Cost: about 30 flops and four passes of memory a value, the levels together.
        """
        values = np.ascontiguousarray(field, dtype=self.dtype).reshape(self.box)
        if not overwrite and np.shares_memory(values, field):
            values = values.copy()
        pyramid, room = [], room or self.room()
        for level, c in zip(self.levels, room.kept):
            level.correct(values, c, 1.0, True, room)
            pyramid.append(values)
            values = c
        return [*pyramid, values]

    def recompose(self, pyramid: list[np.ndarray], overwrite: bool = False, room: Room | None = None) -> np.ndarray:
        """The field of a pyramid; `overwrite` uses up the pyramid's memory."""
        arrays, room = list(pyramid) if overwrite else [a.copy() for a in pyramid], room or self.room()
        for level, a in zip(self.levels[::-1], arrays[-2::-1]):
            level.correct(a, arrays[-1], -1.0, False, room)
            level.refine(a, arrays[-1])
            arrays[-1] = a
        return arrays[-1].reshape(self.shape)


@lru_cache(maxsize=16)
def hierarchy(shape: tuple[int, ...], dtype: str = "float64") -> Hierarchy:
    """The hierarchy of a shape, kept for the next time."""
    return Hierarchy(shape, dtype)
