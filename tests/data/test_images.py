"""Photographs of every mode and format: upright, as luminances from 0 to 1; Pillow is the oracle."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.data.images import IMAGE

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")

FILES = Path(__file__).parent / "files"
RAMP = np.add.outer(np.arange(24), 3 * np.arange(16)).astype(np.uint8)
ENDINGS = {"JPEG": "jpg", "PNG": "png", "TIFF": "tif", "WEBP": "webp"}


def encoded(image, kind="PNG", **options) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def tiff(values: np.ndarray, sample: int, photometric: int = 1) -> bytes:
    """An uncompressed grey TIFF: `sample` 1 without a sign, 2 with, 3 real; `photometric` 0: zero is white."""
    order = ">" if values.dtype.str.startswith(">") else "<"
    data, (rows, columns) = values.tobytes(), values.shape
    short, long = 3, 4
    tags = [(256, long, columns), (257, long, rows), (258, short, 8 * values.itemsize), (259, short, 1)]
    tags += [(262, short, photometric), (273, long, 8), (277, short, 1), (278, long, rows), (279, long, len(data))]
    tags += [(339, short, sample)]
    table = struct.pack(f"{order}H", len(tags))
    for tag, kind, value in tags:
        field = struct.pack(f"{order}I", value) if kind == long else struct.pack(f"{order}HH", value, 0)
        table += struct.pack(f"{order}HHI", tag, kind, 1) + field
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data))
    return head + data + table + struct.pack(f"{order}I", 0)


def test_an_upright_photograph_is_upright():
    found = IMAGE.found("upright.jpg", (FILES / "upright.jpg").read_bytes())
    assert found.value.shape == (40, 60)
    assert found.remarks == ("Turned upright, as the camera's EXIF orientation says.",)
    np.testing.assert_allclose(found.value[:, -20:], 1.0, atol=0.02)  # what was the top is on the right
    np.testing.assert_allclose(found.value[:, :-24], 0.0, atol=0.02)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ENDINGS)
def test_orientation_is_honoured_in_every_format_as_pillow_honours_it(kind, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(kind, {})
    data = encoded(Image.fromarray(RAMP), kind, exif=exif, **lossless)
    oracle = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("L")) / 255
    found = IMAGE.found(f"a.{ENDINGS[kind]}", data)
    np.testing.assert_allclose(found.value, oracle, atol=1.5 / 255)
    assert bool(found.remarks) == (orientation > 1)


def test_exif_that_is_damaged_does_not_spoil_the_pixels():
    exif = Image.Exif()
    exif[274] = 6
    data = encoded(Image.fromarray(RAMP), "JPEG", exif=exif)
    at = data.index(b"Exif")
    assert IMAGE.made("a.jpg", data[: at + 6] + b"\xff" * 12 + data[at + 18 :]).shape in ((24, 16), (16, 24))


DEEP = {
    "32 bits": ((RAMP * 2e7).astype("<i4"), 2, RAMP / RAMP.max()),
    "32 bits from the other end": ((RAMP * 2e7).astype(">i4"), 2, RAMP / RAMP.max()),
    "32 bits without a sign": ((RAMP * 6e7).astype("<u4"), 1, RAMP / RAMP.max()),
    "16 bits": ((RAMP.astype(int) * 500).astype("<u2"), 1, RAMP * 500.0 / 65535),
    "16 bits from the other end": ((RAMP.astype(int) * 500).astype(">u2"), 1, RAMP * 500.0 / 65535),
    "16 bits with a sign": ((RAMP.astype(int) * 500 - 20_000).astype("<i2"), 2, RAMP / RAMP.max()),
    "single precision": (RAMP.astype("<f4") - 7, 3, RAMP / RAMP.max()),
}


@pytest.mark.parametrize("case", DEEP)
def test_numbers_of_any_depth_become_luminances_from_0_to_1(case):
    values, sample, expected = DEEP[case]
    found = IMAGE.found("a.tif", tiff(values, sample))
    np.testing.assert_allclose(found.value, expected, atol=1e-6)
    assert any("least became 0" in one for one in found.remarks) == (
        case not in ("16 bits", "16 bits from the other end")
    )


def test_a_tiff_of_whole_numbers_of_32_bits_as_pillow_writes_it_ends_at_1():
    values = (np.linspace(0, 1, 40) * np.ones((60, 1)) * 2e9).astype(np.int32)
    found = IMAGE.made("a.tif", encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_allclose(found, values / values.max(), atol=1e-9)


@pytest.mark.parametrize("values", [RAMP, (RAMP.astype(int) * 500).astype("<u2")], ids=("8 bits", "16 bits"))
def test_where_zero_is_white_it_is_white(values):
    most = np.iinfo(values.dtype).max
    np.testing.assert_allclose(IMAGE.made("a.tif", tiff(values, 1, photometric=0)), 1 - values / most)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16")),
    st.sampled_from(("PNG", "TIFF")),
    st.integers(4, 30),
    st.integers(4, 30),
    st.integers(0, 1000),
)
def test_a_lossless_image_that_pillow_writes_is_read_as_its_luminance(mode, kind, rows, columns, seed):
    """0.299 R + 0.587 G + 0.114 B of what Pillow makes of it, on white where it is transparent."""
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3)).astype(np.uint8)
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(pixels).convert("L" if mode in ("LA", "PA") else "RGB").convert(mode)
    try:
        data = encoded(image, kind)
    except OSError:  # a mode that this format does not hold
        return
    found = IMAGE.made("a.tif" if kind == "TIFF" else "a.png", data)
    if mode == "I;16":
        np.testing.assert_allclose(found, pixels[..., 0] / 255, atol=1e-12)
        return
    colour = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)
    np.testing.assert_allclose(found, colour @ [0.299, 0.587, 0.114] / 255, atol=1e-12)


def test_transparency_of_a_palette_stands_on_white():
    image = Image.fromarray(RAMP).convert("P")
    data = encoded(image, "PNG", transparency=bytes([0] * 128 + [255] * 128))
    indices = np.asarray(image)
    grey = np.asarray(image.convert("L")) / 255
    np.testing.assert_allclose(IMAGE.made("a.png", data), np.where(indices < 128, 1.0, grey), atol=1 / 255)


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_of_several_frames_the_first_is_read_and_that_is_said(kind):
    frames = [Image.fromarray(RAMP), Image.fromarray(255 - RAMP)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    found = IMAGE.found(f"a.{kind.lower()}", data)
    np.testing.assert_allclose(found.value, RAMP / 255, atol=1.5 / 255)
    assert found.remarks == ("The first of 2 frames was read.",)


@pytest.mark.parametrize(
    "name, data, words",
    [
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(99), "it is a HEIC photograph; expected an image"),
        ("a.png", b"%PDF-1.7 " + bytes(99), "it is a PDF document; expected an image"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it is an SVG drawing"),
        ("a.svg", b"<?xml version='1.0'?>\n<svg/>", "it is an SVG drawing"),
        ("a.png", b"%%MatrixMarket matrix array real general\n1 1\n1\n", "it is a Matrix Market file"),
        ("a.tif", tiff(RAMP.astype("<f8"), 3), "a TIFF image damaged or of a kind that Pillow does not have"),
    ],
)
def test_what_is_refused_is_called_what_it_is(name, data, words):
    with pytest.raises(tk.DataError) as refusal:
        IMAGE.accept(name, data)
    message = str(refusal.value)
    assert message.startswith(f"{name}: ") and words in message
    assert "save it as PNG" in message or "Matrix Market" in message


def test_an_image_under_another_ending_is_known_by_its_content(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path))
    assert IMAGE.read(IMAGE.accept("photo.jfif", encoded(Image.fromarray(RAMP), "JPEG"))).shape == (24, 16)
