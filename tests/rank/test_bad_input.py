"""Bad input to the rank lab: one clear error that names the file or knob, the value and what is expected."""

import io
import struct
import zlib

import numpy as np
import pytest
from given import GivenTensor, looked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import toolkit as tk
from toolkit.core.knob import knobs
from toolkit.data.images import ENDINGS
from toolkit.data.tables import FIELDS
from toolkit.rank.interpolation.problems import SnapshotFile
from toolkit.rank.matrices.lowrank import TruncatedSVD
from toolkit.rank.matrices.problems import OwnPhotograph
from toolkit.rank.tensors.multilinear import kruskal_limit
from toolkit.rank.tensors.problems import PlantedTensor, SymmetricTensor

Image = pytest.importorskip("PIL.Image")
LAB = tk.lab("rank")
FEW = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16")
FORMATS = {"PNG": "png", "JPEG": "jpg", "BMP": "bmp", "GIF": "gif", "TIFF": "tif", "WEBP": "webp"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path))
    return tmp_path


def told(error, *words):
    """One line, a sentence that says what is expected."""
    text = str(error.value if hasattr(error, "value") else error)
    assert "\n" not in text and len(text) < 400 and all(word in text for word in words), text


# -- knobs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [*LAB.problems().values(), *LAB.methods().values()], ids=lambda cls: cls.slug())
def test_every_number_refuses_nan_text_and_what_is_beyond_its_range(cls):
    for name, one in knobs(cls).items():
        bad = []
        if one.kind in (int, float) and one.family is None:
            bad = [float("nan"), "3", [1], *(b for b in (one.low, one.high) if b is not None)]
            bad[3:] = [v + (-1 if v == one.low else 1) for v in bad[3:]]
        elif one.choices:
            bad = ["none of these", None]
        for value in bad:
            if value is None and one.optional:
                continue
            with pytest.raises(tk.KnobError) as error:
                cls(**{name: value})
            told(error, f"{cls.__name__}.{name}", "expected")


@pytest.mark.parametrize("n, order", [(2, 3), (3, 3), (5, 3), (3, 4), (2, 5)])
def test_more_components_than_kruskal_allows_are_refused(n, order):
    most = kruskal_limit((n,) * order)
    assert PlantedTensor(n=n, order=order, rank=most).data.shape == (n,) * order
    with pytest.raises(tk.KnobError) as error:
        PlantedTensor(n=n, order=order, rank=most + 1)
    told(error, f"PlantedTensor.rank = {most + 1}", f"at most {most}", "Kruskal")


@pytest.mark.parametrize("d", [2, 3, 5, 10])
def test_more_components_than_the_subspace_allows_are_refused(d):
    most = max(1, d * (d - 1) // 2)
    assert SymmetricTensor(d=d, components=most).weights.shape == (most,)
    with pytest.raises(tk.KnobError) as error:
        SymmetricTensor(d=d, components=most + 1)
    told(error, f"SymmetricTensor.components = {most + 1}", f"at most {most}", "unique")


@pytest.mark.parametrize("structure", ["tucker", "tt"])
def test_a_rank_above_the_dimension_is_refused(structure):
    with pytest.raises(tk.KnobError) as error:
        PlantedTensor(structure=structure, n=5, rank=6)
    told(error, "PlantedTensor.rank = 6", "at most 5", "dimension")


@pytest.mark.parametrize(
    "entries, words",
    [
        (np.empty((0, 3, 2)), "empty"),
        (np.ones(3), "two modes"),
        (np.full((2, 2, 2), np.nan), "8 entries are NaN"),
        (np.ones((2, 2, 2), complex), "real"),
        (np.array([[["a"]]]), "real"),
    ],
    ids=str,
)
def test_what_is_no_tensor_is_refused(entries, words):
    with pytest.raises(tk.DataError) as error:
        GivenTensor(entries).data  # noqa: B018
    told(error, "GivenTensor", words)


@pytest.mark.parametrize("problem", LAB.cases, ids=lambda one: one.slug())
def test_a_method_of_too_high_a_rank_is_refused_or_clipped_but_never_raises(problem):
    """`suits` says why not, or the run ends in words."""
    for cls in LAB.methods().values():
        high = {name: one.high for name, one in knobs(cls).items() if name == "rank" and one.high}
        if not high or not cls().problems or not isinstance(problem, cls().problems):
            continue
        method = cls(**{name: int(value) for name, value in high.items()})
        why = method.suits(problem)
        if not why:
            assert tk.solve(problem, method, tk.Stop(rtol=0.0, steps=1)).status.cause
        else:
            assert len(why) > 10


# -- images -----------------------------------------------------------------------------------------------------------


def encoded(image, kind, **options):
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def written(mode, kind, shape):
    """The bytes of a test image, or None where the format cannot hold the mode."""
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    try:
        image = Image.fromarray(base)
        if mode == "I;16":
            image = Image.fromarray(base[..., 0].astype(np.uint16) * 257)
        elif mode in ("I", "F", "PA"):
            image = image.convert("L").convert(mode)
        elif mode == "LAB":
            image = Image.new("LAB", shape[::-1], (120, 130, 140))
        else:
            image = image.convert(mode)
        return encoded(image, kind)
    except (OSError, ValueError, KeyError):
        return None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", FORMATS)
def test_any_mode_of_any_size_is_a_matrix_or_refused_by_name(mode, kind):
    seen = 0
    for shape in ((1, 1), (1, 9), (3, 4), (4, 4), (7, 5), (5, 31), (4, 1700), (401, 5)):
        data, name = written(mode, kind, shape), f"mine.{FORMATS[kind]}"
        if data is None:
            continue
        try:
            problem = OwnPhotograph(source=OwnPhotograph.accept_upload("source", name, data))
        except tk.DataError as error:
            told(error, name, "expected" if "narrow" not in str(error) else "shrunk")
            assert min(shape) < 4 or max(shape) > 400, (shape, str(error))
            continue
        grey, seen = problem.matrix, seen + 1
        assert grey.ndim == 2 and max(grey.shape) <= 400 and min(grey.shape) >= 4 and np.isfinite(grey).all()
        assert grey.min() >= 0 and grey.max() <= 1
        looked(problem, TruncatedSVD(most=4), 4, LAB.pictures)
    assert seen >= 3 or written(mode, kind, (7, 5)) is None


def test_single_precision_images_are_read_over_their_range():
    values = np.linspace(-3.0, 5.0, 48, dtype=np.float32).reshape(6, 8)
    name = OwnPhotograph.accept_upload("source", "mine.tif", encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_allclose(OwnPhotograph(source=name).matrix, (values + 3) / 8, atol=1e-7)
    values[2, 3] = np.nan
    with pytest.raises(tk.DataError) as error:
        OwnPhotograph.accept_upload("source", "mine.tif", encoded(Image.fromarray(values), "TIFF"))
    told(error, "mine.tif", "finite")


@pytest.mark.parametrize("kind", FORMATS)
@FEW
@given(cut=st.floats(0.0, 0.99), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), max_size=6))
def test_truncated_and_damaged_images_are_refused_by_name_or_read(kind, cut, flips):
    whole = bytearray(written("RGB", kind, (24, 31)))
    for place, mask in flips:
        whole[int(place * len(whole))] ^= mask
    data = bytes(whole[: int(cut * len(whole))] if cut < 0.9 or not flips else whole)
    try:
        name = OwnPhotograph.accept_upload("source", f"mine.{FORMATS[kind]}", data)
        assert np.isfinite(OwnPhotograph(source=name).matrix).all()
    except tk.DataError as error:
        told(error, f"mine.{FORMATS[kind]}", "expected")


def test_a_small_file_that_unpacks_to_a_huge_image_is_refused():
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    with pytest.raises(tk.DataError) as error:
        OwnPhotograph.accept_upload("source", "bomb.png", bomb)
    told(error, "bomb.png", "expected")


@pytest.mark.parametrize("name", ["photo.svg", "photo", "photo.png.txt", ""])
def test_other_endings_are_refused(name):
    with pytest.raises(tk.DataError) as error:
        OwnPhotograph.accept_upload("source", name, b"x")
    told(error, name, *ENDINGS)


# -- snapshots --------------------------------------------------------------------------------------------------------


def stored(array, kind):
    target = io.BytesIO()
    if kind == "csv":
        np.savetxt(target, np.atleast_2d(array) if array.ndim < 3 else array.reshape(len(array), -1), delimiter=",")
    else:
        np.save(target, array) if kind == "npy" else np.savez_compressed(target, array)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
@pytest.mark.parametrize(
    "array, words",
    [
        (np.empty((0, 5)), "expected"),
        (np.empty((5, 0)), "expected"),
        (np.arange(6.0), "expected"),
        (np.array(3.0), "expected"),
        (np.array([[1.0, 2.0], [np.nan, 4.0]]), "field 2, point 1 is nan"),
        (np.array([[1.0, np.inf], [3.0, 4.0]]), "field 1, point 2 is inf"),
        (np.zeros((4, 4)), "zero"),
        (np.ones((2001, 2)), "at most 2000"),
    ],
    ids=lambda one: str(getattr(one, "shape", one)),
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_snapshots_of_the_wrong_shape_or_with_nan_are_refused(kind, array, words):
    with pytest.raises(tk.DataError) as error:
        SnapshotFile.accept_upload("source", f"mine.{kind}", stored(array, kind))
    told(error, f"mine.{kind}", "expected", words)


@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
@FEW
@given(cut=st.floats(0.0, 0.999), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), max_size=4))
@pytest.mark.filterwarnings("ignore")
def test_truncated_and_damaged_snapshots_are_refused_by_name_or_read(kind, cut, flips):
    whole = bytearray(stored(np.random.default_rng(0).standard_normal((6, 5)), kind))
    for place, mask in flips:
        whole[int(place * len(whole))] ^= mask
    data = bytes(whole[: int(cut * len(whole))] if cut < 0.9 or not flips else whole)
    try:
        found = FIELDS.made("mine", data)
        assert found.ndim == 2 and np.isfinite(found).all()
    except tk.DataError as error:
        told(error, "mine", "expected")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "nowhere.npy",
        "/",
        "upload:",
        "upload:zz",
        "upload:" + "0" * 64,
        "a\0b.npy",
        "a\0b.png",
        "~nobody-here/a.png",
    ],
)
@pytest.mark.parametrize("cls", [SnapshotFile, OwnPhotograph], ids=lambda cls: cls.slug())
def test_files_that_are_not_there_are_refused(cls, source):
    if cls is OwnPhotograph and not source:
        return  # a picture of its own
    with pytest.raises(tk.DataError) as error:
        cls(source=source)
    told(error)


def test_a_folder_or_a_device_is_not_read(folder):
    (folder / "folder.png").mkdir()
    (folder / "endless.npy").symlink_to("/dev/zero")
    (folder / "endless.png").symlink_to("/dev/zero")
    for cls, name in ((OwnPhotograph, "folder.png"), (OwnPhotograph, "endless.png"), (SnapshotFile, "endless.npy")):
        with pytest.raises(tk.DataError) as error:
            cls(source=str(folder / name))
        told(error, name, "it is not a file", "expected")
