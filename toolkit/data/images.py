"""A photograph's bytes as luminances, whatever its mode and size; what cannot be used is refused with a reason."""

from __future__ import annotations

import io
import warnings

import numpy as np

from toolkit.core.errors import DataError
from toolkit.data.reader import Reader

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
MOST_BYTES = 16 << 20
MOST_PIXELS = 1 << 25  # of the file
MOST_SIDE = 400  # of the matrix
LEAST_SIDE = 4
RED_GREEN_BLUE = np.array([0.299, 0.587, 0.114])


def luminance(pixels: np.ndarray) -> np.ndarray:
    """0.299 R + 0.587 G + 0.114 B of bytes, from 0 to 1."""
    return pixels @ RED_GREEN_BLUE / 255


class Images(Reader):
    """Photographs as luminances (rows, columns) from 0 to 1, at most 400 a side."""

    endings = ENDINGS
    most = MOST_BYTES
    by_name = True

    def made(self, name: str, data: bytes) -> np.ndarray:
        return pixels(name, data)


IMAGE = Images()


def pixels(name: str, data: bytes) -> np.ndarray:
    """Luminances (rows, columns) from 0 to 1, at most 400 a side."""
    if not data or len(data) > MOST_BYTES:
        raise DataError(f"{name}: {len(data)} bytes; expected an image of 1 to {MOST_BYTES}.")
    try:
        from PIL import Image
    except ImportError:
        raise DataError("Photographs are read by Pillow: install pillow.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of images that unpack to much more than they are
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise DataError(f"{name}: {width} × {height} pixels; expected at most {MOST_PIXELS} in all.")
            if min(width, height) < LEAST_SIDE:
                raise DataError(f"{name}: {width} × {height} pixels; expected at least {LEAST_SIDE} a side.")
            grey = shades(image)
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise what they like on a damaged file
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        why = "no image format is recognised" if " object at 0x" in why else why
        raise DataError(f"{name}: it cannot be read as an image ({why}); expected {', '.join(FORMATS)}.") from None
    if not np.all(np.isfinite(grey)):
        raise DataError(f"{name}: pixels that are NaN or infinite; expected finite ones.")
    thin = thinned(grey)
    if min(thin.shape) < LEAST_SIDE:
        width, height = image.size
        raise DataError(f"{name}: {width} × {height} pixels are too narrow to be shrunk to {MOST_SIDE} a side.")
    return thin


def shades(image) -> np.ndarray:
    """Grey from 0 to 1 of an image of any mode: transparency on white, more than eight bits over their range."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image, dtype=float)
        low, high = (0.0, 65535.0) if image.mode != "F" else (float(values.min()), float(values.max()))
        return (values - low) / ((high - low) or 1.0)
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
