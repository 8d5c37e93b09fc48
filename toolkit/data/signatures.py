"""What a file is by its first bytes, so that one of the wrong kind is refused by its name: "it is a PNG image"."""

from __future__ import annotations

import io
import zipfile

# (kind, what it is in words, the bytes it begins with)
_BEGINNINGS = (
    ("image", "a PNG image", b"\x89PNG"),
    ("image", "a JPEG image", b"\xff\xd8\xff"),
    ("image", "a GIF image", b"GIF8"),
    ("image", "a TIFF image", b"II*\0"),
    ("image", "a TIFF image", b"MM\0*"),
    ("photoshop", "a Photoshop file", b"8BPS"),
    ("pdf", "a PDF document", b"%PDF"),
    ("npy", "a NumPy array", b"\x93NUMPY"),
    ("hdf", "an HDF5 file (as of MATLAB 7.3)", b"\x89HDF"),
    ("matlab", "a MATLAB file", b"MATLAB 5.0"),
    ("parquet", "a Parquet table", b"PAR1"),
    ("office", "an old Office document", b"\xd0\xcf\x11\xe0"),
    ("gzip", "a gzip file", b"\x1f\x8b"),
    ("packed", "a bzip2 file", b"BZh"),
    ("packed", "an xz file", b"\xfd7zXZ"),
    ("packed", "a 7z archive", b"7z\xbc\xaf"),
)
# (kind, words, how the text begins, in small letters)
_TEXTS = (
    ("matrix", "a Matrix Market file", ("%%matrixmarket", "%matrixmarket")),
    ("msh", "a gmsh mesh", ("$meshformat", "$comments", "$nod\n", "$nod\r")),
    ("vtk", "a legacy VTK file", ("# vtk datafile",)),
    ("vtu", "a VTK file", ("<vtkfile", "<?xml version")),
    ("ply", "a PLY mesh", ("ply\n", "ply\r")),
    ("stl", "an STL mesh", ("solid ",)),
    ("web", "a web page, not the file it links to", ("<!doctype html", "<html")),
    ("svg", "an SVG drawing", ("<svg",)),
)
_PHOTOGRAPHS = {b"heic": "a HEIC photograph", b"heix": "a HEIC photograph", b"mif1": "a HEIF photograph"}
_PHOTOGRAPHS[b"avif"] = "an AVIF image"


def signature(data: bytes) -> tuple[str, str]:
    """(kind, what it is in words) of the bytes of a file; empty where the first bytes do not say."""
    for kind, words, start in _BEGINNINGS:
        if data.startswith(start):
            return kind, words
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image", "a WebP image"
    if data[:2] == b"BM" and int.from_bytes(data[2:6], "little") == len(data):
        return "image", "a BMP image"
    if data[4:8] == b"ftyp":
        return "photograph", _PHOTOGRAPHS.get(data[8:12], "a film or a photograph of a phone")
    if data[:4] == b"PK\x03\x04":
        return _archive(data)
    if data[257:262] == b"ustar":
        return "tar", "a tar archive"
    return _text(data)


def _archive(data: bytes) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()[:1000]
    except Exception:  # whoever reads it will say what is wrong with it
        return "zip", "a zip archive"
    if any(name.endswith(".npy") for name in names):
        return "npz", "NumPy arrays"
    if any(name.startswith("xl/") for name in names):
        return "office", "an Excel sheet"
    return ("office", "an Office document") if "mimetype" in names else ("zip", "a zip archive")


def _text(data: bytes) -> tuple[str, str]:
    head = data[:400].decode("latin-1").removeprefix("ï»¿").lstrip().lower()
    for kind, words, starts in _TEXTS:
        if head.startswith(starts):
            if "<svg" in head:
                return "svg", "an SVG drawing"
            return kind, words
    return "", ""
