"""A photograph's bytes as luminances, whatever its mode and size; what cannot be used is refused with a reason."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import NamedTuple

import numpy as np

from toolkit.core.errors import DataError
from toolkit.core.loading import loading
from toolkit.data.reader import Found, Reader
from toolkit.data.signatures import signature

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
MOST_BYTES = 16 << 20
MOST_PIXELS = 1 << 25  # of the file
MOST_SIDE = 400  # of the matrix
LEAST_SIDE = 4
RED_GREEN_BLUE = np.array([0.299, 0.587, 0.114])
ORIENTATION = 0x0112  # the tag of EXIF and TIFF; 1: as it is stored
BITS, PHOTOMETRIC, SAMPLE = 258, 262, 339  # tags of TIFF


def luminance(pixels: np.ndarray) -> np.ndarray:
    """0.299 R + 0.587 G + 0.114 B of bytes, from 0 to 1."""
    return pixels @ RED_GREEN_BLUE / 255


class Images(Reader):
    """Photographs as luminances (rows, columns) from 0 to 1, the way up that a viewer shows, at most 400 a side."""

    endings = ENDINGS
    most = MOST_BYTES
    by_name = True
    kinds = ("image",)
    wanted = "an image"
    remedies = dict.fromkeys(("photograph", "photoshop", "svg", "pdf"), "save it as PNG or JPEG")

    def found(self, name: str, data: bytes) -> Found:
        return pixels(name, data)


IMAGE = Images()


def pixels(name: str, data: bytes) -> Found:
    """Luminances (rows, columns) from 0 to 1, at most 400 a side."""
    if not data or len(data) > MOST_BYTES:
        raise DataError(f"{name}: {len(data)} bytes; expected an image of 1 to {MOST_BYTES}.")
    try:
        with loading():
            from PIL import Image
    except ImportError:
        raise DataError("Photographs are read by Pillow: install pillow.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # it unpacks to much more than it is
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            size = image.size
            _fits(name, *size)
            grey, remarks = _seen(image)
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise what they like on a damaged file
        raise DataError(f"{name}: it cannot be read as an image ({_why(error, data)}.") from None
    if not np.all(np.isfinite(grey)):
        raise DataError(f"{name}: pixels that are NaN or infinite; expected finite ones.")
    thin = thinned(grey)
    if min(thin.shape) < LEAST_SIDE:
        raise DataError(f"{name}: {size[0]} × {size[1]} pixels are too narrow to be shrunk to {MOST_SIDE} a side.")
    return Found(thin, remarks)


def _fits(name: str, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise DataError(f"{name}: {width} × {height} pixels; expected at most {MOST_PIXELS} in all.")
    if min(width, height) < LEAST_SIDE:
        raise DataError(f"{name}: {width} × {height} pixels; expected at least {LEAST_SIDE} a side.")


def _why(error: Exception, data: bytes) -> str:
    """Why Pillow does not read it, and what to do."""
    why = str(error).splitlines()[0] if str(error) else type(error).__name__
    words, expected = signature(data)[1], f"expected {', '.join(FORMATS)}"
    if " object at 0x" not in why:
        return f"{why}); {expected}: save it as a new one"
    if words:
        return f"{words} damaged or of a kind that Pillow does not have); {expected}: save it as PNG of 8 or 16 bits"
    return f"no image format is recognised); {expected}"


class Depth(NamedTuple):
    """What a file says of its numbers beside their mode: how many bits, without a sign, with zero as white (a TIFF's
    tags), and that they are of 16 bits whatever they are kept in (a PNG's)."""

    bits: int = 16
    unsigned: bool = False
    zero_is_white: bool = False
    short: bool = False

    @classmethod
    def of(cls, image) -> Depth:
        """What the tags say."""
        tags = getattr(image, "tag_v2", {})
        white = tags.get(PHOTOMETRIC, 1) == 0
        return cls(tags.get(BITS, (16,))[0], tags.get(SAMPLE, (1,))[0] == 1, white, image.format == "PNG")


def _seen(image) -> tuple[np.ndarray, tuple[str, ...]]:
    """Grey from 0 to 1, the way up that a viewer shows, and what is to be said of it."""
    with loading():
        from PIL import ImageOps

    frames, turned, depth, remarks = 1, 1, Depth.of(image), ()
    with contextlib.suppress(Exception):  # EXIF or later frames that are damaged do not spoil the pixels
        turned = image.getexif().get(ORIENTATION, 1)
        frames = getattr(image, "n_frames", 1)
        image.seek(0)
    image.load()
    with contextlib.suppress(Exception):
        image = ImageOps.exif_transpose(image)
    if turned in range(2, 9):
        remarks += ("Turned upright, as the camera's EXIF orientation says.",)
    if frames > 1:
        remarks += (f"The first of {frames} frames was read.",)
    if image.mode in ("I", "F") and not depth.short:
        remarks += ("Numbers beyond 16 bits: the least became 0, the largest 1.",)
    return shades(image, depth), remarks


def shades(image, depth: Depth) -> np.ndarray:
    """Grey from 0 to 1 of an image of any mode: transparency on white, up to 16 bits over what they can hold, more
    over what they do hold."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if image.mode == "I" and depth.bits == 32 and depth.unsigned:
            values = values.view(np.uint32)
        values = values.astype(float)
        low, high = 0.0, 2.0**depth.bits - 1
        if image.mode in ("I", "F") and not depth.short:
            low, high = float(values.min()), float(values.max())
        grey = (values - low) / ((high - low) or 1.0)
        return 1 - grey if depth.zero_is_white else grey
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"), dtype=float) / 255
    if "A" in image.getbands() or "transparency" in image.info:
        layered = np.asarray(image.convert("RGBA"), dtype=float)
        share = layered[..., 3:] / 255
        return luminance(layered[..., :3] * share + 255 * (1 - share))
    return luminance(np.asarray(image.convert("RGB"), dtype=float))


def thinned(grey: np.ndarray) -> np.ndarray:
    """Means of whole blocks of pixels, the smallest that leave at most 400 a side; a rest at the edges is cut off."""
    block = -(-max(grey.shape) // MOST_SIDE)
    rows, columns = (size // block for size in grey.shape)
    cut = grey[: rows * block, : columns * block]
    return np.ascontiguousarray(cut.reshape(rows, block, columns, block).mean(axis=(1, 3)))
