"""Where the components of a mixture in the plane are: named shapes, and the dark parts of a picture."""

from __future__ import annotations

import numpy as np

from toolkit.core.errors import DataError
from toolkit.data.images import Images
from toolkit.data.reader import Found

SIDE = 96  # pixels a side on which a picture is laid out
ROUNDS = 12


def _even(means: np.ndarray, width: float):
    return np.ones(len(means)), means, np.full(len(means), width)


def eight_gaussians(count: int):
    """Eight Gaussians on a circle of radius 1.5 (fewer if asked)."""
    angle = np.arange(min(count, 8)) * np.pi / 4
    return _even(1.5 * np.stack((np.cos(angle), np.sin(angle)), axis=1), 0.15)


def moons(count: int):
    """Two interleaved half circles."""
    upper, lower = count - count // 2, count // 2
    a, b = np.pi * (np.arange(upper) + 0.5) / upper, np.pi * (np.arange(lower) + 0.5) / max(1, lower)
    one = np.stack((np.cos(a) - 0.5, np.sin(a) - 0.25), axis=1)
    other = np.stack((0.5 - np.cos(b), 0.25 - np.sin(b)), axis=1)
    return _even(1.2 * np.concatenate((one, other)), 0.12)


def spiral(count: int):
    """One arm of an Archimedean spiral, three turns, evenly filled along its length."""
    turn = np.sqrt((np.arange(count) + 0.5) / count)
    angle = 6 * np.pi * turn
    return _even(2.0 * turn[:, None] * np.stack((np.cos(angle), np.sin(angle)), axis=1), 0.09)


def checkerboard(count: int):
    """The dark fields of a board of 4 × 4, each filled by a square grid of components."""
    side = max(1, int(np.sqrt(count / 8)))
    place = (np.arange(side) + 0.5) / side
    inner = np.stack(np.meshgrid(place, place), axis=-1).reshape(-1, 2)
    fields = np.array([(i, j) for i in range(4) for j in range(4) if (i + j) % 2 == 0])
    return _even((fields[:, None] + inner).reshape(-1, 2) - 2.0, 0.35 / side)


SHAPES = {"eight Gaussians": eight_gaussians, "moons": moons, "spiral": spiral, "checkerboard": checkerboard}


class Ink(Images):
    """Pictures as densities, as `ink` gives them."""

    def found(self, name: str, data: bytes) -> Found:
        grey, remarks = super().found(name, data)
        return Found(ink(name, grey), remarks)


INK = Ink()


def ink(name: str, grey: np.ndarray) -> np.ndarray:
    """Darkness of an image (rows from the top) as a density on at most 96 × 96 cells; DataError for one colour."""
    if not grey.max() - grey.min() > 1e-6:
        raise DataError(f"{name}: an image of one colour; expected one with darker and lighter parts.")
    block = -(-max(grey.shape) // SIDE)
    rows, columns = (-(-size // block) for size in grey.shape)
    whole = np.ones((rows * block, columns * block)) * grey.max()
    whole[: grey.shape[0], : grey.shape[1]] = grey
    dark = grey.max() - whole.reshape(rows, block, columns, block).mean(axis=(1, 3))
    return dark / dark.sum()


def laid_out(density: np.ndarray, count: int):
    """(weights, means, widths) of at most `count` components on a density, 4 units wide.

    Lloyd's iteration on its cells from a deterministic start: centres, their mass and breadth.
    """
    rows, columns = density.shape
    unit = 4 / max(rows, columns)
    used = np.argwhere(density > 0)
    mass = density[density > 0]
    cells = np.stack((used[:, 1] + 0.5 - columns / 2, rows / 2 - used[:, 0] - 0.5), axis=1) * unit
    count = min(count, len(cells))
    edges = np.cumsum(mass)
    centres = cells[np.unique(np.searchsorted(edges, (np.arange(count) + 0.5) / count * edges[-1]))]
    for _ in range(ROUNDS):
        _, held, moved = _parted(cells, mass, centres)
        centres = moved[held > 0] / held[held > 0, None]
    nearest, held, _ = _parted(cells, mass, centres)
    spread = np.bincount(nearest, mass * ((cells - centres[nearest]) ** 2).sum(axis=1), len(centres))
    some = held > 0
    widths = np.sqrt(spread[some] / held[some] / 2 + (unit / np.sqrt(12)) ** 2)
    return held[some], centres[some], widths


def _parted(cells, mass, centres):
    """(nearest centre of each cell, mass a centre holds, sum of mass times place)."""
    nearest = (-2 * cells @ centres.T + (centres**2).sum(axis=1)).argmin(axis=1)
    held = np.bincount(nearest, mass, len(centres))
    return nearest, held, np.stack([np.bincount(nearest, mass * cells[:, i], len(centres)) for i in (0, 1)], axis=1)
