"""The upload store: bytes are kept once under their digest, under a cap, and what is not there is said in one line."""

import hashlib

import platformdirs
import pytest

import toolkit as tk
from toolkit.data import uploads as uploads_module
from toolkit.data.uploads import contents, store, uploads

DATA = b"some bytes"
NAME = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path / "uploads"))
    return tmp_path / "uploads"


def read(source, most=100):
    return contents(source, (".a", ".b"), most)


def test_the_same_bytes_are_kept_once_and_read_back(folder):
    assert store("a.a", DATA) == store("b.b", DATA) == f"upload:{NAME}"
    assert uploads() == folder and [one.name for one in folder.iterdir()] == [NAME]
    assert read(f"upload:{NAME}") == DATA


def test_the_store_forgets_the_oldest(folder, monkeypatch):
    monkeypatch.setattr(uploads_module, "STORE_BYTES", 30)
    values = [store("a.a", b"some bytes %d" % i) for i in range(6)]
    assert 1 <= len(list(folder.iterdir())) <= 2
    assert read(values[-1]) == b"some bytes 5"


def test_a_damaged_store_is_noticed(folder):
    value = store("a.a", DATA)
    (folder / NAME).write_bytes(b"other bytes")
    with pytest.raises(tk.DataError, match="not on this machine any more: upload it again"):
        read(value)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TOOLKIT_UPLOADS", str(tmp_path / "file" / "uploads"))
    with pytest.raises(tk.DataError, match=r"a\.a: it cannot be kept in .*set TOOLKIT_UPLOADS"):
        store("a.a", DATA)


def test_without_a_wish_it_is_the_users_cache_and_what_lay_in_the_former_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.delenv("TOOLKIT_UPLOADS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert uploads() == platformdirs.user_cache_path("convergence-toolkit", appauthor=False) / "uploads"
    monkeypatch.setattr(uploads_module, "user_cache_path", lambda *_, **__: tmp_path / "elsewhere")
    former = tmp_path / "cache" / "convergence-toolkit" / "uploads"
    former.mkdir(parents=True)
    (former / NAME).write_bytes(DATA)
    assert uploads() == tmp_path / "elsewhere" / "uploads" and read(f"upload:{NAME}") == DATA


@pytest.mark.parametrize(
    "source, words",
    [
        ("no-such-file.a", "no-such-file.a: there is no such file"),
        ("", "it is not a file"),
        ("/", "it is not a file but a folder or a device; expected .a, .b"),
        ("/dev/zero", "it is not a file"),
        ("nul\0byte.a", "byte.a"),
        ("two\nlines.a", "lines.a"),
        ("~nobody-here/a.a", "it cannot be read"),
        ("upload:", "64 digits"),
        ("upload:../../etc/passwd", "64 digits"),
        ("upload:" + "0" * 64, "upload 00000000…: this file is not on this machine any more: upload it again"),
    ],
)
def test_sources_that_lead_nowhere_are_told_in_one_line(folder, source, words):
    with pytest.raises(tk.DataError) as refusal:
        read(source)
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_more_bytes_than_asked_for_are_not_read(folder, tmp_path):
    (tmp_path / "big.a").write_bytes(bytes(3 << 20))
    for source in (str(tmp_path / "big.a"), store("big.a", bytes(3 << 20))):
        with pytest.raises(tk.DataError, match=r": 3.0 MB; the limit is 1 MB"):
            read(source, 1 << 20)
