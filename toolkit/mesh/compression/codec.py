"""Streams of bytes from fields and back, with the maximum error promised: MGARD's levels, plain rounding, lossless.

A stream: magic, kind, precision, axes, sizes, exponent, tolerance, budget, then the blocks of packed whole numbers.
Fields are scaled by a power of two to at most one, so that no intermediate value overflows.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from toolkit.core.errors import DataError
from toolkit.kernels.grid import multilevel
from toolkit.mesh.compression.multilevel import Hierarchy, hierarchy

MAGIC = b"MGT1"
LOSSLESS, ROUNDED, LEVELS = range(3)
BUDGETS = ("by count", "alike")
HEAD = struct.Struct("<4sBBBxiid")
ROUNDING = 2.0**-44  # what transform and rounding may add to the error of a field of size one, in double precision
LARGEST = 2.0**52  # whole numbers beyond this are not exact in double precision
MOST_VALUES = 1 << 28


def check_field(field: np.ndarray) -> np.ndarray:
    """The field as an array of float32 or float64, one to three axes, finite; DataError otherwise."""
    field = np.asarray(field)
    if field.dtype not in (np.float32, np.float64):
        raise DataError(f"A field of type {field.dtype}: expected float32 or float64.")
    if not 1 <= field.ndim <= 3 or not field.size:
        raise DataError(f"A field of shape {field.shape}: expected one to three axes, none of them empty.")
    if not np.all(np.isfinite(field)):
        raise DataError("A field with values that are NaN or infinite: expected finite numbers.")
    return field


@dataclass(frozen=True)
class Coded:
    """A stream, and what its check was of: the largest error of the field as it was first rounded, before any check.

    `unchecked` is 0 where nothing was rounded: the tolerance is within rounding, or whole numbers became too large.
    `lossless`: the field is stored as it is, for one of these reasons or because the check found too large an error.
    """

    stream: bytes
    unchecked: float
    lossless: bool


def compress(field: np.ndarray, tolerance: float, budget: str = "by count", spend: bool = False) -> bytes:
    """MGARD: a stream whose `decompress` differs from the field by at most `tolerance` (absolute) at every node.

    The coefficients of level l are rounded to multiples of q_l = 2 s_l τ / κ_l, κ_l the level's `amplification`,
    Σ s_l = 1: the errors add up to at most Σ κ_l q_l / 2 = τ, the tolerance less what rounding may add. Shares s_l:
    "alike" (MGARD's) or "by count", in proportion to the level's coefficients, which minimises Σ N_l log(1/q_l) and
    so the bits of finely resolved fields. Where the tolerance is within rounding, or the check after coding finds it
    exceeded, the field is stored as it is. With `spend` the numbers are coarsened as far as a second check allows: the
    promise then rests on the error measured with every coding, no longer on the bound.
    Reference: M. Ainsworth, O. Tugluk, B. Whitney, S. Klasky, SIAM J. Sci. Comput. 41 (2019) A1278–A1303,
    doi:10.1137/18M1166651, Section 5 (quantisation in the maximum norm).
    """
    return multilevel_coded(field, tolerance, budget, spend).stream


def multilevel_coded(field: np.ndarray, tolerance: float, budget: str = "by count", spend: bool = False) -> Coded:
    """What `compress` makes, with the error before its check."""
    return _checked(check_field(field), tolerance, LEVELS, BUDGETS.index(budget), 3 if spend else 0)


def compress_rounded(field: np.ndarray, tolerance: float) -> bytes:
    """The plain way: the values rounded to multiples of twice the tolerance, then zlib; the same promise."""
    return rounded_coded(field, tolerance).stream


def rounded_coded(field: np.ndarray, tolerance: float) -> Coded:
    """What `compress_rounded` makes, with the error before its check."""
    return _checked(check_field(field), tolerance, ROUNDED, 0, 0)


def decompress(stream: bytes) -> np.ndarray:
    """The field of a stream; DataError when it is not one or damaged."""
    try:
        magic, kind, single, axes, exponent, budget, tolerance = HEAD.unpack_from(stream)
        shape = struct.unpack_from(f"<{axes}q", stream, HEAD.size)
        ok = magic == MAGIC and 1 <= axes <= 3 and min(shape) > 0 and math.prod(shape) <= MOST_VALUES
        if not ok or kind > LEVELS or budget not in (0, 1):
            raise ValueError("its head is not that of a stream")
        dtype, blocks = np.dtype(np.float32 if single else np.float64), stream[HEAD.size + 8 * axes :]
        if kind == LOSSLESS:
            return _unshuffled(blocks, dtype, math.prod(shape)).reshape(shape)
        scaled = _rounded(blocks, shape, tolerance) if kind == ROUNDED else _levels(blocks, shape, tolerance, budget)
        return np.ldexp(scaled, exponent).astype(dtype)
    except (struct.error, zlib.error, ValueError, IndexError, OverflowError) as error:
        raise DataError(f"The stream is damaged ({error}): expected what compress returned.") from None


def quanta(levels: Hierarchy, tolerance: float, budget: int) -> np.ndarray:
    """q_l, finest level first, then that of the coarsest values; Σ κ_l q_l / 2 = tolerance.

    By count no level gets less than an eighth of an equal share, which keeps the few coarse numbers short.
    """
    alike = np.full(len(levels.sizes), 1 / len(levels.sizes))
    shares = alike if BUDGETS[budget] == "alike" else (7 * levels.sizes / levels.sizes.sum() + alike) / 8
    return 2 * tolerance * shares / np.maximum(levels.amplifications, 1e-3)


def _checked(field, tolerance, kind: int, budget: int, tries: int) -> Coded:
    if not (tolerance > 0 and math.isfinite(tolerance)):
        raise DataError(f"tolerance = {tolerance!r}: expected a positive number.")
    wide = field.astype(np.float64)
    exponent = int(np.frexp(np.max(np.abs(wide)))[1])
    scaled, goal = np.ldexp(wide, -exponent), min(_scaled(tolerance, -exponent), 4.0)
    slack = ROUNDING + (2.0**-24 if field.dtype == np.float32 else 0.0)
    best, trial, seen = None, goal - slack, []
    while goal > 2 * slack:
        coded, blocks = _coded(scaled, trial, kind, budget)
        error = np.inf if coded is None else _error(wide, coded, exponent, field.dtype)
        seen.append(0.0 if coded is None else error)
        if error <= tolerance and len(blocks) < field.nbytes:
            best = _head(field, kind, exponent, budget, trial) + blocks
        tries -= 1
        if tries < 0 or not 0 < error < 0.95 * tolerance:
            break
        trial *= 0.97 * tolerance / error
    stream = best or _head(field, LOSSLESS, 0, 0, 0.0) + _shuffled(field)
    return Coded(stream, seen[0] if seen else 0.0, best is None)


def _scaled(tolerance: float, exponent: int) -> float:
    try:
        return math.ldexp(tolerance, exponent)
    except OverflowError:
        return math.inf


def _error(wide, coded, exponent: int, dtype) -> float:
    """The largest error of what the decoder will see."""
    with np.errstate(over="ignore"):
        return float(np.max(np.abs(wide - np.ldexp(coded, exponent).astype(dtype))))


def _head(field, kind, exponent, budget, tolerance) -> bytes:
    single = field.dtype == np.float32
    return HEAD.pack(MAGIC, kind, single, field.ndim, exponent, budget, tolerance) + struct.pack(
        f"<{field.ndim}q", *field.shape
    )


def _coded(scaled, tolerance, kind: int, budget: int):
    """(what the decoder will see, the blocks), or (None, None) where numbers become too large."""
    if kind == ROUNDED:
        numbers = np.rint(scaled / (2 * tolerance))
        return (None, None) if np.max(np.abs(numbers)) > LARGEST else (numbers * (2 * tolerance), pack(numbers))
    levels = hierarchy(scaled.shape)
    pyramid, blocks = levels.decompose(scaled), []
    for i, quantum in enumerate(quanta(levels, tolerance, budget)):
        numbers, most = _numbers(levels, pyramid, i, quantum)
        if most > LARGEST:
            return None, None
        blocks.append(pack(numbers))
        _put(levels, pyramid, i, numbers, quantum)
    lengths = struct.pack(f"<{len(blocks)}q", *map(len, blocks))
    return levels.recompose(pyramid, overwrite=True), lengths + b"".join(blocks)


def _numbers(levels: Hierarchy, pyramid, i: int, quantum: float):
    if i == len(levels.levels):
        numbers = np.rint(pyramid[i].ravel() / quantum)
        return numbers, float(np.max(np.abs(numbers)))
    level, numbers = levels.levels[i], np.empty(levels.sizes[i])
    zero, one, _ = (axis.is_kept for axis in level.axes)
    return numbers, multilevel.quantise(pyramid[i], zero, one, level.kept[2], quantum, numbers)


def _put(levels: Hierarchy, pyramid, i: int, numbers, quantum: float) -> None:
    if i == len(levels.levels):
        pyramid[i] = (numbers * quantum).reshape(levels.coarsest)
        return
    zero, one, _ = (axis.is_kept for axis in levels.levels[i].axes)
    multilevel.dequantise(numbers, zero, one, levels.levels[i].kept[2], quantum, pyramid[i])


def _levels(blocks: bytes, shape, tolerance: float, budget: int) -> np.ndarray:
    levels = hierarchy(tuple(shape))
    count = len(levels.sizes)
    lengths, at = struct.unpack_from(f"<{count}q", blocks), 8 * count
    pyramid = [np.empty(level.shape) for level in levels.levels] + [np.empty(levels.coarsest)]
    for i, quantum in enumerate(quanta(levels, tolerance, budget)):
        _put(levels, pyramid, i, unpack(blocks[at : at + lengths[i]], int(levels.sizes[i])), quantum)
        at += lengths[i]
    return levels.recompose(pyramid, overwrite=True)


def _rounded(blocks: bytes, shape, tolerance: float) -> np.ndarray:
    return (unpack(blocks, math.prod(shape)) * (2 * tolerance)).reshape(shape)


# -- whole numbers and bytes -----------------------------------------------------------------------------------------


def pack(numbers: np.ndarray) -> bytes:
    """Whole numbers (in floating point) as bytes: signs to the last bit, as few bytes as needed, byte by byte, zlib."""
    whole = numbers.astype(np.int64)
    folded = ((whole << 1) ^ (whole >> 63)).astype("<u8")
    width = max(1, (int(folded.max()).bit_length() + 7) // 8)
    planes = np.ascontiguousarray(folded.view(np.uint8).reshape(-1, 8)[:, :width].T)
    return bytes([width]) + zlib.compress(planes.tobytes(), 6)


def unpack(block: bytes, count: int) -> np.ndarray:
    """The inverse of `pack`; ValueError when the block does not hold `count` numbers."""
    width = block[0]
    if not 1 <= width <= 8:
        raise ValueError("a block of numbers of no width")
    planes = np.zeros((count, 8), dtype=np.uint8)
    planes[:, :width] = np.frombuffer(_inflated(block[1:], width * count), np.uint8).reshape(width, count).T
    folded = planes.view("<u8").reshape(-1)
    return ((folded >> 1).astype(np.int64) ^ -(folded & 1).astype(np.int64)).astype(np.float64)


def _inflated(data: bytes, size: int) -> bytes:
    out = zlib.decompressobj().decompress(data, size + 1)
    if len(out) != size:
        raise ValueError(f"{len(out)} bytes where {size} belong")
    return out


def _shuffled(field: np.ndarray) -> bytes:
    width = field.dtype.itemsize
    little = np.ascontiguousarray(field).astype(field.dtype.newbyteorder("<"))
    return zlib.compress(little.view(np.uint8).reshape(-1, width).T.tobytes(), 6)


def _unshuffled(data: bytes, dtype, count: int) -> np.ndarray:
    planes = np.frombuffer(_inflated(data, dtype.itemsize * count), np.uint8).reshape(dtype.itemsize, count)
    return np.ascontiguousarray(planes.T).reshape(-1).view(dtype.newbyteorder("<")).astype(dtype)
